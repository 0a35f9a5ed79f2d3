//! `facevault detect`

use std::io::Cursor;
use std::path::{Path, PathBuf};

use clap::Args;
use facevault::vision::Turn;
use facevault::wire::FaceAnswer;
use facevault::{Detection, Engine};
use facevault::{Error, ErrorKind, ImageReport};
use image::ImageFormat;
use serde_json::{Value, json};

use super::Outcome;
use crate::context::Context;
use crate::failure::{Failure, WithPhotos};
use crate::output::{self, Listing};
use crate::{draw, photo};

const EXAMPLES: &str = "\
Examples:
  facevault detect group.jpg
  facevault detect group.jpg --draw group-faces.png
  facevault detect *.jpg --json | jq '.data[] | {file, faces: (.faces | length)}'";

/// Find the faces of photos
///
/// Prints each face with its score and its box, in pixels of the upright picture, best first.
/// --draw writes the picture with boxes, landmarks, the numbers of the list and the scores drawn
/// on it. A picture without a face is no error.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The photos; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    photos: Vec<PathBuf>,

    /// Write one photo with its faces drawn on it: .png, .jpg, .bmp, .webp or .tiff
    #[arg(long, value_name = "FILE")]
    draw: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let format = arguments.draw.as_deref().map(picture_format).transpose()?;
    if arguments.draw.is_some() && arguments.photos.len() != 1 {
        return Err(Error::new(ErrorKind::Invalid, "--draw takes one photo").into());
    }
    let images = photo::read_all(&arguments.photos, &context.limits())?;
    let engine = context.engine()?;
    let mut found: Vec<(&Path, Detection)> = Vec::new();
    let mut reports = Vec::new();
    for (index, (path, image)) in arguments.photos.iter().zip(&images).enumerate() {
        match engine.detect(image) {
            Ok(detection) => {
                found.push((path, detection));
                reports.push(ImageReport::new(index, None));
            }
            Err(error) if error.kind() == ErrorKind::Refused => {
                let refusal = error.images().first().and_then(|image| image.refusal.clone());
                reports.push(ImageReport::new(index, refusal));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let (Some(path), Some(format), Some((_, detection)), Some(image)) =
        (&arguments.draw, format, found.first(), images.first())
    {
        write_drawn(&engine, image, detection, path, format)?;
    }
    print(&found, context)?;
    if reports.iter().any(|report| report.refusal.is_some()) {
        return Err(Error::refused(reports)).with_photos(&arguments.photos);
    }
    Ok(())
}

fn print(found: &[(&Path, Detection)], context: &Context) -> Outcome {
    let data: Vec<Value> = found
        .iter()
        .map(|(path, detection)| {
            let faces: Vec<_> = detection.faces.iter().map(FaceAnswer::new).collect();
            json!({
                "file": output::path(path),
                "width": detection.width,
                "height": detection.height,
                "turned": detection.turned,
                "faces": faces,
            })
        })
        .collect();
    context.output.answer(&data, |text| {
        for (path, Detection { width, height, turned, faces, .. }) in found {
            let count = match faces.len() {
                0 => "no face".to_owned(),
                1 => "1 face".to_owned(),
                many => format!("{many} faces"),
            };
            let turned =
                if *turned == Turn::None { String::new() } else { format!("  turned by {} degrees", turned.degrees()) };
            text.heading(format!("{}  {width} x {height}{turned}  {count}", path.display()))?;
            let mut listing =
                Listing::new(&["FACE", "SCORE", "LEFT", "TOP", "WIDTH", "HEIGHT"]).numbers(&[0, 1, 2, 3, 4, 5]);
            for (i, face) in faces.iter().enumerate() {
                let sides = [face.bounds.x, face.bounds.y, face.bounds.width, face.bounds.height];
                let numbers = [(i + 1).to_string(), format!("{:.3}", face.score)];
                listing.row(numbers.into_iter().chain(sides.map(|side| format!("{side:.0}"))));
            }
            if !listing.is_empty() {
                text.listing(&listing, "")?;
            }
        }
        Ok(())
    })
}

fn write_drawn(
    engine: &Engine,
    image: &[u8],
    detection: &Detection,
    path: &Path,
    format: ImageFormat,
) -> Result<(), Failure> {
    let refused = |refusal| Error::refused(vec![ImageReport::new(0, Some(refusal))]);
    let picture = engine.decode(image).map_err(refused)?;
    let mut picture = detection.turned.apply(&picture).unwrap_or(picture);
    draw::faces(&mut picture, &detection.faces);
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot make {}: {error}", path.display())).caused_by(error)
    })?;
    Ok(photo::write_private(path, bytes.get_ref())?)
}

/// The format that a file's name asks for.
fn picture_format(path: &Path) -> Result<ImageFormat, Error> {
    const WRITTEN: [ImageFormat; 5] =
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Tiff];
    ImageFormat::from_path(path).ok().filter(|format| WRITTEN.contains(format)).ok_or_else(|| {
        let message = format!("--draw writes .png, .jpg, .bmp, .webp or .tiff, not {}", path.display());
        Error::new(ErrorKind::Invalid, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_format() {
        for (name, format) in [
            ("a.png", Some(ImageFormat::Png)),
            ("b/a.JPG", Some(ImageFormat::Jpeg)),
            ("a.gif", None),
            ("png", None),
            ("a.txt", None),
        ] {
            assert_eq!(picture_format(Path::new(name)).ok(), format, "{name}");
        }
    }
}

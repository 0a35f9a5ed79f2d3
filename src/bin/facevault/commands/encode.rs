//! `facevault encode`

use std::path::PathBuf;

use clap::Args;
use facevault::EncodedFace;
use facevault::wire::EncodedFaceAnswer;
use facevault::{Error, ImageBytes, ImageReport, Progress, Refusal, Step};
use serde_json::{Value, json};

use super::Outcome;
use crate::context::Context;
use crate::failure::{Failure, WithPhotos};
use crate::output::{self, Listing};
use crate::photo;
use crate::progress::Shown;

const EXAMPLES: &str = "\
Examples:
  facevault encode ada.jpg
  facevault encode *.jpg --json | jq -r '.data[] | select(.status == \"ok\") | .encoding'
  facevault encode ada.jpg --json | jq -r '.data[0].encoding' | base64 -d | od -f | head -2";

/// Compute the face encodings of photos
///
/// A photo must show one face, or one that dominates, and the face must be good enough; a photo
/// that is refused does not stop the others, and the exit code is then 1. With --json an encoding
/// is base64 of little-endian 32-bit floats, as the network gives them. Encodings of different
/// models cannot be compared: `model` says what made them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The photos; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    photos: Vec<PathBuf>,
}

type Encoded = Result<EncodedFace, Refusal>;

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let limits = context.limits();
    let engine = context.engine()?;
    let mut shown = Shown::bar(&context.output);
    let mut outcomes: Vec<Encoded> = Vec::with_capacity(arguments.photos.len());
    // A few at a time, so that memory does not grow with the number of photos.
    for group in arguments.photos.chunks(4 * engine.threads().max(1)) {
        if shown.report(Step::items("encoding photos", outcomes.len(), arguments.photos.len())).is_break() {
            break;
        }
        let images = photo::read_all(group, &limits)?;
        let photos: Vec<&[u8]> = images.iter().map(ImageBytes::as_slice).collect();
        outcomes.extend(engine.encode_all(&photos)?);
    }
    drop(shown);
    print(arguments, &outcomes, context)?;
    if outcomes.len() < arguments.photos.len() {
        let done = format!("interrupted after {} of {} photos", outcomes.len(), arguments.photos.len());
        return Err(Failure::Interrupted(done));
    }
    let reports: Vec<ImageReport> = outcomes
        .iter()
        .enumerate()
        .map(|(index, outcome)| ImageReport::new(index, outcome.as_ref().err().cloned()))
        .collect();
    if reports.iter().any(|report| report.refusal.is_some()) {
        let refused = reports.into_iter().filter(|report| report.refusal.is_some()).collect();
        return Err(Error::refused(refused)).with_photos(&arguments.photos);
    }
    Ok(())
}

fn print(arguments: &Arguments, outcomes: &[Encoded], context: &Context) -> Outcome {
    let named = || arguments.photos.iter().zip(outcomes);
    let data: Vec<Value> = named()
        .map(|(path, outcome)| {
            let mut answer = json!(EncodedFaceAnswer::new(outcome));
            answer["file"] = json!(output::path(path));
            answer
        })
        .collect();
    context.output.answer(&data, |text| {
        let headings = ["PHOTO", "TURNED BY", "FACE", "SCORE", "COMPONENTS", "MODEL"];
        let mut listing = Listing::new(&headings).numbers(&[1, 2, 3, 4]);
        for (path, outcome) in named() {
            if let Ok(EncodedFace { face, turned, encoding, .. }) = outcome {
                listing.row([
                    path.display().to_string(),
                    turned.degrees().to_string(),
                    format!("{:.0} x {:.0}", face.bounds.width, face.bounds.height),
                    format!("{:.3}", face.score),
                    encoding.dimension().to_string(),
                    encoding.model().to_string(),
                ]);
            }
        }
        if listing.is_empty() { Ok(()) } else { text.listing(&listing, "") }
    })
}

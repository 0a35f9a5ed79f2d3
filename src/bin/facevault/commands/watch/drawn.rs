//! Frames with boxes, the numbers of visits and names drawn on them, as files or as a film.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use facevault::{Engine, Error, ErrorKind, Frame, Result, VisitState};
use image::{ImageFormat, RgbImage};

use super::events::Events;
use super::film::{Film, is_film};
use crate::failure::Failure;
use crate::{draw, photo};

/// What frames are drawn into.
pub(super) struct Drawn {
    into: Into,
    engine: Engine,
}

enum Into {
    /// A folder: `frame-000001.jpg` and so on.
    Folder {
        folder: PathBuf,
        count: u64,
    },
    Film(Film),
}

impl Drawn {
    /// Makes the film, or the folder where there is none.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) where there is something in the folder, or a file of that name.
    pub(super) fn new(path: PathBuf, engine: Engine) -> Result<Self> {
        let into = match is_film(&path) {
            true => Into::Film(Film::new(path)?),
            false => Into::Folder { folder: empty(&path).map(|()| path)?, count: 0 },
        };
        Ok(Self { into, engine })
    }

    /// Writes a frame with the visits that are in view.
    pub(super) fn write(
        &mut self,
        frame: &Frame<'_>,
        visits: &[VisitState],
        events: &Events<'_>,
    ) -> Result<(), Failure> {
        // A damaged frame was reported before.
        let Ok(mut picture) = self.engine.picture(frame) else { return Ok(()) };
        for visit in visits.iter().filter(|visit| visit.is_seen) {
            let name = visit.answer.as_ref().map(|answer| events.said_of(answer));
            let text = [visit.visit.to_string()].into_iter().chain(name).collect::<Vec<_>>().join(" ");
            draw::named(&mut picture, &visit.bounds, &text);
        }
        match &mut self.into {
            Into::Film(film) => Ok(film.add(picture, frame.time())?),
            Into::Folder { folder, count } => {
                *count += 1;
                Ok(write(&folder.join(format!("frame-{count:06}.jpg")), &picture)?)
            }
        }
    }

    /// Completes the film.
    pub(super) fn finish(&mut self) -> Result<()> {
        match &mut self.into {
            Into::Film(film) => film.finish(),
            Into::Folder { .. } => Ok(()),
        }
    }
}

fn write(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot make {}: {error}", path.display())).caused_by(error)
    })?;
    photo::write_private(path, bytes.get_ref())
}

/// Makes the folder, or takes one that is empty, so that the frames of two runs are not mixed.
fn empty(folder: &Path) -> Result<()> {
    let cannot = |error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("cannot make the folder {}: {error}", folder.display())).caused_by(error)
    };
    std::fs::create_dir_all(folder).map_err(cannot)?;
    if std::fs::read_dir(folder).map_err(cannot)?.next().is_some() {
        let message =
            format!("the folder {} is not empty: choose a new or empty folder for the frames", folder.display());
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    Ok(())
}

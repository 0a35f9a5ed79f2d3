//! Frames with boxes, the numbers of visits and names drawn on them, as files.

use std::io::Cursor;
use std::path::PathBuf;

use facevault::{Engine, Error, ErrorKind, Frame, Result, VisitState};
use image::ImageFormat;

use super::events::Events;
use crate::failure::Failure;
use crate::{draw, photo};

/// A folder that frames are written into, as `frame-000001.jpg` and so on.
pub(super) struct Drawn {
    folder: PathBuf,
    engine: Engine,
    count: u64,
}

impl Drawn {
    /// Makes the folder where there is none.
    pub(super) fn new(folder: PathBuf, engine: Engine) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot make the folder {}: {error}", folder.display())).caused_by(error)
        })?;
        Ok(Self { folder, engine, count: 0 })
    }

    /// Writes a frame with the visits that are in view.
    pub(super) fn write(
        &mut self,
        frame: &Frame<'_>,
        visits: &[VisitState],
        events: &Events<'_>,
    ) -> Result<(), Failure> {
        // A frame that is refused has been reported already.
        let Ok(mut picture) = self.engine.picture(frame) else { return Ok(()) };
        for visit in visits.iter().filter(|visit| visit.is_seen) {
            let name = visit.answer.as_ref().map(|answer| events.said_of(answer));
            let text = [visit.visit.to_string()].into_iter().chain(name).collect::<Vec<_>>().join(" ");
            draw::named(&mut picture, &visit.bounds, &text);
        }
        self.count += 1;
        let path = self.folder.join(format!("frame-{:06}.jpg", self.count));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Jpeg).map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot make {}: {error}", path.display())).caused_by(error)
        })?;
        Ok(photo::write_private(&path, bytes.get_ref())?)
    }
}

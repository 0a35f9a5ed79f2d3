//! Small pictures of photos for the page.

use super::report::{Picture, PictureFormat, PicturePair};
use super::{Dataset, Evaluation};
use crate::engine::Engine;
use crate::files;
use crate::statistics::ScoredPair;
use crate::vision::thumbnail;

/// How many photos without an encoding are shown.
const MOST_FAILURES: usize = 20;

/// The pictures that a page shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pictures {
    /// Those of the mated pairs least alike.
    pub lowest_mated: Vec<PicturePair>,
    /// Those of the non-mated pairs most alike.
    pub highest_non_mated: Vec<PicturePair>,
    /// Some photos that gave no encoding, with the reason.
    pub without_encoding: Vec<Picture>,
}

impl Pictures {
    /// The pictures for the page of `evaluation`. `reasons` says of photos, by their place, why they
    /// gave no encoding. A photo that is no picture is shown by its name only.
    #[must_use]
    pub fn of(engine: &Engine, dataset: &Dataset, evaluation: &Evaluation, reasons: &[(usize, String)]) -> Self {
        let pair = |pair: &ScoredPair| PicturePair {
            a: picture(engine, dataset, pair.a, None),
            b: picture(engine, dataset, pair.b, None),
            similarity: pair.similarity,
        };
        Self {
            lowest_mated: evaluation.pairs.lowest_mated.iter().map(pair).collect(),
            highest_non_mated: evaluation.pairs.highest_non_mated.iter().map(pair).collect(),
            without_encoding: (reasons.iter().take(MOST_FAILURES))
                .map(|(place, reason)| picture(engine, dataset, *place, Some(reason)))
                .collect(),
        }
    }
}

fn picture(engine: &Engine, dataset: &Dataset, place: usize, reason: Option<&str>) -> Picture {
    let photo = &dataset.photos[place];
    let name = photo.file_name().unwrap_or(photo.as_os_str()).to_string_lossy().into_owned();
    let caption = Some(match reason {
        Some(reason) => format!("{name}: {reason}"),
        None => name,
    });
    let decoded = files::read(&dataset.root.join(photo)).ok().and_then(|bytes| engine.decode(&bytes).ok());
    let bytes = decoded.and_then(|picture| thumbnail(&picture).ok()).unwrap_or_default();
    Picture { bytes, format: PictureFormat::Jpeg, caption }
}

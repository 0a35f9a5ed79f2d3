//! From image bytes to faces and vectors.

mod align;
mod align_dlib;
mod blocking;
mod buffer_pool;
mod decode;
pub mod detect;
mod drawing;
mod embed;
mod given_box;
mod hog;
mod landmarks;
mod library;
mod library_format;
mod light;
mod liveness;
mod main_face;
mod min_score;
mod network;
mod network_options;
mod onnx_runtime;
mod part;
mod pose;
mod quality;
mod quality_limits;
mod resize;
mod runtime;
mod seek;
mod telemetry;
mod tensor;
#[cfg(any(feature = "evaluation", feature = "http"))]
mod thumbnail;
mod turn;
mod workload;

pub use align::align;
pub use align_dlib::align_points;
#[cfg(feature = "http")]
pub(crate) use decode::stated_pixels;
pub use decode::{DecodeLimits, decode, picture};
pub use detect::{CenterFace, Mmod, Scrfd, Yunet, open_size};
pub(crate) use drawing::{DRAWN_FACE, drawn_crop, drawn_picture};
pub use embed::NetworkEmbedder;
pub use hog::{HogDetector, HogFace};
pub use landmarks::{find_landmarks, find_points};
pub(crate) use liveness::must_show;
pub use liveness::{LivenessModel, LivenessNetworks, liveness_crop};
pub use main_face::{FacePolicy, MainFace, RIVAL, main_face};
pub(crate) use min_score::Sieve;
pub use network::Network;
pub use network_options::{NetworkClock, NetworkOptions};
pub use pose::Pose;
pub use quality::Quality;
pub use quality_limits::QualityLimits;
pub use runtime::{Runtime, RuntimeChoice, RuntimeInfo, RuntimeOptions};
pub use seek::SeekOptions;
pub(crate) use seek::Seeker;
pub use telemetry::disable_runtime_telemetry;
pub use tensor::TensorView;
#[cfg(any(feature = "evaluation", feature = "http"))]
pub use thumbnail::thumbnail;
#[cfg(any(feature = "evaluation", feature = "http"))]
pub(crate) use thumbnail::upright_thumbnail;
pub use turn::Turn;
pub use workload::{TakenOn, Workload};

use image::RgbImage;

use crate::encoding::ModelId;
use crate::error::{Refusal, Result};
use crate::geometry::{Landmarks, Rect};
use crate::spec::EmbedderSpec;

/// One detected face, in pixels of the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Face {
    /// The box; it may reach beyond the picture.
    pub bounds: Rect,
    /// Five points of the face.
    pub landmarks: Landmarks,
    /// The detector's score: 0 to 1 for networks, about 1 for a sure face of the `mmod` detector.
    pub score: f32,
}

/// The crop that an embedder takes: square, as large as its template says.
#[derive(Clone, PartialEq)]
pub struct AlignedFace {
    /// The pixels.
    pub pixels: RgbImage,
}

impl std::fmt::Debug for AlignedFace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AlignedFace({} x {})", self.pixels.width(), self.pixels.height())
    }
}

/// Finds the faces of a picture.
pub trait Detector: Send + Sync {
    /// The faces of an upright picture, highest score first; equal pictures give equal faces.
    ///
    /// # Errors
    /// [`Runtime`](crate::ErrorKind::Runtime) where the network fails.
    fn detect(&self, picture: &RgbImage) -> Result<Vec<Face>>;

    /// The main face of an upright picture, as [`main_face`] chooses it. A detector may first look at the picture at
    /// less than its full resolution and then at the face alone. Which face is chosen must not depend on that, but its
    /// landmarks may differ a little from those of [`Self::detect`].
    ///
    /// # Errors
    /// As for [`Self::detect`]; in the result, the refusal of [`main_face`].
    fn detect_main(&self, picture: &RgbImage, policy: FacePolicy) -> Result<Result<MainFace, Refusal>> {
        Ok(main_face(&self.detect(picture)?, picture.dimensions(), policy))
    }

    /// The faces of a picture at one look, neither reduced nor enlarged. Parts of a large picture, and small pictures,
    /// are searched this way.
    ///
    /// # Errors
    /// As for [`Self::detect`].
    fn glance(&self, picture: &RgbImage) -> Result<Vec<Face>> {
        self.detect(picture)
    }

    /// The face that somebody drew a box around in an upright picture; `None` where the box shows none.
    /// `bounds` has finite numbers, a width and a height above 0, and a part of it lies in the picture.
    ///
    /// By default a detector looks at the square around the box of twice the box's longer side. Of the faces there
    /// whose middle lies in the box, the one that overlaps the box most is taken, if the overlap (intersection over
    /// union, in the picture) is at least 0.2: boxes are drawn by many rules.
    ///
    /// # Errors
    /// As for [`Self::detect`].
    fn detect_at(&self, picture: &RgbImage, bounds: Rect) -> Result<Option<Face>> {
        given_box::find(|part| self.detect(part), self.scope().is_some(), picture, bounds)
    }

    /// The same detector with another side of its first look or another score threshold
    /// ([`SeekOptions::long_side`], [`SeekOptions::min_score`]), sharing its networks. `None` for a detector that
    /// cannot change them: then the engine drops faces with a score below the threshold, and the detector keeps its
    /// side.
    fn with_options(&self, options: &SeekOptions) -> Option<Box<dyn Detector>> {
        let _ = options;
        None
    }

    /// What it can see; `None` for a detector that sees every face of a picture, however small or
    /// turned, at its one look.
    fn scope(&self) -> Option<Scope> {
        None
    }
}

/// What a detector can see, in pixels of its canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Scope {
    /// The shorter side of the smallest face that it hardly misses.
    pub least_face: f32,
    /// The longer side of a picture on the full canvas.
    pub full_side: u32,
    /// How it tells which way up a face is.
    pub upright: Upright,
}

impl Scope {
    /// What a detector can see.
    #[must_use]
    pub fn new(least_face: f32, full_side: u32, upright: Upright) -> Self {
        Self { least_face, full_side, upright }
    }
}

/// How a detector tells which way up a face is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Upright {
    /// By its score: of the four orientations of a face on a small canvas the upright one has the
    /// highest.
    Score {
        /// The longer side of the face on that canvas in pixels.
        face: f32,
        /// At this score or above, no other orientation needs to be looked at.
        enough: f32,
        /// A level face with at least this score at the first look is upright; infinite where turned faces have scores
        /// as high.
        sure: f32,
        /// The largest tilt in degrees at which it lies level.
        level: f32,
    },
    /// It cannot: only the embedder can tell, since it recognises an upright face best.
    Unknown,
}

/// Turns aligned faces into vectors.
pub trait Embedder: Send + Sync {
    /// What it takes and gives.
    fn spec(&self) -> &EmbedderSpec;

    /// What its encodings are marked with.
    fn model(&self) -> ModelId;

    /// One vector of [`EmbedderSpec::dimension`] components a face, in the order of `faces`, as
    /// the network gives it.
    ///
    /// # Errors
    /// [`Runtime`](crate::ErrorKind::Runtime) where the network fails.
    fn embed(&self, faces: &[AlignedFace]) -> Result<Vec<Vec<f32>>>;
}

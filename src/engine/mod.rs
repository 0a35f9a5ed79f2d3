//! The engine: a pack and a runtime made ready, from image bytes to faces, qualities and encodings.
//!
//! An engine is expensive (models, sessions, threads): a process makes one and shares it. It is
//! `Send + Sync`, cloning is cheap, and several vaults may hold it. Idle, it uses no processor.

mod alike;
mod compare;
mod each;
mod encode;
mod film;
mod fuse;
mod given_faces;
mod hog;
mod liveness;
mod open;
mod parts;
mod rewriting;
mod self_test;
mod tables;
mod timing;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use image::RgbImage;
use rayon::ThreadPool;

use crate::comparison::CalibrationTable;
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::liveness::{Liveness, LivenessCheck};
use crate::models::Manifest;
use crate::recognizability::Recognizability;
use crate::setters::setters;
use crate::spec::{EmbedderSpec, EncodingMode, SelfTestValues};
use crate::vision::{
    AlignedFace, DecodeLimits, Detector, Embedder, Face, FacePolicy, NetworkClock, Quality, QualityLimits, RuntimeInfo,
    SeekOptions, Sieve, Turn, Workload,
};

pub(crate) use alike::require_one_person;
pub use compare::CompareOptions;
pub(crate) use compare::encodings;
pub(crate) use film::FilmEngine;
pub(crate) use fuse::fuse;
pub use hog::hog_detector;
pub use liveness::FaceLiveness;
pub(crate) use liveness::{each_shot, require_live};
pub use open::{EngineOptions, PackSource};
pub use parts::EngineParts;
pub use rewriting::{RewritingGain, RewritingStep};
pub use self_test::{NetworkTest, SelfTest, TestOutcome, TestedNetwork};
pub use timing::Timing;

/// Rules for photos: how large they may be, how they are searched, and what their face must be like.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PhotoRules {
    /// How large a photo may be.
    pub decode: DecodeLimits,
    /// How far a picture is searched, and whether it is turned.
    pub seek: SeekOptions,
    /// Which of several faces is chosen.
    pub face: FacePolicy,
    /// How good the face must be.
    pub quality: QualityLimits,
}

setters!(PhotoRules {
    decode: with_decode(DecodeLimits),
    seek: with_seek(SeekOptions),
    face: with_face(FacePolicy),
    quality: with_quality(QualityLimits),
});

/// The faces of a photo.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Detection {
    /// Width of the upright picture in pixels.
    pub width: u32,
    /// Height of the upright picture in pixels.
    pub height: u32,
    /// By how much the photo was turned, beyond its EXIF orientation, to be upright.
    pub turned: Turn,
    /// The faces, highest score first.
    pub faces: Vec<Face>,
}

/// The encoding of a photo's face and what was measured on the way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EncodedFace {
    /// The face, in pixels of the upright picture.
    pub face: Face,
    /// By how much the photo was turned, beyond its EXIF orientation, to be upright.
    pub turned: Turn,
    /// The photo's other faces, largest first, where this one was chosen among several.
    pub others: Vec<Face>,
    /// How good it is.
    pub quality: Quality,
    /// Its encoding.
    pub encoding: FaceEncoding,
    /// How recognisable it is ([`Recognizability::value`]); `None` where that was not measured for
    /// the model.
    pub recognizability: Option<f64>,
    /// Whether the face seems to be live; `None` where that was not asked ([`Engine::with_liveness_check`]).
    pub liveness: Option<Liveness>,
}

/// What is kept of a photo beside its bytes.
pub(crate) struct Enrolled {
    pub(crate) encoded: EncodedFace,
    /// A small JPEG of the upright picture; `None` in builds that cannot write JPEG.
    pub(crate) thumbnail: Option<Vec<u8>>,
}

/// A face of a photo, and its encoding or why it gave none.
pub type FaceOutcome = (Face, Result<EncodedFace, Refusal>);

/// Detects faces and computes face encodings.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    /// The detector as the rules want it; it shares its networks with the inner one.
    detector: Arc<dyn Detector>,
    rules: Arc<PhotoRules>,
    mode: EncodingMode,
    liveness: LivenessCheck,
}

struct Inner {
    name: String,
    detector: Arc<dyn Detector>,
    embedder: Box<dyn Embedder>,
    threads: ThreadPool,
    origin: Origin,
    timing: timing::Clock,
    encoded: AtomicU64,
}

/// What comes with a pack.
#[derive(Default)]
struct Origin {
    manifest: Option<Manifest>,
    runtime: Option<RuntimeInfo>,
    clock: Option<NetworkClock>,
    workload: Workload,
    tables: tables::Tables,
    liveness: liveness::LivenessPart,
    /// What the networks of a host give for the pictures of the self-test.
    self_test: Option<SelfTestValues>,
}

impl Inner {
    /// The detector with what these options ask of it.
    fn detector_for(&self, options: &SeekOptions) -> Arc<dyn Detector> {
        let Some((_, min_score)) = options.of_detector() else { return self.detector.clone() };
        match (self.detector.with_options(options), min_score) {
            (Some(detector), _) => detector.into(),
            (None, Some(min_score)) => Arc::new(Sieve::new(self.detector.clone(), min_score)),
            (None, None) => self.detector.clone(),
        }
    }

    /// Rules for photos with the limits that the pack states.
    fn rules_of_pack(&self, rules: PhotoRules) -> PhotoRules {
        match &self.origin.manifest {
            Some(manifest) => PhotoRules { quality: rules.quality.of_pack(&manifest.limits), ..rules },
            None => rules,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("name", &self.inner.name)
            .field("model", &self.model())
            .field("mode", &self.mode)
            .field("runtime", &self.inner.origin.runtime)
            .finish_non_exhaustive()
    }
}

impl Engine {
    fn assemble(
        name: String,
        detector: Box<dyn Detector>,
        embedder: Box<dyn Embedder>,
        rules: PhotoRules,
        threads: usize,
        origin: Origin,
    ) -> Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("facevault-{i}"))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Runtime, "the engine's threads cannot be started").caused_by(error)
            })?;
        let (timing, encoded) = (timing::Clock::default(), AtomicU64::new(0));
        let inner = Inner { name, detector: detector.into(), embedder, threads, origin, timing, encoded };
        let mode = inner.embedder.spec().mode;
        let (detector, rules) = (inner.detector_for(&rules.seek), Arc::new(inner.rules_of_pack(rules)));
        Ok(Self { inner: Arc::new(inner), detector, rules, mode, liveness: LivenessCheck::default() })
    }

    /// The pack's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What the engine's encodings are marked with.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.inner.embedder.model()
    }

    /// How faces are encoded.
    #[must_use]
    pub fn mode(&self) -> EncodingMode {
        self.mode
    }

    /// The engine's mode where it is not the one that its pack is meant for.
    #[must_use]
    pub fn other_mode(&self) -> Option<EncodingMode> {
        Some(self.mode).filter(|mode| *mode != self.embedder().mode)
    }

    /// The same engine in `mode`, with what was measured of the model in that mode. Both engines share everything else.
    #[must_use]
    pub fn in_mode(&self, mode: EncodingMode) -> Self {
        Self { mode, ..self.clone() }
    }

    /// The same engine with other rules for photos. It shares everything else with this one: networks
    /// and their sessions, threads, timing. So this takes no time, and a program may have an engine for
    /// each purpose, such as one that takes small faces and one for a fixed camera:
    ///
    /// ```no_run
    /// use facevault::vision::SeekOptions;
    /// use facevault::{Engine, EngineOptions, PhotoRules};
    ///
    /// # fn main() -> facevault::Result<()> {
    /// let engine = Engine::open(&EngineOptions::default())?;
    /// let seek = SeekOptions::default().with_turn(false).with_min_face(80.0).with_long_side(320).with_min_score(0.7);
    /// let at_the_door = engine.with_rules(PhotoRules::default().with_seek(seek));
    /// assert_eq!(at_the_door.model(), engine.model());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_rules(&self, rules: PhotoRules) -> Self {
        let detector = self.inner.detector_for(&rules.seek);
        Self { detector, rules: Arc::new(self.inner.rules_of_pack(rules)), ..self.clone() }
    }

    /// The embedder's input, crop and metric.
    #[must_use]
    pub fn embedder(&self) -> &EmbedderSpec {
        self.inner.embedder.spec()
    }

    /// What is wanted of a photo.
    #[must_use]
    pub fn rules(&self) -> &PhotoRules {
        &self.rules
    }

    /// What is in the pack: files, licences, what the networks take and give; `None` for an engine
    /// of the caller's own parts.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.inner.origin.manifest.as_ref()
    }

    /// What really runs; `None` for an engine of the caller's own parts.
    #[must_use]
    pub fn runtime(&self) -> Option<&RuntimeInfo> {
        self.inner.origin.runtime.as_ref()
    }

    /// What the model's similarities mean in the engine's mode, if that was measured. If the engine runs in the other
    /// mode than the pack's and that mode was not measured, this is the table of the pack's mode.
    #[must_use]
    pub fn calibration(&self) -> Option<&CalibrationTable> {
        self.calibration_in(self.mode)
    }

    /// The mode in which the table of [`Self::calibration`] was measured.
    #[must_use]
    pub fn calibration_mode(&self) -> Option<EncodingMode> {
        self.inner.origin.tables.calibration(self.mode).map(|(mode, _)| mode)
    }

    /// As [`Self::calibration`], in this mode.
    pub(crate) fn calibration_in(&self, mode: EncodingMode) -> Option<&CalibrationTable> {
        self.inner.origin.tables.calibration(mode).map(|(_, table)| table)
    }

    /// How recognisable a face must be in the engine's mode, if that was measured for the model; as for
    /// [`Self::calibration`], the pack's mode serves where the other mode was not measured.
    #[must_use]
    pub fn recognizability(&self) -> Option<&Recognizability> {
        self.inner.origin.tables.recognizability(self.mode)
    }

    /// How many photos are worked on at once.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.inner.threads.current_num_threads()
    }

    /// How many sessions of ONNX Runtime the engine's networks have opened, and keep; 0 for an engine of
    /// the caller's own parts. [`Self::open`] opens one for each network; more are opened when photos are worked on at
    /// once, up to [`Self::threads`] plus one for each network.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.inner.origin.clock.as_ref().map_or(0, NetworkClock::sessions)
    }

    /// How many photos went through the embedder since the engine was made.
    #[must_use]
    pub fn encoded(&self) -> u64 {
        self.inner.encoded.load(Ordering::Relaxed)
    }

    /// Where the time went since the engine was made, added up over threads.
    #[must_use]
    pub fn timing(&self) -> Timing {
        let networks = self.inner.origin.clock.iter().map(NetworkClock::total).sum();
        self.inner.timing.read(networks)
    }

    /// The vector of one aligned face, as the embedder gives it.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where the network fails or gives no vector.
    pub fn embed(&self, face: &AlignedFace) -> Result<Vec<f32>> {
        Ok(self.embed_all(std::slice::from_ref(face))?.swap_remove(0))
    }

    /// A vector for each face, in one call of the embedder.
    fn embed_all(&self, faces: &[AlignedFace]) -> Result<Vec<Vec<f32>>> {
        let vectors = self.inner.embedder.embed(faces)?;
        let expected = self.embedder().dimension;
        let wrong = vectors.iter().map(Vec::len).find(|length| *length != expected);
        if vectors.len() == faces.len() && wrong.is_none() {
            return Ok(vectors);
        }
        let found = wrong.unwrap_or(0);
        let message = format!("{}: the embedder gave {found} components, expected {expected}", self.name());
        Err(Error::new(ErrorKind::Runtime, message))
    }

    /// All faces of a picture, highest score first, and the picture itself, turned where its largest
    /// face was not upright.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where the network fails.
    pub fn detect_in<'p>(&self, picture: &'p RgbImage) -> Result<(Cow<'p, RgbImage>, Detection)> {
        let (picture, turned, faces) = self.seeker().all(picture)?;
        let detection = Detection { width: picture.width(), height: picture.height(), turned, faces };
        Ok((picture, detection))
    }
}

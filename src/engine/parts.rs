//! Engines of a host's own networks.

use crate::comparison::CalibrationTable;
use crate::error::{Error, ErrorKind, Result};
use crate::recognizability::Recognizability;
use crate::setters::setters;
use crate::spec::{EncodingMode, SelfTestValues};
use crate::vision::{Detector, Embedder, LivenessModel};

use super::liveness::LivenessPart;
use super::tables::Tables;
use super::{Engine, Origin, PhotoRules};

/// What an engine of a host's own networks is made of ([`Engine::from_parts`]).
#[non_exhaustive]
pub struct EngineParts {
    /// What errors and logs call it.
    pub name: String,
    /// Finds faces. Its landmarks must be of the scheme of the embedder's crop.
    pub detector: Box<dyn Detector>,
    /// Turns crops into vectors, and says what crops it takes, how vectors are compared and which model
    /// they are of: a vault keeps the encodings of different models apart by [`Embedder::model`].
    pub embedder: Box<dyn Embedder>,
    /// What is wanted of a photo.
    pub rules: PhotoRules,
    /// Photos that are worked on at once; 0 for one per processor.
    pub threads: usize,
    /// How faces are encoded; as [`EmbedderSpec::mode`](crate::EmbedderSpec::mode) says where `None`.
    pub mode: Option<EncodingMode>,
    /// What the model's similarities mean in this mode. Without a table thresholds can only be asked for
    /// as a similarity ([`OperatingPoint`](crate::OperatingPoint)).
    pub calibration: Option<CalibrationTable>,
    /// How recognisable a face must be in this mode. Without it every vector is taken.
    pub recognizability: Option<Recognizability>,
    /// Judges whether a face is live. Without it, liveness cannot be asked for.
    pub liveness: Option<Box<dyn LivenessModel>>,
    /// What the networks must give for the pictures of the self-test ([`Engine::self_test_values`]). What is not stated
    /// is not tested.
    pub self_test: Option<SelfTestValues>,
}

impl EngineParts {
    /// A detector and an embedder, with the usual rules for photos, one thread per processor, and nothing
    /// measured.
    #[must_use]
    pub fn new(name: impl Into<String>, detector: Box<dyn Detector>, embedder: Box<dyn Embedder>) -> Self {
        Self {
            name: name.into(),
            detector,
            embedder,
            rules: PhotoRules::default(),
            threads: 0,
            mode: None,
            calibration: None,
            recognizability: None,
            liveness: None,
            self_test: None,
        }
    }
}

setters!(EngineParts {
    rules: with_rules(PhotoRules),
    threads: with_threads(usize),
    mode: with_mode(impl Into<Option<EncodingMode>>),
    calibration: with_calibration(impl Into<Option<CalibrationTable>>),
    recognizability: with_recognizability(impl Into<Option<Recognizability>>),
    liveness: with_liveness(impl Into<Option<Box<dyn LivenessModel>>>),
    self_test: with_self_test(impl Into<Option<SelfTestValues>>),
});

impl std::fmt::Debug for EngineParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineParts")
            .field("name", &self.name)
            .field("model", &self.embedder.model())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine of a host's own detector and embedder, such as networks that run elsewhere. Nothing of
    /// a pack or of ONNX Runtime is needed.
    ///
    /// ```
    /// use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
    /// use facevault::image::RgbImage;
    /// use facevault::vision::{AlignedFace, Detector, Embedder, Face, QualityLimits};
    /// use facevault::{AlignmentTemplate, ColorOrder, EmbedderSpec, Engine, EngineParts, Metric, ModelId, Normalization};
    /// use facevault::PhotoRules;
    ///
    /// /// Takes the middle of every picture for a face.
    /// struct Middle;
    ///
    /// impl Detector for Middle {
    ///     fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
    ///         let (width, height) = (picture.width() as f32, picture.height() as f32);
    ///         let at = |x: f32, y: f32| Point::new(x * width, y * height);
    ///         let points = [at(0.4, 0.4), at(0.6, 0.4), at(0.5, 0.5), at(0.42, 0.6), at(0.58, 0.6)];
    ///         Ok(vec![Face {
    ///             bounds: Rect { x: 0.25 * width, y: 0.25 * height, width: 0.5 * width, height: 0.5 * height },
    ///             landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points },
    ///             score: 1.0,
    ///         }])
    ///     }
    /// }
    ///
    /// /// The mean colour, for a vector.
    /// struct MeanColour(EmbedderSpec);
    ///
    /// impl Embedder for MeanColour {
    ///     fn spec(&self) -> &EmbedderSpec {
    ///         &self.0
    ///     }
    ///
    ///     fn model(&self) -> ModelId {
    ///         // Another one for each network and each way of making its crops.
    ///         ModelId::from_bytes([7; 16])
    ///     }
    ///
    ///     fn embed(&self, faces: &[AlignedFace]) -> facevault::Result<Vec<Vec<f32>>> {
    ///         let sum = |face: &AlignedFace, c: usize| face.pixels.pixels().map(|pixel| f32::from(pixel[c])).sum::<f32>();
    ///         Ok(faces.iter().map(|face| (0..3).map(|c| sum(face, c) / 1e4).collect()).collect())
    ///     }
    /// }
    ///
    /// # fn main() -> facevault::Result<()> {
    /// let template = AlignmentTemplate {
    ///     landmarks: LandmarkScheme::EyesNoseMouth,
    ///     size: 112,
    ///     points: [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]],
    /// };
    /// let pixels = Normalization { color: ColorOrder::Rgb, mean: [0.0; 3], scale: [1.0; 3] };
    /// let embedder = MeanColour(EmbedderSpec::new(pixels, 3, Metric::Cosine, template));
    /// let rules = PhotoRules::default().with_quality(QualityLimits::off());
    /// let parts = EngineParts::new("mean colour", Box::new(Middle), Box::new(embedder)).with_rules(rules);
    /// let engine = Engine::from_parts(parts)?;
    /// let picture = RgbImage::from_pixel(200, 200, facevault::image::Rgb([90, 60, 30]));
    /// let encoded = engine.encode_picture(&picture)?.expect("no limits");
    /// assert_eq!((encoded.encoding.dimension(), encoded.encoding.model()), (3, engine.model()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where `recognizability` is of vectors of another dimension,
    /// [`ErrorKind::Runtime`] where the operating system gives no threads.
    pub fn from_parts(parts: EngineParts) -> Result<Self> {
        let EngineParts { name, detector, embedder, rules, threads, mode, .. } = parts;
        let EngineParts { calibration, recognizability, liveness, self_test, .. } = parts;
        let spec = embedder.spec();
        if let Some(rule) = &recognizability {
            let fits = rule.must_fit(spec.dimension);
            fits.map_err(|error| Error::new(ErrorKind::Invalid, format!("{name}: recognizability: {error}")))?;
        }
        let mode = mode.unwrap_or(spec.mode);
        let tables = Tables::given(spec.mode, mode, calibration, recognizability);
        let liveness = liveness.map_or(LivenessPart::None, |model| LivenessPart::Given(model.into()));
        let origin = Origin { tables, liveness, self_test, ..Origin::default() };
        Ok(Self::assemble(name, detector, embedder, rules, threads, origin)?.in_mode(mode))
    }
}

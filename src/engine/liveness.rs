//! Whether faces are live: the networks that say so, and what is made of it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use rayon::prelude::*;

use crate::error::{Error, ErrorKind, ImageReport, Refusal, Result};
use crate::input::Input;
use crate::liveness::{Liveness, LivenessCheck, LivenessPolicy};
use crate::models::{Home, LivenessPack};
use crate::onnx::rewrite::{RewritingRules, rewrite};
use crate::spec::SelfTestValues;
use crate::vision::{
    Face, LivenessModel, LivenessNetworks, Network, NetworkClock, NetworkOptions, Quality, Runtime, Turn, Workload,
    must_show,
};

use super::open::Parts;
use super::self_test::stated_for_liveness;
use super::timing::Step;
use super::{EncodedFace, Engine, EngineOptions, PackSource};

/// What judges liveness.
#[derive(Default)]
pub(super) enum LivenessPart {
    /// Nothing.
    #[default]
    None,
    /// What the host gave.
    Given(Arc<dyn LivenessModel>),
    /// Networks of a folder.
    Pack(Box<LivenessLoader>),
}

/// Loads liveness networks when they are first needed.
pub(super) struct LivenessLoader {
    home: Home,
    source: PackSource,
    runtime: Runtime,
    threads: usize,
    rewriting: RewritingRules,
    clock: NetworkClock,
    workload: Workload,
    loaded: Mutex<Option<Loaded>>,
}

#[derive(Clone)]
struct Loaded {
    model: Arc<dyn LivenessModel>,
    /// What it gives for the drawn face of the self-test.
    stated: Option<SelfTestValues>,
}

impl LivenessLoader {
    pub(super) fn new(parts: &Parts<'_>, home: &Home, options: &EngineOptions) -> Self {
        Self {
            home: home.clone(),
            source: options.liveness.clone(),
            runtime: parts.runtime.clone(),
            threads: parts.threads,
            rewriting: parts.rewriting.clone(),
            clock: parts.clock.clone(),
            workload: parts.workload.clone(),
            loaded: Mutex::new(None),
        }
    }

    /// The networks. What failed is tried again the next time: somebody may have installed them meanwhile.
    fn get(&self) -> Result<Arc<dyn LivenessModel>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*loaded {
            return Ok(Arc::clone(&found.model));
        }
        Ok(Arc::clone(&loaded.insert(self.load()?).model))
    }

    fn loaded(&self) -> Option<Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn load(&self) -> Result<Loaded> {
        let pack = match &self.source {
            PackSource::Named(name) => LivenessPack::installed(&self.home, name)?,
            PackSource::Folder(folder) => LivenessPack::open_dir(folder)?,
        };
        let networks = pack.networks()?.into_iter().map(|(model, spec, onnx)| {
            let options = NetworkOptions::new(model.file.clone())
                .with_sessions(self.threads)
                .with_clock(self.clock.clone())
                .with_workload(self.workload.clone());
            let network = Network::load(&self.runtime, options, rewrite(&onnx, &self.rewriting)?.onnx)?;
            Ok((network, spec.clone()))
        });
        let networks = networks.collect::<Result<Vec<_>>>()?;
        let model = Arc::new(LivenessNetworks::new(pack.manifest().name.clone(), networks)?);
        Ok(Loaded { model, stated: stated_for_liveness(pack.manifest()) })
    }
}

/// A photo's main face and whether it is live.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FaceLiveness {
    /// The face, in pixels of the upright picture.
    pub face: Face,
    /// By how much the photo was turned, beyond its EXIF orientation, to be upright.
    pub turned: Turn,
    /// How good the face is.
    pub quality: Quality,
    /// What the networks say.
    pub liveness: Liveness,
}

impl Engine {
    /// Whether a face of an upright picture seems to be that of a living person in front of the camera, and not a
    /// picture of one. The networks look at the box and what is around it; landmarks and score of the face are not
    /// used.
    ///
    /// Networks that judge a single picture are weak evidence: the README says what was measured. Look at several
    /// shots ([`Liveness::mean`]), and measure on your own camera (`facevault evaluate --protocol liveness`).
    ///
    /// The first call loads the networks, which takes some tenths of a second.
    ///
    /// ```no_run
    /// use facevault::{Engine, EngineOptions, LivenessCheck};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::open(&EngineOptions::default())?;
    /// let picture = engine.decode(&std::fs::read("door.jpg")?)?;
    /// let (upright, detection) = engine.detect_in(&picture)?;
    /// for face in &detection.faces {
    ///     let liveness = engine.liveness(&upright, face)?;
    ///     println!("{}: {:.3}", LivenessCheck::default().passes(liveness.score), liveness.score);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ModelUnavailable`](ErrorKind::ModelUnavailable) where the networks are not installed: says which command
    /// installs them. [`Invalid`](ErrorKind::Invalid) for a box that lies outside of the picture, has no area, or is
    /// more than four times as large as the picture; [`Runtime`](ErrorKind::Runtime) where a network fails.
    pub fn liveness(&self, picture: &RgbImage, face: &Face) -> Result<Liveness> {
        must_show(picture, face.bounds)?;
        let model = self.loaded_liveness()?;
        let scores = model.judge(picture, face.bounds)?;
        let wrong = scores.iter().any(|score| !(0.0..=1.0).contains(score));
        Liveness::new(scores).filter(|_| !wrong).ok_or_else(|| {
            let message = format!("{}: the liveness model gave no scores from 0 to 1", model.name());
            Error::new(ErrorKind::Runtime, message)
        })
    }

    /// The name of the liveness model, which is loaded if it was not yet.
    ///
    /// # Errors
    /// [`ModelUnavailable`](ErrorKind::ModelUnavailable) where there is none, as for [`Self::liveness`];
    /// [`Runtime`](ErrorKind::Runtime) where the runtime refuses a network.
    pub fn liveness_model(&self) -> Result<String> {
        Ok(self.loaded_liveness()?.name().to_owned())
    }

    /// The main face of each photo or frame and whether it is live, as many at a time as the engine has threads. The face
    /// must be as good as [`Self::rules`] ask for. A refused photo does not stop the others.
    ///
    /// # Errors
    /// As for [`Self::liveness`].
    pub fn liveness_of<T: Sync>(&self, photos: &[T]) -> Result<Vec<Result<FaceLiveness, Refusal>>>
    where
        for<'a> &'a T: Into<Input<'a>>,
    {
        self.loaded_liveness()?;
        let _taken_on = self.inner.origin.workload.take_on(photos.len());
        let work = |photo: &T| self.liveness_of_one(photo.into());
        match photos {
            [photo] => Ok(vec![work(photo)?]),
            _ => self.inner.threads.install(|| photos.par_iter().with_max_len(1).map(work).collect()),
        }
    }

    /// The same engine, which also judges the liveness of each face that it encodes
    /// ([`EncodedFace::liveness`](super::EncodedFace::liveness)), and refuses those that are not live if the check
    /// says so. Each photo is judged by itself. It shares everything else with this one. The verbs of a vault take a
    /// check of their own, which counts instead.
    #[must_use]
    pub fn with_liveness_check(&self, check: LivenessCheck) -> Self {
        Self { liveness: check, ..self.clone() }
    }

    /// The liveness model if it is loaded, and what it must give for the drawn face of the self-test.
    pub(super) fn liveness_at_hand(&self) -> Option<(Arc<dyn LivenessModel>, Option<SelfTestValues>)> {
        match &self.inner.origin.liveness {
            LivenessPart::Given(model) => Some((Arc::clone(model), self.inner.origin.self_test.clone())),
            LivenessPart::Pack(loader) => loader.loaded().map(|found| (found.model, found.stated)),
            LivenessPart::None => None,
        }
    }

    fn loaded_liveness(&self) -> Result<Arc<dyn LivenessModel>> {
        match &self.inner.origin.liveness {
            LivenessPart::Given(model) => Ok(Arc::clone(model)),
            LivenessPart::Pack(loader) => loader.get(),
            LivenessPart::None => {
                let message = format!("{}: the engine was made without a liveness model", self.name());
                Err(Error::new(ErrorKind::ModelUnavailable, message))
            }
        }
    }

    fn liveness_of_one(&self, photo: Input<'_>) -> Result<Result<FaceLiveness, Refusal>> {
        let picture = match self.seen(photo) {
            Ok(picture) => picture,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let sought = self.inner.timing.time(Step::Detect, || self.seeker().main(&picture, self.rules.face))?;
        let sought = match sought {
            Ok(sought) => sought,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let face = sought.main.face;
        let quality = Quality::measure(&sought.picture, &face);
        let limits = &self.rules.quality;
        if let Err(refusal) = limits.check(&quality).and_then(|()| limits.check_score(face.score)) {
            return Ok(Err(refusal));
        }
        let liveness = self.liveness(&sought.picture, &face)?;
        Ok(Ok(FaceLiveness { face, turned: sought.turn, quality, liveness }))
    }

    /// An encoded face with its liveness, if the engine asks for that; refused where it is required and the face is
    /// not live. `picture` gives the upright picture for the face's turn.
    pub(super) fn judged<'p>(
        &self,
        found: Result<EncodedFace, Refusal>,
        picture: impl FnOnce(Turn) -> Cow<'p, RgbImage>,
    ) -> Result<Result<EncodedFace, Refusal>> {
        let encoded = match found {
            Ok(encoded) if self.liveness.is_asked() => encoded,
            found => return Ok(found),
        };
        let liveness = self.liveness(&picture(encoded.turned), &encoded.face)?;
        let checked = self.liveness.check(liveness.score);
        Ok(checked.map(|()| EncodedFace { liveness: Some(liveness), ..encoded }))
    }
}

/// The liveness of several shots of one face, which count together by the mean of their scores; `None` where it is
/// not asked for. `reported` is how many photos the request has: the shots are the first of them.
///
/// # Errors
/// [`Refused`](ErrorKind::Refused), for each of the shots, where it is required and the face is not live;
/// [`Runtime`](ErrorKind::Runtime) where it is asked for and a shot has no score, or they have those of different
/// numbers of networks.
pub(crate) fn require_live(check: &LivenessCheck, shots: &[EncodedFace], reported: usize) -> Result<Option<f64>> {
    if !check.is_asked() {
        return Ok(None);
    }
    let each = shots.iter().map(|shot| shot.liveness.as_ref()).collect::<Option<Vec<_>>>();
    let wrong = || Error::new(ErrorKind::Runtime, "the shots of the face were not all judged by the same networks");
    let mean = each.and_then(Liveness::mean).ok_or_else(wrong)?;
    let Err(refusal) = check.check(mean.score) else { return Ok(Some(mean.score)) };
    let report = |index| ImageReport { index, refusal: (index < shots.len()).then(|| refusal.clone()) };
    Err(Error::refused((0..reported).map(report).collect()))
}

/// How an engine judges each of several shots. Where they are `of_one` person, which is looked at, they count together:
/// each has its score, and none is refused by itself. Else each must pass, or a living person beside the picture of
/// another one would.
pub(crate) fn each_shot(check: &LivenessCheck, of_one: bool) -> LivenessCheck {
    match (check.is_asked(), of_one) {
        (true, true) => check.with_policy(LivenessPolicy::Report),
        (true, false) => *check,
        (false, _) => LivenessCheck::default(),
    }
}

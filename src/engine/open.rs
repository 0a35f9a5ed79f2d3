//! Making a pack and a runtime ready.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::comparison::CalibrationTable;
use crate::error::Result;
use crate::models::{Home, LivenessManifest, Manifest, OptimizedNetwork, Pack, Role, dlib};
use crate::onnx::rewrite::{RewritingRules, rewrite};
use crate::recognizability::Recognizability;
use crate::setters::setters;
use crate::spec::{DetectorKind, EncodingMode};
use crate::vision::detect::GRID;
use crate::vision::{
    CenterFace, Detector, Embedder, Mmod, Network, NetworkClock, NetworkEmbedder, NetworkOptions, Runtime,
    RuntimeChoice, RuntimeOptions, Scrfd, Workload, Yunet, open_size,
};

use super::liveness::{LivenessLoader, LivenessPart};
use super::tables::Tables;
use super::{Engine, Origin, PhotoRules};

/// Where a pack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackSource {
    /// An installed pack's name.
    Named(String),
    /// A folder with a `manifest.toml`.
    Folder(PathBuf),
}

impl Default for PackSource {
    /// The pack `standard`.
    fn default() -> Self {
        Self::Named(Manifest::BUILTIN[0].to_owned())
    }
}

impl From<&str> for PackSource {
    /// An installed pack's name.
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<String> for PackSource {
    /// An installed pack's name.
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

impl From<&Path> for PackSource {
    /// A folder.
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_owned())
    }
}

impl From<PathBuf> for PackSource {
    /// A folder.
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

/// What an engine is made of.
///
/// ```
/// use facevault::{EngineOptions, EncodingMode};
///
/// let options = EngineOptions::default().with_pack("dlib").with_threads(4).with_mode(EncodingMode::Accurate);
/// assert_eq!(options.threads, 4);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// The pack.
    pub pack: PackSource,
    /// The data folder; that of the environment where `None` ([`Home::from_env`]).
    pub home: Option<Home>,
    /// The runtime.
    pub runtime: RuntimeChoice,
    /// Photos that are worked on at once; 0 for one per processor.
    pub threads: usize,
    /// What is wanted of a photo.
    pub rules: PhotoRules,
    /// What the model's similarities mean in the mode that the engine is opened in; where `None`, the
    /// table measured on this machine ([`Home::measured`]), else the pack's if it is of that mode.
    pub calibration: Option<CalibrationTable>,
    /// How recognisable a face must be; found in the same places where `None`. Whether that is asked
    /// of a face at all is one of the rules ([`QualityLimits`](crate::vision::QualityLimits)).
    pub recognizability: Option<Recognizability>,
    /// How faces are encoded; as the pack says where `None`. A vault that notes the mode of the
    /// model's encodings keeps to that one.
    pub mode: Option<EncodingMode>,
    /// How networks are rewritten before they run; all rules unless said otherwise.
    pub rewriting: RewritingRules,
    /// The liveness networks: by default those named `liveness` in the data folder. They are loaded when they are first
    /// needed, so an engine opens without them.
    pub liveness: PackSource,
}

setters!(EngineOptions {
    pack: with_pack(impl Into<PackSource>),
    home: with_home(impl Into<Option<Home>>),
    runtime: with_runtime(RuntimeChoice),
    threads: with_threads(usize),
    rules: with_rules(PhotoRules),
    calibration: with_calibration(impl Into<Option<CalibrationTable>>),
    recognizability: with_recognizability(impl Into<Option<Recognizability>>),
    mode: with_mode(impl Into<Option<EncodingMode>>),
    rewriting: with_rewriting(RewritingRules),
    liveness: with_liveness(impl Into<PackSource>),
});

impl Default for EngineOptions {
    /// The pack `standard`, the liveness networks `liveness`, one thread per processor, the usual rules for photos, and
    /// what was measured of the model.
    fn default() -> Self {
        Self {
            pack: PackSource::default(),
            home: None,
            runtime: RuntimeChoice::default(),
            threads: 0,
            rules: PhotoRules::default(),
            calibration: None,
            recognizability: None,
            mode: None,
            rewriting: RewritingRules::default(),
            liveness: PackSource::from(LivenessManifest::BUILTIN[0]),
        }
    }
}

/// What the options resolve to.
pub(super) struct Found {
    pub(super) home: Home,
    pub(super) pack: Pack,
    pub(super) runtime: Runtime,
}

impl EngineOptions {
    pub(super) fn find(&self) -> Result<Found> {
        let home = match &self.home {
            Some(home) => home.clone(),
            None => Home::from_env()?,
        };
        let pack = match &self.pack {
            PackSource::Named(name) => Pack::installed(&home, name)?,
            PackSource::Folder(folder) => Pack::open_dir(folder)?,
        };
        let installed = home.runtime_library();
        let runtime = Runtime::select(&RuntimeOptions { choice: self.runtime.clone(), installed })?;
        Ok(Found { home, pack, runtime })
    }
}

impl Engine {
    /// Loads a pack: each file is checked against its SHA-256, then made ready to run. This takes some
    /// tenths of a second, the first time a few more while networks are rewritten and kept.
    ///
    /// **Threads.** The engine has a pool of [`EngineOptions::threads`] threads of its own, named
    /// `facevault-0` and so on. Verbs for many photos work there while the caller waits; verbs for one photo work on
    /// the caller's thread. If a program encodes a single photo at a time again and again, ONNX Runtime's own threads
    /// share the work. Any number of threads may call an engine. Idle, it uses no processor. Opening itself uses
    /// rayon's global pool for as long as it takes.
    ///
    /// **Memory.** Each session has the network's weights and its buffers: a process with an engine of
    /// `standard` takes about 125 MB on one thread, ONNX Runtime itself included, and about 30 MB more for
    /// each further photo that is worked on at once ([`Engine::sessions`] counts sessions). They are kept
    /// for the next photo until the last clone of the engine is dropped. A photo that is being worked on also takes
    /// memory for its decoded pixels ([`DecodeLimits`](crate::vision::DecodeLimits) bounds them).
    ///
    /// **Environment.** `FACEVAULT_HOME`, `XDG_DATA_HOME` and `HOME` name the data folder where the
    /// options do not; `ORT_DYLIB_PATH` and the system's library folders (`LD_LIBRARY_PATH`) name ONNX
    /// Runtime where [`RuntimeChoice::Auto`] is asked for. A process has one ONNX Runtime: the first
    /// engine chooses it, and it stays loaded. Before it is loaded, `ORT_DISABLE_TELEMETRY` is set to `1`
    /// unless it is set; call [`disable_runtime_telemetry`](crate::disable_runtime_telemetry) first in
    /// `main`, so that no other thread is running when that happens.
    ///
    /// # Errors
    /// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the pack is not installed or a file is not the one
    /// that its manifest names, [`Runtime`](crate::ErrorKind::Runtime) where the runtime cannot be used or refuses
    /// a network.
    pub fn open(options: &EngineOptions) -> Result<Self> {
        let Found { home, pack, runtime } = options.find()?;
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let parts = Parts {
            pack: &pack,
            runtime: &runtime,
            threads,
            rewriting: &options.rewriting,
            clock: NetworkClock::default(),
            workload: Workload::default(),
        };
        let (detector, embedder) = rayon::join(|| parts.detector(), || parts.embedder());
        let manifest = pack.manifest().clone();
        let name = manifest.name.clone();
        let origin = Origin {
            runtime: Some(runtime.info().clone()),
            clock: Some(parts.clock.clone()),
            workload: parts.workload.clone(),
            tables: Tables::find(&home, &manifest, options)?,
            manifest: Some(manifest),
            liveness: LivenessPart::Pack(Box::new(LivenessLoader::new(&parts, &home, options))),
            self_test: None,
        };
        let engine = Self::assemble(name, detector?, embedder?, options.rules.clone(), threads, origin)?;
        Ok(options.mode.map_or(engine.clone(), |mode| engine.in_mode(mode)))
    }
}

pub(super) struct Parts<'a> {
    pack: &'a Pack,
    pub(super) runtime: &'a Runtime,
    pub(super) threads: usize,
    pub(super) rewriting: &'a RewritingRules,
    pub(super) clock: NetworkClock,
    pub(super) workload: Workload,
}

impl Parts<'_> {
    fn detector(&self) -> Result<Box<dyn Detector>> {
        let manifest = self.pack.manifest();
        let spec = manifest.detector.spec.clone();
        let network = || self.network(Role::Detector, &detector_rules(self.rewriting), |onnx| open_size(onnx, &spec));
        // A manifest whose detector comes in another format, or gives other landmarks than the embedder's
        // crop is made with, has been refused (`models/validate.rs`).
        match spec.kind {
            DetectorKind::Mmod => {
                let network = || {
                    // The same file says how the network is moved over pictures, so it is read each time.
                    let (onnx, scan) = dlib::detector_onnx(&self.pack.load(Role::Detector)?)?;
                    Ok((self.session(Role::Detector, rewrite(&onnx, self.rewriting)?.onnx)?, scan))
                };
                let landmarks = || dlib::shape_model(&self.pack.load(Role::Landmarks)?);
                let (network, landmarks): (Result<_>, _) = rayon::join(network, landmarks);
                let (network, scan) = network?;
                Ok(Box::new(Mmod::new(network, scan, Arc::new(landmarks?), spec)?))
            }
            DetectorKind::Yunet => Ok(Box::new(Yunet::new(network()?, spec)?)),
            DetectorKind::Scrfd => Ok(Box::new(Scrfd::new(network()?, spec)?)),
            DetectorKind::CenterFace => Ok(Box::new(CenterFace::new(network()?, spec)?)),
        }
    }

    fn embedder(&self) -> Result<Box<dyn Embedder>> {
        let manifest = self.pack.manifest();
        let network = self.network(Role::Embedder, self.rewriting, Ok)?;
        Ok(Box::new(NetworkEmbedder::new(network, manifest.embedder.spec.clone(), manifest.model_id())?))
    }

    /// The network of a role: read from the rewritten networks that were saved earlier, or made from the model's file
    /// by `prepare`, rewritten and saved. The model's file is checked either way.
    fn network(
        &self,
        role: Role,
        rules: &RewritingRules,
        prepare: impl FnOnce(Vec<u8>) -> Result<Vec<u8>>,
    ) -> Result<Network> {
        let kept = OptimizedNetwork::new(self.pack, role, rules);
        if kept.is_there() {
            let session = || kept.read().map(|onnx| self.session(role, onnx));
            let (checked, network) = rayon::join(|| self.pack.check_file(role), session);
            checked?;
            if let Some(network) = network {
                return network;
            }
        }
        let onnx = rewrite(&prepare(self.pack.network(role)?)?, rules)?.onnx;
        kept.write(&onnx);
        self.session(role, onnx)
    }

    fn session(&self, role: Role, onnx: Vec<u8>) -> Result<Network> {
        let file = self.pack.manifest().file(role).map(|file| file.file.clone()).unwrap_or_default();
        let options = NetworkOptions {
            sessions: self.threads,
            clock: self.clock.clone(),
            workload: self.workload.clone(),
            ..NetworkOptions::new(file)
        };
        Network::load(self.runtime, options, onnx)
    }
}

/// The rules for a detector that runs on canvases, whose sides are always multiples of [`GRID`].
pub(super) fn detector_rules(rules: &RewritingRules) -> RewritingRules {
    rules.clone().for_multiples_of(GRID)
}

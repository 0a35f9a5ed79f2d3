//! Which inference runtime a process uses: an ONNX Runtime library, or the built-in engine.
//!
//! A process has one runtime, chosen by the first [`Runtime::select`]. A library is looked at
//! before it is loaded ([`library`](super::library)), because loading what is no library, or the
//! wrong one, can hang, crash or silently compute something else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};

use super::session::Environment;
use super::{built_in, library, onnx_runtime, telemetry};

/// Which runtime is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RuntimeChoice {
    /// The first usable ONNX Runtime library of: the environment variable `ORT_DYLIB_PATH`,
    /// [`RuntimeOptions::installed`], the system's library folders; else the built-in engine. A
    /// library that is there and cannot be used is passed over with a notice.
    #[default]
    Auto,
    /// This ONNX Runtime library, or an error.
    Library(PathBuf),
    /// The built-in engine: pure Rust, nothing to install, slower.
    BuiltIn,
}

/// How a runtime is chosen.
#[derive(Debug, Clone, Default)]
pub struct RuntimeOptions {
    /// Which one.
    pub choice: RuntimeChoice,
    /// Where facevault's own copy of ONNX Runtime is, if it is installed.
    pub installed: Option<PathBuf>,
}

/// The kinds of runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeKind {
    /// A shared library of ONNX Runtime.
    OnnxRuntime,
    /// The engine that is part of facevault (tract).
    BuiltIn,
}

/// What really runs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RuntimeInfo {
    /// The kind.
    pub kind: RuntimeKind,
    /// The version that the library states, or that of the built-in engine.
    pub version: String,
    /// The library's file.
    pub library: Option<PathBuf>,
    /// What was passed over on the way, a sentence each.
    pub notices: Vec<String>,
}

/// The runtime of this process. Cloning is cheap.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    info: RuntimeInfo,
    environment: Environment,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Runtime").field(&self.inner.info).finish()
    }
}

/// The runtime that this process has; inference runtimes cannot be unloaded or exchanged.
static CURRENT: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Chooses this process's runtime, or gives the one that was chosen before.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where [`RuntimeChoice::Library`] names a file that is not a usable
    /// ONNX Runtime, or where the process already runs another runtime than the one asked for.
    pub fn select(options: &RuntimeOptions) -> Result<Self> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*current {
            runtime.must_satisfy(&options.choice)?;
            return Ok(runtime.clone());
        }
        let (info, environment) = choose(options)?;
        for notice in &info.notices {
            tracing::warn!("{notice}");
        }
        let runtime = Self { inner: Arc::new(Inner { info, environment }) };
        *current = Some(runtime.clone());
        Ok(runtime)
    }

    /// What really runs.
    #[must_use]
    pub fn info(&self) -> &RuntimeInfo {
        &self.inner.info
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.inner.environment
    }

    fn must_satisfy(&self, choice: &RuntimeChoice) -> Result<()> {
        let info = self.info();
        let satisfied = match choice {
            RuntimeChoice::Auto => true,
            RuntimeChoice::BuiltIn => info.kind == RuntimeKind::BuiltIn,
            RuntimeChoice::Library(path) => info.library.as_deref().is_some_and(|used| same_file(used, path)),
        };
        if satisfied {
            return Ok(());
        }
        let used = match &info.library {
            Some(path) => format!("ONNX Runtime {} ({})", info.version, path.display()),
            None => "the built-in engine".to_owned(),
        };
        Err(Error::new(ErrorKind::Runtime, format!("this process already runs {used}; a process has one runtime")))
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn choose(options: &RuntimeOptions) -> Result<(RuntimeInfo, Environment)> {
    let candidates = match &options.choice {
        RuntimeChoice::Library(path) => return load(path, Vec::new()),
        RuntimeChoice::BuiltIn => Vec::new(),
        RuntimeChoice::Auto => candidates(options.installed.as_deref()),
    };
    let mut notices = Vec::new();
    for path in candidates {
        match load(&path, notices.clone()) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => notices.push(format!("{error}; looking further")),
        }
    }
    let version = built_in::VERSION.to_owned();
    Ok((RuntimeInfo { kind: RuntimeKind::BuiltIn, version, library: None, notices }, Environment::BuiltIn))
}

fn load(path: &Path, notices: Vec<String>) -> Result<(RuntimeInfo, Environment)> {
    telemetry::decline();
    let probed = library::probe(path)?;
    let environment = Environment::OnnxRuntime(onnx_runtime::Environment::from_library(&probed.path)?);
    let info =
        RuntimeInfo { kind: RuntimeKind::OnnxRuntime, version: probed.version, library: Some(probed.path), notices };
    Ok((info, environment))
}

/// The libraries to be tried, in order. What was named stands here whether or not it is there, so
/// that its absence is told; of the system's folders only what is there.
fn candidates(installed: Option<&Path>) -> Vec<PathBuf> {
    let named = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let installed = installed.filter(|path| path.exists()).map(Path::to_owned);
    named.into_iter().chain(installed).chain(library::installed_in_system()).collect()
}

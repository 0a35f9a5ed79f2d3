//! Which library of ONNX Runtime a process uses.
//!
//! A process has one runtime, chosen by the first [`Runtime::select`]. A library is looked at
//! before it is loaded ([`library`](super::library)), because loading what is no library, or the
//! wrong one, can hang, crash or silently compute something else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::setters::setters;

use super::library;
use super::onnx_runtime::Environment;
use super::telemetry::disable_runtime_telemetry;

/// Which library is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RuntimeChoice {
    /// The first usable ONNX Runtime library of: the environment variable `ORT_DYLIB_PATH`,
    /// [`RuntimeOptions::installed`], the system's library folders. A library that is there and
    /// cannot be used is passed over with a notice.
    #[default]
    Auto,
    /// This ONNX Runtime library, or an error.
    Library(PathBuf),
}

/// How a runtime is chosen.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RuntimeOptions {
    /// Which one.
    pub choice: RuntimeChoice,
    /// Where facevault's own copy of ONNX Runtime is, if it is installed.
    pub installed: Option<PathBuf>,
}

setters!(RuntimeOptions {
    choice: with_choice(RuntimeChoice),
    installed: with_installed(impl Into<Option<PathBuf>>),
});

/// What really runs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct RuntimeInfo {
    /// The version that the library states.
    pub version: String,
    /// The library's file.
    pub library: PathBuf,
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
    /// [`ErrorKind::Runtime`] where there is no usable ONNX Runtime, or where the process already
    /// runs another library than the one asked for.
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
            RuntimeChoice::Library(path) => same_file(&info.library, path),
        };
        if satisfied {
            return Ok(());
        }
        let message = format!(
            "this process already runs ONNX Runtime {} ({}); a process has one runtime",
            info.version,
            info.library.display()
        );
        Err(Error::new(ErrorKind::Runtime, message))
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn choose(options: &RuntimeOptions) -> Result<(RuntimeInfo, Environment)> {
    let candidates = match &options.choice {
        RuntimeChoice::Library(path) => return load(path, Vec::new()),
        RuntimeChoice::Auto => candidates(options.installed.as_deref()),
    };
    let mut notices = Vec::new();
    for path in candidates {
        match load(&path, notices.clone()) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => notices.push(error.to_string()),
        }
    }
    let found = if notices.is_empty() { String::new() } else { format!(" ({})", notices.join("; ")) };
    let message = format!(
        "no usable ONNX Runtime was found{found}; `facevault setup` installs it, and ORT_DYLIB_PATH or --runtime names \
         a library of your own"
    );
    Err(Error::new(ErrorKind::Runtime, message))
}

fn load(path: &Path, notices: Vec<String>) -> Result<(RuntimeInfo, Environment)> {
    disable_runtime_telemetry();
    let probed = library::probe(path)?;
    let environment = Environment::from_library(&probed.path)?;
    Ok((RuntimeInfo { version: probed.version, library: probed.path, notices }, environment))
}

/// The libraries to be tried, in order. A library that was named is listed even if it does not exist, so that its
/// absence can be reported; of the system's folders, only existing libraries are listed.
fn candidates(installed: Option<&Path>) -> Vec<PathBuf> {
    let named = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let installed = installed.filter(|path| path.exists()).map(Path::to_owned);
    named.into_iter().chain(installed).chain(library::installed_in_system()).collect()
}

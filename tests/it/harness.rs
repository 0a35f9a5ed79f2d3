//! Runs the command `facevault` in a folder and with a data folder of its own.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::place::Place;

/// A folder to work in, and the environment of the commands.
pub(crate) struct Facevault {
    /// What commands call the vault.
    vault: String,
    environment: Vec<(String, String)>,
    _place: Option<Place>,
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
#[allow(dead_code, reason = "the command is shown where an assertion fails")]
pub(crate) struct Run {
    command: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Facevault {
    /// With an empty data folder.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("home").display().to_string();
        Self { vault: "v".to_owned(), environment: vec![("FACEVAULT_HOME".into(), home)], _place: None, folder }
    }

    /// With an empty data folder and a vault `v` with a person `ada` and a collection `staff`.
    pub(crate) fn with_ada() -> Self {
        let test = Self::new();
        test.run(["init", "v"]).ok();
        test.and_ada()
    }

    /// With an empty data folder and an empty vault, in a file or in a hub ([`Place`]): commands take
    /// [`Self::vault`].
    pub(crate) fn in_any_place() -> Self {
        let test = Self::new();
        let file = test.path().join("v");
        match Place::new(file) {
            Place::File(_) => {
                test.run(["init", "v"]).ok();
                test
            }
            #[cfg(feature = "hub")]
            hub => test.at(hub),
        }
    }

    /// The same in a hub, where there is a server for it.
    #[cfg(feature = "hub")]
    pub(crate) fn in_a_hub() -> Option<Self> {
        Place::hub().map(|hub| Self::new().at(hub))
    }

    #[cfg(feature = "hub")]
    fn at(self, place: Place) -> Self {
        Self { vault: place.argument(), _place: Some(place), ..self }
    }

    /// The same with a person `ada` and a collection `staff`.
    pub(crate) fn and_ada(self) -> Self {
        let vault = self.vault();
        self.run(["collection", "add", vault, "--name", "Staff", "--id", "staff"]).ok();
        self.run(["person", "add", vault, "--name", "Ada Lovelace", "--id", "ada", "--notes", "first"]).ok();
        self
    }

    /// What commands call the vault.
    pub(crate) fn vault(&self) -> &str {
        &self.vault
    }

    /// The same with ONNX Runtime installed in the data folder, where this machine has it.
    pub(crate) fn with_runtime(self) -> Self {
        if let Some(library) = runtime_library() {
            let folder = self.path().join("home/runtime");
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::copy(&library, folder.join(library.file_name().expect("a name"))).expect("copied");
        }
        self
    }

    /// The same with a variable in the environment.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.environment.push((name.into(), value.as_ref().display().to_string()));
        self
    }

    /// The folder in which commands run.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    }

    /// A command that has not been started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_facevault"));
        command.args(arguments).current_dir(self.path());
        for name in [
            "FACEVAULT_PACK",
            "FACEVAULT_LIVENESS_MODELS",
            "FACEVAULT_RUNTIME",
            "FACEVAULT_LOG",
            "ORT_DYLIB_PATH",
            "NO_COLOR",
        ] {
            command.env_remove(name);
        }
        if let Some(library) = runtime_library() {
            command.env("ORT_DYLIB_PATH", library);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command with nothing on its standard input.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        self.pipe(arguments, b"")
    }

    /// Runs a command with `input` on its standard input.
    pub(crate) fn pipe<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let shown = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
        let mut child = command.spawn().expect("the command starts");
        // A command that does not read its input has closed it.
        let _ = child.stdin.take().expect("piped").write_all(input);
        let output = child.wait_with_output().expect("the command ends");
        Run {
            command: shown,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The version of the person `ada`: it tells whether anything was changed.
    pub(crate) fn version_of_ada(&self) -> u64 {
        let listed = self.run(["person", "list", self.vault(), "--json"]).ok().json();
        let ada = listed["data"].as_array().and_then(|all| all.iter().find(|person| person["_id"] == "ada")).cloned();
        ada.and_then(|ada| ada["version"].as_u64()).expect("ada is there")
    }
}

/// ONNX Runtime as it is installed on this machine: the data folders of the tests are empty.
fn runtime_library() -> Option<PathBuf> {
    facevault::models::Home::from_env().ok()?.runtime_library()
}

impl Run {
    /// The command succeeded and complained of nothing.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.code == 0 && !self.stderr.contains("error"), "{self:#?}");
        self
    }

    /// The command ended with `code` and an error that says `said`.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, said: &str) -> Self {
        assert!(self.code == code, "expected exit code {code}: {self:#?}");
        assert!(self.stderr.contains(said), "expected {said:?}: {self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The last line of standard error as JSON.
    #[track_caller]
    pub(crate) fn error_json(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

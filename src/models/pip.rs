//! Packages by way of pip, which knows where this machine has its packages from.
//!
//! pip checks the package's SHA-256 before it looks inside (`--require-hashes`), which matters
//! because pip runs a source package's build script to learn its name.

use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::client_output;
use super::home::cannot;
use super::install::{Failure, report};
use super::package_client::{self, Ended};
use super::source::{Archive, Wheel};
use crate::progress::{Progress, Step};

/// The environment variable that names the Python interpreter.
const VARIABLE: &str = "FACEVAULT_PYTHON";

/// pip's switches that would stop a download, or silence it. pip takes each from an environment
/// variable `PIP_...` before any configuration file, and its own children inherit it.
const SWITCHES: [(&str, &str); 7] = [
    ("PIP_NO_INPUT", "1"),
    ("PIP_REQUIRE_VIRTUALENV", "0"),
    // Asked for on the command line; pip's own children, which fetch build tools, have no hashes.
    ("PIP_REQUIRE_HASHES", "0"),
    ("PIP_USER", "0"),
    ("PIP_DRY_RUN", "0"),
    ("PIP_QUIET", "0"),
    ("PIP_VERBOSE", "0"),
];

/// pip's settings of where to put things, what else to fetch and for which Python. Here they stop a
/// download or change what it fetches. Those that say where packages come from are kept.
const SETTINGS: [&str; 12] = [
    "abi",
    "constraint",
    "editable",
    "implementation",
    "platform",
    "prefix",
    "python",
    "python-version",
    "report",
    "requirement",
    "root",
    "target",
];

/// What pip is asked for.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) wheel: Option<&'a Wheel>,
    pub(super) archive: &'a Archive,
}

/// Downloads `package` with the pip of `python` into `folder`, which holds nothing else, and answers
/// where it is. `label` is what `progress` shows.
pub(super) fn download(
    python: Option<&Path>,
    package: &Package<'_>,
    label: &str,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Failure> {
    let Package { name, version, archive, .. } = package;
    let [requirements, settings, log, target, scratch] =
        ["requirements.txt", "pip.conf", "pip.log", "download", "scratch"].map(|part| folder.join(part));
    let requirement = format!("{name}=={version} --hash=sha256:{}\n", archive.sha256);
    fs::write(&requirements, requirement).map_err(|error| cannot("write", &requirements, error))?;
    fs::write(&settings, cleared()).map_err(|error| cannot("write", &settings, error))?;
    fs::create_dir(&scratch).map_err(|error| cannot("create", &scratch, error))?;

    let python = python.map_or_else(interpreter, Path::to_owned);
    let mut command = Command::new(&python);
    command.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]);
    // On a machine without a network, the error should come soon.
    command.args(["--retries", "1", "--no-deps", "--require-hashes"]);
    // This first cancels what a configuration says about wheels and source packages.
    command.args(["--no-binary", ":none:", "--only-binary", ":none:"]);
    match package.wheel {
        Some(Wheel { python, platform }) => command.args(["--only-binary", ":all:", "--implementation", "cp"]).args([
            "--python-version",
            python,
            "--platform",
            platform,
        ]),
        None => command.args(["--no-binary", name]),
    };
    command.arg("--dest").arg(&target).arg("--requirement").arg(&requirements);
    command.envs(["TMPDIR", "TEMP", "TMP"].map(|variable| (variable, &scratch)));
    configure(&mut command, &settings);

    let shown = python.display();
    let checking = format!("pip checks {name} {version}");
    let file = plain(name);
    let mut complete = false;
    let ended = package_client::run(command, &log, &mut || {
        let done = package_client::largest(&scratch, 2, &|name| plain(name).starts_with(&file));
        // pip moves the file once it is complete, so that is remembered.
        complete |= archive.size.is_some_and(|size| done >= size);
        if complete {
            // pip unpacks a source package and asks its build script for the package's name, which takes a while.
            report(progress, Step::bytes(&checking, 0, None))
        } else {
            report(progress, Step::bytes(label, done, archive.size))
        }
    })?;
    match ended {
        Ended::Well => {}
        Ended::Badly(log) => {
            return Err(Failure::Unreachable(format!(
                "`{shown} -m pip download` says: {}",
                client_output::by_pip(&log)
            )));
        }
        Ended::NotStarted(error) => {
            let hint =
                if error.kind() == Io::NotFound { format!("; {VARIABLE} names another Python") } else { String::new() };
            return Err(Failure::Unreachable(format!("{shown} cannot be started: {error}{hint}")));
        }
    }
    let mut files = fs::read_dir(&target).map_err(|error| cannot("read", &target, error))?.flatten();
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.path()),
        _ => Err(Failure::Unreachable(format!(
            "`{shown} -m pip download` gave not exactly one file for {name} {version}"
        ))),
    }
}

fn interpreter() -> PathBuf {
    match env::var_os(VARIABLE) {
        Some(python) if !python.is_empty() => python.into(),
        _ => if cfg!(windows) { "python" } else { "python3" }.into(),
    }
}

/// Overrides what the environment and configuration files say but for where packages come from.
fn configure(command: &mut Command, settings: &Path) {
    for setting in SETTINGS {
        command.env_remove(format!("PIP_{}", setting.to_ascii_uppercase().replace('-', "_")));
    }
    command.envs(SWITCHES);
    // This file is read after those of the machine and the user. Somebody who names a file of
    // their own has it read instead.
    if env::var_os("PIP_CONFIG_FILE").is_none_or(|file| file.is_empty()) {
        command.env("PIP_CONFIG_FILE", settings);
    }
}

/// A configuration file for pip in which [`SETTINGS`] are empty, which counts as not set.
fn cleared() -> String {
    let settings: String = SETTINGS.map(|setting| format!("{setting} =\n")).concat();
    ["global", "download", "install"].map(|section| format!("[{section}]\n{settings}")).concat()
}

/// A package's name in the one way that package indices treat as the same.
pub(super) fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}

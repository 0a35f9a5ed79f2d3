//! Packages by way of pip, which knows where this machine has its packages from.
//!
//! pip checks the package's SHA-256 before it looks inside (`--require-hashes`), which matters
//! because pip runs a source package's build script to learn its name.

use std::fs::{self, File};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, io};

use super::home::cannot;
use super::install::{Failure, Progress};
use super::source::{Archive, Wheel};
use crate::error::{Error, ErrorKind};

/// The environment variable that names the Python interpreter.
const VARIABLE: &str = "FACEVAULT_PYTHON";

/// How often a running pip is looked after.
const INTERVAL: Duration = Duration::from_millis(100);

/// What pip is asked for.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) wheel: Option<&'a Wheel>,
    pub(super) archive: &'a Archive,
}

/// Downloads `package` with the pip of `python` into `folder`, which holds nothing else, and answers
/// where it is.
pub(super) fn download(
    python: Option<&Path>,
    package: &Package<'_>,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Failure> {
    let Package { name, version, archive, .. } = package;
    let [requirements, log, target, scratch] =
        ["requirements.txt", "pip.log", "download", "scratch"].map(|part| folder.join(part));
    let requirement = format!("{name}=={version} --hash=sha256:{}\n", archive.sha256);
    fs::write(&requirements, requirement).map_err(|error| cannot("write", &requirements, error))?;
    fs::create_dir(&scratch).map_err(|error| cannot("create", &scratch, error))?;
    let output = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
    let (stdout, stderr) = output.map_err(|error| cannot("write", &log, error))?;

    let python = python.map_or_else(interpreter, Path::to_owned);
    let mut command = Command::new(&python);
    command.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]);
    // A machine without a network is to hear of it soon.
    command.args(["--retries", "1", "--no-deps", "--require-hashes"]);
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
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    // pip starts others; a group of their own lets them all be ended together.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);

    let shown = python.display();
    let mut pip = command.spawn().map(Running).map_err(|error| {
        let hint =
            if error.kind() == Io::NotFound { format!("; {VARIABLE} names another Python") } else { String::new() };
        Failure::Unreachable(format!("{shown} cannot be started: {error}{hint}"))
    })?;
    let (label, checking) = (format!("{name} {version}"), format!("pip checks {name} {version}"));
    let status = loop {
        if let Some(status) = pip.0.try_wait().map_err(|error| waiting(&error))? {
            break status;
        }
        Failure::if_cancelled(progress)?;
        match (downloaded(&scratch, name), archive.size) {
            // pip unpacks a source package and asks its build script who it is, which takes a while.
            (done, Some(size)) if done >= size => progress.update(&checking, 0, None),
            (done, size) => progress.update(&label, done, size),
        }
        std::thread::sleep(INTERVAL);
    };
    if !status.success() {
        let log = fs::read(&log).map_err(|error| cannot("read", &log, error))?;
        let said = last_words(&String::from_utf8_lossy(&log));
        return Err(Failure::Unreachable(format!("`{shown} -m pip download` says: {said}")));
    }
    let mut files = fs::read_dir(&target).map_err(|error| cannot("read", &target, error))?.flatten();
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.path()),
        _ => Err(Failure::Unreachable(format!("`{shown} -m pip download` gave not exactly one file for {label}"))),
    }
}

fn interpreter() -> PathBuf {
    match env::var_os(VARIABLE) {
        Some(python) if !python.is_empty() => python.into(),
        _ => if cfg!(windows) { "python" } else { "python3" }.into(),
    }
}

fn waiting(error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot wait for pip: {error}"))
}

/// A running pip; dropped, it is ended with all that it started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        #[cfg(unix)]
        {
            // The group has pip's number. Where there is no `kill`, pip alone is ended below.
            let group = format!("-{}", self.0.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The bytes of the package that pip has so far: the largest file below `folder` of that name.
fn downloaded(folder: &Path, name: &str) -> u64 {
    let mut largest = 0;
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() && depth < 2 => folders.push((entry.path(), depth + 1)),
                Ok(data) if data.is_file() && entry.file_name().to_string_lossy().starts_with(name) => {
                    largest = largest.max(data.len());
                }
                _ => {}
            }
        }
    }
    largest
}

/// What pip's log ends with: its errors, or else its last lines.
fn last_words(log: &str) -> String {
    let lines: Vec<_> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let errors: Vec<_> = lines.iter().copied().filter(|line| line.starts_with("ERROR")).collect();
    let said = if errors.is_empty() { &lines } else { &errors };
    if said.is_empty() { "nothing".to_owned() } else { said[said.len().saturating_sub(3)..].join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_quoted_before_other_lines() {
        for (log, said) in [
            ("", "nothing"),
            ("one\n\ntwo\nthree\nfour\n", "two; three; four"),
            ("Looking\nERROR: no version\n\nWARNING: old\n", "ERROR: no version"),
            ("/usr/bin/python3: No module named pip\n", "/usr/bin/python3: No module named pip"),
        ] {
            assert_eq!(last_words(log), said);
        }
    }

    #[test]
    fn the_growing_file_is_found_in_the_scratch_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(downloaded(folder.path(), "a"), 0);
        let inner = folder.path().join("pip-unpack-x");
        fs::create_dir(&inner).expect("a folder");
        fs::write(inner.join("a-1.0.tar.gz"), [0; 7]).expect("written");
        fs::write(inner.join("setuptools.whl"), [0; 70]).expect("written");
        assert_eq!(downloaded(folder.path(), "a"), 7);
    }
}

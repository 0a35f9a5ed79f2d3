//! `facevault models`: packs of networks.

use std::fs;

use clap::{Args, Subcommand};
use facevault::ErrorKind;
use facevault::models::{Addon, Artifact, Home, Manifest, Pack, State};
use serde_json::{Value, json};

use super::Outcome;
use super::setup::{How, install};
use crate::context::Context;
use crate::failure::{Failure, exit_code};
use crate::output::{Listing, Mark, bytes, path};

/// List, install, verify, show and remove models
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Install(Install),
    Verify(Verify),
    Show(Show),
    Optimize(super::optimize::Arguments),
    Remove(Remove),
}

const LIST: &str = "\
Examples:
  facevault models list
  facevault models list --json | jq -r '.data[] | select(.installed) | .name'";

/// List the packs, and the networks that belong to no pack, that are installed or can be installed
#[derive(Debug, Args)]
#[command(after_help = LIST)]
pub(crate) struct List {}

const INSTALL: &str = "\
Examples:
  facevault models install opencv
  facevault models install dlib --from /media/usb
  facevault models install liveness
  facevault models install buffalo_s --accept-licence";

/// Install packs
///
/// Only what is missing is fetched; every file is checked against its SHA-256 before it gets its
/// name. ONNX Runtime is installed by `facevault setup`. Three names belong to no pack: liveness and
/// liveness-v2se are networks that tell a living face from a picture of one, for any pack; dlib-hog is
/// dlib's HOG face detector, for programs that use facevault in the place of face_recognition.
#[derive(Debug, Args)]
#[command(after_help = INSTALL)]
pub(crate) struct Install {
    /// The packs' names, as `models list` prints them
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    how: How,
}

const VERIFY: &str = "\
Examples:
  facevault models verify
  facevault models verify opencv
  facevault models verify ./my-pack/";

/// Check every file of packs against its SHA-256
///
/// Without a name, all that is installed. A missing or damaged file gives exit code 3;
/// `models install` repairs it.
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub(crate) struct Verify {
    /// Packs by name or folder
    #[arg(value_name = "NAME|DIR")]
    names: Vec<String>,
}

const SHOW: &str = "\
Examples:
  facevault models show dlib
  facevault models show ./my-pack/ --json";

/// Show what is in a pack: files, licences, origins, and the inputs and outputs of its networks
#[derive(Debug, Args)]
#[command(after_help = SHOW)]
pub(crate) struct Show {
    /// A pack by name or folder
    #[arg(value_name = "NAME|DIR")]
    name: String,
}

const REMOVE: &str = "\
Examples:
  facevault models remove buffalo_s";

/// Remove an installed pack, or networks that belong to none; vaults are not touched
#[derive(Debug, Args)]
#[command(after_help = REMOVE)]
pub(crate) struct Remove {
    /// The pack's name
    name: String,
}

pub(super) fn run(command: Command, context: &Context) -> Outcome {
    let home = context.home()?;
    match command {
        Command::List(List {}) => list(&home, context),
        Command::Install(arguments) => {
            let mut artifacts = Vec::new();
            for name in &arguments.names {
                artifacts.extend(Artifact::named(name)?);
            }
            let installed = install(&home, &artifacts, &arguments.how, context)?;
            let data = json!({"home": path(home.path()), "installed": installed});
            context.output.answer(&data, |text| {
                for path in &installed {
                    text.line(format!("installed {path}"))?;
                }
                if installed.is_empty() { text.line("everything is installed") } else { Ok(()) }
            })
        }
        Command::Verify(arguments) => verify(&arguments, &home, context),
        Command::Show(arguments) => show(&arguments, &home, context),
        Command::Optimize(arguments) => super::optimize::run(&arguments, context),
        Command::Remove(Remove { name }) => {
            match Addon::named(&name) {
                Some(addon) => addon.remove(&home)?,
                None => home.remove_pack(&name)?,
            }
            context.output.answer(&json!({"name": name}), |text| text.line(format!("removed {name}")))
        }
    }
}

fn list(home: &Home, context: &Context) -> Outcome {
    let installed = home.packs()?;
    let own = installed.iter().map(String::as_str).filter(|name| !Manifest::BUILTIN.contains(name));
    let mut listing = Listing::new(&["NAME", "INSTALLED", "SIZE", "LICENCE", "WHAT"]).numbers(&[2]);
    let mut data = Vec::new();
    let mut add = |name: &str, is_installed: bool, size: u64, licence: &str, title: &str| {
        listing.row([name, if is_installed { "yes" } else { "no" }, &bytes(size), licence, title]);
        data.push(json!({
            "name": name,
            "installed": is_installed,
            "bytes": size,
            "licence": licence,
            "title": title,
        }));
    };
    for name in Manifest::BUILTIN.into_iter().chain(own) {
        let is_installed = installed.iter().any(|other| other == name);
        let manifest =
            if is_installed { Pack::installed(home, name)?.manifest().clone() } else { Manifest::builtin(name)? };
        let size = manifest.files().map(|(_, file)| file.size).sum();
        add(name, is_installed, size, &manifest.licence, &manifest.title);
    }
    for addon in Addon::NAMES.into_iter().filter_map(Addon::named) {
        let size = addon.artifacts().iter().map(Artifact::size).sum();
        add(addon.name(), addon.is_installed(home), size, &addon.terms().licence, &addon.terms().title);
    }
    context.output.answer(&data, |text| text.listing(&listing, "no packs"))
}

fn verify(arguments: &Verify, home: &Home, context: &Context) -> Outcome {
    let mut all = arguments.names.clone();
    if all.is_empty() {
        let addons = Addon::NAMES.into_iter().filter_map(Addon::named).filter(|addon| addon.is_installed(home));
        all = home.packs()?.into_iter().chain(addons.map(|addon| addon.name().to_owned())).collect();
    }
    let mut rows = Vec::new();
    for name in &all {
        for (file, state) in states(home, name)? {
            let (mark, word) = match state {
                State::Present => (Mark::Good, "as its SHA-256 says"),
                State::Missing => (Mark::Bad, "missing"),
                State::Damaged => (Mark::Bad, "damaged: another size or SHA-256"),
            };
            rows.push((mark, name.clone(), file, word));
        }
    }
    let data: Vec<Value> = rows
        .iter()
        .map(|(mark, pack, file, word)| json!({"pack": pack, "file": file, "status": mark.as_str(), "message": word}))
        .collect();
    context.output.answer(&data, |text| {
        for (mark, pack, file, word) in &rows {
            text.check(*mark, format!("{pack}  {file}  {word}"))?;
        }
        if rows.is_empty() { text.line("nothing is installed") } else { Ok(()) }
    })?;
    if rows.iter().any(|(mark, ..)| *mark == Mark::Bad) {
        return Err(Failure::Told(exit_code(ErrorKind::ModelUnavailable)));
    }
    Ok(())
}

/// The files of a pack, or of networks that belong to none, and how each is.
fn states(home: &Home, name: &str) -> facevault::Result<Vec<(String, State)>> {
    if let Some(addon) = Addon::named(name) {
        let state = |artifact: &Artifact| Ok((artifact.file().to_owned(), artifact.state(home)?));
        return addon.artifacts().iter().map(state).collect();
    }
    let pack = Pack::find(home, name)?;
    let file = |role| pack.manifest().file(role).map(|file| file.file.clone()).unwrap_or_default();
    Ok(pack.verify()?.into_iter().map(|(role, state)| (file(role), state)).collect())
}

/// Networks that belong to no pack.
fn show_addon(addon: &Addon, home: &Home, context: &Context) -> Outcome {
    let (terms, folder) = (addon.terms(), addon.is_installed(home).then(|| addon.folder(home)));
    let source = |artifact: &Artifact| artifact.source().map(ToString::to_string);
    let files: Vec<Value> = (addon.artifacts().iter())
        .map(|artifact| {
            json!({
                "file": artifact.file(),
                "bytes": artifact.size(),
                "sha256": artifact.sha256().to_string(),
                "licence": artifact.terms().licence,
                "source": source(artifact),
                "present": artifact.location(home).exists(),
            })
        })
        .collect();
    let data = json!({
        "name": addon.name(),
        "title": terms.title,
        "licence": terms.licence,
        "terms": terms.terms,
        "must_accept_licence": terms.must_accept,
        "folder": folder.as_deref().map(path),
        "files": files,
    });
    context.output.answer(&data, |text| {
        text.heading(&terms.title)?;
        text.line(format!("  name       {}", addon.name()))?;
        match &folder {
            Some(folder) => text.line(format!("  folder     {}", folder.display()))?,
            None => text.line(format!("  folder     not installed: `facevault models install {}`", addon.name()))?,
        }
        text.line(format!("  licence    {}", terms.licence))?;
        text.line(format!("             {}", terms.terms))?;
        let mut listing = Listing::new(&["FILE", "SIZE", "FROM"]).numbers(&[1]);
        for artifact in addon.artifacts() {
            listing.row([artifact.file(), &bytes(artifact.size()), &source(artifact).unwrap_or_default()]);
        }
        text.listing(&listing, "no files")
    })
}

fn show(arguments: &Show, home: &Home, context: &Context) -> Outcome {
    if let Some(addon) = Addon::named(&arguments.name) {
        return show_addon(&addon, home, context);
    }
    let (manifest, folder) = match Pack::find(home, &arguments.name) {
        Ok(pack) => (pack.manifest().clone(), Some(pack.folder().to_owned())),
        Err(error) => (Manifest::builtin(&arguments.name).map_err(|_| error)?, None),
    };
    let spec = &manifest.embedder.spec;
    let size = |file: &str| folder.as_ref().and_then(|folder| fs::metadata(folder.join(file)).ok()).is_some();
    let files: Vec<Value> = manifest
        .files()
        .map(|(role, file)| {
            json!({
                "role": role.as_str(),
                "file": file.file,
                "bytes": file.size,
                "sha256": file.sha256.to_string(),
                "licence": file.licence.as_ref().unwrap_or(&manifest.licence),
                "source": file.source.as_ref().map(ToString::to_string),
                "present": size(&file.file),
            })
        })
        .collect();
    let data = json!({
        "name": manifest.name,
        "title": manifest.title,
        "licence": manifest.licence,
        "terms": manifest.terms,
        "must_accept_licence": manifest.accept_licence,
        "folder": folder.as_deref().map(path),
        "model": manifest.model_id().to_string(),
        "dimension": spec.dimension,
        "metric": spec.metric,
        "files": files,
    });
    context.output.answer(&data, |text| {
        text.heading(&manifest.title)?;
        text.line(format!("  name       {}", manifest.name))?;
        match &folder {
            Some(folder) => text.line(format!("  folder     {}", folder.display()))?,
            None => text.line(format!("  folder     not installed: `facevault models install {}`", manifest.name))?,
        }
        text.line(format!("  model      {}", manifest.model_id()))?;
        text.line(format!("  encodings  {} components", spec.dimension))?;
        text.line(format!("  licence    {}", manifest.licence))?;
        text.line(format!("             {}", manifest.terms))?;
        let mut listing = Listing::new(&["ROLE", "FILE", "SIZE", "FROM"]).numbers(&[2]);
        for (role, file) in manifest.files() {
            let source = file.source.as_ref().map(ToString::to_string).unwrap_or_default();
            listing.row([role.as_str(), &file.file, &bytes(file.size), &source]);
        }
        text.listing(&listing, "no files")
    })
}

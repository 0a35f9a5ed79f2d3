//! Enrolls a folder of photos, one person per photo, named by the file: `photos/Ada Lovelace.jpg`.
//!
//! ```sh
//! facevault setup
//! cargo run --release --example enroll -- people.vault photos/
//! ```
//!
//! The vault is created if it does not exist. A refused photo does not stop the program: it prints
//! the reason, the measured value and the limit, and tries the next photo. People whose names are
//! already in the vault are skipped, so you can run the program again with better photos.

use std::error::Error;
use std::path::{Path, PathBuf};

use facevault::{Engine, EngineOptions, ErrorKind, NewPerson, PersonQuery, Refusal, Vault, VaultOptions};

fn main() -> Result<(), Box<dyn Error>> {
    // First, before any other thread starts: keep ONNX Runtime from sending telemetry.
    facevault::disable_runtime_telemetry();
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [file, folder] = arguments.as_slice() else { return Err("usage: enroll VAULT FOLDER".into()) };

    // Opening an engine is expensive: open one per process. The default pack is `standard`.
    let options = VaultOptions::default().with_engine(Engine::open(&EngineOptions::default())?);
    let vault = if file.exists() { Vault::open(file, options)? } else { Vault::create(file, options)? };

    let mut photos = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        photos.push(entry?.path());
    }
    photos.retain(|photo| photo.is_file());
    photos.sort();

    let mut failures = 0;
    for photo in &photos {
        match enroll(&vault, photo)? {
            Ok(told) => println!("{}: {told}", photo.display()),
            Err(reason) => {
                failures += 1;
                println!("{}: refused: {reason}", photo.display());
            }
        }
    }
    if failures > 0 {
        return Err(format!("{failures} of {} photos were refused", photos.len()).into());
    }
    Ok(())
}

/// Enrolls one photo. Returns how it went, or inside `Ok` the reason for a refusal; `Err` is only for
/// problems that stop the whole program, such as a full disk.
fn enroll(vault: &Vault, photo: &Path) -> Result<Result<String, String>, Box<dyn Error>> {
    let name = photo.file_stem().unwrap_or_default().to_string_lossy().trim().to_owned();
    if is_there(vault, &name)? {
        return Ok(Ok("is there already".to_owned()));
    }
    let new = NewPerson { name, images: vec![std::fs::read(photo)?.into()], ..NewPerson::default() };
    match vault.create_person(&new) {
        Ok(person) => Ok(Ok(format!("enrolled as {}", person.id))),
        // The photo gives no encoding: `images` has the outcome of each photo of the person.
        Err(error) if error.kind() == ErrorKind::Refused => {
            let refusals = error.images().iter().filter_map(|image| image.refusal.as_ref());
            Ok(Err(refusals.map(describe).collect::<Vec<_>>().join("; ")))
        }
        // A rule is broken: the name is too long, the file too large.
        Err(error) if error.kind() == ErrorKind::Invalid => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn describe(refusal: &Refusal) -> String {
    match (refusal.measured, refusal.limit) {
        (Some(measured), Some(limit)) => format!("{refusal} (measured {measured:.3}, limit {limit:.3})"),
        _ => refusal.to_string(),
    }
}

fn is_there(vault: &Vault, name: &str) -> facevault::Result<bool> {
    let query = PersonQuery::default().with_name_contains(name.to_owned()).with_limit(1_000);
    Ok(vault.persons(&query)?.items.iter().any(|person| person.name == name))
}

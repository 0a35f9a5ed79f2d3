//! The least that a host does: it opens a vault with an engine and asks who is on a photo.
//!
//! `smallest-host VAULT PHOTO`

use facevault::{Engine, EngineOptions, IdentifyOptions, Vault, VaultOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(vault), Some(photo)) = (arguments.next(), arguments.next()) else {
        return Err("smallest-host VAULT PHOTO".into());
    };
    let engine = Engine::open(&EngineOptions::default())?;
    let vault = Vault::open(vault, VaultOptions::default().with_engine(engine))?;
    let answer = vault.identify(&[std::fs::read(photo)?.into()], &IdentifyOptions::default())?;
    println!("{answer:?}");
    Ok(())
}

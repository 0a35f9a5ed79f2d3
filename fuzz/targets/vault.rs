//! Vault files: opened, checked, read and changed.

#![no_main]

use std::fs;

use facevault::{NewPerson, PersonQuery, Vault, VaultOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("vault");
    fs::write(&path, bytes).expect("a file");
    let Ok(vault) = Vault::open(&path, VaultOptions::default()) else { return };
    let _ = vault.check();
    if let Ok(page) = vault.persons(&PersonQuery::default()) {
        for person in page.items {
            let _ = vault.person(&person.id);
            let _ = vault.remove_person(&person.id);
        }
    }
    let _ = vault.create_person(&NewPerson { name: "Ada".into(), ..NewPerson::default() });
});

//! A vault's file with some of its bytes changed: it is opened, read and checked, and then written to.
//!
//! The first byte chooses a vault of the test data. What follows are changes: three bytes say where, one says how many
//! bytes, which follow. With `--cfg fuzzing` checksums of rows are not compared, so that wrong values are read.

#![no_main]

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;

use facevault::{
    AuditQuery, ClientId, CompareOptions, DuplicatesOptions, ErrorKind, FaceEncoding, IdentifyOptions, OperatingPoint,
    Patch, PersonQuery, PersonUpdate, Result, Vault, VaultOptions,
};
use facevault_fuzz::Input;
use flate2::read::GzDecoder;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const PACKED: [&[u8]; 5] = [
    include_bytes!("../../tests/data/vault-v1.gz"),
    include_bytes!("../../tests/data/vault-v2.gz"),
    include_bytes!("../../tests/data/vault-v3.gz"),
    include_bytes!("../../tests/data/vault-v4.gz"),
    include_bytes!("../../tests/data/vault-v5.gz"),
];

/// The most changes of one input.
const CHANGES: usize = 32;

struct Files {
    folder: TempDir,
    vaults: Vec<Vec<u8>>,
}

static FILES: OnceLock<Files> = OnceLock::new();

fn files() -> Files {
    let unpacked = |packed: &&[u8]| {
        let mut bytes = Vec::new();
        GzDecoder::new(*packed).read_to_end(&mut bytes).expect("a file");
        bytes
    };
    // In memory, where there is such a folder.
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    Files { folder: folder.expect("a folder"), vaults: PACKED.iter().map(unpacked).collect() }
}

fuzz_target!(|data: &[u8]| {
    let Files { folder, vaults } = FILES.get_or_init(files);
    let mut input = Input(data);
    let mut bytes = vaults[usize::from(input.byte()) % vaults.len()].clone();
    for _ in 0..CHANGES {
        if input.0.is_empty() {
            break;
        }
        let [high, middle, low] = [input.byte(), input.byte(), input.byte()].map(usize::from);
        let at = (high << 16 | middle << 8 | low) % bytes.len();
        let count = usize::from(input.byte() % 16) + 1;
        for (byte, new) in bytes[at..].iter_mut().zip(input.bytes(count)) {
            *byte = *new;
        }
    }
    for entry in fs::read_dir(folder.path()).expect("listed") {
        fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    let path = folder.path().join("v");
    fs::write(&path, &bytes).expect("written");
    if let Ok(vault) = Vault::open_read_only(&path, VaultOptions::default()) {
        asked(&vault);
    }
    if let Ok(vault) = Vault::open(&path, VaultOptions::default()) {
        let _ = changed(&vault);
        sound(vault.check());
    }
});

/// Nothing that a vault answers may end the process or be a fault of facevault.
fn sound<T>(answer: Result<T>) -> Option<T> {
    if let Err(error) = &answer {
        assert!(error.kind() != ErrorKind::Runtime, "{error}");
    }
    answer.ok()
}

fn asked(vault: &Vault) {
    sound(vault.check());
    let clients = sound(vault.clients()).unwrap_or_default();
    for client in clients.iter().take(3) {
        if let Some(vault) = sound(vault.for_client(client)) {
            asked_by(&vault, client);
        }
    }
    sound(vault.audit(&AuditQuery::default()));
    sound(vault.audit_verify(None));
    sound(vault.audit_policy());
    sound(vault.retention());
}

fn asked_by(vault: &Vault, _: &ClientId) {
    sound(vault.tokens());
    sound(vault.collections());
    sound(vault.changes(0));
    let people = sound(vault.persons(&PersonQuery::default())).map(|page| page.items).unwrap_or_default();
    for summary in people.iter().take(5) {
        let Some(person) = sound(vault.person(&summary.id)) else { continue };
        for image in &person.images {
            sound(vault.photo(&person.id, &image.id));
            sound(vault.thumbnail(&person.id, &image.id));
        }
        sound(vault.last_seen(&summary.id));
    }
    let similar = OperatingPoint::similarity(0.5).expect("a similarity");
    sound(vault.duplicates(&DuplicatesOptions::default().with_operating_point(similar), &mut ()));
    let probe = sound(vault.encodings()).and_then(|all| all.iter().next().map(|entry| entry.encoding.to_owned()));
    let Some(probe): Option<FaceEncoding> = probe else { return };
    sound(vault.identify_encoding(&probe, &IdentifyOptions::default().with_operating_point(similar)));
    if let Some(first) = people.first() {
        sound(vault.verify_encoding(&first.id, &probe, &CompareOptions::default().with_operating_point(similar)));
    }
}

fn changed(vault: &Vault) -> Option<()> {
    let people = sound(vault.persons(&PersonQuery::default()))?.items;
    let update = PersonUpdate { notes: Patch::Set("changed".into()), ..PersonUpdate::default() };
    sound(vault.update_person(&people.first()?.id, &update));
    sound(vault.remove_person(&people.last()?.id)).map(drop)
}

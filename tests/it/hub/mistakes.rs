//! What goes wrong with a hub is told clearly, and nothing is lost by it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use facevault::{
    EncodingMode, ErrorKind, FaceEncoding, Hub, ModelId, NewPerson, PersonId, SyncOptions, Vault, VaultOptions,
};

use super::super::fakes::{engine, engine_of, photo};
use super::cutting::{Cut, cutting};
use super::server::{Server, programs};
use super::{Fleet, everybody};

fn add(vault: &Vault, name: &str, photos: &[u32]) {
    let new = NewPerson {
        id: PersonId::new(name).ok(),
        images: photos.iter().map(|seed| photo(*seed)).collect(),
        ..NewPerson::named(name)
    };
    vault.create_person(&new).expect("a person");
}

fn refused(address: &str, kind: ErrorKind, said: &str) {
    let error = Hub::connect(address, None).expect_err(address);
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(said), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn whoever_cannot_connect_is_told_why() {
    let Some(fleet) = Fleet::new() else { return };
    let address = fleet.address();
    refused(&address.replace("secret", "wrong"), ErrorKind::Invalid, "refuses this user or password");
    refused(&address.replace("owner", "nobody"), ErrorKind::Invalid, "refuses this user or password");
    refused(&fleet.server.address("nowhere"), ErrorKind::NotFound, "no database of this name");
    refused(&fleet.server.address("postgres"), ErrorKind::NotFound, "no hub yet");
    refused(&format!("{address}?sslmode=require"), ErrorKind::Io, "TLS");
    refused(&format!("{address}?sslmode=verify-full"), ErrorKind::Invalid, "root certificate");
    let nobody_listens = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    refused(&format!("postgres://owner:secret@{nobody_listens}/db"), ErrorKind::Io, "cannot be reached");
}

#[test]
fn another_version_of_the_schema_is_refused() {
    let Some(fleet) = Fleet::new() else { return };
    for (version, said) in [(0, "`facevault hub init ADDRESS` takes it there"), (99, "use a later one")] {
        fleet.server.run(&fleet.database, "ALTER TABLE facevault.hub DROP CONSTRAINT IF EXISTS hub_version_check");
        fleet.server.run(&fleet.database, &format!("UPDATE facevault.hub SET version = {version}"));
        refused(&fleet.address(), ErrorKind::Unsupported, said);
    }
    assert_eq!(Hub::init(&fleet.address()).expect_err("too new").kind(), ErrorKind::Unsupported);
    // Making a hub again changes nothing.
    fleet.server.run(&fleet.database, "UPDATE facevault.hub SET version = 2");
    let id = fleet.hub().id().to_owned();
    let (again, is_new) = Hub::init(&fleet.address()).expect("it is one");
    assert!(!is_new && again.id() == id);
}

#[test]
fn a_server_without_pgvector_is_told_what_it_lacks() {
    let Some(programs) = programs() else { return };
    // The same server, without the extension; libraries that the wheel brings lie beside its package.
    let folder = tempfile::tempdir().expect("a folder");
    let installed = programs.parent().expect("a folder");
    let package = folder.path().join("site/package");
    fs::create_dir_all(&package).expect("a folder");
    let copied = Command::new("cp").arg("-r").arg(installed).arg(package.join("pg")).status();
    assert!(copied.expect("cp runs").success());
    for entry in installed.ancestors().nth(2).into_iter().flat_map(|site| fs::read_dir(site).into_iter().flatten()) {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "libs") {
            let name = path.file_name().expect("a name");
            assert!(
                Command::new("cp")
                    .arg("-r")
                    .arg(&path)
                    .arg(folder.path().join("site").join(name))
                    .status()
                    .expect("cp")
                    .success()
            );
        }
    }
    // A server that runs as another account has to get at it.
    assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status().expect("chmod runs").success());
    let mut taken = 0;
    remove_pgvector(&package.join("pg"), &mut taken);
    assert!(taken > 0);
    let server = Server::start_with(&package.join("pg/bin"), None).expect("a server");
    let database = server.database();
    let error = Hub::init(&server.address(&database)).expect_err("no pgvector");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("pgvector"), "{error}");
    refused(&server.address(&database), ErrorKind::NotFound, "no hub yet");
}

fn remove_pgvector(folder: &Path, taken: &mut usize) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            remove_pgvector(&path, taken);
        } else if name == "vector.control" {
            fs::remove_file(&path).expect("removed");
            *taken += 1;
        }
    }
}

#[test]
fn encodings_of_another_model_or_mode_are_not_mixed() {
    let Some(fleet) = Fleet::new() else { return };
    let a = fleet.vault("a");
    add(&a, "ada", &[1]);
    fleet.sync(&a);
    // A vault of another model takes the photo and says that it has no encoding of it.
    let other = fleet.vault_with("b", VaultOptions::default().with_engine(engine_of(2)));
    add(&other, "bob", &[2]);
    let without = Vault::open(other.path(), VaultOptions::default()).expect("opened");
    let synced = fleet.sync(&without);
    assert_eq!((synced.added, synced.unencoded, synced.encoded), (1, 1, 0));
    // With its engine it encodes, and the hub gets encodings by both.
    let synced = fleet.sync(&other);
    assert_eq!((synced.unencoded, synced.encoded), (0, 1));
    let ada = other.person(&PersonId::new("ada").expect("an id")).expect("there");
    let encoding: &FaceEncoding = ada.images[0].encoding.as_ref().expect("an encoding");
    assert_eq!(encoding.model(), ModelId::from_bytes([2; 16]));
    fleet.sync(&a);
    // Ada and Bob by both models.
    assert_eq!(fleet.hub().status().expect("a status").encodings, 4);
    // The same model in another mode is refused before anything moves.
    fleet.server.run(&fleet.database, &format!("UPDATE facevault.models SET mode = '{}'", EncodingMode::Accurate));
    add(&a, "eve", &[3]);
    let error = a.sync(&mut fleet.hub(), &SyncOptions::default(), &mut ()).expect_err("another mode");
    assert_eq!(error.kind(), ErrorKind::ModelMismatch);
    assert!(error.to_string().contains("mode"), "{error}");
}

#[test]
fn a_network_that_is_cut_anywhere_loses_nothing() {
    let Some(fleet) = Fleet::new() else { return };
    let (a, b) = (fleet.vault("a"), fleet.vault("b"));
    let cut_at = Cut::never();
    let port = cutting(fleet.server.port(), Arc::clone(&cut_at));
    let address = format!("postgres://owner:secret@127.0.0.1:{port}/{}", fleet.database);
    let (mut cut, mut whole) = (0, 0);
    for round in 0..24u32 {
        add(&a, &format!("p{round}"), &[round]);
        let notes = facevault::Patch::Set(format!("round {round}"));
        let update = facevault::PersonUpdate { notes, ..facevault::PersonUpdate::default() };
        a.update_person(&PersonId::new("p0").expect("an id"), &update).expect("updated");
        cut_at.bytes.store(600 + 450 * round as usize, Ordering::Relaxed);
        let vault = if round % 3 == 2 { &b } else { &a };
        let outcome =
            Hub::connect(&address, None).and_then(|mut hub| vault.sync(&mut hub, &SyncOptions::default(), &mut ()));
        match outcome {
            Ok(_) => whole += 1,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::Busy), "{error}");
                cut += 1;
            }
        }
    }
    assert!(cut >= 5, "{cut} were cut, {whole} went through");
    for vault in [&a, &b, &a] {
        let synced = fleet.sync(vault);
        assert!(synced.conflicts.is_empty(), "{:?}", synced.conflicts);
    }
    assert_eq!(everybody(&a), everybody(&b));
    assert_eq!(everybody(&a).len(), 24);
}

#[test]
fn a_full_disk_of_the_hub_is_told_and_loses_nothing() {
    let Some(programs) = programs() else { return };
    let Some(server) = Server::start_with(&programs, Some("120m")) else {
        eprintln!("not tried: this system does not let the test mount a disk in memory");
        return;
    };
    let database = server.database();
    let folder = tempfile::tempdir().expect("a folder");
    let vault = Vault::create(folder.path().join("v"), VaultOptions::default().with_engine(engine())).expect("one");
    Hub::init(&server.address(&database)).expect("a hub");
    server.tell("fill");
    for number in 0..12 {
        add(&vault, &format!("p{number}"), &[number, 100 + number, 200 + number, 300 + number]);
    }
    let sync = || -> facevault::Result<_> {
        let mut hub = Hub::connect(&server.address(&database), None)?;
        vault.sync(&mut hub, &SyncOptions::default(), &mut ())
    };
    let error = sync().expect_err("the disk is full");
    assert_eq!(error.kind(), ErrorKind::Io);
    let text = error.to_string();
    assert!(["disk is full", "stopped or started", "lost"].iter().any(|said| text.contains(said)), "{text}");
    server.tell("free");
    // A server whose log had no space left may have stopped.
    if sync().is_err() {
        server.tell("start");
    }
    let synced = sync().expect("synced");
    assert_eq!(synced.unsent, 0);
    let status = Hub::connect(&server.address(&database), None).expect("connected").status().expect("a status");
    assert_eq!((status.persons, status.images), (12, 48));
}

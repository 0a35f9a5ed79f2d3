//! What a server does for its vault while nobody asks for anything.

use std::time::{Duration, Instant};

use super::Service;
use facevault::store::{Erasure, Store};

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} took more than 10 seconds");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_erases_what_was_removed_while_somebody_was_reading() {
    if crate::data::only_of_files("the log beside the file is erased") {
        return;
    }
    let service = Service::new();
    let path = service.vault.path().to_owned();
    let id = service.vault.create_person(&facevault::NewPerson::named("Bob")).expect("a person").id;
    let watching = Store::open_read_only(&path).expect("a reader");
    let client = service.vault.client().clone();
    let answer = watching.snapshot(&client, |_| Ok(service.delete(&format!("/persons/{id}")))).expect("read");
    assert_eq!(answer.data()["erasure"], "pending");
    eventually("erasing", || watching.erasure().expect("read") == Erasure::Nothing);

    // What another process removed or replaced as well.
    let id = service.vault.create_person(&facevault::NewPerson::named("Bob")).expect("a person").id;
    {
        let other = Store::open(&path).expect("a vault");
        let removed = watching.snapshot(&client, |_| other.remove_person(&client, &id, None)).expect("removed");
        assert_eq!(removed.erasure, Erasure::Pending);
    }
    eventually("erasing", || watching.erasure().expect("read") == Erasure::Nothing);
}

#[cfg(unix)]
#[test]
fn a_server_whose_vault_was_moved_is_not_healthy_and_writes_nothing() {
    if crate::data::only_of_files("the file is moved") {
        return;
    }
    let service = Service::new();
    assert_eq!(service.get("/healthz").status, 200);
    let id = service.vault.create_person(&facevault::NewPerson::named("Ada Lovelace")).expect("a person").id;
    let (path, away) = (service.vault.path().to_owned(), service.vault.path().with_extension("away"));
    std::fs::rename(&path, &away).expect("moved");
    eventually("noticing", || service.get("/healthz").status == 503);
    service.get("/healthz").fails(503, "vault_moved", "ERROR");
    let refused = service.delete(&format!("/persons/{id}"));
    assert_eq!(refused.status, 500, "{refused:?}");
    std::fs::rename(&away, &path).expect("moved back");
    eventually("noticing", || service.get("/healthz").status == 200);
    assert!(service.vault.person(&id).is_ok());
}

//! Programs that use a hub directly while its server is stopped at once and started again, or has no room left.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use facevault::{
    Error, ErrorKind, Hub, IdentifyOptions, ImagesUpdate, NewPerson, OperatingPoint, Patch, PersonId, PersonUpdate,
    SearchIn, Vault, VaultOptions,
};

use super::super::fakes::{engine, photo};
use super::server::{Server, programs};

const WRITERS: usize = 4;
const STOPS: usize = 3;

/// The last change of a person whose outcome is known, and those behind it of which nobody knows whether they were made.
#[derive(Default)]
struct Known {
    last: Option<String>,
    maybe: Vec<String>,
}

fn is_told(error: &Error) -> bool {
    let text = error.to_string();
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Busy | ErrorKind::OutcomeUnknown)
        && !text.contains("secret")
        && text.contains("hub")
}

#[test]
fn a_server_that_is_restarted_under_load_loses_nothing_that_was_answered() {
    let Some(server) = Server::start() else { return };
    let address = server.address(&server.hub());
    let vault = Vault::open_hub(&address, VaultOptions::default().with_engine(engine())).expect("a hub");
    for writer in 0..WRITERS {
        let id = PersonId::new(format!("p{writer}")).ok();
        vault
            .create_person(&NewPerson { id, images: vec![photo(writer as u32)], ..NewPerson::named("N") })
            .expect("one");
    }
    let is_over = AtomicBool::new(false);
    let known: BTreeMap<usize, Known> = thread::scope(|scope| {
        let write = |writer: usize| {
            let (id, mut known, mut number) =
                (PersonId::new(format!("p{writer}")).expect("an id"), Known::default(), 0);
            while !is_over.load(Ordering::Relaxed) {
                number += 1;
                let notes = format!("{writer}.{number}");
                let images = match number % 5 {
                    0 => ImagesUpdate::Replace(vec![photo(10 * number + writer as u32)]),
                    _ => ImagesUpdate::Keep,
                };
                let update = PersonUpdate { notes: Patch::Set(notes.clone()), images, ..PersonUpdate::default() };
                match vault.update_person(&id, &update) {
                    Ok(person) => {
                        assert_eq!(person.notes.as_ref(), Some(&notes));
                        known = Known { last: Some(notes), maybe: Vec::new() };
                    }
                    Err(error) => {
                        assert!(is_told(&error), "{error}");
                        if error.kind() == ErrorKind::OutcomeUnknown {
                            known.maybe.push(notes);
                        }
                        thread::sleep(Duration::from_millis(20));
                    }
                }
                // A read and searches beside it are right or an error.
                match vault.person(&id) {
                    Ok(person) => assert_eq!(person.images.len(), 1, "no half person is seen"),
                    Err(error) => assert!(is_told(&error), "{error}"),
                }
                for place in [SearchIn::Memory, SearchIn::Hub] {
                    let searching = vault.with_search_in(place);
                    let found = searching.person(&id).and_then(|person| {
                        let own = person.images[0].encoding.clone().expect("an encoding");
                        searching.verify_encoding(&id, &own, &Default::default())
                    });
                    // A model without a table refuses to say what a similarity means, which is no fault of the hub.
                    if let Err(error) = found {
                        assert!(is_told(&error) || error.kind() == ErrorKind::Invalid, "{error}");
                    }
                }
            }
            (writer, known)
        };
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        for _ in 0..STOPS {
            thread::sleep(Duration::from_millis(700));
            server.tell("stop");
            thread::sleep(Duration::from_millis(200));
            server.tell("start");
        }
        thread::sleep(Duration::from_millis(700));
        is_over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("no panic")).collect()
    });
    // The same handle goes on without being opened again.
    let mut changed = 0;
    for (writer, known) in known {
        let found = vault.person(&PersonId::new(format!("p{writer}")).expect("an id")).expect("there").notes;
        let is_known = found == known.last || found.as_ref().is_some_and(|found| known.maybe.contains(found));
        assert!(is_known, "{found:?} is neither {:?} nor one of {:?}", known.last, known.maybe);
        changed += usize::from(known.last.is_some());
    }
    assert_eq!(changed, WRITERS, "every writer got something done");
    let report = vault.check().expect("checked");
    assert!(report.is_clean(), "{report:?}");
    assert!(vault.audit_verify(None).expect("verified").is_clean());
}

#[test]
fn a_full_disk_refuses_a_change_and_the_same_handle_goes_on_when_there_is_room() {
    let Some(programs) = programs() else { return };
    let Some(server) = Server::start_with(&programs, Some("160m")) else {
        eprintln!("not tried: this system does not let the test mount a disk in memory");
        return;
    };
    let database = server.database();
    Hub::init(&server.address(&database)).expect("a hub");
    let vault =
        Vault::open_hub(&server.address(&database), VaultOptions::default().with_engine(engine())).expect("a hub");
    let new = |number: u32| NewPerson {
        id: PersonId::new(format!("p{number}")).ok(),
        images: (0..5).map(|n| photo(10 * number + n)).collect(),
        notes: Some("n".repeat(4_000)),
        ..NewPerson::named("N")
    };
    vault.with_mixed_photos(true).create_person(&new(0)).expect("added");
    server.tell("fill");
    let mut added = 1;
    let error = loop {
        match vault.with_mixed_photos(true).create_person(&new(added)) {
            Ok(_) => added += 1,
            Err(error) => break error,
        }
        assert!(added < 2_000, "the disk is full");
    };
    assert!(is_told(&error), "{error}");
    server.tell("free");
    // A server whose log had no space left may have stopped.
    let until = Instant::now() + Duration::from_secs(20);
    while vault.persons(&Default::default()).is_err() {
        assert!(Instant::now() < until, "the server is back");
        server.tell("start");
        thread::sleep(Duration::from_millis(200));
    }
    let total = vault.persons(&Default::default()).expect("a page").total;
    let unknown = u64::from(error.kind() == ErrorKind::OutcomeUnknown);
    assert!((u64::from(added)..=u64::from(added) + unknown).contains(&total), "{total} of {added}");
    vault.with_mixed_photos(true).create_person(&new(5_000)).expect("there is room again");
    assert!(vault.check().expect("checked").is_clean());
}

#[test]
fn a_hub_that_was_put_back_is_searched_as_it_is_now() {
    let Some(server) = Server::shared() else { return };
    let database = server.hub();
    let open =
        || Vault::open_hub(&server.address(&database), VaultOptions::default().with_engine(engine())).expect("a hub");
    let add = |vault: &Vault, id: &str, seed: u32| {
        let new = NewPerson { id: PersonId::new(id).ok(), images: vec![photo(seed)], ..NewPerson::named("N") };
        vault.create_person(&new).expect("added");
    };
    let found = |vault: &Vault, seed: u32| {
        let options = IdentifyOptions::default()
            .with_operating_point(OperatingPoint::similarity(0.999_999).expect("a similarity"));
        let answer = vault.identify(&[photo(seed)][..], &options).expect("searched");
        answer.candidates.first().map(|found| found.person.to_string())
    };
    for seen_meanwhile in [false, true] {
        let (copy, mark) = (format!("{database}_copy"), u32::from(seen_meanwhile) * 1_000);
        let vault = open();
        add(&vault, &format!("kept{mark}"), mark);
        assert_eq!(found(&vault, mark), Some(format!("kept{mark}")));
        server.copy(&database, &copy);
        add(&vault, &format!("lost{mark}"), mark + 1);
        add(&vault, &format!("also{mark}"), mark + 2);
        if seen_meanwhile {
            assert_eq!(found(&vault, mark + 1), Some(format!("lost{mark}")));
        }
        // The numbers of the two who were lost are given to others.
        server.restore(&database, &copy);
        let other = open();
        add(&other, &format!("new{mark}"), mark + 11);
        add(&other, &format!("more{mark}"), mark + 12);
        for searching in [vault.clone(), vault.with_search_in(SearchIn::Hub)] {
            assert_eq!(found(&searching, mark), Some(format!("kept{mark}")));
            assert_eq!((found(&searching, mark + 1), found(&searching, mark + 2)), (None, None));
            assert_eq!(found(&searching, mark + 11), Some(format!("new{mark}")));
        }
        add(&vault, &format!("last{mark}"), mark + 13);
        assert_eq!(
            (found(&vault, mark + 13), found(&vault, mark + 12)),
            (Some(format!("last{mark}")), Some(format!("more{mark}")))
        );
    }
}

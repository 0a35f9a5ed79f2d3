//! A hub that searches by itself answers as a gallery in memory does.

use std::ops::ControlFlow;

use facevault::{
    CollectionId, Engine, ErrorKind, FaceEncoding, HubIndexOptions, IdentifyOptions, NewCollection, NewPerson,
    OperatingPoint, PersonId, PersonUpdate, SearchIn, Status, Step, Vault, VaultOptions,
};

use super::super::fakes::{DIMENSION, engine_of, engine_with_table, photo};
use super::Fleet;

/// Numbers between -1 and 1, the same for the same seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn encoding(&mut self, engine: &Engine) -> FaceEncoding {
        let vector: Vec<f32> = (0..DIMENSION).map(|_| self.next()).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        FaceEncoding::new(engine.model(), vector.into_iter().map(|x| x / length).collect::<Vec<_>>())
            .expect("an encoding")
    }
}

fn id(n: usize) -> PersonId {
    PersonId::new(format!("p{n}")).expect("an id")
}

/// Adds people of every kind: with no encoding and with up to three, active and inactive, in collections and in none.
fn fill(vault: &Vault, engine: &Engine, people: usize) {
    let mut noise = Noise(1);
    for name in ["few", "many"] {
        let id = CollectionId::new(name).ok();
        vault.create_collection(&NewCollection { id, ..NewCollection::named(name) }).expect("a collection");
    }
    let everybody: Vec<NewPerson> = (0..people)
        .map(|n| NewPerson {
            id: Some(id(n)),
            encodings: (0..n % 4).map(|_| noise.encoding(engine)).collect(),
            status: if n % 17 == 3 { Status::Inactive } else { Status::Active },
            collections: [(n % 10 == 0, "few"), (n % 3 > 0, "many")]
                .into_iter()
                .filter(|(is_in, _)| *is_in)
                .map(|(_, name)| name.to_owned())
                .collect(),
            ..NewPerson::named("N")
        })
        .collect();
    let outcomes = vault.create_persons(&everybody, &Default::default(), &mut ()).expect("created");
    assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
}

fn count(fleet: &Fleet, select: &str) -> i64 {
    fleet.server.client(&fleet.database).query_one(select, &[]).expect("counted").get(0)
}

/// A threshold that does not depend on how many people are searched.
fn fixed() -> IdentifyOptions {
    IdentifyOptions::default().with_operating_point(OperatingPoint::fmr(0.01).expect("a rate"))
}

fn asked() -> Vec<IdentifyOptions> {
    let all = fixed().with_below_threshold(true);
    let strict = OperatingPoint::fpir(0.3).expect("a rate");
    vec![
        all.clone(),
        all.clone().with_max_results(1),
        all.clone().with_max_results(700),
        all.clone().with_collections(vec!["few".to_owned()]),
        all.clone().with_collections(vec!["few".to_owned(), "many".to_owned()]).with_max_results(3),
        all.with_collections(Vec::new()),
        IdentifyOptions::default().with_operating_point(strict),
    ]
}

#[test]
fn a_hub_finds_whom_a_gallery_in_memory_finds() {
    let Some(fleet) = Fleet::new() else { return };
    let engine = engine_with_table();
    let memory = Vault::open_hub(&fleet.address(), VaultOptions::default().with_engine(engine.clone())).expect("a hub");
    let hub = memory.with_search_in(SearchIn::Hub);
    let mut noise = Noise(2);
    let probes: Vec<FaceEncoding> = (0..5).map(|_| noise.encoding(&engine)).collect();
    let same = |probes: &[FaceEncoding]| {
        for options in asked() {
            let found = hub.identify_encodings(probes, &options).expect("searched");
            assert_eq!(found, memory.identify_encodings(probes, &options).expect("searched"), "{options:?}");
        }
    };
    // Before anybody is there, and before the hub knows the model.
    for vault in [&hub, &memory] {
        let nobody = vault.identify_encodings(&probes, &fixed()).expect("searched");
        assert!(nobody.iter().all(|answer| answer.candidates.is_empty() && answer.people_searched == 0));
    }
    fill(&memory, &engine, 600);
    same(&probes);
    // What changes is seen at once, as in memory.
    memory.remove_person(&id(5)).expect("removed");
    let inactive = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
    memory.update_person(&id(6), &inactive).expect("updated");
    let left = PersonUpdate { collections: Some(Vec::new()), ..PersonUpdate::default() };
    memory.update_person(&id(10), &left).expect("updated");
    same(&probes);
    // Somebody's own encoding finds that person.
    let own = memory.person(&id(7)).expect("there").images[0].encoding.clone().expect("an encoding");
    assert_eq!(hub.identify_encoding(&own, &fixed()).expect("searched").candidates[0].person, id(7));
    // Another client has nobody, and another model is refused alike.
    let other = memory.add_client(&facevault::ClientId::new("other").expect("an id")).expect("a client");
    let elsewhere = other.with_search_in(SearchIn::Hub).identify_encoding(&own, &fixed());
    assert_eq!(elsewhere.expect("searched").people_searched, 0);
    let foreign = Noise(3).encoding(&engine_of(9));
    for vault in [&hub, &memory] {
        let refused = vault.identify_encoding(&foreign, &fixed()).expect_err("another model");
        assert_eq!(refused.kind(), ErrorKind::ModelMismatch);
    }
}

#[test]
fn a_hub_that_was_encoded_anew_gives_its_new_model() {
    let Some(fleet) = Fleet::new() else { return };
    let old = Vault::open_hub(&fleet.address(), VaultOptions::default().with_engine(engine_of(1))).expect("a hub");
    for n in 0..3 {
        let new = NewPerson { id: Some(id(n as usize)), images: vec![photo(n)], ..NewPerson::named("N") };
        old.create_person(&new).expect("added");
    }
    let engine = engine_of(2);
    let hub = Vault::open_hub(&fleet.address(), VaultOptions::default().with_engine(engine.clone())).expect("a hub");
    let refused = hub.identify(&vec![photo(1)], &fixed()).expect_err("nobody has an encoding by it yet");
    assert_eq!(refused.kind(), ErrorKind::ModelMismatch);
    let done = hub.reencode(&Default::default(), &mut ()).expect("encoded");
    assert_eq!((done.encoded, done.is_active, done.unencoded.len()), (3, true, 0));
    assert_eq!(hub.active_model().expect("a model").map(|model| model.id), Some(engine.model()));
    // A vault that has no model takes the hub's present one, and finds people by it.
    let kiosk = fleet.vault_with("kiosk", VaultOptions::default());
    fleet.sync(&kiosk);
    assert_eq!(kiosk.active_model().expect("a model").map(|model| model.id), Some(engine.model()));
    let own = kiosk.person(&id(2)).expect("there").images[0].encoding.clone().expect("an encoding");
    for vault in [&kiosk, &hub, &hub.with_search_in(SearchIn::Hub)] {
        let options = fixed().with_operating_point(OperatingPoint::similarity(0.99).expect("a similarity"));
        let found = vault.identify_encoding(&own, &options).expect("searched");
        assert_eq!(found.candidates.first().map(|first| &first.person), Some(&id(2)));
    }
    assert!(hub.check().expect("checked").is_clean());
}

#[test]
fn an_index_finds_nearly_all_and_is_left_out_once_it_is_dropped() {
    let Some(fleet) = Fleet::new() else { return };
    let engine = engine_with_table();
    let memory = Vault::open_hub(&fleet.address(), VaultOptions::default().with_engine(engine.clone())).expect("a hub");
    let hub = memory.with_search_in(SearchIn::Hub);
    let mut connection = fleet.hub();
    let nothing = connection.build_index(&HubIndexOptions::default(), &mut ()).expect_err("nothing is there");
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    fill(&memory, &engine, 1_000);
    for options in [
        HubIndexOptions::default().with_neighbors(1),
        HubIndexOptions::default().with_candidates(20),
        HubIndexOptions::default().with_neighbors(101),
    ] {
        let refused = connection.build_index(&options, &mut ()).expect_err("out of range");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
    let mut owner = fleet.server.client(&fleet.database);
    let mut build_with = |dimension: i32| {
        owner.execute("UPDATE facevault.models SET dimension = $1", &[&dimension]).expect("changed");
        connection.build_index(&HubIndexOptions::default(), &mut ())
    };
    let too_wide = build_with(4_001).expect_err("more components than pgvector puts in an index");
    assert_eq!(too_wide.kind(), ErrorKind::Invalid);
    assert!(too_wide.to_string().contains("4001 components"), "{too_wide}");
    build_with(DIMENSION as i32).expect("built");
    connection.drop_index().expect("dropped");
    assert_eq!(connection.status().expect("a status").index_bytes, None);
    let built = connection.build_index(&HubIndexOptions::default(), &mut ()).expect("built");
    assert_eq!(Some(built.bytes), connection.status().expect("a status").index_bytes);
    let plan =
        "SELECT COUNT(*) FROM pg_index WHERE indexrelid = to_regclass('facevault.encodings_near_1') AND indisvalid";
    assert_eq!(count(&fleet, plan), 1);

    let mut noise = Noise(4);
    let probes: Vec<FaceEncoding> = (0..200).map(|_| noise.encoding(&engine)).collect();
    let options = fixed().with_below_threshold(true).with_max_results(3);
    let (by_index, exact) = (
        hub.identify_encodings(&probes, &options).expect("searched"),
        memory.identify_encodings(&probes, &options).expect("searched"),
    );
    let agree = by_index.iter().zip(&exact).filter(|(a, b)| a.candidates == b.candidates).count();
    assert!(agree >= 198, "{agree} of 200 are the same");
    for (a, b) in by_index.iter().zip(&exact) {
        assert_eq!((a.people_searched, a.threshold), (b.people_searched, b.threshold));
    }
    // Few of many, by the index too.
    let few = options.with_collections(vec!["few".to_owned()]);
    let found = hub.identify_encodings(&probes[..20], &few).expect("searched");
    assert!(found.iter().all(|answer| answer.candidates.len() == 3), "the index is searched until there are enough");
    // Whoever comes is in the index.
    let own = noise.encoding(&engine);
    let new = NewPerson { id: Some(id(5_000)), encodings: vec![own.clone()], ..NewPerson::named("N") };
    memory.create_person(&new).expect("added");
    assert_eq!(hub.identify_encoding(&own, &fixed()).expect("searched").candidates[0].person, id(5_000));

    // A second one takes its place; one that is broken off leaves it.
    connection.build_index(&HubIndexOptions::default().with_neighbors(8), &mut ()).expect("built again");
    let mut stop = |_: Step<'_>| ControlFlow::Break(());
    let broken = connection.build_index(&HubIndexOptions::default(), &mut stop);
    assert!(broken.is_ok() || broken.is_err_and(|error| error.kind() == ErrorKind::Cancelled));
    let indexes = "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = 'facevault' AND indexname LIKE 'encodings_near%'";
    assert_eq!(count(&fleet, indexes), 1);
    assert!(connection.drop_index().expect("dropped") && !connection.drop_index().expect("nothing to drop"));
    assert_eq!(
        hub.identify_encodings(&probes, &few).expect("searched"),
        memory.identify_encodings(&probes, &few).expect("searched")
    );
}

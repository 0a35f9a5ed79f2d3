//! Many people out of a vault and into another: what comes back is what went out.

mod hostile;
mod photos;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use facevault::transfer::{
    self, Arrived, ExportOptions, Exported, Form, ImportOptions, Imported, Source, SourceOptions,
};
use facevault::{
    AuditPolicy, AuditQuery, AuditScope, DateOfBirth, Error, ErrorKind, FaceEncoding, Gender, ImageBytes, ImagesUpdate,
    ModelId, NewCollection, NewPerson, Person, PersonId, PersonQuery, PersonUpdate, Status, Vault, VaultKey,
    VaultOptions,
};
use proptest::prelude::*;

use super::fakes::{engine, photo};
use super::scratch::Numbers;

/// All that an export holds of a person.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    id: String,
    fields: Vec<Option<String>>,
    attributes: BTreeMap<String, String>,
    collections: Vec<String>,
    images: Vec<(Option<ImageBytes>, Option<FaceEncoding>)>,
}

fn known(person: &Person) -> Known {
    Known {
        id: person.id.to_string(),
        fields: vec![
            Some(person.name.clone()),
            person.gender.map(|gender| gender.as_str().to_owned()),
            person.date_of_birth.map(|date| date.to_string()),
            person.nationality.clone(),
            person.notes.clone(),
            Some(person.status.as_str().to_owned()),
            person.expires_at.map(|time| time.to_string()),
        ],
        attributes: person.attributes.clone(),
        collections: person.collections.iter().map(ToString::to_string).collect(),
        images: person.images.iter().map(|image| (image.bytes.clone(), image.encoding.clone())).collect(),
    }
}

/// Everybody in a vault, oldest first.
fn everybody(vault: &Vault) -> Vec<Known> {
    let list = vault.persons(&PersonQuery::default().with_limit(1_000)).expect("a list");
    assert_eq!(list.total as usize, list.items.len());
    list.items.iter().map(|person| known(&vault.person(&person.id).expect("a person"))).collect()
}

/// Ids, names and descriptions of a vault's collections.
fn collections(vault: &Vault) -> Vec<(String, String, Option<String>)> {
    let mut all: Vec<_> = vault
        .collections()
        .expect("a list")
        .into_iter()
        .map(|collection| (collection.id.to_string(), collection.name, collection.description))
        .collect();
    all.sort();
    all
}

fn in_memory() -> Vault {
    Vault::in_memory(VaultOptions::default()).expect("a vault")
}

fn with_engine() -> Vault {
    Vault::in_memory(VaultOptions::default().with_engine(engine())).expect("a vault")
}

fn export(vault: &Vault, path: &Path, form: &Form) -> Exported {
    transfer::export(vault, path, form, &ExportOptions::default(), &mut ()).expect("exported")
}

fn source(path: &Path) -> Source {
    Source::open(path, &SourceOptions::default(), &mut ()).expect("a source")
}

/// Imports, and gives the kind of error of each person who was not added.
fn import(vault: &Vault, path: &Path, options: &ImportOptions) -> (Imported, Vec<ErrorKind>) {
    let mut refused = Vec::new();
    let imported = transfer::import(vault, source(path), options, &mut (), |arrival| {
        refused.extend(arrival.outcome.as_ref().err().map(Error::kind));
        ControlFlow::Continue(())
    });
    (imported.expect("imported"), refused)
}

/// Imports everybody.
fn import_all(vault: &Vault, path: &Path) -> Imported {
    let (imported, refused) = import(vault, path, &ImportOptions::default());
    assert_eq!((refused, imported.is_stopped), (Vec::new(), false));
    imported
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = super::scratch::folder();
    let path = folder.path().join("out");
    (folder, path)
}

/// Texts that a table could spoil.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,12}",
        "['=+@;,\"\r\n\t-]{1,4}\\PC{0,6}",
        Just("none".to_owned()),
        Just("=HYPERLINK(\"http://x\";\"y\")".to_owned()),
        Just("\u{feff}x".to_owned()),
        Just("0012".to_owned()),
        Just("{\"a\":1}".to_owned()),
    ]
}

fn a_name() -> impl Strategy<Value = String> {
    text()
        .prop_filter("a name can be seen", |name| NewPerson::named(name.clone()).validate(&Default::default()).is_ok())
}

/// A person and what comes to them later: an encoding without a photo, then a photo.
#[derive(Debug, Clone)]
struct Plan {
    name: String,
    other: Option<String>,
    notes: Option<String>,
    choice: u8,
    attributes: BTreeMap<String, String>,
    photos: Vec<u32>,
    given: Vec<u32>,
    later: Vec<u32>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let few = || prop::collection::vec(0..40u32, 0..3);
    let attributes = prop::collection::btree_map("[a-z0-9_.-]{1,4}", prop_oneof![text(), Just(String::new())], 0..4);
    (a_name(), prop::option::of(a_name()), prop::option::of(text()), any::<u8>(), attributes, few(), few(), few())
        .prop_map(|(name, other, notes, choice, attributes, photos, given, later)| Plan {
            name,
            other,
            notes,
            choice,
            attributes,
            photos,
            given,
            later,
        })
}

fn encoding(seed: u32) -> FaceEncoding {
    let vector: Vec<f32> = (0..12).map(|at| ((seed * 12 + at) as f32).sin() * 40.0).collect();
    FaceEncoding::new(ModelId::from_bytes([1; 16]), vector).expect("finite")
}

fn fill(vault: &Vault, plans: &[Plan]) {
    for (id, description) in [("staff", None), ("-guests", Some("=a\n\"b\"")), ("empty", None)] {
        let description = description.map(str::to_owned);
        let id = Some(facevault::CollectionId::new(id).expect("an id"));
        vault
            .create_collection(&NewCollection { id, description, ..NewCollection::named("+ staff") })
            .expect("created");
    }
    for (at, plan) in plans.iter().enumerate() {
        let bit = |bit: u8| plan.choice & (1 << bit) != 0;
        let names = [("staff", bit(0)), ("-guests", bit(1))];
        let new = NewPerson {
            id: bit(2).then(|| PersonId::new(format!("-P_{at}")).expect("an id")),
            name: plan.name.clone(),
            gender: bit(3).then_some(Gender::Female),
            date_of_birth: bit(4)
                .then(|| DateOfBirth::new(1 + 37 * i16::from(plan.choice % 50), 2, 3).expect("a date")),
            nationality: plan.other.clone(),
            notes: plan.notes.clone(),
            status: [Status::Active, Status::Inactive, Status::Pending][usize::from(plan.choice % 3)],
            expires_at: bit(5).then(|| "2031-01-31T01:02:03.000004Z".parse().expect("a time")),
            attributes: plan.attributes.clone(),
            collections: names.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| (*name).to_owned()).collect(),
            images: plan.photos.iter().map(|seed| photo(*seed)).collect(),
            encodings: plan.given.iter().map(|seed| encoding(*seed)).collect(),
        };
        let person = vault.create_person(&new).expect("a person");
        let update = |images| PersonUpdate { images, ..PersonUpdate::default() };
        let add = plan.later.iter().map(|seed| photo(*seed)).collect();
        vault.update_person(&person.id, &update(ImagesUpdate::Edit { remove: Vec::new(), add })).expect("updated");
        vault.update_person(&person.id, &update(ImagesUpdate::AddEncodings(vec![encoding(99)]))).expect("updated");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn an_import_of_an_export_gives_the_same_people(plans in prop::collection::vec(plan(), 0..5)) {
        let vault = with_engine();
        fill(&vault, &plans);
        let expected = everybody(&vault);
        let (_folder, path) = folder();
        let exported = export(&vault, &path, &Form::Folder);
        prop_assert_eq!(exported.people as usize, expected.len());

        // Nothing is encoded: there is no engine.
        let other = in_memory();
        import_all(&other, &path);
        prop_assert_eq!(everybody(&other), expected.clone());
        prop_assert_eq!(collections(&other), collections(&vault));
        prop_assert!(other.check().expect("a check").is_clean());
        if exported.encodings > 0 {
            prop_assert_eq!(other.active_model().expect("read"), vault.active_model().expect("read"));
        }

        // So does a bundle.
        let key = VaultKey::raw([5; 32]);
        let bundle = path.with_extension("bundle");
        prop_assert_eq!(export(&vault, &bundle, &Form::Bundle(key.clone())), exported);
        let other = in_memory();
        let options = SourceOptions::default().with_key(key);
        let opened = Source::open(&bundle, &options, &mut ()).expect("whole");
        let told = |_: &transfer::Arrival<'_>| ControlFlow::Continue(());
        let imported = transfer::import(&other, opened, &ImportOptions::default(), &mut (), told).expect("imported");
        prop_assert_eq!((imported.added as usize, imported.not_added), (expected.len(), 0));
        prop_assert_eq!(everybody(&other), expected.clone());
        prop_assert_eq!(collections(&other), collections(&vault));

        // A table has the fields.
        let table = path.with_extension("csv");
        export(&vault, &table, &Form::Csv);
        let other = in_memory();
        let options = ImportOptions::default().with_create_collections(true);
        let (imported, refused) = import(&other, &table, &options);
        prop_assert_eq!((imported.added as usize, refused), (expected.len(), Vec::new()));
        // Collections are in the order in which they were created.
        let without = |known: &Known| {
            let mut collections = known.collections.clone();
            collections.sort();
            Known { images: Vec::new(), collections, ..known.clone() }
        };
        let found: Vec<_> = everybody(&other).iter().map(without).collect();
        prop_assert_eq!(found, expected.iter().map(without).collect::<Vec<_>>());
    }
}

/// So many people with fields, photos and encodings.
fn some_people(vault: &Vault, count: u32) {
    let mut numbers = Numbers(7);
    let plans: Vec<Plan> = (0..count)
        .map(|at| Plan {
            name: format!("Person {at}"),
            other: None,
            notes: Some("x".repeat(numbers.below(40))).filter(|notes| !notes.is_empty()),
            choice: 0b101 | (numbers.below(256) as u8 & 0b1111_1000),
            attributes: BTreeMap::from([("badge".to_owned(), at.to_string())]),
            photos: vec![at],
            given: Vec::new(),
            later: Vec::new(),
        })
        .collect();
    fill(vault, &plans);
}

#[test]
fn parts_are_left_out_as_asked() {
    let vault = with_engine();
    some_people(&vault, 6);
    vault
        .update_person(
            &PersonId::new("-P_1").expect("an id"),
            &PersonUpdate { collections: Some(vec![]), ..PersonUpdate::default() },
        )
        .expect("updated");
    let whole = everybody(&vault);
    let (_folder, path) = folder();
    for (photos, encodings, collection) in [
        (true, true, None),
        (false, true, None),
        (true, false, None),
        (false, false, None),
        (true, true, Some("staff")),
    ] {
        let options = ExportOptions::default()
            .with_photos(photos)
            .with_encodings(encodings)
            .with_collection(collection.map(str::to_owned))
            .with_replace(true);
        let exported = transfer::export(&vault, &path, &Form::Folder, &options, &mut ()).expect("exported");
        let expected: Vec<Known> = whole
            .iter()
            .filter(|known| collection.is_none() || !known.collections.is_empty())
            .map(|known| {
                let images = known.images.iter().map(|(photo, encoding)| {
                    (photo.clone().filter(|_| photos), encoding.clone().filter(|_| encodings))
                });
                let images = images.filter(|(photo, encoding)| photo.is_some() || encoding.is_some()).collect();
                Known { images, ..known.clone() }
            })
            .collect();
        assert_eq!(exported.people as usize, expected.len());
        assert!(photos || !path.join("people").exists());
        assert_eq!(encodings, path.join("encodings.bin").exists());
        let other = if encodings { in_memory() } else { with_engine() };
        import_all(&other, &path);
        let mut found = everybody(&other);
        if photos && !encodings {
            // They were encoded again, and so got encodings; those without a photo are gone.
            assert!(found.iter().flat_map(|known| &known.images).all(|(_, encoding)| encoding.is_some()));
            found.iter_mut().flat_map(|known| &mut known.images).for_each(|image| image.1 = None);
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(found, expected);
        assert_eq!(collections(&other).len(), if collection.is_some() { 1 } else { 3 });
    }
    let options = ExportOptions::default().with_collection("nowhere".to_owned()).with_replace(true);
    let error = transfer::export(&vault, &path, &Form::Folder, &options, &mut ()).expect_err("no such collection");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(path.join("people.csv").exists(), "the export before is still there");
}

#[test]
fn an_export_is_noted_where_searches_are_noted() {
    let vault = with_engine();
    some_people(&vault, 3);
    let (_folder, path) = folder();
    let noted = |vault: &Vault| {
        let query = AuditQuery::default().with_kinds(vec!["exported".to_owned()]);
        vault
            .audit(&query)
            .expect("a trail")
            .entries
            .into_iter()
            .map(|entry| format!("{:?}", entry.event))
            .collect::<Vec<_>>()
    };
    export(&vault, &path, &Form::Folder);
    assert_eq!(noted(&vault), Vec::<String>::new());
    vault.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All)).expect("set");
    let options = ExportOptions::default().with_photos(false).with_replace(true);
    // Also where it is broken off.
    let mut stop = |step: facevault::Step<'_>| match step.what {
        "exporting people" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let error = transfer::export(&vault, &path, &Form::Folder, &options, &mut stop).expect_err("stopped");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(noted(&vault), ["Exported { people: 3, photos: false, encodings: true }"]);
    let left: Vec<_> = std::fs::read_dir(path.parent().expect("a folder")).expect("listed").collect();
    assert_eq!(left.len(), 1, "{left:?}");

    let file = path.with_extension("vault");
    vault.backup(&file, &mut ()).expect("a copy");
    let reading = Vault::open_read_only(&file, VaultOptions::default()).expect("opened");
    let error = transfer::export(&reading, path.with_extension("csv"), &Form::Csv, &options, &mut ());
    assert_eq!(error.expect_err("it could not be noted").kind(), ErrorKind::Unsupported);
    assert!(!path.with_extension("csv").exists());
}

#[test]
fn an_import_that_was_stopped_goes_on_where_it_was() {
    let vault = with_engine();
    some_people(&vault, 40);
    let (_folder, path) = folder();
    let without = ExportOptions::default().with_encodings(false);
    transfer::export(&vault, &path, &Form::Folder, &without, &mut ()).expect("exported");
    let engine = engine();
    let other = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    let options = ImportOptions::default().with_skip_existing(true);
    let mut stop = |step: facevault::Step<'_>| match step.what {
        "encoding photos" if step.done >= 25 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let told = |_: &transfer::Arrival<'_>| ControlFlow::Continue(());
    let first = transfer::import(&other, source(&path), &options, &mut stop, told).expect("stopped");
    assert!(first.is_stopped && first.added >= 20 && first.added < 40, "{first:?}");
    let encoded = engine.encoded();
    let mut reasons = Vec::new();
    let second = transfer::import(&other, source(&path), &options, &mut (), |arrival| {
        reasons.push(format!("{:?}", arrival.outcome));
        ControlFlow::Continue(())
    });
    let second = second.expect("imported");
    assert_eq!((second.added + first.added, second.passed_over), (40, first.added), "{reasons:?}");
    assert_eq!(engine.encoded() - encoded, second.added, "nobody who was there was encoded again");
    assert_eq!(everybody(&other).len(), 40);
}

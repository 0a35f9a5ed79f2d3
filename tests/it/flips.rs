//! One bit of a vault flips, anywhere: no answer is wrong without an error, unless a check finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use facevault::{
    Access, AuditPolicy, AuditQuery, AuditScope, ChangesSince, ClientId, CompareOptions, DateOfBirth,
    DuplicatesOptions, ErrorKind, FaceEncoding, Gender, IdentifyOptions, ImageBytes, ImageId, ImagesUpdate,
    NewCollection, NewPerson, OperatingPoint, Patch, PersonId, PersonQuery, PersonUpdate, ReencodeOptions, Result,
    RetentionPolicy, Status, Vault, VaultOptions,
};
use image::{Rgb, RgbImage};

use super::fakes::{DIMENSION, engine, engine_of};
use super::scratch::{self, HowFar};

/// Flips in a quick run; `FACEVAULT_FLIPS` asks for another number.
const FLIPS: usize = 300;

/// A photo of four colours: a small file.
fn photo(seed: u32) -> ImageBytes {
    let colour = |part: u32| {
        let value = (4 * seed + part).wrapping_mul(2_654_435_761);
        Rgb([(value >> 24) as u8, (value >> 16) as u8, (value >> 8) as u8])
    };
    let mut picture = RgbImage::from_fn(96, 96, |x, y| colour(u32::from(x >= 18) + 2 * u32::from(y >= 42)));
    picture.put_pixel(0, 0, Rgb([1, 0, 0]));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).expect("a PNG in memory");
    bytes.into()
}

/// A vector that resembles no other seed's.
fn encoding(vault: &Vault, seed: u32) -> FaceEncoding {
    let component = |i: u32| (seed.wrapping_mul(97).wrapping_add(i).wrapping_mul(7919) % 1009) as f32 - 504.0;
    let model = vault.active_model().expect("a read").expect("a model").id;
    FaceEncoding::new(model, (0..DIMENSION as u32).map(component).collect::<Vec<_>>()).expect("finite")
}

/// What is asked of a vault: names that no flip can change.
struct Questions {
    clients: Vec<ClientId>,
    people: Vec<(ClientId, PersonId, Vec<ImageId>)>,
    gone: Vec<(ClientId, PersonId)>,
    collections: Vec<(ClientId, String)>,
    secrets: Vec<String>,
    probes: Vec<FaceEncoding>,
}

/// A vault in which no table is empty, and whose larger ones fill several pages.
fn filled(path: &Path) -> Result<Questions> {
    let first = Vault::create(path, VaultOptions::default().with_engine(engine()))?;
    let clients = vec![first.client().clone(), ClientId::new("acme-gmbh")?, ClientId::new("zoo")?];
    let mut people = Vec::new();
    let mut gone = Vec::new();
    let mut collections = Vec::new();
    let mut secrets = Vec::new();
    let mut seed = 0;
    for (place, client) in clients.iter().enumerate() {
        let vault = if place == 0 { first.for_client(client)? } else { first.add_client(client)? };
        let mut codes = Vec::new();
        for name in ["Staff", "Visitors"] {
            let id = Some(format!("{}-{place}", name.to_lowercase()).parse()?);
            let description = Some(format!("{name} of {client}"));
            let new = vault.create_collection(&NewCollection { id, description, ..NewCollection::named(name) })?;
            codes.push(new.code.clone());
            collections.extend([(client.clone(), new.id.to_string()), (client.clone(), new.code)]);
        }
        for _ in 0..2 {
            secrets.push(vault.create_token(None)?.0.reveal());
        }
        vault.revoke_token(&vault.tokens()?[1].id)?;
        for number in 0..[60, 25, 15][place] {
            seed += 1;
            let is_long = number % 3 == 0;
            let images = if number % 10 == 0 { vec![photo(seed)] } else { Vec::new() };
            let encodings: Vec<FaceEncoding> = if number % 10 == 0 && number % 20 != 0 || number == 1 && place == 0 {
                Vec::new()
            } else {
                let model = vault.active_model()?;
                model
                    .map(|_| (0..1 + seed % 2).map(|n| encoding(&vault, 1000 * n + seed)).collect())
                    .unwrap_or_default()
            };
            let id = if is_long { format!("person-{place}-{number:040}") } else { format!("p{place}-{number}") };
            let new = NewPerson {
                id: Some(PersonId::new(id)?),
                gender: [None, Some(Gender::Female), Some(Gender::Male)][number % 3],
                date_of_birth: (number % 2 == 0).then(|| DateOfBirth::new(1990, 5, 17)).transpose()?,
                nationality: is_long.then(|| "Austrian".to_owned()),
                notes: is_long.then(|| format!("What there is to say of number {number}. ").repeat(9)),
                collections: codes.iter().skip(number % 3).cloned().collect(),
                attributes: (0..number % 3).map(|key| (format!("key{key}"), format!("value {number}"))).collect(),
                status: if number % 11 == 7 { Status::Inactive } else { Status::Active },
                expires_at: (number % 6 == 0).then(|| "2090-01-31T00:00:00Z".parse().expect("a time")),
                images,
                encodings,
                ..NewPerson::named(format!("Zoë Nummer {number}"))
            };
            let person = vault.create_person(&new)?;
            if number % 9 == 8 {
                vault.remove_person(&person.id)?;
                gone.push((client.clone(), person.id));
                continue;
            }
            if number % 7 == 3 {
                let images = ImagesUpdate::AddEncodings(vec![encoding(&vault, 5000 + seed)]);
                let update = PersonUpdate { notes: Patch::Set("changed".into()), images, ..PersonUpdate::default() };
                vault.update_person(&person.id, &update)?;
            }
            let images = vault.person(&person.id)?.images.into_iter().map(|image| image.id).collect();
            people.push((client.clone(), person.id, images));
        }
    }
    // Encodings by two models: those of the first stay, and persons with photos have one by the second.
    let probe = |seed| encoding(&first, seed);
    let probes = vec![probe(1003), probe(5_000_000)];
    let other = Vault::open(path, VaultOptions::default().with_engine(engine_of(2)))?;
    other.reencode(&ReencodeOptions::default().with_keep_old(true), &mut ())?;
    // Somebody was seen, while searches were noted.
    other.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All).with_searches_at_once(true))?;
    let (_, seen, _) = people.iter().find(|(client, ..)| client == other.client()).expect("a person");
    let own = other.encodings()?.iter().find(|entry| entry.person == *seen).expect("an encoding").encoding.to_owned();
    other.verify_encoding(seen, &own, &similar())?;
    other.set_audit_policy(&AuditPolicy::default())?;
    assert!(other.last_seen(seen)?.is_some());
    other.set_retention(&RetentionPolicy::default().with_expired(true))?;
    Ok(Questions { clients, people, gone, collections, secrets, probes })
}

/// Asks for a similarity, since the model has no table.
fn similar() -> CompareOptions {
    CompareOptions::default().with_operating_point(OperatingPoint::similarity(0.9).expect("a similarity"))
}

/// An answer: what was said, or that it could not be said.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Said(String),
    Refused(ErrorKind),
}

impl Answer {
    fn of<T>(asked: Result<T>, said: impl FnOnce(T) -> String) -> Self {
        match asked {
            Ok(answer) => Self::Said(said(answer)),
            Err(error) => Self::Refused(error.kind()),
        }
    }

    /// Whether it says that something is wrong with the vault.
    fn tells(&self) -> bool {
        matches!(self, Self::Refused(ErrorKind::Corrupt | ErrorKind::Io | ErrorKind::Unsupported))
    }
}

fn json<T: serde::Serialize>(value: T) -> String {
    serde_json::to_string(&value).expect("JSON")
}

/// Every reading verb, each question with its answer; nothing where the vault cannot be opened.
fn answers(path: &Path, asked: &Questions) -> Result<BTreeMap<String, Answer>> {
    let opened = Vault::open(path, VaultOptions::default())?;
    let mut answers = BTreeMap::new();
    let mut note = |question: String, answer: Answer| {
        assert!(answers.insert(question.clone(), answer).is_none(), "{question} was asked twice");
    };
    note("default client".into(), Answer::Said(opened.client().to_string()));
    note("model".into(), Answer::of(opened.active_model(), |model| format!("{model:?}")));
    note("audit policy".into(), Answer::of(opened.audit_policy(), |policy| format!("{policy:?}")));
    let trail = opened.audit(&AuditQuery::default().with_limit(1000));
    note("audit".into(), Answer::of(trail, |page| format!("{page:?}")));
    note("retention".into(), Answer::of(opened.retention(), |policy| format!("{policy:?}")));
    for (index, secret) in asked.secrets.iter().enumerate() {
        let granted = |access| match access {
            Access::Granted(vault) => vault.client().to_string(),
            other => format!("{other:?}"),
        };
        note(format!("token {index}"), Answer::of(opened.authenticate(secret), granted));
    }
    for client in &asked.clients {
        let vault = match opened.for_client(client) {
            Ok(vault) => vault,
            Err(error) => {
                note(format!("{client}"), Answer::Refused(error.kind()));
                continue;
            }
        };
        note(format!("{client}"), Answer::Said("a client".into()));
        let point = OperatingPoint::similarity(0.9).expect("a similarity");
        let identify = IdentifyOptions::default().with_operating_point(point).with_below_threshold(true);
        for (index, probe) in asked.probes.iter().enumerate() {
            for named in
                [None, Some(vec![asked.collections.iter().find(|(of, _)| of == client).expect("one").1.clone()])]
            {
                let options = identify.clone().with_collections(named.clone());
                let question = format!("{client} who is {index} {}", named.is_some());
                note(question, Answer::of(vault.identify_encoding(probe, &options), |found| format!("{found:?}")));
            }
        }
        let duplicates = DuplicatesOptions::default().with_operating_point(point);
        note(
            format!("{client} duplicates"),
            Answer::of(vault.duplicates(&duplicates, &mut ()), |found| format!("{found:?}")),
        );
        let entries = |all: facevault::Encodings| {
            let shown =
                all.iter().map(|entry| format!("{} {} {:?};", entry.person, entry.image, entry.encoding.to_bytes()));
            shown.collect::<String>()
        };
        note(format!("{client} encodings"), Answer::of(vault.encodings(), entries));
        note(
            format!("{client} matrix"),
            Answer::of(vault.encoding_matrix(), |matrix| format!("{:?} {:?}", matrix.rows, matrix.data)),
        );
        note(
            format!("{client} unencoded"),
            Answer::of(vault.people_without_encoding(), |people| format!("{people:?}")),
        );
        for since in [0, 20, 60] {
            let changes = |found: ChangesSince| format!("{found:?}");
            note(format!("{client} changes {since}"), Answer::of(vault.changes(since), changes));
        }
        note(format!("{client} collections"), Answer::of(vault.collections(), json));
        note(format!("{client} tokens"), Answer::of(vault.tokens(), json));
        let all = PersonQuery::default().with_limit(1000);
        let attributes: BTreeMap<_, _> = [("key0".to_owned(), "value 4".to_owned())].into();
        let collection = asked.collections.iter().find(|(of, _)| of == client).expect("one").1.clone();
        for (filter, query) in [
            ("all", all.clone()),
            ("active", all.clone().with_status(Status::Active)),
            ("named", all.clone().with_name_contains("NUMMER 1".to_owned())),
            ("born", all.clone().with_date_of_birth(DateOfBirth::new(1990, 5, 17).expect("a date"))),
            ("member", all.clone().with_collection(collection)),
            ("attribute", all.clone().with_attributes(attributes)),
            ("second", all.with_limit(7).with_page(2)),
        ] {
            let listed = vault.persons(&query);
            note(
                format!("{client} list {filter}"),
                Answer::of(listed, |page| format!("{} {}", page.total, json(page.items))),
            );
        }
    }
    for (client, name) in &asked.collections {
        let Ok(vault) = opened.for_client(client) else { continue };
        note(format!("{client} collection {name}"), Answer::of(vault.collection(name), json));
    }
    for (client, person, images) in &asked.people {
        let Ok(vault) = opened.for_client(client) else { continue };
        note(format!("{client} {person}"), Answer::of(vault.person(person), json));
        note(format!("{client} {person} summary"), Answer::of(vault.person_summary(person), json));
        let verified = vault.verify_encoding(person, &asked.probes[0], &similar());
        note(format!("{client} {person} verified"), Answer::of(verified, |found| format!("{found:?}")));
        note(format!("{client} {person} seen"), Answer::of(vault.last_seen(person), |time| format!("{time:?}")));
        for image in images {
            let thumbnail = vault.thumbnail(person, image);
            let question = format!("{client} {person} {image} small");
            note(question, Answer::of(thumbnail, |bytes| format!("{:?}", bytes.as_slice())));
            let photo = vault.photo(person, image);
            note(format!("{client} {person} {image}"), Answer::of(photo, |bytes| format!("{:?}", bytes.as_slice())));
        }
    }
    for (client, person) in &asked.gone {
        let Ok(vault) = opened.for_client(client) else { continue };
        note(format!("{client} {person}, who is gone"), Answer::of(vault.person(person), json));
    }
    Ok(answers)
}

/// What came of a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    NothingChanged,
    FoundByCheckAlone,
    ToldByAnswers,
    RefusedAtOpening,
    /// An answer was wrong without an error, and a check finds the damage.
    WrongButFound,
    Unnoticed,
}

fn outcome(path: &Path, asked: &Questions, right: &BTreeMap<String, Answer>) -> (Outcome, String) {
    let found = match answers(path, asked) {
        Ok(found) => found,
        Err(error) if Answer::Refused(error.kind()).tells() => return (Outcome::RefusedAtOpening, String::new()),
        Err(error) => BTreeMap::from([("opening".to_owned(), Answer::Refused(error.kind()))]),
    };
    let report = Vault::open(path, VaultOptions::default()).and_then(|vault| vault.check());
    // A check that cannot be made says so as well.
    let is_found = report.as_ref().map_or(true, |report| !report.is_clean());
    let told = found.values().any(Answer::tells);
    // Where a client is refused with an error, nothing was asked of it.
    let wrong = right
        .iter()
        .find(|(question, right)| found.get(*question).map_or(!told, |found| found != *right && !found.tells()));
    match wrong {
        Some((question, right)) => {
            let cut = |answer: &str| answer.chars().take(300).collect::<String>();
            let said = found.get(question);
            let what = format!("{question}: {} instead of {}", cut(&format!("{said:?}")), cut(&format!("{right:?}")));
            (if is_found { Outcome::WrongButFound } else { Outcome::Unnoticed }, what)
        }
        None if told => (Outcome::ToldByAnswers, String::new()),
        None if is_found => (Outcome::FoundByCheckAlone, String::new()),
        None => (Outcome::NothingChanged, String::new()),
    }
}

/// Bytes that are not zero, and their neighbours: what is erased or was never used is zero.
fn used(bytes: &[u8]) -> Vec<usize> {
    let is_used = |at: usize| bytes[at.saturating_sub(1)..(at + 2).min(bytes.len())].iter().any(|byte| *byte != 0);
    (0..bytes.len()).filter(|at| is_used(*at)).collect()
}

/// `FACEVAULT_FLIPS=10000 cargo test --test it -- flips:: --nocapture` is the long run.
#[test]
fn no_flipped_bit_changes_an_answer_that_a_check_calls_clean() {
    let folder = scratch::folder();
    let path = folder.path().join("v.facevault");
    let asked = filled(&path).expect("a vault");
    let right = answers(&path, &asked).expect("answers");
    let unanswered: BTreeSet<_> =
        right.iter().filter(|(_, answer)| answer.tells()).map(|(question, _)| question).collect();
    assert!(unanswered.is_empty(), "{unanswered:?}");
    let report = Vault::open(&path, VaultOptions::default()).and_then(|vault| vault.check()).expect("a check");
    assert!(report.is_clean(), "{report:?}");
    let bytes = std::fs::read(&path).expect("a file");
    let used = used(&bytes);

    let asked_for = std::env::var("FACEVAULT_FLIPS").ok().map(|count| count.parse().expect("a number"));
    let flips: usize = asked_for.unwrap_or(FLIPS);
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let places: Vec<(usize, u8)> = (0..flips).map(|_| (used[next(used.len())], 1 << next(8))).collect();
    let (begun, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<Outcome, Vec<String>>::new()));
    let how_far = Mutex::new(HowFar::new(flips, "flips"));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
    let walk = |number: usize| {
        let folder = scratch::folder();
        let path: PathBuf = folder.path().join(format!("v{number}.facevault"));
        let mut damaged = bytes.clone();
        while let Some((place, bit)) = places.get(begun.fetch_add(1, Ordering::Relaxed)) {
            damaged[*place] ^= bit;
            for ending in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(folder.path().join(format!("v{number}.facevault{ending}")));
            }
            std::fs::write(&path, &damaged).expect("written");
            damaged[*place] ^= bit;
            let (outcome, what) = outcome(&path, &asked, &right);
            let what = format!("page {} byte {} bit {bit:#04x}: {what}", place / 8192 + 1, place % 8192);
            results.lock().expect("no panic").entry(outcome).or_default().push(what);
            how_far.lock().expect("no panic").is(begun.load(Ordering::Relaxed).min(flips));
        }
    };
    let walk = &walk;
    std::thread::scope(|scope| (0..threads).for_each(|number| drop(scope.spawn(move || walk(number)))));
    let results = results.into_inner().expect("no panic");
    println!("{flips} flips in {} used bytes of {}, {} answers each:", used.len(), bytes.len(), right.len());
    for (outcome, places) in &results {
        println!("{outcome:?}: {}", places.len());
    }
    for what in results.get(&Outcome::WrongButFound).into_iter().flatten().take(40) {
        println!("  found by the check alone: {what}");
    }
    let unnoticed = results.get(&Outcome::Unnoticed).map_or(&[][..], Vec::as_slice);
    assert!(unnoticed.is_empty(), "{} flips changed an answer unnoticed: {unnoticed:#?}", unnoticed.len());
    assert!(results.keys().len() > 3, "flips have several outcomes: {:?}", results.keys());
}

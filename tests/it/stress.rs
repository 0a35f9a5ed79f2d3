//! Searches while others write: every answer is that of some committed state.
//!
//! Writers log each write with the generation that it made. Readers log each answer with the
//! generation that it names. Afterwards the test replays all generations in a plain map, and each
//! answer must equal a comparison with everybody in the map.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use facevault::index::similarity;
use facevault::store::{PreparedImage, PreparedImages, Store};
use facevault::{
    ClientId, FaceEncoding, Identification, IdentifyOptions, ImageBytes, ImageId, ImagesUpdate, Metric, NewPerson,
    OperatingPoint, Person, PersonId, PersonUpdate, Status, Vault, VaultOptions,
};

use super::fakes::{DIMENSION, engine, photo};
use super::scratch;

const WRITES: usize = 120;
const READERS: usize = 3;
const PHOTOS: u32 = 12;

/// What a write made of a person: nothing, or whether it is searched and its encodings.
type After = (PersonId, Option<(Status, Vec<(ImageId, FaceEncoding)>)>);

fn after(person: &Person) -> After {
    let encodings = person.images.iter().filter_map(|image| Some((image.id.clone(), image.encoding.clone()?)));
    (person.id.clone(), Some((person.status, encodings.collect())))
}

/// Seeded numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % n
    }
}

/// Writes through a store of its own, as another process does. Every write makes a generation.
fn write_rows(
    path: &std::path::Path,
    client: &ClientId,
    photos: &[(ImageBytes, PreparedImage)],
    seed: u64,
) -> Vec<(u64, After)> {
    let store = Store::open(path).expect("opened");
    let (mut random, mut own, mut log) = (Random(seed), Vec::<PersonId>::new(), Vec::new());
    for _ in 0..WRITES {
        let (image, prepared) = photos[random.below(photos.len() as u64) as usize].clone();
        let prepared = PreparedImages { images: vec![prepared], ..PreparedImages::default() };
        let what = if own.len() < 3 { 0 } else { random.below(4) };
        let which = random.below(own.len().max(1) as u64) as usize;
        if what == 3 {
            let id = own.swap_remove(which);
            let removed = store.remove_person(client, &id, None).expect("removed");
            log.push((removed.gallery.generation, (id, None)));
            continue;
        }
        let written = match what {
            0 => {
                let new = NewPerson { name: "P".into(), images: vec![image], ..NewPerson::default() };
                store.insert_person(client, &new, &prepared)
            }
            _ => {
                let person = store.person_summary(client, &own[which]).expect("a person");
                let status = match person.status {
                    Status::Active if what == 1 => Status::Inactive,
                    _ => Status::Active,
                };
                let (images, prepared) = match what {
                    1 => (ImagesUpdate::Keep, PreparedImages::default()),
                    _ => (ImagesUpdate::Replace(vec![image]), prepared),
                };
                let update = PersonUpdate { status: Some(status), images, ..PersonUpdate::default() };
                store.update_person(client, &own[which], &update, &prepared)
            }
        }
        .expect("written");
        if what == 0 {
            own.push(written.person.id.clone());
        }
        // Replacing a photo by itself changes nothing that is searched.
        if written.gallery.changed {
            log.push((written.gallery.generation, after(&written.person)));
        }
    }
    log
}

/// Writes through the vault whose galleries are searched. Every write makes a generation, which one
/// is not told.
fn write_vault(vault: &Vault) -> Vec<After> {
    let (mut random, mut own, mut log) = (Random(77), Vec::<Person>::new(), Vec::new());
    for round in 0..WRITES {
        let fresh = photo(random.below(u64::from(PHOTOS)) as u32);
        let which = random.below(own.len().max(1) as u64) as usize;
        match round % 4 {
            0 | 1 => {
                let new = NewPerson { name: "V".into(), images: vec![fresh], ..NewPerson::default() };
                let person = vault.create_person(&new).expect("a person");
                log.push(after(&person));
                own.push(person);
            }
            2 => {
                let edit = ImagesUpdate::Edit { remove: vec![], add: vec![fresh] };
                let update = PersonUpdate { images: edit, ..PersonUpdate::default() };
                if own[which].images.len() < 10 {
                    own[which] = vault.update_person(&own[which].id, &update).expect("updated");
                    log.push(after(&own[which]));
                }
            }
            _ => {
                let person = own.swap_remove(which);
                vault.remove_person(&person.id).expect("removed");
                log.push((person.id, None));
            }
        }
    }
    log
}

/// The answer of comparing everybody.
fn expected(state: &BTreeMap<PersonId, Vec<(ImageId, FaceEncoding)>>, probe: &FaceEncoding) -> Vec<Found> {
    let mut found: Vec<Found> = state
        .iter()
        .filter_map(|(person, encodings)| {
            let best = encodings
                .iter()
                .map(|(image, encoding)| (similarity(Metric::Cosine, probe.vector(), encoding.vector()), image))
                .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
            Some((person.clone(), best.1.clone(), best.0))
        })
        .collect();
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    found.truncate(5);
    found
}

/// Ends the readers however the writers end: a scope waits for its threads also where a writer panics.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A person, an image and their similarity.
type Found = (PersonId, ImageId, f64);

fn shown(answer: &Identification) -> Vec<Found> {
    let candidates = answer.candidates.iter();
    candidates.map(|c| (c.person.clone(), c.image.clone(), c.similarity.get())).collect()
}

#[test]
fn every_search_is_one_of_a_committed_state() {
    // In memory: on a disk that is busy a writer may wait for the others for longer than it is ready to.
    let folder = scratch::folder();
    let path = folder.path().join("v");
    let vault = Vault::create(&path, VaultOptions::default().with_engine(engine())).expect("a vault");
    // The first photo decides the vault's model.
    let first = NewPerson { name: "first".into(), images: vec![photo(0)], ..NewPerson::default() };
    let first = vault.create_person(&first).expect("a person");
    let photos: Vec<(ImageBytes, PreparedImage)> = (0..PHOTOS)
        .map(|seed| {
            let mut prepared = PreparedImage::new(&photo(seed));
            prepared.encoding = Some(engine().encode(&photo(seed)).expect("a face").encoding);
            (photo(seed), prepared)
        })
        .collect();
    let probes: Vec<FaceEncoding> = photos.iter().filter_map(|(_, prepared)| prepared.encoding.clone()).collect();
    assert_eq!(probes[0].dimension(), DIMENSION);
    let everybody = IdentifyOptions::default()
        .with_operating_point(OperatingPoint::similarity(-1.0).expect("a similarity"))
        .with_max_results(5);
    let start = vault.identify_encoding(&probes[0], &everybody).expect("an answer").generation;

    let stop = AtomicBool::new(false);
    let searches: Mutex<Vec<(usize, Identification)>> = Mutex::new(Vec::new());
    let (mut log, own) = std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (vault, probes, everybody, stop, searches) = (&vault, &probes, &everybody, &stop, &searches);
            scope.spawn(move || {
                let (mut random, mut last) = (Random(reader as u64 + 1), 0);
                while !stop.load(Ordering::Relaxed) {
                    let probe = random.below(probes.len() as u64) as usize;
                    let answer = vault.identify_encoding(&probes[probe], everybody).expect("an answer");
                    assert!(answer.generation >= last, "a search went back in time");
                    // Of one generation a few answers are enough.
                    if answer.generation > last || random.below(16) == 0 {
                        last = answer.generation;
                        searches.lock().expect("no panic").push((probe, answer));
                    }
                }
            });
        }
        let _stops = Stops(&stop);
        let rows: Vec<_> = [5, 6]
            .map(|seed| {
                let (path, client, photos) = (&path, vault.client(), &photos);
                scope.spawn(move || write_rows(path, client, photos, seed))
            })
            .into();
        let own = write_vault(&vault);
        let log: Vec<(u64, After)> = rows.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        (log, own)
    });

    // The generations that no row's writer made are the vault's, in its order.
    let end = vault.identify_encoding(&probes[0], &everybody).expect("an answer");
    let known: std::collections::BTreeSet<u64> = log.iter().map(|(generation, _)| *generation).collect();
    let unknown: Vec<u64> = (start + 1..=end.generation).filter(|generation| !known.contains(generation)).collect();
    assert_eq!(unknown.len(), own.len(), "every write makes one generation");
    log.extend(unknown.into_iter().zip(own));
    log.sort_by_key(|(generation, _)| *generation);
    assert!(log.iter().map(|(generation, _)| *generation).eq(start + 1..=end.generation));

    let mut searches = searches.into_inner().expect("no panic");
    searches.push((0, end));
    searches.sort_by_key(|(_, answer)| answer.generation);
    let mut state = BTreeMap::new();
    let encoding = first.images[0].encoding.clone().expect("an encoding");
    state.insert(first.id, vec![(first.images[0].id.clone(), encoding)]);
    let (mut log, mut generation, mut generations) = (log.into_iter(), start, 0);
    for (probe, answer) in &searches {
        generations += usize::from(answer.generation > generation);
        while generation < answer.generation {
            let (made, (person, after)) = log.next().expect("a write for every generation");
            generation = made;
            match after {
                Some((Status::Active, encodings)) if !encodings.is_empty() => drop(state.insert(person, encodings)),
                _ => drop(state.remove(&person)),
            }
        }
        assert_eq!(answer.generation, generation);
        assert_eq!(answer.people_searched, state.len() as u64, "in generation {generation}");
        assert_eq!(shown(answer), expected(&state, &probes[*probe]), "in generation {generation}");
    }
    assert!(generations > 20, "only {generations} generations were searched");
    eprintln!("{} searches in {generations} of {generation} generations", searches.len());
    assert!(vault.check().expect("a report").is_clean());
}

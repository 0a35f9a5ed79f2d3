//! Of what is removed, replaced or cleared not eight bytes in a row stay: in the file, its log, or a copy.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use facevault::store::{CreateOptions, Erasure, ModelInfo, PreparedImage, PreparedImages, Store};
use facevault::{
    ClientId, FaceEncoding, ImageBytes, ImagesUpdate, Metric, ModelId, NewPerson, Patch, PersonId, PersonUpdate, Result,
};

use crate::scratch::{self, Numbers};

const MODEL: ModelId = ModelId::from_bytes([3; 16]);
const DIMENSION: usize = 128;

impl Numbers {
    /// A word that nobody else has.
    fn word(&mut self) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
        (0..12).map(|_| char::from(LETTERS[self.below(64)])).collect()
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn photo(&mut self) -> Vec<u8> {
        let size = [200, 2_000, 9_000, 30_000][self.below(4)];
        (0..size / 8).flat_map(|_| self.next().to_le_bytes()).collect()
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..DIMENSION).map(|_| (self.next() >> 40) as f32 / 16_777_216.0 + 0.25).collect()
    }
}

/// Pieces of eight bytes that must not be found.
#[derive(Default)]
struct Gone {
    pieces: HashSet<u64>,
    /// One bit for some bits of each piece, to be quick.
    hints: Vec<u64>,
}

impl Gone {
    fn hint(piece: u64) -> (usize, u64) {
        let hash = piece.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 38;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hints.resize(1 << 20, 0);
        for window in bytes.windows(8) {
            let piece = u64::from_le_bytes(window.try_into().expect("eight bytes"));
            let (place, bit) = Self::hint(piece);
            self.hints[place] |= bit;
            self.pieces.insert(piece);
        }
    }

    /// Where pieces are.
    fn places(&self, bytes: &[u8]) -> Vec<usize> {
        if self.pieces.is_empty() {
            return Vec::new();
        }
        let is_gone = |window: &[u8]| {
            let piece = u64::from_le_bytes(window.try_into().expect("eight bytes"));
            let (place, bit) = Self::hint(piece);
            self.hints[place] & bit != 0 && self.pieces.contains(&piece)
        };
        bytes.windows(8).enumerate().filter(|(_, window)| is_gone(window)).map(|(place, _)| place).collect()
    }

    fn found(&self, bytes: &[u8]) -> usize {
        self.places(bytes).len()
    }
}

/// What the vault should hold of a person.
#[derive(Default)]
struct Somebody {
    texts: BTreeMap<&'static str, String>,
    /// Photos with their vectors; without bytes where the vector was given alone.
    images: Vec<(Option<Vec<u8>>, Vec<f32>)>,
}

impl Somebody {
    fn markers(&self) -> Vec<Vec<u8>> {
        self.texts.values().flat_map(|text| of_text(text)).chain(self.images.iter().flat_map(of_image)).collect()
    }
}

/// A name is in the file in small letters, too.
fn of_text(text: &str) -> [Vec<u8>; 2] {
    [text.to_owned().into_bytes(), text.to_lowercase().into_bytes()]
}

fn of_image((photo, vector): &(Option<Vec<u8>>, Vec<f32>)) -> Vec<Vec<u8>> {
    let mut markers = vec![vector.iter().flat_map(|component| component.to_le_bytes()).collect()];
    if let Some(photo) = photo {
        // A long photo is cut where pages end: pieces of it are enough.
        markers.extend(photo.chunks(500).map(|chunk| chunk[..chunk.len().min(24)].to_vec()));
        let prepared = PreparedImage::new(&ImageBytes::from(photo.clone()));
        markers.push(prepared.sha256().to_vec());
    }
    markers
}

fn encoding(vector: &[f32]) -> FaceEncoding {
    FaceEncoding::new(MODEL, vector.to_vec()).expect("finite")
}

/// A vault that two handles write to, as two processes would, and what became of everybody.
struct History {
    random: Numbers,
    folder: tempfile::TempDir,
    stores: [Store; 2],
    client: ClientId,
    people: BTreeMap<PersonId, Somebody>,
    gone: Gone,
    /// Writes that took something away.
    taken: usize,
}

impl History {
    fn new(seed: u64) -> Result<Self> {
        let folder = scratch::folder();
        let model = ModelInfo { id: MODEL, name: "m".into(), dimension: DIMENSION, metric: Metric::Cosine, mode: None };
        let path = folder.path().join("v");
        let first = Store::create(&path, &CreateOptions::default().with_model(model))?;
        let stores = [first, Store::open(&path)?];
        let client = stores[0].default_client()?;
        let (people, gone) = Default::default();
        Ok(Self { random: Numbers(seed), folder, stores, client, people, gone, taken: 0 })
    }

    fn files(&self) -> Vec<PathBuf> {
        ["v", "v-wal", "v-shm"].iter().map(|name| self.folder.path().join(name)).collect()
    }

    fn image(&mut self, is_given: bool) -> (Option<Vec<u8>>, Vec<f32>) {
        let photo = (!is_given).then(|| self.random.photo());
        (photo, self.random.vector())
    }

    fn prepared(images: &[(Option<Vec<u8>>, Vec<f32>)]) -> (Vec<ImageBytes>, Vec<FaceEncoding>, PreparedImages) {
        let (mut photos, mut given, mut prepared) = (Vec::new(), Vec::new(), PreparedImages::default());
        for (photo, vector) in images {
            let vector = encoding(vector);
            prepared.images.push(match photo {
                Some(photo) => {
                    photos.push(ImageBytes::from(photo.clone()));
                    let mut image = PreparedImage::new(photos.last().expect("a photo"));
                    image.encoding = Some(vector);
                    image
                }
                None => {
                    given.push(vector);
                    PreparedImage::given(given.last().expect("an encoding"))
                }
            });
        }
        (photos, given, prepared)
    }

    fn add(&mut self) -> Result<()> {
        let id = format!("{}-{}", self.random.word(), self.random.word());
        let mut somebody = Somebody::default();
        somebody.texts.insert("id", id.clone());
        somebody.texts.insert("name", self.random.words(2));
        if self.random.below(3) > 0 {
            let words = [5, 50, 200][self.random.below(3)];
            somebody.texts.insert("notes", self.random.words(words));
        }
        if self.random.below(2) == 0 {
            somebody.texts.insert("nationality", self.random.word());
            somebody.texts.insert("attribute", self.random.words(3));
        }
        for _ in 0..self.random.below(3) {
            let image = self.image(false);
            somebody.images.push(image);
        }
        if self.random.below(3) == 0 {
            let image = self.image(true);
            somebody.images.push(image);
        }
        let (images, encodings, prepared) = Self::prepared(&somebody.images);
        let text = |what| somebody.texts.get(what).cloned();
        let new = NewPerson {
            id: Some(PersonId::new(id)?),
            name: text("name").expect("a name"),
            notes: text("notes"),
            nationality: text("nationality"),
            attributes: text("attribute").map(|value| ("a".to_owned(), value)).into_iter().collect(),
            images,
            encodings,
            ..NewPerson::default()
        };
        let store = &self.stores[self.random.below(2)];
        let written = store.insert_person(&self.client, &new, &prepared)?;
        self.people.insert(written.person.id, somebody);
        Ok(())
    }

    fn somebody(&mut self) -> PersonId {
        let place = self.random.below(self.people.len());
        self.people.keys().nth(place).expect("somebody").clone()
    }

    fn remove(&mut self) -> Result<Erasure> {
        let id = self.somebody();
        let store = &self.stores[self.random.below(2)];
        let removed = store.remove_person(&self.client, &id, None)?;
        let somebody = self.people.remove(&id).expect("there");
        somebody.markers().iter().for_each(|marker| self.gone.add(marker));
        self.taken += 1;
        Ok(removed.erasure)
    }

    /// An update of anything. Says what became of what it took away.
    fn update(&mut self) -> Result<Erasure> {
        let id = self.somebody();
        let (mut update, mut prepared) = (PersonUpdate::default(), PreparedImages::default());
        let mut old = Vec::new();
        let mut set = |history: &mut Self, what: &'static str, new: Option<String>| {
            let texts = &mut history.people.get_mut(&id).expect("there").texts;
            old.extend(texts.remove(what).iter().flat_map(|text| of_text(text)));
            new.map(|new| texts.insert(what, new));
        };
        match self.random.below(8) {
            0 => {
                let name = self.random.words(2);
                set(self, "name", Some(name.clone()));
                update.name = Some(name);
            }
            1 => {
                set(self, "notes", None);
                update.notes = Patch::Clear;
            }
            2 => {
                set(self, "nationality", None);
                set(self, "attribute", None);
                (update.nationality, update.attributes) = (Patch::Clear, Patch::Clear);
            }
            3 | 4 => {
                let words = [1, 50, 300][self.random.below(3)];
                let notes = self.random.words(words);
                set(self, "notes", Some(notes.clone()));
                update.notes = Patch::Set(notes);
            }
            5 => {
                let value = self.random.words(4);
                set(self, "attribute", Some(value.clone()));
                update.attributes = Patch::Set([("a".to_owned(), Some(value))].into());
            }
            kind => {
                let is_given = kind == 6;
                let new: Vec<_> = (0..1 + self.random.below(2)).map(|_| self.image(is_given)).collect();
                let (photos, given, ready) = Self::prepared(&new);
                (update.images, prepared) = match is_given {
                    true => (ImagesUpdate::ReplaceWithEncodings(given), ready),
                    false => (ImagesUpdate::Replace(photos), ready),
                };
                let images = &mut self.people.get_mut(&id).expect("there").images;
                old.extend(images.iter().flat_map(of_image));
                *images = new;
            }
        }
        let store = &self.stores[self.random.below(2)];
        let written = store.update_person_summary(&self.client, &id, &update, &prepared)?;
        self.taken += usize::from(!old.is_empty());
        old.iter().for_each(|marker| self.gone.add(marker));
        Ok(written.erasure)
    }

    /// Pieces of what is gone, in all files, with what is around each.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for file in self.files() {
            let Ok(bytes) = std::fs::read(&file) else { continue };
            left.extend(self.gone.places(&bytes).into_iter().map(|place| {
                let around = &bytes[place.saturating_sub(16)..bytes.len().min(place + 24)];
                format!("{} at {place}: {}", file.display(), around.escape_ascii())
            }));
        }
        left
    }

    fn left_in_a_copy(&self) -> Result<usize> {
        let copy = self.folder.path().join("copy");
        self.stores[0].backup(&copy, &mut ())?;
        let left = self.gone.found(&std::fs::read(&copy).expect("a copy"));
        std::fs::remove_file(&copy).expect("removed");
        Ok(left)
    }
}

/// How many writes take something away: 10,000 with `FACEVAULT_REMOVALS=10000`.
fn removals() -> usize {
    std::env::var("FACEVAULT_REMOVALS").map_or(400, |count| count.parse().expect("FACEVAULT_REMOVALS is a number"))
}

#[test]
fn not_eight_bytes_stay_of_what_was_removed_replaced_or_cleared() -> Result<()> {
    let wanted = removals();
    let mut history = History::new(13)?;
    let mut checks = 0;
    while history.taken < wanted {
        let erasure = match history.random.below(10) {
            _ if history.people.len() < 5 => history.add().map(|()| Erasure::Nothing)?,
            0..3 if history.people.len() < 80 => history.add().map(|()| Erasure::Nothing)?,
            3..5 => history.remove()?,
            _ => history.update()?,
        };
        let is_done = match erasure {
            Erasure::Done => true,
            // In a burst of updates the log is emptied once a second, or when somebody asks for it.
            Erasure::Pending if history.random.below(8) == 0 => {
                assert_eq!(history.stores[0].erasure()?, Erasure::Pending);
                let finished = history.stores[history.random.below(2)].finish_erasure()?;
                assert_eq!(finished, Erasure::Done);
                true
            }
            _ => false,
        };
        if is_done && history.random.below(4) == 0 {
            checks += 1;
            assert_eq!(history.left(), [""; 0], "after {} removals", history.taken);
            if checks % 20 == 0 {
                assert_eq!(history.left_in_a_copy()?, 0, "in a copy after {} removals", history.taken);
            }
        }
    }
    assert!(history.stores[0].check()?.is_clean());
    let (pieces, people) = (history.gone.pieces.len(), history.people.len());
    eprintln!("{} removals, {pieces} pieces, {checks} looks: nothing; {people} people are left", history.taken);

    // The search does find what is there, where it can be read.
    if crate::data::vaults_are_encrypted() {
        return Ok(());
    }
    let mut there = Gone::default();
    let markers: Vec<_> = history.people.values().flat_map(Somebody::markers).collect();
    markers.iter().for_each(|marker| there.add(marker));
    let bytes: Vec<u8> = history.files().iter().flat_map(|file| std::fs::read(file).expect("a file")).collect();
    let markers: Vec<_> = markers.into_iter().filter(|marker| *marker != marker.to_ascii_lowercase()).collect();
    let missing = markers.iter().filter(|marker| !bytes.windows(8).any(|window| window == &marker[..8])).count();
    assert_eq!(missing, 0);
    assert!(there.found(&bytes) >= there.pieces.len() / 2);
    Ok(())
}

#[test]
fn a_removal_takes_the_copies_along_that_updates_left_in_other_pages() -> Result<()> {
    let mut history = History::new(5)?;
    let mut people = Vec::new();
    for _ in 0..4 {
        let notes = vec![history.random.words(50)];
        let new = NewPerson { name: history.random.words(2), notes: Some(notes[0].clone()), ..NewPerson::default() };
        let written = history.stores[0].insert_person(&history.client, &new, &PreparedImages::default())?;
        people.push((written.person.id, notes));
    }
    for _ in 0..3 {
        for (person, notes) in &mut people {
            let text = history.random.words(50);
            let update = PersonUpdate { notes: Patch::Set(text.clone()), ..PersonUpdate::default() };
            history.stores[0].update_person(&history.client, person, &update, &PreparedImages::default())?;
            notes.push(text);
        }
    }
    for (person, notes) in &people {
        let removed = history.stores[0].remove_person(&history.client, person, None)?;
        assert_eq!(removed.erasure, Erasure::Done);
        notes.iter().for_each(|text| history.gone.add(text.as_bytes()));
        assert_eq!(history.left(), [""; 0], "pieces of 50 words");
        assert_eq!(history.left_in_a_copy()?, 0);
    }
    Ok(())
}

#[test]
fn a_copy_of_a_vault_in_memory_holds_nothing_of_what_was_replaced() -> Result<()> {
    let mut random = Numbers(3);
    let store = Store::in_memory(&CreateOptions::default())?;
    let client = store.default_client()?;
    let (mut gone, mut people) = (Gone::default(), Vec::new());
    // More than SQLite keeps in memory of a copy that it is making.
    for _ in 0..1_000 {
        let (notes, image) = (random.words(120), ImageBytes::from(random.photo()));
        let prepared = PreparedImages { images: vec![PreparedImage::new(&image)], ..PreparedImages::default() };
        let new =
            NewPerson { name: random.word(), notes: Some(notes.clone()), images: vec![image], ..NewPerson::default() };
        people.push((store.insert_person(&client, &new, &prepared)?.person.id, notes));
    }
    for round in 0..3 {
        for (person, notes) in &mut people {
            gone.add(notes.as_bytes());
            let words = [10, 200, 60][(random.below(3) + round) % 3];
            *notes = random.words(words);
            let update = PersonUpdate { notes: Patch::Set(notes.clone()), ..PersonUpdate::default() };
            store.update_person_summary(&client, person, &update, &PreparedImages::default())?;
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    store.backup(folder.path().join("copy"), &mut ())?;
    let bytes = std::fs::read(folder.path().join("copy")).expect("a copy");
    assert!(bytes.len() > 8 << 20, "the copy has only {} bytes", bytes.len());
    assert_eq!(gone.found(&bytes), 0);
    assert!(Store::open(folder.path().join("copy"))?.check()?.is_clean());
    Ok(())
}

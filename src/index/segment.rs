//! A segment: some thousand encodings that never change, and which of their people are still there.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;

use super::array::Array;
use super::codes::Codes;
use super::ids::{Ids, Key};
use super::membership::Membership;
use crate::{ImageId, Metric, PersonId, PersonKey};

/// Encodings of a full segment. It bounds what one removal copies (two bytes a person) and is large
/// enough for the processor to read ahead.
pub(super) const SEGMENT_ROWS: usize = 16_384;

/// Room for the last person of a full segment, whose encodings stay together.
const BEYOND: usize = 256;

/// What the ids of persons and images begin with where facevault made them.
const PERSON: &str = "person_";
const IMAGE: &str = "image_";

/// What stands for a person's id in a segment.
pub(super) fn key(person: &PersonId) -> Key {
    Key::new(PERSON, person.as_str())
}

/// People and their encodings on the way into a segment, or a part of what is left of one.
pub(super) struct Draft {
    dimension: usize,
    vectors: Array<f32>,
    keys: Vec<PersonKey>,
    people: Ids,
    images: Ids,
    /// For each row, the number of its person.
    owners: Vec<u16>,
    /// For each person, the first row; the end of the rows comes last.
    starts: Vec<u32>,
    /// For each person, the collections.
    sets: Vec<Arc<[u32]>>,
}

impl Draft {
    /// Nothing yet, with room for `rows` vectors of `dimension` components.
    pub(super) fn new(dimension: usize, rows: usize) -> Self {
        Self {
            dimension,
            vectors: Array::with_capacity(dimension * rows),
            keys: Vec::new(),
            people: Ids::new(PERSON),
            images: Ids::new(IMAGE),
            owners: Vec::new(),
            starts: vec![0],
            sets: Vec::new(),
        }
    }

    /// Encodings so far.
    pub(super) fn rows(&self) -> usize {
        self.owners.len()
    }

    /// Adds a person, whose encodings follow.
    pub(super) fn add_person(&mut self, key: PersonKey, id: &str, collections: Arc<[u32]>) {
        self.keys.push(key);
        self.people.push(id);
        self.sets.push(collections);
        self.starts.push(self.rows() as u32);
    }

    /// Adds an encoding of the person added last.
    pub(super) fn add_encoding(&mut self, image: &str, vector: &[f32]) {
        debug_assert_eq!(vector.len(), self.dimension);
        self.images.push(image);
        self.owners.push((self.sets.len() - 1) as u16);
        self.vectors.extend_from_slice(vector);
        if let Some(end) = self.starts.last_mut() {
            *end = self.owners.len() as u32;
        }
    }

    /// The segment of these people.
    pub(super) fn finish(mut self, metric: Metric) -> Segment {
        self.people.shrink();
        self.images.shrink();
        let rows = Rows {
            dimension: self.dimension,
            codes: Codes::new(metric, self.dimension, &self.vectors),
            vectors: self.vectors,
            keys: self.keys.into(),
            people: self.people,
            images: self.images,
            owners: self.owners.into(),
            starts: self.starts.into(),
        };
        Segment { rows: Arc::new(rows), members: Membership::new(self.sets) }
    }
}

/// A gallery's people on the way into segments. Full drafts are encoded on a separate thread while the next people are
/// read: whoever builds a gallery may hold a lock that the workers of a pool wait for, so no pool is waited for here.
pub(super) struct Drafts {
    metric: Metric,
    dimension: usize,
    encoder: Option<Encoder>,
    /// Those that were encoded without a thread.
    finished: Vec<Segment>,
    last: Option<Draft>,
}

/// How many full drafts wait for the encoder at most: reading does not run ahead of it.
const WAITING_DRAFTS: usize = 2;

/// The thread that encodes full drafts.
struct Encoder {
    drafts: SyncSender<Draft>,
    thread: JoinHandle<Vec<Segment>>,
}

impl Drafts {
    /// None yet, for vectors of `dimension` components.
    pub(super) fn new(metric: Metric, dimension: usize) -> Self {
        Self { metric, dimension, encoder: None, finished: Vec::new(), last: None }
    }

    /// The draft for the next person.
    pub(super) fn for_person(&mut self) -> &mut Draft {
        if let Some(full) = self.last.take_if(|draft| draft.rows() >= SEGMENT_ROWS) {
            self.encode(full);
        }
        // Memory that is not written to is not taken.
        self.last.get_or_insert_with(|| Draft::new(self.dimension, SEGMENT_ROWS + BEYOND))
    }

    /// The draft of the person added last.
    pub(super) fn current(&mut self) -> Option<&mut Draft> {
        self.last.as_mut()
    }

    fn encode(&mut self, draft: Draft) {
        if self.encoder.is_none() {
            self.encoder = Encoder::start(self.metric).ok();
        }
        match &self.encoder {
            Some(encoder) => encoder.drafts.send(draft).expect("encoding does not fail"),
            None => self.finished.push(draft.finish(self.metric)),
        }
    }

    /// The segments of the drafts.
    pub(super) fn finish(self) -> Vec<Arc<Segment>> {
        let last = self.last.map(|draft| draft.finish(self.metric));
        let beside = self.encoder.map(Encoder::finish).unwrap_or_default();
        self.finished.into_iter().chain(beside).chain(last).map(Arc::new).collect()
    }
}

impl Encoder {
    fn start(metric: Metric) -> io::Result<Self> {
        let (drafts, coming) = mpsc::sync_channel::<Draft>(WAITING_DRAFTS);
        let work = move || coming.into_iter().map(|draft| draft.finish(metric)).collect();
        let thread = std::thread::Builder::new().name("facevault-index".to_owned()).spawn(work)?;
        Ok(Self { drafts, thread })
    }

    fn finish(self) -> Vec<Segment> {
        drop(self.drafts);
        self.thread.join().expect("encoding does not fail")
    }
}

/// The encodings of a segment.
struct Rows {
    dimension: usize,
    vectors: Array<f32>,
    codes: Codes,
    keys: Box<[PersonKey]>,
    people: Ids,
    images: Ids,
    owners: Box<[u16]>,
    starts: Box<[u32]>,
}

/// Encodings and which of their people are still there. Cloning shares the encodings.
#[derive(Clone)]
pub(super) struct Segment {
    rows: Arc<Rows>,
    pub(super) members: Membership,
}

impl Segment {
    /// Encodings, those of people taken out included.
    pub(super) fn rows(&self) -> usize {
        self.rows.owners.len()
    }

    /// Encodings of people who are still there.
    pub(super) fn live_rows(&self) -> usize {
        self.people().map(|person| self.rows_of(person).len()).sum()
    }

    /// The numbers of the people who are still there.
    pub(super) fn people(&self) -> impl Iterator<Item = u16> {
        (0..(self.rows.starts.len() - 1) as u16).filter(|person| self.members.holds(*person))
    }

    /// The codes.
    pub(super) fn codes(&self) -> &Codes {
        &self.rows.codes
    }

    /// The vector of a row.
    pub(super) fn vector(&self, row: usize) -> &[f32] {
        &self.rows.vectors[row * self.rows.dimension..][..self.rows.dimension]
    }

    /// The person of a row.
    pub(super) fn owner(&self, row: usize) -> u16 {
        self.rows.owners[row]
    }

    /// The rows of a person.
    pub(super) fn rows_of(&self, person: u16) -> std::ops::Range<usize> {
        let person = usize::from(person);
        self.rows.starts[person] as usize..self.rows.starts[person + 1] as usize
    }

    /// The number of the person with this key, if it is still there.
    pub(super) fn find(&self, key: PersonKey) -> Option<u16> {
        (0u16..)
            .zip(&self.rows.keys)
            .find(|(person, of)| **of == key && self.members.holds(*person))
            .map(|found| found.0)
    }

    /// The key of a person in the vault's file.
    pub(super) fn person_key(&self, person: u16) -> PersonKey {
        self.rows.keys[usize::from(person)]
    }

    /// What stands for the id of a person, who may have been taken out.
    pub(super) fn key(&self, person: u16) -> &[u8] {
        self.rows.people.key(usize::from(person))
    }

    /// The text of a person's id.
    pub(super) fn person(&self, person: u16) -> Cow<'_, str> {
        self.rows.people.get(usize::from(person))
    }

    /// A person's id.
    pub(super) fn person_id(&self, person: u16) -> PersonId {
        PersonId::new(self.person(person)).expect("it was an id when it was added")
    }

    /// The text of the id of a row's image.
    pub(super) fn image(&self, row: usize) -> Cow<'_, str> {
        self.rows.images.get(row)
    }

    /// The id of a row's image.
    pub(super) fn image_id(&self, row: usize) -> ImageId {
        ImageId::new(self.image(row)).expect("it was an id when it was added")
    }

    /// The bytes that the segment takes.
    pub(super) fn memory_bytes(&self) -> usize {
        let rows = &*self.rows;
        size_of::<Rows>()
            + size_of_val(&*rows.vectors)
            + rows.codes.memory_bytes()
            + size_of_val(&*rows.keys)
            + rows.people.memory_bytes()
            + rows.images.memory_bytes()
            + size_of_val(&*rows.owners)
            + size_of_val(&*rows.starts)
            + self.members.memory_bytes()
    }
}

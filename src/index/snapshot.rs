//! What a gallery is made of, shared by its clones.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use rayon::prelude::*;

use super::directory::{Directory, Place};
use super::membership::{Collections, Filter};
use super::probe::Probe;
use super::scan::{Chunk, Pending, Scan, Scratch, TAIL};
use super::segment::{self, Segment};
use super::tail::Tail;
use super::top_k::{Best, Find, Names};
use crate::{ImageId, Metric, ModelId, PersonId};

/// Rows that a worker scans at a time.
const CHUNK: usize = 4096;

/// The encodings of a gallery: segments, and the people who came last.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) model: ModelId,
    pub(super) metric: Metric,
    pub(super) dimension: usize,
    pub(super) generation: u64,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) tail: Tail,
    pub(super) directory: Directory,
    pub(super) collections: Collections,
    /// People who can be found.
    pub(super) people: usize,
    /// Their encodings.
    pub(super) encodings: usize,
}

/// Where a person's encodings are.
pub(super) enum Whereabouts<'a> {
    Segment(&'a Segment, Place),
    Tail(&'a super::tail::Recent),
}

impl Snapshot {
    /// Where the person is, if it can be found.
    pub(super) fn find(&self, person: &PersonId) -> Option<Whereabouts<'_>> {
        if let Some(recent) = self.tail.find(person) {
            return Some(Whereabouts::Tail(recent));
        }
        let place = self.place(person)?;
        Some(Whereabouts::Segment(&self.segments[place.segment as usize], place))
    }

    /// The place of a person in a segment.
    pub(super) fn place(&self, person: &PersonId) -> Option<Place> {
        let key = segment::key(person);
        let is = |place: Place| self.segments[place.segment as usize].key(place.person) == key.as_bytes();
        self.directory.find(key.as_bytes(), is)
    }

    /// The best people for each probe, the best first.
    pub(super) fn search(&self, probes: &[Probe], filter: &Filter, limit: usize, floor: f64) -> Vec<Vec<Find>> {
        let scopes = self.segments.iter().map(|segment| segment.members.scope(filter)).collect();
        let scan = Scan { snapshot: self, filter, probes, scopes };
        let chunks: Vec<Chunk> =
            self.segments.iter().zip(0..).flat_map(|(s, number)| chunks(number, s.rows())).collect();
        let nobody = || Worker::new(probes.iter().map(|_| Best::new(limit, floor)).collect());
        let mut worker = nobody();
        scan.tail(&mut worker.bests);
        if chunks.len() < 2 || rayon::current_num_threads() < 2 {
            worker = chunks.iter().fold(worker, |worker, chunk| worker.first(&scan, chunk));
            let pending = std::mem::take(&mut worker.pending);
            worker = pending.iter().fold(worker, |worker, left| worker.second(&scan, left));
        } else {
            let found = chunks.par_iter().fold(nobody, |worker, chunk| worker.first(&scan, chunk));
            worker = worker.join(found.reduce(nobody, |a, b| a.join(b, self)), self);
            probes.iter().zip(&worker.bests).for_each(|(probe, best)| probe.raise_floor(best.floor()));
            let pending = std::mem::take(&mut worker.pending);
            let found = pending.par_iter().fold(nobody, |worker, left| worker.second(&scan, left));
            worker = worker.join(found.reduce(nobody, |a, b| a.join(b, self)), self);
        }
        worker.bests.into_iter().map(|best| best.finish(self)).collect()
    }

    /// The person of a find.
    pub(super) fn person(&self, find: &Find) -> PersonId {
        match self.segments.get(find.segment as usize) {
            Some(segment) => segment.person_id(find.person as u16),
            None => self.tail.people()[find.person as usize].id.clone(),
        }
    }

    /// The image of a find.
    pub(super) fn image(&self, find: &Find) -> ImageId {
        match self.segments.get(find.segment as usize) {
            Some(segment) => segment.image_id(find.row as usize),
            None => self.tail.people()[find.person as usize].images[find.row as usize].clone(),
        }
    }

    fn person_text(&self, find: &Find) -> Cow<'_, str> {
        match find.segment {
            TAIL => Cow::Borrowed(self.tail.people()[find.person as usize].id.as_str()),
            segment => self.segments[segment as usize].person(find.person as u16),
        }
    }

    fn image_text(&self, find: &Find) -> Cow<'_, str> {
        match find.segment {
            TAIL => Cow::Borrowed(self.tail.people()[find.person as usize].images[find.row as usize].as_str()),
            segment => self.segments[segment as usize].image(find.row as usize),
        }
    }
}

/// What one of the threads of a search has found.
struct Worker<'a> {
    /// For each probe.
    bests: Vec<Best>,
    /// What the first look at a chunk has left for the second.
    pending: Vec<(&'a Chunk, Vec<Pending>)>,
    scratch: Scratch,
}

impl<'a> Worker<'a> {
    fn new(bests: Vec<Best>) -> Self {
        Self { bests, pending: Vec::new(), scratch: Scratch::default() }
    }

    fn first(mut self, scan: &Scan<'_>, chunk: &'a Chunk) -> Self {
        let pending = scan.first(chunk, &mut self.bests, &mut self.scratch);
        if !pending.iter().all(Pending::is_empty) {
            self.pending.push((chunk, pending));
        }
        self
    }

    fn second(mut self, scan: &Scan<'_>, (chunk, pending): &(&Chunk, Vec<Pending>)) -> Self {
        scan.second(chunk, pending, &mut self.bests, &mut self.scratch);
        self
    }

    fn join(mut self, other: Self, names: &Snapshot) -> Self {
        let bests = self.bests.into_iter().zip(other.bests);
        self.bests = bests.map(|(a, b)| a.join(b, names)).collect();
        self.pending.extend(other.pending);
        self
    }
}

impl Names for Snapshot {
    fn people(&self, a: &Find, b: &Find) -> Ordering {
        self.person_text(a).cmp(&self.person_text(b))
    }

    fn images(&self, a: &Find, b: &Find) -> Ordering {
        self.image_text(a).cmp(&self.image_text(b))
    }
}

/// The chunks of a segment.
fn chunks(segment: u32, rows: usize) -> impl Iterator<Item = Chunk> {
    (0..rows).step_by(CHUNK).map(move |start| Chunk { segment, rows: start..(start + CHUNK).min(rows) })
}

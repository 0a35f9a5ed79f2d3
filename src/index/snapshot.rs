//! What a gallery is made of, shared by its clones.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use rayon::prelude::*;

use super::best::{Best, Find, Names};
use super::directory::{Directory, Place};
use super::membership::{Collections, Filter};
use super::probe::Probe;
use super::scan::{Chunk, Pending, Scan, Scratch, TAIL};
use super::segment::{self, Segment};
use super::tail::Tail;
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
        let nobody = || (probes.iter().map(|_| Best::new(limit, floor)).collect::<Vec<_>>(), Scratch::default());
        let (mut bests, mut scratch) = nobody();
        scan.tail(&mut bests);
        let chunks: Vec<Chunk> =
            self.segments.iter().zip(0..).flat_map(|(s, number)| chunks(number, s.rows())).collect();
        if chunks.len() < 2 || rayon::current_num_threads() < 2 {
            let pending: Vec<_> = chunks.iter().map(|chunk| scan.first(chunk, &mut bests, &mut scratch)).collect();
            for (chunk, pending) in chunks.iter().zip(&pending) {
                scan.second(chunk, pending, &mut bests, &mut scratch);
            }
            return bests.into_iter().map(|best| best.finish(self)).collect();
        }
        let join = |a: Vec<Best>, b: Vec<Best>| a.into_iter().zip(b).map(|(a, b)| a.join(b, self)).collect::<Vec<_>>();
        let (first, pending) = chunks
            .par_iter()
            .fold(
                || (nobody(), Vec::new()),
                |((mut bests, mut scratch), mut pending), chunk| {
                    let aside = scan.first(chunk, &mut bests, &mut scratch);
                    if !aside.iter().all(Pending::is_empty) {
                        pending.push((chunk, aside));
                    }
                    ((bests, scratch), pending)
                },
            )
            .map(|((bests, _), pending)| (bests, pending))
            .reduce(
                || (nobody().0, Vec::new()),
                |(a, mut pending), (b, more)| {
                    pending.extend(more);
                    (join(a, b), pending)
                },
            );
        bests = join(bests, first);
        probes.iter().zip(&bests).for_each(|(probe, best)| probe.raise_floor(best.floor()));
        let second = pending
            .par_iter()
            .fold(nobody, |(mut bests, mut scratch), (chunk, pending)| {
                scan.second(chunk, pending, &mut bests, &mut scratch);
                (bests, scratch)
            })
            .map(|(bests, _)| bests)
            .reduce(|| nobody().0, join);
        join(bests, second).into_iter().map(|best| best.finish(self)).collect()
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

//! The scan: which rows may belong to the answer, and their exact similarities.
//!
//! It looks twice. The first look reads the coarse codes of every row, which give an estimate of
//! its key and a bound that the key does not exceed. The few rows whose estimate reaches the floor are compared in full
//! at once, so that the floor rises; rows whose bound reaches it are put aside; all others are discarded. The second
//! look goes through the rows that were put aside, with the floor that the whole first look has reached: most of them
//! are discarded too, and the others are bounded again by the fine codes before they are compared in full. No row that
//! could belong to the answer is left out: see [`codes`](super::codes).

use std::ops::Range;

use super::codes::GroupTerms;
use super::kernels::{self, GROUP, KERNELS, Work};
use super::membership::{Filter, Scope};
use super::probe::{Bounds, Probe};
use super::segment::Segment;
use super::snapshot::Snapshot;
use super::top_k::{Best, Find};

/// Rows that are read for one probe after the other. Their coarse codes, 64 KiB for 512
/// components, stay in the processor's second cache meanwhile.
const BLOCK: usize = 256;
/// Below this share of people in a filter's scope, whole groups of rows are skipped.
const SPARSE: f64 = 0.125;
/// How many rows ahead memory is prefetched.
const AHEAD: usize = 12;
/// Stands for the tail where a segment's number is expected.
pub(super) const TAIL: u32 = u32::MAX;

/// Rows of one segment, of which the first begins a group.
#[derive(Clone)]
pub(super) struct Chunk {
    /// The number of the segment.
    pub(super) segment: u32,
    pub(super) rows: Range<usize>,
}

/// A row that was put aside.
#[derive(Clone, Copy, Default)]
struct Aside {
    row: u32,
    /// The sum over its coarse codes.
    sum: i32,
    /// The bound by its coarse codes.
    highest: f32,
}

/// The rows of a chunk that were put aside.
pub(super) struct Pending {
    rows: Box<[Aside]>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Memory that a worker uses again and again.
#[derive(Default)]
pub(super) struct Scratch {
    sums: Vec<i32>,
    /// For each probe.
    aside: Vec<Vec<Aside>>,
    /// Rows and their estimates or bounds.
    rows: Vec<(u32, f32)>,
}

/// A search's look at its gallery.
pub(super) struct Scan<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) filter: &'a Filter,
    pub(super) probes: &'a [Probe],
    /// For each segment.
    pub(super) scopes: Vec<Scope>,
}

impl Scan<'_> {
    /// Looks through the tail, which has no codes.
    pub(super) fn tail(&self, bests: &mut [Best]) {
        for (person, recent) in self.snapshot.tail.people().iter().enumerate() {
            if !self.filter.admits(&recent.collections) {
                continue;
            }
            for (row, vector) in recent.vectors().enumerate() {
                for (probe, best) in self.probes.iter().zip(bests.iter_mut()) {
                    if probe.may_reach(best.floor(), vector) {
                        let similarity = probe.similarity(vector);
                        let find = Find { similarity, segment: TAIL, person: person as u32, row: row as u32 };
                        best.add(find, probe, self.snapshot);
                    }
                }
            }
        }
    }

    /// Looks through a chunk for each probe. Gives what is put aside, for each probe.
    pub(super) fn first(&self, chunk: &Chunk, bests: &mut [Best], scratch: &mut Scratch) -> Vec<Pending> {
        let segment = &*self.snapshot.segments[chunk.segment as usize];
        let scope = &self.scopes[chunk.segment as usize];
        let sparse = match scope {
            Scope::Nobody => return Vec::new(),
            Scope::Everybody => false,
            Scope::Marked { people, .. } => (*people as f64) < SPARSE * segment.rows() as f64,
        };
        let bounds: Vec<Bounds> = self.probes.iter().map(|probe| probe.bounds(segment.codes())).collect();
        let Scratch { sums, aside, rows } = scratch;
        aside.resize_with(self.probes.len(), Vec::new);
        aside.iter_mut().for_each(Vec::clear);
        for start in chunk.rows.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(chunk.rows.end);
            for (n, probe) in self.probes.iter().enumerate() {
                let best = &mut bests[n];
                best.raise_floor(probe.floor());
                let look = Look { scan: self, segment, number: chunk.segment, scope, probe, bounds: &bounds[n] };
                if !sparse {
                    look.first(block.clone(), best, sums, &mut aside[n], rows);
                    continue;
                }
                for group in block.clone().step_by(GROUP) {
                    let group = group..(group + GROUP).min(block.end);
                    if group.clone().any(|row| segment.members.is_in(scope, segment.owner(row))) {
                        look.first(group, best, sums, &mut aside[n], rows);
                    }
                }
            }
        }
        aside.iter().map(|rows| Pending { rows: rows.as_slice().into() }).collect()
    }

    /// Looks once more through the rows of a chunk that were put aside.
    pub(super) fn second(&self, chunk: &Chunk, pending: &[Pending], bests: &mut [Best], scratch: &mut Scratch) {
        let segment = &*self.snapshot.segments[chunk.segment as usize];
        let scope = &self.scopes[chunk.segment as usize];
        for ((probe, best), pending) in self.probes.iter().zip(bests).zip(pending) {
            if !pending.is_empty() {
                best.raise_floor(probe.floor());
                let bounds = &probe.bounds(segment.codes());
                let look = Look { scan: self, segment, number: chunk.segment, scope, probe, bounds };
                look.second(&pending.rows, best, &mut scratch.rows);
            }
        }
    }
}

/// One probe's look at one segment.
struct Look<'a> {
    scan: &'a Scan<'a>,
    segment: &'a Segment,
    number: u32,
    scope: &'a Scope,
    probe: &'a Probe,
    bounds: &'a Bounds,
}

impl Look<'_> {
    /// The first look at `rows`.
    fn first(
        &self,
        rows: Range<usize>,
        best: &mut Best,
        sums: &mut Vec<i32>,
        aside: &mut Vec<Aside>,
        reaching: &mut Vec<(u32, f32)>,
    ) {
        let codes = self.segment.codes();
        let groups = rows.start / GROUP..rows.end.div_ceil(GROUP);
        sums.resize(groups.len() * GROUP, 0);
        let bytes = groups.start * codes.group_bytes..groups.end * codes.group_bytes;
        KERNELS.columns(&codes.coarse[bytes], &self.probe.numbers[..codes.columns()], sums);
        reaching.clear();
        kernels::widest(Sift {
            sums: sums.as_chunks().0,
            terms: &codes.coarse_terms[groups],
            bounds: self.bounds,
            floor: self.probe.key(best.floor()),
            rows: rows.start as u32..rows.end as u32,
            aside,
            reaching,
        });
        reaching.retain(|(row, _)| self.admits(*row));
        reaching.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut floor = Reached::new(best, self.probe);
        for &(row, estimate) in &*reaching {
            if estimate < floor.key {
                break;
            }
            self.compare(row, best, &mut floor);
        }
    }

    /// The second look at the rows that were put aside.
    fn second(&self, aside: &[Aside], best: &mut Best, left: &mut Vec<(u32, f32)>) {
        let codes = self.segment.codes();
        let mut floor = Reached::new(best, self.probe);
        left.clear();
        left.resize(aside.len(), (0, 0.0));
        let mut count = 0;
        for (i, aside) in aside.iter().enumerate() {
            left[count] = (i as u32, aside.highest);
            count += usize::from(!(aside.highest < floor.key) && self.admits(aside.row));
        }
        left.truncate(count);
        if codes.row_bytes > 0 {
            let fine = |row: u32| &codes.fine[row as usize * codes.row_bytes..][..codes.row_bytes];
            let mut count = 0;
            for at in 0..left.len() {
                if let Some((next, _)) = left.get(at + AHEAD) {
                    kernels::prefetch(fine(aside[*next as usize].row));
                }
                let Aside { row, sum, .. } = aside[left[at].0 as usize];
                let step = codes.coarse_terms[row as usize / GROUP].step[row as usize % GROUP];
                let further = KERNELS.row(fine(row), &self.probe.numbers);
                let highest = self.bounds.fine(sum, step, further, codes.fine_terms[row as usize]);
                left[count] = (row, highest);
                count += usize::from(!(highest < floor.key));
            }
            left.truncate(count);
        } else {
            left.iter_mut().for_each(|(i, _)| *i = aside[*i as usize].row);
        }
        for (at, &(row, highest)) in left.iter().enumerate() {
            if let Some((next, _)) = left.get(at + AHEAD) {
                kernels::prefetch(self.segment.vector(*next as usize));
            }
            if !(highest < floor.key) && self.probe.may_reach(floor.similarity, self.segment.vector(row as usize)) {
                self.compare(row, best, &mut floor);
            }
        }
    }

    /// Compares a row in full.
    fn compare(&self, row: u32, best: &mut Best, floor: &mut Reached) {
        let similarity = self.probe.similarity(self.segment.vector(row as usize));
        let person = self.segment.owner(row as usize).into();
        best.add(Find { similarity, segment: self.number, person, row }, self.probe, self.scan.snapshot);
        if best.floor() > floor.similarity {
            *floor = Reached::new(best, self.probe);
        }
    }

    #[inline]
    fn admits(&self, row: u32) -> bool {
        self.segment.members.is_in(self.scope, self.segment.owner(row as usize))
    }
}

/// What the first look does with the kernels' sums: of `rows`, those whose bounds reach the floor go
/// `aside`, and those whose estimates do into `reaching` as well.
struct Sift<'a> {
    sums: &'a [[i32; GROUP]],
    terms: &'a [GroupTerms],
    bounds: &'a Bounds,
    floor: f32,
    rows: Range<u32>,
    aside: &'a mut Vec<Aside>,
    reaching: &'a mut Vec<(u32, f32)>,
}

impl Work for Sift<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut first = self.rows.start;
        for (sums, terms) in self.sums.iter().zip(self.terms) {
            let rows = first..self.rows.end.min(first + GROUP as u32);
            first += GROUP as u32;
            let (estimates, bounds) = self.bounds.coarse(sums, terms);
            // A bound may be no number, which proves nothing.
            if bounds.iter().fold(true, |all, highest| all & (*highest < self.floor)) {
                continue;
            }
            // Without a branch, which the processor could not predict: every row is written, and counted if it is put
            // aside.
            let mut count = self.aside.len();
            self.aside.resize(count + GROUP, Aside::default());
            for (r, row) in rows.clone().enumerate() {
                self.aside[count] = Aside { row, sum: sums[r], highest: bounds[r] };
                count += usize::from(!(bounds[r] < self.floor));
            }
            self.aside.truncate(count);
            if estimates.iter().fold(false, |any, estimate| any | (*estimate >= self.floor)) {
                let reaching = rows.zip(estimates).filter(|(_, estimate)| *estimate >= self.floor);
                self.reaching.extend(reaching);
            }
        }
    }
}

/// The floor that a search has reached, and the key that goes with it.
struct Reached {
    similarity: f64,
    key: f32,
}

impl Reached {
    fn new(best: &Best, probe: &Probe) -> Self {
        Self { similarity: best.floor(), key: probe.key(best.floor()) }
    }
}

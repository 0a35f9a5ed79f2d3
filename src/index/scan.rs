//! The scan: which rows may belong to the answer, and what they are in full.
//!
//! A segment is read in blocks of 256 rows. For each probe the coarse codes of a block give a bound
//! for every row; rows whose bound falls short of the floor are done with. The others are bounded
//! again by their fine codes, and what then remains is compared in full, the most promising first,
//! so that the floor rises early. Nothing is left out that could belong to the answer: see
//! [`codes`](super::codes).

use super::best::{Best, Find};
use super::kernels::{GROUP, KERNELS};
use super::membership::{Filter, Scope};
use super::probe::{Bounds, Probe};
use super::segment::Segment;
use super::snapshot::Snapshot;
use super::tail::Tail;

/// Rows that are read for one probe after the other. Their coarse codes, 64 KiB for 512
/// components, stay in the processor's second cache meanwhile.
const BLOCK: usize = 256;
/// Below this share of people in a filter's scope, whole groups of rows are skipped.
const SPARSE: f64 = 0.125;
/// The number of the tail in place of a segment's.
pub(super) const TAIL: u32 = u32::MAX;

/// Memory that a worker uses again for each block.
#[derive(Default)]
pub(super) struct Scratch {
    sums: Vec<i32>,
    candidates: Vec<(u32, f32)>,
}

/// Looks through rows of a segment for each probe.
pub(super) fn scan_segment(
    snapshot: &Snapshot,
    number: u32,
    rows: std::ops::Range<usize>,
    filter: &Filter,
    probes: &[Probe],
    bests: &mut [Best],
    scratch: &mut Scratch,
) {
    let segment = &*snapshot.segments[number as usize];
    let scope = segment.members.scope(filter);
    let sparse = match &scope {
        Scope::Nobody => return,
        Scope::Everybody => false,
        Scope::Marked { people, .. } => (*people as f64) < SPARSE * segment.rows() as f64,
    };
    let bounds: Vec<Bounds> = probes.iter().map(|probe| probe.bounds(segment.codes())).collect();
    for start in rows.clone().step_by(BLOCK) {
        let block = start..(start + BLOCK).min(rows.end);
        for ((probe, bounds), best) in probes.iter().zip(&bounds).zip(bests.iter_mut()) {
            best.raise_floor(probe.floor());
            let look = Look { snapshot, segment, number, scope: &scope, probe, bounds };
            if sparse {
                for group in block.clone().step_by(GROUP) {
                    let group = group..(group + GROUP).min(block.end);
                    if group.clone().any(|row| segment.members.is_in(&scope, segment.owner(row))) {
                        look.at(group, best, scratch);
                    }
                }
            } else {
                look.at(block.clone(), best, scratch);
            }
        }
    }
}

/// Looks through the tail for each probe.
pub(super) fn scan_tail(snapshot: &Snapshot, tail: &Tail, filter: &Filter, probes: &[Probe], bests: &mut [Best]) {
    for (person, recent) in tail.people().iter().enumerate() {
        if !filter.admits(&recent.collections) {
            continue;
        }
        for (row, vector) in recent.vectors().enumerate() {
            for (probe, best) in probes.iter().zip(bests.iter_mut()) {
                if probe.may_reach(best.floor(), vector) {
                    let similarity = probe.similarity(vector);
                    let find = Find { similarity, segment: TAIL, person: person as u32, row: row as u32 };
                    best.add(find, probe, snapshot);
                }
            }
        }
    }
}

/// One probe's look at one segment.
struct Look<'a> {
    snapshot: &'a Snapshot,
    segment: &'a Segment,
    number: u32,
    scope: &'a Scope,
    probe: &'a Probe,
    bounds: &'a Bounds,
}

impl Look<'_> {
    /// Looks at rows, of which the first begins a group.
    fn at(&self, rows: std::ops::Range<usize>, best: &mut Best, scratch: &mut Scratch) {
        let codes = self.segment.codes();
        let groups = rows.start / GROUP..rows.end.div_ceil(GROUP);
        let probe = &self.probe.numbers[..codes.columns()];
        scratch.sums.resize(groups.len() * GROUP, 0);
        let bytes = groups.start * codes.group_bytes..groups.end * codes.group_bytes;
        KERNELS.columns(&codes.coarse[bytes], probe, &mut scratch.sums);

        let floor = self.probe.key(best.floor());
        scratch.candidates.clear();
        let (sums, _) = scratch.sums.as_chunks::<GROUP>();
        for ((sums, terms), group) in sums.iter().zip(&codes.coarse_terms[groups.clone()]).zip(groups) {
            let highest = self.bounds.coarse(sums, terms);
            // A bound may be no number, which proves nothing.
            if highest.iter().fold(true, |all, highest| all & (*highest < floor)) {
                continue;
            }
            for (r, highest) in highest.into_iter().enumerate() {
                let row = group * GROUP + r;
                if !(highest < floor)
                    && row < rows.end
                    && self.segment.members.is_in(self.scope, self.segment.owner(row))
                {
                    let highest = if codes.row_bytes > 0 { self.fine(row, sums[r], terms.step[r]) } else { highest };
                    if !(highest < floor) {
                        scratch.candidates.push((row as u32, if highest.is_nan() { f32::INFINITY } else { highest }));
                    }
                }
            }
        }

        scratch.candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut key = floor;
        let mut reached = best.floor();
        for &(row, highest) in &scratch.candidates {
            if highest < key {
                break;
            }
            let vector = self.segment.vector(row as usize);
            if !self.probe.may_reach(reached, vector) {
                continue;
            }
            let similarity = self.probe.similarity(vector);
            let person = self.segment.owner(row as usize).into();
            best.add(Find { similarity, segment: self.number, person, row }, self.probe, self.snapshot);
            if best.floor() > reached {
                reached = best.floor();
                key = self.probe.key(reached);
            }
        }
    }

    /// The most that the key of a row can be by its fine codes.
    fn fine(&self, row: usize, coarse: i32, coarse_step: f32) -> f32 {
        let codes = self.segment.codes();
        let fine = &codes.fine[row * codes.row_bytes..][..codes.row_bytes];
        self.bounds.fine(coarse, coarse_step, KERNELS.row(fine, &self.probe.numbers), codes.fine_terms[row])
    }
}

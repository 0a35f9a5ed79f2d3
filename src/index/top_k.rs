//! The best people of a search.
//!
//! Finds are gathered, and now and then cut down to the people that count: the best encoding of
//! each, then the best people. The similarity of the last of them is the floor for all that follow.

use super::probe::Probe;

/// An encoding that was compared in full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Find {
    pub(super) similarity: f64,
    /// The number of a segment, or [`TAIL`](super::scan::TAIL).
    pub(super) segment: u32,
    /// The person's number there.
    pub(super) person: u32,
    /// The row there; in the tail, the person's encoding.
    pub(super) row: u32,
}

/// Puts finds of equal similarity into order, by the ids of people and images.
pub(super) trait Names {
    /// The order of the people of two finds.
    fn people(&self, a: &Find, b: &Find) -> std::cmp::Ordering;
    /// The order of the images of two finds of one person.
    fn images(&self, a: &Find, b: &Find) -> std::cmp::Ordering;
}

/// The best people so far, at most `limit`.
pub(super) struct Best {
    limit: usize,
    finds: Vec<Find>,
    /// What a find must reach.
    floor: f64,
}

impl Best {
    /// Nobody yet; finds must reach `floor`.
    pub(super) fn new(limit: usize, floor: f64) -> Self {
        Self { limit, finds: Vec::new(), floor }
    }

    /// What a find must reach.
    pub(super) fn floor(&self) -> f64 {
        self.floor
    }

    /// Takes over a higher floor from other workers.
    pub(super) fn raise_floor(&mut self, floor: f64) {
        if floor > self.floor {
            self.floor = floor;
        }
    }

    /// Adds an encoding that was not added before. All encodings of one person must come from the same segment.
    pub(super) fn add(&mut self, find: Find, probe: &Probe, names: &impl Names) {
        if find.similarity < self.floor || self.floor.is_nan() {
            return;
        }
        self.finds.push(find);
        if self.finds.len() > self.limit.saturating_add(self.limit / 4) {
            self.cut(names);
            probe.raise_floor(self.floor);
        }
    }

    /// Joins what two workers found.
    pub(super) fn join(mut self, other: Self, names: &impl Names) -> Self {
        self.finds.extend(other.finds);
        self.raise_floor(other.floor);
        self.cut(names);
        self
    }

    /// The best people, the best first.
    pub(super) fn finish(mut self, names: &impl Names) -> Vec<Find> {
        self.cut(names);
        self.finds
    }

    fn cut(&mut self, names: &impl Names) {
        self.finds.sort_unstable_by(|a, b| {
            (a.segment, a.person)
                .cmp(&(b.segment, b.person))
                .then(b.similarity.total_cmp(&a.similarity))
                .then_with(|| names.images(a, b))
                .then(a.row.cmp(&b.row))
        });
        self.finds.dedup_by_key(|find| (find.segment, find.person));
        self.finds.sort_unstable_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| names.people(a, b)));
        self.finds.truncate(self.limit);
        if self.finds.len() == self.limit
            && let Some(last) = self.finds.last()
        {
            self.raise_floor(last.similarity);
        }
    }
}

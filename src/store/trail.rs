//! Following the chain of an audit trail, whatever keeps it, and saying what is wrong with it.

use super::CheckReport;
use crate::audit::{AuditEntry, AuditEvent, AuditHash, AuditHead, AuditProblem, AuditReport, link};
use crate::error::{Error, ErrorKind};

/// After so many entries the oldest are looked at, whether they are to be cut.
pub(super) const CUT_EVERY: u64 = 256;
/// The most entries that a write cuts beside its own work; who asks for a cut gets all cut.
pub(super) const CUT_AT_MOST: u64 = 1_024;

const MICROS_A_MINUTE: i64 = 60_000_000;
const MICROS_A_DAY: i64 = 86_400_000_000;

/// The most findings that are listed.
const MOST_PROBLEMS: usize = 100;

/// An entry that cannot be read.
pub(super) struct Unread {
    /// What is wrong with it.
    pub(super) what: String,
    /// The hash that stands beside it.
    pub(super) hash: AuditHash,
}

/// The chain as far as it has been followed.
pub(super) struct Walk {
    /// The last entry that was cut, and the newest one, as the state of the trail has them.
    base: AuditHead,
    head: AuditHead,
    previous: AuditHead,
    entries: u64,
    /// The last note of a cut: how far it went.
    cut: Option<AuditHead>,
    wanted: Option<AuditHead>,
    has_wanted: bool,
    found: Vec<AuditProblem>,
}

impl Walk {
    /// Begins behind `base`; whether an entry is `wanted` is looked at on the way.
    pub(super) fn new(base: AuditHead, head: AuditHead, wanted: Option<AuditHead>) -> Self {
        Self { base, head, previous: base, entries: 0, cut: None, wanted, has_wanted: false, found: Vec::new() }
    }

    /// The report of a trail whose state cannot be read.
    pub(super) fn impossible(what: String) -> AuditReport {
        let head = AuditHead::new(0, AuditHash::from_bytes([0; 32]));
        AuditReport { entries: 0, cut_until: 0, head, problems: vec![AuditProblem::new(None, what)] }
    }

    /// The hash behind which the next entry stands.
    pub(super) fn previous(&self) -> AuditHash {
        self.previous.hash
    }

    /// Takes the next entry, which has this number and was read behind [`Self::previous`].
    pub(super) fn step(&mut self, sequence: u64, entry: Result<AuditEntry, Unread>) {
        self.entries += 1;
        let expected = self.previous.sequence + 1;
        match sequence.checked_sub(expected) {
            Some(0) => {}
            Some(1) => self.add(Some(expected), "the entry is missing"),
            Some(_) => self.add(Some(expected), format!("the entries up to {} are missing", sequence - 1)),
            None => self.add(Some(sequence), "the entry was cut because of its age, and is there"),
        }
        match entry {
            Ok(entry) => {
                if sequence == expected && link(&self.previous.hash, &entry.text) != entry.hash {
                    self.add(Some(sequence), "the entry, or the hash of the one before it, is not what was written");
                }
                if let AuditEvent::TrailCut { until, hash, .. } = entry.event {
                    self.cut = Some(AuditHead::new(until, hash));
                }
                self.previous = AuditHead::new(sequence, entry.hash);
            }
            Err(Unread { what, hash }) => {
                self.add(Some(sequence), what);
                self.previous = AuditHead::new(sequence, hash);
            }
        }
        self.has_wanted |= self.wanted == Some(self.previous);
    }

    /// The report. `origin` is what the trail began with.
    pub(super) fn end(mut self, origin: AuditHash) -> AuditReport {
        let start = match self.base.sequence {
            0 => Some(AuditHead::new(0, origin)),
            _ => self.cut,
        };
        if start != Some(self.base) {
            self.add(None, "the oldest entries were cut, and the trail does not say so");
        }
        if self.previous.sequence < self.head.sequence {
            let what = format!("the newest entries, up to {}, are missing", self.head.sequence);
            self.add(Some(self.previous.sequence + 1), what);
        } else if self.previous != self.head {
            self.add(Some(self.previous.sequence), "the newest entry is not the one that the vault wrote last");
        }
        match self.wanted {
            Some(wanted) if wanted.sequence < self.base.sequence => {
                let what =
                    format!("it was cut because of its age: use a head of entry {} or later", self.base.sequence);
                self.add(Some(wanted.sequence), what);
            }
            Some(wanted) if !self.has_wanted && wanted != self.base => {
                let what = "the trail does not hold the entry with the given hash: it was changed or cut since, or the \
                            vault is an older copy or another one";
                self.add(Some(wanted.sequence), what);
            }
            _ => {}
        }
        AuditReport { entries: self.entries, cut_until: self.base.sequence, head: self.head, problems: self.found }
    }

    fn add(&mut self, sequence: Option<u64>, what: impl Into<String>) {
        if self.found.len() < MOST_PROBLEMS {
            self.found.push(AuditProblem::new(sequence, what.into()));
        }
    }
}

/// Whether the person of an entry was seen: recognised, or verified to be the person asked about.
pub(super) fn is_sight(event: &AuditEvent) -> bool {
    matches!(event, AuditEvent::Identified { recognized: 1.., .. } | AuditEvent::Verified { accepted: true, .. })
}

/// Entries from before then are cut, by a policy that keeps them for so many days. A clock that was set back cuts
/// nothing; the minute is for clocks that are being adjusted.
pub(super) fn oldest_kept(days: u32, newest: Option<i64>, now: i64) -> Option<i64> {
    let is_right = newest.is_some_and(|newest| now >= newest - MICROS_A_MINUTE);
    is_right.then(|| now.saturating_sub(i64::from(days) * MICROS_A_DAY))
}

/// Refuses an entry that does not fit to the one before it.
pub(super) fn require_linked(entry: &AuditEntry) -> Result<(), Error> {
    if link(&entry.previous, &entry.text) == entry.hash { Ok(()) } else { Err(unreadable(entry.sequence)) }
}

/// The error of an entry that is not what was written.
pub(super) fn unreadable(sequence: u64) -> Error {
    let message = format!(
        "entry {sequence} of the audit trail is not what was written: `facevault audit verify` says what else is"
    );
    Error::new(ErrorKind::Corrupt, message)
}

/// The error of an entry that a trail does not hold.
pub(super) fn unknown(head: &AuditHead) -> Error {
    let message = format!(
        "the audit trail holds no entry {} with this hash: it was cut because of its age, or is another vault's",
        head.sequence
    );
    Error::new(ErrorKind::NotFound, message)
}

/// Says in a check of everything what is wrong with the trail.
pub(super) fn tell(trail: AuditReport, report: &mut CheckReport) {
    report.audit_entries = trail.entries;
    for AuditProblem { sequence, what } in trail.problems {
        let what = match sequence {
            Some(sequence) => format!("audit trail, entry {sequence}: {what}"),
            None => format!("audit trail: {what}"),
        };
        report.add(None, what);
    }
}

//! Reading the trail and verifying it.

use jiff::Timestamp;

use super::{AuditEntry, AuditEvent, AuditHead};
use crate::error::{Error, Result, Rule};
use crate::person::{ClientId, PersonKey};
use crate::setters::setters;

/// The most entries of a page.
const MAX_PAGE: u64 = 10_000;

/// Which entries are wanted. Entries of all clients are found unless one is named.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AuditQuery {
    /// Only those of this client.
    pub client: Option<ClientId>,
    /// Only those of these kinds ([`AuditEvent::kind`]); of every kind where there is none.
    pub kinds: Vec<String>,
    /// Only those of this person.
    pub person: Option<PersonKey>,
    /// Only those of this time or later.
    pub since: Option<Timestamp>,
    /// Only those before this time.
    pub until: Option<Timestamp>,
    /// Begin behind this entry, in the direction of [`Self::newest_first`]: [`AuditPage::next`] gives it.
    pub after: Option<u64>,
    /// Give the newest entries first.
    pub newest_first: bool,
    /// The most entries of the page, 1 to 10,000.
    pub limit: u64,
}

setters!(AuditQuery {
    client: with_client(impl Into<Option<ClientId>>),
    kinds: with_kinds(Vec<String>),
    person: with_person(impl Into<Option<PersonKey>>),
    since: with_since(impl Into<Option<Timestamp>>),
    until: with_until(impl Into<Option<Timestamp>>),
    after: with_after(impl Into<Option<u64>>),
    newest_first: with_newest_first(bool),
    limit: with_limit(u64),
});

impl Default for AuditQuery {
    /// The first hundred entries.
    fn default() -> Self {
        Self {
            client: None,
            kinds: Vec::new(),
            person: None,
            since: None,
            until: None,
            after: None,
            newest_first: false,
            limit: 100,
        }
    }
}

impl AuditQuery {
    /// Refuses a limit out of range and kinds that there are not.
    pub(crate) fn validate(&self) -> Result<()> {
        if !(1..=MAX_PAGE).contains(&self.limit) {
            return Err(Error::invalid("limit", Rule::Range { min: 1.0, max: MAX_PAGE as f64 }));
        }
        match self.kinds.iter().any(|kind| !AuditEvent::kinds().any(|known| known == kind)) {
            true => {
                let known: Vec<&str> = AuditEvent::kinds().collect();
                Err(Error::invalid("kind", Rule::Other(format!("must be one of [{}]", known.join(", ")))))
            }
            false => Ok(()),
        }
    }
}

/// Some entries of the trail.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// What [`AuditQuery::after`] takes for the next page; `None` where this is the last one.
    pub next: Option<u64>,
    /// The newest entry of the whole trail.
    pub head: AuditHead,
}

/// What a verification of the trail found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditReport {
    /// Entries looked at.
    pub entries: u64,
    /// The last entry that was cut because of its age; 0 where none was.
    pub cut_until: u64,
    /// The newest entry.
    pub head: AuditHead,
    /// What is wrong; empty where nothing is.
    pub problems: Vec<AuditProblem>,
}

impl AuditReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Something in the trail that no vault writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditProblem {
    /// The entry concerned, where it is one.
    pub sequence: Option<u64>,
    /// What is wrong, as a sentence.
    pub what: String,
}

impl AuditProblem {
    pub(crate) fn new(sequence: Option<u64>, what: String) -> Self {
        Self { sequence, what }
    }
}

//! What the trail notes, and for how long.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Rule};
use crate::setters::setters;

/// The most days that entries are kept for, if not for ever: a hundred years.
const MAX_DAYS: u32 = 36_525;

/// What is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditScope {
    /// Nothing.
    Off,
    /// Whatever changes the vault.
    #[default]
    Changes,
    /// Searches, comparisons and exports too.
    All,
}

impl AuditScope {
    /// `off`, `changes` or `all`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Changes => "changes",
            Self::All => "all",
        }
    }

    /// Reads what [`Self::as_str`] gives.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Off, Self::Changes, Self::All].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// What a vault's trail notes, and for how long. It is a part of the vault: every program that opens it keeps to
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditPolicy {
    /// What is noted. By default whatever changes the vault, and no searches.
    pub scope: AuditScope,
    /// For how many days an entry is kept at least, 1 to 36,525; `None` for ever. By default 365. Older ones are
    /// cut now and then while others are written.
    pub keep_days: Option<u32>,
    /// Write the entry of a search to the disk before its answer is given, which takes as long as a change.
    /// Otherwise the entries of searches are written together, with the next change or after at most two seconds:
    /// a power cut can lose those of the last two seconds. Off by default.
    pub searches_at_once: bool,
}

setters!(AuditPolicy {
    scope: with_scope(AuditScope),
    keep_days: with_keep_days(impl Into<Option<u32>>),
    searches_at_once: with_searches_at_once(bool),
});

impl Default for AuditPolicy {
    fn default() -> Self {
        Self { scope: AuditScope::default(), keep_days: Some(365), searches_at_once: false }
    }
}

impl AuditPolicy {
    /// Refuses a number of days out of range.
    pub(crate) fn validate(&self) -> Result<()> {
        match self.keep_days {
            Some(days) if !(1..=MAX_DAYS).contains(&days) => {
                Err(Error::invalid("keep_days", Rule::Range { min: 1.0, max: f64::from(MAX_DAYS) }))
            }
            _ => Ok(()),
        }
    }
}

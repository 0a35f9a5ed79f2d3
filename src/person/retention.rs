//! For how long people are kept.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Rule};
use crate::setters::setters;

/// The most days after which somebody who was not seen is removed: a hundred years.
const MAX_DAYS: u32 = 36_525;

/// Which people are removed because of time. It is a part of the vault: `facevault serve` carries it out, and so does
/// [`Vault::carry_out_retention`](crate::Vault::carry_out_retention). By default nobody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetentionPolicy {
    /// Remove those whose `expires_at` has come.
    pub expired: bool,
    /// Remove those who are active and were neither recognised nor verified for so many days, 1 to 36,525. It needs
    /// an audit trail that notes searches ([`AuditScope::All`](crate::AuditScope)); nobody is removed before
    /// searches were noted for that long, nor before being in the vault for that long.
    pub unseen_days: Option<u32>,
}

setters!(RetentionPolicy { expired: with_expired(bool), unseen_days: with_unseen_days(impl Into<Option<u32>>) });

impl RetentionPolicy {
    /// Whether nobody is removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.expired && self.unseen_days.is_none()
    }

    /// Refuses a number of days out of range.
    pub(crate) fn validate(&self) -> Result<()> {
        match self.unseen_days {
            Some(days) if !(1..=MAX_DAYS).contains(&days) => {
                Err(Error::invalid("unseen_days", Rule::Range { min: 1.0, max: f64::from(MAX_DAYS) }))
            }
            _ => Ok(()),
        }
    }
}

//! Who is to be removed because of time.

use jiff::Timestamp;

use crate::audit::RemovalReason;
use crate::error::{Error, ErrorKind, Result};
use crate::person::PersonId;

const MICROS_A_MINUTE: i64 = 60_000_000;
const MICROS_A_DAY: i64 = 86_400_000_000;
/// A clock that is so far ahead of the last change is asked about.
const FARTHEST: i64 = 5 * 366 * MICROS_A_DAY;

/// A person whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// The person.
    pub person: PersonId,
    /// The version that the person has.
    pub version: u64,
    /// Why the person is to be removed.
    pub reason: RemovalReason,
}

/// Whoever was not seen since then was not seen for so many days.
pub(super) fn days_before(now: Timestamp, days: u32) -> i64 {
    now.as_microsecond().saturating_sub(i64::from(days) * MICROS_A_DAY)
}

/// Refuses a clock by which nobody should be removed. `last` is when the vault was last changed.
pub(super) fn require_plausible(now: Timestamp, last: i64, trust_clock: bool) -> Result<()> {
    let ahead = now.as_microsecond().saturating_sub(last);
    let changed = Timestamp::from_microsecond(last).unwrap_or(Timestamp::UNIX_EPOCH);
    // A minute is for clocks that are being adjusted.
    let message = if ahead < -MICROS_A_MINUTE {
        format!(
            "the clock says {now:.0}, but the vault was changed at {changed:.0}: nobody is removed by a clock that is \
             wrong; set it right"
        )
    } else if ahead > FARTHEST && !trust_clock {
        format!(
            "the clock says {now:.0}, more than five years after the vault's last change at {changed:.0}: nobody is \
             removed by a clock that may be wrong; if it is right, say so with --trust-clock"
        )
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Io, message))
}

/// The error where searches are not noted.
pub(super) fn nobody_was_noted() -> Error {
    let message = "the audit trail does not note searches, so nobody knows who was seen: \
                   `facevault audit policy VAULT --scope all` notes them from then on";
    Error::new(ErrorKind::Unsupported, message)
}

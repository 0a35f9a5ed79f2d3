//! What biometrics counts: error rates from similarities, their uncertainty, and the protocols
//! that are published with them. Pure functions of numbers, without files, photos or models.
//!
//! Everywhere here a pair passes when its similarity is *at or above* the threshold; FMR is the
//! share of non-mated pairs that pass, FNMR the share of mated pairs that do not (ISO/IEC 19795-1).
//! A pair without similarity, because one of its photos gave no encoding, is never left out: a
//! mated one counts as a miss. A non-mated one cannot pass; it is counted, and it is kept out of
//! the FMR's denominator, where it would make the rate look better than it is.

pub mod calibrate;
mod comparisons;
mod histogram;
mod interval;
pub mod lfw;
pub mod open_set;
pub mod presentation_attacks;
mod random;
mod roc;

pub use comparisons::{Comparisons, ScoredPair, WORST_PAIRS};
pub use histogram::Histogram;
pub use interval::{Interval, MeasuredRate, PersonTrials, bootstrap_over_people, wilson};
#[cfg(feature = "evaluation")]
pub(crate) use random::SplitMix64;
pub use roc::{EqualError, RocPoint, Scores};

//! The JSON shapes, for the command line and HTTP alike.
//!
//! Requests are read by hand, not by derive: an absent field and `null` mean different things, and
//! every broken rule is reported with the field's name, not only the first one found.

mod answer;
mod base64;
#[cfg(test)]
mod bytes;
mod face;
mod fields;
#[cfg(feature = "http")]
mod item;
mod request;
mod search;

pub use self::base64::{decode_base64, encode_base64};
pub use answer::{ErrorAnswer, PersonAnswer};
pub use face::FaceAnswer;
#[cfg(feature = "http")]
pub(crate) use fields::{Fields, parse};
#[cfg(feature = "http")]
pub(crate) use item::{Names, PersonItem};
pub use search::{DuplicatesAnswer, IdentificationAnswer, IdentifiedFaceAnswer, VerificationAnswer};

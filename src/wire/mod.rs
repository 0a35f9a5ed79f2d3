//! The JSON shapes, for the command line and HTTP alike.
//!
//! Requests are read by hand, not by derive: an absent field and `null` mean different things, and
//! every broken rule is reported with the field's name, not only the first one found.

mod answer;
mod base64;
mod face;
mod request;
mod search;

pub use self::base64::{decode_base64, encode_base64};
pub use answer::{ErrorAnswer, PersonAnswer};
pub use face::FaceAnswer;
pub use search::{DuplicatesAnswer, IdentificationAnswer, IdentifiedFaceAnswer, VerificationAnswer};

//! The JSON shapes, for the command line and HTTP alike.
//!
//! Each shape is one struct. With the feature `http` the same struct is also the schema of the HTTP
//! API's description, so an answer and its description cannot differ. Types of the vocabulary, such
//! as [`Person`](crate::Person), serialise as the struct here that bears their name.
//!
//! Requests are read by hand, not by derive: an absent field and `null` mean different things, and
//! every broken rule is reported with the field's name, not only the first one found.

#[cfg(feature = "http")]
mod as_read;
mod audit;
mod base64;
#[cfg(test)]
mod bytes;
mod collection;
mod error;
mod face;
mod fields;
mod person;
mod request;
mod search;
mod watch;

use serde::ser::{Error as _, Serialize, Serializer};

pub use self::base64::{decode_base64, encode_base64};
pub use crate::validate::is_invisible;
pub use audit::ExportedEntry;
#[cfg(feature = "http")]
pub(crate) use collection::CollectionAnswer;
pub use error::ErrorAnswer;
#[cfg(feature = "http")]
pub(crate) use error::ImageOutcome;
pub use face::{EncodedFaceAnswer, FaceAnswer};
#[cfg(feature = "http")]
pub(crate) use face::{FaceBox, NamedLandmarks};
#[cfg(feature = "http")]
pub(crate) use fields::{Fields, parse};
pub use person::PersonAnswer;
#[cfg(feature = "http")]
pub(crate) use person::{DateParts, Names, PersonItem};
#[cfg(feature = "http")]
pub(crate) use request::body;
pub use search::{DuplicatesAnswer, IdentificationAnswer, IdentifiedFaceAnswer, VerificationAnswer};
pub use watch::EventAnswer;

/// Serialises a value with the members of its objects in alphabetical order and every number as
/// `f64`. Parts of some answers have always been written so.
pub(crate) fn sorted<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::to_value(value).map_err(S::Error::custom)?.serialize(serializer)
}

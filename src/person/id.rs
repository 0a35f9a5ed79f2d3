//! Ids of persons, photos, collections, clients and tokens.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Rule};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $field:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// A new id that no other has; ids made later sort behind.
            #[must_use]
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "_{}"), uuid::Uuid::now_v7().simple()).into())
            }

            /// The id with this text.
            ///
            /// # Errors
            /// [`Invalid`](crate::ErrorKind::Invalid) unless it has 1 to 64 of the characters
            /// `A-Z a-z 0-9 _ -`.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                let text = text.as_ref();
                let known = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
                if text.is_empty() || text.len() > 64 || !text.bytes().all(known) {
                    return Err(Error::invalid($field, Rule::Other("must have 1 to 64 of the characters A-Z a-z 0-9 _ -".into())));
                }
                Ok(Self(text.into()))
            }

            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
    };
}

id! {
    /// Names a [`Person`](super::Person): `person_` and a UUID, unless the caller chose it.
    PersonId, "person", "id"
}
id! {
    /// Names one photo of a person: `image_` and a UUID.
    ImageId, "image", "image_id"
}
id! {
    /// Names a [`Collection`](super::Collection): `collection_` and a UUID, unless the caller chose it.
    CollectionId, "collection", "id"
}
id! {
    /// Names the tenant that persons and collections belong to: `client_` and a UUID, unless the
    /// caller chose it.
    ClientId, "client", "client"
}
id! {
    /// Names a [`Token`](crate::Token): `token_` and a UUID.
    TokenId, "token", "id"
}

/// The number of a person in one vault file. No other person ever has it there, and it says nothing
/// about the person, so it may outlive the person in a list of removals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonKey(i64);

impl PersonKey {
    /// The key with this number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_refuse_other_characters() {
        let (first, second) = (PersonId::generate(), PersonId::generate());
        assert!(first < second && first.as_str().starts_with("person_"));
        assert!(PersonId::new("person_123456789").is_ok());
        for text in ["", "a b", "a/b", "ü", &"x".repeat(65)] {
            assert!(PersonId::new(text).is_err(), "{text}");
        }
    }
}

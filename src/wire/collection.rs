//! Collections and tokens as they are answered.

use serde::ser::{Serialize, Serializer};

use crate::clock;
use crate::person::Collection;
use crate::token::Token;

use super::person::time;

/// A collection.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = Collection))]
pub(crate) struct CollectionAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    /// A UUID; accepted wherever the id is.
    #[cfg_attr(feature = "http", schema(min_length = 36, max_length = 36))]
    code: &'a str,
    name: &'a str,
    #[cfg_attr(feature = "http", schema(required = true))]
    description: Option<&'a str>,
    #[serde(rename = "createdAt")]
    #[cfg_attr(feature = "http", schema(format = DateTime))]
    created_at: String,
    #[serde(rename = "updatedAt")]
    #[cfg_attr(feature = "http", schema(format = DateTime))]
    updated_at: String,
}

impl<'a> CollectionAnswer<'a> {
    pub(crate) fn new(collection: &'a Collection) -> Self {
        Self {
            id: collection.id.as_str(),
            code: &collection.code,
            name: &collection.name,
            description: collection.description.as_deref(),
            created_at: time(collection.created_at),
            updated_at: time(collection.updated_at),
        }
    }
}

impl Serialize for Collection {
    /// As the HTTP API answers a collection and the command prints it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CollectionAnswer::new(self).serialize(serializer)
    }
}

#[derive(serde::Serialize)]
struct TokenAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    client: &'a str,
    status: &'static str,
    #[serde(rename = "createdAt")]
    created_at: String,
    #[serde(rename = "expiresAt")]
    expires_at: Option<String>,
    #[serde(rename = "revokedAt")]
    revoked_at: Option<String>,
}

impl Serialize for Token {
    /// Everything but the secret; `status` is `active`, `expired` or `revoked`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let status = match self.revoked_at {
            Some(_) => "revoked",
            None if self.has_expired(clock::now()) => "expired",
            None => "active",
        };
        let answer = TokenAnswer {
            id: self.id.as_str(),
            client: self.client.as_str(),
            status,
            created_at: time(self.created_at),
            expires_at: self.expires_at.map(time),
            revoked_at: self.revoked_at.map(time),
        };
        answer.serialize(serializer)
    }
}

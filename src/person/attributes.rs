//! What is known of a person in a closed list of words.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Rule};

/// `M` or `F`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum Gender {
    /// `"M"`.
    #[serde(rename = "M")]
    Male,
    /// `"F"`.
    #[serde(rename = "F")]
    Female,
}

impl Gender {
    /// `"M"` or `"F"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Male => "M",
            Self::Female => "F",
        }
    }

    /// Reads `"M"` or `"F"`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "M" => Ok(Self::Male),
            "F" => Ok(Self::Female),
            _ => Err(Error::invalid("gender", Rule::OneOf(&["M", "F"]))),
        }
    }
}

/// Whether a person is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// Found by identify and verify.
    #[default]
    Active,
    /// Kept, but never matched.
    Inactive,
    /// Kept, but not matched yet: somebody has still to decide on the person. A vault treats it as `Inactive`.
    Pending,
}

impl Status {
    /// `"active"`, `"inactive"` or `"pending"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
        }
    }

    /// Reads `"active"`, `"inactive"` or `"pending"`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "active" => Ok(Self::Active),
            "inactive" => Ok(Self::Inactive),
            "pending" => Ok(Self::Pending),
            _ => Err(Error::invalid("status", Rule::OneOf(&["active", "inactive", "pending"]))),
        }
    }
}

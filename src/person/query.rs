//! Lists of persons, a page at a time.

use std::collections::BTreeMap;
use std::fmt;

use crate::setters::setters;

use super::{DateOfBirth, Status};

/// What is asked of a list: one page of at most `limit`, and who may be on it. `Debug` shows nothing that
/// describes a person.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PersonQuery {
    /// The page, from 1.
    pub page: u64,
    /// Persons a page, 1 to 1,000.
    pub limit: u64,
    /// Only members of this collection, by id or code.
    pub collection: Option<String>,
    /// Only persons of this status.
    pub status: Option<Status>,
    /// Only persons whose name contains this text, without regard to case (`STRASSE` finds `Straße`) and to
    /// how accents are written in Unicode. Accents count: `e` does not find `é`.
    pub name_contains: Option<String>,
    /// Only persons born on this day.
    pub date_of_birth: Option<DateOfBirth>,
    /// Only persons who have all these attributes, with exactly these values.
    pub attributes: BTreeMap<String, String>,
}

impl fmt::Debug for PersonQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonQuery")
            .field("page", &self.page)
            .field("limit", &self.limit)
            .field("collection", &self.collection)
            .field("status", &self.status)
            .field("attributes", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

setters!(PersonQuery {
    page: with_page(u64),
    limit: with_limit(u64),
    collection: with_collection(impl Into<Option<String>>),
    status: with_status(impl Into<Option<Status>>),
    name_contains: with_name_contains(impl Into<Option<String>>),
    date_of_birth: with_date_of_birth(impl Into<Option<DateOfBirth>>),
    attributes: with_attributes(BTreeMap<String, String>),
});

impl Default for PersonQuery {
    fn default() -> Self {
        Self {
            page: 1,
            limit: 10,
            collection: None,
            status: None,
            name_contains: None,
            date_of_birth: None,
            attributes: BTreeMap::new(),
        }
    }
}

/// One page of a list and how many there are in all.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The page, from 1.
    pub page: u64,
    /// Items a page.
    pub limit: u64,
    /// Items on all pages.
    pub total: u64,
}

impl<T> Page<T> {
    /// How many pages there are.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.total.div_ceil(self.limit.max(1))
    }
}

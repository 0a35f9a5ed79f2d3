//! Lists of persons, a page at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::error::{Error, Result, Rule};
use crate::setters::setters;

use super::{DateOfBirth, PersonId, PersonSummary, Status};

/// A place in a list of persons: behind a person, whether or not that person is still there.
///
/// [`Page::next`] gives it, and [`PersonQuery::after`] takes it. As text it is up to 80 of the characters
/// `A-Z a-z 0-9 _ -`; what it is made of may change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    created_at: Timestamp,
    id: PersonId,
}

impl Cursor {
    /// The place behind `person`, in lists of any filter.
    #[must_use]
    pub fn behind(person: &PersonSummary) -> Self {
        Self { created_at: person.created_at, id: person.id.clone() }
    }

    /// When the person before this place was created, in microseconds, and that person's id.
    pub(crate) fn place(&self) -> (i64, &PersonId) {
        (self.created_at.as_microsecond(), &self.id)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.created_at.as_microsecond(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a text that is no cursor.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (time, id) = text.split_at_checked(16)?;
            let is_hex = time.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
            let time = u64::from_str_radix(time, 16).ok().filter(|_| is_hex)?;
            let created_at = Timestamp::from_microsecond(time.cast_signed()).ok()?;
            Some(Self { created_at, id: PersonId::new(id).ok()? })
        };
        read().ok_or_else(|| {
            let rule = "must be the `next` of another page of this list";
            Error::invalid("after", Rule::Other(rule.to_owned()))
        })
    }
}

/// What is asked of a list: one page of at most `limit`, and who may be on it.
///
/// A page is found by its number, or by the [`next`](Page::next) of the one before. A number counts from
/// the beginning each time: where persons are added or removed between two pages, somebody may be on both
/// or on neither. Pages that follow one another by `after` have everybody who is there all the time once.
/// `Debug` shows nothing that describes a person.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PersonQuery {
    /// The page, from 1. It must be 1 where `after` is given.
    pub page: u64,
    /// Only persons who come behind this place in the list.
    pub after: Option<Cursor>,
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

setters!(PersonQuery {
    page: with_page(u64),
    after: with_after(impl Into<Option<Cursor>>),
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
            after: None,
            limit: 10,
            collection: None,
            status: None,
            name_contains: None,
            date_of_birth: None,
            attributes: BTreeMap::new(),
        }
    }
}

/// The most persons on a page.
const MAX_PAGE: u64 = 1_000;

impl PersonQuery {
    /// Checks the query, and returns how many persons come before its page.
    pub(crate) fn skipped(&self) -> Result<i64> {
        self.validate()?;
        let range = |field, max: u64| Error::invalid(field, Rule::Range { min: 1.0, max: max as f64 });
        if !(1..=MAX_PAGE).contains(&self.limit) {
            return Err(range("limit", MAX_PAGE));
        }
        let skipped = self.page.checked_sub(1).and_then(|full| full.checked_mul(self.limit));
        let Some(offset) = skipped.and_then(|offset| i64::try_from(offset).ok()) else {
            return Err(range("page", i64::MAX as u64 / MAX_PAGE));
        };
        match self.after.is_some() && self.page != 1 {
            true => Err(Error::invalid("after", Rule::Other("must not come with a page: name one of them".to_owned()))),
            false => Ok(offset),
        }
    }
}

impl fmt::Debug for PersonQuery {
    /// Without what describes persons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonQuery")
            .field("page", &self.page)
            .field("after", &self.after)
            .field("limit", &self.limit)
            .field("collection", &self.collection)
            .field("status", &self.status)
            .field("attributes", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// One page of a list and how many there are in all.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The page, from 1; `None` where a cursor was asked for.
    pub page: Option<u64>,
    /// Items a page.
    pub limit: u64,
    /// Items on all pages.
    pub total: u64,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// How many pages there are.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.total.div_ceil(self.limit.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_from_its_text() {
        for micros in [0, 1, -1, 1_700_000_000_123_456, -62_000_000_000_000_000] {
            let created_at = Timestamp::from_microsecond(micros).expect("a time");
            for id in ["a", "person_1-b", &"x".repeat(64)] {
                let cursor = Cursor { created_at, id: PersonId::new(id).expect("an id") };
                assert_eq!(cursor.to_string().parse::<Cursor>().expect("a cursor"), cursor);
            }
        }
    }

    #[test]
    fn debug_shows_nothing_that_describes_a_person() {
        let born = DateOfBirth::new(1815, 12, 10).expect("a date");
        let query = PersonQuery::default().with_name_contains("Ada".to_owned()).with_date_of_birth(born);
        let shown = format!("{query:?}");
        assert!(!shown.contains("Ada") && !shown.contains("1815"), "{shown}");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "ada",
            "0123456789abcdef",
            "0123456789ABCDEFada",
            "+123456789abcdefada",
            "7fffffffffffffffada",
            "0006000000000000a b",
            "000600000000000\u{e9}ada",
        ] {
            let error = text.parse::<Cursor>().expect_err(text);
            assert_eq!(error.violations()[0].field, "after", "{text}");
        }
    }
}

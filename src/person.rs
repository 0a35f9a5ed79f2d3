//! People, their photos and their collections, as a vault keeps them and as a caller changes them.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::encoding::FaceEncoding;
use crate::error::{Error, Result, Rule};
use crate::patch::Patch;

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

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
    };
}

id! {
    /// Names a [`Person`]: `person_` and a UUID, unless the caller chose it.
    PersonId, "person", "id"
}
id! {
    /// Names one photo of a person: `image_` and a UUID.
    ImageId, "image", "image_id"
}
id! {
    /// Names a [`Collection`]: `collection_` and a UUID, unless the caller chose it.
    CollectionId, "collection", "id"
}
id! {
    /// Names the tenant to whom persons and collections belong: `client_` and a UUID, unless the
    /// caller chose it.
    ClientId, "client", "client"
}

/// Gender as the page writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Found by identify and verify.
    #[default]
    Active,
    /// Kept, but never matched.
    Inactive,
}

impl Status {
    /// `"active"` or `"inactive"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    /// Reads `"active"` or `"inactive"`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "active" => Ok(Self::Active),
            "inactive" => Ok(Self::Inactive),
            _ => Err(Error::invalid("status", Rule::OneOf(&["active", "inactive"]))),
        }
    }
}

/// A day of the calendar that is not in the future.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateOfBirth(Date);

impl DateOfBirth {
    /// The date with this year (1 to 9999), month and day.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a day that the calendar does not have, or one
    /// after today (in the time zone that is furthest ahead).
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self> {
        let wrong = |why: String| Error::invalid("date_of_birth", Rule::Date(why));
        let date = Date::new(year, month, day)
            .map_err(|_| wrong(format!("the calendar has no {year:04}-{month:02}-{day:02}")))?;
        if year < 1 {
            return Err(wrong(format!("year {year} is before year 1")));
        }
        // Somewhere on Earth (UTC+14) it is already tomorrow.
        let latest = jiff::tz::TimeZone::fixed(jiff::tz::offset(14)).to_datetime(Timestamp::now()).date();
        if date > latest {
            return Err(wrong(format!("{date} is in the future")));
        }
        Ok(Self(date))
    }

    /// Reads `YYYY-MM-DD`, or the date of an ISO 8601 date and time.
    ///
    /// # Errors
    /// As for [`Self::new`], and for text in another form.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::invalid("date_of_birth", Rule::Date("expected YYYY-MM-DD or an ISO 8601 date and time".into()));
        let date = text.get(..10).ok_or_else(wrong)?;
        let bytes = date.as_bytes();
        let digits = |range: std::ops::Range<usize>| bytes[range].iter().all(u8::is_ascii_digit);
        if !(digits(0..4) && bytes[4] == b'-' && digits(5..7) && bytes[7] == b'-' && digits(8..10)) {
            return Err(wrong());
        }
        if text.len() > 10 {
            let whole = text.parse::<Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok();
            if !whole || !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
                return Err(wrong());
            }
        }
        let number = |range: std::ops::Range<usize>| date[range].parse::<i16>().map_err(|_| wrong());
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        Self::new(year, month as i8, day as i8)
    }

    /// The date that [`Display`](fmt::Display) wrote. Whether it lies in the future was asked when
    /// it came; a clock that was set back since takes nothing away.
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        (date.year() >= 1).then_some(Self(date))
    }

    /// The year, 1 to 9999.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub fn day(self) -> i8 {
        self.0.day()
    }
}

impl fmt::Display for DateOfBirth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year(), self.month(), self.day())
    }
}

impl fmt::Debug for DateOfBirth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DateOfBirth(..)")
    }
}

/// The bytes of a photo as handed in. Cloning is cheap; `Debug` shows only how many there are.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageBytes(Arc<[u8]>);

impl ImageBytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for ImageBytes {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl std::ops::Deref for ImageBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ImageBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageBytes({} bytes)", self.0.len())
    }
}

/// One photo of a person with its face encoding.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonImage {
    /// Names the photo for as long as the person keeps it.
    pub id: ImageId,
    /// The photo as it was handed in.
    pub bytes: ImageBytes,
    /// The encoding by the vault's model; `None` while a change of model has not reached it.
    pub encoding: Option<FaceEncoding>,
}

/// A person as a vault keeps it. `Debug` shows ids and counts, never what describes the person.
#[derive(Clone, PartialEq)]
pub struct Person {
    /// Names the person.
    pub id: PersonId,
    /// The tenant to whom the person belongs.
    pub client: ClientId,
    /// 1 to 100 characters.
    pub name: String,
    /// Gender, where it is known.
    pub gender: Option<Gender>,
    /// Date of birth, where it is known.
    pub date_of_birth: Option<DateOfBirth>,
    /// 1 to 100 characters, where it is known.
    pub nationality: Option<String>,
    /// Photos with their encodings, in the order in which they were given.
    pub images: Vec<PersonImage>,
    /// The collections that the person is in, oldest collection first.
    pub collections: Vec<CollectionId>,
    /// 1 to 4,000 characters, where there are any.
    pub notes: Option<String>,
    /// Whether the person is searched.
    pub status: Status,
    /// How often the person was written: 1 when new, one more with each change.
    pub version: u64,
    /// When the person was created.
    pub created_at: Timestamp,
    /// When the person was last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("id", &self.id)
            .field("client", &self.client)
            .field("images", &self.images.len())
            .field("collections", &self.collections)
            .field("status", &self.status)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A person without photos and encodings, as lists show it.
#[derive(Clone, PartialEq)]
pub struct PersonSummary {
    /// Names the person.
    pub id: PersonId,
    /// 1 to 100 characters.
    pub name: String,
    /// Gender, where it is known.
    pub gender: Option<Gender>,
    /// Date of birth, where it is known.
    pub date_of_birth: Option<DateOfBirth>,
    /// 1 to 100 characters, where it is known.
    pub nationality: Option<String>,
    /// How many photos the person has.
    pub image_count: u64,
    /// The collections that the person is in, oldest collection first.
    pub collections: Vec<CollectionId>,
    /// Whether the person is searched.
    pub status: Status,
    /// How often the person was written.
    pub version: u64,
    /// When the person was created.
    pub created_at: Timestamp,
    /// When the person was last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for PersonSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonSummary").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// A person to be created. Only the name is needed.
#[derive(Clone, Default)]
pub struct NewPerson {
    /// The id, where the caller brings one of its own.
    pub id: Option<PersonId>,
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// The photos' bytes, at most [`Limits::max_images`].
    pub images: Vec<ImageBytes>,
    /// Gender, where it is known.
    pub gender: Option<Gender>,
    /// Date of birth, where it is known.
    pub date_of_birth: Option<DateOfBirth>,
    /// 1 to 100 characters, where it is known.
    pub nationality: Option<String>,
    /// Ids or codes of collections of the same client.
    pub collections: Vec<String>,
    /// Up to 4,000 characters.
    pub notes: Option<String>,
    /// Whether the person is searched.
    pub status: Status,
}

impl fmt::Debug for NewPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPerson").field("id", &self.id).field("images", &self.images.len()).finish_non_exhaustive()
    }
}

/// What an update does to a person's photos.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ImagesUpdate {
    /// They stay.
    #[default]
    Keep,
    /// These replace the whole set, in this order. At least one.
    Replace(Vec<ImageBytes>),
    /// Some go and others come behind those that stay.
    Edit {
        /// The photos that go.
        remove: Vec<ImageId>,
        /// The photos that come.
        add: Vec<ImageBytes>,
    },
    /// All go.
    Clear,
}

/// A partial update of a person: what is not named stays as it is.
///
/// ```
/// use facevault::{Patch, PersonUpdate};
///
/// let update = PersonUpdate {
///     name: Patch::Set("John Doe Updated".into()),
///     nationality: Patch::Clear,
///     ..PersonUpdate::default()
/// };
/// assert!(update.gender.is_keep());
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct PersonUpdate {
    /// 1 to 100 characters after trimming; cannot be cleared.
    pub name: Patch<String>,
    /// The photos.
    pub images: ImagesUpdate,
    /// Gender.
    pub gender: Patch<Gender>,
    /// Date of birth.
    pub date_of_birth: Patch<DateOfBirth>,
    /// 1 to 100 characters after trimming.
    pub nationality: Patch<String>,
    /// Ids or codes of collections of the same client, replacing the membership; an empty list is
    /// none; cannot be cleared.
    pub collections: Patch<Vec<String>>,
    /// Up to 4,000 characters.
    pub notes: Patch<String>,
    /// Whether the person is searched; cannot be cleared.
    pub status: Patch<Status>,
    /// Refuse with [`Conflict`](crate::ErrorKind::Conflict) unless this is the current version.
    pub expected_version: Option<u64>,
}

impl fmt::Debug for PersonUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn word<T>(patch: &Patch<T>) -> &'static str {
            match patch {
                Patch::Keep => "keep",
                Patch::Clear => "clear",
                Patch::Set(_) => "set",
            }
        }
        f.debug_struct("PersonUpdate")
            .field("name", &word(&self.name))
            .field("images", &self.images)
            .field("gender", &word(&self.gender))
            .field("date_of_birth", &word(&self.date_of_birth))
            .field("nationality", &word(&self.nationality))
            .field("collections", &self.collections)
            .field("notes", &word(&self.notes))
            .field("status", &self.status)
            .field("expected_version", &self.expected_version)
            .finish()
    }
}

/// A group of persons of one client.
#[derive(Clone, PartialEq)]
pub struct Collection {
    /// Names the collection.
    pub id: CollectionId,
    /// A second name, a UUID; accepted wherever the id is.
    pub code: String,
    /// 1 to 100 characters.
    pub name: String,
    /// Up to 4,000 characters.
    pub description: Option<String>,
    /// When the collection was created.
    pub created_at: Timestamp,
    /// When the collection was last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection").field("id", &self.id).field("code", &self.code).finish_non_exhaustive()
    }
}

/// A collection to be created.
#[derive(Clone, Default)]
pub struct NewCollection {
    /// The id, where the caller brings one of its own.
    pub id: Option<CollectionId>,
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// Up to 4,000 characters.
    pub description: Option<String>,
}

/// A partial update of a collection.
#[derive(Clone, Default)]
pub struct CollectionUpdate {
    /// 1 to 100 characters after trimming; cannot be cleared.
    pub name: Patch<String>,
    /// Up to 4,000 characters.
    pub description: Patch<String>,
    /// The ids of all its persons, replacing the membership; cannot be cleared.
    pub people: Patch<Vec<PersonId>>,
}

/// What is asked of a list: one page of at most `limit`, and whom it may hold.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonQuery {
    /// The page, from 1.
    pub page: u64,
    /// Persons a page, 1 to 1,000.
    pub limit: u64,
    /// Only members of this collection, by id or code.
    pub collection: Option<String>,
    /// Only persons of this status.
    pub status: Option<Status>,
    /// Only persons whose name contains this text, without regard to case.
    pub name_contains: Option<String>,
    /// Only persons born on this day.
    pub date_of_birth: Option<DateOfBirth>,
}

impl Default for PersonQuery {
    fn default() -> Self {
        Self { page: 1, limit: 10, collection: None, status: None, name_contains: None, date_of_birth: None }
    }
}

/// One page of a list and how many there are in all.
#[derive(Debug, Clone, PartialEq)]
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

/// How much a vault takes of one person and one photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Photos of one person.
    pub max_images: usize,
    /// Bytes of one photo.
    pub max_image_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_images: 10, max_image_bytes: 20 << 20 }
    }
}

/// The most characters of a name, a nationality or a collection's name.
pub const MAX_NAME: usize = 100;
/// The most characters of notes and of a collection's description.
pub const MAX_NOTES: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_form() {
        for text in ["1990-01-15", "1990-01-15T00:00:00Z", "1990-01-15T23:59:59.5+02:00", "1990-01-15T08:00:00"] {
            let date = DateOfBirth::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(date.to_string(), "1990-01-15");
        }
    }

    #[test]
    fn dates_that_are_none_are_refused() {
        for text in [
            "",
            "1990",
            "1990-1-5",
            "2001-02-30",
            "2001-13-01",
            "9999-01-01",
            "0000-01-01",
            "1990-01-15x",
            "1990-01-15T",
            "15/01/1990",
            "１９９０-01-15",
        ] {
            assert!(DateOfBirth::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stored_dates_come_back_whatever_the_clock_says() {
        let date = DateOfBirth::from_stored("9999-12-31").expect("a date of the calendar");
        assert_eq!(DateOfBirth::from_stored(&date.to_string()), Some(date));
        for text in ["", "0000-01-01", "2001-02-30", "today"] {
            assert_eq!(DateOfBirth::from_stored(text), None, "{text}");
        }
    }

    #[test]
    fn ids_sort_by_time_and_refuse_other_characters() {
        let (first, second) = (PersonId::generate(), PersonId::generate());
        assert!(first < second && first.as_str().starts_with("person_"));
        assert!(PersonId::new("person_123456789").is_ok());
        for text in ["", "a b", "a/b", "ü", &"x".repeat(65)] {
            assert!(PersonId::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_that_describes_a_person() {
        let new = NewPerson { name: "Ada".into(), notes: Some("secret".into()), ..NewPerson::default() };
        let update = PersonUpdate {
            name: Patch::Set("Ada".into()),
            notes: Patch::Set("secret".into()),
            ..PersonUpdate::default()
        };
        let shown = format!("{new:?} {update:?} {:?}", DateOfBirth::new(1815, 12, 10).expect("a date"));
        assert!(!shown.contains("Ada") && !shown.contains("secret") && !shown.contains("1815"), "{shown}");
    }
}

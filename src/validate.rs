//! The rules that a request's fields must keep, checked before anything is changed.
//!
//! Lengths are characters (Unicode scalar values). Names and nationalities are counted without
//! white space at both ends, must show something, and are kept as given.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::encoding::FaceEncoding;
use crate::error::{Error, Result, Rule, Violation};
use crate::patch::Patch;
use crate::person::{
    CollectionUpdate, ImageBytes, ImagesUpdate, Limits, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, MAX_ATTRIBUTES,
    MAX_NAME, MAX_NOTES, NewCollection, NewPerson, PersonQuery, PersonUpdate,
};

impl NewPerson {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every rule that is broken. Whether collections
    /// are known is found out later.
    pub fn validate(&self, limits: &Limits) -> Result<()> {
        let mut check = Check::default();
        check.name("name", &self.name);
        check.count(self.images.len() + self.encodings.len(), 0, limits);
        check.images(&self.images, limits);
        check.encodings(&self.encodings);
        check.optional_name("nationality", self.nationality.as_deref());
        check.text("notes", self.notes.as_deref());
        check.attributes(MAX_ATTRIBUTES, self.attributes.iter().map(|(key, value)| (key, Some(value))));
        check.instant("expires_at", self.expires_at.as_ref());
        check.finish()
    }
}

impl PersonQuery {
    /// Checks the attributes by which persons are listed.
    pub(crate) fn validate(&self) -> Result<()> {
        let mut check = Check::default();
        check.attributes(MAX_ATTRIBUTES, self.attributes.iter().map(|(key, value)| (key, Some(value))));
        check.finish()
    }
}

impl PersonUpdate {
    /// Checks every field that is named.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every rule that is broken. Whether collections
    /// and photos to be removed are known, and how many photos and attributes there will be after the
    /// update, is found out later.
    pub fn validate(&self, limits: &Limits) -> Result<()> {
        let mut check = Check::default();
        check.optional_name("name", self.name.as_deref());
        let (photos, encodings) = (self.images.photos(), self.images.encodings());
        let least = match &self.images {
            ImagesUpdate::Replace(_) | ImagesUpdate::ReplaceWithEncodings(_) => 1,
            _ => 0,
        };
        check.count(photos.len() + encodings.len(), least, limits);
        check.images(photos, limits);
        check.encodings(encodings);
        check.optional_name("nationality", set(&self.nationality));
        check.text("notes", set(&self.notes));
        if let Patch::Set(time) = &self.expires_at {
            check.instant("expires_at", Some(time));
        }
        if let Patch::Set(named) = &self.attributes {
            // As many as there may be can go, and as many can come.
            check.attributes(2 * MAX_ATTRIBUTES, named.iter().map(|(key, value)| (key, value.as_ref())));
        }
        check.finish()
    }
}

impl NewCollection {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every rule that is broken.
    pub fn validate(&self) -> Result<()> {
        let mut check = Check::default();
        check.name("name", &self.name);
        check.text("description", self.description.as_deref());
        check.finish()
    }
}

impl CollectionUpdate {
    /// Checks every field that is named.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with every rule that is broken. Whether people are
    /// known is found out later.
    pub fn validate(&self) -> Result<()> {
        let mut check = Check::default();
        check.optional_name("name", self.name.as_deref());
        check.text("description", set(&self.description));
        check.finish()
    }
}

/// Checks encodings that come with photos, as those that come without one are checked.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) with every rule that is broken.
pub(crate) fn validate_encodings<'a>(encodings: impl Iterator<Item = &'a FaceEncoding>) -> Result<()> {
    let mut check = Check::default();
    check.encodings(encodings);
    check.finish()
}

/// The most broken rules of one request that are reported, with the number of those that are left out.
pub(crate) const MAX_VIOLATIONS: usize = 100;

/// The most characters of a request's text that are repeated in an error.
pub(crate) const MAX_ECHO: usize = 80;

/// Broken rules, collected up to [`MAX_VIOLATIONS`]: what is reported does not grow with the request.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    found: Vec<Violation>,
    more: usize,
}

impl Violations {
    pub(crate) fn add(&mut self, field: impl Into<String>, rule: Rule) {
        if self.found.len() < MAX_VIOLATIONS {
            self.found.push(Violation { field: field.into(), rule });
        } else {
            self.more += 1;
        }
    }

    /// Whether a rule of this field is broken.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.found.iter().any(|found| found.field == field)
    }

    /// The broken rules. If there were too many, the last one says how many more there are; its field is `whole`.
    pub(crate) fn finish(mut self, whole: &str) -> Vec<Violation> {
        if self.more > 0 {
            let rule = Rule::Other(format!("breaks {} more rules", self.more));
            self.found.push(Violation { field: whole.to_owned(), rule });
        }
        self.found
    }
}

/// The least length of a given encoding's vector.
const MIN_LENGTH: f64 = 1e-15;
/// The greatest length of a given encoding's vector.
const MAX_LENGTH: f64 = 1e15;

/// A text of a request as an error repeats it: a long one is shortened.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_ECHO) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Whether a character draws nothing of its own: a control character, or one of those that Unicode says are to be
/// ignored in display (`Default_Ignorable_Code_Point`), such as joiners, marks of direction and characters without
/// width. A name of these alone is refused, and the command never prints one as it is.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The rules broken so far.
#[derive(Default)]
struct Check(Violations);

impl Check {
    fn add(&mut self, field: impl Into<String>, rule: Rule) {
        self.0.add(field, rule);
    }

    fn name(&mut self, field: &str, text: &str) {
        let is_blank = |c: char| c.is_whitespace() || is_invisible(c) || c == '\u{2800}';
        if !(1..=MAX_NAME).contains(&characters(text.trim(), MAX_NAME)) {
            self.add(field, Rule::Length { min: 1, max: MAX_NAME });
        } else if text.chars().all(is_blank) {
            self.add(field, Rule::Other("must have a character that can be seen".to_owned()));
        }
    }

    fn optional_name(&mut self, field: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.name(field, text);
        }
    }

    fn text(&mut self, field: &str, text: Option<&str>) {
        if text.is_some_and(|text| characters(text, MAX_NOTES) > MAX_NOTES) {
            self.add(field, Rule::Length { min: 0, max: MAX_NOTES });
        }
    }

    /// A time that a vault can keep: in whole microseconds the calendar ends a little earlier.
    fn instant(&mut self, field: &str, time: Option<&Timestamp>) {
        if time.is_some_and(|time| Timestamp::from_microsecond(time.as_microsecond()).is_err()) {
            self.add(field, Rule::Other("must be before 9999-12-30".to_owned()));
        }
    }

    /// Keys and values of attributes; one that goes has no value.
    fn attributes<'a>(&mut self, max: usize, named: impl ExactSizeIterator<Item = (&'a String, Option<&'a String>)>) {
        if named.len() > max {
            self.add("attributes", Rule::Count { min: 0, max });
            return;
        }
        for (key, value) in named {
            let field = || format!("attributes.{}", shortened(key));
            let is_known = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
            if !(1..=MAX_ATTRIBUTE_KEY).contains(&key.len()) || !key.bytes().all(is_known) {
                let rule = format!("must have a key of 1 to {MAX_ATTRIBUTE_KEY} of a-z 0-9 _ . -");
                self.add(field(), Rule::Other(rule));
            }
            if value.is_some_and(|value| characters(value, MAX_ATTRIBUTE_VALUE) > MAX_ATTRIBUTE_VALUE) {
                self.add(field(), Rule::Length { min: 0, max: MAX_ATTRIBUTE_VALUE });
            }
        }
    }

    /// Photos and encodings together.
    fn count(&mut self, images: usize, min: usize, limits: &Limits) {
        if !(min..=limits.max_images).contains(&images) {
            self.add("images", Rule::Count { min, max: limits.max_images });
        }
    }

    fn images(&mut self, images: &[ImageBytes], limits: &Limits) {
        for (index, image) in images.iter().enumerate() {
            let (found, limit) = (image.len() as u64, limits.max_image_bytes);
            if found > limit {
                self.add(format!("images[{index}]"), Rule::TooLarge { found, limit });
            }
        }
    }

    /// Vectors are compared by products of their components, which must stay within 32-bit floats.
    fn encodings<'a>(&mut self, encodings: impl IntoIterator<Item = &'a FaceEncoding>) {
        for (index, encoding) in encodings.into_iter().enumerate() {
            let square: f64 = encoding.vector().iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
            if !(MIN_LENGTH..=MAX_LENGTH).contains(&square.sqrt()) {
                let found = format!("must have a length from 1e-15 to 1e15, has {:e}", square.sqrt());
                self.add(format!("encodings[{index}]"), Rule::Other(found));
            }
        }
    }

    fn finish(self) -> Result<()> {
        let violations = self.0.finish("body");
        if violations.is_empty() { Ok(()) } else { Err(Error::violated(violations)) }
    }
}

fn set(patch: &Patch<String>) -> Option<&str> {
    match patch {
        Patch::Set(text) => Some(text),
        Patch::Keep | Patch::Clear => None,
    }
}

/// The number of a text's characters, not counting further than `enough` plus one.
fn characters(text: &str, enough: usize) -> usize {
    text.chars().take(enough + 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::{DateOfBirth, Gender, Status};

    const LIMITS: Limits = Limits { max_images: 2, max_image_bytes: 4 };

    fn broken(result: Result<()>) -> Vec<String> {
        match result {
            Ok(()) => Vec::new(),
            Err(error) => error.violations().iter().map(ToString::to_string).collect(),
        }
    }

    fn image(bytes: usize) -> ImageBytes {
        ImageBytes::from(vec![0; bytes])
    }

    #[test]
    fn names_are_counted_in_characters_without_white_space_at_the_ends() {
        let padded = format!("\u{3000}\t{}\n ", "語".repeat(100));
        for (name, good) in [
            ("a", true),
            ("\0", false),
            ("\u{1b}\u{7f}\u{85}\u{9b}", false),
            ("\u{200b}\u{feff}\u{2060}", false),
            (" \u{202e}\u{200d}\u{e0041}\u{3164}\u{2800}", false),
            ("\u{200f}א", true),
            ("👩\u{200d}🔬", true),
            ("𝒳", true),
            (padded.as_str(), true),
            (&"a".repeat(100), true),
            (&"a".repeat(101), false),
            ("", false),
            (" \u{2003}\u{a0}\r\n", false),
        ] {
            let update = PersonUpdate { name: Some(name.into()), ..Default::default() };
            let new = NewPerson { name: name.into(), nationality: Some(name.into()), ..Default::default() };
            let collection = NewCollection { name: name.into(), ..Default::default() };
            let rename = CollectionUpdate { name: Some(name.into()), ..Default::default() };
            assert_eq!(broken(update.validate(&LIMITS)).is_empty(), good, "{name:?}");
            assert_eq!(broken(new.validate(&LIMITS)).len(), if good { 0 } else { 2 }, "{name:?}");
            assert_eq!(broken(collection.validate()).is_empty(), good, "{name:?}");
            assert_eq!(broken(rename.validate()).is_empty(), good, "{name:?}");
        }
    }

    #[test]
    fn every_broken_rule_is_named() {
        let update = PersonUpdate {
            name: Some("\t".into()),
            images: ImagesUpdate::Replace(vec![image(5), image(4), image(6)]),
            nationality: Patch::Set(" ".into()),
            notes: Patch::Set("n".repeat(4_001)),
            ..Default::default()
        };
        assert_eq!(
            broken(update.validate(&LIMITS)),
            [
                "\"name\" must have 1 to 100 characters",
                "\"images\" must have 1 to 2 items",
                "\"images[0]\" must have at most 4 bytes, has 5",
                "\"images[2]\" must have at most 4 bytes, has 6",
                "\"nationality\" must have 1 to 100 characters",
                "\"notes\" must have 0 to 4000 characters",
            ]
        );
        let (name, description) = (Some(String::new()), Patch::Set("n".repeat(4_001)));
        assert_eq!(broken(CollectionUpdate { name, description, people: None }.validate()).len(), 2);
    }

    #[test]
    fn what_may_be_empty_may_be_cleared() {
        let update = PersonUpdate {
            gender: Patch::<Gender>::Clear,
            date_of_birth: Patch::<DateOfBirth>::Clear,
            nationality: Patch::Clear,
            notes: Patch::Set("é".repeat(4_000)),
            collections: Some(Vec::new()),
            status: Some(Status::Inactive),
            images: ImagesUpdate::Clear,
            ..Default::default()
        };
        assert_eq!(broken(update.validate(&LIMITS)), [""; 0]);
        assert_eq!(broken(PersonUpdate::default().validate(&LIMITS)), [""; 0]);
        assert_eq!(broken(CollectionUpdate { description: Patch::Clear, ..Default::default() }.validate()), [""; 0]);
    }

    #[test]
    fn what_is_told_does_not_grow_with_the_request() {
        let mut violations = Violations::default();
        for index in 0..MAX_VIOLATIONS + 7 {
            violations.add(format!("x[{index}]"), Rule::NotAllowed);
        }
        assert!(violations.names("x[99]") && !violations.names("x[100]"));
        let told = violations.finish("body");
        assert_eq!(told.len(), MAX_VIOLATIONS + 1);
        assert_eq!(told.last().map(ToString::to_string).as_deref(), Some("\"body\" breaks 7 more rules"));
        let long = "語".repeat(MAX_ECHO + 1);
        assert_eq!(shortened(&long).chars().count(), MAX_ECHO + 1);
        assert!(shortened(&long).ends_with('…') && shortened(&long[3..]) == long[3..]);
    }

    #[test]
    fn photos_are_counted() {
        for (images, good) in [
            (ImagesUpdate::Replace(Vec::new()), false),
            (ImagesUpdate::Replace(vec![image(0)]), true),
            (ImagesUpdate::Replace(vec![image(1); 3]), false),
            (ImagesUpdate::Edit { remove: Vec::new(), add: Vec::new() }, true),
            (ImagesUpdate::Edit { remove: Vec::new(), add: vec![image(1); 3] }, false),
            (ImagesUpdate::Edit { remove: Vec::new(), add: vec![image(5)] }, false),
        ] {
            let update = PersonUpdate { images, ..Default::default() };
            assert_eq!(broken(update.validate(&LIMITS)).is_empty(), good, "{update:?}");
        }
        let new = |images| NewPerson { name: "a".into(), images, ..Default::default() };
        assert!(new(Vec::new()).validate(&LIMITS).is_ok() && new(vec![image(1); 3]).validate(&LIMITS).is_err());
    }
}

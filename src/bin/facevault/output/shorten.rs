//! JSON for people: as the programs get it, but long strings cut.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

use super::json::Escaping;

/// Characters of a string that are shown.
const SHOWN: usize = 32;

/// `answer` as indented JSON in which every long string ends in `...` and how long it is.
pub(crate) fn shortened(answer: &impl Serialize) -> serde_json::Result<String> {
    let mut json = Vec::new();
    let formatter = Shortening { inner: PrettyFormatter::new(), length: 0 };
    answer.serialize(&mut Serializer::with_formatter(Escaping(&mut json), formatter))?;
    Ok(String::from_utf8_lossy(&json).into_owned())
}

/// Passes everything on but what a string has beyond [`SHOWN`] characters.
struct Shortening {
    inner: PrettyFormatter<'static>,
    length: usize,
}

impl Formatter for Shortening {
    fn begin_string<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.length = 0;
        self.inner.begin_string(writer)
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let room = SHOWN.saturating_sub(self.length);
        self.length += fragment.chars().count();
        let end = fragment.char_indices().nth(room).map_or(fragment.len(), |(at, _)| at);
        writer.write_all(&fragment.as_bytes()[..end])
    }

    fn write_char_escape<W: Write + ?Sized>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.length += 1;
        if self.length <= SHOWN { self.inner.write_char_escape(writer, escape) } else { Ok(()) }
    }

    fn end_string<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.length > SHOWN {
            write!(writer, "... ({} characters)", self.length)?;
        }
        self.inner.end_string(writer)
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_array(writer)
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array(writer)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_array_value(writer, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array_value(writer)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object(writer)
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object(writer)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_object_key(writer, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object_value(writer)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_strings_are_cut() {
        let exact = "x".repeat(SHOWN);
        for (text, shown) in [
            ("", String::new()),
            (exact.as_str(), exact.clone()),
            (&format!("{exact}y"), format!("{exact}... (33 characters)")),
            (&"ü\n".repeat(20), format!("{}... (40 characters)", "ü\\n".repeat(16))),
        ] {
            let json = shortened(&[text]).expect("JSON");
            assert_eq!(json, format!("[\n  \"{shown}\"\n]"));
            assert!(serde_json::from_str::<Vec<String>>(&json).is_ok(), "{json}");
        }
    }
}

//! JSON as it is printed, and the envelope of an answer.

use std::io::{self, Write};

use facevault::Page;
use serde::Serialize;

use super::text::breaks;

/// Passes JSON on to a writer with an escape (`\u009b`) for every character that a terminal would obey or nobody
/// would see: JSON itself asks that only of those below U+0020. Line breaks stay, which are never inside a text.
pub(super) struct Escaping<W>(pub(super) W);

impl<W: Write> Write for Escaping<W> {
    /// Takes whole characters, as serde_json writes them.
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(part).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| *c != '\n' && breaks(*c)) {
            self.0.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(self.0, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        self.0.write_all(rest.as_bytes())?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A value on one line of JSON.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut json = Vec::new();
    serde_json::to_writer(Escaping(&mut json), value)?;
    Ok(String::from_utf8_lossy(&json).into_owned())
}

/// `{"success": true, "data": ...}`, with `pagination` beside a page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a, T: ?Sized> {
    success: bool,
    data: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<Pagination>,
}

#[derive(Debug, Serialize)]
struct Pagination {
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    limit: u64,
    total: u64,
    pages: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<'a, T: ?Sized> Answer<'a, T> {
    pub(crate) fn new(data: &'a T) -> Self {
        Self { success: true, data, pagination: None }
    }
}

impl<'a, T> Answer<'a, [T]> {
    pub(super) fn of_page(page: &'a Page<T>) -> Self {
        let next = page.next.as_ref().map(ToString::to_string);
        let pagination =
            Pagination { page: page.page, limit: page.limit, total: page.total, pages: page.pages(), next };
        Self { success: true, data: &page.items, pagination: Some(pagination) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_means_the_same() {
        let text = "a\u{1b}[31m\n\u{7f}\u{9b}\u{200b}\u{202e}\u{2028}ü\u{e0041}語";
        let json = line(&[text]).expect("JSON");
        let expected = r#"["a\u001b[31m\n\u007f\u009b\u200b\u202e\u2028ü\udb40\udc41語"]"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).expect("JSON"), [text]);
    }
}

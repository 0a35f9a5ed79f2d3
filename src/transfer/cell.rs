//! Cells of a table that a spreadsheet must not take for formulas.
//!
//! A spreadsheet evaluates a cell that begins with `=`, `+`, `-` or `@`, and what it evaluates can send away the rest
//! of the table. So an apostrophe is written before such a text, which makes it a text for every spreadsheet, and is
//! taken off again when the table is read. To make that exact, a text that has such apostrophes already gets one more:
//! with `S` any white space and `F` any of those characters, texts `'*S*F…` get one, and texts `'+S*F…` lose one. All
//! other texts stay as they are, so `'t Hooft` does, and so do tables that were made without apostrophes.

use std::borrow::Cow;

use crate::validate::is_invisible;

/// What begins a formula, in full-width forms too, which some spreadsheets read alike.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The text as it is written.
pub(super) fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) { format!("'{text}").into() } else { text.into() }
}

/// The text that was written so.
pub(super) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

/// Whether a spreadsheet might evaluate it; some pass over what cannot be seen.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || is_invisible(c)).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_texts_and_all_else_stays() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-", "'-"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r\n=1", "'\r\n=1"),
            ("\u{200b}=1", "'\u{200b}=1"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("'=1", "''=1"),
            ("''-", "'''-"),
            ("'t Hooft", "'t Hooft"),
            ("'", "'"),
            ("", ""),
            ("a=1", "a=1"),
            ("1-1", "1-1"),
        ] {
            assert_eq!(guarded(text), cell);
            assert_eq!(unguarded(cell), text);
        }
        // A table of somebody who knows nothing of this.
        assert_eq!(unguarded("=1"), "=1");
    }

    proptest! {
        #[test]
        fn a_cell_is_read_as_it_was_written(text in "['=+@ \t-]{0,6}\\PC{0,4}") {
            let cell = guarded(&text);
            prop_assert!(!is_formula(&cell));
            prop_assert_eq!(unguarded(&cell), &text);
        }
    }
}

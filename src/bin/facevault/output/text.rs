//! How values are written for people.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use facevault::wire::is_invisible;
use jiff::Timestamp;

pub(super) const HEADING: Style = Style::new().bold();
pub(super) const NOTICE: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// As it should be.
    Good,
    /// Something to know about.
    Note,
    /// Something to repair.
    Bad,
}

impl Mark {
    pub(super) fn shown(self) -> (&'static str, Style) {
        match self {
            Self::Good => ("ok  ", GOOD),
            Self::Note => ("note", NOTICE),
            Self::Bad => ("BAD ", ERROR),
        }
    }

    /// The mark as programs read it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "bad",
        }
    }
}

/// `text` in a style, where colours are wanted.
pub(super) fn painted(colour: bool, style: Style, text: &str) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// The text with what a terminal would obey, and what nobody would see, shown: a name that holds an escape
/// sequence must not rule the terminal, and no text may look like another.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let is_part = is_joiner(c) && is_joined(before) && (is_joined(rest.clone().next()) || c >= '\u{fe00}');
        if breaks(c) && !is_part {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        before = Some(c);
    }
    shown
}

/// Whether a terminal would obey a character, or nobody would see it.
pub(super) fn breaks(c: char) -> bool {
    is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Joiners and selectors of a character's form, which words of many scripts and pictures are written with.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Whether such a character may stand beside this one. Latin letters need none.
fn is_joined(c: Option<char>) -> bool {
    c.is_some_and(|c| c >= '\u{300}' && (!breaks(c) || c >= '\u{fe00}' && is_joiner(c)))
}

/// A path as text; what is not UTF-8 in it is shown as such.
pub(crate) fn path(path: &Path) -> String {
    path.display().to_string()
}

/// `12.3 KiB`
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut value, mut unit) = (count as f64 / 1024.0, 0);
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `3.2 ms`, `412 ms`, `1.24 s`
pub(crate) fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    match milliseconds {
        m if m < 100.0 => format!("{m:.1} ms"),
        m if m < 1000.0 => format!("{m:.0} ms"),
        m => format!("{:.2} s", m / 1e3),
    }
}

/// `1 face`, `7 faces`
pub(crate) fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A false match rate: `0.012`, `4.02e-5`
pub(crate) fn rate(rate: f64) -> String {
    if rate >= 1e-3 { format!("{rate:.3}") } else { format!("{rate:.2e}") }
}

/// Now; a clock beyond the year 9999 shows its end.
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::MAX)
}

/// `2024-01-16 14:20:00 UTC`
pub(crate) fn time(timestamp: Timestamp) -> String {
    let text = format!("{timestamp:.0}");
    let mut shown = String::new();
    let (day, clock) = text.trim_end_matches('Z').split_once('T').unwrap_or((&text, ""));
    // Writing to a string cannot fail.
    let _ = write!(shown, "{day} {clock} UTC");
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown() {
        for (text, shown) in [
            ("Ada Lovelace", "Ada Lovelace"),
            ("Ada\u{1b}[2J", "Ada\\u{1b}[2J"),
            ("a\nb", "a\\u{a}b"),
            ("\u{202e}adA", "\\u{202e}adA"),
            ("a\u{7f}\u{9b}31m", "a\\u{7f}\\u{9b}31m"),
            ("Ad\u{200b}a\u{200d}\u{feff}", "Ad\\u{200b}a\\u{200d}\\u{feff}"),
            ("a\u{2028}b\u{ad}\u{e0041}", "a\\u{2028}b\\u{ad}\\u{e0041}"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("👩\u{1f3fd}\u{200d}🔬 ❤\u{fe0f}", "👩\u{1f3fd}\u{200d}🔬 ❤\u{fe0f}"),
            ("می\u{200c}", "می\\u{200c}"),
            ("אדה", "אדה"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn sizes_and_times() {
        for (count, shown) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (279_922, "273.4 KiB")]
        {
            assert_eq!(bytes(count), shown);
        }
        for (micros, shown) in [(3_210, "3.2 ms"), (412_400, "412 ms"), (1_240_000, "1.24 s")] {
            assert_eq!(duration(Duration::from_micros(micros)), shown);
        }
        for (value, shown) in [(1.0, "1.000"), (0.0123, "0.012"), (2.5e-6, "2.50e-6")] {
            assert_eq!(rate(value), shown);
        }
        assert_eq!(time("2024-01-16T14:20:00.9Z".parse().expect("a time")), "2024-01-16 14:20:00 UTC");
    }
}

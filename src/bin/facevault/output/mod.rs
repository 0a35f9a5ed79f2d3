//! What is printed: text and tables for people, JSON for programs.
//!
//! Answers go to standard output, everything else to standard error.

mod error;
mod json;
mod shorten;
mod table;
mod text;

use std::io::{self, BufWriter, IsTerminal, Write, stderr, stdout};

use facevault::Page;
use serde::Serialize;

use crate::args::Global;
use crate::failure::Failure;

pub(crate) use json::{Answer, line as json_line};
pub(crate) use shorten::shortened;
pub(crate) use table::Listing;
pub(crate) use text::{bytes, count, duration, escaped, now, path, rate, time};

/// Where answers go and in which form.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    colour: bool,
    error_colour: bool,
}

/// Whether colours are wanted, as far as the environment says.
pub(crate) fn colour_is_welcome() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let welcome = colour_is_welcome();
        Self {
            json: global.json,
            quiet: global.quiet,
            colour: welcome && stdout().is_terminal(),
            error_colour: welcome && stderr().is_terminal(),
        }
    }

    /// Whether a program reads.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether only the answer is wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether work that takes long shows how far it is.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && !self.quiet && stderr().is_terminal()
    }

    /// Prints `data` for programs, or what `people` writes.
    pub(crate) fn answer<T: Serialize + ?Sized>(
        &self,
        data: &T,
        people: impl FnOnce(&mut Text<'_>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.json { self.print_json(&json::Answer::new(data)) } else { self.print(people) }
    }

    /// Prints one page of a list.
    pub(crate) fn page<T: Serialize>(
        &self,
        page: &Page<T>,
        people: impl FnOnce(&mut Text<'_>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.json { self.print_json(&json::Answer::of_page(page)) } else { self.print(people) }
    }

    /// Prints text on the way to an answer, where people read.
    pub(crate) fn say(&self, write: impl FnOnce(&mut Text<'_>) -> io::Result<()>) -> Result<(), Failure> {
        if self.json { Ok(()) } else { self.print(write) }
    }

    /// Prints one of many lines for programs: a whole JSON value, whether a person watches or not.
    pub(crate) fn json_line(&self, line: &impl Serialize) -> Result<(), Failure> {
        let text = json::line(line).map_err(io::Error::from)?;
        Ok(writeln!(stdout().lock(), "{text}")?)
    }

    fn print(&self, write: impl FnOnce(&mut Text<'_>) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = BufWriter::new(stdout().lock());
        write(&mut Text { out: &mut out, colour: self.colour })?;
        Ok(out.flush()?)
    }

    fn print_json(&self, answer: &impl Serialize) -> Result<(), Failure> {
        let mut out = BufWriter::new(stdout().lock());
        let written = if stdout().is_terminal() {
            serde_json::to_writer_pretty(json::Escaping(&mut out), answer)
        } else {
            serde_json::to_writer(json::Escaping(&mut out), answer)
        };
        written.map_err(io::Error::from)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }

    /// Tells what should be known but is not the answer.
    pub(crate) fn notice(&self, sentence: &str) {
        if self.quiet {
            return;
        }
        let line = if self.json {
            json::line(&serde_json::json!({ "notice": sentence })).unwrap_or_default()
        } else {
            format!("{} {}", text::painted(self.error_colour, text::NOTICE, "notice:"), escaped(sentence))
        };
        // There is nowhere left to say that standard error is closed.
        let _ = writeln!(stderr(), "{line}");
    }

    /// Says what is being done, where people watch.
    pub(crate) fn status(&self, sentence: &str) {
        if !self.json && !self.quiet {
            let _ = writeln!(stderr(), "{}", escaped(sentence));
        }
    }
}

/// Text for people on standard output.
pub(crate) struct Text<'a> {
    out: &'a mut dyn Write,
    colour: bool,
}

impl Text<'_> {
    /// A line; its control characters are shown, not obeyed.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", escaped(line.as_ref()))
    }

    /// A line that stands out.
    pub(crate) fn heading(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        let line = escaped(line.as_ref());
        writeln!(self.out, "{}", text::painted(self.colour, text::HEADING, &line))
    }

    /// A line of a check: its mark is green or red on a terminal.
    pub(crate) fn check(&mut self, mark: text::Mark, line: impl AsRef<str>) -> io::Result<()> {
        let (word, style) = mark.shown();
        writeln!(self.out, "{} {}", text::painted(self.colour, style, word), escaped(line.as_ref()))
    }

    /// Text that is printed as it is.
    pub(crate) fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// A table, or `otherwise` where it has no rows.
    pub(crate) fn listing(&mut self, listing: &Listing, otherwise: &str) -> io::Result<()> {
        if listing.is_empty() { self.line(otherwise) } else { self.raw(&listing.render(self.colour)) }
    }
}

pub(crate) use text::Mark;

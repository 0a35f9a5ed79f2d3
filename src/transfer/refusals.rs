//! A report of who was not imported, as a table.

use std::path::Path;

use super::Arrival;
use super::destination::{Destination, Kind};
use super::table::{Lines, Writer};
use crate::error::Result;

/// The columns of the report.
const COLUMNS: [&str; 8] = ["from", "_id", "name", "photo", "code", "value", "limit", "message"];

/// A CSV file with a line for each reason why a person was not imported: for each photo that was refused, with the
/// measured value and the limit, and for each field that breaks a rule.
///
/// Its columns are `from` (where in the source the person is), `_id` and `name` as the source writes them, `photo`,
/// `code` (that of a [`Refusal`](crate::Refusal), or the kind of an [`Error`](crate::Error)), `value`, `limit` and
/// `message`. Only its owner can read it, since it holds names. It has its name when it is whole.
pub struct Refusals {
    table: Writer,
    destination: Destination,
}

impl Refusals {
    /// Begins a report. An earlier report of that name is replaced in the end, and nothing else is.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where there is another file of that name,
    /// [`Busy`](crate::ErrorKind::Busy) while another import writes it, [`Io`](crate::ErrorKind::Io).
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let destination = Destination::begin(path.as_ref(), Kind::File, true, is_report)?;
        let table = Writer::of_columns(destination.partial(), destination.file()?, &COLUMNS)?;
        Ok(Self { table, destination })
    }

    /// Notes why a person was not added; nothing for anybody else.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io).
    pub fn note(&mut self, arrival: &Arrival<'_>) -> Result<()> {
        let Err(error) = &arrival.outcome else { return Ok(()) };
        let Arrival { from, id, name, photos, .. } = arrival;
        let mut line = |photo: &str, code: &str, value: Option<f64>, limit: Option<f64>, message: String| {
            let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
            let cells = [from, id, name, photo, code].map(str::to_owned).into_iter();
            self.table.write(&cells.chain([number(value), number(limit), message]).collect::<Vec<_>>())
        };
        if !error.violations().is_empty() {
            return error
                .violations()
                .iter()
                .try_for_each(|broken| line("", error.kind().as_str(), None, None, broken.to_string()));
        }
        let mut is_told = false;
        for image in error.images() {
            let Some(refusal) = &image.refusal else { continue };
            let photo = photos.get(image.index).map_or("", String::as_str);
            line(photo, refusal.code.as_str(), refusal.measured, refusal.limit, refusal.message.clone())?;
            is_told = true;
        }
        if is_told { Ok(()) } else { line("", error.kind().as_str(), None, None, error.to_string()) }
    }

    /// Ends the report, which is on the disk then: after an import that was stopped or failed too.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io).
    pub fn finish(self) -> Result<()> {
        self.table.finish()?;
        self.destination.finish()
    }
}

impl std::fmt::Debug for Refusals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refusals")
    }
}

/// Whether a file is such a report.
fn is_report(path: &Path) -> bool {
    Lines::open(path).is_ok_and(|lines| lines.columns() == COLUMNS)
}

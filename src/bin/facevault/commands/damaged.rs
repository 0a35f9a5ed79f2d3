//! `facevault evaluate --protocol damage`

use std::path::Path;

use facevault::evaluation::Dataset;
use facevault::evaluation::damage::{DamageReport, DamageRow};
use facevault::evaluation::report;
use facevault::{Engine, Error, ErrorKind};

use super::Outcome;
use super::measuring::{about, command_line};
use crate::context::Context;
use crate::output::{Listing, Text};
use crate::photo;
use crate::progress::watched;

pub(super) fn run(dataset: &Dataset, engine: &Engine, markdown: Option<&Path>, context: &Context) -> Outcome {
    let about = about(engine, dataset)?;
    let found = watched(&context.output, |progress| DamageReport::measure(engine, dataset, about, progress))?;
    if let Some(path) = markdown {
        write(path, &found)?;
    }
    context.output.answer(&found, |text| {
        print(text, &found)?;
        match markdown {
            Some(path) => text.line(format!("written: {}", path.display())),
            None => Ok(()),
        }
    })
}

/// Puts the pack's section into the page; what stands there of other packs stays.
fn write(path: &Path, found: &DamageReport) -> Result<(), Error> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", path.display());
            return Err(Error::new(ErrorKind::Io, message).caused_by(error));
        }
    };
    let page = report::damage_page(before.as_deref(), found, &command_line());
    photo::write_whole(path, page.as_bytes())
}

fn print(text: &mut Text<'_>, found: &DamageReport) -> std::io::Result<()> {
    text.heading(format!("{} on {}", found.about.pack, found.about.data))?;
    text.line(format!(
        "one photo of each of {} people, damaged; FMR asked for {:e}, threshold {:.4}; {}",
        found.people,
        found.asked_fmr,
        found.threshold,
        match found.limit {
            Some(limit) => format!("a face can be recognised from {limit:.4} on"),
            None => "there is no limit below which a face cannot be recognised".into(),
        }
    ))?;
    let headings = ["DAMAGE", "FACE FOUND", "TAKEN", "FMR OF THESE", "PAIRS", "TIMES ASKED", "OF ALL PAIRS", "REFUSED"];
    let mut listing = Listing::new(&headings).numbers(&[1, 2, 3, 4, 5, 6]);
    let asked = found.asked_fmr;
    for row in &found.rows {
        let DamageRow { description, found, accepted, fmr, .. } = row;
        let rate = |text: String| if fmr.trials > 0 { text } else { "-".into() };
        listing.row([
            description.clone(),
            found.to_string(),
            accepted.to_string(),
            rate(format!("{:.4}", fmr.rate)),
            fmr.trials.to_string(),
            rate(row.times_asked_with_range()),
            format!("{:.2}", row.gfar / asked),
            row.reasons(),
        ]);
    }
    text.listing(&listing, "nothing was damaged")
}

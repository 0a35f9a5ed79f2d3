//! `facevault evaluate --protocol liveness`

use std::path::Path;

use facevault::Engine;
use facevault::evaluation::liveness::{LivenessEvaluation, PresentationSet};
use facevault::evaluation::report;

use super::Outcome;
use super::evaluate::{counted, interval};
use super::measuring::command_line;
use crate::context::Context;
use crate::output::{self, Listing, Text};
use crate::photo;
use crate::progress::watched;

pub(super) fn run(
    data: &PresentationSet,
    engine: &Engine,
    min_score: f64,
    page: Option<&Path>,
    context: &Context,
) -> Outcome {
    let found = watched(&context.output, |progress| LivenessEvaluation::measure(engine, data, min_score, progress))?;
    if let Some(path) = page {
        let text = report::liveness_page(&found, &command_line(), &output::time(output::now()));
        photo::write_private(path, text.as_bytes())?;
    }
    context.output.answer(&found, |text| {
        print(text, &found)?;
        match page {
            Some(path) => text.line(format!("written: {}", path.display())),
            None => Ok(()),
        }
    })
}

fn print(text: &mut Text<'_>, found: &LivenessEvaluation) -> std::io::Result<()> {
    let LivenessEvaluation { model, pack, data, asked, bpnrr, rows, equal_error, .. } = found;
    text.heading(format!("{model} on {data}, faces found by {pack}"))?;
    text.line(format!("a face with a score above {} is taken for live", asked.threshold))?;
    let mut listing = Listing::new(&["KIND OF ATTACK", "ATTACKS", "NO SCORE", "APCER", "95 % INTERVAL", "PASSED"])
        .numbers(&[1, 2, 3, 5]);
    for species in &found.species {
        listing.row([
            species.name.clone(),
            species.apnrr.trials.to_string(),
            species.apnrr.errors.to_string(),
            format!("{:.4}", species.apcer.rate),
            interval(&species.apcer),
            counted(&species.apcer),
        ]);
    }
    text.listing(&listing, "")?;
    text.line(format!(
        "{} bona fide presentations, {} without a score: BPCER {:.4}, {}, {}",
        bpnrr.trials,
        bpnrr.errors,
        asked.bpcer.rate,
        interval(&asked.bpcer),
        counted(&asked.bpcer)
    ))?;
    let headings = ["APCER ASKED", "THRESHOLD", "APCER FOUND", "OF THE KIND", "BPCER", "95 % INTERVAL"];
    let mut listing = Listing::new(&headings).numbers(&[0, 1, 2, 4]);
    for row in rows {
        listing.row([
            row.asked_apcer.map(|apcer| apcer.to_string()).unwrap_or_default(),
            row.threshold.to_string(),
            format!("{:.4}", row.apcer.rate),
            row.worst.clone(),
            format!("{:.4}", row.bpcer.rate),
            interval(&row.bpcer),
        ]);
    }
    text.listing(&listing, "")?;
    text.line(format!("equal error rate {:.4} at a score of {}", equal_error.rate, equal_error.threshold))
}

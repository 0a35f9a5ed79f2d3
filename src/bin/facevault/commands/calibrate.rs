//! `facevault calibrate`

use std::path::PathBuf;

use clap::Args;
use facevault::evaluation::{self, Dataset};
use facevault::models::calibration_section;
use facevault::{CalibrationTable, MeasuredOn};
use serde_json::json;

use super::Outcome;
use super::measuring::{How, command_line};
use crate::context::Context;
use crate::output::{self, Listing};
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault calibrate photos/ --save
  facevault calibrate pairs.csv --images photos/ --pack ./my-pack --output table.toml
  facevault calibrate photos/ --name 'entrance, 2026' --json | jq .data.table.points";

/// What `compare` and `verify` ask for unless told otherwise.
const DEFAULT_FMR: f64 = 1e-3;

/// Measure what a model's similarities mean, on photos of people you know
///
/// A folder of people has one folder per person with that person's photos in it; all photos are
/// compared with each other. A pairs file is a CSV with the columns image_a, image_b and same, or
/// LFW's pairs.txt. The table says which similarity stands for which false match rate (FMR), as far
/// down as the data carries (ten pairs of different people at a rate, or more), and what that costs
/// in missed matches (FNMR, with a 95 % interval over pairs and people). Use photos of the kind that
/// will be searched: rates differ between cameras, light and groups of people.
///
/// With --save the table is used from now on by this model on this machine, instead of the pack's
/// own; --output writes it as the section of a manifest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A folder of people, or a file of pairs
    #[arg(value_name = "FOLDER|PAIRS")]
    data: PathBuf,

    /// The folder that a pairs file's photos are in; by default the file's own
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// What the data is called; by default the name of the folder or file
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Use the table from now on
    #[arg(long)]
    save: bool,

    /// Write the table to this file, as a manifest's section
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    how: How,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let dataset = Dataset::open(&arguments.data, arguments.images.as_deref())?;
    let engine = arguments.how.engine(context)?;
    let encoded = arguments.how.encode(&engine, &dataset, context)?;
    let name = arguments.name.as_ref().unwrap_or(&dataset.name);
    let table =
        evaluation::calibrate(&dataset, &encoded.encodings, engine.embedder().metric, name, &dataset.sha256()?)?;
    let section = calibration_section(&table, &[&command_line()]);
    if let Some(path) = &arguments.output {
        photo::write_whole(path, section.as_bytes())?;
    }
    let saved = match arguments.save {
        true => Some(context.home()?.save_measured(engine.model(), &section)?),
        false => None,
    };
    if let Some(path) = saved.as_ref().filter(|_| table.smallest_fmr() > DEFAULT_FMR) {
        context.output.notice(&format!(
            "the data carries an FMR of {:e} at best: from now on commands that ask for the usual {DEFAULT_FMR:e} are \
             refused; give photos of more people, or delete {} to use the pack's own table again",
            table.smallest_fmr(),
            path.display()
        ));
    }
    let data = json!({
        "model": engine.model().to_string(),
        "table": table,
        "photos": dataset.photos.len(),
        "photos_without_encoding": encoded.refusals.len(),
        "saved": saved.as_deref().map(output::path),
    });
    context.output.answer(&data, |text| {
        let MeasuredOn { name, people, mated_pairs, non_mated_pairs, .. } = table.measured_on();
        text.heading(format!("{} on {name}", engine.name()))?;
        text.line(format!(
            "{people} people, {} photos ({} without encoding), {mated_pairs} pairs of one person, {non_mated_pairs} of \
             different people",
            dataset.photos.len(),
            encoded.refusals.len(),
        ))?;
        text.listing(&points(&table), "no points")?;
        match &saved {
            Some(path) => text.line(format!("used from now on: {}", path.display())),
            None => text.line("not kept: --save uses it from now on, --output writes it to a file"),
        }
    })
}

fn points(table: &CalibrationTable) -> Listing {
    let mut listing = Listing::new(&["FMR", "SIMILARITY", "FNMR", "95 % INTERVAL"]).numbers(&[0, 1, 2]);
    for point in table.points() {
        listing.row([
            format!("{:e}", point.fmr),
            format!("{:.4}", point.similarity),
            format!("{:.4}", point.fnmr),
            format!("{:.4} to {:.4}", point.fnmr_low, point.fnmr_high),
        ]);
    }
    listing
}

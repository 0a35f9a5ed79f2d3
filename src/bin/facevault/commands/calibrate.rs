//! `facevault calibrate`

use std::path::PathBuf;

use clap::Args;
use facevault::evaluation::{self, Dataset, RecognizabilityOptions};
use facevault::models::{calibration_section, recognizability_section};
use facevault::{CalibrationTable, Engine, MeasuredOn, Recognizability};
use serde_json::json;

use super::Outcome;
use super::measuring::{How, command_line};
use crate::context::Context;
use crate::output::{self, Listing, Text};
use crate::photo;
use crate::progress::watched;

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
/// Photos on which nobody can be recognised give vectors that resemble each other. So photos of up
/// to 400 people are damaged in many ways, to learn what such vectors look like, and a limit is set
/// that refuses 1 % of the undamaged photos. The table is then made from the photos that pass the
/// limit. This needs a folder of 100 people or more; with fewer, or with --table-only, the pack's own
/// limit stays.
///
/// Where a photo shows several faces, the one in the middle counts, because data sets name photos
/// after it; --face says otherwise.
///
/// With --save, this machine uses the table and the limit from now on for this model in this mode
/// (--fast or --accurate, else the pack's), instead of the pack's own. --output writes both as
/// sections of a manifest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A folder of people, or a file of pairs
    #[arg(value_name = "FOLDER|PAIRS")]
    data: PathBuf,

    /// The folder that a pairs file's photos are in; by default the file's own
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// A name for the data; by default the name of the folder or file
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Measure the table only, and keep the current limit below which a face is refused as unrecognisable
    #[arg(long)]
    table_only: bool,

    /// Set the limit so that it refuses this share of the undamaged photos
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = parse_share, conflicts_with = "table_only")]
    refuse: f64,

    /// Use the measured table and limit on this machine from now on
    #[arg(long)]
    save: bool,

    /// Write what was measured to this file, as sections of a manifest
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    how: How,
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=0.1).contains(&share) { Ok(share) } else { Err(format!("{text} is not from 0 to 0.1")) }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let dataset = Dataset::open(&arguments.data, arguments.images.as_deref())?;
    let engine = arguments.how.engine(context)?;
    let name = arguments.name.as_ref().unwrap_or(&dataset.name);
    let measures = !arguments.table_only && Recognizability::can_be_measured_on(&dataset);
    let taking = if measures { without_limit(&engine) } else { engine.clone() };
    let mut encoded = arguments.how.encode(&taking, &dataset, context)?;
    let sha256 = dataset.sha256()?;
    let rule = match measures {
        true => Some(watched(&context.output, |progress| {
            let options = RecognizabilityOptions { refused: arguments.refuse, ..RecognizabilityOptions::default() };
            Recognizability::measure(&engine, &dataset, &encoded.encodings, (name, &sha256), options, progress)
        })?),
        false => None,
    };
    if let Some(rule) = &rule {
        encoded.refuse(|encoding| rule.check(encoding.vector()).err());
    }
    let table = evaluation::calibrate(&dataset, &encoded.encodings, engine.embedder().metric, name, &sha256)?;
    let other_mode = engine.other_mode().map(|mode| format!("of the {mode} mode: for a manifest with that mode alone"));
    let comments: Vec<String> = std::iter::once(command_line()).chain(other_mode).collect();
    let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
    let mut section = calibration_section(&table, &comments);
    if let Some(rule) = &rule {
        section.push('\n');
        section.push_str(&recognizability_section(rule));
    }
    if let Some(path) = &arguments.output {
        photo::write_whole(path, section.as_bytes())?;
    }
    let saved = match arguments.save {
        true => Some(context.home()?.save_measured(engine.model(), engine.other_mode(), &section)?),
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
        "mode": engine.mode(),
        "table": table,
        "recognizability": rule,
        "photos": dataset.photos.len(),
        "photos_without_encoding": encoded.refusals.len(),
        "saved": saved.as_deref().map(output::path),
    });
    context.output.answer(&data, |text| {
        let MeasuredOn { name, people, mated_pairs, non_mated_pairs, .. } = table.measured_on();
        text.heading(format!("{} on {name}, {} mode", engine.name(), engine.mode()))?;
        text.line(format!(
            "{people} people, {} photos ({} without encoding), {mated_pairs} pairs of one person, {non_mated_pairs} of \
             different people",
            dataset.photos.len(),
            encoded.refusals.len(),
        ))?;
        text.listing(&points(&table), "no points")?;
        match &rule {
            Some(rule) => limit(text, rule)?,
            None => text.line("the limit below which a face cannot be recognised was not measured")?,
        }
        if let Some(path) = &arguments.output {
            text.line(format!("written: {}", path.display()))?;
        }
        match (&saved, &arguments.output) {
            (Some(path), _) => text.line(format!("used from now on: {}", path.display())),
            (None, Some(_)) => text.line("not used yet: --save uses it from now on"),
            (None, None) => text.line("not kept: --save uses it from now on, --output writes it to a file"),
        }
    })
}

/// The engine that takes faces whether or not they can be recognised.
fn without_limit(engine: &Engine) -> Engine {
    let rules = engine.rules();
    engine.with_rules(rules.clone().with_quality(rules.quality.with_recognizable(false)))
}

fn limit(text: &mut Text<'_>, rule: &Recognizability) -> std::io::Result<()> {
    let Some(data) = rule.measured_on() else { return Ok(()) };
    text.line(format!(
        "a face can be recognised from {:.4} on (weight {}); {:.2} % of {} photos are below",
        rule.limit(),
        rule.weight(),
        100.0 * data.refused,
        data.photos,
    ))?;
    let headings = ["DAMAGE", "PHOTOS", "FACE FOUND", "TAKEN", "FMR OF THESE"];
    let mut listing = Listing::new(&headings).numbers(&[1, 2, 3, 4]);
    for kind in &data.damage {
        let fmr = if kind.accepted > 1 { format!("{:.4}", kind.fmr) } else { "-".into() };
        let counts = [kind.photos, kind.found, kind.accepted].map(|count| count.to_string());
        listing.row([kind.name.clone()].into_iter().chain(counts).chain([fmr]));
    }
    text.line(format!("damaged photos of other people, at the threshold for an FMR of {:e}:", data.asked_fmr))?;
    text.listing(&listing, "nothing was damaged")
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

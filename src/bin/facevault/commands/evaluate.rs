//! `facevault evaluate`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use facevault::evaluation::liveness::PresentationSet;
use facevault::evaluation::report::{self, Page};
use facevault::evaluation::{Dataset, DatasetEncodings, Evaluation, Pictures, ThresholdSource};
use facevault::statistics::MeasuredRate;
use facevault::{Engine, Error, ErrorKind, LivenessCheck, Rule};

use super::matching::score;
use super::measuring::{How, about, command_line};
use super::{Outcome, damaged, presentations};
use crate::context::Context;
use crate::output::{self, Listing, Text};
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault evaluate --protocol all --images photos/ --report report.html
  facevault evaluate --protocol pairs --pairs pairs.csv --images photos/ --pack ./my-pack
  facevault evaluate --protocol lfw --pairs pairs.txt --images lfw/ --json
  facevault evaluate --protocol open-set --images photos/
  facevault evaluate --protocol damage --images photos/ --markdown damage.md
  facevault evaluate --protocol liveness door/ --report liveness.html

The folder of `liveness` has live/ with photos of living people, and attack/KIND/ with photos of attacks of a kind, such
as attack/print/ and attack/screen/. A folder of photos in one of these is one presentation, of several shots.";

/// How photos are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// LFW's pairs.txt: accuracy over ten folds, and error rates
    Lfw,
    /// A CSV of pairs: image_a,image_b,same
    Pairs,
    /// All photos of a folder of people against each other, and searches if people have enough photos
    All,
    /// Searches (1:N): half of the people are enrolled, the others are strangers, then the reverse
    OpenSet,
    /// Photos damaged on purpose: what is refused, and what is let through
    Damage,
    /// Living people and attacks: which attacks pass (APCER), and who is taken for one (BPCER)
    Liveness,
}

/// Measure a model's error rates on photos of people you know
///
/// False match rate (FMR): how often photos of different people are taken for one person. False
/// non-match rate (FNMR): how often photos of one person are not. In searches, FPIR is the share of
/// searches by strangers that find somebody, FNIR the share of enrolled people who are not found first.
/// Intervals are 95 %, over pairs and over people. A photo that gives no encoding counts as an error
/// in all its comparisons. Where a photo shows several faces, the one in the middle counts, because
/// data sets name photos after it; --face says otherwise.
///
/// The protocol `damage` damages one photo of each of up to 400 people (noise, blur, covered eyes,
/// and so on) and says how many are refused and how often two of the others, of different people,
/// are taken for one person. Where the model's limit was learned on the same photos, the people
/// that it was learned on are left out.
///
/// The protocol `liveness` measures presentation attack detection in the words of ISO/IEC 30107-3: for each kind of
/// attack the share that passes (APCER), and the share of living people who are taken for an attack (BPCER).
///
/// The report is one page that needs no network, with the curves, and with small pictures of the
/// worst pairs: treat it as you treat the photos.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Which comparisons to make
    #[arg(long, value_enum)]
    protocol: Protocol,

    /// The list of pairs, for `lfw` and `pairs`
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,

    /// The folder of photos; for `all`, `open-set` and `damage` with one folder per person, for `liveness` see below
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// The same as --images
    #[arg(value_name = "DIR", conflicts_with = "images")]
    folder: Option<PathBuf>,

    /// For `liveness`: a face is taken for live if its score is above this one, 0 to 1
    #[arg(long, value_name = "SCORE", default_value_t = LivenessCheck::DEFAULT_MIN_SCORE, value_parser = score)]
    liveness_min_score: f64,

    /// Write a page with curves, histograms and the worst pairs
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,

    /// For `damage`: put the table into this page, in the place of an earlier one of the same pack
    #[arg(long, value_name = "FILE.md")]
    markdown: Option<PathBuf>,

    #[command(flatten)]
    how: How,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    if arguments.protocol == Protocol::Liveness {
        let folder = arguments.folder()?;
        let data = PresentationSet::open(folder)?;
        let engine = arguments.how.engine(context)?;
        let report = arguments.report.as_deref();
        return presentations::run(&data, &engine, arguments.liveness_min_score, report, context);
    }
    let dataset = dataset(arguments)?;
    let engine = arguments.how.engine(context)?;
    if arguments.protocol == Protocol::Damage {
        return damaged::run(&dataset, &engine, arguments.markdown.as_deref(), context);
    }
    let encoded = arguments.how.encode(&engine, &dataset, context)?;
    let about = about(&engine, &dataset)?;
    let evaluation = Evaluation::measure(about, &dataset, &encoded.encodings, engine.calibration())?;
    if let (Protocol::OpenSet, Some(reason)) = (arguments.protocol, &evaluation.no_searches) {
        return Err(Error::new(ErrorKind::Invalid, reason.clone()).into());
    }
    if let Some(path) = &arguments.report {
        write_report(path, &engine, &dataset, &encoded, &evaluation)?;
    }
    context.output.answer(&evaluation, |text| {
        head(text, &evaluation)?;
        if arguments.protocol != Protocol::OpenSet {
            pairs(text, &evaluation)?;
        }
        searches(text, &evaluation)?;
        match &arguments.report {
            Some(path) => text.line(format!("written: {}", path.display())),
            None => Ok(()),
        }
    })
}

impl Arguments {
    /// The folder of presentations.
    fn folder(&self) -> Result<&Path, Error> {
        for (field, given) in [("pairs", self.pairs.is_some()), ("markdown", self.markdown.is_some())] {
            if given {
                return Err(Error::invalid(field, Rule::Other("is not for the protocol liveness".into())));
            }
        }
        self.images().ok_or_else(|| Error::invalid("images", Rule::Required))
    }

    fn images(&self) -> Option<&Path> {
        self.images.as_deref().or(self.folder.as_deref())
    }
}

fn dataset(arguments: &Arguments) -> Result<Dataset, Error> {
    let (pairs, images) = (arguments.pairs.as_deref(), arguments.images());
    let damage = arguments.protocol == Protocol::Damage;
    for (field, given, wanted) in
        [("report", arguments.report.is_some(), !damage), ("markdown", arguments.markdown.is_some(), damage)]
    {
        if given && !wanted {
            let rule = if damage { "is not for the protocol damage" } else { "is for the protocol damage" };
            return Err(Error::invalid(field, Rule::Other(rule.into())));
        }
    }
    let needed = |field: &str| Error::invalid(field, Rule::Required);
    let of_pairs = |read: fn(&Path, &Path) -> Result<Dataset, Error>| {
        let pairs = pairs.ok_or_else(|| needed("pairs"))?;
        if !pairs.is_file() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no file {}", pairs.display())));
        }
        read(pairs, images.or(pairs.parent()).unwrap_or(Path::new("")))
    };
    match arguments.protocol {
        Protocol::Lfw => of_pairs(Dataset::of_lfw_pairs),
        Protocol::Pairs => of_pairs(Dataset::of_pairs_csv),
        Protocol::All | Protocol::OpenSet | Protocol::Damage | Protocol::Liveness => {
            if pairs.is_some() {
                let rule = Rule::Other("is for the protocols lfw and pairs: this one takes a folder of people".into());
                return Err(Error::invalid("pairs", rule));
            }
            Dataset::open(images.ok_or_else(|| needed("images"))?, None)
        }
    }
}

fn write_report(
    path: &Path,
    engine: &Engine,
    dataset: &Dataset,
    encoded: &DatasetEncodings,
    evaluation: &Evaluation,
) -> Result<(), Error> {
    let reasons: Vec<(usize, String)> =
        encoded.refusals.iter().map(|(place, refusal)| (*place, refusal.code.to_string())).collect();
    let pictures = Pictures::of(engine, dataset, evaluation, &reasons);
    let page = report::page(&Page {
        evaluation,
        command: &command_line(),
        made_at: &output::time(output::now()),
        lowest_mated: &pictures.lowest_mated,
        highest_non_mated: &pictures.highest_non_mated,
        without_encoding: &pictures.without_encoding,
    });
    photo::write_private(path, page.as_bytes())
}

fn head(text: &mut Text<'_>, evaluation: &Evaluation) -> std::io::Result<()> {
    let Evaluation { about, pairs, .. } = evaluation;
    text.heading(format!("{} on {}", about.pack, about.data))?;
    text.line(format!(
        "{} photos of {} people, {} without encoding; {} pairs of one person, {} of different people",
        evaluation.photos,
        evaluation.people,
        evaluation.photos_without_encoding,
        pairs.mated_pairs,
        pairs.non_mated_pairs + pairs.non_mated_failures,
    ))
}

fn pairs(text: &mut Text<'_>, evaluation: &Evaluation) -> std::io::Result<()> {
    let found = &evaluation.pairs;
    if let Some(folds) = &evaluation.folds {
        text.line(format!(
            "accuracy over {} folds: {:.4} +- {:.4}",
            folds.folds.len(),
            folds.mean,
            folds.standard_error
        ))?;
    }
    text.line(format!(
        "area under the ROC curve {:.6}, equal error rate {:.4} at similarity {:.4}",
        found.auc, found.equal_error.rate, found.equal_error.threshold
    ))?;
    let headings = ["FMR ASKED", "THRESHOLD", "FROM", "FMR FOUND", "FNMR", "95 % INTERVAL", "MISSES"];
    let mut listing = Listing::new(&headings).numbers(&[0, 1, 3, 4, 6]);
    for row in &found.rows {
        listing.row([
            format!("{:e}", row.asked_fmr),
            format!("{:.4}", row.threshold),
            from(row.source).into(),
            format!("{:.2e}", row.fmr.rate),
            format!("{:.4}", row.fnmr.rate),
            interval(&row.fnmr),
            counted(&row.fnmr),
        ]);
    }
    text.listing(&listing, "there are too few pairs of different people for a threshold")
}

fn searches(text: &mut Text<'_>, evaluation: &Evaluation) -> std::io::Result<()> {
    let Some(found) = &evaluation.open_set else {
        return match &evaluation.no_searches {
            Some(reason) => text.line(format!("nobody was searched for: {reason}")),
            None => Ok(()),
        };
    };
    text.line(format!(
        "searches among {} people: {} for somebody enrolled, {} by strangers",
        found.gallery, found.mated_searches, found.stranger_searches
    ))?;
    let headings = ["FPIR ASKED", "THRESHOLD", "FROM", "FPIR FOUND", "FNIR", "95 % INTERVAL", "MISSES"];
    let mut listing = Listing::new(&headings).numbers(&[0, 1, 3, 4, 6]);
    for row in &found.rows {
        listing.row([
            row.asked_fpir.to_string(),
            format!("{:.4}", row.found.threshold),
            from(row.source).into(),
            format!("{:.4}", row.found.fpir.rate),
            format!("{:.4}", row.found.fnir.rate),
            interval(&row.found.fnir),
            counted(&row.found.fnir),
        ]);
    }
    text.listing(&listing, "")
}

fn from(source: ThresholdSource) -> &'static str {
    match source {
        ThresholdSource::Data => "this data",
        ThresholdSource::Table => "table",
    }
}

pub(super) fn interval(rate: &MeasuredRate) -> String {
    let interval = rate.interval();
    format!("{:.4} to {:.4}", interval.low, interval.high)
}

pub(super) fn counted(rate: &MeasuredRate) -> String {
    format!("{} of {}", rate.errors, rate.trials)
}

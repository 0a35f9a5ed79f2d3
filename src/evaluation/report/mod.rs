//! An evaluation as one HTML page that needs nothing else: no script, no font, no picture from
//! anywhere. It reads on a telephone, in the dark and on paper.

mod chart;
mod damage;
mod figures;
mod html;
mod liveness;

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use self::chart::{Axis, Mark, TradeOff};
pub use self::damage::damage_page;
use self::figures::{asked_percent, count, percent, percent_range, rate};
use self::html::escape;
pub use self::liveness::liveness_page;
use super::{Evaluation, OpenSetResult, OpenSetRow, PairRow, PairsResult, ThresholdSource};
use crate::statistics::lfw::FoldAccuracy;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The figures.
    pub evaluation: &'a Evaluation,
    /// The command that made them, as it was typed.
    pub command: &'a str,
    /// When they were made, for people to read.
    pub made_at: &'a str,
    /// The pictures of [`PairsResult::lowest_mated`], in its order; may be fewer.
    pub lowest_mated: &'a [PicturePair],
    /// The pictures of [`PairsResult::highest_non_mated`], in its order; may be fewer.
    pub highest_non_mated: &'a [PicturePair],
    /// Photos that gave no encoding, or some of them.
    pub without_encoding: &'a [Picture],
}

/// Two pictures and how alike they are.
#[derive(Debug, Clone, PartialEq)]
pub struct PicturePair {
    /// One picture.
    pub a: Picture,
    /// The other.
    pub b: Picture,
    /// Their similarity.
    pub similarity: f64,
}

/// A small picture of a photo. `Debug` shows neither it nor its caption.
#[derive(Clone, PartialEq)]
pub struct Picture {
    /// The file, about 160 pixels wide; empty where the photo is no picture.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: PictureFormat,
    /// What is written below it, such as the photo's file name.
    pub caption: Option<String>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({:?}, {} bytes)", self.format, self.bytes.len())
    }
}

/// The format of a picture's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

/// The page as HTML.
#[must_use]
pub fn page(page: &Page<'_>) -> String {
    let Evaluation { about, pairs, folds, open_set, .. } = page.evaluation;
    let mut body = String::new();
    html::section(&mut body, "", None, |out| head(out, page.evaluation));
    html::section(&mut body, "verification", Some("Is this that person?"), |out| verification(out, pairs));
    html::section(&mut body, "similarities", Some("How alike the pairs are"), |out| similarities(out, pairs));
    if let Some(folds) = folds {
        html::section(&mut body, "folds", Some("Accuracy, fold by fold"), |out| accuracy(out, folds));
    }
    if let Some(open_set) = open_set {
        html::section(&mut body, "identification", Some("Who is this?"), |out| identification(out, open_set));
    }
    if let Some(reason) = &page.evaluation.no_searches {
        push(&mut body, format_args!("<p class=note>Nobody was searched for: {}.</p>\n", escape(reason)));
    }
    if !page.lowest_mated.is_empty() || !page.highest_non_mated.is_empty() {
        html::section(&mut body, "worst", Some("Where it is most wrong"), |out| worst(out, page));
    }
    if page.evaluation.photos_without_encoding > 0 {
        html::section(&mut body, "failures", Some("Photos without a face"), |out| failures(out, page));
    }
    html::section(&mut body, "origin", Some("How this was made"), |out| origin(out, page));
    html::document(&format!("{} on {}", about.pack, about.data), &body)
}

fn head(out: &mut String, evaluation: &Evaluation) {
    let Evaluation { about, pairs, .. } = evaluation;
    push(out, format_args!("<p class=over>Face recognition, measured</p>"));
    push(out, format_args!("<h1>{} <span>on {}</span></h1>", escape(&about.pack), escape(&about.data)));
    push(
        out,
        format_args!(
            "<p class=lead>{} photos of {} people. {} pairs of photos of one person and {} of different people were \
             compared.</p>",
            count(evaluation.photos),
            count(evaluation.people),
            count(pairs.mated_pairs),
            count(pairs.non_mated_pairs + pairs.non_mated_failures),
        ),
    );
    let mut cards = Vec::new();
    if let Some(row) = key_row(pairs) {
        let range = percent_range(row.fnmr.interval());
        let what = format!("of pairs of one person are missed when 1 in {} strangers may pass", one_in(row.asked_fmr));
        cards.push((percent(row.fnmr.rate), what, format!("95 %: {range}")));
    }
    if let Some(folds) = &evaluation.folds {
        let error = format!("standard error {} points", figures::decimals(folds.standard_error * 100.0, 2));
        cards.push((
            format!("{} %", figures::decimals(folds.mean * 100.0, 2)),
            "of LFW's pairs are decided rightly".into(),
            error,
        ));
    }
    if let Some(row) = evaluation.open_set.as_ref().and_then(|open_set| open_set.rows.first()) {
        let range = percent_range(row.found.fnir.interval());
        let what = format!(
            "of searches miss the enrolled person when {} of strangers may raise an alarm",
            asked_percent(row.asked_fpir)
        );
        cards.push((percent(row.found.fnir.rate), what, format!("95 %: {range}")));
    }
    let equal = "of both kinds of pairs are wrong where both errors are equally frequent";
    let at = format!("at similarity {}", figures::decimals(pairs.equal_error.threshold, 3));
    cards.push((percent(pairs.equal_error.rate), equal.into(), at));
    let share = percent(evaluation.photos_without_encoding as f64 / evaluation.photos.max(1) as f64);
    let counted = format!("{share} of all; each counts as an error");
    cards.push((count(evaluation.photos_without_encoding), "photos gave no face to compare".into(), counted));
    push(out, format_args!("<div class=cards>"));
    for (figure, what, note) in cards {
        push(out, format_args!("<div><b>{figure}</b><p>{what}</p><small>{note}</small></div>"));
    }
    push(out, format_args!("</div>"));
}

/// The row that stands for the whole: FMR 1e-3 on this data, or the nearest below 1e-2 there is.
fn key_row(pairs: &PairsResult) -> Option<&PairRow> {
    let mut own = pairs.rows.iter().filter(|row| row.source == ThresholdSource::Data);
    own.clone().find(|row| row.asked_fmr <= 1e-3).or_else(|| own.next_back())
}

fn one_in(rate: f64) -> String {
    count((1.0 / rate).round() as u64)
}

fn verification(out: &mut String, pairs: &PairsResult) {
    push(
        out,
        format_args!(
            "<p>Two photos are taken for one person when their similarity reaches a threshold. A higher threshold lets \
             fewer strangers pass (false match rate, FMR) and misses more pairs of one person (false non-match rate, \
             FNMR). The curve shows what one costs in the other; dots are the thresholds of the table below, hollow \
             where nothing is missed, and upright lines their 95 % intervals.</p>"
        ),
    );
    let marks: Vec<Mark> = (pairs.rows.iter().filter(|row| row.source == ThresholdSource::Data))
        .map(|row| Mark { x: row.fmr.rate, y: row.fnmr.rate, interval: row.fnmr.interval() })
        .collect();
    let chart = chart::trade_off(&TradeOff {
        title: "DET curve: false non-match rate over false match rate, both axes logarithmic",
        x: Axis { name: "false match rate (FMR)", trials: pairs.non_mated_pairs, percent: false },
        y: Axis { name: "false non-match rate (FNMR)", trials: pairs.mated_pairs, percent: true },
        curve: &pairs.curve,
        marks: &marks,
        equal: Some(pairs.equal_error.rate),
    });
    push(out, format_args!("<figure>{chart}</figure>"));
    pair_table(out, "Thresholds chosen on this data", "What the model can do.", pairs, ThresholdSource::Data);
    pair_table(
        out,
        "Thresholds of the model's table",
        "What a user gets who asks for the rate. Observed and asked agree when the table fits these photos and people.",
        pairs,
        ThresholdSource::Table,
    );
    if pairs.rows.is_empty() {
        push(out, format_args!("<p class=note>There are too few pairs of different people for a threshold.</p>"));
    }
}

fn pair_table(out: &mut String, title: &str, note: &str, pairs: &PairsResult, source: ThresholdSource) {
    let rows: Vec<&PairRow> = pairs.rows.iter().filter(|row| row.source == source).collect();
    if rows.is_empty() {
        return;
    }
    push(out, format_args!("<h3>{title}</h3><p class=note>{note}</p>"));
    html::table(
        out,
        &["FMR asked", "threshold", "FMR observed", "false matches", "FNMR", "95 % interval", "misses"],
        |out| {
            for row in rows {
                html::row(
                    out,
                    &[
                        rate(row.asked_fmr),
                        figures::decimals(row.threshold, 4),
                        rate(row.fmr.rate),
                        count(row.fmr.errors),
                        percent(row.fnmr.rate),
                        percent_range(row.fnmr.interval()),
                        format!("{} of {}", count(row.fnmr.errors), count(row.fnmr.trials)),
                    ],
                );
            }
        },
    );
}

fn similarities(out: &mut String, pairs: &PairsResult) {
    push(
        out,
        format_args!(
            "<p>Each kind of pair fills the same area. Upright lines are thresholds{}: what lies right of one passes \
             there.</p>",
            if table_rows(pairs).is_empty() { " chosen on this data" } else { " of the model's table" },
        ),
    );
    let mut rows = table_rows(pairs);
    if rows.is_empty() {
        rows = pairs.rows.iter().collect();
    }
    let thresholds: Vec<(f64, String)> =
        rows.iter().map(|row| (row.threshold, format!("FMR {}", rate(row.asked_fmr)))).collect();
    push(out, format_args!("<figure>{}</figure>", chart::histogram(&pairs.histogram, &thresholds)));
    push(
        out,
        format_args!(
            "<p class=legend><i class=mated></i> one person <i class=stranger></i> different people</p><p class=note>A \
             pair of one person is more alike than a pair of different people in {} of cases (area under the ROC \
             curve).</p>",
            figures::fine_percent(pairs.auc),
        ),
    );
}

fn table_rows(pairs: &PairsResult) -> Vec<&PairRow> {
    pairs.rows.iter().filter(|row| row.source == ThresholdSource::Table).collect()
}

fn accuracy(out: &mut String, folds: &FoldAccuracy) {
    push(
        out,
        format_args!(
            "<p>For each fold the threshold that is right most often on the others decides its pairs. The mean is \
             <b>{} %</b> with a standard error of {} points. A photo without a face makes its pair wrong.</p>",
            figures::decimals(folds.mean * 100.0, 2),
            figures::decimals(folds.standard_error * 100.0, 2),
        ),
    );
    html::table(out, &["fold", "threshold", "right", "accuracy"], |out| {
        for (number, fold) in (1..).zip(&folds.folds) {
            let right = format!("{} of {}", count(fold.correct), count(fold.pairs));
            let accuracy = format!("{} %", figures::decimals(fold.accuracy * 100.0, 2));
            html::row(out, &[format!("{number}"), figures::decimals(fold.threshold, 4), right, accuracy]);
        }
    });
}

fn identification(out: &mut String, open_set: &OpenSetResult) {
    push(
        out,
        format_args!(
            "<p>Half of the people are enrolled with one photo, then the others: {} people are searched. In {} searches \
             the person is among them; the search misses (FNIR) when it does not answer with that person first. In {} \
             searches a stranger asks, and an answer is a false alarm (FPIR).</p>",
            count(open_set.gallery),
            count(open_set.mated_searches),
            count(open_set.stranger_searches),
        ),
    );
    let marks: Vec<Mark> = (open_set.rows.iter().filter(|row| row.source == ThresholdSource::Data))
        .map(|row| Mark { x: row.found.fpir.rate, y: row.found.fnir.rate, interval: row.found.fnir.interval() })
        .collect();
    let chart = chart::trade_off(&TradeOff {
        title: "1:N curve: false-negative over false-positive identification rate, both axes logarithmic",
        x: Axis {
            name: "false alarms among strangers (FPIR)",
            trials: open_set.stranger_searches - open_set.stranger_failures,
            percent: true,
        },
        y: Axis { name: "missed people (FNIR)", trials: open_set.mated_searches, percent: true },
        curve: &open_set.curve,
        marks: &marks,
        equal: None,
    });
    push(out, format_args!("<figure>{chart}</figure>"));
    html::table(
        out,
        &[
            "FPIR asked",
            "threshold from",
            "threshold",
            "FPIR observed",
            "false alarms",
            "FNIR",
            "95 % interval",
            "misses",
        ],
        |out| open_set.rows.iter().for_each(|row| open_set_row(out, row)),
    );
    if open_set.stranger_failures > 0 {
        push(
            out,
            format_args!(
                "<p class=note>{} searches by strangers had no face. They raise no alarm and are not counted in FPIR.</p>",
                count(open_set.stranger_failures)
            ),
        );
    }
}

fn open_set_row(out: &mut String, row: &OpenSetRow) {
    let found = &row.found;
    let source = match (row.source, row.basis) {
        (ThresholdSource::Data, _) => "this data",
        (ThresholdSource::Table, Some(crate::comparison::Basis::Extrapolated)) => "table, extrapolated",
        (ThresholdSource::Table, _) => "table",
    };
    html::row(
        out,
        &[
            asked_percent(row.asked_fpir),
            source.into(),
            figures::decimals(found.threshold, 4),
            percent(found.fpir.rate),
            format!("{} of {}", count(found.fpir.errors), count(found.fpir.trials)),
            percent(found.fnir.rate),
            percent_range(found.fnir.interval()),
            format!("{} of {}", count(found.fnir.errors), count(found.fnir.trials)),
        ],
    );
}

fn worst(out: &mut String, page: &Page<'_>) {
    push(
        out,
        format_args!(
            "<p>Look here first when a figure surprises: photos of the wrong person and people under two names show up \
             as the worst pairs.</p>"
        ),
    );
    for (title, pairs) in
        [("One person, least alike", page.lowest_mated), ("Different people, most alike", page.highest_non_mated)]
    {
        if pairs.is_empty() {
            continue;
        }
        push(out, format_args!("<h3>{title}</h3><ol class=pairs>"));
        for pair in pairs {
            push(out, format_args!("<li><div>"));
            picture(out, &pair.a);
            picture(out, &pair.b);
            push(out, format_args!("</div><p>similarity <b>{}</b></p></li>", figures::decimals(pair.similarity, 3)));
        }
        push(out, format_args!("</ol>"));
    }
}

fn failures(out: &mut String, page: &Page<'_>) {
    let pairs = &page.evaluation.pairs;
    push(
        out,
        format_args!(
            "<p>{} of {} photos gave no face to compare. {} pairs of one person have such a photo, and each counts as \
             missed. So do {} pairs of different people; they cannot be taken for one person, and they are left out of \
             the FMR, which they would make look smaller.</p>",
            count(page.evaluation.photos_without_encoding),
            count(page.evaluation.photos),
            count(pairs.mated_failures),
            count(pairs.non_mated_failures),
        ),
    );
    if !page.without_encoding.is_empty() {
        push(out, format_args!("<div class=pictures>"));
        page.without_encoding.iter().for_each(|shown| picture(out, shown));
        push(out, format_args!("</div>"));
    }
}

fn picture(out: &mut String, picture: &Picture) {
    let format = match picture.format {
        PictureFormat::Jpeg => "jpeg",
        PictureFormat::Png => "png",
    };
    let caption = picture.caption.as_deref().map(escape).unwrap_or_default();
    push(out, format_args!("<figure class=photo>"));
    if !picture.bytes.is_empty() {
        let alt = if caption.is_empty() { "photo" } else { &caption };
        let bytes = BASE64.encode(&picture.bytes);
        push(out, format_args!("<img alt=\"{alt}\" src=\"data:image/{format};base64,{bytes}\">"));
    }
    if !caption.is_empty() {
        push(out, format_args!("<figcaption>{caption}</figcaption>"));
    }
    push(out, format_args!("</figure>"));
}

fn origin(out: &mut String, page: &Page<'_>) {
    let about = &page.evaluation.about;
    push(out, format_args!("<pre><code>{}</code></pre><dl>", escape(page.command)));
    for (name, value) in [
        ("data", about.data.clone()),
        ("its SHA-256", about.sha256.clone()),
        ("model", about.pack.clone()),
        ("its id", about.model.to_string()),
        ("its licence", about.licence.clone()),
        ("made", page.made_at.to_owned()),
        ("by", concat!("facevault ", env!("CARGO_PKG_VERSION")).to_owned()),
    ] {
        push(out, format_args!("<dt>{name}<dd>{}", escape(&value)));
    }
    push(
        out,
        format_args!(
            "</dl><p class=note>Intervals hold both Wilson's, which takes every comparison as independent, and that of \
             2,000 draws of whole people. They say how much the figures would change with other people and photos like \
             these; they say nothing of people and photos that are not like these. Error rates differ between groups \
             of people, cameras and light: measure where the model is to be used.</p>"
        ),
    );
}

fn push(out: &mut String, what: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(what);
}

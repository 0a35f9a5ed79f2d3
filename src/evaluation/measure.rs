//! From a data set and the encodings of its photos to figures.

use serde::Serialize;

use super::Dataset;
use crate::comparison::{Basis, CalibrationTable, OperatingPoint};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::index;
use crate::spec::Metric;
use crate::statistics::calibrate::{FEWEST_PAIRS, RATES};
use crate::statistics::lfw::{self, FoldAccuracy, FoldPair};
use crate::statistics::open_set::{OpenSet, OpenSetPoint};
use crate::statistics::{Comparisons, EqualError, Histogram, MeasuredRate, RocPoint, ScoredPair, calibrate as table};

/// FPIR at which an open-set search is reported.
const FPIR: [f64; 2] = [0.01, 0.001];
/// Largest FMR that is reported.
const LARGEST_FMR: f64 = 0.1;
/// Points of a curve for drawing.
const POINTS_PER_DECADE: u32 = 40;
const HISTOGRAM_BINS: usize = 80;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    /// The name of the model pack.
    pub pack: String,
    /// The model's id.
    #[serde(serialize_with = "as_text")]
    pub model: ModelId,
    /// How its encodings are compared.
    pub metric: Metric,
    /// The licence of its weights.
    pub licence: String,
    /// What the data is called.
    pub data: String,
    /// The data's hash: [`Dataset::sha256`].
    pub sha256: String,
}

/// The figures of a model on a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model and the data.
    pub about: About,
    /// How many people the photos show.
    pub people: u64,
    /// How many photos there are.
    pub photos: u64,
    /// How many photos gave no encoding. Every pair and search of theirs that should have succeeded
    /// counts as an error.
    pub photos_without_encoding: u64,
    /// Pairs of photos: all, or those of the list.
    pub pairs: PairsResult,
    /// Accuracy over the folds of LFW's protocol; `None` where the list has fewer than two.
    pub folds: Option<FoldAccuracy>,
    /// Searches; `None` where a list names the pairs, and where people have too few photos.
    pub open_set: Option<OpenSetResult>,
    /// Why a folder of people was not searched.
    pub no_searches: Option<String>,
}

/// Pairs of photos compared with each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairsResult {
    /// Pairs of one person.
    pub mated_pairs: u64,
    /// Pairs of different people that could be compared.
    pub non_mated_pairs: u64,
    /// Mated pairs with a photo that gave no encoding: each counts as a false non-match.
    pub mated_failures: u64,
    /// Non-mated pairs with such a photo: they count in no rate.
    pub non_mated_failures: u64,
    /// The probability that a mated pair is more alike than a non-mated one.
    pub auc: f64,
    /// Where FMR and FNMR are equal.
    pub equal_error: EqualError,
    /// The errors at thresholds of interest: first those from this data, then those of the model's
    /// table.
    pub rows: Vec<PairRow>,
    /// How often each similarity occurs.
    pub histogram: Histogram,
    /// FMR and FNMR over the thresholds.
    pub curve: Vec<RocPoint>,
    /// The mated pairs least alike, as places among the photos.
    pub lowest_mated: Vec<ScoredPair>,
    /// The non-mated pairs most alike.
    pub highest_non_mated: Vec<ScoredPair>,
}

/// Where a threshold comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdSource {
    /// Chosen on the very data that it is measured on: what the model could do.
    Data,
    /// From the model's table: what a user who asks for the rate gets.
    Table,
}

/// The errors at the threshold for an FMR.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairRow {
    /// The FMR asked for.
    pub asked_fmr: f64,
    /// Where the threshold comes from.
    pub source: ThresholdSource,
    /// The threshold.
    pub threshold: f64,
    /// The FMR found.
    pub fmr: MeasuredRate,
    /// The FNMR found.
    pub fnmr: MeasuredRate,
}

/// Searches for people, half of them enrolled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenSetResult {
    /// How many people are searched.
    pub gallery: u64,
    /// Searches for people who are in the gallery.
    pub mated_searches: u64,
    /// Searches for people who are not.
    pub stranger_searches: u64,
    /// How many of those had no encoding.
    pub stranger_failures: u64,
    /// The errors at thresholds of interest.
    pub rows: Vec<OpenSetRow>,
    /// FPIR (`fmr`) and FNIR (`fnmr`) over the thresholds.
    pub curve: Vec<RocPoint>,
}

/// The errors at the threshold for an FPIR.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OpenSetRow {
    /// The FPIR asked for.
    pub asked_fpir: f64,
    /// Where the threshold comes from.
    pub source: ThresholdSource,
    /// For a threshold of the table: whether it was measured at the rate or continued.
    pub basis: Option<Basis>,
    /// The errors found.
    #[serde(flatten)]
    pub found: OpenSetPoint,
}

impl Evaluation {
    /// Measures a model: `encodings` are those of the data's photos in their order, `None` where a
    /// photo gave none; `table` is the model's.
    ///
    /// A folder of people is compared all against all and searched open-set; a list's pairs are
    /// compared, and decided fold by fold where it has folds.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the number of encodings is not that of photos, or no mated or no non-mated
    /// pair could be compared; [`ModelMismatch`](ErrorKind::ModelMismatch) where an encoding is not of the model named.
    pub fn measure(
        about: About,
        dataset: &Dataset,
        encodings: &[Option<FaceEncoding>],
        table: Option<&CalibrationTable>,
    ) -> Result<Self> {
        if encodings.iter().flatten().any(|encoding| encoding.model() != about.model) {
            return Err(Error::new(ErrorKind::ModelMismatch, "an encoding was made by another model than named"));
        }
        let similarity = similarities(dataset, encodings, about.metric)?;
        let comparisons = compare(dataset, &similarity)?;
        let (open_set, no_searches) = match dataset.pairs {
            Some(_) => (None, None),
            None => match OpenSet::run(&dataset.people, &similarity) {
                Ok(open_set) => (Some(searches(&open_set, table)), None),
                Err(error) => (None, Some(error.to_string())),
            },
        };
        Ok(Self {
            about,
            people: comparisons.people() as u64,
            photos: dataset.photos.len() as u64,
            photos_without_encoding: encodings.iter().filter(|encoding| encoding.is_none()).count() as u64,
            folds: folds(dataset, &similarity)?,
            pairs: pairs(&comparisons, table),
            open_set,
            no_searches,
        })
    }
}

/// Makes a model's table: `encodings` are those of the data's photos in their order, `None` where a
/// photo gave none; `name` and `sha256` say what data it is.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) as for [`calibrate`](table::calibrate), and where the number of
/// encodings is not that of photos.
pub fn calibrate(
    dataset: &Dataset,
    encodings: &[Option<FaceEncoding>],
    metric: Metric,
    name: &str,
    sha256: &str,
) -> Result<CalibrationTable> {
    let similarity = similarities(dataset, encodings, metric)?;
    table::calibrate(&compare(dataset, &similarity)?, name, sha256)
}

/// How alike the photos at two places are; `None` where one has no encoding.
pub(super) fn similarities<'a>(
    dataset: &Dataset,
    encodings: &'a [Option<FaceEncoding>],
    metric: Metric,
) -> Result<impl Fn(usize, usize) -> Option<f64> + Sync + use<'a>> {
    if encodings.len() != dataset.photos.len() {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("there are {} encodings of {} photos", encodings.len(), dataset.photos.len()),
        ));
    }
    let mut known = encodings.iter().flatten();
    if let Some(first) = known.next()
        && known.any(|other| other.model() != first.model() || other.dimension() != first.dimension())
    {
        return Err(Error::new(ErrorKind::ModelMismatch, "the encodings were not all made by one model"));
    }
    Ok(move |a: usize, b: usize| {
        let (a, b) = (encodings[a].as_ref()?, encodings[b].as_ref()?);
        Some(index::similarity(metric, a.vector(), b.vector()))
    })
}

pub(super) fn compare(
    dataset: &Dataset,
    similarity: &(impl Fn(usize, usize) -> Option<f64> + Sync),
) -> Result<Comparisons> {
    match &dataset.pairs {
        None => Comparisons::all_against_all(&dataset.people, similarity),
        Some(pairs) => {
            Comparisons::of_pairs(&dataset.people, pairs.iter().map(|pair| (pair.a, pair.b, pair.same)), similarity)
        }
    }
}

fn folds(dataset: &Dataset, similarity: &impl Fn(usize, usize) -> Option<f64>) -> Result<Option<FoldAccuracy>> {
    let pairs: Vec<FoldPair> = (dataset.pairs.iter().flatten())
        .map(|pair| FoldPair { fold: pair.fold, same: pair.same, similarity: similarity(pair.a, pair.b) })
        .collect();
    if pairs.iter().all(|pair| pair.fold == 0) { Ok(None) } else { lfw::accuracy(&pairs).map(Some) }
}

fn pairs(comparisons: &Comparisons, table: Option<&CalibrationTable>) -> PairsResult {
    let scores = comparisons.scores();
    let carried = |fmr: f64| fmr * scores.non_mated_pairs() as f64 * (1.0 + 1e-12) >= FEWEST_PAIRS as f64;
    let own = RATES.into_iter().filter(|fmr| *fmr <= LARGEST_FMR && carried(*fmr));
    let own = own.map(|fmr| (fmr, ThresholdSource::Data, scores.threshold_at_fmr(fmr)));
    let points = table.map_or(&[][..], CalibrationTable::points).iter();
    let known = points
        .filter(|point| point.fmr <= LARGEST_FMR)
        .map(|point| (point.fmr, ThresholdSource::Table, point.similarity));
    let thresholds: Vec<(f64, ThresholdSource, f64)> = own.chain(known).collect();
    let fnmr = comparisons.fnmr_at(&thresholds.iter().map(|(_, _, threshold)| *threshold).collect::<Vec<_>>());
    let rows = thresholds.into_iter().zip(fnmr).map(|((asked_fmr, source, threshold), fnmr)| PairRow {
        asked_fmr,
        source,
        threshold,
        fmr: MeasuredRate::of(scores.at(threshold).false_matches, scores.non_mated_pairs()),
        fnmr,
    });
    let (mated_failures, non_mated_failures) = scores.failures();
    PairsResult {
        mated_pairs: scores.mated_pairs(),
        non_mated_pairs: scores.non_mated_pairs(),
        mated_failures,
        non_mated_failures,
        auc: scores.auc(),
        equal_error: scores.equal_error(),
        rows: rows.collect(),
        histogram: Histogram::new(scores, HISTOGRAM_BINS),
        curve: scores.sampled(POINTS_PER_DECADE),
        lowest_mated: comparisons.lowest_mated().to_vec(),
        highest_non_mated: comparisons.highest_non_mated().to_vec(),
    }
}

fn searches(open_set: &OpenSet, table: Option<&CalibrationTable>) -> OpenSetResult {
    let (mated_searches, stranger_searches) = open_set.searches();
    let gallery = open_set.gallery() as u64;
    let own = FPIR.into_iter().map(|fpir| OpenSetRow {
        asked_fpir: fpir,
        source: ThresholdSource::Data,
        basis: None,
        found: open_set.at_fpir(fpir),
    });
    // A rate that the table cannot carry for so many people has no row.
    let known = table.into_iter().flat_map(|table| {
        FPIR.into_iter().filter_map(move |fpir| {
            let threshold = table.threshold_for(OperatingPoint::fpir(fpir).ok()?, gallery).ok()?;
            Some(OpenSetRow {
                asked_fpir: fpir,
                source: ThresholdSource::Table,
                basis: Some(threshold.basis),
                found: open_set.at(threshold.similarity.get()),
            })
        })
    });
    OpenSetResult {
        gallery,
        mated_searches,
        stranger_searches,
        stranger_failures: open_set.stranger_failures(),
        rows: own.chain(known).collect(),
        curve: open_set.curve(POINTS_PER_DECADE),
    }
}

fn as_text<S: serde::Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

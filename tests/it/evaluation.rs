//! Reading folders of people and lists of pairs, measuring a model on them, and the page that
//! shows the figures.

use std::fs;
use std::path::Path;

use facevault::evaluation::report::{self, Page, Picture, PictureFormat, PicturePair};
use facevault::evaluation::{About, Dataset, Evaluation, ThresholdSource, calibrate};
use facevault::{CalibrationTable, ErrorKind, FaceEncoding, Metric, ModelId};

use crate::data;

const MODEL: ModelId = ModelId::from_bytes([9; 16]);

fn about(metric: Metric) -> About {
    About {
        pack: "made-up".into(),
        model: MODEL,
        metric,
        licence: "CC0-1.0".into(),
        data: "crowd".into(),
        sha256: "0".repeat(64),
    }
}

/// A folder of `people` people with three photos each, whose names would be markup.
fn crowd(people: usize) -> (tempfile::TempDir, Dataset) {
    let root = tempfile::tempdir().expect("a folder");
    for person in 0..people {
        let folder = root.path().join(format!("<b>person {person:03}"));
        fs::create_dir(&folder).expect("a folder");
        for photo in 0..3 {
            fs::write(folder.join(format!("{photo}&.jpg")), format!("{person} {photo}")).expect("a file");
        }
    }
    let data = Dataset::of_people(root.path()).expect("people");
    (root, data)
}

/// Encodings of a crowd: one direction a person, bent by the photo. The photo at `missing` has none.
fn encodings(data: &Dataset, missing: Option<usize>) -> Vec<Option<FaceEncoding>> {
    // Fractions of multiples of irrational numbers: even, and the same everywhere.
    let number = |a: usize, b: usize| ((a * 37 + b * 101 + 1) as f32 * 0.618_034).fract() - 0.5;
    (data.people.iter().enumerate())
        .map(|(photo, person)| {
            let own = (0..24).map(|i| number(*person as usize * 59 + i * i, i) + 0.6 * number(photo * 83 + i, i * 7));
            (Some(photo) != missing).then(|| FaceEncoding::new(MODEL, own.collect::<Vec<f32>>()).expect("finite"))
        })
        .collect()
}

fn measured(missing: Option<usize>) -> (Evaluation, CalibrationTable) {
    let (_root, data) = crowd(60);
    let table = calibrate(&data, &encodings(&data, None), Metric::Cosine, "crowd", &"0".repeat(64)).expect("a table");
    let found = Evaluation::measure(about(Metric::Cosine), &data, &encodings(&data, missing), Some(&table));
    (found.expect("an evaluation"), table)
}

#[test]
fn a_folder_of_people_is_compared_all_against_all_and_searched() {
    let (found, table) = measured(None);
    assert_eq!((found.people, found.photos, found.photos_without_encoding), (60, 180, 0));
    assert_eq!((found.pairs.mated_pairs, found.pairs.non_mated_pairs), (180, 180 * 179 / 2 - 180));
    assert!(found.folds.is_none());
    let open_set = found.open_set.as_ref().expect("people with three photos");
    assert_eq!((open_set.gallery, open_set.mated_searches, open_set.stranger_searches), (30, 120, 180));
    // The table was made on this very data: what it asks for is what is found.
    for point in table.points().iter().filter(|point| point.fmr <= 0.1) {
        let row =
            found.pairs.rows.iter().find(|row| row.source == ThresholdSource::Table && row.asked_fmr == point.fmr);
        let row = row.expect("a row for each point");
        // Rounding a threshold up may lose the pairs that lie on it.
        let allowed = point.fmr * row.fmr.trials as f64;
        assert!(row.fmr.rate <= point.fmr && row.fmr.errors as f64 > 0.99 * allowed - 2.0, "{row:?}");
        assert!(row.threshold == point.similarity && (row.fnmr.rate - point.fnmr).abs() < 1e-6, "{row:?}");
    }
    for row in open_set.rows.iter().filter(|row| row.source == ThresholdSource::Data) {
        assert!(row.found.fpir.rate <= row.asked_fpir);
    }
}

#[test]
fn a_photo_without_encoding_counts_as_an_error_everywhere() {
    let ((whole, _), (less, _)) = (measured(None), measured(Some(0)));
    assert_eq!(less.photos_without_encoding, 1);
    assert_eq!((less.pairs.mated_pairs, less.pairs.mated_failures), (180, 2));
    assert_eq!(less.pairs.non_mated_pairs + less.pairs.non_mated_failures, whole.pairs.non_mated_pairs);
    assert!(less.pairs.rows.iter().all(|row| row.fnmr.errors >= 2));
    // Photo 0 is the one that is enrolled: both searches for that person miss.
    let misses = |found: &Evaluation| found.open_set.as_ref().map(|open_set| open_set.rows[0].found.fnir.errors);
    assert!(misses(&less) >= Some(2));
}

#[test]
fn a_list_with_folds_gives_accuracy_over_them() {
    let root = tempfile::tempdir().expect("a folder");
    let mut list = String::from("10\t2\n");
    for person in 0..20 {
        let name = format!("P{person}");
        fs::create_dir(root.path().join(&name)).expect("a folder");
        for photo in 1..=3 {
            fs::write(root.path().join(format!("{name}/{name}_{photo:04}.jpg")), "x").expect("a file");
        }
    }
    for fold in 0..10 {
        let (a, b) = (format!("P{}", 2 * fold), format!("P{}", 2 * fold + 1));
        list += &format!("{a}\t1\t2\n{b}\t2\t3\n{a}\t1\t{b}\t1\n{a}\t2\t{b}\t3\n");
    }
    let file = root.path().join("pairs.txt");
    fs::write(&file, list).expect("a list");
    let data = Dataset::open(&file, None).expect("a list");
    let found = Evaluation::measure(about(Metric::Cosine), &data, &encodings(&data, None), None).expect("measured");
    let folds = found.folds.expect("ten folds");
    assert_eq!((folds.folds.len(), folds.folds[0].pairs), (10, 4));
    assert!(folds.mean > 0.8 && found.open_set.is_none());
    // Every other encoding missing: hardly a pair is right.
    let mut half = encodings(&data, None);
    half.iter_mut().step_by(2).for_each(|encoding| *encoding = None);
    let found = Evaluation::measure(about(Metric::Cosine), &data, &half, None);
    assert!(found.is_err() || found.is_ok_and(|found| found.folds.is_some_and(|folds| folds.mean < 0.5)));
}

#[test]
fn encodings_of_another_model_or_another_number_are_refused() {
    let (_root, data) = crowd(4);
    let good = encodings(&data, None);
    let measure = |about, encodings: &[_]| Evaluation::measure(about, &data, encodings, None).map_err(|e| e.kind());
    let other = About { model: ModelId::from_bytes([1; 16]), ..about(Metric::Cosine) };
    assert_eq!(measure(other, &good).expect_err("another model"), ErrorKind::ModelMismatch);
    assert_eq!(measure(about(Metric::Cosine), &good[1..]).expect_err("too few"), ErrorKind::Invalid);
    assert_eq!(measure(about(Metric::Cosine), &vec![None; 12]).expect_err("none at all"), ErrorKind::Invalid);
}

#[test]
fn figures_are_numbers_in_json() {
    let (found, _) = measured(Some(7));
    let json = serde_json::to_value(&found).expect("json");
    assert_eq!(json["about"]["model"], MODEL.to_string());
    assert_eq!(json["photos_without_encoding"], 1);
    for pointer in
        ["/pairs/auc", "/pairs/equal_error/rate", "/pairs/rows/0/fnmr/wilson/high", "/open_set/rows/0/fnir/rate"]
    {
        assert!(json.pointer(pointer).is_some_and(serde_json::Value::is_f64), "{pointer}");
    }
}

#[test]
fn the_page_needs_nothing_from_anywhere_and_shows_what_it_is_given() {
    let (found, _) = measured(Some(0));
    let picture = |name: &str| Picture {
        bytes: vec![0xff, 0xd8, 0xff],
        format: PictureFormat::Jpeg,
        caption: Some(name.to_owned()),
    };
    let pairs: Vec<PicturePair> = (found.pairs.lowest_mated.iter())
        .map(|pair| PicturePair { a: picture("a<i>.jpg"), b: picture("b\".jpg"), similarity: pair.similarity })
        .collect();
    let anonymous = [Picture { caption: None, ..picture("") }];
    let page = report::page(&Page {
        evaluation: &found,
        command: "facevault evaluate 'my <photos>' --report out.html",
        made_at: "2026-01-02",
        lowest_mated: &pairs,
        highest_non_mated: &pairs,
        without_encoding: &anonymous,
    });
    for foreign in ["http:", "https:", "<script", "url(", "@import", "<link", " on error", "<i>.jpg", "my <photos>"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for shown in [
        "facevault evaluate &#39;my &lt;photos&gt;&#39; --report out.html",
        "a&lt;i&gt;.jpg",
        "CC0-1.0",
        &MODEL.to_string(),
        &"0".repeat(64),
        "DET curve",
        "1:N curve",
        "Histogram",
        "FMR 10⁻²",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert_eq!(page.matches("data:image/jpeg;base64,/9j/").count(), 41);
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
    assert!(!page.contains("NaN") && !page.contains("inf "), "every number is one");
    assert!(!format!("{pairs:?}").contains(".jpg"), "debug shows no caption");
}

#[test]
fn published_lists_are_read() {
    let Some(folder) = data::folder("published_lists_are_read") else { return };
    let people = Dataset::open(&folder.join("faces/lfw-dev"), None).expect("a folder of people");
    assert_eq!((people.people.last(), people.photos.len(), people.ignored), (Some(&1467), 1549, 1));
    let pairs = Dataset::open(&folder.join("faces/lfw-dev/pairs.csv"), None).expect("pairs");
    let same = pairs.pairs.iter().flatten().filter(|pair| pair.same).count();
    assert_eq!((same, pairs.pairs.map(|pairs| pairs.len())), (140, Some(3_140)));
    let deepface = Dataset::open(&folder.join("faces/deepface/unit/dataset/master.csv"), None).expect("pairs");
    let same = deepface.pairs.iter().flatten().filter(|pair| pair.same).count();
    assert_eq!((same, deepface.pairs.map(|pairs| pairs.len())), (38, Some(300)));
    let att = Dataset::open(&folder.join("faces/att_faces"), None).expect("a folder of people");
    assert_eq!((att.people.last(), att.photos.len()), (Some(&39), 400));
    let error = Dataset::open(&folder.join("faces"), None).expect_err("folders of folders");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(Dataset::open(Path::new("/no/such/list.csv"), None).is_err());
}

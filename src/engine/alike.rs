//! Whether several photos can be of one person.
//!
//! Photos of one person need not all resemble each other: two may differ in age, pose or light and both resemble
//! a third. So they are linked where two are similar enough, and what counts is whether all hang together.

use crate::comparison::{CalibrationTable, OperatingPoint};
use crate::encoding::FaceEncoding;
use crate::error::{Error, ImageReport, Refusal, RefusalCode, Result};
use crate::index;
use crate::spec::Metric;

/// Two photos are linked from the similarity on that this share of pairs of different people reaches. docs/design.md,
/// "Photos of one person", has what was measured.
const LINKED_FMR: f64 = 0.01;

/// Refuses photos that do not hang together with the others. `kept` are encodings of photos that are known to be
/// of the person; where there are none, the largest group of the photos counts, of equally large ones the one
/// that comes first. Without a table, or with one that does not say what similarity that is, nothing is refused.
///
/// # Errors
/// [`Refused`](crate::ErrorKind::Refused), naming for each photo the one that it should resemble.
pub(crate) fn require_one_person(
    metric: Metric,
    table: Option<&CalibrationTable>,
    photos: &[&FaceEncoding],
    kept: &[FaceEncoding],
) -> Result<()> {
    refuse(reports(metric, table, photos, kept, 0)?)
}

/// The same for two sets of photos, each of one person; reports of the second set follow those of the first.
///
/// # Errors
/// As for [`require_one_person`].
pub(super) fn require_one_person_each(
    metric: Metric,
    table: Option<&CalibrationTable>,
    one: &[FaceEncoding],
    other: &[FaceEncoding],
) -> Result<()> {
    let of_set = |set: &[FaceEncoding], first| reports(metric, table, &set.iter().collect::<Vec<_>>(), &[], first);
    refuse([of_set(one, 0)?, of_set(other, one.len())?].concat())
}

fn refuse(reports: Vec<ImageReport>) -> Result<()> {
    match reports.iter().any(|report| report.refusal.is_some()) {
        true => Err(Error::refused(reports)),
        false => Ok(()),
    }
}

/// A report for each photo; photos are counted from `first`.
fn reports(
    metric: Metric,
    table: Option<&CalibrationTable>,
    photos: &[&FaceEncoding],
    kept: &[FaceEncoding],
    first: usize,
) -> Result<Vec<ImageReport>> {
    let accepted = || (0..photos.len()).map(|index| ImageReport::new(first + index, None)).collect();
    let Some(table) = table.filter(|_| photos.len() + kept.len() > 1) else { return Ok(accepted()) };
    let Ok(threshold) = OperatingPoint::fmr(LINKED_FMR).and_then(|point| table.threshold_for(point, 1)) else {
        return Ok(accepted());
    };
    let limit = threshold.similarity.get();
    let similarity = |a: &FaceEncoding, b: &FaceEncoding| index::compare(metric, a, b);
    // How similar each photo is to the photos that are kept: the best of them.
    let mut to_kept = vec![f64::NEG_INFINITY; photos.len()];
    for (best, photo) in to_kept.iter_mut().zip(photos) {
        for other in kept {
            *best = best.max(similarity(photo, other)?);
        }
    }
    let mut between = vec![vec![f64::NEG_INFINITY; photos.len()]; photos.len()];
    for i in 0..photos.len() {
        for j in 0..i {
            between[i][j] = similarity(photos[i], photos[j])?;
            between[j][i] = between[i][j];
        }
    }
    let linked = |from: Vec<usize>| -> Vec<bool> {
        let (mut seen, mut next) = (vec![false; photos.len()], from);
        while let Some(photo) = next.pop() {
            if !std::mem::replace(&mut seen[photo], true) {
                next.extend((0..photos.len()).filter(|other| between[photo][*other] >= limit));
            }
        }
        seen
    };
    let size = |group: &[bool]| group.iter().filter(|member| **member).count();
    let group = match kept {
        [] => (0..photos.len())
            .map(|photo| linked(vec![photo]))
            .reduce(|best, other| if size(&other) > size(&best) { other } else { best }),
        _ => Some(linked((0..photos.len()).filter(|photo| to_kept[*photo] >= limit).collect())),
    };
    let group = group.unwrap_or_default();
    let report = |index: usize| {
        let refusal = (!group[index]).then(|| {
            let members = (0..photos.len()).filter(|other| group[*other]);
            let nearest = members.max_by(|a, b| between[index][*a].total_cmp(&between[index][*b]));
            let (found, other) = match nearest {
                Some(other) if between[index][other] >= to_kept[index] => {
                    (between[index][other], format!("image {}", first + other))
                }
                _ => (to_kept[index], "the person's other photos".to_owned()),
            };
            let message = format!(
                "image {} and {other} seem to show two people: their similarity is {found:.3}, {limit:.3} is \
                 needed; send photos of one person, or allow mixed photos if they are of one",
                first + index
            );
            Refusal::measured(RefusalCode::DifferentPerson, found, limit, message)
        });
        ImageReport::new(first + index, refusal)
    };
    Ok((0..photos.len()).map(report).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{CalibrationPoint, MeasuredOn};
    use crate::encoding::ModelId;
    use crate::error::ErrorKind;

    /// A table by which 0.5 is reached by one pair in a hundred.
    fn table(largest: f64) -> CalibrationTable {
        let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.5 };
        let measured_on = MeasuredOn {
            name: "synthetic".into(),
            sha256: "0".repeat(64),
            people: 10,
            mated_pairs: 10,
            non_mated_pairs: 100_000,
        };
        let points = vec![point(largest, 0.5), point(largest / 10.0, 0.8)];
        CalibrationTable::new(measured_on, points).expect("a table")
    }

    /// A unit vector at an angle: similar to those up to 60 degrees away.
    fn at(degrees: f64) -> FaceEncoding {
        let (sin, cos) = degrees.to_radians().sin_cos();
        FaceEncoding::new(ModelId::from_bytes([1; 16]), vec![cos as f32, sin as f32]).expect("finite")
    }

    /// Which photos are refused, with the first one's message.
    fn refused(photos: &[f64], kept: &[f64]) -> (Vec<usize>, String) {
        let encodings: Vec<FaceEncoding> = photos.iter().copied().map(at).collect();
        let kept: Vec<FaceEncoding> = kept.iter().copied().map(at).collect();
        let photos: Vec<&FaceEncoding> = encodings.iter().collect();
        match require_one_person(Metric::Cosine, Some(&table(0.01)), &photos, &kept) {
            Ok(()) => (Vec::new(), String::new()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused);
                let of = |image: &ImageReport| image.refusal.as_ref().map(|refusal| (image.index, refusal.clone()));
                let all: Vec<(usize, Refusal)> = error.images().iter().filter_map(of).collect();
                for (_, refusal) in &all {
                    assert_eq!((refusal.code, refusal.limit), (RefusalCode::DifferentPerson, Some(0.5)));
                    assert!(refusal.measured < refusal.limit, "{refusal:?}");
                }
                (all.iter().map(|(index, _)| *index).collect(), all[0].1.message.clone())
            }
        }
    }

    #[test]
    fn photos_that_do_not_hang_together_are_refused() {
        for (photos, kept, expected) in [
            (&[0.0][..], &[][..], &[][..]),
            (&[0.0, 59.0], &[], &[]),
            (&[0.0, 61.0], &[], &[1]),
            // Each resembles the next one.
            (&[0.0, 50.0, 100.0, 150.0], &[], &[]),
            (&[100.0, 0.0, 50.0], &[], &[]),
            // The larger group counts, else the first.
            (&[180.0, 0.0, 10.0], &[], &[0]),
            (&[0.0, 10.0, 180.0, 190.0], &[], &[2, 3]),
            (&[0.0, 90.0, 180.0], &[], &[1, 2]),
            // Photos that are known count more than many new ones.
            (&[180.0], &[0.0], &[0]),
            (&[180.0, 185.0, 20.0], &[0.0], &[0, 1]),
            (&[50.0, 100.0], &[0.0, 300.0], &[]),
            (&[100.0], &[0.0, 300.0], &[0]),
            // Whoever is kept is not judged.
            (&[10.0], &[0.0, 180.0], &[]),
            (&[], &[0.0, 180.0], &[]),
        ] {
            assert_eq!(refused(photos, kept).0, expected, "{photos:?} {kept:?}");
        }
    }

    #[test]
    fn the_pair_and_its_similarity_are_named() {
        let (_, message) = refused(&[0.0, 80.0, 100.0], &[]);
        assert!(
            message.starts_with("image 0 and image 1 seem to show two people: their similarity is 0.174, 0.500"),
            "{message}"
        );
        let (_, message) = refused(&[90.0], &[0.0]);
        assert!(message.starts_with("image 0 and the person's other photos seem"), "{message}");
    }

    #[test]
    fn each_of_two_sets_is_of_one_person() {
        let of = |angles: &[f64]| angles.iter().copied().map(at).collect::<Vec<_>>();
        let check = |one: &[f64], other: &[f64]| {
            require_one_person_each(Metric::Cosine, Some(&table(0.01)), &of(one), &of(other))
        };
        check(&[0.0, 10.0], &[180.0, 190.0]).expect("two people, one a set");
        let error = check(&[0.0, 10.0], &[180.0, 20.0]).expect_err("the second set is of two people");
        let refused: Vec<_> = error.images().iter().map(|image| (image.index, image.refusal.is_some())).collect();
        assert_eq!(refused, [(0, false), (1, false), (2, false), (3, true)]);
        assert!(error.to_string().contains("image 3 and image 2 seem"), "{error}");
    }

    #[test]
    fn without_a_measured_similarity_nothing_is_refused() {
        let (one, other) = (at(0.0), at(180.0));
        let check = |table: Option<&CalibrationTable>| require_one_person(Metric::Cosine, table, &[&one, &other], &[]);
        check(None).expect("no table");
        check(Some(&table(0.001))).expect("a table that starts at smaller rates");
        check(Some(&table(0.01))).expect_err("two people");
    }
}

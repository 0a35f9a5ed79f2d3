//! The self-test: do the networks give here what they gave where the pack was made?
//!
//! Checksums say that a file is the right one. They do not say that the library calculates with it as it should, that
//! the rewritten graph is equal to the file's, or that memory keeps what is put into it. So the networks run on pictures
//! that the program draws, and what they give is compared with what the manifest states.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::models::{LivenessManifest, Manifest};
use crate::spec::{SelfTestFace, SelfTestValues};
use crate::vision::{DRAWN_FACE, Face, drawn_crop, drawn_picture};

use super::Engine;

/// The largest difference of a component of an embedder's vector, in parts of the stated vector's length: of the unit
/// vector, so to speak, but a vector of another length is noticed too. Other processors, versions of ONNX Runtime and
/// rewriting rules change the order in which products are added up, by less than a hundredth of this.
const VECTOR_WITHIN: f64 = 1e-4;

/// The largest difference of a liveness network's score.
const LIVE_WITHIN: f64 = 1e-3;

/// What a [`NetworkTest`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TestedNetwork {
    /// The detector, with its landmarks: its best face of the drawn picture.
    Detector,
    /// The embedder: its vector of one view of the drawn face.
    Embedder,
    /// The liveness networks: their scores of the drawn face.
    Liveness,
}

impl TestedNetwork {
    /// What it is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Embedder => "embedder",
            Self::Liveness => "liveness",
        }
    }
}

/// How a network's test ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum TestOutcome {
    /// It gives what is stated.
    Agrees {
        /// The largest difference; see [`SelfTestValues`] for its unit.
        difference: f64,
        /// The largest one that is allowed.
        limit: f64,
    },
    /// It gives something else.
    Differs {
        /// The largest difference; infinite where the detector finds no face, or there is another number of values.
        difference: f64,
        /// The largest one that is allowed.
        limit: f64,
    },
    /// It was not tested: neither the manifest nor a built-in one of the same network states what it gives.
    NotStated,
}

/// A network's test.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NetworkTest {
    /// What was tested.
    pub network: TestedNetwork,
    /// How that ended.
    pub outcome: TestOutcome,
    /// How long the network took, drawing not counted; 0 where it was not tested.
    pub took: Duration,
}

/// What [`Engine::self_test`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SelfTest {
    /// The networks in the order in which they were tested.
    pub networks: Vec<NetworkTest>,
}

impl SelfTest {
    /// Whether a network gives something else than is stated.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.networks.iter().any(|test| matches!(test.outcome, TestOutcome::Differs { .. }))
    }

    /// The networks that were not tested.
    pub fn not_stated(&self) -> impl Iterator<Item = TestedNetwork> {
        self.networks.iter().filter(|test| test.outcome == TestOutcome::NotStated).map(|test| test.network)
    }

    /// An error where a network gives something else than is stated; networks that were not tested are none.
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`]: says which network differs, by how much, and what to do.
    pub fn require(&self) -> Result<()> {
        let failed = self.networks.iter().find_map(|test| match test.outcome {
            TestOutcome::Differs { difference, limit } => Some((test.network, difference, limit)),
            _ => None,
        });
        let Some((network, difference, limit)) = failed else { return Ok(()) };
        let by = format!("by {difference:.2e} where {limit:.0e} is allowed");
        let what = match network {
            TestedNetwork::Detector if difference.is_infinite() => "the detector finds no face in".to_owned(),
            TestedNetwork::Detector => format!("the detector's face differs {by}, for"),
            TestedNetwork::Embedder => format!("the embedder's vector differs {by}, for"),
            TestedNetwork::Liveness => format!("the liveness scores differ {by}, for"),
        };
        Err(Error::new(
            ErrorKind::Runtime,
            format!(
                "the self-test failed: {what} a picture whose result the manifest states; do not enroll or identify \
                 anybody with it: try another ONNX Runtime, delete the pack's folder `rewritten`, and test the \
                 machine's memory"
            ),
        ))
    }
}

impl Engine {
    /// Runs the networks once on pictures that the program draws, and compares what they give with what the pack's
    /// manifest states ([`Manifest::self_test`](crate::models::Manifest::self_test)), or a built-in manifest of the same
    /// networks, or [`EngineParts::self_test`](crate::EngineParts::self_test). A wrong library, a wrong rewriting of a
    /// graph and bad memory show before anybody is enrolled. It takes as long as a small photo.
    ///
    /// The embedder is compared by one view of a face, whatever the engine's mode: each component must be the stated
    /// one within 0.0001 of the vector's length. The detector is asked with its own threshold and size, whatever the
    /// rules for photos. Liveness networks are tested where they are loaded
    /// ([`Self::liveness_model`] loads them).
    ///
    /// ```no_run
    /// use facevault::{Engine, EngineOptions};
    ///
    /// # fn main() -> facevault::Result<()> {
    /// let engine = Engine::open(&EngineOptions::default())?;
    /// engine.self_test()?.require()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Runtime`] where a network fails, or gives what is not finite.
    pub fn self_test(&self) -> Result<SelfTest> {
        self.self_test_with(&self.stated())
    }

    /// The same with given values, such as those of another engine ([`Self::self_test_values`]).
    ///
    /// # Errors
    /// As for [`Self::self_test`].
    pub fn self_test_with(&self, values: &SelfTestValues) -> Result<SelfTest> {
        let stated = of_this_edition(Some(values.clone()));
        let mut networks = vec![
            tested(TestedNetwork::Detector, stated.face.as_ref(), |stated| {
                let found = self.drawn_face()?;
                let difference = found.map_or(f64::INFINITY, |found| face_difference(stated, &found));
                Ok((difference, f64::from(stated.within)))
            })?,
            tested(TestedNetwork::Embedder, stated.vector.as_ref(), |stated| {
                Ok((vector_difference(stated, &self.drawn_vector()?), VECTOR_WITHIN))
            })?,
        ];
        if let Some((model, _)) = self.liveness_at_hand() {
            networks.push(tested(TestedNetwork::Liveness, stated.live.as_ref(), |stated| {
                Ok((live_difference(stated, &model.judge(&drawn_picture(), DRAWN_FACE)?), LIVE_WITHIN))
            })?);
        }
        Ok(SelfTest { networks })
    }

    /// What the networks give here for the pictures of the self-test, to be stated in a manifest
    /// ([`self_test_section`](crate::models::self_test_section)) or in [`EngineParts::self_test`](crate::EngineParts::self_test).
    /// The scores of liveness networks are among them where those are loaded; they belong into the manifest of those.
    ///
    /// # Errors
    /// As for [`Self::self_test`].
    pub fn self_test_values(&self) -> Result<SelfTestValues> {
        let live = self.liveness_at_hand().map(|(model, _)| model.judge(&drawn_picture(), DRAWN_FACE)).transpose()?;
        Ok(SelfTestValues::new(SelfTestValues::DRAWING)
            .with_vector(self.drawn_vector()?)
            .with_face(self.drawn_face()?.map(|found| stated_face(&found)))
            .with_live(live))
    }

    /// What is stated for each network, of this edition of the drawings.
    fn stated(&self) -> SelfTestValues {
        let Some(manifest) = &self.inner.origin.manifest else {
            return of_this_edition(self.inner.origin.self_test.clone());
        };
        let live = self.liveness_at_hand().and_then(|(_, stated)| of_this_edition(stated).live);
        let own = of_this_edition(manifest.self_test.clone()).with_live(live);
        if own.vector.is_some() && own.face.is_some() {
            return own;
        }
        // A pack that was installed before the values were stated has an older manifest.
        let built_in = Manifest::BUILTIN.iter().filter_map(|name| Manifest::builtin(name).ok());
        built_in.fold(own, |found, other| {
            let stated = of_this_edition(other.self_test.clone());
            let vector = stated.vector.filter(|_| other.model_id() == manifest.model_id());
            let face = stated.face.filter(|_| {
                let landmarks = |manifest: &Manifest| manifest.landmarks.as_ref().map(|file| file.sha256);
                let (ours, theirs) = (&manifest.detector, &other.detector);
                ours.model.sha256 == theirs.model.sha256
                    && ours.spec == theirs.spec
                    && landmarks(manifest) == landmarks(&other)
            });
            SelfTestValues { vector: found.vector.or(vector), face: found.face.or(face), ..found }
        })
    }

    fn drawn_vector(&self) -> Result<Vec<f32>> {
        self.embed(&drawn_crop(&self.embedder().template))
    }

    /// The best face of the drawn picture, by the detector as the pack has it.
    fn drawn_face(&self) -> Result<Option<Face>> {
        Ok(self.inner.detector.glance(&drawn_picture())?.into_iter().next())
    }
}

/// What a built-in manifest of the same networks states, where their own manifest states nothing of this edition.
pub(super) fn stated_for_liveness(manifest: &LivenessManifest) -> Option<SelfTestValues> {
    let files = |manifest: &LivenessManifest| {
        manifest.networks.iter().map(|entry| (entry.model.sha256, entry.spec.clone())).collect::<Vec<_>>()
    };
    let own = of_this_edition(manifest.self_test.clone());
    if own.live.is_some() {
        return Some(own);
    }
    let built_in = LivenessManifest::BUILTIN.iter().filter_map(|name| LivenessManifest::builtin(name).ok());
    built_in.filter(|other| files(other) == files(manifest)).find_map(|other| other.self_test)
}

/// The values, none of them where they are of another edition of the drawings.
fn of_this_edition(values: Option<SelfTestValues>) -> SelfTestValues {
    let edition = SelfTestValues::DRAWING;
    values.filter(|values| values.drawing == edition).unwrap_or_else(|| SelfTestValues::new(edition))
}

/// Runs a test where there is something to compare with; `run` gives the difference and its limit.
fn tested<S>(
    network: TestedNetwork,
    stated: Option<&S>,
    run: impl FnOnce(&S) -> Result<(f64, f64)>,
) -> Result<NetworkTest> {
    let start = Instant::now();
    let Some(stated) = stated else {
        return Ok(NetworkTest { network, outcome: TestOutcome::NotStated, took: Duration::ZERO });
    };
    let (difference, limit) = run(stated)?;
    // What is not a number is no agreement.
    let agrees = difference <= limit;
    let outcome =
        if agrees { TestOutcome::Agrees { difference, limit } } else { TestOutcome::Differs { difference, limit } };
    Ok(NetworkTest { network, outcome, took: start.elapsed() })
}

fn stated_face(face: &Face) -> SelfTestFace {
    let Rect { x, y, width, height } = face.bounds;
    SelfTestFace::new([x, y, width, height], face.landmarks.points.map(|point| [point.x, point.y]), face.score)
}

/// The largest difference of a component, in parts of the stated vector's length.
fn vector_difference(stated: &[f32], found: &[f32]) -> f64 {
    let length = stated.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    largest_difference(stated.iter().map(|v| f64::from(*v)), found.iter().map(|v| f64::from(*v))) / length
}

/// The largest difference of the score, or of a place in parts of the box's longer side.
fn face_difference(stated: &SelfTestFace, found: &Face) -> f64 {
    let found = stated_face(found);
    let side = f64::from(stated.bounds[2].max(stated.bounds[3]));
    let numbers = |face: &SelfTestFace| {
        let [x, y, width, height] = face.bounds;
        let places = [x, y, x + width, y + height].into_iter().chain(face.landmarks.into_iter().flatten());
        let mut numbers: Vec<f64> = places.map(|place| f64::from(place) / side).collect();
        numbers.push(f64::from(face.score));
        numbers
    };
    largest_difference(numbers(stated).into_iter(), numbers(&found).into_iter())
}

fn live_difference(stated: &[f64], found: &[f64]) -> f64 {
    largest_difference(stated.iter().copied(), found.iter().copied())
}

/// Infinite for another number of values; NaN where one is NaN.
fn largest_difference(stated: impl ExactSizeIterator<Item = f64>, found: impl ExactSizeIterator<Item = f64>) -> f64 {
    if stated.len() != found.len() {
        return f64::INFINITY;
    }
    stated.zip(found).map(|(stated, found)| (stated - found).abs()).fold(0.0, |largest, difference| {
        if difference.is_nan() {
            difference
        } else if largest.is_nan() {
            largest
        } else {
            largest.max(difference)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{LandmarkScheme, Landmarks, Point};

    #[test]
    fn a_vector_differs_by_its_components_in_parts_of_its_length() {
        for (found, expected) in [
            (vec![3.0, 4.0], 0.0),
            (vec![3.0, 4.5], 0.1),
            (vec![-3.0, 4.0], 1.2),
            (vec![6.0, 8.0], 0.8),
            (vec![3.0], f64::INFINITY),
        ] {
            let difference = vector_difference(&[3.0, 4.0], &found);
            assert!(difference == expected || (difference - expected).abs() < 1e-6, "{found:?}: {difference}");
        }
        assert!(vector_difference(&[3.0, 4.0], &[f32::NAN, 4.0]).is_nan());
    }

    #[test]
    fn a_face_differs_by_its_places_in_parts_of_its_box_and_by_its_score() {
        let face = |width, x, score| Face {
            bounds: Rect { x: 10.0, y: 20.0, width, height: 100.0 },
            landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points: [Point::new(x, 50.0); 5] },
            score,
        };
        let stated = stated_face(&face(80.0, 40.0, 0.75));
        for (found, expected) in [
            (face(80.0, 40.0, 0.75), 0.0),
            (face(81.0, 40.0, 0.75), 0.01),
            (face(80.0, 45.0, 0.75), 0.05),
            (face(80.0, 40.0, 0.5), 0.25),
        ] {
            let difference = face_difference(&stated, &found);
            assert!((difference - expected).abs() < 1e-6, "{found:?}: {difference}");
        }
    }

    #[test]
    fn what_is_not_a_number_does_not_agree() {
        let test = tested(TestedNetwork::Embedder, Some(&()), |()| Ok((f64::NAN, 1.0))).expect("a test");
        assert!(matches!(test.outcome, TestOutcome::Differs { .. }));
        let found = SelfTest { networks: vec![test] };
        assert!(found.has_failed());
        assert_eq!(found.require().expect_err("failed").kind(), ErrorKind::Runtime);
        let none = tested(TestedNetwork::Embedder, None::<&()>, |()| Ok((f64::NAN, 1.0))).expect("no test");
        let found = SelfTest { networks: vec![none] };
        assert!(!found.has_failed() && found.require().is_ok());
        assert_eq!(found.not_stated().collect::<Vec<_>>(), [TestedNetwork::Embedder]);
    }
}

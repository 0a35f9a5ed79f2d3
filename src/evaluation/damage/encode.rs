//! From a data set to the encodings of its photos with each kind of damage.

use rayon::prelude::*;

use super::{Damage, Subject};
use crate::encoding::FaceEncoding;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::evaluation::Dataset;
use crate::evaluation::dataset::unreadable;
use crate::files;
use crate::models::Sha256;
use crate::progress::{Progress, Step};

/// How many people's photos are damaged at most when a limit is chosen: half of them are learned from, and the
/// 200 of the other half make 19,900 pairs.
pub const MOST_PEOPLE: usize = 400;
/// How many people's photos are damaged at most when a limit is tried: 700 make 244,650 pairs, of which 2,415 are left
/// for a kind of damage of which one photo in ten is accepted.
pub const MOST_MEASURED: usize = 700;
/// Photos that are worked on at a time, for each thread.
const PHOTOS_A_THREAD: usize = 2;

/// What becomes of a photo: an encoding or why there is none.
pub type Outcome = Result<FaceEncoding, Refusal>;

/// The outcomes of damaged photos.
#[derive(Debug, Clone, PartialEq)]
pub struct DamagedEncodings {
    /// The kinds of damage, and of each the outcomes of all photos, in their order.
    pub kinds: Vec<(Damage, Vec<Outcome>)>,
    /// How many photos could be damaged: those without a face cannot.
    pub photos: usize,
}

impl DamagedEncodings {
    /// Damages the photos at `places` of a data set and encodes them: each kind by the engine beside
    /// it. `engine` finds the faces that are damaged.
    ///
    /// `progress` counts photos.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) where `progress` says to stop,
    /// [`Io`](ErrorKind::Io) where a photo cannot be read, [`Runtime`](ErrorKind::Runtime) where a
    /// network fails.
    pub fn compute(
        engine: &Engine,
        kinds: &[(Damage, Engine)],
        dataset: &Dataset,
        places: &[usize],
        progress: &mut dyn Progress,
    ) -> Result<Self> {
        let mut outcomes: Vec<Vec<Outcome>> = kinds.iter().map(|_| Vec::with_capacity(places.len())).collect();
        let step = |done| Step::items("damaging photos", done, places.len());
        let mut done = 0;
        for group in places.chunks(PHOTOS_A_THREAD * engine.threads().max(1)) {
            if progress.report(step(done)).is_break() {
                let message = format!("interrupted after {done} of {} photos", places.len());
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
            let photos: Vec<Option<Vec<Outcome>>> =
                group.par_iter().map(|place| of_photo(engine, kinds, dataset, *place)).collect::<Result<_>>()?;
            for photo in photos.into_iter().flatten() {
                outcomes.iter_mut().zip(photo).for_each(|(kind, outcome)| kind.push(outcome));
            }
            done += group.len();
        }
        let _ = progress.report(step(done));
        let photos = outcomes.first().map_or(0, Vec::len);
        Ok(Self { kinds: kinds.iter().map(|(damage, _)| *damage).zip(outcomes).collect(), photos })
    }
}

/// One outcome for each kind; `None` where the photo itself gives no encoding.
fn of_photo(
    engine: &Engine,
    kinds: &[(Damage, Engine)],
    dataset: &Dataset,
    place: usize,
) -> Result<Option<Vec<Outcome>>> {
    let path = dataset.root.join(&dataset.photos[place]);
    let bytes = files::read(&path).map_err(|error| unreadable(&path, error))?;
    let Ok(picture) = engine.decode(&bytes) else { return Ok(None) };
    let Ok(found) = engine.encode_picture(&picture)? else { return Ok(None) };
    let subject = Subject::new(found.turned.apply(&picture).unwrap_or(picture), &found.face);
    let mut seed = [0; 8];
    seed.copy_from_slice(&Sha256::of(&bytes).as_bytes()[..8]);
    let seed = u64::from_le_bytes(seed);
    let encode = |(damage, engine): &(Damage, Engine)| {
        Ok(engine.encode_picture(&damage.apply(&subject, seed))?.map(|encoded| encoded.encoding))
    };
    kinds.iter().map(encode).collect::<Result<_>>().map(Some)
}

/// The first photo of each of at most [`MOST_PEOPLE`] people, spread evenly over the data set, in
/// two halves: one for learning from and one for measuring.
#[must_use]
pub fn halves(dataset: &Dataset) -> (Vec<usize>, Vec<usize>) {
    let chosen = spread(&first_photos(dataset), MOST_PEOPLE);
    let (even, odd): (Vec<_>, Vec<_>) = chosen.into_iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let places = |half: Vec<(usize, usize)>| half.into_iter().map(|(_, place)| place).collect();
    (places(even), places(odd))
}

/// The first photo of each of at most [`MOST_MEASURED`] people, spread evenly over the data set, none of them in
/// `left_out` (ascending places of first photos).
#[must_use]
pub fn measured(dataset: &Dataset, left_out: &[usize]) -> Vec<usize> {
    let mut first = first_photos(dataset);
    first.retain(|place| left_out.binary_search(place).is_err());
    spread(&first, MOST_MEASURED)
}

fn first_photos(dataset: &Dataset) -> Vec<usize> {
    let mut first: Vec<usize> = Vec::new();
    for (place, person) in dataset.people.iter().enumerate() {
        if *person as usize == first.len() {
            first.push(place);
        }
    }
    first
}

/// At most so many of `places`, as evenly spread as can be.
fn spread(places: &[usize], most: usize) -> Vec<usize> {
    let count = places.len().min(most);
    (0..count).map(|i| places[i * places.len() / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data set of people who have the same number of photos each.
    fn dataset(people: usize, photos: usize) -> Dataset {
        Dataset {
            name: "made up".into(),
            root: "".into(),
            list: None,
            photos: vec!["photo.jpg".into(); people * photos],
            people: (0..people * photos).map(|place| (place / photos) as u32).collect(),
            pairs: None,
            ignored: 0,
        }
    }

    /// How many different people the places are of.
    fn people(dataset: &Dataset, places: &[usize]) -> usize {
        let mut owners: Vec<u32> = places.iter().map(|place| dataset.people[*place]).collect();
        owners.sort_unstable();
        owners.dedup();
        owners.len()
    }

    #[test]
    fn halves_have_one_photo_of_a_person_and_nobody_twice() {
        for (count, photos, expected) in [(1, 3, (1, 0)), (5, 2, (3, 2)), (401, 1, (200, 200)), (1_468, 1, (200, 200))]
        {
            let dataset = dataset(count, photos);
            let (learning, measuring) = halves(&dataset);
            assert_eq!((learning.len(), measuring.len()), expected);
            let both = [learning, measuring].concat();
            assert_eq!(people(&dataset, &both), both.len());
        }
    }

    #[test]
    fn nobody_is_measured_who_was_learned_from() {
        for (count, photos, expected) in [(1, 3, 0), (5, 2, 2), (401, 1, 201), (1_468, 2, 700)] {
            let dataset = dataset(count, photos);
            let (learning, _) = halves(&dataset);
            let measured = measured(&dataset, &learning);
            assert_eq!(measured.len(), expected, "{count}");
            let both = [learning, measured].concat();
            assert_eq!(people(&dataset, &both), both.len());
        }
        assert_eq!(measured(&dataset(5, 2), &[]).len(), 5);
    }
}

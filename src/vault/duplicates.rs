//! Pairs of people in a vault who look like one.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::comparison::{Fmr, OperatingPoint, Similarity, Threshold};
use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::index::{Entry, Gallery, SearchOptions};
use crate::person::{CollectionId, ImageId, PersonId};
use crate::progress::{Progress, Step};
use crate::setters::setters;

use super::Vault;
use super::looked::comparisons_in;

/// Encodings that are searched for at a time.
const BATCH: usize = 64;

/// Which pairs are listed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DuplicatesOptions {
    /// Only pairs of members of any of these collections, by id or code; `None` for everybody.
    pub collections: Option<Vec<String>>,
    /// How sure it must be. An [`OperatingPoint::Fpir`] counts the people who are listed though
    /// nobody else in the vault is the same person.
    pub operating_point: OperatingPoint,
    /// The most pairs, the most similar ones: 1 to 100,000.
    pub max_pairs: usize,
}

setters!(DuplicatesOptions {
    collections: with_collections(impl Into<Option<Vec<String>>>),
    operating_point: with_operating_point(OperatingPoint),
    max_pairs: with_max_pairs(usize),
});

impl Default for DuplicatesOptions {
    /// Everybody, 1,000 pairs, one person in a hundred listed without reason (FPIR 0.01).
    fn default() -> Self {
        let operating_point = OperatingPoint::fpir(0.01).expect("a rate between 0 and 1");
        Self { collections: None, operating_point, max_pairs: 1_000 }
    }
}

/// Two people who look like one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DuplicatePair {
    /// Both, the smaller id first.
    pub people: [PersonId; 2],
    /// Their two most similar photos.
    pub images: [ImageId; 2],
    /// The similarity of these.
    pub similarity: Similarity,
    /// How often two different people are as similar as this; `None` for a model without a table.
    pub fmr: Option<Fmr>,
}

/// The pairs of a vault that look like one person.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Duplicates {
    /// The pairs, most similar first.
    pub pairs: Vec<DuplicatePair>,
    /// Whether there are more than were asked for.
    pub is_cut: bool,
    /// The threshold and what it follows from.
    pub threshold: Threshold,
    /// How many people were compared.
    pub people_searched: u64,
    /// How many people could not be compared, for want of an encoding by the model.
    pub people_without_encoding: u64,
    /// The generation of the vault that was searched.
    pub generation: u64,
}

impl Vault {
    /// The pairs of people who look like one person, by comparing all photos of all active people:
    /// exact, and of one committed state. `progress` counts the face encodings that were searched
    /// for, and may break it off.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for an unknown collection, a count out of range, or an
    /// operating point that the model's table cannot carry; [`Cancelled`](ErrorKind::Cancelled) where
    /// it was broken off.
    pub fn duplicates(&self, options: &DuplicatesOptions, progress: &mut dyn Progress) -> Result<Duplicates> {
        if !(1..=100_000).contains(&options.max_pairs) {
            return Err(Error::invalid("max_pairs", Rule::Range { min: 1.0, max: 1e5 }));
        }
        let collections = self.resolve(options.collections.as_deref())?;
        let model = self.searched_model()?;
        let searched = self.searched_by(&model)?;
        let gallery = &searched.gallery;
        let people_searched = gallery.count_people(collections.as_deref()) as u64;
        // A person is searched for with each of its own encodings as well.
        let compared = comparisons_in(gallery, comparisons_in(gallery, people_searched));
        let table = self.calibration()?;
        let threshold = options.operating_point.threshold(table, compared)?;
        let threshold = Threshold { people_searched, ..threshold };

        let floor = threshold.similarity.get();
        let mut found = Pairs { most: options.max_pairs, floor, pairs: HashMap::new(), is_cut: false };
        let mut entries = gallery.entries(collections.as_deref());
        let total = gallery.entries(collections.as_deref()).count();
        let mut done = 0;
        loop {
            let batch: Vec<Entry> = entries.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            done += batch.len();
            found.search(gallery, &batch, collections.as_deref())?;
            if progress.report(Step::items("comparing photos", done, total)).is_break() {
                return Err(Error::new(ErrorKind::Cancelled, "the search for duplicates was broken off"));
            }
        }
        drop(entries);
        let pairs = found.cut().into_iter().map(|(people, Likeness { similarity, images })| {
            let similarity = Similarity::new(similarity)?;
            let fmr = table.map(|table| table.fmr_at(similarity));
            Ok(DuplicatePair { people, images, similarity, fmr })
        });
        Ok(Duplicates {
            pairs: pairs.collect::<Result<_>>()?,
            is_cut: found.is_cut,
            threshold,
            people_searched,
            people_without_encoding: searched.without_encoding.len() as u64,
            generation: gallery.generation(),
        })
    }
}

/// The most similar pairs so far.
struct Pairs {
    most: usize,
    /// Pairs that are less similar than this are not wanted, or no longer.
    floor: f64,
    pairs: HashMap<[PersonId; 2], Likeness>,
    is_cut: bool,
}

/// The two most similar photos of a pair.
#[derive(Clone)]
struct Likeness {
    similarity: f64,
    images: [ImageId; 2],
}

impl Pairs {
    fn search(&mut self, gallery: &Gallery, batch: &[Entry], collections: Option<&[CollectionId]>) -> Result<()> {
        let collections = collections.map(<[_]>::to_vec);
        let options = SearchOptions { collections, max_results: usize::MAX, min_similarity: Some(self.floor) };
        let probes: Vec<FaceEncoding> = batch.iter().map(|entry| entry.encoding.clone()).collect();
        for (entry, matches) in batch.iter().zip(gallery.search_many(&probes, &options)?) {
            // Each pair comes up twice; it counts where the smaller id is searched for.
            for other in matches.into_iter().filter(|other| entry.person < other.person) {
                let found = Likeness { similarity: other.similarity, images: [entry.image.clone(), other.image] };
                match self.pairs.entry([entry.person.clone(), other.person]) {
                    Slot::Vacant(slot) => drop(slot.insert(found)),
                    Slot::Occupied(mut slot) if found.similarity > slot.get().similarity => drop(slot.insert(found)),
                    Slot::Occupied(_) => {}
                }
            }
        }
        if self.pairs.len() > 2 * self.most {
            self.cut();
        }
        Ok(())
    }

    /// The most similar pairs, best first; all others are forgotten. One that comes up again with
    /// more similar photos is noted anew.
    fn cut(&mut self) -> Vec<([PersonId; 2], Likeness)> {
        let mut pairs: Vec<_> = self.pairs.drain().collect();
        pairs.sort_unstable_by(|(a, x), (b, y)| y.similarity.total_cmp(&x.similarity).then_with(|| a.cmp(b)));
        self.is_cut |= pairs.len() > self.most;
        pairs.truncate(self.most);
        if let (true, Some((_, worst))) = (pairs.len() == self.most, pairs.last()) {
            self.floor = self.floor.max(worst.similarity);
        }
        self.pairs.extend(pairs.iter().cloned());
        pairs
    }
}

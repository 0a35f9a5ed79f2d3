//! What a search looks at: a gallery in this process's memory or, where a hub searches by itself, what it found.

use crate::encoding::FaceEncoding;
use crate::error::Result;
use crate::index::{Gallery, Match, SearchOptions};
use crate::person::{CollectionId, PersonKey};
use crate::store::{ModelInfo, Near};

use super::Vault;

/// Where a hub's encodings are compared with a probe. A vault's file is always searched in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchIn {
    /// In this process's memory, exactly: all encodings are read once, and then what changed. A million of
    /// 512 components takes 2.3 GB (docs/fleet.md). It is the fastest way to search often.
    #[default]
    Memory,
    /// In the hub: nothing is read beforehand, so it fits one search, and galleries larger than this machine's memory.
    /// Exactly, by a scan of several of PostgreSQL's processes, unless the hub has an index (`facevault hub index`), by
    /// which nearly all of the most similar people are found. Scores and thresholds are the same; in a large hub that
    /// changes, the number of people that a threshold follows from may be a moment old. Searches for duplicates are made
    /// in memory all the same.
    Hub,
}

/// What a search found, and among how many.
pub(super) struct Looked {
    pub(super) generation: u64,
    pub(super) people_searched: u64,
    /// The comparisons in which a stranger may be taken for somebody.
    pub(super) comparisons: u64,
    pub(super) without_encoding: u64,
    /// The most similar people for each probe, best first.
    pub(super) found: Vec<Vec<Match>>,
}

impl Vault {
    /// Searches for probes among the members of collections, or everybody.
    pub(super) fn look(
        &self,
        model: &ModelInfo,
        probes: &[FaceEncoding],
        collections: Option<Vec<CollectionId>>,
        max_results: usize,
    ) -> Result<Looked> {
        if let Some(near) = self.near(model, probes, collections.as_deref(), max_results)? {
            return self.compared(model, probes, near, max_results);
        }
        let searched = self.searched_by(model)?;
        let gallery = &searched.gallery;
        let people_searched = gallery.count_people(collections.as_deref()) as u64;
        let search = SearchOptions { collections, max_results, min_similarity: None };
        Ok(Looked {
            generation: gallery.generation(),
            people_searched,
            comparisons: comparisons_in(gallery, people_searched),
            without_encoding: searched.without_encoding.len() as u64,
            found: gallery.search_many(probes, &search)?,
        })
    }

    fn near(
        &self,
        model: &ModelInfo,
        probes: &[FaceEncoding],
        collections: Option<&[CollectionId]>,
        max_results: usize,
    ) -> Result<Option<Near>> {
        if self.search_in == SearchIn::Memory {
            return Ok(None);
        }
        // Probes of another model or dimension are refused before the hub is asked.
        let nobody = Gallery::builder(model.id, model.metric, model.dimension).finish(0)?;
        nobody.search_many(probes, &SearchOptions::default())?;
        self.store().near(&self.client, model, probes, collections, max_results)
    }

    /// Compares what a hub found near each probe, as a gallery compares.
    fn compared(&self, model: &ModelInfo, probes: &[FaceEncoding], near: Near, max_results: usize) -> Result<Looked> {
        if near.people == 0 && near.without_encoding > 0 {
            return Err(self.nobody_by(model, near.without_encoding)?);
        }
        let search = SearchOptions { max_results, ..SearchOptions::default() };
        let mut found = Vec::with_capacity(probes.len());
        for (probe, mut near) in probes.iter().zip(near.found) {
            let mut builder = Gallery::builder(model.id, model.metric, model.dimension);
            // A gallery takes the encodings of a person one after the other.
            near.sort_by(|(a, ..), (b, ..)| a.cmp(b));
            let (mut key, mut last) = (0, None);
            for (person, image, encoding) in &near {
                key += i64::from(last != Some(person));
                last = Some(person);
                builder.push(PersonKey::new(key), person, image, &[], encoding.vector())?;
            }
            found.push(builder.finish(0)?.search(probe, &search)?);
        }
        Ok(Looked {
            generation: near.generation,
            people_searched: near.people_searched,
            comparisons: comparisons(near.encodings, near.people, near.people_searched),
            without_encoding: near.without_encoding,
            found,
        })
    }
}

/// How many comparisons a search of `people` makes in a gallery.
pub(super) fn comparisons_in(gallery: &Gallery, people: u64) -> u64 {
    comparisons(gallery.len_encodings() as u64, gallery.len_people() as u64, people)
}

/// How many comparisons a search of `people` makes, in which a stranger may be taken for somebody: one an encoding, of
/// which a person has as many as all who can be found have on average.
fn comparisons(encodings: u64, all: u64, people: u64) -> u64 {
    let each = encodings as f64 / all.max(1) as f64;
    (people as f64 * each).ceil() as u64
}

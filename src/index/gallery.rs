//! The gallery as its users see it.

use std::fmt;
use std::sync::Arc;

use super::builder::GalleryBuilder;
use super::probe::Probe;
use super::snapshot::{Snapshot, Whereabouts};
use crate::{CollectionId, Error, ErrorKind, FaceEncoding, ImageId, Metric, ModelId, PersonId, Result};

/// All usable encodings of one client and one model, in memory: an immutable snapshot.
///
/// Cloning is cheap, and any number of threads may search one gallery. A change gives another
/// gallery that shares with this one what stayed ([`Gallery::with_changes`]). Searches run on the
/// current `rayon` pool.
#[derive(Clone)]
pub struct Gallery {
    pub(super) snapshot: Arc<Snapshot>,
}

/// What a search is for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    /// Only members of any of these collections; `None` for everybody, an empty list for nobody.
    pub collections: Option<Vec<CollectionId>>,
    /// The most people in the answer.
    pub max_results: usize,
    /// Only people with at least this similarity.
    pub min_similarity: Option<f64>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { collections: None, max_results: 1, min_similarity: None }
    }
}

/// A person with the encoding that is most similar to a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The person.
    pub person: PersonId,
    /// The image of the encoding; of equally similar ones the smaller id.
    pub image: ImageId,
    /// As [`similarity`](super::similarity) gives it.
    pub similarity: f64,
}

impl Gallery {
    /// A builder of a gallery for encodings of `dimension` components that `model` made.
    #[must_use]
    pub fn builder(model: ModelId, metric: Metric, dimension: usize) -> GalleryBuilder {
        GalleryBuilder::new(model, metric, dimension)
    }

    /// What made the encodings.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.snapshot.model
    }

    /// How encodings are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.snapshot.metric
    }

    /// Components of an encoding.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.snapshot.dimension
    }

    /// The generation of the vault that the gallery shows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.snapshot.generation
    }

    /// People who can be found.
    #[must_use]
    pub fn len_people(&self) -> usize {
        self.snapshot.people
    }

    /// Encodings of people who can be found.
    #[must_use]
    pub fn len_encodings(&self) -> usize {
        self.snapshot.encodings
    }

    /// Whether nobody can be found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshot.people == 0
    }

    /// Whether the person can be found.
    #[must_use]
    pub fn contains(&self, person: &PersonId) -> bool {
        self.snapshot.find(person).is_some()
    }

    /// How many people a search among members of any of these collections looks at; `None` for
    /// everybody.
    #[must_use]
    pub fn count_people(&self, collections: Option<&[CollectionId]>) -> usize {
        let snapshot = &*self.snapshot;
        let filter = snapshot.collections.filter(collections);
        let segments = snapshot.segments.iter().map(|s| s.members.scope(&filter).people(&s.members)).sum::<usize>();
        segments + snapshot.tail.count(&filter)
    }

    /// The people most similar to `probe`, each with the best of its encodings.
    ///
    /// The answer is that of comparing every encoding with [`similarity`](super::similarity):
    /// sorted by falling similarity, and for equal ones by rising id.
    ///
    /// # Errors
    /// [`ErrorKind::ModelMismatch`] where another model made the probe.
    pub fn search(&self, probe: &FaceEncoding, options: &SearchOptions) -> Result<Vec<Match>> {
        Ok(self.search_many(std::slice::from_ref(probe), options)?.pop().unwrap_or_default())
    }

    /// [`Gallery::search`] for several probes, such as the faces of one picture, which reads the
    /// gallery's memory once. An answer for each probe, in their order.
    ///
    /// # Errors
    /// [`ErrorKind::ModelMismatch`] where another model made one of the probes.
    pub fn search_many(&self, probes: &[FaceEncoding], options: &SearchOptions) -> Result<Vec<Vec<Match>>> {
        let snapshot = &*self.snapshot;
        probes.iter().try_for_each(|probe| snapshot.check(probe))?;
        if options.max_results == 0 {
            return Ok(vec![Vec::new(); probes.len()]);
        }
        let floor = options.min_similarity.unwrap_or(f64::NEG_INFINITY);
        let probes: Vec<_> = probes.iter().map(|probe| Probe::new(snapshot.metric, probe.vector(), floor)).collect();
        let filter = snapshot.collections.filter(options.collections.as_deref());
        let found = snapshot.search(&probes, &filter, options.max_results, floor);
        let matched = |find: &_| Match {
            person: snapshot.person(find),
            image: snapshot.image(find),
            similarity: find.similarity,
        };
        Ok(found.iter().map(|finds| finds.iter().map(matched).collect()).collect())
    }

    /// The person's encoding that is most similar to `probe`; `None` where the person cannot be
    /// found.
    ///
    /// # Errors
    /// [`ErrorKind::ModelMismatch`] where another model made the probe.
    pub fn best_of(&self, person: &PersonId, probe: &FaceEncoding) -> Result<Option<Match>> {
        let snapshot = &*self.snapshot;
        snapshot.check(probe)?;
        let probe = Probe::new(snapshot.metric, probe.vector(), f64::NEG_INFINITY);
        let better = |a: &(f64, ImageId), b: &(f64, ImageId)| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1));
        let best = match snapshot.find(person) {
            None => None,
            Some(Whereabouts::Tail(recent)) => {
                let similarities = recent.vectors().map(|vector| probe.similarity(vector));
                similarities.zip(recent.images.iter().cloned()).max_by(better)
            }
            Some(Whereabouts::Segment(segment, place)) => segment
                .rows_of(place.person)
                .map(|row| (probe.similarity(segment.vector(row)), segment.image_id(row)))
                .max_by(better),
        };
        Ok(best.map(|(similarity, image)| Match { person: person.clone(), image, similarity }))
    }

    /// The bytes of memory that the gallery takes, those included that it shares with others.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let snapshot = &*self.snapshot;
        size_of::<Snapshot>()
            + snapshot.segments.iter().map(|segment| segment.memory_bytes()).sum::<usize>()
            + snapshot.tail.memory_bytes()
            + snapshot.directory.memory_bytes()
            + snapshot.collections.memory_bytes()
    }
}

impl Snapshot {
    /// Whether an encoding can be compared with those of the gallery.
    pub(super) fn check(&self, encoding: &FaceEncoding) -> Result<()> {
        if encoding.model() != self.model {
            return Err(Error::new(
                ErrorKind::ModelMismatch,
                "the gallery's encodings were made by another model than this one",
            ));
        }
        if encoding.dimension() != self.dimension {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("an encoding of {} components is expected, found {}", self.dimension, encoding.dimension()),
            ));
        }
        Ok(())
    }
}

/// Shows model, generation and counts, never ids or vectors.
impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gallery")
            .field("model", &self.model())
            .field("metric", &self.metric())
            .field("dimension", &self.dimension())
            .field("generation", &self.generation())
            .field("people", &self.len_people())
            .field("encodings", &self.len_encodings())
            .finish_non_exhaustive()
    }
}

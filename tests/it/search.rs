//! A gallery gives the same answers as a comparison with every encoding, whatever it contains and
//! however it was built.

use std::collections::BTreeMap;

use facevault::index::{Change, Gallery, Match, SearchOptions, similarity};
use facevault::{CollectionId, ErrorKind, FaceEncoding, ImageId, Metric, ModelId, PersonId, PersonKey, Status};
use proptest::prelude::*;

const MODEL: ModelId = ModelId::from_bytes([7; 16]);

/// A person of the plain gallery: its collections and its encodings.
type Plain = (Vec<CollectionId>, Vec<(ImageId, FaceEncoding)>);

/// The key that a vault would have given to the person: in no order of the ids.
fn key(person: &PersonId) -> PersonKey {
    let hash = person
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    PersonKey::new((hash >> 1) as i64)
}

/// What a gallery is compared with: a map that is searched from end to end.
#[derive(Clone, Default)]
struct PlainGallery(BTreeMap<PersonId, Plain>);

impl PlainGallery {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Remove { key: gone } => self.0.retain(|person, _| key(person) != *gone),
            Change::Upsert { key: _, person, status, collections, encodings } => {
                if *status == Status::Active && !encodings.is_empty() {
                    self.0.insert(person.clone(), (collections.clone(), encodings.clone()));
                } else {
                    self.0.remove(person);
                }
            }
        }
    }

    fn admitted(&self, wanted: Option<&[CollectionId]>) -> impl Iterator<Item = (&PersonId, &Plain)> {
        let admits = move |plain: &Plain| wanted.is_none_or(|wanted| plain.0.iter().any(|c| wanted.contains(c)));
        self.0.iter().filter(move |(_, plain)| admits(plain))
    }

    fn search(&self, metric: Metric, probe: &FaceEncoding, options: &SearchOptions) -> Vec<Match> {
        let mut matches: Vec<Match> = self
            .admitted(options.collections.as_deref())
            .filter_map(|(person, (_, encodings))| best(metric, person, encodings, probe))
            .filter(|found| options.min_similarity.is_none_or(|min| found.similarity >= min))
            .collect();
        matches.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.person.cmp(&b.person)));
        matches.truncate(options.max_results);
        matches
    }

    fn encodings(&self) -> usize {
        self.0.values().map(|(_, encodings)| encodings.len()).sum()
    }
}

fn best(
    metric: Metric,
    person: &PersonId,
    encodings: &[(ImageId, FaceEncoding)],
    probe: &FaceEncoding,
) -> Option<Match> {
    let found = |(image, encoding): &(ImageId, FaceEncoding)| Match {
        person: person.clone(),
        image: image.clone(),
        similarity: similarity(metric, probe.vector(), encoding.vector()),
    };
    let better = |a: &Match, b: &Match| a.similarity.total_cmp(&b.similarity).then_with(|| b.image.cmp(&a.image));
    encodings.iter().map(found).max_by(better)
}

/// Seeded numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) % n
    }

    /// About normally distributed.
    fn bell(&mut self) -> f32 {
        (0..6).map(|_| (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0).sum::<f32>() / 1.4
    }

    fn person(&mut self) -> PersonId {
        let n = self.below(400);
        // Ids that facevault would make, and ids that it would not.
        let text = if n.is_multiple_of(3) { format!("person_{:032x}", u128::from(n) << 64) } else { format!("p{n}") };
        PersonId::new(text).expect("an id")
    }

    fn image(&mut self) -> ImageId {
        ImageId::new(format!("image_{:032x}", self.below(1000))).expect("an id")
    }

    fn collections(&mut self) -> Vec<CollectionId> {
        (0..self.below(3)).map(|_| collection(self.below(4))).collect()
    }

    /// A vector of some kind, ordinary or not.
    fn encoding(&mut self, dimension: usize, kind: u64) -> FaceEncoding {
        let mut vector: Vec<f32> = (0..dimension)
            .map(|i| match kind {
                0 => self.bell(),
                // Few different vectors: equal similarities are common.
                1 => self.below(3) as f32 - 1.0,
                // One direction with a little noise.
                2 => 1.0 + 1e-3 * self.bell(),
                // All far from the origin, as dlib's encodings are from their mean.
                3 => (i % 7) as f32 - 3.0 + 0.3 * self.bell(),
                // Nearly all zero.
                4 => {
                    if self.below(dimension as u64) < 2 {
                        self.bell()
                    } else {
                        0.0
                    }
                }
                5 => {
                    if self.below(2) == 0 {
                        1.0
                    } else {
                        -1.0
                    }
                }
                6 => self.bell() * 1e18,
                7 => self.bell() * 1e-30,
                8 => self.bell() * 10f32.powi(self.below(70) as i32 - 35),
                9 => f32::MAX * if self.below(2) == 0 { 1.0 } else { -1.0 },
                // Below the normal range.
                _ => f32::from_bits(self.below(40) as u32),
            })
            .collect();
        if vector.iter().all(|v| *v == 0.0) {
            vector[0] = f32::MIN_POSITIVE;
        }
        FaceEncoding::new(MODEL, vector).expect("finite and not zero")
    }

    fn upsert(&mut self, dimension: usize, kinds: &[u64]) -> Change {
        let kind = kinds[self.below(kinds.len() as u64) as usize];
        let encodings = (0..self.below(4)).map(|_| (self.image(), self.encoding(dimension, kind))).collect();
        let status = if self.below(8) == 0 { Status::Inactive } else { Status::Active };
        let person = self.person();
        Change::Upsert { key: key(&person), person, status, collections: self.collections(), encodings }
    }
}

fn collection(n: u64) -> CollectionId {
    CollectionId::new(format!("collection{n}")).expect("an id")
}

/// A gallery built from scratch out of what the plain one has.
fn built(metric: Metric, dimension: usize, plain: &PlainGallery, generation: u64) -> Gallery {
    let mut builder = Gallery::builder(MODEL, metric, dimension);
    for (person, (collections, encodings)) in &plain.0 {
        for (image, encoding) in encodings {
            builder
                .push(key(person), person, image, collections, encoding.vector())
                .expect("an encoding of the gallery's kind");
        }
    }
    builder.finish(generation).expect("people one after the other")
}

/// Asserts that the gallery answers as the plain one does.
fn assert_equal(gallery: &Gallery, plain: &PlainGallery, random: &mut Random, kinds: &[u64]) {
    let (metric, dimension) = (gallery.metric(), gallery.dimension());
    assert_eq!(gallery.len_people(), plain.0.len());
    assert_eq!(gallery.len_encodings(), plain.encodings());
    assert_eq!(gallery.is_empty(), plain.0.is_empty());
    let wanted =
        [None, Some(vec![]), Some(vec![collection(0)]), Some(vec![collection(3), collection(1), collection(9)])];
    for collections in &wanted {
        let people = plain.admitted(collections.as_deref()).count();
        assert_eq!(gallery.count_people(collections.as_deref()), people);
    }
    let mut probes: Vec<FaceEncoding> = kinds.iter().map(|kind| random.encoding(dimension, *kind)).collect();
    // And one that is in the gallery.
    probes.extend(plain.0.values().nth(plain.0.len() / 2).map(|(_, encodings)| encodings[0].1.clone()));
    for collections in wanted {
        for max_results in [1, 3, 100] {
            let all = SearchOptions { collections: collections.clone(), max_results, min_similarity: None };
            let answers = gallery.search_many(&probes, &all).expect("probes of the gallery's model");
            for (probe, answer) in probes.iter().zip(&answers) {
                assert_eq!(answer, &plain.search(metric, probe, &all), "{all:?}");
                // Exactly what the second one has: it belongs to the answer.
                let min_similarity = answer.get(1).map_or(Some(0.25), |second| Some(second.similarity));
                let some = SearchOptions { min_similarity, ..all.clone() };
                let answer = gallery.search(probe, &some).expect("a probe of the gallery's model");
                assert_eq!(answer, plain.search(metric, probe, &some), "{some:?}");
            }
        }
    }
    for person in (0..20).map(|_| random.person()) {
        let expected = plain.0.get(&person).and_then(|(_, encodings)| best(metric, &person, encodings, &probes[0]));
        assert_eq!(gallery.best_of(&person, &probes[0]).expect("a probe of the gallery's model"), expected);
        assert_eq!(gallery.contains(&person), plain.0.contains_key(&person));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn answers_are_those_of_comparing_everything(
        seed: u64,
        euclidean: bool,
        dimension in prop::sample::select(vec![1usize, 2, 5, 16, 67, 128, 256, 300]),
        kinds in proptest::collection::vec(0u64..11, 1..4),
        batches in proptest::collection::vec((0usize..250, 0u8..4), 1..4),
    ) {
        let metric = if euclidean { Metric::Euclidean } else { Metric::Cosine };
        let mut random = Random::new(seed);
        let mut plain = PlainGallery::default();
        for _ in 0..random.below(400) {
            plain.apply(&random.upsert(dimension, &kinds));
        }
        let mut gallery = built(metric, dimension, &plain, 1);
        assert_equal(&gallery, &plain, &mut random, &kinds);
        for (generation, (size, then)) in (2..).zip(batches) {
            let change = |_| if random.below(4) == 0 {
                Change::Remove { key: key(&random.person()) }
            } else {
                random.upsert(dimension, &kinds)
            };
            let changes: Vec<Change> = (0..size).map(change).collect();
            changes.iter().for_each(|change| plain.apply(change));
            gallery = gallery.with_changes(&changes, generation).expect("encodings of the gallery's model");
            if then == 0 {
                gallery = gallery.compacted();
            }
            prop_assert_eq!(gallery.generation(), generation);
            assert_equal(&gallery, &plain, &mut random, &kinds);
        }
    }
}

/// People with one encoding of `kind` each, every tenth in collection 0 and every second in 1.
fn crowd(people: usize, dimension: usize, kind: u64, seed: u64) -> PlainGallery {
    let mut random = Random::new(seed);
    let person = |n: usize| {
        let mut collections = vec![];
        if n.is_multiple_of(10) {
            collections.push(collection(0));
        }
        if n.is_multiple_of(2) {
            collections.push(collection(1));
        }
        let id = PersonId::new(format!("person_{n:032x}")).expect("an id");
        (id, (collections, vec![(random.image(), random.encoding(dimension, kind))]))
    };
    PlainGallery((0..people).map(person).collect())
}

#[test]
fn galleries_of_several_segments_answer_alike_on_one_core_and_on_many() {
    for (metric, dimension, people, kind) in
        [(Metric::Euclidean, 128, 40_000, 3), (Metric::Cosine, 128, 20_000, 0), (Metric::Cosine, 256, 18_000, 0)]
    {
        let plain = crowd(people, dimension, kind, 5);
        let gallery = built(metric, dimension, &plain, 1);
        let mut random = Random::new(6);
        let pools =
            [1, 3].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads"));
        for collections in [None, Some(vec![collection(0)]), Some(vec![collection(1)])] {
            for max_results in [1, 10] {
                let options = SearchOptions { collections: collections.clone(), max_results, min_similarity: None };
                let probe = random.encoding(dimension, kind);
                let expected = plain.search(metric, &probe, &options);
                for pool in &pools {
                    let found =
                        pool.install(|| gallery.search(&probe, &options)).expect("a probe of the gallery's model");
                    assert_eq!(found, expected, "{options:?}");
                }
            }
        }
    }
}

#[test]
fn equal_people_come_in_the_order_of_their_ids() {
    let vector = vec![0.5f32; 32];
    let mut builder = Gallery::builder(MODEL, Metric::Cosine, 32);
    let image = |n: u32| ImageId::new(format!("i{n}")).expect("an id");
    for n in (0..600).rev() {
        let person = PersonId::new(format!("p{n:03}")).expect("an id");
        builder.push(key(&person), &person, &image(9), &[], &vector).expect("an encoding");
        builder.push(key(&person), &person, &image(3), &[], &vector).expect("an encoding");
    }
    let gallery = builder.finish(1).expect("people one after the other");
    let probe = FaceEncoding::new(MODEL, vector).expect("an encoding");
    let found =
        gallery.search(&probe, &SearchOptions { max_results: 4, ..SearchOptions::default() }).expect("one model");
    let shown: Vec<_> = found.iter().map(|m| (m.person.as_str(), m.image.as_str(), m.similarity)).collect();
    assert_eq!(shown, [("p000", "i3", 1.0), ("p001", "i3", 1.0), ("p002", "i3", 1.0), ("p003", "i3", 1.0)]);
}

#[test]
fn a_snapshot_answers_the_same_while_others_change_it() {
    let plain = crowd(3_000, 64, 0, 11);
    let gallery = built(Metric::Cosine, 64, &plain, 1);
    let probe = Random::new(12).encoding(64, 0);
    let options = SearchOptions { max_results: 5, ..SearchOptions::default() };
    let before = plain.search(Metric::Cosine, &probe, &options);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(gallery.search(&probe, &options).expect("one model"), before);
                }
            });
        }
        let mut next = gallery.clone();
        for generation in 2..300 {
            let best = next.search(&probe, &SearchOptions::default()).expect("one model").remove(0);
            // The best one goes, and comes back as somebody else a little further away.
            let person = PersonId::new(format!("new{generation}")).expect("an id");
            let vector: Vec<f32> = probe.vector().iter().enumerate().map(|(i, v)| v + 1.5 * (i % 3) as f32).collect();
            let encodings = vec![(best.image.clone(), FaceEncoding::new(MODEL, vector).expect("an encoding"))];
            let upsert = Change::Upsert {
                key: key(&person),
                person: person.clone(),
                status: Status::Active,
                collections: vec![],
                encodings,
            };
            next =
                next.with_changes(&[Change::Remove { key: key(&best.person) }, upsert], generation).expect("one model");
            assert!(next.contains(&person) && !next.contains(&best.person));
            if generation == 150 {
                next = next.compacted();
            }
        }
        assert_eq!(next.len_people(), gallery.len_people());
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_gallery_that_changes_have_left_untidy_is_put_in_order() {
    let plain = crowd(40_000, 8, 0, 21);
    let mut gallery = built(Metric::Cosine, 8, &plain, 1);
    assert!(!gallery.wants_compaction());
    let gone: Vec<PersonId> = plain.0.keys().take(30_000).cloned().collect();
    let removals: Vec<Change> = gone.iter().map(|person| Change::Remove { key: key(person) }).collect();
    gallery = gallery.with_changes(&removals, 2).expect("one model");
    assert!(gallery.wants_compaction());
    let compacted = gallery.compacted();
    assert!(!compacted.wants_compaction());
    assert!(compacted.memory_bytes() < gallery.memory_bytes() / 2);
    let mut left = plain;
    gone.iter().for_each(|person| drop(left.0.remove(person)));
    for gallery in [gallery, compacted] {
        assert_equal(&gallery, &left, &mut Random::new(22), &[0]);
    }
}

#[test]
fn encodings_of_another_model_are_an_error() {
    let gallery = Gallery::builder(MODEL, Metric::Cosine, 2).finish(0).expect("an empty gallery");
    let of = |model: u8, vector: &[f32]| FaceEncoding::new(ModelId::from_bytes([model; 16]), vector).expect("finite");
    let person = PersonId::new("p").expect("an id");
    for (probe, kind) in [(of(8, &[1.0, 0.0]), ErrorKind::ModelMismatch), (of(7, &[1.0, 0.0, 0.0]), ErrorKind::Invalid)]
    {
        let errors = [
            gallery.search(&probe, &SearchOptions::default()).map(drop),
            gallery.best_of(&person, &probe).map(drop),
            gallery
                .with_changes(
                    &[Change::Upsert {
                        key: PersonKey::new(1),
                        person: person.clone(),
                        status: Status::Active,
                        collections: vec![],
                        encodings: vec![(ImageId::new("i").expect("an id"), probe.clone())],
                    }],
                    1,
                )
                .map(drop),
        ];
        for error in errors {
            assert_eq!(error.map_err(|error| error.kind()), Err(kind));
        }
    }
}

#[test]
fn what_is_no_encoding_is_refused_and_so_is_a_person_who_comes_twice() {
    let mut builder = Gallery::builder(MODEL, Metric::Cosine, 2);
    let [a, b] = ["a", "b"].map(|id| PersonId::new(id).expect("an id"));
    let image = ImageId::new("i").expect("an id");
    for vector in [&[1.0][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0]] {
        assert_eq!(builder.push(key(&a), &a, &image, &[], vector).map_err(|e| e.kind()), Err(ErrorKind::Invalid));
    }
    for person in [&a, &b, &a] {
        builder.push(key(person), person, &image, &[], &[1.0, 2.0]).expect("an encoding");
    }
    assert_eq!(builder.finish(1).map(drop).map_err(|e| e.kind()), Err(ErrorKind::Invalid));
}

//! Random requests, by numbers that stand for persons, photos and collections.

use std::collections::BTreeMap;

use facevault::store::{PreparedImage, PreparedImages};
use facevault::{DateOfBirth, FaceEncoding, Gender, ImageBytes, Patch, Status};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::model::{OF_OTHER_MODEL, WITHOUT_ENCODING};
use super::super::{LIMITS, MODEL, OTHER_MODEL, encoding, without_encodings};

/// A request whose persons, photos and collections are numbers that are resolved when it is made.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Insert {
        client: u8,
        id: Option<u8>,
        fields: Box<Fields>,
        photos: Vec<u8>,
        given: Vec<u8>,
    },
    Update {
        client: u8,
        person: u8,
        fields: Box<Fields>,
        images: Images,
        version: Version,
    },
    Remove {
        client: u8,
        person: u8,
        version: Version,
    },
    InsertCollection {
        client: u8,
        id: Option<u8>,
        name: String,
        description: Patch<String>,
    },
    UpdateCollection {
        client: u8,
        which: u8,
        name: Option<String>,
        description: Patch<String>,
        people: Option<Vec<u8>>,
    },
    RemoveCollection {
        client: u8,
        which: u8,
    },
    CatchUp,
}

#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) name: Option<String>,
    pub(super) gender: Patch<Gender>,
    pub(super) date_of_birth: Patch<DateOfBirth>,
    pub(super) nationality: Patch<String>,
    pub(super) collections: Option<Vec<u8>>,
    pub(super) notes: Patch<String>,
    pub(super) attributes: Patch<BTreeMap<String, Option<String>>>,
    pub(super) status: Option<Status>,
    pub(super) expires_at: Patch<jiff::Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) enum Images {
    Keep,
    Replace(Vec<u8>),
    Edit(Vec<u8>, Vec<u8>),
    Add(Vec<u8>),
    ReplaceWith(Vec<u8>),
    Clear,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Version {
    Any,
    Current,
    Wrong,
}

fn patch<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Patch<T>> {
    prop_oneof![5 => Just(Patch::Keep), 1 => Just(Patch::Clear), 4 => value.prop_map(Patch::Set)]
}

fn option<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![6 => Just(None), 4 => value.prop_map(Some)]
}

fn names() -> impl Strategy<Value = String> {
    let good = select(vec!["Ada", " Bob ", "王小明", "\u{202e}נועם", "a\0b", "Zoë \u{1f600}", "STRASSE", "Straße"]);
    prop_oneof![9 => good.prop_map(String::from), 1 => select(vec![String::new(), " \t".into(), "x".repeat(101)])]
}

fn texts() -> impl Strategy<Value = String> {
    let good = select(vec!["x", "", "two\nlines", "n\0ul", "  ", "ελ"]);
    prop_oneof![12 => good.prop_map(String::from), 1 => Just("n".repeat(4_001))]
}

/// Changes of attributes, now and then with a key that is none.
fn attributes() -> impl Strategy<Value = BTreeMap<String, Option<String>>> {
    let key = prop_oneof![20 => select(vec!["a", "b", "c.d-e_9"]), 1 => Just("A")];
    let value = proptest::option::weighted(0.7, select(vec!["", "1", "2", "ελ\0"]));
    proptest::collection::btree_map(key.prop_map(String::from), value.prop_map(|value| value.map(String::from)), 0..3)
}

fn fields() -> impl Strategy<Value = Box<Fields>> {
    let dates = select(vec![(1990, 1, 15), (1, 1, 1), (2000, 2, 29)]);
    let instant = |micros| jiff::Timestamp::from_microsecond(micros).expect("a time");
    let instants = vec![instant(0), instant(-1), instant(4_102_444_800_123_456)];
    (
        option(names()),
        patch(select(vec![Gender::Male, Gender::Female])),
        patch(dates.prop_map(|(year, month, day)| DateOfBirth::new(year, month, day).expect("a date"))),
        patch(names()),
        option(proptest::collection::vec(any::<u8>(), 0..4)),
        patch(texts()),
        patch(attributes()),
        (option(select(vec![Status::Active, Status::Inactive])), patch(select(instants))),
    )
        .prop_map(
            |(name, gender, date_of_birth, nationality, collections, notes, attributes, (status, expires_at))| {
                Box::new(Fields {
                    name,
                    gender,
                    date_of_birth,
                    nationality,
                    collections,
                    notes,
                    attributes,
                    status,
                    expires_at,
                })
            },
        )
}

/// Numbers of photos: often the same ones, now and then one without or with a wrong encoding.
fn photos(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![12 => 0..5u8, 1 => Just(WITHOUT_ENCODING), 1 => Just(OF_OTHER_MODEL), 1 => Just(255)];
    proptest::collection::vec(one, 0..=most)
}

/// Numbers of encodings that come without a photo, now and then one of another model or without a length.
fn given(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![12 => 0..5u8, 1 => Just(OF_OTHER_MODEL), 1 => Just(255)];
    prop_oneof![2 => Just(Vec::new()), 1 => proptest::collection::vec(one, 0..=most)]
}

pub(super) fn ops() -> impl Strategy<Value = Op> {
    let client = || prop_oneof![6 => Just(0u8), 3 => Just(1), 1 => Just(2)];
    let version = || select(vec![Version::Any, Version::Any, Version::Current, Version::Wrong]);
    let images = prop_oneof![
        3 => Just(Images::Keep),
        3 => photos(5).prop_map(Images::Replace),
        2 => (proptest::collection::vec(any::<u8>(), 0..3), photos(3)).prop_map(|(remove, add)| Images::Edit(remove, add)),
        1 => given(3).prop_map(Images::Add),
        1 => given(5).prop_map(Images::ReplaceWith),
        1 => Just(Images::Clear),
    ];
    let people = proptest::collection::vec(any::<u8>(), 0..5);
    prop_oneof![
        6 => (client(), proptest::option::of(0..6u8), fields(), photos(4), given(2))
            .prop_map(|(client, id, fields, photos, given)| Op::Insert { client, id, fields, photos, given }),
        16 => (client(), any::<u8>(), fields(), images, version())
            .prop_map(|(client, person, fields, images, version)| Op::Update { client, person, fields, images, version }),
        2 => (client(), any::<u8>(), version())
            .prop_map(|(client, person, version)| Op::Remove { client, person, version }),
        2 => (client(), proptest::option::of(0..3u8), names(), patch(texts()))
            .prop_map(|(client, id, name, description)| Op::InsertCollection { client, id, name, description }),
        2 => (client(), any::<u8>(), option(names()), patch(texts()), option(people))
            .prop_map(|(client, which, name, description, people)|
                Op::UpdateCollection { client, which, name, description, people }),
        1 => (client(), any::<u8>()).prop_map(|(client, which)| Op::RemoveCollection { client, which }),
        2 => Just(Op::CatchUp),
    ]
}

/// The bytes of a photo by number; 255 is one that is too large.
pub(super) fn photo(number: u8) -> ImageBytes {
    match number {
        255 => vec![255; LIMITS.max_image_bytes as usize + 1].into(),
        _ => vec![number; 3 + usize::from(number) * 3_000].into(),
    }
}

/// An encoding by number; 255 is one that is too long to be compared.
fn given_encoding(number: u8) -> FaceEncoding {
    match number {
        255 => FaceEncoding::new(MODEL, vec![1e30, 0.0, 0.0, 0.0]).expect("finite"),
        OF_OTHER_MODEL => encoding(OTHER_MODEL, &[number]),
        _ => encoding(MODEL, &[number]),
    }
}

pub(super) fn given_encodings(numbers: &[u8]) -> Vec<FaceEncoding> {
    numbers.iter().map(|number| given_encoding(*number)).collect()
}

pub(super) fn prepared(photos: &[ImageBytes], given: &[FaceEncoding]) -> PreparedImages {
    let mut prepared = without_encodings(photos);
    for (image, bytes) in prepared.images.iter_mut().zip(photos) {
        image.encoding = match bytes[0] {
            WITHOUT_ENCODING => None,
            OF_OTHER_MODEL => Some(encoding(OTHER_MODEL, bytes)),
            _ => Some(encoding(MODEL, bytes)),
        };
    }
    prepared.images.extend(given.iter().map(PreparedImage::given));
    prepared
}

/// The attributes that are named with a value.
pub(super) fn named(attributes: &Patch<BTreeMap<String, Option<String>>>) -> BTreeMap<String, String> {
    let all = attributes.clone().set().into_iter().flatten();
    all.filter_map(|(key, value)| Some((key, value?))).collect()
}

//! The shapes of what is sent and answered, for the description of the service.
//!
//! What the routes of `request` read is described there, on the types themselves. Persons and
//! collections are read and written by `wire`, field by field; a test keeps these in step with it.

#![allow(dead_code, reason = "these describe, nobody makes one")]

use utoipa::ToSchema;

/// `M` or `F`.
#[derive(ToSchema)]
pub(super) enum Gender {
    M,
    F,
}

/// Whether a person is searched.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Status {
    Active,
    Inactive,
}

/// A status by which persons are listed; nobody is `pending`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum StatusFilter {
    Active,
    Inactive,
    Pending,
}

/// What is answered in whole instead of by id.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Populated {
    Collections,
    Client,
}

/// A date, answered in this form.
#[derive(serde::Serialize, ToSchema)]
pub(super) struct DateParts {
    #[schema(minimum = 1, maximum = 9999)]
    year: u16,
    #[schema(minimum = 1, maximum = 12)]
    month: u8,
    #[schema(minimum = 1, maximum = 31)]
    day: u8,
}

/// A date that is not in the future: `1990-01-15`, a date-time of which the date is taken, or
/// `{"year", "month", "day"}`.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum AnyDate {
    Text(String),
    Parts(DateParts),
}

/// A person to be created.
#[derive(ToSchema)]
pub(super) struct NewPerson {
    /// An id of the caller's own instead of a new one.
    #[schema(rename = "_id", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$", nullable = false)]
    id: Option<String>,
    /// The full name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Photos in base64; each must show one main face.
    #[schema(min_items = 1, max_items = 3)]
    images: Vec<String>,
    gender: Option<Gender>,
    date_of_birth: Option<AnyDate>,
    #[schema(min_length = 1, max_length = 100)]
    nationality: Option<String>,
    /// `_id` or `code` of collections.
    #[schema(max_items = 1000, nullable = false)]
    collections: Option<Vec<String>>,
    #[schema(max_length = 4000)]
    notes: Option<String>,
    #[schema(nullable = false)]
    status: Option<Status>,
}

/// A partial update of a person: what is absent stays, null clears.
#[derive(ToSchema)]
pub(super) struct PersonUpdate {
    /// The full name.
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    /// Photos in base64, replacing all that the person has.
    #[schema(min_items = 1, max_items = 10, nullable = false)]
    images: Option<Vec<String>>,
    gender: Option<Gender>,
    date_of_birth: Option<AnyDate>,
    #[schema(min_length = 1, max_length = 100)]
    nationality: Option<String>,
    /// `_id` or `code` of all the person's collections.
    #[schema(max_items = 1000, nullable = false)]
    collections: Option<Vec<String>>,
    #[schema(max_length = 4000)]
    notes: Option<String>,
    #[schema(nullable = false)]
    status: Option<Status>,
}

/// A person.
#[derive(ToSchema)]
pub(super) struct Person {
    #[schema(rename = "_id")]
    id: String,
    name: String,
    #[schema(required = true)]
    gender: Option<Gender>,
    #[schema(required = true)]
    date_of_birth: Option<DateParts>,
    #[schema(required = true)]
    nationality: Option<String>,
    /// Photos in base64, as they were handed in.
    images: Vec<String>,
    /// Ids of the person's collections.
    collections: Vec<String>,
    #[schema(required = true)]
    notes: Option<String>,
    client: String,
    status: Status,
    /// Face encodings in the order of the photos: little-endian `f32` in base64; null while a change
    /// of model has not reached a photo.
    #[schema(rename = "faceEncodings")]
    face_encodings: Vec<Option<String>>,
    #[schema(rename = "createdAt", format = DateTime)]
    created_at: String,
    #[schema(rename = "updatedAt", format = DateTime)]
    updated_at: String,
}

/// A person of a list, without photos and encodings.
#[derive(ToSchema)]
pub(super) struct PersonItem {
    #[schema(rename = "_id")]
    id: String,
    name: String,
    #[schema(required = true)]
    gender: Option<Gender>,
    #[schema(required = true)]
    date_of_birth: Option<DateParts>,
    #[schema(required = true)]
    nationality: Option<String>,
    /// How many photos the person has.
    image_count: u64,
    /// Ids, or whole collections where they are populated.
    collections: Vec<IdOrCollection>,
    #[schema(required = true)]
    notes: Option<String>,
    client: IdOrClient,
    status: Status,
    #[schema(rename = "createdAt", format = DateTime)]
    created_at: String,
    #[schema(rename = "updatedAt", format = DateTime)]
    updated_at: String,
}

/// A collection's id, or all of it.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum IdOrCollection {
    Id(String),
    Whole(Collection),
}

/// A client's id, or an object with it.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum IdOrClient {
    Id(String),
    Whole(Client),
}

/// A client: the tenant to whom persons belong.
#[derive(serde::Serialize, ToSchema)]
pub(super) struct Client {
    #[schema(rename = "_id")]
    id: String,
}

/// What became of a person.
#[derive(ToSchema)]
pub(super) struct Removal {
    #[schema(rename = "_id")]
    id: String,
    /// Whether the person is gone.
    deleted: bool,
    /// The collections that the person is still in.
    collections: Vec<String>,
}

/// A collection to be created.
#[derive(ToSchema)]
pub(super) struct NewCollection {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(max_length = 4000)]
    description: Option<String>,
}

/// A change of a collection.
#[derive(ToSchema)]
pub(super) struct CollectionUpdate {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(max_length = 4000)]
    description: Option<String>,
    /// All its persons.
    #[schema(max_items = 10000, nullable = false)]
    people: Option<Vec<Member>>,
}

/// A person by id.
#[derive(ToSchema)]
pub(super) struct Member {
    #[schema(rename = "_id", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    id: String,
}

/// A collection.
#[derive(serde::Serialize, ToSchema)]
pub(super) struct Collection {
    #[schema(rename = "_id")]
    id: String,
    /// A UUID; accepted wherever the id is.
    #[schema(min_length = 36, max_length = 36)]
    code: String,
    name: String,
    #[schema(required = true)]
    description: Option<String>,
    #[schema(rename = "createdAt", format = DateTime)]
    created_at: String,
    #[schema(rename = "updatedAt", format = DateTime)]
    updated_at: String,
}

/// A collection that is gone.
#[derive(ToSchema)]
pub(super) struct RemovedCollection {
    #[schema(rename = "_id")]
    id: String,
    deleted: bool,
}

/// A small picture.
#[derive(ToSchema)]
pub(super) struct Thumbnail {
    /// The photo's id.
    id: String,
    /// JPEG in base64, at most 160 pixels a side.
    thumbnail: String,
}

/// Somebody whom the photos may show.
#[derive(ToSchema)]
pub(super) struct SearchResult {
    /// The person's id.
    id: String,
    name: String,
    /// 0 to 1; 0.85 stands for a false match rate of 1 in 1,000.
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
    /// The photo that is most similar.
    thumbnails: Vec<Thumbnail>,
}

/// Somebody whom the photo may show.
#[derive(ToSchema)]
pub(super) struct ActiveUser {
    /// The person's id.
    id: String,
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
}

/// The answer to "is this that person?".
#[derive(ToSchema)]
pub(super) struct Verified {
    #[schema(rename = "match", required = true)]
    matched: Option<Match>,
}

/// The person whom the photos show.
#[derive(ToSchema)]
pub(super) struct Match {
    id: String,
    name: String,
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
    #[schema(required = true)]
    gender: Option<Gender>,
    #[schema(required = true)]
    date_of_birth: Option<DateParts>,
    thumbnails: Vec<Thumbnail>,
    collections: Vec<String>,
}

/// How alike two sets of photos are.
#[derive(ToSchema)]
pub(super) struct Compared {
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
    /// Whether the score exceeds the minimum.
    passed: bool,
}

/// A face of a photo.
#[derive(ToSchema)]
pub(super) struct DetectedFace {
    #[schema(rename = "box")]
    bounds: FaceBox,
    #[schema(nullable = false)]
    landmarks: Option<Landmarks>,
    /// The face and a little around it: JPEG in base64.
    thumbnail: String,
    /// The detector's own score.
    #[schema(minimum = 0.0, maximum = 1.0)]
    detection_score: f64,
    /// Empty: nobody enrolled is looked at.
    persons: Vec<String>,
    /// By how many degrees, clockwise, the photo was turned to be upright: 0, 90, 180 or 270.
    turned: u16,
    /// What was measured: size and distance of the eyes in pixels, pose in degrees, light, sharpness.
    #[schema(nullable = false)]
    attributes: Option<Object>,
}

/// Sides in pixels of the upright photo; they may lie outside of it.
#[derive(ToSchema)]
pub(super) struct FaceBox {
    top: f32,
    left: f32,
    right: f32,
    bottom: f32,
}

/// Points as `[x, y]`; not every detector finds the mouth.
#[derive(ToSchema)]
pub(super) struct Landmarks {
    left_eye: Vec<f32>,
    right_eye: Vec<f32>,
    nose: Vec<f32>,
    #[schema(nullable = false)]
    left_mouth: Option<Vec<f32>>,
    #[schema(nullable = false)]
    right_mouth: Option<Vec<f32>>,
}

/// What is loaded.
#[derive(ToSchema)]
pub(super) struct Models {
    /// The pack, its licence and its model; null where the server runs without models.
    #[schema(required = true)]
    pack: Option<Object>,
    /// What runs the networks.
    #[schema(required = true)]
    runtime: Option<Object>,
    /// What scores mean: the anchor, and the similarities at which the scale bends; or why there
    /// are no scores.
    scores: Object,
    /// Whether routes with a liveness check work.
    liveness: bool,
}

/// An object without a fixed shape.
#[derive(ToSchema)]
#[schema(value_type = Object)]
pub(super) struct Object(serde_json::Value);

/// The server answers.
#[derive(ToSchema)]
pub(super) struct Health {
    status: String,
}

/// What went wrong.
#[derive(ToSchema)]
pub(super) struct Error {
    /// For people.
    error: String,
    /// For programs: a word, or the first broken rule with the field in quotes.
    message: String,
    #[schema(nullable = false)]
    code: Option<String>,
    /// Every broken rule, 100 at most; then one that says how many more.
    #[schema(nullable = false)]
    details: Option<Vec<BrokenRule>>,
    /// The outcome of every photo: `code` says why it was refused, `reason` says so in the words of
    /// `message`.
    #[schema(nullable = false)]
    images: Option<Vec<Object>>,
    /// The person who is there already.
    #[schema(nullable = false)]
    data: Option<Person>,
}

/// A rule that a field breaks.
#[derive(ToSchema)]
pub(super) struct BrokenRule {
    field: String,
    message: String,
}

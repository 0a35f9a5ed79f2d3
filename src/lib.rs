//! facevault

// -- vocabulary: plain data, no I/O
mod comparison;
mod encoding;
mod error;
pub mod geometry;
mod mmod_scan;
mod patch;
mod person;
mod shape_model;
mod spec;
mod validate;

// -- the machine room: siblings that never import each other
pub mod index;
pub mod models;
pub mod statistics;
pub mod store;
pub mod vision;

// -- from photos to encodings, the verbs, and their JSON shapes
mod engine;
pub mod evaluation;
mod vault;
pub mod wire;

pub use comparison::{
    Basis, CalibrationPoint, CalibrationTable, Decision, Fmr, Fpir, MeasuredOn, OperatingPoint, Similarity, Threshold,
};
pub use encoding::{FaceEncoding, ModelId};
pub use engine::{CompareOptions, Detection, EncodedFace, Engine, EngineOptions, PackSource, PhotoRules, Timing};
pub use error::{Error, ErrorKind, ImageReport, Refusal, RefusalCode, Result, Rule, Violation};
pub use mmod_scan::{MmodScan, Spread};
pub use patch::Patch;
pub use person::{
    ClientId, Collection, CollectionId, CollectionUpdate, DateOfBirth, Gender, ImageBytes, ImageId, ImagesUpdate,
    Limits, MAX_NAME, MAX_NOTES, NewCollection, NewPerson, Page, Person, PersonId, PersonImage, PersonQuery,
    PersonSummary, PersonUpdate, Status,
};
pub use shape_model::{ShapeModel, ShapePixel, Split, Stage};
pub use spec::{AlignmentTemplate, ColorOrder, DetectorKind, DetectorSpec, EmbedderSpec, Metric, Normalization};
pub use vault::{Candidate, Identification, IdentifiedFace, IdentifyOptions, Vault, VaultOptions, Verification};

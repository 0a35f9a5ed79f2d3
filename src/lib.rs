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

// -- above them
pub mod evaluation;
pub mod wire;

pub use comparison::{
    Basis, CalibrationPoint, CalibrationTable, Decision, Fmr, Fpir, MeasuredOn, OperatingPoint, Similarity, Threshold,
};
pub use encoding::{FaceEncoding, ModelId};
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

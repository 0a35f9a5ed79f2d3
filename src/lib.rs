//! An embedded face-recognition engine with a local store: people, photos, face encodings and search
//! in one SQLite file.
//!
//! A host program holds two things. An [`Engine`] is a pack of models loaded into a runtime: it turns photos into
//! [`FaceEncoding`]s, as many at a time as there are processors. A [`Vault`] is one file with the people of one or more
//! clients; its verbs create, update, remove, identify and verify. Both are `Send + Sync + Clone`.
//!
//! A partial update changes a person, its photos, their encodings and the searched gallery in one atomic, durable step:
//!
//! ```no_run
//! use facevault::{Engine, EngineOptions, PersonId, PersonUpdate, Vault, VaultOptions};
//!
//! # fn main() -> facevault::Result<()> {
//! facevault::disable_runtime_telemetry();
//! let engine = Engine::open(&EngineOptions::default())?;
//! let vault = Vault::open("people.vault", VaultOptions::default().with_engine(engine))?;
//! let update = PersonUpdate::from_json(br#"{"name": "John Doe Updated", "notes": null}"#)?;
//! let person = vault.update_person(&PersonId::new("person_123456789")?, &update)?;
//! assert_eq!(person.name, "John Doe Updated");
//! # Ok(())
//! # }
//! ```
//!
//! What goes wrong is an [`Error`] whose [`ErrorKind`] says who must act. A photo that gives no
//! encoding is a [`Refusal`] with the measured value and the limit. A model's [`CalibrationTable`] gives similarities a
//! meaning: callers can ask for an error rate, an [`OperatingPoint`], instead of a threshold.
//!
//! Options start from `default()` and are changed by methods, `EngineOptions::default().with_threads(4)`;
//! results of verbs may get more fields, so destructure them with `..`. The crates whose types appear in this interface
//! are re-exported: [`image`] and [`jiff`].
//!
//! The parts can be used by themselves: [`vision`] (decoding, detection, alignment, embedding),
//! [`models`] (packs and their installation), [`store`] (the file), [`index`] (exact search), [`tracking`] (faces from
//! frame to frame), [`statistics`] and `evaluation` (error rates).
//!
//! The module `transfer` exports the people of a vault and imports them again.
//!
//! A [`Watcher`] takes the frames of a camera and says who appeared, who that is, and who left.
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `avif` | no | photos in AVIF; the decoder has unsafe code, and a panic in it would end the process |
//! | `cli` | yes | the command `facevault` |
//! | `encryption` | no | vaults that are encrypted as a whole; needs OpenSSL where it is built, see the README |
//! | `install` | with `cli` | installation of packs and ONNX Runtime with pip and npm, or from a folder |
//! | `download` | with `cli` | installation over HTTPS as well |
//! | `evaluation` | with `cli` | error rates on data sets, and calibration |
//! | `heic` | yes | photos in HEIC, as telephones store them |
//! | `more-formats` | yes | photos in BMP, GIF, PNM and TIFF; JPEG, PNG and WebP are always read |
//! | `transfer` | with `cli` | many people at once, out of a vault and into one |
//! | `http` | yes | the HTTP surface, and `facevault serve` where there is the command |

// -- vocabulary: plain data, no I/O
mod audit;
mod clock;
mod comparison;
mod encoding;
mod error;
mod files;
mod frame;
pub mod geometry;
mod hex;
mod input;
mod liveness;
mod patch;
mod person;
mod progress;
mod recognizability;
mod setters;
#[cfg(feature = "hub")]
mod share;
mod spec;
mod token;
mod validate;
mod vault_key;

// -- ONNX models as data
pub mod onnx;

// -- the machine room: siblings that never import each other
pub mod index;
pub mod models;
pub mod statistics;
pub mod store;
pub mod tracking;
pub mod vision;

// -- from photos to encodings, the verbs, a camera, and their JSON shapes
mod engine;
#[cfg(feature = "evaluation")]
pub mod evaluation;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "transfer")]
pub mod transfer;
mod vault;
mod watch;
pub mod wire;

/// The crate of the pictures in this API ([`image::RgbImage`]), in the version that this API takes.
pub use image;
/// The crate of the times and dates in this API, in the version that this API returns.
pub use jiff;

pub use audit::{
    Actor, AuditEntry, AuditEvent, AuditHash, AuditHead, AuditPage, AuditPolicy, AuditProblem, AuditQuery, AuditReport,
    AuditScope, Opening, Receipt, Removal, RemovalReason,
};
pub use comparison::{
    Basis, CalibrationPoint, CalibrationTable, Decision, Fmr, Fpir, MeasuredOn, OperatingPoint, Similarity, Threshold,
};
pub use encoding::{FaceEncoding, ModelId};
pub use engine::{
    CompareOptions, Detection, EncodedFace, Engine, EngineOptions, EngineParts, FaceLiveness, FaceOutcome, NetworkTest,
    PackSource, PhotoRules, RewritingGain, RewritingStep, SelfTest, TestOutcome, TestedNetwork, Timing, hog_detector,
};
pub use error::{
    Duplicate, DuplicateReason, Error, ErrorKind, ImageReport, Refusal, RefusalCode, Result, Rule, Violation,
};
pub use frame::{Frame, PixelFormat, Rotation, YuvMatrix, YuvRange};
pub use input::{Input, Inputs};
pub use liveness::{Liveness, LivenessCheck, LivenessPolicy};
pub use patch::Patch;
pub use person::{
    ClientId, Collection, CollectionId, CollectionUpdate, Cursor, DateOfBirth, Gender, ImageBytes, ImageId,
    ImagesUpdate, Limits, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTE_VALUE, MAX_ATTRIBUTES, MAX_NAME, MAX_NOTES, NewCollection,
    NewPerson, Page, Person, PersonId, PersonImage, PersonKey, PersonQuery, PersonSummary, PersonUpdate,
    RetentionPolicy, Status, TokenId,
};
pub use progress::{Progress, Step, Unit};
pub use recognizability::{DamageMean, DamageOutcome, Recognizability, RecognizabilityData};
#[cfg(feature = "hub")]
pub use share::Conflict;
pub use spec::{
    AlignmentTemplate, ColorOrder, DetectorKind, DetectorSpec, EmbedderSpec, EncodingMode, LivenessCrop, LivenessSpec,
    Metric, Normalization, PackLimits, SelfTestFace, SelfTestValues,
};
pub use store::{ChangesSince, PersonChange, PersonChanges};
#[cfg(feature = "hub")]
pub use store::{HistoryEntry, Hub, HubIndex, HubIndexOptions, HubStatus, Kiosk, KioskUser};
pub use token::{Token, TokenSecret};
pub use vault::{
    Access, Candidate, Departure, DuplicatePair, DuplicatePolicy, Duplicates, DuplicatesOptions, EncodingMatrix,
    Encodings, Identification, IdentifiedFace, IdentifyOptions, PurgeOptions, Purged, PurgedPerson, ReencodeOptions,
    Reencoded, SearchIn, Unencoded, Vault, VaultOptions, Verification,
};
#[cfg(feature = "hub")]
pub use vault::{RemovedElsewhere, SyncOptions, Synced};

#[cfg(any(feature = "encryption", feature = "transfer"))]
pub use vault_key::VaultKey;
pub use vision::disable_runtime_telemetry;
pub use watch::{
    Answer, BestShot, Event, Recognition, UnknownReason, VisitLiveness, VisitState, WatchCounts, WatchOptions, Watcher,
};

/// The README's code is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Measuring a model on photos whose people are known: the data sets and pair lists that protocols
//! are published as, the figures, and the page that shows them.
//!
//! [`Dataset`] says which photos there are, who is on them and which of them are compared.
//! [`DatasetEncodings`] holds an engine's encodings of them, and [`Evaluation::measure`] or
//! [`calibrate`] turns these into figures or a table. [`report::page`] writes the figures as one
//! HTML page.

mod cache;
mod csv;
pub mod damage;
mod dataset;
mod encode;
mod folder;
mod lfw_pairs;
pub mod liveness;
mod measure;
mod pairs_csv;
mod pictures;
mod recognizability;
pub mod report;

pub use cache::EncodingCache;
pub use dataset::{Dataset, DatasetPair};
pub use encode::DatasetEncodings;
pub use measure::{About, Evaluation, OpenSetResult, OpenSetRow, PairRow, PairsResult, ThresholdSource, calibrate};
pub use pictures::Pictures;
pub use recognizability::RecognizabilityOptions;

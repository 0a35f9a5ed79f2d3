//! Measuring a model on photos whose people are known: the data sets and pair lists that protocols
//! are published as, the figures, and the page that shows them.
//!
//! [`Dataset`] says which photos there are, whom they show and which of them are compared. Whoever
//! has an engine makes an encoding of each photo, and [`Evaluation::measure`] or [`calibrate`]
//! turns them into figures or a table. [`report::page`] writes the figures as one HTML page.

mod csv;
mod dataset;
mod folder;
mod lfw_pairs;
mod measure;
mod pairs_csv;
pub mod report;

pub use dataset::{Dataset, DatasetPair};
pub use measure::{About, Evaluation, OpenSetResult, OpenSetRow, PairRow, PairsResult, Source, calibrate};

//! The command `facevault`, as people and programs use it.

mod audit;
mod cameras;
#[cfg(feature = "encryption")]
mod encryption;
mod full_disk;
mod import;
mod liveness;
mod matching;
mod models;
mod people;
mod photos;
mod purge;
mod requests;
mod runtime;
mod streams;
mod terminals;
mod tokens;
mod transfer;
mod vaults;
mod watch;

use crate::harness::{Facevault, Run};

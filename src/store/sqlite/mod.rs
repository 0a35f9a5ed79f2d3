//! The vault's file: an SQLite database. Nothing outside this folder names SQLite.
//!
//! The methods of [`Store`] are implemented here, each in the file named by what it is about.

mod attributes;
mod audit;
mod audit_read;
mod backup;
mod changes;
mod check;
mod checksum;
#[cfg(feature = "encryption")]
mod cipher;
#[cfg(not(feature = "encryption"))]
#[path = "plain.rs"]
mod cipher;
mod clients;
mod collections;
mod columns;
mod connection;
mod erasure;
mod error;
mod generation;
mod images;
mod kept;
mod models;
mod open;
mod person_row;
mod person_writes;
mod persons;
mod place;
#[cfg(feature = "encryption")]
mod recode;
mod retention;
mod rows;
mod scan;
mod schema;
mod settings;
#[cfg(feature = "hub")]
mod share;
mod snapshot;
mod thumbnails;
mod tokens;
mod undo;
mod unencoded;
mod vfs;
mod waiting;

use super::Store;

pub use check::{CheckReport, Problem};
pub(super) use connection::Connections;
pub use open::CreateOptions;
pub(crate) use open::not_opened;
#[cfg(feature = "hub")]
pub(crate) use share::Taken;
pub use snapshot::Snapshot;

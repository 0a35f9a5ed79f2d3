//! The vault file: one SQLite database with people, photos, face encodings and collections.
//!
//! A [`Store`] knows rows and transactions, nothing of networks or galleries: photos come to it
//! with their encodings. Every write is one transaction that is on the disk when the call
//! returns, and an error means that nothing was written. Other threads and processes may use the
//! same file; a call that has to wait for them does so for 5 seconds, then fails with
//! [`Busy`](crate::ErrorKind::Busy).
//!
//! What is removed is overwritten with zeros, and taken out of the write-ahead log when persons
//! or photos go; see [`Erasure`]. Blobs carry checksums: flipped bits are
//! [`Corrupt`](crate::ErrorKind::Corrupt) and name the person. Whatever belongs to another client
//! answers [`NotFound`](crate::ErrorKind::NotFound), exactly as if it were not there.

mod backup;
mod change;
mod check;
mod checksum;
mod clients;
mod collections;
mod columns;
mod connection;
mod error;
mod generation;
mod images;
mod models;
mod open;
mod persons;
mod scan;
mod schema;
mod settings;
mod standing;
mod tokens;
mod unencoded;
mod update;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;

pub use backup::BackupProgress;
pub use change::{
    CollectionWritten, Erasure, GalleryEffect, ImagesChange, NewImage, NewPersonRecord, PersonChange, Removed, Written,
};
pub use check::{CheckReport, Problem};
pub use generation::{GalleryChanges, GalleryPerson};
pub use models::{ImageRef, ModelInfo};
pub use open::CreateOptions;
pub use scan::{EncodingRow, Vector};
pub use standing::Standing;

/// One vault file, open. Cloning is cheap and gives a handle to the same connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<connection::Connections>,
}

impl Store {
    /// The vault's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.path()
    }

    /// Whether this handle only reads.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }

    /// SQLite's settings as a connection reports them, by name.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where one is not what the vault asked for.
    pub fn settings(&self) -> Result<Vec<(&'static str, String)>> {
        self.inner.settings()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path()).field("read_only", &self.is_read_only()).finish()
    }
}

//! Many people at once, out of a vault and into one.
//!
//! [`export`] writes the people of a vault as a folder, as a table or as one encrypted file ([`Form`]). [`import`] adds
//! the people of a [`Source`]: of such a folder, table or file, and of folders of photos and tables that somebody else
//! made. Both handle one person after the other, so memory does not grow with their number.
//!
//! What an export holds of a person: id, name and all other fields, attributes, status, collections, when the person
//! is to be removed, the photos in their order, and the face encodings by the vault's model. It does not hold the ids of
//! photos, versions, times of creation and change, nor the audit trail; [`Vault::backup`] copies all of it.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//!
//! use facevault::transfer::{self, ExportOptions, Form, ImportOptions, Source};
//! use facevault::{Vault, VaultOptions};
//!
//! # fn main() -> facevault::Result<()> {
//! let vault = Vault::open("people.vault", VaultOptions::default())?;
//! transfer::export(&vault, "people", &Form::Folder, &ExportOptions::default(), &mut ())?;
//!
//! let other = Vault::create("other.vault", VaultOptions::default())?;
//! let source = Source::open("people", &Default::default(), &mut ())?;
//! let imported = transfer::import(&other, source, &ImportOptions::default(), &mut (), |arrival| {
//!     if let Err(error) = &arrival.outcome {
//!         println!("{}: {error}", arrival.from);
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! println!("{} added", imported.added);
//! # Ok(())
//! # }
//! ```

mod bundle;
mod cell;
mod destination;
mod encodings;
mod export;
mod fields;
mod folder;
mod import;
mod manifest;
mod photos;
mod refusals;
mod source;
mod table;

use crate::error::{Error, ErrorKind};
use crate::setters::setters;
use crate::vault::DuplicatePolicy;
#[cfg(doc)]
use crate::vault::Vault;
use crate::vault_key::VaultKey;

pub use bundle::is_bundle;
pub use export::{Exported, export};
pub use import::{Arrival, Arrived, Imported, import};
pub use refusals::Refusals;
pub use source::{Source, SourceOptions};

/// What an export is written as.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Form {
    /// A folder: `people.csv` with the fields, `collections.csv`, `encodings.bin`, a folder of photos for each person
    /// in `people`, and `facevault-export.json`, which says what it is.
    Folder,
    /// One table, `people.csv` by itself: without photos and encodings, and of collections the ids alone.
    Csv,
    /// One file, encrypted with this key, with everything that the folder has.
    Bundle(VaultKey),
}

/// How people are exported.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Whether photos are exported. Where they are not, each encoding is exported as one that was given without a
    /// photo. On by default.
    pub photos: bool,
    /// Whether face encodings are exported. On by default.
    pub encodings: bool,
    /// Only members of this collection, by id or code.
    pub collection: Option<String>,
    /// Whether an earlier export of that name is replaced. Off by default: then it is an error.
    pub replace: bool,
}

setters!(ExportOptions {
    photos: with_photos(bool),
    encodings: with_encodings(bool),
    collection: with_collection(impl Into<Option<String>>),
    replace: with_replace(bool),
});

impl Default for ExportOptions {
    fn default() -> Self {
        Self { photos: true, encodings: true, collection: None, replace: false }
    }
}

/// How people are imported.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Collections of the vault that everybody gets into, by id or code.
    pub collections: Vec<String>,
    /// Whether people whose id is in the vault are passed over; otherwise they are not added, which is an error of
    /// that person. Whoever is passed over stays as in the vault.
    pub skip_existing: bool,
    /// Who counts as a duplicate.
    pub duplicates: DuplicatePolicy,
    /// Whether collections that a table names and the vault does not have are created, by their ids. The collections of
    /// an export that says what they are called are created in any case.
    pub create_collections: bool,
    /// Whether every photo is encoded, also where the source has an encoding of it.
    pub encode_anew: bool,
}

setters!(ImportOptions {
    collections: with_collections(Vec<String>),
    skip_existing: with_skip_existing(bool),
    duplicates: with_duplicates(DuplicatePolicy),
    create_collections: with_create_collections(bool),
    encode_anew: with_encode_anew(bool),
});

/// The error of a file or folder that the system refuses.
fn system(what: &str, path: &std::path::Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => ErrorKind::Invalid,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot {what} {}: {error}", path.display())).caused_by(error)
}

fn cancelled(what: &str) -> Error {
    Error::new(ErrorKind::Cancelled, what)
}

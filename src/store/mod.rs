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

// The methods of `Store` and `Snapshot` are the seam between a vault and what it is kept in. Above it
// stand the rules of fields (`crate::validate`), the order of the steps (`crate::vault`) and the
// decisions that any store has to make alike: what an update does to fields (`PersonUpdate::apply`)
// and to photos (`photo_plan`), and what a write asks and answers (`prepared`, `written`, `model`).
// Below it, in `sqlite`, stand transactions, statements, schema, checksums and settings. A store of
// another kind is a folder beside `sqlite` that gives the same methods.
mod changes;
mod encoding_row;
#[cfg(any(feature = "encryption", feature = "transfer"))]
mod key_file;
mod model;
mod near;
mod noted;
mod photo_plan;
#[cfg(feature = "hub")]
mod postgres;
mod prepared;
mod retention;
mod sqlite;
mod storage;
mod trail;
mod written;

use std::fmt;
use std::sync::Arc;

use crate::audit::Actor;

#[cfg(feature = "hub")]
pub(crate) use self::postgres::{Changes, HubStore, Timeline};
#[cfg(feature = "hub")]
pub use self::postgres::{HistoryEntry, Hub, HubIndex, HubIndexOptions, HubStatus, Kiosk, KioskUser};
pub use crate::spec::ModelInfo;
pub use changes::{ChangesSince, PersonChange, PersonChanges};
pub use encoding_row::{EncodingRow, Vector};
pub use model::ImageRef;
pub(crate) use near::Near;
pub use prepared::{PreparedImage, PreparedImages};
pub use retention::Due;
#[cfg(feature = "hub")]
pub(crate) use sqlite::Taken;
pub(crate) use sqlite::not_opened;
pub use sqlite::{CheckReport, CreateOptions, Problem, Snapshot};
pub(crate) use storage::{Kept, Look, Moment, Storage};
pub use written::{CollectionWritten, Erasure, GalleryChanges, GalleryEffect, GalleryPerson, Removed, Written};

/// One vault file, open. Cloning is cheap and gives a handle to the same connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<sqlite::Connections>,
    /// Who the audit trail says did what this handle does.
    actor: Actor,
}

impl Store {
    /// The same store as `actor` uses it: the audit trail says so.
    #[must_use]
    pub fn acting_as(&self, actor: &Actor) -> Self {
        Self { inner: Arc::clone(&self.inner), actor: actor.clone() }
    }

    /// Who acts, as the audit trail says.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path()).field("read_only", &self.is_read_only()).finish()
    }
}

//! The vault: a store, its galleries and, where photos matter, an engine.
//!
//! ```no_run
//! use facevault::{Engine, EngineOptions, NewPerson, Patch, PersonUpdate, Vault, VaultOptions};
//!
//! # fn main() -> facevault::Result<()> {
//! let engine = Engine::open(&EngineOptions::default())?;
//! let vault = Vault::open("people.vault", VaultOptions::default().with_engine(engine))?;
//!
//! let photo = std::fs::read("ada.jpg").expect("a photo");
//! let person = vault.create_person(&NewPerson {
//!     name: "Ada Lovelace".into(),
//!     images: vec![photo.into()],
//!     ..NewPerson::default()
//! })?;
//! let person = vault.update_person(&person.id, &PersonUpdate {
//!     notes: Patch::Set("first programmer".into()),
//!     ..PersonUpdate::default()
//! })?;
//! assert_eq!(person.version, 2);
//! # Ok(())
//! # }
//! ```

mod audit;
mod changes;
mod check_and_backup;
mod collections;
mod create;
mod create_many;
mod duplicates;
mod encodings;
#[cfg(feature = "encryption")]
mod encryption;
mod gallery;
mod gallery_scan;
mod looked;
mod model;
mod persons;
mod prepare;
mod recognized;
mod reencode;
mod retention;
mod search;
#[cfg(feature = "hub")]
mod sync;
#[cfg(any(feature = "evaluation", feature = "http"))]
mod thumbnails;
mod tokens;
#[cfg(test)]
mod transactions;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::audit::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, Limits};
use crate::setters::setters;
#[cfg(feature = "hub")]
use crate::store::HubStore;
use crate::store::{CreateOptions, Storage, Store, not_opened};
use crate::vault_key::FileSecret;
#[cfg(feature = "encryption")]
use crate::vault_key::VaultKey;

pub use create::DuplicatePolicy;
#[cfg(feature = "transfer")]
pub(crate) use create_many::KnownImages;
pub use duplicates::{DuplicatePair, Duplicates, DuplicatesOptions};
pub use encodings::{EncodingMatrix, Encodings};
pub use looked::SearchIn;
pub use persons::Departure;
#[cfg(feature = "http")]
pub(crate) use recognized::RecognizedBy;
pub use reencode::{ReencodeOptions, Reencoded, Unencoded};
pub use retention::{PurgeOptions, Purged, PurgedPerson};
#[cfg(feature = "http")]
pub(crate) use search::Probe;
pub use search::{Candidate, Identification, IdentifiedFace, IdentifyOptions, Verification};
#[cfg(feature = "hub")]
pub use sync::{RemovedElsewhere, SyncOptions, Synced};
pub use tokens::Access;

/// What a vault is opened with.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VaultOptions {
    /// What encodes photos; without one, everything but photos can be read and changed.
    pub engine: Option<Engine>,
    /// How much is taken of one person and one photo.
    pub limits: Limits,
    /// The tenant whose persons and collections are seen; the vault's own one where `None`.
    pub client: Option<ClientId>,
    /// Take several photos of one person, or of one probe, even where they seem to show two people. By default
    /// such photos are refused, if the model has a table that says how similar they should be.
    pub mixed_photos: bool,
    /// A photo is enrolled only if the liveness score of its face is above this one, 0 to 1; not looked at where
    /// `None`. Each photo counts by itself, since somebody can be found by each of them. Photos that are enrolled
    /// already are not asked about, nor are encodings without photos.
    pub min_liveness: Option<f64>,
    /// Where a hub's encodings are compared with a probe, for a hub that is used directly (`Vault::open_hub`).
    pub search_in: SearchIn,
    /// What opens an encrypted vault, and what a new one is encrypted with.
    #[cfg(feature = "encryption")]
    pub key: Option<VaultKey>,
}

setters!(VaultOptions {
    engine: with_engine(impl Into<Option<Engine>>),
    limits: with_limits(Limits),
    client: with_client(impl Into<Option<ClientId>>),
    mixed_photos: with_mixed_photos(bool),
    min_liveness: with_min_liveness(impl Into<Option<f64>>),
    search_in: with_search_in(SearchIn),
});

#[cfg(feature = "encryption")]
setters!(VaultOptions { key: with_key(impl Into<Option<VaultKey>>) });

impl VaultOptions {
    fn wanted_key(&self) -> Option<&FileSecret> {
        #[cfg(feature = "encryption")]
        return self.key.as_ref();
        #[cfg(not(feature = "encryption"))]
        None
    }

    /// How the file is made.
    fn create(&self) -> CreateOptions {
        CreateOptions {
            client: self.client.clone(),
            #[cfg(feature = "encryption")]
            key: self.key.clone(),
            ..CreateOptions::default()
        }
    }
}

/// One vault file, open, as one client sees it. Cloning is cheap.
///
/// Every verb takes `&self`; threads, processes and clones may use the same vault at the same time.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
    /// The file or the hub, as whoever acts uses it.
    store: Arc<dyn Storage>,
    client: ClientId,
    mixed_photos: bool,
    min_liveness: Option<f64>,
    search_in: SearchIn,
}

struct Inner {
    engine: Option<Engine>,
    limits: Limits,
    galleries: gallery::Galleries,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("path", &self.path())
            .field("client", &self.client)
            .field("engine", &self.inner.engine)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Makes a new vault at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where there is a file, [`ErrorKind::Io`] where none can be
    /// made.
    pub fn create(path: impl AsRef<Path>, options: VaultOptions) -> Result<Self> {
        let store = Store::create(path.as_ref(), &options.create())?;
        let path = store.path().to_owned();
        Self::assemble(Arc::new(store), options).map_err(|error| not_opened(&path, error))
    }

    /// Opens the vault at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no file or no such client,
    /// [`ErrorKind::Unsupported`] where it is no vault or that of a newer facevault,
    /// [`ErrorKind::Key`] where it is encrypted and the key is missing or wrong, or it is not and there is a key,
    /// [`ErrorKind::Corrupt`], [`ErrorKind::Busy`] and [`ErrorKind::Io`] as for every verb.
    pub fn open(path: impl AsRef<Path>, options: VaultOptions) -> Result<Self> {
        Self::assemble(Arc::new(Store::open_given(path.as_ref(), options.wanted_key())?), options)
    }

    /// Opens the vault at `path`, or makes a new one where there is no file. Of several threads and processes
    /// that do this at the same time, one makes the vault and all open it.
    ///
    /// # Errors
    /// As for [`Self::open`] and [`Self::create`]: a file that is no vault is refused and stays as it is, and
    /// an existing vault without the client of `options` is [`ErrorKind::NotFound`].
    pub fn open_or_create(path: impl AsRef<Path>, options: VaultOptions) -> Result<Self> {
        Self::assemble(Arc::new(Store::open_or_create(path.as_ref(), &options.create())?), options)
    }

    /// Makes a new vault in memory: for tests, and for people who are to be forgotten when the program ends. It
    /// is gone when the last clone of the handle is dropped, and no other handle or process can open it;
    /// [`Self::backup`] writes it to a file. [`Self::path`] gives `:memory:`.
    ///
    /// It can do all that a vault in a file can. It holds at most 1 GiB, photos included. Reads and writes wait for each other, for at most 5 seconds.
    ///
    /// ```
    /// use facevault::{NewPerson, Vault, VaultOptions};
    ///
    /// let vault = Vault::in_memory(VaultOptions::default())?;
    /// vault.create_person(&NewPerson::named("Ada Lovelace"))?;
    /// assert_eq!(vault.persons(&Default::default())?.total, 1);
    /// # Ok::<(), facevault::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where there is not enough memory.
    pub fn in_memory(options: VaultOptions) -> Result<Self> {
        Self::assemble(Arc::new(Store::in_memory(&options.create())?), options)
    }

    /// Opens the vault at `path` for reading: nothing of it is written, whatever is asked.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_read_only(path: impl AsRef<Path>, options: VaultOptions) -> Result<Self> {
        Self::assemble(Arc::new(Store::open_read_only_given(path.as_ref(), options.wanted_key())?), options)
    }

    /// Uses a hub directly, in place of a file: every verb is carried out in the hub, by its owner (whoever made it
    /// with [`Hub::init`](crate::Hub::init)). A vault that follows the hub sees each change as it sees those of others.
    ///
    /// `address` is as for [`Hub::connect`](crate::Hub::connect), and [`VaultOptions::client`] names one of the hub's
    /// clients; without one it is the first. Galleries are in this process's memory, as those of a vault are.
    ///
    /// What a hub does otherwise than a file: `backup`, `clean`, `sync` and encryption are
    /// [`Unsupported`](ErrorKind::Unsupported); PostgreSQL overwrites what was removed in its own time, so removals
    /// answer [`Erasure::Pending`](crate::store::Erasure::Pending); a search that is noted is on the disk before its
    /// answer; texts cannot have the character U+0000.
    ///
    /// # Errors
    /// As for [`Hub::connect`](crate::Hub::connect), [`ErrorKind::Invalid`] for a user who may only follow the hub, and
    /// [`ErrorKind::NotFound`] where there is no such client.
    #[cfg(feature = "hub")]
    pub fn open_hub(address: &str, options: VaultOptions) -> Result<Self> {
        if options.wanted_key().is_some() {
            return Err(Error::new(ErrorKind::Key, "a hub is not encrypted with the key of a vault: name no key"));
        }
        Self::assemble(Arc::new(HubStore::connect(address)?), options)
    }

    fn assemble(store: Arc<dyn Storage>, options: VaultOptions) -> Result<Self> {
        let VaultOptions { engine, limits, client, mixed_photos, min_liveness, search_in, .. } = options;
        let client = match client {
            Some(client) => existing_client(&*store, client)?,
            None => store.default_client()?,
        };
        let inner = Arc::new(Inner { engine, limits, galleries: Default::default() });
        let vault = Self { inner, store, client, mixed_photos, min_liveness, search_in };
        vault.warn_of_other_mode()?;
        Ok(vault)
    }

    /// The same vault as another client sees it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the vault has no such client.
    pub fn for_client(&self, client: &ClientId) -> Result<Self> {
        Ok(self.seen_by(existing_client(self.store(), client.clone())?))
    }

    /// Adds a client and gives the vault as that client sees it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where the vault has the client.
    pub fn add_client(&self, client: &ClientId) -> Result<Self> {
        self.store().insert_client(client)?;
        Ok(self.seen_by(client.clone()))
    }

    /// The same vault with another [`mixed_photos`](VaultOptions::mixed_photos), for one request.
    #[must_use]
    pub fn with_mixed_photos(&self, mixed_photos: bool) -> Self {
        Self { mixed_photos, ..self.clone() }
    }

    /// The score that the face of each photo that is enrolled must exceed ([`VaultOptions::min_liveness`]).
    #[must_use]
    pub fn min_liveness(&self) -> Option<f64> {
        self.min_liveness
    }

    /// The same vault with another [`min_liveness`](VaultOptions::min_liveness), for one request.
    #[must_use]
    pub fn with_min_liveness(&self, min_liveness: impl Into<Option<f64>>) -> Self {
        Self { min_liveness: min_liveness.into(), ..self.clone() }
    }

    /// The same vault with another [`search_in`](VaultOptions::search_in).
    #[must_use]
    pub fn with_search_in(&self, search_in: SearchIn) -> Self {
        Self { search_in, ..self.clone() }
    }

    /// The same vault as `actor` uses it: the audit trail says so of whatever this handle does.
    #[must_use]
    pub fn acting_as(&self, actor: &Actor) -> Self {
        Self { store: self.store.acting_as(actor), ..self.clone() }
    }

    /// Who acts, as the audit trail says.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.store.actor()
    }

    /// All clients of the vault in the order in which they came.
    ///
    /// # Errors
    /// As for every read.
    pub fn clients(&self) -> Result<Vec<ClientId>> {
        self.store().clients()
    }

    fn seen_by(&self, client: ClientId) -> Self {
        Self { client, ..self.clone() }
    }

    /// The vault's file; `:memory:` for a vault in memory, and the address without a password for a hub.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// Whether this handle only reads.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.store().is_read_only()
    }

    /// The client whose persons and collections are seen.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// What encodes photos, if the vault was opened with it, in its own mode: the vault uses it in that
    /// of [`Self::encoding_mode`].
    #[must_use]
    pub fn engine(&self) -> Option<&Engine> {
        self.inner.engine.as_ref()
    }

    /// How much is taken of one person and one photo.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    fn needed_engine(&self) -> Result<&Engine> {
        self.engine().ok_or_else(|| {
            Error::new(ErrorKind::ModelUnavailable, "the vault was opened without an engine: photos cannot be encoded")
        })
    }

    fn store(&self) -> &dyn Storage {
        &*self.store
    }

    /// The vault's file, for what only a file can do.
    fn file(&self) -> Result<&Store> {
        self.store.file()
    }
}

fn existing_client(store: &dyn Storage, client: ClientId) -> Result<ClientId> {
    if store.clients()?.contains(&client) {
        return Ok(client);
    }
    Err(Error::new(ErrorKind::NotFound, format!("the vault has no client {client}")))
}

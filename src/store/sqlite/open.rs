//! Making and opening vaults.
//!
//! The file is never opened but by SQLite: closing any other handle to it would drop the locks
//! that SQLite holds on it in this process (POSIX advisory locks).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::cipher::{self, FileKey};
use super::connection::{Connections, beside, log_of, patiently};
use super::erasure::{self, truncate_log};
use super::error::{Fault, Outcome, system};
use super::place::{Place, require_own_log};
use super::settings::{self, Access, BUSY_TIMEOUT, MEMORY};
use super::{Store, audit, clients, models, rows, schema, vfs};
use crate::audit::Actor;
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::ClientId;
use crate::setters::setters;
use crate::store::ModelInfo;
use crate::vault_key::FileSecret;
#[cfg(feature = "encryption")]
use crate::vault_key::VaultKey;

/// How a new vault starts.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CreateOptions {
    /// The default client; `None` for one with a new id.
    pub client: Option<ClientId>,
    /// The active model; `None` where the first one to be added becomes it.
    pub model: Option<ModelInfo>,
    /// What the vault is encrypted with; `None` for a vault in plain.
    #[cfg(feature = "encryption")]
    pub key: Option<VaultKey>,
}

setters!(CreateOptions {
    client: with_client(impl Into<Option<ClientId>>),
    model: with_model(impl Into<Option<ModelInfo>>),
});

#[cfg(feature = "encryption")]
setters!(CreateOptions { key: with_key(impl Into<Option<VaultKey>>) });

impl CreateOptions {
    fn wanted_key(&self) -> Option<&FileSecret> {
        #[cfg(feature = "encryption")]
        let key = self.key.as_ref();
        #[cfg(not(feature = "encryption"))]
        let key = None;
        key.or(cipher::stand_in())
    }
}

impl Store {
    /// Makes a vault and opens it. The file appears under its name when it is whole, and only its
    /// owner may read it; on Windows, whoever may read its folder's files.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where there is a file of that name, [`ErrorKind::NotFound`]
    /// where its folder is missing, [`ErrorKind::Io`] where it cannot be written.
    pub fn create(path: impl AsRef<Path>, options: &CreateOptions) -> Result<Self> {
        let path = absolute(path.as_ref())?;
        let pending = PendingFile::new(&path)?;
        let make = || {
            let key = FileKey::fresh(options.wanted_key())?;
            let mut connection = settings::connect(pending.path(), Access::Write, key.as_ref())?;
            fill(&mut connection, Access::Write, options)?;
            // A failure of this is ignored by SQLite when it closes a file, and the log would stay under another name.
            truncate_log(&connection, BUSY_TIMEOUT)?;
            connection.close().map_err(|(_, error)| error)?;
            Ok(key)
        };
        let key = make().map_err(|fault: Fault| fault.into_error(&path))?;
        pending.name()?;
        Self::open_unlocked(path.clone(), key).map_err(|error| not_opened(&path, error))
    }

    /// Opens the vault at `path`, or makes one where there is no file. Of several threads and processes that
    /// do this at the same time, one makes the vault and all open it. `options` count only for a new vault.
    ///
    /// # Errors
    /// As for [`Self::open`] and [`Self::create`]. A file that is no vault is refused and stays as it is.
    pub fn open_or_create(path: impl AsRef<Path>, options: &CreateOptions) -> Result<Self> {
        let path = path.as_ref();
        let open = || Self::open_given(path, options.wanted_key());
        match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
        match Self::create(path, options) {
            // Somebody else has made it meanwhile, or the log of another file stands in the way.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match open() {
                Err(missing) if missing.kind() == ErrorKind::NotFound => Err(error),
                opened => opened,
            },
            created => created,
        }
    }

    /// Makes a vault in memory. It is gone when the last clone of the handle is dropped, and no other
    /// handle or process can open it.
    ///
    /// It holds at most 1 GiB. A writer waits until reads that are under way have ended, and reads wait for
    /// a write to be committed, for at most 5 seconds each: what is called inside of [`Self::snapshot`] or
    /// [`Self::all_encodings`] should not write to the same vault.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where there is not enough memory.
    pub fn in_memory(options: &CreateOptions) -> Result<Self> {
        // Connections of this process that name the same database of SQLite's `memdb` share it.
        let source = PathBuf::from(format!("file:/facevault-{}?vfs=memdb", uuid::Uuid::now_v7()));
        let open = || {
            let key = FileKey::fresh(options.wanted_key())?;
            let mut writer = settings::connect(&source, Access::MemoryWrite, key.as_ref())?;
            fill(&mut writer, Access::MemoryWrite, options)?;
            let reader = settings::connect(&source, Access::MemoryRead, key.as_ref())?;
            settings::apply(&reader, Access::MemoryRead)?;
            Ok((key, reader, writer))
        };
        let path = PathBuf::from(MEMORY);
        let (key, reader, writer) = open().map_err(|fault: Fault| fault.into_error(&path))?;
        let connections =
            Connections::new(path, Access::MemoryRead, key, reader, Some(writer), false).with_source(source);
        Ok(Self { inner: Arc::new(connections), actor: Actor::default() })
    }

    /// Opens a vault for reading and writing, and takes one of an older version to the present one. The file of one
    /// from before schema version 5 is read as a whole then, and cleaned of old copies of rows.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Unsupported`] where the file is no vault or one of a
    /// later version, [`ErrorKind::Corrupt`], [`ErrorKind::Busy`], [`ErrorKind::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_given(path.as_ref(), None)
    }

    /// Opens an encrypted vault for reading and writing.
    ///
    /// # Errors
    /// As for [`Self::open`], and [`ErrorKind::Key`] where the key does not fit or the vault is not encrypted.
    #[cfg(feature = "encryption")]
    pub fn open_encrypted(path: impl AsRef<Path>, key: &VaultKey) -> Result<Self> {
        Self::open_given(path.as_ref(), Some(key))
    }

    pub(crate) fn open_given(path: &Path, key: Option<&FileSecret>) -> Result<Self> {
        let path = regular_file(path)?;
        let place = Place::of(&path).map_err(|fault| fault.into_error(&path))?;
        let key = FileKey::of_file(&path, key.or_else(|| cipher::stand_in_for(&path)))
            .map_err(|fault| fault.into_error(&path))?;
        Self::open_at(path, place, key)
    }

    pub(super) fn open_unlocked(path: PathBuf, key: Option<FileKey>) -> Result<Self> {
        let place = Place::of(&path).map_err(|fault| fault.into_error(&path))?;
        Self::open_at(path, place, key)
    }

    fn open_at(path: PathBuf, place: Place, key: Option<FileKey>) -> Result<Self> {
        // Reader and writer stay in one pair, because its parts drop in their order: where this fails, the writer
        // closes last and removes the log. A reader cannot, and a step of a migration that was refused would stay in it.
        let open = || {
            // Whether it is a vault is asked before anything is set: a stranger's file stays as it is.
            let reader = settings::connect(&path, Access::Read, key.as_ref())?;
            require_own_log(&path, &log_of(&path), &reader, key.as_ref())?;
            schema::recognise(&reader)?;
            let mut both = (reader, settings::connect(&path, Access::Write, key.as_ref())?);
            settings::apply(&both.1, Access::Write)?;
            schema::migrate(&mut both.1)?;
            settings::apply(&both.0, Access::Read)?;
            Ok(both)
        };
        let both = patiently(open).map_err(|fault| cipher::explain(fault, &path, key.is_some()).into_error(&path))?;
        // It was not replaced meanwhile.
        place.verify(&path).map_err(|fault| fault.into_error(&path))?;
        // What a crash left in the log may have been removed: it goes now, if nobody reads it and
        // the disk has room for folding it in.
        let folded = truncate_log(&both.1, Duration::ZERO).is_ok();
        // What older versions left in the file: whoever opens it anew goes on with it.
        let cleaned = erasure::clean(|| Ok(&both.1), &log_of(&path)).map_err(|fault| fault.into_error(&path))?;
        let (reader, writer) = both;
        let connections =
            Connections::new(path, Access::Read, key, reader, Some(writer), !folded || !cleaned).at(place);
        Ok(Self { inner: Arc::new(connections), actor: Actor::default() })
    }

    /// Opens a vault for reading: every write is refused with [`ErrorKind::Io`].
    ///
    /// SQLite keeps two small files beside a vault that is in use, so the folder has to be
    /// writable, unless it lies on a read-only medium: what cannot be changed is read without them.
    ///
    /// # Errors
    /// As for [`Self::open`], and [`ErrorKind::Unsupported`] for a vault of an older version,
    /// which has to be opened for writing once.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_read_only_given(path.as_ref(), None)
    }

    /// Opens an encrypted vault for reading.
    ///
    /// # Errors
    /// As for [`Self::open_read_only`] and [`Self::open_encrypted`].
    #[cfg(feature = "encryption")]
    pub fn open_encrypted_read_only(path: impl AsRef<Path>, key: &VaultKey) -> Result<Self> {
        Self::open_read_only_given(path.as_ref(), Some(key))
    }

    pub(crate) fn open_read_only_given(path: &Path, key: Option<&FileSecret>) -> Result<Self> {
        let path = regular_file(path)?;
        let place = Place::of(&path).map_err(|fault| fault.into_error(&path))?;
        let key = FileKey::of_file(&path, key.or_else(|| cipher::stand_in_for(&path)))
            .map_err(|fault| fault.into_error(&path))?;
        let open = |access| {
            patiently(|| {
                let reader = settings::connect(&path, access, key.as_ref())?;
                if access == Access::Read {
                    require_own_log(&path, &log_of(&path), &reader, key.as_ref())?;
                }
                schema::recognise(&reader)?;
                schema::require_current(&reader)?;
                settings::apply(&reader, access)?;
                Ok(reader)
            })
            .map_err(|fault| cipher::explain(fault, &path, key.is_some()).into_error(&path))
        };
        let (access, reader) = match open(Access::Read) {
            Ok(reader) => (Access::Read, reader),
            Err(error) if error.kind() == ErrorKind::Io => {
                require_unchangeable(&path, error)?;
                (Access::Immutable, open(Access::Immutable)?)
            }
            Err(error) => return Err(error),
        };
        place.verify(&path).map_err(|fault| fault.into_error(&path))?;
        let connections = Connections::new(path, access, key, reader, None, false).at(place);
        Ok(Self { inner: Arc::new(connections), actor: Actor::default() })
    }
}

/// The error of a vault that was made, and that could not be opened then.
pub(crate) fn not_opened(path: &Path, error: Error) -> Error {
    let message = format!("{}: the vault was made, but it could not be opened", path.display());
    Error::new(error.kind(), message).caused_by(error)
}

/// A file that gets its name when it is whole. Until then it has another one beside it, and is
/// removed when dropped.
pub(super) struct PendingFile {
    temporary: tempfile::TempPath,
    target: PathBuf,
}

impl PendingFile {
    pub(super) fn new(target: &Path) -> Result<Self> {
        if fs::symlink_metadata(target).is_ok() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{}: the file exists", target.display())));
        }
        let Some(name) = target.file_name() else {
            return Err(Error::new(ErrorKind::NotFound, format!("{}: a file name is needed", target.display())));
        };
        refuse_leftovers(target)?;
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        let file = tempfile::Builder::new().prefix(&prefix).suffix(".part").tempfile_in(folder(target));
        let temporary = file.map_err(|error| system(target, error))?.into_temp_path();
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// Where the file is meanwhile.
    pub(super) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Makes the file durable and gives it its name, unless there is one of that name by now.
    pub(super) fn name(self) -> Result<()> {
        let Self { temporary, target } = self;
        let named = || {
            // Windows syncs what was opened for writing, nothing else.
            fs::OpenOptions::new().write(true).open(&temporary)?.sync_all()?;
            temporary.persist_noclobber(&target)?;
            Ok(())
        };
        named().map_err(|error: io::Error| system(&target, error))?;
        if cfg!(unix) {
            vfs::sync_folder(folder(&target)).map_err(|error| {
                let message = format!(
                    "{}: the file is whole and there, but the disk failed to make its name durable: it may be missing \
                     after a power failure",
                    target.display()
                );
                Error::new(ErrorKind::OutcomeUnknown, message).caused_by(error)
            })?;
        }
        Ok(())
    }
}

/// Refuses a place beside which lies what SQLite kept of another file of that name: it would be taken for
/// a part of the new one, and bring back what was in the other.
fn refuse_leftovers(target: &Path) -> Result<()> {
    for ending in ["-wal", "-shm", "-journal"] {
        let beside = beside(target, ending);
        if fs::symlink_metadata(&beside).is_ok() {
            let message = format!(
                "{}: this file belongs to another vault of that name; move it to where that vault is, or delete it if \
                 that vault is gone",
                beside.display()
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
    }
    Ok(())
}

/// The path from the root, so that a name like `file:x` is a name and nothing else. SQLite's name for a
/// database in memory is refused: a file of that name is hardly what is meant.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    if path == Path::new(MEMORY) {
        let rule = format!("must name a file, not {MEMORY:?}: call `Vault::in_memory` for a vault in memory");
        return Err(Error::invalid("path", Rule::Other(rule)));
    }
    std::path::absolute(path).map_err(|error| system(path, error))
}

/// Makes an empty database a vault.
fn fill(connection: &mut Connection, access: Access, options: &CreateOptions) -> Outcome<()> {
    schema::create(connection)?;
    settings::apply(connection, access)?;
    let transaction = connection.transaction()?;
    let client = options.client.clone().unwrap_or_else(ClientId::generate);
    let client = clients::insert(&transaction, &client)?;
    let model = match &options.model {
        Some(model) => Some(models::insert(&transaction, model)?),
        None => None,
    };
    transaction.execute(
        "INSERT INTO meta (key, vault, created_at, default_client, active_model, generation, complete_since)
         VALUES (1, ?1, ?2, ?3, ?4, 0, 0)",
        params![uuid::Uuid::now_v7().to_string(), schema::now(), client, model],
    )?;
    audit::begin_trail(&transaction)?;
    rows::seal_meta(&transaction)?;
    transaction.commit()?;
    Ok(())
}

pub(super) fn regular_file(path: &Path) -> Result<PathBuf> {
    let path = absolute(path)?;
    let unsupported = |what| Err(Error::new(ErrorKind::Unsupported, format!("{}: {what}", path.display())));
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => unsupported("this is a folder, not a vault"),
        Ok(found) if !found.is_file() => unsupported("this is no regular file, so no vault"),
        Ok(found) if found.len() == 0 => unsupported("the file is empty, so no vault"),
        Ok(_) => Ok(path),
        Err(error) => Err(system(&path, error)),
    }
}

/// Lets only a vault pass that lies on a read-only medium with nothing in its log. `error` is what
/// came of reading it in the usual way.
fn require_unchangeable(path: &Path, error: Error) -> Result<()> {
    match tempfile::tempfile_in(folder(path)) {
        Err(refused) if refused.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
        _ => return Err(error),
    }
    if fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0) {
        let message = format!("{}: changes wait in the log beside it, and the medium is read-only", path.display());
        return Err(Error::new(ErrorKind::Io, message).caused_by(error));
    }
    Ok(())
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

//! Encryption of the whole file, by SQLCipher: AES-256-CBC with an HMAC-SHA512 of each page.
//!
//! The first 16 bytes of an encrypted vault are SQLCipher's salt, the only bytes that are not encrypted. Vaults
//! choose it themselves: `FVE`, a byte that says how keys are made (1: 256 bits as they are, 2: Argon2id of a
//! passphrase), and 12 random bytes. So an encrypted vault can be distinguished from other files without the key, and
//! another way to make keys can be added.

use std::ffi::{CStr, c_int};
use std::path::Path;
use std::sync::Once;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use zeroize::Zeroizing;

use super::error::{Fault, Outcome};
use super::schema::PAGE_SIZE;
use super::vfs;
use crate::error::{Error, ErrorKind};
use crate::vault_key::{VaultKey, digits};

/// What the salt of every encrypted vault begins with.
const MARK: &[u8; 3] = b"FVE";

/// What the first 16 bytes of a vault that is not encrypted are.
const PLAIN: &[u8; 16] = b"SQLite format 3\0";

/// How keys are made from what a host gives.
const RAW: u8 = 1;
const ARGON2ID: u8 = 2;

type Salt = [u8; 16];

/// What SQLCipher is given for one file, made from a [`VaultKey`] and the file's salt.
#[derive(Clone)]
pub(in crate::store) struct FileKey {
    /// `x'` key and salt in hexadecimal digits `'`.
    spec: Zeroizing<String>,
}

impl FileKey {
    /// For a new file: with a salt of its own.
    pub(super) fn fresh(key: Option<&VaultKey>) -> Outcome<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        let mut salt: Salt = [0; 16];
        salt[..3].copy_from_slice(MARK);
        salt[3] = if key.is_passphrase() { ARGON2ID } else { RAW };
        getrandom::fill(&mut salt[4..])
            .map_err(|error| Error::new(ErrorKind::Io, "the operating system gives no random bits").caused_by(error))?;
        Self::derive(key, &salt).map(Some)
    }

    /// For the file at `path`, which is there.
    pub(super) fn of_file(path: &Path, key: Option<&VaultKey>) -> Outcome<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        let salt = first_bytes(path)?;
        if &salt == PLAIN {
            // SQLite says whether it is a vault at all.
            super::schema::recognise(&super::settings::connect(path, super::settings::Access::Read, None)?)?;
            return Err(key_error("the vault is not encrypted: open it without a key, or encrypt it first"));
        }
        if !salt.starts_with(MARK) {
            return Err(Error::new(ErrorKind::Unsupported, "the file is no vault").into());
        }
        match (salt[3], key.is_passphrase()) {
            (RAW, false) | (ARGON2ID, true) => Self::derive(key, &salt).map(Some),
            (RAW, _) => Err(key_error("the vault's key has 256 bits, and a passphrase was given")),
            (ARGON2ID, _) => Err(key_error("the vault's key is a passphrase, and a key of 256 bits was given")),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "the vault's key is made in a way that this facevault does not know: use a later one",
            )
            .into()),
        }
    }

    fn derive(key: &VaultKey, salt: &Salt) -> Outcome<Self> {
        let bits = key.derive(salt)?;
        let (key, salt) = (digits(bits.as_slice()), digits(salt));
        let mut spec = Zeroizing::new(String::with_capacity(key.len() + salt.len() + 3));
        for part in ["x'", &key, &salt, "'"] {
            spec.push_str(part);
        }
        Ok(Self { spec })
    }

    /// Makes a connection that was just opened read and write what is encrypted with this key. Whether the key fits
    /// shows when the first page is read.
    pub(super) fn unlock(&self, connection: &Connection) -> Outcome<()> {
        self.unlock_schema(connection, c"main")
    }

    /// The same for a file that was attached under this name.
    pub(super) fn unlock_schema(&self, connection: &Connection, schema: &CStr) -> Outcome<()> {
        require_cipher(connection)?;
        vfs::pass_pages_on(connection, schema);
        attach(connection, schema, self.spec.as_bytes())?;
        let name = schema.to_string_lossy();
        // Those of SQLCipher 4, whatever the host has made the defaults of this process.
        connection.execute_batch(&format!(
            "PRAGMA {name}.cipher_compatibility = 4; PRAGMA {name}.cipher_plaintext_header_size = 0;
             PRAGMA {name}.cipher_page_size = {PAGE_SIZE}"
        ))?;
        Ok(())
    }
}

/// The key of vaults that get none, in facevault's own tests: so all of them run on encrypted vaults too. It needs a
/// feature that is for nothing else, and a variable.
#[cfg(feature = "test-encrypted")]
pub(super) fn stand_in() -> Option<&'static VaultKey> {
    static KEY: std::sync::LazyLock<Option<VaultKey>> = std::sync::LazyLock::new(|| {
        let wanted = std::env::var_os("FACEVAULT_TEST_ENCRYPTED").is_some_and(|value| value == "1");
        wanted.then(|| VaultKey::raw([0x5a; 32]))
    });
    KEY.as_ref()
}

#[cfg(not(feature = "test-encrypted"))]
pub(super) fn stand_in() -> Option<&'static VaultKey> {
    None
}

/// The same for the file at `path`, if it is encrypted.
pub(super) fn stand_in_for(path: &Path) -> Option<&'static VaultKey> {
    stand_in().filter(|_| first_bytes(path).is_ok_and(|salt| salt.starts_with(MARK)))
}

/// Whether everything that was read so far had the checksum that it was written with. After damage SQLCipher gives
/// zeros without an error, and goes on doing so on this connection.
pub(super) fn is_sound(connection: &Connection) -> Outcome<bool> {
    // Answered while the statement is prepared, so it must not be kept.
    let status: String = connection.query_row("PRAGMA cipher_status", [], |row| row.get(0))?;
    Ok(status == "1")
}

/// What is wrong with pages of the file, each in a sentence; nothing of what waits in the log.
pub(super) fn damaged_pages(connection: &Connection, most: usize) -> Outcome<Vec<String>> {
    let look = || -> Outcome<Vec<String>> {
        let mut statement = connection.prepare("PRAGMA cipher_integrity_check")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.take(most).collect::<rusqlite::Result<_>>()?)
    };
    let mut found = look()?;
    // A page that another connection was just writing is whole a moment later.
    for _ in 0..3 {
        if found.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        let again = look()?;
        found.retain(|finding| again.contains(finding));
    }
    Ok(found)
}

/// Says more of a file that was not recognised as a vault. `keyed` is whether a key was used.
pub(super) fn explain(fault: Fault, path: &Path, keyed: bool) -> Fault {
    if !matches!(&fault, Fault::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase)) {
        return fault;
    }
    if keyed {
        return key_error("the key does not fit the vault, or its first page is damaged");
    }
    match first_bytes(path) {
        Ok(salt) if salt.starts_with(MARK) => key_error("the vault is encrypted: a key is needed to open it"),
        _ => fault,
    }
}

/// The first bytes of a file. They are read by SQLite's own handle: see `open.rs`.
fn first_bytes(path: &Path) -> Outcome<Salt> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_ONLY;
    vfs::first_bytes(&Connection::open_with_flags_and_vfs(path, flags, vfs::name()?)?)
}

#[allow(unsafe_code)]
fn attach(connection: &Connection, schema: &CStr, spec: &[u8]) -> Outcome<()> {
    /// SQLCipher's own log goes to standard error, with a line for each wrong key.
    static QUIET: Once = Once::new();
    let mut quiet = Ok(());
    QUIET.call_once(|| quiet = connection.pragma_update_and_check(None, "cipher_log_level", "NONE", |_| Ok(())));
    quiet?;
    let length = spec.len() as c_int;
    // SAFETY: the connection is open and used by this thread alone while it is borrowed, the name is a C string, and
    // the bytes are there for the length that is given; SQLCipher copies them.
    let code = unsafe { ffi::sqlite3_key_v2(connection.handle(), schema.as_ptr(), spec.as_ptr().cast(), length) };
    if code == ffi::SQLITE_OK {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
}

/// Refuses an SQLite that takes keys and encrypts nothing, as that of a host may be.
fn require_cipher(connection: &Connection) -> Outcome<()> {
    let mut statement = connection.prepare("PRAGMA cipher_version")?;
    if statement.query([])?.next()?.is_some() {
        return Ok(());
    }
    let message = "this program was linked with an SQLite that cannot encrypt, so encrypted vaults cannot be used";
    Err(Error::new(ErrorKind::Unsupported, message).into())
}

fn key_error(what: &str) -> Fault {
    Error::new(ErrorKind::Key, what).into()
}

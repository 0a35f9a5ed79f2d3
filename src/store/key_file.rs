//! Files with the key of a vault.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::vault_key::VaultKey;

/// Bytes that a key file has at most.
const MOST: u64 = 4096;

impl VaultKey {
    /// Reads a key file: one line with 64 hexadecimal digits or a passphrase. Nobody but its owner may be able to
    /// read it, which is not checked on Windows, nor of what is no regular file, such as a pipe.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such file, [`ErrorKind::Key`] where others can read it or it
    /// holds no key, [`ErrorKind::Io`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let key_error = |what: &str| Error::new(ErrorKind::Key, format!("{}: {what}", path.display()));
        let file = File::open(path).map_err(|error| system(path, error))?;
        let found = file.metadata().map_err(|error| system(path, error))?;
        if found.is_dir() {
            return Err(key_error("this is a folder, not a key file"));
        }
        #[cfg(unix)]
        if found.is_file() {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = found.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                let what = format!("others can read this key file (its mode is {mode:03o}): run `chmod 600` on it");
                return Err(key_error(&what));
            }
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize + 1));
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| system(path, error))?;
        if bytes.len() as u64 > MOST {
            return Err(key_error("a key file has one line, this file has more than 4,096 bytes"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| key_error("the key file is not text in UTF-8"))?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        VaultKey::parse(line).map_err(|error| key_error(&format!("the key file holds no key: {error}")))
    }

    /// Makes a key of 256 random bits and a file with it that only its owner can read.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where there is a file of that name, [`ErrorKind::Io`].
    pub fn create_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let key = Self::generate()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            let line = key.reveal().unwrap_or_default();
            let mut write = || {
                file.write_all(line.as_bytes())?;
                file.write_all(b"\n")?;
                file.sync_all()?;
                sync_folder_of(path)
            };
            let written = write();
            if written.is_err() {
                // Half a key is worse than none.
                let _ = fs::remove_file(path);
            }
            written
        });
        written.map_err(|error| system(path, error))?;
        Ok(key)
    }
}

/// Makes the file's name durable: a vault without its key is lost.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> io::Result<()> {
    Ok(())
}

fn system(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("the key file {}: {error}", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let key = VaultKey::create_file(&path).expect("made");
        assert_eq!(VaultKey::from_file(&path).expect("read").reveal(), key.reveal());
        let again = VaultKey::create_file(&path).expect_err("it is there");
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            for mode in [0o640, 0o604, 0o660] {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
                let error = VaultKey::from_file(&path).expect_err("others can read it");
                assert_eq!(error.kind(), ErrorKind::Key);
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }

    #[test]
    fn what_holds_no_key_is_told_without_showing_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        assert_eq!(VaultKey::from_file(&path).expect_err("none").kind(), ErrorKind::NotFound);
        VaultKey::create_file(&path).expect("made");
        for wrong in [&b""[..], b"short", b"a passphrase of\ntwo lines", &[0xff; 64], &[b'x'; 5000]] {
            fs::write(&path, wrong).expect("written");
            let error = VaultKey::from_file(&path).expect_err("no key");
            assert_eq!(error.kind(), ErrorKind::Key);
            assert!(!error.to_string().contains("passphrase of"), "{error}");
        }
        fs::write(&path, "correct horse battery\r\n").expect("written");
        VaultKey::from_file(&path).expect("a passphrase");
    }
}

//! Files and folders that get their name when they are whole.
//!
//! What is being written to `DIR/NAME` is called `DIR/.NAME.partial` until then. Only its owner can read it: it holds
//! biometric data. Whoever writes it holds a lock on it, so a partial file without a lock is what a killed process
//! left behind, and the next export to that name clears it away. A folder that is replaced is called `DIR/.NAME.old`
//! for a moment; if the process is killed in that moment, the next export first gives it its name back.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::system;
use crate::error::{Error, ErrorKind, Result};

/// The lock of a folder, inside it until it is whole.
const LOCK: &str = ".lock";

/// Something that is being written.
pub(super) struct Destination {
    path: PathBuf,
    partial: PathBuf,
    kind: Kind,
    replace: bool,
    /// Locked, and for a file what is written to.
    lock: File,
    is_whole: bool,
}

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

impl Destination {
    /// Begins to write to `path`. With `replace` something that is there already is replaced in the end, if
    /// `is_replaceable` says so.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], [`ErrorKind::Busy`] while somebody else writes there, [`ErrorKind::Io`].
    pub(super) fn begin(
        path: &Path,
        kind: Kind,
        replace: bool,
        is_replaceable: impl Fn(&Path) -> bool,
    ) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("{} is no name for a file or folder", path.display()))
        })?;
        let beside = |end: &str| {
            let mut beside = OsString::from(".");
            beside.push(name);
            beside.push(end);
            path.with_file_name(beside)
        };
        let (partial, old) = (beside(".partial"), beside(".old"));
        let lock = match kind {
            Kind::File => lock_file(&partial)?,
            Kind::Folder => lock_folder(&partial)?,
        };
        let begun = Self { path: path.to_owned(), partial, kind, replace, lock, is_whole: false };
        if kind == Kind::Folder && old.is_dir() {
            let tidied = if is_there(path) { fs::remove_dir_all(&old) } else { fs::rename(&old, path) };
            tidied.map_err(|error| system("tidy up", &old, error))?;
        }
        if is_there(path) {
            if !replace {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("{} exists already", path.display())));
            }
            let is_of_kind = path.is_dir() == (kind == Kind::Folder);
            if !is_of_kind || !is_replaceable(path) {
                let message = format!(
                    "{} is not what would be written there, so it is not replaced: remove it, or choose another name",
                    path.display()
                );
                return Err(Error::new(ErrorKind::AlreadyExists, message));
            }
        }
        Ok(begun)
    }

    /// Where it is written.
    pub(super) fn partial(&self) -> &Path {
        &self.partial
    }

    /// A handle to the file that is written.
    pub(super) fn file(&self) -> Result<File> {
        self.lock.try_clone().map_err(|error| system("write", &self.partial, error))
    }

    /// Gives what was written its name; it is on the disk then.
    pub(super) fn finish(mut self) -> Result<()> {
        let cannot = |error| system("write", &self.path, error);
        match self.kind {
            Kind::File => {
                self.lock.sync_all().map_err(cannot)?;
                let file = tempfile::TempPath::try_from_path(&self.partial).map_err(cannot)?;
                let named = if self.replace { file.persist(&self.path) } else { file.persist_noclobber(&self.path) };
                named.map_err(|error| cannot(error.error))?;
            }
            Kind::Folder => {
                fs::remove_file(self.partial.join(LOCK)).map_err(cannot)?;
                sync_all_below(&self.partial).map_err(cannot)?;
                self.name_folder().map_err(cannot)?;
            }
        }
        self.is_whole = true;
        sync_folder_of(&self.path).map_err(|error| system("write", &self.path, error))
    }

    fn name_folder(&self) -> io::Result<()> {
        if !is_there(&self.path) {
            return fs::rename(&self.partial, &self.path);
        }
        if !self.replace {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut old = self.partial.clone();
        old.set_extension("old");
        fs::rename(&self.path, &old)?;
        fs::rename(&self.partial, &self.path).inspect_err(|_| {
            // Best effort: otherwise the next export does it.
            let _ = fs::rename(&old, &self.path);
        })?;
        fs::remove_dir_all(&old)
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        let removed = match self.kind {
            Kind::File => fs::remove_file(&self.partial),
            Kind::Folder => fs::remove_dir_all(&self.partial),
        };
        if let Err(error) = removed
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.partial.display(), "an unfinished export could not be removed");
        }
    }
}

/// Whether there is anything of that name, a link to nowhere included.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Makes a file that its owner alone can read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().create_new(true)).open(path)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
    }
    options
}

/// Makes a folder that its owner alone can read.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A new, empty file that is locked, in the place of one that was left behind.
fn lock_file(path: &Path) -> Result<File> {
    let cannot = |error| system("write", path, error);
    loop {
        match create_private(path) {
            Ok(file) => {
                if lock(&file, path)? && is_at(&file, path) {
                    return Ok(file);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let left = match private(&mut OpenOptions::new()).open(path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    left => left.map_err(cannot)?,
                };
                if !lock(&left, path)? {
                    return Err(busy(path));
                }
                // Whoever else came by may have put a new one in its place.
                if is_at(&left, path) {
                    fs::remove_file(path).map_err(cannot)?;
                }
            }
            Err(error) => return Err(cannot(error)),
        }
    }
}

/// A folder that is locked and empty but for its lock.
fn lock_folder(path: &Path) -> Result<File> {
    let cannot = |error| system("write", path, error);
    match create_private_folder(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(cannot(error)),
        _ => {}
    }
    if !path.symlink_metadata().map_err(cannot)?.is_dir() {
        return Err(Error::new(ErrorKind::AlreadyExists, format!("{} is in the way", path.display())));
    }
    // Nobody else's: that would be refused.
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(cannot)?;
    let place = path.join(LOCK);
    let file = private(OpenOptions::new().create(true).truncate(false)).open(&place).map_err(cannot)?;
    if !lock(&file, path)? || !is_at(&file, &place) {
        return Err(busy(path));
    }
    for entry in fs::read_dir(path).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        if entry.file_name() == LOCK {
            continue;
        }
        let is_dir = entry.file_type().map_err(cannot)?.is_dir();
        let removed = if is_dir { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        removed.map_err(cannot)?;
    }
    Ok(file)
}

/// Locks a file unless somebody else has.
fn lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(error)) => Err(system("lock", path, error)),
    }
}

fn busy(path: &Path) -> Error {
    Error::new(ErrorKind::Busy, format!("another export is writing {}", path.display()))
}

/// Whether the file is the one of that name still.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), path.symlink_metadata()), (Ok(own), Ok(named)) if place(&own) == place(&named))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Brings a folder and all that is in it onto the disk: of as many files as there are photos, so at once where the
/// system can.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn sync_all_below(folder: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    let folder = File::open(folder)?;
    // SAFETY: it takes the descriptor of an open file and nothing else.
    match unsafe { libc::syncfs(folder.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn sync_all_below(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => sync_all_below(&entry.path())?,
            // Windows syncs what was opened for writing, nothing else.
            false => OpenOptions::new().write(true).open(entry.path())?.sync_all()?,
        }
    }
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Makes the name durable.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn begin(path: &Path, kind: Kind, replace: bool) -> Result<Destination> {
        Destination::begin(path, kind, replace, |_| true)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("listed");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        let begun = begin(&path, Kind::File, false).expect("begun");
        begun.file().expect("a handle").write_all(b"one").expect("written");
        assert_eq!(names(folder.path()), [".out.partial"]);
        assert_eq!(begin(&path, Kind::File, false).err().expect("locked").kind(), ErrorKind::Busy);
        begun.finish().expect("named");
        assert_eq!((names(folder.path()), fs::read(&path).expect("read")), (vec!["out".to_owned()], b"one".to_vec()));
        assert_eq!(begin(&path, Kind::File, false).err().expect("there").kind(), ErrorKind::AlreadyExists);
        assert_eq!(begin(&path, Kind::Folder, true).err().expect("a file").kind(), ErrorKind::AlreadyExists);
        let never = Destination::begin(&path, Kind::File, true, |_| false);
        assert_eq!(never.err().expect("another's").kind(), ErrorKind::AlreadyExists);
        drop(begin(&path, Kind::File, true).expect("begun"));
        assert_eq!(fs::read(&path).expect("read"), b"one", "what was given up changes nothing");
        begin(&path, Kind::File, true).expect("begun").finish().expect("named");
        assert_eq!((names(folder.path()), fs::read(&path).expect("read")), (vec!["out".to_owned()], Vec::new()));
    }

    #[test]
    fn a_name_that_somebody_took_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        let begun = begin(&path, Kind::File, false).expect("begun");
        fs::write(&path, "another's").expect("written");
        assert_eq!(begun.finish().expect_err("taken").kind(), ErrorKind::AlreadyExists);
        assert_eq!(
            (names(folder.path()), fs::read(&path).expect("read")),
            (vec!["out".to_owned()], b"another's".to_vec())
        );
        let path = folder.path().join("folder");
        let begun = begin(&path, Kind::Folder, false).expect("begun");
        fs::create_dir(&path).expect("made");
        assert_eq!(begun.finish().expect_err("taken").kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(folder.path()), ["folder", "out"]);
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, out) = (folder.path().join("file"), folder.path().join("out"));
        fs::write(folder.path().join(".file.partial"), "left").expect("written");
        begin(&file, Kind::File, false).expect("begun").finish().expect("named");
        assert_eq!(fs::read(&file).expect("read"), b"");
        let partial = folder.path().join(".out.partial");
        fs::create_dir_all(partial.join("people/x")).expect("made");
        fs::write(partial.join("people.csv"), "left").expect("written");
        let begun = begin(&out, Kind::Folder, false).expect("begun");
        fs::write(begun.partial().join("new"), "").expect("written");
        begun.finish().expect("named");
        assert_eq!((names(&out), names(folder.path())), (vec!["new".to_owned()], vec!["file".into(), "out".into()]));
        // Killed between the two renames of a replacement.
        fs::rename(&out, folder.path().join(".out.old")).expect("renamed");
        assert_eq!(begin(&out, Kind::Folder, false).err().expect("there").kind(), ErrorKind::AlreadyExists);
        assert_eq!((names(&out), names(folder.path())), (vec!["new".to_owned()], vec!["file".into(), "out".into()]));
        begin(&out, Kind::Folder, true).expect("begun").finish().expect("named");
        assert_eq!((names(&out).len(), names(folder.path()).len()), (0, 2));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it_and_links_are_not_followed() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let (file, out) = (folder.path().join("file"), folder.path().join("out"));
        begin(&file, Kind::File, false).expect("begun").finish().expect("named");
        begin(&out, Kind::Folder, false).expect("begun").finish().expect("named");
        assert_eq!((mode(&file), mode(&out)), (0o600, 0o700));
        let target = folder.path().join("target");
        fs::write(&target, "another's").expect("written");
        symlink(&target, folder.path().join(".new.partial")).expect("a link");
        assert_eq!(begin(&folder.path().join("new"), Kind::File, false).err().expect("a link").kind(), ErrorKind::Io);
        assert_eq!(
            begin(&folder.path().join("new"), Kind::Folder, false).err().expect("a link").kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&target).expect("read"), b"another's");
    }
}

//! A copy of a vault that is in use.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::cipher::FileKey;
use super::error::Outcome;
use super::open::{PendingFile, absolute};
use super::settings::BUSY_TIMEOUT;
use super::{Store, schema, vfs};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Step};

/// Pages copied between two reports of progress: 8 MiB.
const STEP: i32 = 1024;

impl Store {
    /// Copies the vault as it is at this moment to a new file, while readers and writers go on.
    /// The copy appears under its name when it is whole and on the disk; that of an encrypted vault is encrypted with the
    /// same key. `progress` counts bytes and
    /// may break it off: then nothing is left behind.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where there is a file of that name, [`ErrorKind::Io`] where it
    /// cannot be written, [`ErrorKind::Cancelled`] where it was broken off, and as for every read.
    pub fn backup(&self, target: impl AsRef<Path>, progress: &mut dyn Progress) -> Result<()> {
        let target = absolute(target.as_ref())?;
        let pending = PendingFile::new(&target)?;
        self.read(|source| Ok(copy(source, pending.path(), self.inner.key(), self.is_in_memory(), progress)))?
            .map_err(|fault| fault.into_error(&target))?;
        pending.name()
    }
}

fn copy(
    source: &Connection,
    target: &Path,
    key: Option<&FileKey>,
    from_memory: bool,
    progress: &mut dyn Progress,
) -> Outcome<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags_and_vfs(target, flags, vfs::name()?)?;
    if let Some(key) = key {
        key.unlock(&copy)?;
    }
    // Nobody else knows the file: it is synced once, when it is whole.
    copy.pragma(None, "journal_mode", "OFF", |_| Ok(()))?;
    copy.pragma(None, "synchronous", "OFF", |_| Ok(()))?;
    let backup = Backup::new(source, &mut copy)?;
    let mut deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match backup.step(STEP)? {
            step @ (StepResult::Done | StepResult::More) => {
                let pages = backup.progress();
                let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * u64::from(schema::PAGE_SIZE.unsigned_abs());
                let (copied, total) = (bytes(pages.pagecount - pages.remaining), bytes(pages.pagecount));
                let going = progress.report(Step::bytes("copying", copied, Some(total)));
                if step == StepResult::Done {
                    break;
                }
                if going.is_break() {
                    return Err(
                        Error::new(ErrorKind::Cancelled, "the backup was broken off, nothing of it is left").into()
                    );
                }
                deadline = Instant::now() + BUSY_TIMEOUT;
            }
            _ if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let message = format!("{}: the vault was held for longer than 5 seconds", target.display());
                return Err(Error::new(ErrorKind::Busy, message).into());
            }
        }
    }
    drop(backup);
    if from_memory {
        // A file says of itself that it has a write-ahead log, what is in memory does not.
        copy.pragma(None, "journal_mode", "WAL", |_| Ok(()))?;
    }
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::person::NewPerson;
    use crate::store::{CreateOptions, PreparedImage, PreparedImages};

    #[test]
    fn a_backup_that_is_broken_off_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path().join("v"), &CreateOptions::default()).expect("a vault");
        let client = store.default_client().expect("a client");
        let person = NewPerson { name: "Ada".into(), images: vec![vec![7; 16 << 20].into()], ..NewPerson::default() };
        let images = vec![PreparedImage::new(&person.images[0])];
        let prepared = PreparedImages { images, ..PreparedImages::default() };
        store.insert_person(&client, &person, &prepared).expect("a person");
        let files = || std::fs::read_dir(folder.path()).expect("listed").count();
        let (before, mut steps) = (files(), 0);
        let broken = store.backup(folder.path().join("copy"), &mut |_: Step<'_>| {
            steps += 1;
            ControlFlow::Break(())
        });
        assert_eq!(broken.map_err(|error| error.kind()), Err(ErrorKind::Cancelled));
        assert_eq!((steps, files()), (1, before));
        store.backup(folder.path().join("copy"), &mut ()).expect("whole");
    }
}

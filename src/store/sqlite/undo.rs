//! A write whose commit failed.
//!
//! When the disk fails to sync the log, SQLite takes the write back, but its pages stay in the log behind the
//! last one that counts. After a crash they would count: a write that was refused would take effect. So
//! another write takes their place at once, a small one. If that is on the disk, the first one is undone for
//! certain; if the disk refuses it too, nobody can tell, and the error says so.

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::error::{Fault, Outcome};
use super::{erasure, rows};
use crate::error::{Error, ErrorKind};

/// How often taking the place of what was refused is tried.
const ATTEMPTS: u32 = 3;

/// The error of a write whose commit failed with `error`, after the write was made undone if that was possible.
pub(super) fn failed(writer: &Connection, error: rusqlite::Error) -> Fault {
    // SQLite found these before it wrote anything to the log.
    let is_early = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    );
    // Of a write for which the disk had no room the end is missing in the log, so it never counts.
    let is_full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
    if is_early || (0..ATTEMPTS).any(|_| take_its_place(writer).is_ok()) || is_full {
        return error.into();
    }
    let message = "the disk failed while a change was being written, so it may or may not be there when the vault is \
                   opened again: repair the disk, read it again, and repeat it if it is missing";
    Error::new(ErrorKind::OutcomeUnknown, message).caused_by(error).into()
}

fn take_its_place(writer: &Connection) -> Outcome<()> {
    let transaction = Transaction::new_unchecked(writer, TransactionBehavior::Immediate)?;
    rows::verify_meta(&transaction)?;
    // What was refused is in the log as well, and is to leave it.
    erasure::note(&transaction)?;
    rows::seal_meta(&transaction)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::error::Result;
    use crate::person::{ClientId, NewPerson, PersonId, PersonUpdate};
    use crate::store::sqlite::settings::{self, Access};
    use crate::store::sqlite::vfs::faults::{self, Plan};
    use crate::store::{CreateOptions, PreparedImages, Store};

    struct Vault {
        folder: tempfile::TempDir,
        store: Store,
        client: ClientId,
        person: PersonId,
    }

    impl Vault {
        fn new() -> Result<Self> {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::create(folder.path().join("v"), &CreateOptions::default())?;
            let client = store.default_client()?;
            let new = NewPerson::named("before");
            let person = store.insert_person(&client, &new, &PreparedImages::default())?.person.id;
            let vault = Self { folder, store, client, person };
            // The first one empties the log; the next write is not to be the first one in it.
            vault.rename("older")?;
            vault.rename("old")?;
            Ok(vault)
        }

        fn rename(&self, name: &str) -> Result<()> {
            let update = PersonUpdate { name: Some(name.into()), ..PersonUpdate::default() };
            self.store.update_person(&self.client, &self.person, &update, &PreparedImages::default()).map(drop)
        }

        fn name(&self) -> Result<String> {
            Ok(self.store.person(&self.client, &self.person)?.name)
        }

        fn fail(&self, plan: Plan) {
            faults::plan(&self.folder.path().join("v-wal"), plan);
        }

        /// Copies of file and log at this moment, as if the process had been killed.
        fn crashed(&self) -> tempfile::TempDir {
            let crashed = tempfile::tempdir().expect("a folder");
            for name in ["v", "v-wal"] {
                fs::copy(self.folder.path().join(name), crashed.path().join(name)).expect("copied");
            }
            crashed
        }

        /// The name after the process was killed at this moment, in a vault that is whole.
        fn name_after_a_crash(&self) -> Result<String> {
            let crashed = self.crashed();
            let store = Store::open(crashed.path().join("v"))?;
            assert!(store.check()?.is_clean());
            Ok(store.person(&self.client, &self.person)?.name)
        }
    }

    #[test]
    fn a_write_whose_sync_fails_is_undone_for_certain() -> Result<()> {
        let vault = Vault::new()?;
        // What the fault would do by itself: a refused write takes effect after a crash.
        let raw = settings::connect(vault.store.path(), Access::Write, vault.store.inner.key()).expect("opens");
        settings::apply(&raw, Access::Write).expect("sets");
        vault.fail(Plan { syncs: 1, ..Plan::default() });
        raw.execute("UPDATE persons SET name = 'refused'", []).expect_err("the disk failed");
        let folder = vault.crashed();
        let crashed =
            settings::connect(&folder.path().join("v"), Access::Write, vault.store.inner.key()).expect("opens");
        let name: String = crashed.query_row("SELECT name FROM persons", [], |row| row.get(0)).expect("a name");
        assert_eq!((vault.name()?.as_str(), name.as_str()), ("old", "refused"));
        drop(raw);
        vault.rename("older")?;

        for plan in [Plan { syncs: 1, ..Plan::default() }, Plan { writes: 1, spared: 1, ..Plan::default() }] {
            vault.fail(plan);
            let error = vault.rename("refused").expect_err("the disk failed");
            assert_eq!(error.kind(), ErrorKind::Io, "{plan:?}: {error}");
            assert_eq!(faults::left(&vault.folder.path().join("v-wal")), Plan::default(), "{plan:?}");
            assert_eq!((vault.name()?.as_str(), vault.name_after_a_crash()?.as_str()), ("older", "older"), "{plan:?}");
        }
        vault.rename("new")?;
        assert_eq!((vault.name()?.as_str(), vault.name_after_a_crash()?.as_str()), ("new", "new"));
        Ok(())
    }

    #[test]
    fn a_write_that_cannot_be_undone_is_told_as_unknown() -> Result<()> {
        let vault = Vault::new()?;
        vault.fail(Plan { syncs: 100, ..Plan::default() });
        let error = vault.rename("perhaps").expect_err("the disk failed");
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(vault.name()?, "old");
        let removed = vault.store.remove_person(&vault.client, &vault.person, None);
        assert_eq!(removed.map_err(|error| error.kind()).map(drop), Err(ErrorKind::OutcomeUnknown));
        // Any write that is on the disk takes the place of what was refused.
        vault.fail(Plan::default());
        vault.rename("new")?;
        assert_eq!((vault.name()?.as_str(), vault.name_after_a_crash()?.as_str()), ("new", "new"));
        Ok(())
    }

    #[test]
    fn a_migration_that_is_refused_leaves_no_log() -> Result<()> {
        let packed = include_bytes!("../../../tests/data/vault-v4.gz");
        let (mut bytes, folder) = (Vec::new(), tempfile::tempdir().expect("a folder"));
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut bytes).expect("unpacks");
        let [path, log] = ["v", "v-wal"].map(|name| folder.path().join(name));
        fs::write(&path, bytes).expect("a vault");
        // The sync of the log's header goes well, that of the commit and all later ones fail.
        faults::plan(&log, Plan { spared: 1, syncs: 100, ..Plan::default() });
        let error = Store::open(&path).expect_err("the disk failed");
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert_eq!(faults::left(&log), Plan { syncs: 99, ..Plan::default() });
        assert!(!log.exists(), "the next program would take what was refused for written");
        faults::plan(&log, Plan::default());
        assert!(Store::open(&path)?.check()?.is_clean());
        Ok(())
    }

    #[test]
    fn a_folder_that_cannot_be_synced_is_an_error() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = fs::canonicalize(folder.path()).map(|path| (path, folder)).expect("a folder");
        let path: &Path = &folder.0.join("v");
        faults::plan(&folder.0, Plan { spared: 1, syncs: 1, ..Plan::default() });
        let error = Store::create(path, &CreateOptions::default()).expect_err("the disk failed");
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        let store = Store::open(path)?;
        // The first write makes the log, whose name has to be durable too.
        faults::plan(&folder.0, Plan { syncs: 1, ..Plan::default() });
        let new = NewPerson::named("a");
        let error = store.insert_person(&store.default_client()?, &new, &PreparedImages::default());
        assert_eq!(error.map_err(|error| error.kind()).map(drop), Err(ErrorKind::Io));
        assert_eq!(faults::left(&folder.0), Plan::default());
        store.insert_person(&store.default_client()?, &new, &PreparedImages::default())?;
        Ok(())
    }
}

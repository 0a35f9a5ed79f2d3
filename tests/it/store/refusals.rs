//! Files that are no vault, and disks that do not take one.

use std::fs;
use std::path::Path;
use std::process::Command;

use facevault::store::{CreateOptions, Store, Written};
use facevault::{ClientId, Error, ErrorKind, PersonQuery, Result};

use super::{Vault, Writes, person, without_encodings};
use crate::children;

#[test]
fn settings_are_as_asked_for() -> Result<()> {
    let vault = Vault::new();
    let reader = Store::open_read_only(vault.path())?;
    for store in [&vault.store, &reader] {
        let settings = store.settings()?;
        for (name, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("secure_delete", "1"),
            ("trusted_schema", "0"),
            ("cell_size_check", "1"),
            ("mmap_size", "0"),
            ("busy_timeout", "5000"),
            ("temp_store", "2"),
            ("defensive", "on"),
        ] {
            assert!(settings.iter().any(|(n, v)| *n == name && v == value), "{name} is not {value}: {settings:?}");
        }
    }
    Ok(())
}

#[test]
fn files_that_are_no_vault_are_refused_and_stay_as_they_are() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text"), "Dear reader, this is no database. ".repeat(500)).expect("a file");
    fs::write(path("short"), "SQLite format 3\0").expect("a file");
    fs::write(path("empty"), "").expect("a file");
    fs::create_dir(path("folder")).expect("a folder");
    let database = |name: &str, sql: &str| {
        rusqlite::Connection::open(path(name)).expect("a file").execute_batch(sql).expect("SQL");
    };
    database("foreign", "CREATE TABLE t (x); INSERT INTO t VALUES (1);");
    database("foreign-wal", "PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA user_version = 1;");

    for (name, word) in [
        ("text", "no vault"),
        ("short", "no vault"),
        ("empty", "empty"),
        ("folder", "folder"),
        ("foreign", "no vault"),
        ("foreign-wal", "no vault"),
    ] {
        let before = fs::read(path(name)).ok();
        for error in [Store::open(path(name)).map(drop), Store::open_read_only(path(name)).map(drop)] {
            let error = error.expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
            assert!(error.to_string().contains(word), "{name}: {error}");
        }
        assert_eq!(fs::read(path(name)).ok(), before, "{name} was changed");
        let error = Store::create(path(name), &CreateOptions::default()).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{name}: {error}");
        assert_eq!(fs::read(path(name)).ok(), before, "{name} was changed");
    }
    for error in [Store::open(path("nothing")), Store::open_read_only(path("nothing"))] {
        assert_eq!(error.expect_err("nothing there").kind(), ErrorKind::NotFound);
    }
    let error = Store::create(path("nowhere/v"), &CreateOptions::default()).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!path("nothing").exists());
    Ok(())
}

#[test]
fn a_vault_of_a_later_version_is_refused_even_while_it_is_open() -> Result<()> {
    let vault = Vault::new();
    let raw = vault.raw();
    let present: i32 = raw.pragma_query_value(None, "user_version", |row| row.get(0)).expect("reads");
    raw.pragma_update(None, "user_version", 999).expect("sets");
    let later = |result: Result<()>| {
        let error = result.expect_err("a later version");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("999"), "{error}");
    };
    later(Store::open(vault.path()).map(drop));
    later(Store::open_read_only(vault.path()).map(drop));
    later(vault.store.insert(&vault.client, &person("Ada", &[])).map(drop));
    later(vault.store.persons(&vault.client, &PersonQuery::default()).map(drop));
    raw.pragma_update(None, "user_version", present).expect("sets");
    assert_eq!(vault.total(), 0);
    Ok(())
}

#[test]
fn names_that_sqlite_would_read_as_something_else_are_file_names() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["file:memory?mode=memory", ":memory:", "a%20b#c?d", "Zoë 王"] {
        let path = folder.path().join(name);
        let store = Store::create(&path, &CreateOptions::default())?;
        let client = store.default_client()?;
        store.insert(&client, &person("Ada", &[]))?;
        assert_eq!(store.path(), path);
        drop(store);
        assert!(path.is_file(), "{name}");
        assert_eq!(Store::open(&path)?.persons(&client, &PersonQuery::default())?.total, 1);
    }
    Ok(())
}

#[test]
fn a_store_for_reading_writes_nothing() -> Result<()> {
    let vault = Vault::new();
    let id = vault.store.insert(&vault.client, &person("Ada", &[b"a"]))?.person.id;
    let reader = Store::open_read_only(vault.path())?;
    assert!(reader.is_read_only() && !vault.store.is_read_only());
    assert_eq!(reader.person(&vault.client, &id)?, vault.store.person(&vault.client, &id)?);
    let error = reader.remove_person(&vault.client, &id, None).expect_err("for reading only");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("reading only"), "{error}");
    // It sees what others write.
    vault.store.remove_person(&vault.client, &id, None)?;
    assert_eq!(reader.person(&vault.client, &id).expect_err("it is gone").kind(), ErrorKind::NotFound);
    Ok(())
}

#[test]
fn places_where_nothing_can_be_written_are_an_error_of_the_disk() {
    if !Path::new("/sys/kernel").is_dir() {
        eprintln!("skipped: places_where_nothing_can_be_written_are_an_error_of_the_disk: no /sys");
        return;
    }
    let error = Store::create("/sys/v.facevault", &CreateOptions::default()).expect_err("not there");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_can_only_be_read_is_an_error_of_the_disk() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let vault = Vault::new();
    let (folder, path) = (vault.folder.path().to_owned(), vault.path());
    drop(vault.store);
    let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("sets");
    mode(0o555);
    if fs::write(folder.join("probe"), "").is_ok() {
        mode(0o755);
        eprintln!("skipped: a_folder_that_can_only_be_read_is_an_error_of_the_disk: this user may write everywhere");
        return Ok(());
    }
    let errors = [Store::open(&path).map(drop), Store::open_read_only(&path).map(drop)];
    let create = Store::create(folder.join("new"), &CreateOptions::default()).map(drop);
    mode(0o755);
    for error in errors.into_iter().chain([create]) {
        assert_eq!(error.expect_err("not writable").kind(), ErrorKind::Io);
    }
    assert_eq!(Store::open(&path)?.clients()?.len(), 1);
    Ok(())
}

/// A child of `test` with a file system of `kibibytes` of its own at `folder`, which only it sees.
/// `None` where this user may not have one.
fn on_small_disk(test: &str, folder: &Path, kibibytes: u32) -> Option<(Vec<String>, bool)> {
    let own = children::command(test, &folder.display().to_string());
    let mut command = Command::new("unshare");
    let script = format!("mount -t tmpfs -o size={kibibytes}k none \"$0\" && exec \"$@\"");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).arg(folder).arg(own.get_program());
    command.args(own.get_args());
    for (name, value) in own.get_envs() {
        command.env(name, value.expect("a value"));
    }
    if !Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        eprintln!("skipped: {test}: no file system of its own");
        return None;
    }
    Some(children::start_command(command).finish())
}

fn insert_large(store: &Store, client: &ClientId, n: u8) -> Result<Written> {
    let new = person("P", &[&[n; 100_000]]);
    store.insert_person(client, &new, &without_encodings(&new.images))
}

#[test]
fn a_full_disk_keeps_what_was_acknowledged() -> Result<()> {
    if let Some(folder) = children::part() {
        return fill_up(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let test = "store::refusals::a_full_disk_keeps_what_was_acknowledged";
    if let Some((lines, passed)) = on_small_disk(test, folder.path(), 4_096) {
        assert!(passed && lines == ["full"], "the child failed: {lines:?}");
    }
    Ok(())
}

fn fill_up(folder: &Path) -> Result<()> {
    let path = folder.join("v");
    let store = Store::create(&path, &CreateOptions::default())?;
    let client = store.default_client()?;
    let mut ids = Vec::new();
    let error = loop {
        match insert_large(&store, &client, ids.len() as u8) {
            Ok(written) => ids.push(written.person.id),
            Err(error) => break error,
        }
    };
    assert!(ids.len() > 3, "only {} persons found a place", ids.len());
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    let error = store.backup(folder.join("copy"), &mut ()).expect_err("no place");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(
        Store::create(folder.join("w"), &CreateOptions::default()).map_err(|e| e.kind()).err(),
        Some(ErrorKind::Io)
    );
    drop(store);

    let store = Store::open(&path)?;
    assert_eq!(store.persons(&client, &PersonQuery::default())?.total, ids.len() as u64);
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(store.person(&client, id)?.images[0].bytes.as_deref(), Some(&vec![n as u8; 100_000][..]));
    }
    assert!(store.check()?.is_clean());
    children::say("full");
    Ok(())
}

#[test]
fn a_vault_on_a_medium_that_can_only_be_read_can_be_read() -> Result<()> {
    if let Some(folder) = children::part() {
        return read_unwritable(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let test = "store::refusals::a_vault_on_a_medium_that_can_only_be_read_can_be_read";
    if let Some((lines, passed)) = on_small_disk(test, folder.path(), 8_192) {
        assert!(passed && lines == ["read"], "the child failed: {lines:?}");
    }
    Ok(())
}

fn read_unwritable(folder: &Path) -> Result<()> {
    let path = folder.join("a vault?");
    let store = Store::create(&path, &CreateOptions::default())?;
    let client = store.default_client()?;
    let id = insert_large(&store, &client, 1)?.person.id;
    // Another one as a crash leaves it: with changes in its log.
    let beside = |path: &Path, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        std::path::PathBuf::from(name)
    };
    let crashed = folder.join("crashed");
    for suffix in ["", "-wal"] {
        fs::copy(beside(&path, suffix), beside(&crashed, suffix)).expect("a copy");
    }
    let person = store.person(&client, &id)?;
    drop(store);
    let mounted = Command::new("mount").args(["-o", "remount,ro"]).arg(folder).status();
    assert!(mounted.is_ok_and(|status| status.success()));

    let disk = |error: Error| assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    disk(Store::open(&path).expect_err("it cannot be written"));
    disk(Store::create(folder.join("new"), &CreateOptions::default()).expect_err("it cannot be written"));
    let error = Store::open_read_only(&crashed).expect_err("changes wait in the log");
    assert!(error.to_string().contains("log"), "{error}");
    disk(error);

    let store = Store::open_read_only(&path)?;
    assert_eq!(store.person(&client, &id)?, person);
    assert!(store.check()?.is_clean() && store.settings()?.len() > 9);
    disk(store.remove_person(&client, &id, None).expect_err("it cannot be written"));
    children::say("read");
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_an_error_of_the_disk() -> Result<()> {
    if let Some(folder) = children::part() {
        let store = Store::open(Path::new(&folder).join("v.facevault"))?;
        let client = store.default_client()?;
        let error = loop {
            if let Err(error) = insert_large(&store, &client, 1) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        children::say(store.persons(&client, &PersonQuery::default())?.total);
        return Ok(());
    }
    let vault = Vault::new();
    let test = "store::refusals::a_file_that_may_not_grow_is_an_error_of_the_disk";
    let own = children::command(test, &vault.folder.path().display().to_string());
    // 1 MiB in blocks of 512 bytes; the signal that comes with the limit is ignored.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""]).arg(own.get_program());
    command.args(own.get_args());
    for (name, value) in own.get_envs() {
        command.env(name, value.expect("a value"));
    }
    let (lines, passed) = children::start_command(command).finish();
    assert!(passed, "the child failed: its output says why");
    assert_eq!(lines, [vault.total().to_string()]);
    assert!(vault.total() > 2 && vault.store.check()?.is_clean());
    Ok(())
}

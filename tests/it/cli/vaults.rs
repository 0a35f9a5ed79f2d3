//! The vault's file and the disk: exit code 4.

use super::Facevault;

#[test]
fn a_vault_is_checked_and_backed_up() {
    let test = Facevault::with_ada();
    assert!(test.run(["check", "v"]).ok().stdout.starts_with("ok   no damage in 1 people, 0 photos, 0 encodings"));
    let copied = test.run(["backup", "v", "copy", "--json"]).ok().json();
    let size = std::fs::metadata(test.path().join("copy")).expect("the copy").len();
    assert_eq!(copied["data"]["bytes"].as_u64(), Some(size));
    assert_eq!(test.run(["check", "copy", "--json"]).ok().json()["data"]["clean"], true);
    assert!(test.run(["person", "show", "copy", "ada"]).ok().stdout.contains("Ada Lovelace"));
    test.run(["backup", "v", "copy"]).fails(2, "the file exists");
    test.run(["backup", "v", "no/such/folder/copy"]).fails(2, "no such file or folder");
    let left: Vec<_> =
        std::fs::read_dir(test.path()).expect("listed").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn what_is_no_vault_is_refused() {
    let test = Facevault::new();
    test.write("text", "I am no vault, but long enough to be looked at. ".repeat(100));
    test.write("empty", "");
    std::fs::create_dir(test.path().join("folder")).expect("a folder");
    {
        let stranger = rusqlite::Connection::open(test.path().join("stranger")).expect("a database");
        stranger.execute_batch("CREATE TABLE mine (a); INSERT INTO mine VALUES (1)").expect("a table");
    }
    for name in ["text", "empty", "folder", "stranger"] {
        let before = std::fs::read(test.path().join(name)).ok();
        for command in [vec!["person", "list", name], vec!["check", name], vec!["person", "add", name, "--name", "A"]] {
            test.run(&command).fails(4, name);
        }
        assert_eq!(test.run(["check", name, "--json"]).fails(4, "").error_json()["error"], "unsupported", "{name}");
        assert_eq!(std::fs::read(test.path().join(name)).ok(), before, "{name} is as it was");
    }
    test.run(["person", "list", "none"]).fails(2, "none");
}

#[test]
fn a_vault_of_a_newer_version_is_refused() {
    let test = Facevault::with_ada();
    {
        let file = crate::data::database(test.path().join("v"));
        let version: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
        file.pragma_update(None, "user_version", version + 1).expect("raised");
    }
    for command in [vec!["person", "show", "v", "ada"], vec!["person", "update", "v", "ada", "--name", "B"]] {
        test.run(&command).fails(4, "v: the vault has schema version");
    }
}

#[test]
fn damage_is_told() {
    // Looks for what people wrote in the file's bytes.
    if crate::data::vaults_are_encrypted() {
        return;
    }
    let test = Facevault::with_ada();
    let path = test.path().join("v");
    let mut bytes = std::fs::read(&path).expect("the vault");
    let place = bytes.windows(12).rposition(|window| window == b"Ada Lovelace").expect("the name is in the file");
    let page_size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let page = place / page_size * page_size;
    bytes[page..page + 8].fill(0xff);
    std::fs::write(&path, bytes).expect("written");
    let run = test.run(["check", "v"]);
    assert!(run.code == 4 && run.stdout.starts_with("BAD  "), "{run:#?}");
    let run = test.run(["check", "v", "--json"]);
    assert!(run.code == 4 && run.json()["data"]["clean"] == false, "{run:#?}");
    test.run(["person", "show", "v", "ada"]).fails(4, "`facevault check` lists everything");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_told() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65_534;
    let test = Facevault::with_ada();
    let allow = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
    };
    // Root may write anywhere: it becomes somebody else, who owns the vault.
    let is_root = chown(test.path(), Some(NOBODY), Some(NOBODY)).is_ok();
    if is_root {
        chown(test.path().join("v"), Some(NOBODY), Some(NOBODY)).expect("root may");
    }
    allow(test.path(), 0o555);
    let run = |arguments: &[&str]| {
        let mut command = test.command(arguments);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output()
    };
    let outcomes =
        [run(&["init", "new"]), run(&["person", "update", "v", "ada", "--name", "B"]), run(&["backup", "v", "copy"])];
    allow(test.path(), 0o755);
    for outcome in outcomes {
        let output = match outcome {
            Ok(output) => output,
            Err(error) => return eprintln!("skipped: a_folder_that_cannot_be_written_is_told: {error}"),
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.starts_with("error: "), "{said}");
    }
    assert!(!test.path().join("new").exists() && !test.path().join("copy").exists());
}

#[test]
fn what_waits_to_be_erased_is_told() {
    let test = Facevault::with_ada();
    let path = test.path().join("v");
    let state = || test.run(["check", "v", "--json"]).ok().json()["data"]["erasure"].clone();
    let reader = facevault::store::Store::open_read_only(&path).expect("a vault");
    let client = reader.default_client().expect("a client");
    assert_eq!(state(), "done");
    let removed = reader.snapshot(&client, |_| Ok(test.run(["person", "remove", "v", "ada", "--yes", "--json"])));
    let removed = removed.expect("read").ok();
    assert_eq!(removed.json()["data"]["erasure"], "pending");
    assert!(removed.stderr.contains("stays in the log"), "{removed:?}");
    assert_eq!(state(), "pending");
    assert!(test.run(["check", "v"]).ok().stdout.contains("the next write erases it"));
    // Any write of any process finishes it.
    test.run(["person", "add", "v", "--name", "Bob", "--id", "bob"]).ok();
    assert_eq!(state(), "done");
    let removed = test.run(["person", "remove", "v", "bob", "--yes", "--json"]).ok();
    assert_eq!((&removed.json()["data"]["erasure"], removed.stderr.as_str()), (&"done".into(), ""));
    // The name of a collection counts too.
    let removed = reader.snapshot(&client, |_| Ok(test.run(["collection", "remove", "v", "staff", "--yes"])));
    assert!(removed.expect("read").ok().stderr.contains("stays in the log"));
}

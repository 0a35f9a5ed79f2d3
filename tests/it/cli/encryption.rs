//! `facevault key`, `encrypt`, `decrypt` and `rekey`, and `--key-file`.

use crate::data;
use crate::harness::Facevault;

#[test]
fn a_vault_is_made_used_and_changed_with_key_files() {
    if data::vaults_are_encrypted() {
        return;
    }
    let test = Facevault::new();
    test.run(["key", "k"]).ok();
    test.run(["key", "k"]).fails(2, "k");
    test.run(["key", "new"]).ok();
    test.run(["init", "v", "--key-file", "k"]).ok();
    test.run(["person", "add", "v", "--key-file", "k", "--name", "Ada Lovelace", "--id", "ada"]).ok();

    test.run(["person", "show", "v", "ada"]).fails(4, "v: the vault is encrypted: a key is needed");
    test.run(["person", "show", "v", "ada", "--key-file", "new"]).fails(4, "v: the key does not fit");
    let error = test.run(["check", "v", "--key-file", "new", "--json"]).error_json();
    assert_eq!(error["error"], "key");
    test.run(["person", "show", "v", "ada", "--key-file", "missing"]).fails(2, "the key file missing");
    let shown = test.run(["person", "show", "v", "ada", "--key-file", "k", "--json"]).ok().json();
    assert_eq!(shown["data"]["name"], "Ada Lovelace");

    // A server and its clients find the key in a variable that names the file.
    let test = test.with("FACEVAULT_KEY_FILE", "k");
    test.run(["person", "update", "v", "ada", "--notes", "first"]).ok();
    test.run(["backup", "v", "copy"]).ok();
    test.run(["check", "copy"]).ok();
    test.run(["rekey", "v", "--new-key-file", "new"]).ok();
    let again = test.run(["rekey", "v", "--new-key-file", "new", "--json"]).ok().json();
    assert_eq!(again["data"]["changed"], false);
    test.run(["person", "show", "v", "ada"]).fails(4, "the key does not fit");
    test.run(["person", "show", "copy", "ada"]).ok();

    // The option is stronger than the variable.
    test.run(["decrypt", "v", "--key-file", "new"]).ok();
    test.run(["person", "show", "v", "ada"]).fails(4, "v: the vault is not encrypted");
    let plain = test.with("FACEVAULT_KEY_FILE", "");
    let shown = plain.run(["person", "show", "v", "ada", "--json"]).ok().json();
    assert_eq!(shown["data"]["notes"], "first");
    plain.run(["encrypt", "v"]).fails(4, "--key-file FILE");
    plain.run(["encrypt", "v", "--key-file", "k"]).ok();
    plain.run(["person", "show", "v", "ada", "--key-file", "k"]).ok();
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let test = Facevault::new();
    test.run(["key", "k"]).ok();
    let mode = std::fs::metadata(test.path().join("k")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(test.path().join("k"), std::fs::Permissions::from_mode(0o644)).expect("set");
    test.run(["init", "v", "--key-file", "k"]).fails(4, "chmod 600");
    assert!(!test.path().join("v").exists());
}

#[test]
fn no_key_is_ever_shown() {
    let test = Facevault::new();
    let phrase = "correct horse battery staple";
    let file = test.write("k", phrase);
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    #[cfg(not(unix))]
    let _ = file;
    let test = test.with("FACEVAULT_LOG", "trace").with("FACEVAULT_KEY_FILE", "k");
    let mut said = String::new();
    for command in [
        vec!["init", "v"],
        vec!["person", "add", "v", "--name", "Ada"],
        vec!["check", "v"],
        vec!["person", "list", "v", "--help"],
        vec!["decrypt", "v"],
        vec!["check", "v"],
        vec!["encrypt", "v"],
    ] {
        let run = test.run(&command);
        said += &format!("{}{}", run.stdout, run.stderr);
    }
    assert!(said.contains("v was decrypted") && said.contains("v was encrypted") && said.contains("not encrypted"));
    assert!(!said.contains("correct horse") && !said.contains("PRAGMA key"), "{said}");
}

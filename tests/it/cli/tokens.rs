//! `facevault token`

use crate::harness::Facevault;

#[test]
fn a_token_is_made_shown_once_listed_and_revoked() {
    let test = Facevault::with_ada();
    let made = test.run(["token", "create", "v", "--expires", "90d", "--json"]).ok().json();
    let (id, text) = (made["data"]["_id"].as_str().expect("an id"), made["data"]["token"].as_str().expect("a token"));
    assert!(text.starts_with(&format!("{id}.")));
    let listed = test.run(["token", "list", "v", "--json"]).ok();
    assert!(!listed.stdout.contains(text.rsplit('.').next().expect("a secret")), "{listed:#?}");
    assert_eq!(listed.json()["data"][0]["status"], "active");
    test.run(["token", "revoke", "v", id]).ok();
    assert_eq!(test.run(["token", "list", "v", "--json"]).ok().json()["data"][0]["status"], "revoked");
    test.run(["token", "revoke", "v", "token_unknown"]).fails(2, "there is no token token_unknown");
}

#[cfg(target_os = "linux")]
#[test]
fn a_token_that_nobody_saw_is_not_valid() {
    use std::process::Stdio;

    let test = Facevault::with_ada();
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").expect("the device"));
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    for (what, stdout) in [("a full disk", full()), ("a closed pipe", closed())] {
        let output = test.command(["token", "create", "v"]).stdout(stdout).output().expect("run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{what}: {said}");
        assert!(said.contains("so it was revoked"), "{what}: {said}");
    }
    let listed = test.run(["token", "list", "v", "--json"]).ok().json();
    let statuses: Vec<_> = listed["data"].as_array().expect("tokens").iter().map(|token| &token["status"]).collect();
    assert_eq!(statuses, ["revoked", "revoked"]);
}

#[test]
fn a_client_is_added_only_when_that_is_said() {
    let test = Facevault::with_ada();
    test.run(["token", "create", "v", "--client", "lobby"]).fails(2, "--new-client");
    let text = test.run(["token", "create", "v", "--client", "lobby", "--new-client", "--quiet"]).ok().stdout;
    assert!(text.starts_with("token_") && text.lines().count() == 1, "{text}");
    test.run(["token", "create", "v", "--client", "lobby"]).ok();
    let listed = test.run(["token", "list", "v", "--client", "lobby", "--json"]).ok().json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(test.run(["token", "list", "v"]).ok().stdout, "no tokens\n");
    test.run(["token", "create", "v", "--expires", "yesterday"]).fails(2, "90d");
}

//! A server and commands of a hub, without a vault.

use std::io::Read;

use serde_json::Value;

use super::process::{Serving, token};
use super::{BASE, ERASURE_IN_HUBS};
use crate::harness::Facevault;

#[test]
fn a_hub_is_served_and_its_password_is_printed_nowhere() {
    let Some(test) = Facevault::in_a_hub() else { return };
    let test = test.and_ada().with("FACEVAULT_LOG", "debug");
    let token = token(&test);
    let mut serving = Serving::start(&test, &["-v", "--metrics", "127.0.0.1:0"]);
    let shown = serving.began["vault"].as_str().expect("an address").to_owned();
    assert!(shown.starts_with("postgres://owner@127.0.0.1:"), "{shown}");
    let url = serving.began["url"].as_str().expect("an address").to_owned();
    let agent = super::agent(|config| config);
    let ask = |address: String| {
        let request = agent.get(address).header("Authorization", format!("Bearer {token}"));
        let mut answer = request.call().expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.body_mut().read_to_string().expect("text")
    };
    ask(format!("{url}/healthz"));
    ask(serving.began["metrics"].as_str().expect("an address").to_owned());
    let state: Value = serde_json::from_str(&ask(format!("{url}{BASE}/vault"))).expect("JSON");
    let file = &state["data"]["file"];
    assert_eq!((&state["data"]["people"]["active"], &file["erasure"]), (&1.into(), &ERASURE_IN_HUBS.into()), "{state}");
    assert!(file["bytes"].as_u64().is_some_and(|bytes| bytes > 1_000_000), "{state}");
    serving.child.kill().expect("killed");
    let mut log = String::new();
    serving.child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("text");
    assert!(log.contains("answered") && !log.contains(":secret@"), "{log}");
}

#[test]
fn what_only_a_file_can_do_is_refused() {
    let Some(test) = Facevault::in_a_hub() else { return };
    let hub = test.vault();
    test.run(["init", "v"]).ok();
    let copy = test.path().join("copy");
    let mut refused = vec![
        vec!["init", hub],
        vec!["backup", hub, "copy"],
        vec!["backup", "v", hub],
        vec!["sync", hub, hub],
        vec!["sync", hub, hub, "--watch"],
    ];
    if cfg!(feature = "encryption") {
        test.run(["key", "k"]).ok();
        test.run(["key", "l"]).ok();
        refused.push(vec!["encrypt", hub, "--key-file", "k"]);
        refused.push(vec!["decrypt", hub, "--key-file", "k"]);
        refused.push(vec!["rekey", hub, "--key-file", "k", "--new-key-file", "l"]);
    }
    for arguments in refused {
        let run = test.run(arguments).fails(4, "a hub has no file: ");
        assert!(!run.stderr.contains("secret") && run.stdout.is_empty(), "{run:#?}");
    }
    assert!(!copy.exists());
}

#[test]
fn what_is_wrong_with_a_hub_is_told_without_its_password() {
    let Some(test) = Facevault::in_a_hub() else { return };
    let test = test.and_ada();
    let hub = test.vault();
    let no_hub = format!("{}/postgres", hub.rsplit_once('/').expect("a database").0);
    let list = |address: &str| test.run(["person", "list", address]);
    let unknown = |address: &str| test.run(["token", "create", address, "--client", "b"]);
    for run in [
        list("postgres://owner:secret@127.0.0.1:1/db").fails(4, "cannot be reached"),
        list(&hub.replace(":secret@", ":notsecret@")).fails(2, "refuses this user or password"),
        list(&no_hub).fails(2, "no hub yet"),
        unknown(&no_hub).fails(2, "no hub yet"),
        unknown(hub).fails(2, "add it with --new-client"),
        test.run(["person", "list", hub, "--client", "b"]).fails(2, "no client b"),
        test.run(["person", "show", hub, "bob"]).fails(2, "bob"),
    ] {
        assert!(!run.stderr.contains("secret"), "{run:#?}");
    }
    test.run(["token", "create", hub, "--client", "b", "--new-client"]).ok();
    assert_eq!(test.run(["person", "list", hub, "--client", "b", "--json"]).ok().json()["pagination"]["total"], 0);
    assert_eq!(test.run(["person", "list", hub, "--json"]).ok().json()["pagination"]["total"], 1);
}

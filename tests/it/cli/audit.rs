//! `facevault audit`

use sha2::{Digest, Sha256};

use crate::harness::Facevault;

#[test]
fn what_was_done_is_listed_verified_and_exported() {
    let test = Facevault::with_ada();
    test.run(["person", "update", "v", "ada", "--notes", "second"]).ok();
    let listed = test.run(["audit", "list", "v"]).ok();
    for word in ["person_updated", "fields=notes", "command:uid=", "collection_created"] {
        assert!(listed.stdout.contains(word), "{word}: {listed:#?}");
    }
    assert!(!listed.stdout.contains("Ada") && !listed.stdout.contains("second"), "{listed:#?}");
    let newest = test.run(["audit", "list", "v", "--json", "--limit", "1"]).ok().json();
    let (entry, next) = (&newest["data"]["entries"][0], &newest["data"]["next"]);
    assert_eq!((&entry["kind"], &entry["sequence"], next), (&"person_updated".into(), &3.into(), &3.into()));
    assert_eq!(
        test.run(["audit", "list", "v", "--json", "--after", "3", "--kind", "person_created"]).ok().json()["data"]["entries"]
            [0]["sequence"],
        2
    );
    assert_eq!(
        test.run(["audit", "list", "v", "--json", "--person", "ada"]).ok().json()["data"]["entries"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    test.run(["audit", "list", "v", "--kind", "gossip"]).fails(2, "must be one of [person_created");

    let head = test.run(["audit", "verify", "v", "--quiet"]).ok().stdout.trim().to_owned();
    assert_eq!(newest["data"]["head"], head.as_str());
    assert!(
        test.run(["audit", "verify", "v", "--head", &head])
            .ok()
            .stdout
            .starts_with("ok   the chain is whole, 3 entries")
    );
    assert_eq!(test.run(["check", "v", "--json"]).ok().json()["data"]["audit_entries"], 3);

    // Each line can be verified by itself.
    let exported = test.run(["audit", "export", "v"]).ok().stdout;
    let mut previous = None;
    for line in exported.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| line[name].as_str().expect("a text").to_owned();
        let bytes: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&text("previous")[at..at + 2], 16).expect("hex")).collect();
        let hash = Sha256::new().chain_update(bytes).chain_update(text("text")).finalize();
        assert_eq!(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), text("hash"));
        assert!(previous.is_none_or(|previous| previous == text("previous")));
        previous = Some(text("hash"));
    }
    assert_eq!(exported.lines().count(), 3);

    let file = crate::data::database(test.path().join("v"));
    file.execute_batch("DROP TRIGGER audit_is_never_changed; UPDATE audit SET actor = 'host:other' WHERE sequence = 2")
        .expect("forged");
    let run = test.run(["audit", "verify", "v"]);
    assert!(run.code == 4 && run.stdout.starts_with("BAD  entry 2:"), "{run:#?}");
    let run = test.run(["check", "v"]);
    assert!(run.code == 4 && run.stdout.contains("audit trail, entry 2"), "{run:#?}");
    test.run(["audit", "list", "v"]).fails(4, "entry 2 of the audit trail");
}

#[test]
fn a_removal_has_a_receipt_that_proves_it() {
    let test = Facevault::with_ada();
    let removed = test.run(["person", "remove", "v", "ada", "--yes", "--json"]).ok().json();
    let receipt = removed["data"]["receipt"].as_str().expect("a receipt").to_owned();
    let shown = test.run(["audit", "receipt", "v", &receipt, "--person", "ada"]).ok();
    assert!(shown.stdout.contains("reason=asked") && shown.stdout.contains("ok   ada is the person"), "{shown:#?}");
    assert_eq!(
        test.pipe(["audit", "receipt", "v", "-", "--person", "ada"], receipt.as_bytes()).ok().stdout,
        shown.stdout
    );
    let run = test.run(["audit", "receipt", "v", &receipt, "--person", "bob"]);
    assert!(run.code == 1 && run.stdout.contains("BAD  bob is not the person"), "{run:#?}");
    test.write("photo.jpg", "no photo of ada's");
    assert_eq!(test.run(["audit", "receipt", "v", &receipt, "--image", "photo.jpg"]).code, 1);
    test.run(["audit", "receipt", "v", "12"]).fails(2, "receipt");
    // Without its opening a receipt says nothing.
    let bare = receipt.rsplit_once('-').map(|(entry, _)| format!("{entry}-{}", "0".repeat(64))).expect("an opening");
    assert_eq!(test.run(["audit", "receipt", "v", &bare, "--person", "ada"]).code, 1);
}

#[test]
fn a_policy_is_shown_and_changed() {
    let test = Facevault::with_ada();
    let shown = test.run(["audit", "policy", "v"]).ok();
    assert!(shown.stdout.contains("whatever changes the vault") && shown.stdout.contains("365 days"), "{shown:#?}");
    let set = test.run([
        "audit",
        "policy",
        "v",
        "--scope",
        "all",
        "--keep-days",
        "ever",
        "--searches-at-once",
        "true",
        "--json",
    ]);
    let data = set.ok().json()["data"].clone();
    assert_eq!(data, serde_json::json!({"scope": "all", "keep_days": null, "searches_at_once": true}));
    test.run(["audit", "policy", "v", "--keep-days", "0"]).fails(2, "keep_days");
    test.run(["audit", "policy", "v", "--scope", "off"]).ok();
    assert_eq!(
        test.run(["person", "remove", "v", "ada", "--yes", "--json"]).ok().json()["data"]["receipt"],
        serde_json::Value::Null
    );
}

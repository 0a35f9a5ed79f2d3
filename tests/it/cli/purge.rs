//! `facevault purge`

use serde_json::json;

use crate::harness::Facevault;

fn with_two() -> Facevault {
    let test = Facevault::with_ada();
    test.run(["person", "add", "v", "--name", "Old", "--id", "old", "--expires-at", "2020-01-01T00:00:00Z"]).ok();
    test
}

#[test]
fn people_whose_time_has_come_are_removed_after_a_question() {
    let test = with_two();
    assert_eq!(
        test.run(["person", "show", "v", "old", "--json"]).ok().json()["data"]["expires_at"],
        "2020-01-01T00:00:00Z"
    );
    assert!(test.run(["person", "show", "v", "old"]).ok().stdout.contains("expires        2020-01-01 00:00:00 UTC"));
    test.run(["purge", "v", "--expired"]).fails(2, "add --yes");
    let dry = test.run(["purge", "v", "--expired", "--dry-run", "--json"]).ok().json();
    assert_eq!(
        dry["data"]["persons"],
        json!([{"_id": "old", "client": dry["data"]["persons"][0]["client"], "reason": "expired", "receipt": null}])
    );
    assert_eq!(dry["data"]["removed"], false);
    let done = test.run(["purge", "v", "--expired", "--yes", "--json"]).ok().json();
    let receipt = done["data"]["persons"][0]["receipt"].as_str().expect("a receipt").to_owned();
    let shown = test.run(["audit", "receipt", "v", &receipt, "--person", "old"]).ok().stdout;
    assert!(shown.contains("reason=expired"), "{shown}");
    assert!(test.run(["purge", "v", "--expired", "--yes"]).ok().stdout.contains("nobody is to be removed"));
    test.run(["purge", "v", "--unseen", "30", "--yes"]).fails(4, "does not note searches");
    test.run(["person", "show", "v", "ada"]).ok();
}

#[test]
fn a_policy_is_set_shown_and_carried_out() {
    let test = with_two();
    assert!(test.run(["purge", "v", "--policy"]).ok().stdout.contains("nobody is removed"));
    assert!(test.run(["purge", "v", "--yes"]).ok().stdout.contains("nobody is to be removed"));
    let set = test.run(["purge", "v", "--policy", "--expired", "--unseen", "700", "--json"]).ok().json();
    assert_eq!(set["data"], json!({"expired": true, "unseen_days": 700}));
    assert!(test.run(["purge", "v", "--policy"]).ok().stdout.contains("700 days"));
    test.run(["purge", "v", "--policy", "--nobody"]).ok();
    test.run(["purge", "v", "--policy", "--expired"]).ok();
    assert!(test.run(["purge", "v", "--yes"]).ok().stdout.contains("1 person removed"));
}

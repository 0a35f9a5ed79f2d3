//! The conformance cases, run on the verbs themselves; and the bounds of what a host may send.

mod runner;

use std::ops::ControlFlow;

use facevault_bindings::facevault::{ErrorKind, Step};
use facevault_bindings::{
    bytes_verbs, engine_verbs, open_engine, open_vault, picture_verbs, vault_bytes, vault_call, vault_verbs,
};
use runner::{Outcome, Suite};
use serde_json::Value;

#[test]
fn all_cases_pass() {
    let mut suite = Suite::open();
    let mut cases = suite.cases["cases"].take();
    let (mut passed, mut wrong) = (0, Vec::new());
    for case in cases.as_array_mut().expect("a list of cases") {
        let name = case["name"].as_str().expect("a name").to_owned();
        match suite.run(case, false) {
            Ok(Outcome::Passed) => passed += 1,
            Ok(Outcome::Skipped(why)) => eprintln!("skipped: {name}: {why}"),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{passed} passed, but\n{}", wrong.join("\n"));
    assert!(passed > 10, "only {passed} cases ran");
}

#[test]
fn every_verb_is_in_a_case() {
    let suite = Suite::open();
    let steps = |on: &str| -> Vec<&str> {
        let cases = suite.cases["cases"].as_array().into_iter().flatten();
        let steps = cases.flat_map(|case| case["steps"].as_array().into_iter().flatten());
        steps.filter(|step| step["on"] == on).filter_map(|step| step["verb"].as_str()).collect()
    };
    let missing = |on: &str, verbs: Vec<&'static str>| -> Vec<String> {
        let named = steps(on);
        verbs.iter().filter(|verb| !named.contains(verb)).map(|verb| format!("{on}.{verb}")).collect()
    };
    let mut without = missing("vault", vault_verbs().collect());
    without.extend(missing("engine", engine_verbs().collect()));
    without.extend(missing("bytes", bytes_verbs().collect()));
    assert!(without.is_empty(), "{without:?}");
    assert!(picture_verbs().all(|verb| engine_verbs().any(|known| known == verb)));
}

#[test]
fn tables_are_in_alphabetical_order() {
    for verbs in [vault_verbs().collect::<Vec<_>>(), engine_verbs().collect(), bytes_verbs().collect()] {
        assert!(verbs.is_sorted(), "{verbs:?}");
    }
}

#[test]
fn an_unknown_verb_answers_with_those_that_there_are() {
    let vault = open_vault(None, b"", None).expect("a vault in memory");
    let error = vault_call(&vault, "nothing", b"", Vec::new(), &mut ()).expect_err("no such verb");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("create_person_unless_known, create_persons"), "{error}");
    let error = vault_bytes(&vault, "nothing", b"").expect_err("no such verb");
    assert!(error.to_string().contains("must be one of [photo, thumbnail]"), "{error}");
}

/// Every verb with every kind of nonsense: an error or an answer, never a panic, never a fault.
#[test]
fn nonsense_is_an_error() {
    let vault = open_vault(None, b"", None).expect("a vault in memory");
    let mut bodies: Vec<Vec<u8>> = ["", "{", "[]", "null", "7", "\"x\"", "{}", "{\"id\": null}", "{\"\u{0}\": 1}"]
        .iter()
        .map(|body| body.as_bytes().to_vec())
        .collect();
    let values =
        ["null", "7", "-1", "1e300", "\"\"", "\"x\"", "[]", "[null]", "{}", "{\"fmr\": -1}", "true", "[[]]", "[\"%\"]"];
    let keys = [
        "id",
        "name",
        "images",
        "remove_images",
        "encodings",
        "encoding",
        "model",
        "operating_point",
        "mode",
        "limit",
        "page",
        "after",
        "attributes",
        "persons",
        "unless_known",
        "since",
        "until",
        "keep_days",
        "collections",
        "max_results",
        "path",
        "head",
        "person",
        "date_of_birth",
        "expected_version",
        "people",
        "unseen_days",
        "liveness",
        "liveness_min_score",
        "min_score",
        "token",
        "receipt",
        "expires_at",
    ];
    for key in keys {
        // A path would be written to.
        let values = values.iter().filter(|value| key != "path" || !value.starts_with('"'));
        bodies.extend(values.map(|value| format!("{{\"{key}\": {value}}}").into_bytes()));
    }
    bodies.push(vec![0xff; 100]);
    bodies.push("[".repeat(100_000).into_bytes());
    for verb in vault_verbs() {
        for body in &bodies {
            for photos in 0..3 {
                let photos = (0..photos).map(|_| b"no photo".to_vec().into()).collect();
                if let Err(error) = vault_call(&vault, verb, body, photos, &mut |_: Step<'_>| ControlFlow::Continue(()))
                {
                    assert_ne!(error.kind(), ErrorKind::Runtime, "{verb}: {error}");
                    assert!(error.to_string().len() < 2_000, "{verb}: {error}");
                }
            }
        }
    }
}

#[test]
fn options_that_are_wrong_are_named() {
    for (options, fields) in [
        (&br#"{"pack": 1, "threads": "x", "x": 1}"#[..], vec!["pack", "threads", "x"]),
        (br#"{"rules": {"seek": {"x": 1}, "decode": {"max_side": -1}}, "mode": "slow"}"#, {
            vec!["mode", "rules.decode.max_side", "rules.seek"]
        }),
        (br#"{"rules": []}"#, vec!["rules"]),
    ] {
        let error = open_engine(options).expect_err("wrong options");
        let mut found: Vec<&str> = error.violations().iter().map(|violation| violation.field.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, fields, "{error}");
    }
    let error = open_vault(None, br#"{"mode": "open", "limits": {"max_images": 0.5}, "client": "?"}"#, None);
    let error = error.expect_err("wrong options");
    let mut found: Vec<&str> = error.violations().iter().map(|violation| violation.field.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["client", "limits.max_images", "path"]);
}

#[test]
fn answers_hold_no_photos() {
    let vault = open_vault(None, b"", None).expect("a vault in memory");
    let made = vault_call(&vault, "create_person", br#"{"name": "Ada"}"#, Vec::new(), &mut ()).expect("a person");
    let person: Value = serde_json::from_str(&made).expect("JSON");
    assert_eq!(person["images"], Value::Array(Vec::new()));
    let error = vault_call(&vault, "create_person", br#"{"name": "Ada", "images": ["AQID"]}"#, Vec::new(), &mut ());
    assert_eq!(error.expect_err("photos in JSON").violations()[0].field, "images");
}

//! Bad requests: a sentence that says what is wrong, exit code 2, and nothing is lost.

use serde_json::json;

use super::Facevault;

#[test]
fn a_bad_body_names_every_field_and_changes_nothing() {
    let test = Facevault::with_ada();
    for (body, said) in [
        (r#"{"images": ["not base64!"]}"#, r#""images[0]" must be base64"#),
        (r#"{"images": ["data:image/jpeg,abc"]}"#, r#""images[0]" must be base64"#),
        (r#"{"images": []}"#, "images"),
        (r#"{"shoe_size": 43}"#, r#""shoe_size" is not allowed"#),
        (r#"{"name": null}"#, r#""name" must not be null"#),
        (r#"{"name": "  "}"#, r#""name" must have 1 to 100 characters"#),
        (r#"{"gender": "X"}"#, r#""gender" must be one of [M, F]"#),
        (r#"{"date_of_birth": "2001-02-30"}"#, "the calendar has no 2001-02-30"),
        (r#"{"date_of_birth": {"year": 2001, "month": 2, "day": 30}}"#, "the calendar has no 2001-02-30"),
        (r#"{"date_of_birth": "9999-01-01"}"#, "is in the future"),
        (r#"{"collections": ["nobodys"]}"#, "nobodys"),
        (r#"{"name": "Ada"#, "must be JSON"),
        ("[]", r#""body" must be an object"#),
        ("", "must be JSON"),
    ] {
        let run = test.pipe(["person", "update", "v", "ada", "--json-file", "-"], body.as_bytes());
        let run = run.fails(2, said);
        assert!(run.stderr.starts_with("error: ") && run.stdout.is_empty(), "{run:#?}");
        let file = test.write("body.json", body);
        let run = test.run(["person", "update", "v", "ada", "--json", "--json-file", &file.display().to_string()]);
        let answer = run.fails(2, "").error_json();
        assert_eq!(answer["error"], "invalid", "{body}");
        assert!(answer["details"].as_array().is_some_and(|details| details.len() == 1), "{body}: {answer}");
    }
    assert_eq!(test.version_of_ada(), 1);
}

#[test]
fn every_broken_rule_of_the_options_is_told_at_once() {
    let test = Facevault::with_ada();
    let run = test.run([
        "person",
        "update",
        "v",
        "ada",
        "--gender",
        "Z",
        "--date-of-birth",
        "2001-02-30",
        "--status",
        "asleep",
    ]);
    let run = run.fails(2, "error: the request breaks 3 rules\n");
    for field in ["\"gender\"", "\"date_of_birth\"", "\"status\""] {
        assert!(run.stderr.contains(&format!("\n  {field} must be")), "{run:#?}");
    }
    let run = test.run(["person", "add", "v", "--name", "", "--id", "a b", "--json"]).fails(2, "");
    assert_eq!(run.error_json()["error"], "invalid");
    assert_eq!(test.version_of_ada(), 1);
}

#[test]
fn wrong_arguments_are_told_with_the_usage_or_as_json() {
    let test = Facevault::with_ada();
    for arguments in [
        vec!["person", "frobnicate"],
        vec!["person", "update", "v"],
        vec!["person", "update", "v", "a b", "--name", "x"],
        vec!["person", "update", "v", "ada", "--clear", "name"],
        vec!["person", "update", "v", "ada", "--name", "x", "--json-file", "-"],
        vec!["person", "add", "v"],
        vec!["detect"],
        vec!["--threads", "-1", "person", "list", "v"],
        vec!["--client", "a/b", "person", "list", "v"],
    ] {
        test.run(&arguments).fails(2, "error: ");
        let answer = test.run(arguments.iter().copied().chain(["--json"])).fails(2, "").error_json();
        assert_eq!(answer["error"], "invalid", "{arguments:?}");
        assert!(answer["message"].as_str().is_some_and(|text| !text.is_empty() && !text.contains('\n')), "{answer}");
    }
}

#[test]
fn an_outdated_version_is_a_conflict() {
    let test = Facevault::with_ada();
    test.run(["person", "update", "v", "ada", "--notes", "second", "--expect-version", "1"]).ok();
    let run = test.run(["person", "update", "v", "ada", "--notes", "third", "--expect-version", "1"]);
    run.fails(2, "has version 2, the request expects 1");
    let run = test.run(["person", "update", "v", "ada", "--notes", "third", "--expect-version", "1", "--json"]);
    assert_eq!(run.fails(2, "").error_json()["error"], "conflict");
    assert_eq!(test.version_of_ada(), 2);
}

#[test]
fn what_is_there_is_not_made_again() {
    let test = Facevault::with_ada();
    test.run(["init", "v"]).fails(2, "the file exists");
    test.run(["person", "add", "v", "--name", "Another", "--id", "ada"]).fails(2, "ada");
    test.run(["collection", "add", "v", "--name", "Another", "--id", "staff"]).fails(2, "staff");
    assert_eq!(test.run(["person", "show", "v", "ada", "--json"]).ok().json()["data"]["name"], "Ada Lovelace");
}

#[test]
fn another_clients_person_is_not_found() {
    let test = Facevault::with_ada();
    {
        let vault = facevault::Vault::open(test.path().join("v"), Default::default()).expect("a vault");
        vault.add_client(&facevault::ClientId::new("other").expect("an id")).expect("added");
    }
    let theirs = test.run(["person", "show", "v", "ada", "--client", "other"]).fails(2, "there is no person ada");
    let nobody = test.run(["person", "show", "v", "nobody", "--client", "other"]).fails(2, "");
    assert_eq!(theirs.stderr.replace("ada", "nobody"), nobody.stderr, "nothing tells one from the other");
    test.run(["person", "update", "v", "ada", "--name", "Mine", "--client", "other"])
        .fails(2, "there is no person ada");
    test.run(["person", "remove", "v", "ada", "--yes", "--client", "other"]).fails(2, "there is no person ada");
    test.run(["person", "list", "v", "--client", "other", "--collection", "staff"]).fails(2, "staff");
    assert_eq!(test.run(["person", "list", "v", "--client", "other"]).ok().stdout, "nobody\n");
    test.run(["person", "list", "v", "--client", "nobody"]).fails(2, "no client nobody");
    assert_eq!(test.version_of_ada(), 1);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let test = Facevault::with_ada();
    std::fs::create_dir(test.path().join("folder")).expect("a folder");
    test.run(["person", "add", "v", "--name", "B", "--image", "none.jpg"]).fails(2, "there is no file none.jpg");
    test.run(["person", "add", "v", "--name", "B", "--image", "folder"]).fails(2, "folder is a folder");
    test.run(["person", "update", "v", "ada", "--json-file", "none.json"]).fails(2, "there is no file none.json");
    test.run(["person", "add", "v", "--name", "B", "--image", "-", "--image", "-"]).fails(2, "once only");
    let large = std::fs::File::create(test.path().join("large.jpg")).expect("a file");
    large.set_len((20 << 20) + 1).expect("a sparse file");
    let run = test.run(["person", "update", "v", "ada", "--images", "large.jpg"]);
    run.fails(1, "error: large.jpg: image_too_large: the photo has 20971521 bytes");
    let run = test.run(["person", "update", "v", "ada", "--images", "large.jpg", "--json"]);
    let answer = run.fails(1, "").error_json();
    assert_eq!(answer["images"][0]["code"], json!("image_too_large"));
    assert_eq!(answer["images"][0]["limit"], json!(20.0 * 1048576.0));
    assert_eq!(test.version_of_ada(), 1);
}

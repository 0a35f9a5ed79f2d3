//! People and collections, without photos: no models are needed.

use serde_json::json;

use super::Facevault;

/// The thirteen fields of the API's person, in its order.
pub(super) const FIELDS: [&str; 13] = [
    "_id",
    "name",
    "gender",
    "date_of_birth",
    "nationality",
    "images",
    "collections",
    "notes",
    "client",
    "status",
    "faceEncodings",
    "createdAt",
    "updatedAt",
];

#[test]
fn a_person_is_added_changed_shown_listed_and_removed() {
    let test = Facevault::new();
    test.run(["init", "v", "--client", "lobby"]).ok();
    test.run(["collection", "add", "v", "--name", "Staff", "--id", "staff"]).ok();
    let added = test.run([
        "person",
        "add",
        "v",
        "--name",
        "John Doe",
        "--id",
        "person_123456789",
        "--date-of-birth",
        "1990-01-15",
        "--nationality",
        "US",
        "--collection",
        "staff",
    ]);
    assert!(added.ok().stdout.starts_with("added person_123456789, version 1\nJohn Doe\n"));

    let body = br#"{"name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer"}"#;
    let updated = test.pipe(["person", "update", "v", "person_123456789", "--json-file", "-", "--json"], body).ok();
    let answer = updated.json();
    assert_eq!(answer["success"], true);
    let person = answer["data"].as_object().expect("an object");
    assert_eq!(person.len(), FIELDS.len());
    for (field, value) in [
        ("_id", json!("person_123456789")),
        ("name", json!("John Doe Updated")),
        ("gender", json!("M")),
        ("date_of_birth", json!({"year": 1990, "month": 1, "day": 15})),
        ("nationality", json!("US")),
        ("images", json!([])),
        ("collections", json!(["staff"])),
        ("notes", json!("Updated VIP customer")),
        ("client", json!("lobby")),
        ("status", json!("active")),
        ("faceEncodings", json!([])),
    ] {
        assert_eq!(person[field], value, "{field}");
    }
    let places: Vec<_> = FIELDS.map(|field| updated.stdout.find(&format!("\"{field}\":"))).to_vec();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "the API's fields in the API's order");

    let cleared = test.run(["person", "update", "v", "person_123456789", "--clear", "notes", "--clear", "collections"]);
    assert!(!cleared.ok().stdout.contains("VIP"));
    let shown = test.run(["person", "show", "v", "person_123456789"]).ok().stdout;
    for line in ["John Doe Updated", "  date of birth  1990-01-15", "  photos         none", ", version 3"] {
        assert!(shown.contains(line), "{line:?} in {shown}");
    }

    let noted = ["--attribute", "badge=47=11", "--attribute", "desk="];
    test.run([&["person", "update", "v", "person_123456789"][..], &noted].concat()).ok();
    let desk = ["--attribute", "desk=2", "--remove-attribute", "badge"];
    let shown = test.run([&["person", "update", "v", "person_123456789"][..], &desk].concat()).ok().stdout;
    assert!(shown.contains("  attributes     desk = 2\n") && !shown.contains("badge"), "{shown}");
    let listed =
        |wanted: &str| test.run(["person", "list", "v", "--quiet", "--json", "--attribute", wanted]).ok().json();
    assert_eq!(listed("desk=2")["data"][0]["attributes"], json!({"desk": "2"}));
    assert_eq!(listed("desk=3")["data"], json!([]));
    let update = ["person", "update", "v", "person_123456789"];
    for (options, said) in [
        (&["--attribute", "desk"][..], "expected KEY=VALUE"),
        (&["--attribute", "Desk=1"], "attributes.Desk"),
        (&["--attribute", "desk=1", "--clear", "attributes"], "can be emptied or changed, not both"),
    ] {
        test.run([&update[..], options].concat()).fails(2, said);
    }
    assert!(!test.run([&update[..], &["--clear", "attributes"]].concat()).ok().stdout.contains("desk"));

    test.run(["person", "remove", "v", "person_123456789"]).fails(2, "add --yes");
    assert!(test.run(["person", "remove", "v", "person_123456789", "--yes"]).ok().stdout.contains("removed"));
    test.run(["person", "show", "v", "person_123456789"]).fails(2, "there is no person person_123456789");
    assert_eq!(test.run(["person", "list", "v"]).ok().stdout, "nobody\n");
}

#[test]
fn an_update_with_nothing_in_it_changes_nothing() {
    let test = Facevault::with_ada();
    test.run(["person", "update", "v", "ada"]).ok();
    test.pipe(["person", "update", "v", "ada", "--json-file", "-"], b"{}").ok();
    assert_eq!(test.version_of_ada(), 1);
}

#[test]
fn lists_have_pages_and_filters() {
    let test = Facevault::with_ada();
    for (name, status) in [("Grace Hopper", "active"), ("Alan Turing", "inactive")] {
        let id = test.run(["person", "add", "v", "--name", name, "--status", status, "--quiet"]).ok().stdout;
        assert!(id.starts_with("person_") && id.trim_end().len() == "person_".len() + 32, "{id}");
    }
    let names = |arguments: &[&str]| {
        let answer = test.run([&["person", "list", "v", "--json"], arguments].concat()).ok().json();
        let names: Vec<_> = answer["data"].as_array().expect("a list").iter().map(|p| p["name"].to_string()).collect();
        (names.join(" "), answer["pagination"].clone())
    };
    let (all, pagination) = names(&[]);
    assert_eq!(all, r#""Ada Lovelace" "Grace Hopper" "Alan Turing""#);
    assert_eq!(pagination, json!({"page": 1, "limit": 20, "total": 3, "pages": 1}));
    assert_eq!(names(&["--limit", "2", "--page", "2"]).0, r#""Alan Turing""#);
    assert_eq!(names(&["--name", "LOVE"]).0, r#""Ada Lovelace""#);
    assert_eq!(names(&["--status", "inactive"]).0, r#""Alan Turing""#);
    assert_eq!(names(&["--collection", "staff"]).0, "");
    let text = test.run(["person", "list", "v", "--limit", "2"]).ok().stdout;
    assert!(text.starts_with("ID ") && text.ends_with("page 1 of 2, 3 people\n"), "{text}");
    let next = names(&["--limit", "2"]).1["next"].as_str().expect("there is another page").to_owned();
    let (rest, pagination) = names(&["--limit", "2", "--after", &next]);
    assert_eq!(rest, r#""Alan Turing""#);
    assert_eq!(pagination, json!({"limit": 2, "total": 3, "pages": 2}));
    let text = test.run(["person", "list", "v", "--limit", "1", "--after", &next]).ok().stdout;
    assert!(text.ends_with("3 people, this is the last page\n"), "{text}");
    let first = names(&["--limit", "1"]).1["next"].as_str().expect("there is another page").to_owned();
    let text = test.run(["person", "list", "v", "--limit", "1", "--after", &first]).ok().stdout;
    assert!(text.ends_with(&format!("3 people, the next page is --after {next}\n")), "{text}");
    test.run(["person", "list", "v", "--after", "nowhere"]).fails(2, "nowhere");
    test.run(["person", "list", "v", "--after", &next, "--page", "2"]).fails(2, "--page");
    test.run(["person", "list", "v", "--limit", "1001"]).fails(2, "1001");
    test.run(["person", "list", "v", "--collection", "nobodys"]).fails(2, "nobodys");
}

#[test]
fn collections_are_added_changed_listed_and_removed() {
    let test = Facevault::with_ada();
    let changed = test.run([
        "collection",
        "update",
        "v",
        "staff",
        "--name",
        "All of us",
        "--description",
        "here",
        "--people",
        "ada",
        "--json",
    ]);
    assert_eq!(changed.ok().json()["data"]["name"], "All of us");
    assert_eq!(test.run(["person", "show", "v", "ada", "--json"]).ok().json()["data"]["collections"], json!(["staff"]));
    let listed = test.run(["collection", "list", "v"]).ok().stdout;
    assert!(listed.contains("staff") && listed.contains("All of us") && listed.contains("here"), "{listed}");
    test.run(["collection", "update", "v", "staff", "--people", "nobody"]).fails(2, "nobody");
    test.run(["collection", "update", "v", "staff", "--clear", "people", "--clear", "description"]).ok();
    assert_eq!(test.run(["person", "show", "v", "ada", "--json"]).ok().json()["data"]["collections"], json!([]));
    let body = br#"{"name": "Again", "people": [{"_id": "ada"}]}"#;
    test.pipe(["collection", "update", "v", "staff", "--json-file", "-"], body).ok();
    test.run(["collection", "remove", "v", "staff"]).fails(2, "add --yes");
    test.run(["collection", "remove", "v", "staff", "--yes"]).ok();
    assert_eq!(test.run(["collection", "list", "v"]).ok().stdout, "no collections\n");
    assert_eq!(test.version_of_ada(), 5);
    test.run(["collection", "remove", "v", "staff", "--yes"]).fails(2, "staff");
}

#[test]
fn a_name_cannot_rule_the_terminal() {
    let test = Facevault::new();
    test.run(["init", "v"]).ok();
    let added =
        test.run(["person", "add", "v", "--name", "A\u{202e}da", "--id", "a", "--notes", "\u{1b}[2J\nline two"]);
    for output in [added.ok().stdout, test.run(["person", "show", "v", "a"]).ok().stdout] {
        assert!(output.contains("A\\u{202e}da") && output.contains("\\u{1b}[2J"), "{output}");
        assert!(output.chars().all(|c| c == '\n' || !c.is_control()), "{output:?}");
    }
}

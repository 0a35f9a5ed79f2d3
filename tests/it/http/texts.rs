//! Texts that break programs, as bodies, names and notes.

use serde_json::{Value, json};

use super::Service;
use crate::data;

#[test]
fn no_body_of_the_test_suite_makes_the_server_fail() {
    let Some(folder) = data::folder("no_body_of_the_test_suite_makes_the_server_fail") else { return };
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let files = data::files_below(&folder.join("json/JSONTestSuite"));
    let bodies: Vec<_> = files.iter().filter(|file| file.extension().is_some_and(|e| e == "json")).collect();
    assert!(bodies.len() > 200, "{}", bodies.len());
    for file in bodies {
        let body = std::fs::read(file).expect("a file");
        let name = file.file_name().expect("a name").to_string_lossy();
        for (method, path) in [("PUT", "/persons/ada"), ("POST", "/persons"), ("POST", "/search"), ("POST", "/detect")]
        {
            let answer = service.send(method, path, Some(&body));
            assert!(answer.status < 500, "{name}: {answer:?}");
            assert!(answer.status == 409 || (path == "/persons/ada" && answer.status == 200), "{name}: {answer:?}");
            if name.starts_with("n_") && serde_json::from_slice::<Value>(&body).is_err() {
                assert!(answer.text.contains("must be JSON"), "{name}: {answer:?}");
            }
        }
    }
}

#[test]
fn naughty_names_and_notes_come_back_byte_for_byte() {
    let Some(folder) = data::folder("naughty_names_and_notes_come_back_byte_for_byte") else { return };
    let strings: Vec<String> = serde_json::from_slice(&data::read(&folder, "json/blns.json")).expect("strings");
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let mut kept = 0;
    for text in &strings {
        let notes = service.put("/persons/ada", &json!({"notes": text}));
        let expected = if text.is_empty() { Value::Null } else { json!(text) };
        assert_eq!(notes.data()["notes"], expected);
        assert_eq!(service.get("/persons/ada").data()["notes"], expected);
        let named = service.put("/persons/ada", &json!({"name": text}));
        let is_seen = |c: char| !c.is_whitespace() && !facevault::wire::is_invisible(c);
        if !(1..=100).contains(&text.trim().chars().count()) {
            named.fails(409, "\"name\" must have 1 to 100 characters", "MissingParameter");
        } else if text.chars().any(is_seen) {
            assert_eq!(named.data()["name"], json!(text));
            kept += 1;
        } else {
            named.fails(409, "\"name\" must have a character that can be seen", "MissingParameter");
        }
    }
    assert!(kept > 300, "{kept}");
}

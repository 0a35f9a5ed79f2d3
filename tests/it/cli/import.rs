//! `facevault person import`: many people from a folder or a CSV file.

use std::path::Path;

use serde_json::{Value, json};

use super::photos::{NONE, Photos};
use super::{Facevault, Run};

/// The lines of standard output, one for each person.
fn lines(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn statuses(run: &Run) -> Vec<String> {
    lines(run).iter().map(|line| line["status"].as_str().expect("a status").to_owned()).collect()
}

fn total(test: &Facevault) -> u64 {
    test.run(["person", "list", "v", "--json"]).ok().json()["pagination"]["total"].as_u64().expect("a number")
}

#[test]
fn a_csv_file_adds_its_people_and_says_who_was_not_added() {
    let test = Facevault::with_ada();
    test.run(["collection", "add", "v", "--name", "Guests", "--id", "guests"]).ok();
    let csv = "\u{feff}_id,name, gender,date_of_birth,nationality,collections,notes,status,attribute.badge\n\
               bob,\"Doe, Bob\",M,1990-01-15,US,staff; guests,\"two\nlines\",inactive,4711\n\
               ada,Ada again,,,,,,,\n\
               ,No Id,,,,,,,\n\
               eve,,X,2990-01-01,,,,,\n\
               zoe,Zo\u{eb},,,,nowhere,,,\n";
    test.write("people.csv", csv);
    let import = ["person", "import", "v", "people.csv", "--json"];
    let run = test.run(import).fails(2, "");
    assert_eq!(statuses(&run), ["added", "not_added", "added", "not_added", "not_added"]);
    let lines = lines(&run);
    assert_eq!((&lines[0]["_id"], &lines[0]["from"]), (&json!("bob"), &json!("line 2")));
    assert_eq!(lines[1]["error"]["error"], "already_exists");
    let rules: Vec<_> = lines[3]["error"]["details"].as_array().expect("rules").iter().map(|r| &r["field"]).collect();
    assert_eq!(rules.len(), 3, "{rules:?}");
    let bob = test.run(["person", "show", "v", "bob", "--json"]).ok().json()["data"].clone();
    for (field, value) in [
        ("name", json!("Doe, Bob")),
        ("gender", json!("M")),
        ("date_of_birth", json!({"year": 1990, "month": 1, "day": 15})),
        ("collections", json!(["staff", "guests"])),
        ("notes", json!("two\nlines")),
        ("status", json!("inactive")),
        ("attributes", json!({"badge": "4711"})),
    ] {
        assert_eq!(bob[field], value, "{field}");
    }
    assert_eq!(total(&test), 3);

    let again = test.run(["person", "import", "v", "people.csv", "--skip-existing"]).fails(2, "");
    assert!(
        again.stdout.ends_with("s\n") && again.stdout.contains("1 person added, 2 passed over, 2 not added"),
        "{again:?}"
    );
    assert!(again.stdout.contains("line 7: \"collections[0]\""), "{again:?}");
}

#[test]
fn a_file_that_is_no_list_of_people_adds_nobody() {
    let test = Facevault::with_ada();
    test.write("shoes.csv", "name,shoe_size\nBob,43\n");
    test.write("nameless.csv", "_id\nbob\n");
    test.write("ragged.csv", "name,notes\nBob,x\nEve\n");
    test.write("latin.csv", b"name\nZo\xeb\n");
    test.write("good.csv", "name\nBob\n");
    for (source, said) in [
        ("shoes.csv", "has the column \"shoe_size\"; columns may be _id, name"),
        ("nameless.csv", "needs a column `name`"),
        ("ragged.csv", "line: 3"),
        ("latin.csv", "utf-8"),
        ("none.csv", "cannot read none.csv"),
    ] {
        test.run(["person", "import", "v", source]).fails(2, said);
    }
    test.run(["person", "import", "v", "good.csv", "--ids"]).fails(2, "a CSV file has a column `_id`");
    test.run(["person", "import", "v", "good.csv", "--collection", "nowhere"]).fails(2, "nowhere");
    assert_eq!(total(&test), 1);
    test.write("empty.csv", "name\n");
    assert!(test.run(["person", "import", "v", "empty.csv"]).ok().stdout.starts_with("0 people added in "));
}

#[test]
fn folders_are_people() {
    let test = Facevault::with_ada();
    for name in ["people/Bob_1", "people/ada", "people/Z\u{eb} x", "people/.hidden"] {
        std::fs::create_dir_all(test.path().join(name)).expect("a folder");
    }
    let run = test.run(["person", "import", "v", "people", "--ids", "--collection", "staff", "--json"]).fails(2, "");
    assert_eq!(statuses(&run), ["added", "not_added", "not_added"]);
    let run = test.run(["person", "import", "v", "people", "--json"]).ok();
    assert_eq!(statuses(&run), ["added"; 3]);
    let bob = test.run(["person", "show", "v", "Bob_1", "--json"]).ok().json()["data"].clone();
    assert_eq!((&bob["name"], &bob["collections"]), (&json!("Bob_1"), &json!(["staff"])));
    assert_eq!(total(&test), 1 + 1 + 3);
}

/// A folder of so many people with a photo each.
fn people_of(test: &Photos, count: usize, photo: &str) {
    for index in 0..count {
        let folder = test.test.path().join(format!("people/p{index:03}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::copy(test.photo(photo), folder.join("photo.png")).expect("copied");
    }
}

const ONE: &str = "images/formats/einstein.png";

#[test]
fn photos_are_encoded_and_a_refused_one_stops_nobody_else() {
    let Some(test) = Photos::new("photos_are_encoded_and_a_refused_one_stops_nobody_else") else { return };
    people_of(&test, 3, ONE);
    let copy = |from: &str, to: &str| {
        let to = test.test.path().join("people").join(to);
        std::fs::create_dir_all(to.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::copy(test.photo(from), to).expect("copied");
    };
    copy(NONE, "p001/second.jpg");
    copy(ONE, "Albert Einstein.png");
    let run = test.run(&["person", "import", "v", "people", "--json"]).fails(1, "");
    assert_eq!(statuses(&run), ["added", "added", "not_added", "added"]);
    let error = &lines(&run)[2]["error"];
    assert_eq!((&error["error"], error["images"].as_array().map(Vec::len)), (&json!("refused"), Some(2)));
    assert_eq!(lines(&run)[0]["image_count"], 1);
    let run = test.run(&["person", "import", "v", "people"]).fails(1, "");
    assert!(run.stdout.contains("people/p001: second.jpg: no_face_detected: "), "{run:?}");
    let listed = test.run(&["person", "list", "v", "--name", "albert e", "--json"]).ok().json();
    assert_eq!(listed["data"][0]["name"], "Albert Einstein");
    test.test.write("people.csv", "name,images\nA,people/p000/photo.png; people/p002/photo.png\nB,gone.png\n");
    let run = test.run(&["person", "import", "v", "people.csv", "--json"]).fails(2, "");
    assert_eq!(statuses(&run), ["added", "not_added"]);
    assert_eq!(lines(&run)[0]["image_count"], 2);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_whoever_was_added_and_a_second_run_adds_the_others() {
    let Some(test) = Photos::new("ctrl_c_keeps_whoever_was_added_and_a_second_run_adds_the_others") else { return };
    people_of(&test, 300, ONE);
    let import = ["person", "import", "v", "people", "--ids", "--skip-existing"];
    let was_written = || total(&test.test) > 1;
    let (code, said) = super::streams::interrupted(&test.test, &import, was_written);
    let added = total(&test.test) - 1;
    // On a fast machine everybody may have been added meanwhile.
    if added < 300 {
        assert_eq!(code, Some(130), "{said}");
        assert!(said.contains(&format!("interrupted; {added} of 300 people were added and stay")), "{said}");
    }
    let run = test.run(&import).ok();
    let expected = format!("{} added, {added} passed over", people(300 - added));
    assert!(run.stdout.contains(&expected), "{expected}: {run:?}");
    assert_eq!(total(&test.test), 301);
    test.run(&["check", "v"]).ok();
}

fn people(count: u64) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

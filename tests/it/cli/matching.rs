//! Identify, verify and compare with real networks: matches and strangers, texts and JSON, and what
//! is told where nothing can be answered.

use serde_json::json;

use super::Facevault;
use super::photos::{MANY, NONE, Photos};

const CLOONEY: [&str; 3] = [
    "faces/lfw-dev/George_Clooney/George_Clooney_0001.jpg",
    "faces/lfw-dev/George_Clooney/George_Clooney_0002.jpg",
    "faces/lfw-dev/George_Clooney/George_Clooney_0003.jpg",
];
const VOIGHT: &str = "faces/lfw-dev/Jon_Voight/Jon_Voight_0001.jpg";
const STRANGER: &str = "faces/lfw-dev/Aaron_Pena/Aaron_Pena_0001.jpg";

/// Commands on a vault with Clooney in the collection `staff`, two photos of him, and Voight.
fn enrolled(name: &str) -> Option<Photos> {
    let test = Photos::new(name)?;
    let [one, two, _] = CLOONEY.map(|photo| test.photo(photo));
    let voight = test.photo(VOIGHT);
    let clooney = ["person", "add", "v", "--id", "clooney", "--name", "George", "--collection", "staff"];
    test.run(&[&clooney[..], &["--image", &one, "--image", &two]].concat()).ok();
    test.run(&["person", "add", "v", "--id", "voight", "--name", "Jon", "--image", &voight]).ok();
    Some(test)
}

#[test]
fn the_right_person_is_found_and_a_stranger_is_unknown() {
    let Some(test) = enrolled("the_right_person_is_found_and_a_stranger_is_unknown") else { return };
    let [one, two, three] = CLOONEY.map(|photo| test.photo(photo));
    let (stranger, voight) = (test.photo(STRANGER), test.photo(VOIGHT));
    let identify =
        |arguments: &[&str]| test.run(&[&["identify", "v", "--similarity", "0.3", "--json"], arguments].concat());
    let answer = identify(&[&three]).ok().json()["data"].clone();
    let best = &answer["candidates"][0];
    assert_eq!((&best["person"], &best["name"], &best["rank"]), (&json!("clooney"), &json!("George"), &json!(1)));
    assert_eq!(best["fmr"], json!(null), "the model has no table");
    assert!(best["similarity"].as_f64().is_some_and(|similarity| similarity > 0.3), "{answer}");
    assert!(answer["margin"].as_f64().is_some_and(|margin| margin > 0.1), "{answer}");
    assert_eq!((&answer["people_searched"], &answer["people_without_encoding"]), (&json!(2), &json!(0)));
    assert_eq!(answer["threshold"]["asked"], json!({"similarity": 0.3}));

    let none = identify(&[&stranger]);
    assert_eq!((none.code, &none.json()["data"]["candidates"]), (1, &json!([])), "{none:#?}");
    let told = test.run(&["identify", "v", "--similarity", "0.3", &stranger]);
    assert_eq!(told.code, 1);
    for said in ["unknown: nobody", "threshold 0.3000 (similarity=0.3, no table)", "ahead of", "2 people searched"] {
        assert!(told.stdout.contains(said), "{said:?} in {told:#?}");
    }
    assert!(test.run(&["identify", "v", "--similarity", "0.3", &three]).ok().stdout.contains("clooney"));

    let fused = identify(&[&three, &two, &one]).ok().json()["data"]["candidates"][0].clone();
    assert!(fused["similarity"].as_f64() > best["similarity"].as_f64(), "{fused}");
    assert_eq!(identify(&[&voight, "--collection", "staff"]).code, 1, "he is no member");
    let everybody = test.run(&["identify", "v", "--similarity", "-1", "--max-results", "1", "--json", &voight]).ok();
    assert_eq!(everybody.json()["data"]["candidates"].as_array().map(Vec::len), Some(1));
}

#[test]
fn every_face_of_a_group_photo_is_searched_for() {
    let Some(test) = enrolled("every_face_of_a_group_photo_is_searched_for") else { return };
    let (group, none, three) = (test.photo(MANY), test.photo(NONE), test.photo(CLOONEY[2]));
    let run = test.run(&["identify", "v", "--similarity", "0.3", "--all-faces", "--json", &group, &none, &three]).ok();
    let photos = run.json()["data"].as_array().expect("a list").clone();
    let faces: Vec<usize> = photos.iter().map(|photo| photo["faces"].as_array().map_or(0, Vec::len)).collect();
    assert!(faces[0] > 5 && faces[1] == 0 && faces[2] > 0, "{faces:?}");
    for face in photos[0]["faces"].as_array().expect("a list") {
        match face["status"].as_str() {
            Some("ok") => assert_eq!(face["candidates"], json!([]), "{face}"),
            Some("refused") => assert!(face["code"].is_string() && face["message"].is_string(), "{face}"),
            other => panic!("{other:?}"),
        }
        assert!(face["face"]["box"]["left"].is_number());
    }
    let people: Vec<_> = photos[2]["faces"].as_array().expect("a list").iter().map(|f| &f["candidates"][0]).collect();
    assert!(people.iter().any(|candidate| candidate["person"] == "clooney"), "{people:?}");

    let told = test.run(&["identify", "v", "--similarity", "0.3", "--all-faces", &group]);
    assert_eq!(told.code, 1, "{told:#?}");
    assert!(told.stdout.contains("face 1, ") && told.stdout.contains("unknown: nobody"), "{told:#?}");
}

#[test]
fn verify_says_yes_and_no() {
    let Some(test) = enrolled("verify_says_yes_and_no") else { return };
    let three = test.photo(CLOONEY[2]);
    let yes =
        test.run(&["verify", "v", "clooney", &three, "--similarity", "0.3", "--json"]).ok().json()["data"].clone();
    assert_eq!((&yes["person"], &yes["accepted"]), (&json!("clooney"), &json!(true)));
    let images = test.run(&["person", "image", "list", "v", "clooney"]).ok().stdout;
    assert!(images.contains(yes["image"].as_str().expect("an id")), "{images}");
    let no = test.run(&["verify", "v", "voight", &three, "--similarity", "0.3"]);
    assert!(no.code == 1 && no.stdout.starts_with("no: this is not Jon, voight\n"), "{no:#?}");
    test.run(&["verify", "v", "nobody", &three, "--similarity", "0.3"]).fails(2, "there is no person nobody");
    test.run(&["verify", "v", "ada", &three, "--similarity", "0.3"]).fails(2, "must be a person with a photo");
    test.run(&["verify", "v", "clooney", &test.photo(NONE), "--similarity", "0.3"]).fails(1, "no_face_detected");
}

#[test]
fn two_photos_or_two_sets_are_compared_without_a_vault() {
    let Some(test) = Photos::new("two_photos_or_two_sets_are_compared_without_a_vault") else { return };
    let [one, two, three] = CLOONEY.map(|photo| test.photo(photo));
    let (stranger, none) = (test.photo(STRANGER), test.photo(NONE));
    let compare = |arguments: &[&str]| test.run(&[&["compare", "--similarity=0.3"], arguments].concat());
    assert!(compare(&[&one, &three]).ok().stdout.starts_with("yes: the same person\n"));
    let no = compare(&[&one, &stranger]);
    assert!(no.code == 1 && no.stdout.starts_with("no: not the same person\n"), "{no:#?}");
    let similarity = |arguments: &[&str]| {
        let answer = compare(&[arguments, &["--json"]].concat()).ok().json()["data"].clone();
        assert_eq!(answer["accepted"], true);
        answer["similarity"].as_f64().expect("a number")
    };
    assert!((similarity(&[&one, &three]) - similarity(&[&three, "--with", &one])).abs() < 1e-9);
    assert!(similarity(&[&one, &two, "--with", &three]) > 0.3);
    compare(&[&one]).fails(2, "must be two photos");
    compare(&[&one, &two, &three]).fails(2, "behind --with");
    // The refused photo is told by its name, whichever side it is on.
    compare(&[&one, &none]).fails(1, "blank_640x480.jpg: no_face_detected");
}

#[test]
fn what_cannot_be_answered_is_told_with_what_to_do() {
    let Some(test) = enrolled("what_cannot_be_answered_is_told_with_what_to_do") else { return };
    let three = test.photo(CLOONEY[2]);
    for arguments in [
        &["identify", "v", &three][..],
        &["identify", "v", &three, "--fmr", "1e-4"],
        &["verify", "v", "clooney", &three],
        &["compare", &three, &three],
    ] {
        test.run(arguments)
            .fails(2, "this model has none: give a similarity, or make a table with `facevault calibrate`");
    }
    test.run(&["identify", "v", &three, "--collection", "nowhere"]).fails(2, "there is no collection \"nowhere\"");
    test.run(&["identify", "v", &test.photo(NONE), "--similarity", "0.3"]).fails(1, "no face was found; send a photo");
    test.run(&["init", "empty"]).ok();
    let run = test.run(&["identify", "empty", &three, "--similarity", "0.3"]);
    assert!(run.code == 1 && run.stdout.contains("nobody was searched: add people"), "{run:#?}");
}

#[test]
fn rates_that_are_none_are_refused_before_anything_is_opened() {
    let test = Facevault::new();
    for (arguments, said) in [
        (&["identify", "v", "a.jpg", "--fpir", "2"][..], "must be above 0 and below 1"),
        (&["identify", "v", "a.jpg", "--fmr", "0"], "must be above 0 and at most 1"),
        (&["identify", "v", "a.jpg", "--fmr", "0.1", "--similarity", "0.1"], "cannot be used with"),
        (&["identify", "v", "a.jpg", "--fpir", "0.1", "--fmr", "0.1"], "cannot be used with"),
        (&["identify", "v", "a.jpg", "--max-results", "1001"], "1001"),
        (&["compare", "a.jpg", "b.jpg", "--similarity", "high"], "similarity=VALUE"),
        (&["verify", "v", "b c", "a.jpg"], "A-Z a-z 0-9"),
    ] {
        test.run(arguments).fails(2, said);
    }
}

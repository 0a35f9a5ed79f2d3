//! Identify, verify and compare with real networks: matches and strangers, texts and JSON, and the
//! message where nothing can be answered.

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
    // The refused photo is named, whichever side it is on.
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
    test.run(&["identify", "v", &test.photo(NONE), "--similarity", "0.3"])
        .fails(1, "no face of 40 pixels or more was found; send a photo");
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

/// Gives the pack a table as `facevault calibrate` makes them; its numbers are near enough.
fn with_table(test: &Photos) {
    const TABLE: &str = r#"
[calibration]
points = [
    { fmr = 0.01, similarity = 0.16, fnmr = 0.002, fnmr_low = 0.0, fnmr_high = 0.02 },
    { fmr = 0.001, similarity = 0.22, fnmr = 0.007, fnmr_low = 0.001, fnmr_high = 0.04 },
    { fmr = 0.0001, similarity = 0.27, fnmr = 0.01, fnmr_low = 0.001, fnmr_high = 0.05 },
]

[calibration.measured_on]
name = "toy"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
people = 1400
mated_pairs = 140
non_mated_pairs = 1000000
"#;
    let path = test.pack.path().join("manifest.toml");
    let manifest = std::fs::read_to_string(&path).expect("a manifest");
    std::fs::write(path, manifest + TABLE).expect("written");
}

#[test]
fn a_table_turns_rates_into_thresholds_and_similarities_into_rates() {
    let Some(test) = enrolled("a_table_turns_rates_into_thresholds_and_similarities_into_rates") else { return };
    with_table(&test);
    let (three, stranger) = (test.photo(CLOONEY[2]), test.photo(STRANGER));
    let answer = test.run(&["identify", "v", "--json", &three]).ok().json()["data"].clone();
    let threshold = &answer["threshold"];
    assert_eq!((&threshold["asked"], &threshold["people_searched"]), (&json!({"fpir": 0.01}), &json!(2)));
    // Three photos of two people: one comparison may be wrong at about a third of the rate.
    let fmr = threshold["fmr"].as_f64().expect("a rate");
    assert!((fmr - 0.01 / 3.0).abs() < 1e-4, "{threshold}");
    let best = &answer["candidates"][0];
    let (similarity, estimate) = (best["similarity"].as_f64(), best["fmr"].as_f64());
    assert_eq!(best["person"], "clooney");
    assert!(similarity > Some(0.3) && estimate >= Some(3e-6) && estimate < Some(1e-4), "{best}");
    let sure = test.run(&["identify", "v", "--json", &test.photo(CLOONEY[0])]).ok().json()["data"].clone();
    assert_eq!(sure["candidates"][0]["fmr"], json!(3e-6), "never below 3 / number of non-mated pairs");

    let told = test.run(&["identify", "v", &three]).ok().stdout;
    assert!(told.contains("(fpir=0.01 over 2 people, FMR 0.00334, measured)"), "{told}");
    let none = test.run(&["identify", "v", &stranger]);
    assert!(none.code == 1 && none.stdout.contains("unknown: nobody reaches the threshold"), "{none:#?}");
    let yes = test.run(&["verify", "v", "clooney", &three]).ok().stdout;
    assert!(yes.starts_with("yes: this is George, clooney\n") && yes.contains("0.2200 (fmr=0.001, measured)"), "{yes}");
    assert_eq!(test.run(&["compare", &three, &stranger]).code, 1);

    let said = "is 1e-7: the model's table, measured on toy with 1000000 non-mated pairs, carries 1e-4 to 0.01; ask";
    for command in [&["identify", "v"][..], &["verify", "v", "clooney"], &["compare", &three]] {
        test.run(&[command, &[&three, "--fmr", "1e-7"]].concat()).fails(2, said);
    }
    test.run(&["identify", "v", &three, "--fpir", "1e-9"]).fails(2, "ask for fpir=");
}

#[test]
fn nobody_is_added_twice_and_pairs_that_look_alike_are_listed() {
    let Some(test) = enrolled("nobody_is_added_twice_and_pairs_that_look_alike_are_listed") else { return };
    let [one, _, three] = CLOONEY.map(|photo| test.photo(photo));
    let add = |arguments: &[&str]| test.run(&[&["person", "add", "v", "--name", "Georgie"], arguments].concat());
    let face = ["--image", &three, "--duplicates", "face", "--similarity", "0.3"];
    add(&face).fails(2, "clooney has the same face: the similarity 0.");
    let error = add(&[&face[..], &["--json"]].concat()).error_json();
    assert_eq!((&error["error"], &error["duplicate"]["reason"]), (&json!("already_exists"), &json!("face")));
    assert_eq!(error["duplicate"]["person"], "clooney");
    assert!(error["duplicate"]["similarity"].as_f64() > Some(0.3), "{error}");
    add(&["--image", &three, "--duplicates", "face"]).fails(2, "facevault calibrate");
    add(&["--fmr", "1e-3"]).fails(2, "must be `face` or `both`");

    let born = ["--date-of-birth", "1961-05-06", "--duplicates", "name"];
    add(&born).ok();
    add(&born).fails(2, "has the same name and date of birth");

    let none = test.run(&["duplicates", "v", "--similarity", "0.3"]).ok().stdout;
    assert!(none.starts_with("no pairs look like one person\nthreshold 0.3000"), "{none}");
    add(&["--id", "twin", "--image", &one]).ok();
    let found = test.run(&["duplicates", "v", "--similarity", "0.3", "--json"]).ok().json()["data"].clone();
    assert_eq!(found["pairs"].as_array().map(Vec::len), Some(1), "{found}");
    let pair = &found["pairs"][0];
    assert_eq!((&pair["people"][0]["person"], &pair["people"][1]["person"]), (&json!("clooney"), &json!("twin")));
    assert_eq!((&pair["people"][1]["name"], &found["people_searched"]), (&json!("Georgie"), &json!(3)));
    assert!(pair["similarity"].as_f64() > Some(0.999), "they have a photo in common: {pair}");
    let told = test.run(&["duplicates", "v", "--similarity", "0.3"]).ok().stdout;
    assert!(told.contains("clooney") && told.contains("twin") && told.contains("3 people compared"), "{told}");
    with_table(&test);
    assert!(test.run(&["duplicates", "v"]).ok().stdout.contains("(fpir=0.01 over 3 people"));
    test.run(&["duplicates", "v", "--collection", "nowhere"]).fails(2, "nowhere");
}

#[test]
fn a_vault_changes_its_model_and_says_what_it_cannot_encode() {
    let name = "a_vault_changes_its_model_and_says_what_it_cannot_encode";
    let Some(test) = enrolled(name) else { return };
    let Some(other) = crate::packs::pack(name, "yunet_640", "foamliu") else { return };
    let (other, three) = (other.path().display().to_string(), test.photo(CLOONEY[2]));
    let search = ["identify", "v", &three, "--similarity", "0.3", "--json"];
    let blind = test.run(&[&search[..], &["--pack", &other]].concat());
    blind.fails(3, "none of the vault's 2 people has an encoding by");
    let image = ["person", "add", "v", "--name", "New", "--image", &three, "--pack", &other];
    test.run(&image).fails(3, "open the vault with that pack, or re-encode it");

    let done = test.run(&["reencode", "v", "--pack", &other, "--accurate", "--json"]).ok().json()["data"].clone();
    assert_eq!((&done["encoded"], &done["is_active"], &done["unencoded"]), (&json!(3), &json!(true), &json!([])));
    let found = test.run(&[&search[..], &["--pack", &other]].concat()).ok().json()["data"].clone();
    assert_eq!(found["candidates"][0]["person"], "clooney", "{found}");
    test.run(&image).ok();
    test.run(&search).fails(3, "open it with the pack of its model");
    let back = test.run(&["reencode", "v", "--keep-old"]).ok().stdout;
    assert!(
        back.starts_with("4 photos encoded with test in ") && back.contains("the vault's model is test ("),
        "{back}"
    );
}

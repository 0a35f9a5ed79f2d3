//! Photos, with real networks: detect, encode, add, replace, refuse.

use std::path::PathBuf;

use facevault::models::{Artifact, Home, Manifest};
use facevault::wire::encode_base64;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::people::FIELDS;
use super::{Facevault, Run};
use crate::{data, packs};

/// Commands with YuNet and a small embedder and the folder of test data.
pub(super) struct Photos {
    pub(super) test: Facevault,
    data: PathBuf,
    pub(super) pack: TempDir,
}

impl Photos {
    pub(super) fn new(name: &str) -> Option<Self> {
        let data = data::folder(name)?.canonicalize().expect("a folder");
        let pack = packs::pack(name, "yunet_640", "espdl_mbf")?;
        let test = Facevault::with_ada().with("FACEVAULT_PACK", pack.path());
        Some(Self { test, data, pack })
    }

    pub(super) fn photo(&self, name: &str) -> String {
        self.data.join(name).display().to_string()
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Run {
        self.test.run(arguments)
    }
}

const ONE: &str = "images/formats/einstein.png";
const OTHER: &str = "images/formats/einstein_444.jpg";
pub(super) const MANY: &str = "images/formats/scientists_1600.jpg";
pub(super) const NONE: &str = "images/formats/blank_640x480.jpg";
const BOMB: &str = "images/formats/bad_bomb_65000x65000.png";
const EMPTY: &str = "images/formats/bad_empty.jpg";

#[test]
fn faces_are_found_and_drawn() {
    let Some(test) = Photos::new("faces_are_found_and_drawn") else { return };
    let (many, none) = (test.photo(MANY), test.photo(NONE));
    let run = test.run(&["detect", &many, "--draw", "drawn.png", "--json"]).ok();
    let found = &run.json()["data"][0];
    let faces = found["faces"].as_array().expect("a list");
    assert!(faces.len() > 5, "{} faces", faces.len());
    for face in faces {
        let side = |name: &str| face["box"][name].as_f64().expect("a number");
        assert!(side("left") < side("right") && side("top") < side("bottom"), "{face}");
        assert!(face["landmarks"]["left_eye"][0].as_f64() < face["landmarks"]["right_eye"][0].as_f64(), "{face}");
    }
    let scores: Vec<_> = faces.iter().map(|face| face["detection_score"].as_f64().expect("a number")).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");

    let drawn = image::open(test.test.path().join("drawn.png")).expect("a picture").to_rgb8();
    let plain = image::open(&many).expect("a picture").to_rgb8();
    assert_eq!(drawn.dimensions(), plain.dimensions());
    let changed = drawn.pixels().zip(plain.pixels()).filter(|(a, b)| a != b).count();
    assert!(changed > 1000 && changed < plain.pixels().len() / 4, "{changed} pixels are drawn on");

    let run = test.run(&["detect", &none]).ok();
    assert!(run.stdout.ends_with("640 x 480  no face\n"), "{run:#?}");
    test.run(&["detect", &many, &none, "--draw", "x.png"]).fails(2, "--draw takes one photo");
    test.run(&["detect", &many, "--draw", "x.gif"]).fails(2, "--draw writes .png");
    test.run(&["detect", &many, "--draw", "none/x.png"]).fails(4, "cannot write none/x.png");
}

#[test]
fn photos_are_encoded_and_the_refused_ones_told() {
    let Some(test) = Photos::new("photos_are_encoded_and_the_refused_ones_told") else { return };
    let paths = [ONE, NONE, OTHER, BOMB, EMPTY].map(|name| test.photo(name));
    let arguments: Vec<&str> = ["encode", "--json"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let run = test.run(&arguments);
    assert_eq!(run.code, 1, "{run:#?}");
    let outcomes = run.json()["data"].as_array().expect("a list").clone();
    let codes: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome["code"].as_str().unwrap_or_else(|| outcome["status"].as_str().expect("a word")))
        .collect();
    assert_eq!(codes, ["ok", "no_face_detected", "ok", "image_too_large", "undecodable_image"]);
    assert_eq!(outcomes[0]["dimension"], 512);
    let vector = |outcome: &Value| {
        let bytes = facevault::wire::decode_base64(outcome["encoding"].as_str().expect("base64")).expect("base64");
        let (numbers, rest) = bytes.as_chunks::<4>();
        assert!(rest.is_empty());
        numbers.iter().map(|number| f32::from_le_bytes(*number)).collect::<Vec<_>>()
    };
    let (a, b) = (vector(&outcomes[0]), vector(&outcomes[2]));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    assert!(a.len() == 512 && cosine > 0.9, "two files of one picture: {cosine}");

    let refused = run.error_json();
    let places: Vec<_> =
        refused["images"].as_array().expect("a list").iter().map(|image| image["index"].clone()).collect();
    assert_eq!(places, [json!(1), json!(3), json!(4)]);
}

#[test]
fn a_person_gets_other_photos_all_at_once_or_not_at_all() {
    let Some(test) = Photos::new("a_person_gets_other_photos_all_at_once_or_not_at_all") else { return };
    let [one, other, many, none, bomb, empty] = [ONE, OTHER, MANY, NONE, BOMB, EMPTY].map(|name| test.photo(name));
    let added = test.run(&["person", "add", "v", "--name", "Albert", "--id", "albert", "--image", &one, "--json"]).ok();
    let person = added.json()["data"].clone();
    assert_eq!(person.as_object().map(serde_json::Map::len), Some(FIELDS.len()));
    assert_eq!(person["images"][0], json!(encode_base64(&std::fs::read(&one).expect("a photo"))));
    assert_eq!(person["faceEncodings"].as_array().map(Vec::len), Some(1));

    for (photos, lines) in [
        (
            vec![&one, &none],
            vec!["error: 1 of 2 photos was refused", "einstein.png: ok", "blank_640x480.jpg: no_face_detected: "],
        ),
        (vec![&many], vec!["scientists_1600.jpg: multiple_faces_detected: "]),
        (
            vec![&bomb, &empty],
            vec!["error: 2 of 2 photos were refused", ".png: image_too_large: ", ".jpg: undecodable_image: "],
        ),
    ] {
        let mut arguments = vec!["person", "update", "v", "albert", "--name", "Nobody", "--images"];
        arguments.extend(photos.iter().map(|photo| photo.as_str()));
        let run = test.run(&arguments);
        for line in lines {
            assert!(run.code == 1 && run.stderr.contains(line), "{line:?} in {run:#?}");
        }
    }
    let kept = test.run(&["person", "show", "v", "albert", "--json"]).ok().json()["data"].clone();
    assert_eq!(kept, person, "nothing was changed by what was refused");

    let two =
        test.run(&["person", "update", "v", "albert", "--images", &one, &other, "--json"]).ok().json()["data"].clone();
    assert_eq!(two["images"].as_array().map(Vec::len), Some(2));
    assert_eq!(two["faceEncodings"][0], person["faceEncodings"][0], "the same photo has the same encoding");
    assert_eq!(two["name"], "Albert");

    let body = json!({"images": [format!("data:image/jpeg;base64,{}", encode_base64(&std::fs::read(&other).expect("a photo")))]});
    let run =
        test.test.pipe(["person", "update", "v", "albert", "--json-file", "-", "--json"], body.to_string().as_bytes());
    assert_eq!(run.ok().json()["data"]["faceEncodings"], json!([two["faceEncodings"][1]]));

    test.run(&["person", "image", "add", "v", "albert", &one]).ok();
    let listed = test.run(&["person", "image", "list", "v", "albert", "--json"]).ok().json();
    let ids: Vec<_> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|image| image["_id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    test.run(&["person", "image", "remove", "v", "albert", "image_of_nobody"]).fails(2, "image_of_nobody");
    test.run(&["person", "image", "remove", "v", "albert", &ids[0]]).ok();
    let left = test.run(&["person", "image", "list", "v", "albert"]).ok().stdout;
    assert!(left.contains(&ids[1]) && !left.contains(&ids[0]), "{left}");
    assert!(test.run(&["check", "v"]).ok().stdout.contains("1 photos, 1 encodings"));
}

#[test]
fn the_demo_answers_with_the_pages_fields() {
    let name = "the_demo_answers_with_the_pages_fields";
    let home = Home::from_env().expect("a data folder");
    let default = Manifest::builtin(Manifest::BUILTIN[0]).expect("built in");
    let needed = [Artifact::of_pack(&default), Artifact::samples(), Artifact::runtime()].concat();
    if !needed.iter().all(|artifact| artifact.location(&home).is_file()) {
        return crate::data::skip(name, "the models and photos of `facevault demo` are not installed");
    }
    let test = Facevault::new().with("FACEVAULT_HOME", home.path()).with("FACEVAULT_PYTHON", "/nowhere/python");
    let told = test.run(["demo"]).ok().stdout;
    let answers: Vec<Value> = told
        .split("\n{\n")
        .skip(1)
        .map(|rest| {
            let end = rest.find("\n}\n").expect("the end of an answer");
            serde_json::from_str(&format!("{{{}}}", &rest[..end])).expect("JSON")
        })
        .collect();
    assert_eq!(answers.len(), 7, "{told}");
    assert!(answers.iter().all(|answer| answer.as_object().map(serde_json::Map::len) == Some(2)), "{told}");
    let (answers, found) = answers.split_at(3);
    for answer in answers {
        let person = answer["data"].as_object().expect("a person");
        assert!(person.len() == FIELDS.len() && FIELDS.iter().all(|field| person.contains_key(*field)), "{answer}");
    }
    let [first, second, third] = answers else { panic!("three answers") };
    assert_eq!((&first["data"]["name"], &first["data"]["gender"]), (&json!("John Doe"), &Value::Null));
    for (field, value) in [("name", "John Doe Updated"), ("gender", "M"), ("notes", "Updated VIP customer")] {
        assert_eq!(second["data"][field], value);
        assert_eq!(third["data"][field], value);
    }
    let count = |answer: &Value, field: &str| answer["data"][field].as_array().map(Vec::len);
    assert_eq!(second["data"]["faceEncodings"], first["data"]["faceEncodings"]);
    assert_eq!((count(second, "images"), count(third, "images")), (Some(1), Some(2)));
    assert_eq!(count(third, "faceEncodings"), Some(2));
    let [third, stranger, yes, no] = found else { panic!("four more answers") };
    let candidates = |answer: &Value| answer["data"]["candidates"].as_array().cloned().expect("a list");
    let candidate = candidates(third)[0].clone();
    assert_eq!((&candidate["person"], &candidate["rank"]), (&json!("person_123456789"), &json!(1)));
    assert_eq!(candidate["name"], "John Doe Updated");
    assert!(candidate["fmr"].as_f64().is_some_and(|fmr| fmr < 0.01), "{candidate}");
    assert_eq!(third["data"]["threshold"]["asked"], json!({"fpir": 0.01}));
    assert!(candidates(stranger).is_empty(), "{stranger}");
    assert_eq!((&yes["data"]["accepted"], &no["data"]["accepted"]), (&json!(true), &json!(false)));
    assert_eq!(yes["data"]["threshold"]["asked"], json!({"fmr": 0.001}));
    assert!(told.lines().all(|line| line.chars().count() < 200), "long strings are cut");

    let steps = test.run(["demo", "--json"]).ok().json()["data"]["steps"].clone();
    let steps = steps.as_array().expect("steps");
    assert!(steps.iter().all(|step| step["milliseconds"].as_f64().is_some_and(|took| took > 0.0)));
    let last = steps.iter().rfind(|step| step["answer"]["data"]["images"].is_array()).expect("a person");
    assert!(
        last["answer"]["data"]["images"][1].as_str().is_some_and(|photo| photo.len() > 100_000),
        "whole, for programs"
    );
}

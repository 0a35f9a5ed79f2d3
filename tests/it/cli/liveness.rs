//! Whether faces are live, from the command line, with real networks.

use serde_json::json;

use super::Facevault;
use super::photos::Photos;
use crate::liveness::models;

const LIVE: &str = "faces/liveness/image_T1.jpg";
const PRINT: &str = "faces/liveness/image_F1.jpg";
const SCREEN: &str = "faces/liveness/rgb_fake.jpg";

#[test]
fn photos_are_judged_alone_and_together() {
    let name = "photos_are_judged_alone_and_together";
    let (Some(test), Some(networks)) = (Photos::new(name), models(name, false)) else { return };
    let (live, attack) = (test.photo(LIVE), test.photo(SCREEN));
    let networks = networks.path().display().to_string();
    let judge =
        |photos: &[&str]| test.run(&[&["liveness", "--liveness-models", &networks, "--json"][..], photos].concat());
    let found = judge(&[&live]).ok().json()["data"].clone();
    assert_eq!((&found["live"], &found["model"], &found["min_score"]), (&json!(true), &json!("liveness"), &json!(0.6)));
    assert_eq!(found["networks"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["shots"][0]["score"], found["score"]);
    assert!(found["shots"][0]["face"]["box"].is_object(), "{found}");
    let both = judge(&[&live, &attack]);
    let both = (both.code, both.json()["data"].clone());
    let mean = both.1["shots"].as_array().expect("shots").iter().filter_map(|shot| shot["score"].as_f64()).sum::<f64>();
    assert!(both.1["score"].as_f64().is_some_and(|score| (score - mean / 2.0).abs() < 1e-9), "{both:?}");
    assert_eq!((both.0, &both.1["live"]), (1, &json!(false)));

    let with = |arguments: &[&str]| test.run(&[arguments, &["--liveness-models", &networks]].concat());
    let add = |photo: &str| with(&["person", "add", "v", "--name", "A", "--image", photo, "--min-liveness", "0.6"]);
    add(&attack).fails(1, "liveness_failed");
    add(&live).ok();
    let identify = |photo: &str, policy: &str| {
        with(&["identify", "v", photo, "--similarity", "0.9", "--json", "--liveness", policy])
    };
    let found = identify(&live, "require").ok().json()["data"].clone();
    assert!(found["liveness"].as_f64().is_some_and(|score| score > 0.6), "{found}");
    let refused = identify(&attack, "require").fails(1, "liveness_failed");
    assert_eq!(refused.error_json()["images"][0]["limit"], json!(0.6));
    assert!(identify(&live, "off").ok().json()["data"].get("liveness").is_none());
}

#[test]
fn the_error_says_how_to_get_the_networks() {
    let name = "the_error_says_how_to_get_the_networks";
    let Some(test) = Photos::new(name) else { return };
    let live = test.photo(LIVE);
    let install = "`facevault models install liveness`";
    test.run(&["liveness", &live]).fails(3, install);
    test.run(&["compare", &live, &live, "--liveness", "require", "--similarity", "0.5"]).fails(3, install);
    test.run(&["liveness", &live, "--liveness-models", "depth"]).fails(2, "there are no liveness networks \"depth\"");
}

#[test]
fn what_is_asked_is_checked_before_models_are_loaded() {
    let test = Facevault::with_ada();
    test.write("a.jpg", "no photo");
    test.run(["identify", "v", "a.jpg", "--liveness", "maybe"]).fails(2, "must be one of [off, report, require]");
    test.run(["identify", "v", "a.jpg", "--liveness-min-score", "0.9"]).fails(2, "--liveness <POLICY>");
    test.run(["liveness", "a.jpg", "--min-score", "1.5"]).fails(2, "1.5 is not from 0 to 1");
    test.run(["evaluate", "--protocol", "liveness"]).fails(2, "\"images\" is required");
    test.run(["evaluate", "--protocol", "liveness", "."]).fails(2, "live is missing");
    let missing = test.run(["models", "install", "liveness", "--from", "."]);
    missing.fails(3, "put MiniFASNetV2.onnx and MiniFASNetV1SE.onnx into a folder");
}

#[test]
fn samples_are_measured_in_the_standards_words() {
    let name = "samples_are_measured_in_the_standards_words";
    let (Some(test), Some(networks)) = (Photos::new(name), models(name, false)) else { return };
    for (from, to) in [(LIVE, "d/live/1.jpg"), (PRINT, "d/attack/print/1.jpg"), (SCREEN, "d/attack/screen/1.jpg")] {
        let to = test.test.path().join(to);
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        std::fs::copy(test.photo(from), to).expect("copied");
    }
    let networks = networks.path().display().to_string();
    let evaluate = ["evaluate", "--protocol", "liveness", "d", "--report", "r.html", "--json"];
    let run = test.run(&[&evaluate[..], &["--liveness-models", &networks]].concat());
    let found = run.ok().json()["data"].clone();
    let species: Vec<_> = found["species"].as_array().expect("kinds").iter().map(|kind| kind["name"].clone()).collect();
    assert_eq!(species, [json!("print"), json!("screen")]);
    assert_eq!((&found["asked"]["apcer"]["rate"], &found["asked"]["bpcer"]["rate"]), (&json!(0.0), &json!(0.0)));
    let page = std::fs::read_to_string(test.test.path().join("r.html")).expect("a page");
    assert!(page.contains("APCER") && page.contains("BPCER") && page.contains("DET curve"));
}

//! Requests that are made to cost much: the answers stay small and come soon.

use std::sync::{Arc, Mutex};

use facevault::vision::{Detector, Face};
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use super::{Service, photo};
use crate::fakes;

/// The answer to a body that breaks very many rules.
#[track_caller]
fn small(service: &Service, method: &str, path: &str, body: &str) -> Value {
    let answer = service.send(method, path, Some(body.as_bytes()));
    let length = answer.text.len();
    assert!(
        matches!(answer.status, 404 | 409) && length < 40_000,
        "{method} {path}: {} with {length} bytes",
        answer.status
    );
    answer.json()
}

#[test]
fn what_is_told_of_broken_rules_does_not_grow_with_the_request() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let staff = service.post("/collections", &json!({"name": "Staff"})).data()["_id"].clone();
    let staff = format!("/collections/{}", staff.as_str().expect("an id"));
    let list = |item: &str, count: usize| format!("[{}{item}]", format!("{item},").repeat(count - 1));

    for (method, path, field, item, message) in [
        ("PUT", "/persons/ada", "images", "1", "\"images\" must contain 1 to 10 items"),
        ("POST", "/search", "images", "1", "\"images\" must contain 1 to 3 items"),
        ("POST", "/compare", "probe", "1", "\"probe\" must contain 1 to 10 items"),
        ("PUT", "/persons/ada", "collections", "1", "\"collections\" must contain 0 to 1000 items"),
        ("PUT", staff.as_str(), "people", "1", "\"people\" must contain 0 to 10000 items"),
    ] {
        let told = small(&service, method, path, &format!("{{\"{field}\": {}}}", list(item, 40_000)));
        let sentences: Vec<&str> =
            told["details"].as_array().expect("details").iter().filter_map(|one| one["message"].as_str()).collect();
        assert!(sentences.contains(&message), "{path}: {sentences:?}");
    }
    // More values than a body may have: none is made.
    for body in [list("0", 1_000_000), format!("{{\"x\": {}}}", list("[]", 300_000)), list("{\"a\":1}", 300_000)] {
        let told = small(&service, "PUT", "/persons/ada", &body);
        assert_eq!(told["message"], "\"body\" must be JSON of at most 100000 values");
    }
    // A hundred rules are told, and how many there are besides.
    for (path, body) in [
        ("/persons/ada", format!("{{\"collections\": {}}}", list("1", 1_000))),
        ("/persons/ada", format!("{{\"collections\": {}}}", list("\"nowhere\"", 1_000))),
        (staff.as_str(), format!("{{\"name\": \"S\", \"people\": {}}}", list("\"a b\"", 1_000))),
    ] {
        let told = small(&service, "PUT", path, &body);
        let details = told["details"].as_array().expect("details");
        assert_eq!((details.len(), &details[100]["message"]), (101, &json!("\"body\" breaks 900 more rules")));
    }
    let names: String = (0..1_000).map(|i| format!("\"x{i}\": 1,")).collect();
    let told = small(&service, "PUT", "/persons/ada", &format!("{{{names} \"name\": \"A\"}}"));
    assert_eq!(told["details"].as_array().map(Vec::len), Some(101));
    let query: String = (0..1_000).map(|i| format!("x{i}&")).collect();
    let told = service.get(&format!("/persons?{query}")).json();
    let last = &told["details"][100];
    assert_eq!((&last["field"], &last["message"]), (&json!("query"), &json!("\"query\" breaks 900 more rules")));

    // Nothing long is repeated.
    let long = "\\u0001é".repeat(1 << 18);
    for (method, path, body) in [
        ("PUT", "/persons/ada", format!("{{\"{long}\": 1}}")),
        ("PUT", "/persons/ada", format!("{{\"collections\": [\"{long}\"]}}")),
        ("PUT", "/persons/ada", format!("{{\"date_of_birth\": {{\"{long}\": 1}}}}")),
        ("PUT", "/persons/ada", format!("{{\"date_of_birth\": \"{long}\"}}")),
        ("POST", "/persons", format!("{{\"_id\": \"{long}\"}}")),
        ("POST", "/verify", format!("{{\"id\": \"{long}\", \"search_mode\": \"{long}\"}}")),
    ] {
        let told = small(&service, method, path, &body).to_string();
        assert!(told.len() < 3_000, "{path}: {} bytes", told.len());
    }
    assert_eq!(service.vault.person(&"ada".parse().expect("an id")).expect("ada").version, 1);
}

#[test]
fn bodies_without_photos_are_small() {
    let service = Service::new();
    let staff = service.post("/collections", &json!({"name": "Staff"})).data()["_id"].clone();
    let path = format!("/collections/{}", staff.as_str().expect("an id"));
    let body = json!({"name": "Staff", "description": "x".repeat(1 << 20)});
    for answer in [service.post("/collections", &body), service.put(&path, &body)] {
        answer.fails(413, "body_too_large", "ERROR");
    }
    // As many people as a collection may be given.
    let people: Vec<Value> = (0..10_000).map(|i| json!({"_id": format!("person_{i:032}")})).collect();
    let answer = service.put(&path, &json!({"name": "Staff", "people": people}));
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(answer.json()["details"].as_array().map(Vec::len), Some(101));
}

#[test]
fn an_image_that_is_not_base64_breaks_one_rule() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    for (method, path, body) in [
        ("PUT", "/persons/ada", json!({"images": ["?"]})),
        ("POST", "/persons", json!({"name": "Bob", "images": ["?"]})),
        ("POST", "/search", json!({"images": ["?"], "min_score": 0.5, "search_mode": "FAST"})),
        ("POST", "/compare", json!({"probe": ["?"], "gallery": [photo(1)], "search_mode": "FAST"})),
    ] {
        let answer = service.send(method, path, Some(body.to_string().as_bytes()));
        answer.fails(412, "only_images_in_base64", "ERROR");
        assert_eq!(answer.json()["details"].as_array().map(Vec::len), Some(1), "{path}: {answer:?}");
    }
}

/// Finds one face, and remembers how large the pictures were.
#[derive(Clone, Default)]
struct Sizes(Arc<Mutex<Vec<(u32, u32)>>>);

impl Detector for Sizes {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        self.0.lock().expect("a lock").push(picture.dimensions());
        let mut one = RgbImage::new(96, 96);
        one.put_pixel(0, 0, Rgb([1, 0, 0]));
        fakes::CountingDetector.detect(&one)
    }
}

#[test]
fn crops_are_made_small_before_they_are_framed() {
    let sizes = Sizes::default();
    let service = Service::of(Some(fakes::engine_detecting(Box::new(sizes.clone()), 1, 2)), |_| {});
    let png = |width, height| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        RgbImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG");
        facevault::wire::encode_base64(&bytes.into_inner())
    };
    for ((width, height), framed) in
        [((12_000, 1), (1_280, 641)), ((4_000, 4_000), (1_280, 1_280)), ((90, 60), (180, 150))]
    {
        let body = json!({"images": [png(width, height)], "min_score": 0.5, "search_mode": "FAST"});
        assert_eq!(service.post("/search/crops", &body).data(), json!([]));
        assert_eq!(sizes.0.lock().expect("a lock").pop(), Some(framed));
    }
    // Each crop has its outcome.
    let body = json!({"images": [png(90, 60), "/9j/"], "min_score": 0.5, "search_mode": "FAST"});
    let refused = service.post("/search/crops", &body);
    refused.fails(409, "no_face_detected", "ERROR");
    let images = &refused.json()["images"];
    assert_eq!((&images[0]["status"], &images[1]["code"]), (&json!("ok"), &json!("undecodable_image")));
}

//! The routes with a liveness check, over the wire.

use base64::Engine as _;
use facevault::VaultOptions;
use serde_json::{Value, json};

use super::{Service, photo};
use crate::fakes;

/// A photo whose face has this score: the mean of what the first pixel says and its square.
fn scored(seed: u32, live: u8) -> String {
    base64::engine::general_purpose::STANDARD.encode(fakes::photo_scored(seed, 1, live).as_slice())
}

/// A server whose engine judges liveness, with Ada in a collection.
fn service() -> (Service, String) {
    let service = Service::of(Some(fakes::engine_judging()), |_| {});
    let staff =
        service.post("/collections", &json!({"name": "Staff"})).data()["_id"].as_str().expect("an id").to_owned();
    let ada = json!({"_id": "ada", "name": "Ada", "images": [photo(1)], "collections": [staff]});
    service.post("/persons", &ada).data();
    (service, staff)
}

/// A valid body for each route, with a probe that the first pixel calls live.
fn bodies() -> [(&'static str, Value); 5] {
    let gallery = json!([photo(1)]);
    [
        ("/liveness", json!({"image": photo(1), "os": "IOS"})),
        ("/search-live-face", json!({"image": photo(1), "os": "IOS", "min_score": 0.85, "search_mode": "FAST"})),
        ("/compare-live", json!({"probe": photo(1), "gallery": gallery, "os": "DESKTOP", "search_mode": "FAST"})),
        ("/compare-with-liveness", json!({"probe": photo(1), "gallery": gallery, "search_mode": "FAST"})),
        ("/persons/search-live-face", json!({"name": "Bob", "images": [photo(7)], "collection_id": "staff"})),
    ]
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[test]
fn bodies_are_checked_before_the_model_is_missed() {
    let service = Service::new();
    assert_eq!(service.get("/models").data()["liveness"], false);
    for (path, body) in bodies() {
        let answer = service.post(path, &body);
        answer.fails(503, "liveness_unavailable", "ERROR");
        let reason = answer.json()["error"].as_str().expect("a reason").to_owned();
        assert!(reason.contains("facevault models install liveness"), "{path}: {reason}");
        assert_eq!(answer.header("retry-after"), "", "{path}");
        let wrong = service.post(path, &with(body.clone(), "liveness_min_score", json!(0.49)));
        wrong.fails(409, "\"liveness_min_score\" must be greater than or equal to 0.5", "MissingParameter");
        let more = service.post(path, &with(body, "shoe_size", json!(43)));
        more.fails(409, "\"shoe_size\" is not allowed", "MissingParameter");
    }
    service.post("/liveness", &json!({"os": "IOS"})).fails(409, "\"image\" is required", "MissingParameter");
    service.post("/liveness", &json!({"image": "?", "os": "IOS"})).fails(412, "only_images_in_base64", "ERROR");
}

#[test]
fn a_photo_is_judged() {
    let (service, _) = service();
    assert_eq!(service.get("/models").data()["liveness"], true);
    let judge = |live: u8, min_score: f64| {
        let body = json!({"image": scored(1, live), "os": "ANDROID", "liveness_min_score": min_score});
        service.post("/liveness", &body).data()
    };
    assert_eq!(judge(255, 0.9), json!({"liveness_score": 1.0, "min_score": 0.9, "passed": true}));
    assert_eq!(judge(255, 1.0), json!({"liveness_score": 1.0, "min_score": 1.0, "passed": false}), "strictly greater");
    let score = (0.6 + 0.36) / 2.0;
    let found = judge(153, 0.5);
    assert_eq!(found["passed"], false);
    assert!(found["liveness_score"].as_f64().is_some_and(|found| (found - score).abs() < 1e-12), "{found}");
    let without = service.post("/liveness", &json!({"image": scored(1, 255), "os": "IOS"})).data();
    assert_eq!(without["min_score"], 0.6);
    let nobody = base64::engine::general_purpose::STANDARD.encode(fakes::photo_of(1, 0).as_slice());
    service.post("/liveness", &json!({"image": nobody, "os": "IOS"})).fails(409, "no_face_detected", "ERROR");
}

#[test]
fn only_living_people_are_searched_for() {
    let (service, staff) = service();
    let search = |live: u8, collection: &str| {
        service.post("/search-live-face", &json!({"image": scored(1, live), "os": "IOS", "min_score": 0.85, "search_mode": "FAST", "collection_id": collection}))
    };
    let found = search(255, &staff).data();
    assert_eq!((&found["liveness_score"], &found["persons"][0]["id"]), (&json!(1.0), &json!("ada")));
    assert_eq!(found["persons"].as_array().map(Vec::len), Some(1));
    let refused = search(100, &staff);
    refused.fails(409, "liveness_failed", "ERROR");
    let image = &refused.json()["images"][0];
    assert_eq!(
        (&image["code"], &image["reason"], &image["limit"]),
        (&json!("liveness_failed"), &json!("liveness_failed"), &json!(0.6))
    );
    assert!(image["measured"].as_f64().is_some_and(|score| score < 0.6), "{image}");
    search(255, "nowhere").fails(404, "invalid_collection", "ERROR");
}

#[test]
fn a_comparison_needs_a_living_probe_only() {
    let (service, _) = service();
    let compare = |path: &str, probe: String, gallery: String, least: Option<f64>| {
        let mut body = json!({"probe": probe, "gallery": [gallery], "os": "DESKTOP", "search_mode": "FAST"});
        if let Some(least) = least {
            body["compare_min_score"] = json!(least);
        }
        service.post(path, &body)
    };
    let live = json!({"liveness_score": 1.0, "min_score": 0.6, "passed": true});
    let alike = compare("/compare-live", scored(1, 255), scored(1, 255), None).data();
    assert_eq!(alike, json!({"liveness": live, "passed": true, "score": 1.0}));
    // A photo of a document, of somebody else.
    let other = compare("/compare-live", scored(1, 255), scored(2, 0), None).data();
    assert_eq!((&other["passed"], &other["liveness"]), (&json!(false), &live));
    compare("/compare-live", scored(1, 0), scored(1, 0), None).fails(409, "liveness_failed", "ERROR");

    let both = |probe: String, gallery: String, least| compare("/compare-with-liveness", probe, gallery, least).data();
    let alike = both(scored(1, 255), scored(1, 255), Some(0.9));
    assert_eq!(alike, json!({"comparison": {"passed": true, "score": 1.0}, "liveness": live}));
    let dead = both(scored(1, 0), scored(1, 0), Some(0.9));
    assert_eq!(dead["liveness"], json!({"liveness_score": 0.0, "min_score": 0.6, "passed": false}));
    let other = both(scored(1, 255), scored(2, 255), Some(0.9));
    assert_eq!((&other["comparison"]["passed"], &other["liveness"]), (&json!(false), &Value::Null));
    assert_eq!(both(scored(1, 255), scored(2, 255), None)["liveness"], live, "always looked at");
}

#[test]
fn a_living_person_is_created_once() {
    let (service, staff) = service();
    let create = |name: &str, photo: String, collection: &str| {
        service.post(
            "/persons/search-live-face",
            &json!({"name": name, "images": [photo], "collection_id": collection, "gender": "F", "min_score": 0.9}),
        )
    };
    create("Bob", scored(7, 100), &staff).fails(409, "liveness_failed", "ERROR");
    let bob = create("Bob", scored(7, 255), &staff).data();
    assert_eq!((&bob["name"], &bob["gender"], &bob["collections"]), (&json!("Bob"), &json!("F"), &json!([staff])));
    let again = create("Robert", scored(7, 255), &staff);
    again.fails(409, "409:duplicated_person", "ERROR");
    assert!(!again.text.contains("Bob"), "{again:?}");
    // Known elsewhere, not in this collection.
    let other =
        service.post("/collections", &json!({"name": "Other"})).data()["_id"].as_str().expect("an id").to_owned();
    assert_eq!(create("Robert", scored(7, 255), &other).status, 200);
    create("Carl", scored(8, 255), "nowhere").fails(404, "invalid_collection", "ERROR");
    assert_eq!(service.get("/persons?limit=10").json()["pagination"]["total"], 3);
}

#[test]
fn a_request_cannot_lower_the_operators_limit() {
    let options = VaultOptions::default().with_engine(fakes::engine_judging()).with_min_liveness(0.9);
    let service = Service::of_vault(options, |_| {});
    let staff =
        service.post("/collections", &json!({"name": "Staff"})).data()["_id"].as_str().expect("an id").to_owned();
    let create = |live: u8, least: f64| {
        let body = json!({"name": "Bob", "images": [scored(7, live)], "collection_id": staff});
        service.post("/persons/search-live-face", &with(body, "liveness_min_score", json!(least)))
    };
    let refused = create(225, 0.5);
    refused.fails(409, "liveness_failed", "ERROR");
    assert_eq!(refused.json()["images"][0]["limit"], 0.9);
    create(250, 0.99).fails(409, "liveness_failed", "ERROR");
    create(250, 0.5).data();
}

//! Searching, verifying, comparing and detecting over the wire.

use facevault::{CalibrationPoint, CalibrationTable, Engine, EngineOptions, PackSource};
use serde_json::{Value, json};

use super::{Service, photo, photo_of};
use crate::{data, packs};

fn search(seed: u32) -> Value {
    json!({"images": [photo(seed)], "min_score": 0.85, "search_mode": "FAST"})
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// Ada with two photos in a collection, Bob with one.
fn service() -> (Service, String) {
    let service = Service::new();
    let staff = service.post("/collections", &json!({"name": "Staff"})).data();
    let id = staff["_id"].as_str().expect("an id").to_owned();
    let ada = json!({"_id": "ada", "name": "Ada", "images": [photo(1), photo(2)], "collections": [id], "gender": "F", "date_of_birth": "1990-01-15"});
    service.post("/persons", &ada).data();
    service.enroll("bob", "Bob", 3);
    (service, id)
}

#[test]
fn a_search_for_the_most_similar_says_who_is_recognized() {
    let (service, staff) = service();
    let found = |body: Value| {
        let found = service.post("/search", &with(body, "top", json!(true))).data();
        let found = found.as_array().expect("a list").clone();
        assert!(found.iter().all(|one| one["recognized"] == json!(one["score"].as_f64() > Some(0.85))), "{found:?}");
        found.iter().map(|one| one["recognized"].as_bool().expect("yes or no")).collect::<Vec<_>>()
    };
    assert_eq!(found(search(2)), [true, false]);
    assert_eq!(found(search(9)), [false, false], "nobody is recognised");
    assert_eq!(found(with(search(9), "max_results", json!(1))), [false]);
    assert_eq!(found(with(search(9), "collection_id", json!(staff))), [false]);
    let usual = service.post("/search", &with(search(2), "top", json!(false))).data();
    assert_eq!((usual.as_array().map(Vec::len), usual[0].get("recognized")), (Some(1), None));
    let wrong = service.post("/search", &with(search(2), "top", json!("yes")));
    wrong.fails(409, "\"top\" must be a boolean", "MissingParameter");
}

#[test]
fn a_search_finds_who_it_shows_above_the_minimum() {
    let (service, staff) = service();
    let found = service.post("/search", &search(2)).data();
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    let ada = &found[0];
    assert_eq!((&ada["id"], &ada["name"], &ada["score"]), (&json!("ada"), &json!("Ada"), &json!(1.0)));
    let thumbnail = ada["thumbnails"][0]["thumbnail"].as_str().expect("a thumbnail");
    let bytes = facevault::wire::decode_base64(thumbnail).expect("base64");
    assert_eq!(image::guess_format(&bytes).expect("a picture"), image::ImageFormat::Jpeg);
    assert!(ada["thumbnails"][0]["id"].as_str().is_some_and(|id| id.starts_with("image_")));

    assert_eq!(service.post("/search", &search(9)).data(), json!([]));
    // Strictly greater: the score of a photo with itself is 1.
    assert_eq!(service.post("/search", &with(search(2), "min_score", json!(1.0))).data(), json!([]));
    let inside = |collection: &str| service.post("/search", &with(search(3), "collection_id", json!(collection)));
    assert_eq!(inside(&staff).data(), json!([]));
    inside("nowhere").fails(404, "invalid_collection", "ERROR");
    let everybody = with(with(search(2), "min_score", json!(0.2)), "max_results", json!(1));
    assert_eq!(service.post("/search", &everybody).data().as_array().map(Vec::len), Some(1));

    assert_eq!(service.put("/persons/ada", &json!({"status": "inactive"})).status, 200);
    assert_eq!(service.post("/search", &search(2)).data(), json!([]));
    service.post("/search", &json!({"images": [photo_of(1, 0)], "min_score": 0.5, "search_mode": "ACCURATE"})).fails(
        409,
        "no_face_detected",
        "ERROR",
    );
}

#[test]
fn several_results_come_best_first() {
    let (service, _) = service();
    let found = service.post("/search", &with(search(2), "min_score", json!(0.2))).data();
    let scores: Vec<f64> = found.as_array().expect("a list").iter().filter_map(|one| one["score"].as_f64()).collect();
    assert!(
        scores[0] == 1.0 && scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| *score > 0.2),
        "{scores:?}"
    );
}

#[test]
fn crops_and_active_users_are_searched() {
    let (service, _) = service();
    // The fake finds faces by the first pixel, which the frame around a crop has changed.
    let crops = service.post("/search/crops", &search(1));
    crops.fails(409, "multiple_faces_detected", "ERROR");
    service.post("/search/crops", &with(search(1), "min_score", json!(0.4))).fails(
        409,
        "\"min_score\" must be greater than or equal to 0.5",
        "MissingParameter",
    );
    let body = json!({"image": photo(3), "os": "IOS", "min_score": 0.85, "search_mode": "FAST"});
    assert_eq!(service.post("/search-active-user", &body).data(), json!([{"id": "bob", "score": 1.0}]));
    // Bob was enrolled without his mirror image, and the fake's faces have nothing of faces' symmetry.
    let accurate = with(body.clone(), "search_mode", json!("ACCURATE"));
    assert_eq!(service.post("/search-active-user", &accurate).data(), json!([]));
    service.post("/search-active-user", &with(body, "os", json!("BEOS"))).fails(
        409,
        "\"os\" must be one of [DESKTOP, IOS, ANDROID]",
        "MissingParameter",
    );
}

#[test]
fn a_person_is_verified() {
    let (service, staff) = service();
    let body = |id: &str, seed| json!({"id": id, "images": [photo(seed)], "min_score": 0.85, "search_mode": "FAST"});
    let verified = service.post("/verify", &body("ada", 2)).data();
    let matched = &verified["match"];
    assert_eq!((&matched["id"], &matched["name"], &matched["score"]), (&json!("ada"), &json!("Ada"), &json!(1.0)));
    assert_eq!(
        (&matched["gender"], &matched["date_of_birth"]),
        (&json!("F"), &json!({"year": 1990, "month": 1, "day": 15}))
    );
    assert_eq!(matched["collections"], json!([staff]));
    assert_eq!(matched["thumbnails"].as_array().map(Vec::len), Some(1));
    assert_eq!(service.post("/verify", &body("bob", 2)).data(), json!({"match": null}));
    for unknown in [
        service.post("/verify", &body("nobody", 2)),
        service.post("/verify", &with(body("bob", 3), "collection_id", json!(staff))),
    ] {
        assert_eq!(
            (unknown.status, unknown.json()),
            (404, json!({"error": "Person not found", "message": "PERSON_NOT_FOUND"}))
        );
    }
    service.post("/verify", &with(body("ada", 2), "collection_id", json!("x"))).fails(
        404,
        "invalid_collection",
        "ERROR",
    );
    service.post("/verify", &with(body("ada", 2), "min_score", json!(0.49))).fails(
        409,
        "\"min_score\" must be greater than or equal to 0.5",
        "MissingParameter",
    );
    service.put("/persons/bob", &json!({"status": "inactive"})).data();
    assert_eq!(service.post("/verify", &body("bob", 3)).status, 409);
}

#[test]
fn photos_are_compared() {
    let service = Service::new();
    let compare = |probe: &[u32], gallery: &[u32], least: f64| {
        let photos = |seeds: &[u32]| seeds.iter().map(|seed| photo(*seed)).collect::<Vec<_>>();
        service.post("/compare", &json!({"probe": photos(probe), "gallery": photos(gallery), "search_mode": "FAST", "compare_min_score": least}))
    };
    assert_eq!(compare(&[1], &[1], 0.95).data(), json!({"score": 1.0, "passed": true}));
    let different = compare(&[1], &[2, 3], 0.85).data();
    assert!(
        different["score"].as_f64().is_some_and(|score| (0.0..0.85).contains(&score)) && different["passed"] == false
    );
    compare(&[1], &[1], 0.66).fails(
        409,
        "\"compare_min_score\" must be greater than or equal to 0.67",
        "MissingParameter",
    );
    compare(&[1], &[1], 0.96).fails(
        409,
        "\"compare_min_score\" must be less than or equal to 0.95",
        "MissingParameter",
    );
    compare(&[], &[1], 0.85).fails(409, "\"probe\" must contain 1 to 10 items", "MissingParameter");
    let body = json!({"probe": [photo(1)], "gallery": [photo(1)], "search_mode": "FAST"});
    assert_eq!(service.post("/compare", &body).data()["passed"], true);
}

#[test]
fn faces_are_detected() {
    let service = Service::new();
    let faces = service.post("/detect", &json!({"image": photo_of(1, 3)})).data();
    assert_eq!(faces.as_array().map(Vec::len), Some(3));
    let face = &faces[0];
    assert_eq!(face["box"], json!({"top": 30.0, "left": 8.0, "right": 28.0, "bottom": 54.0}));
    assert_eq!((&face["landmarks"]["left_eye"], &face["persons"]), (&json!([12.0, 36.0]), &json!([])));
    assert!(face["thumbnail"].is_string() && face.get("attributes").is_none());
    let asked =
        json!({"image": photo_of(1, 3), "return_landmarks": false, "return_attributes": true, "max_results": 1});
    let one = service.post("/detect", &asked).data();
    assert_eq!(one.as_array().map(Vec::len), Some(1));
    assert!(one[0].get("landmarks").is_none() && one[0]["attributes"]["size"] == 20.0);
    assert_eq!(
        service.post("/detect", &json!({"image": photo_of(1, 3), "min_score": 0.89})).data().as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(service.post("/detect", &json!({"image": photo_of(1, 3), "min_score": 0.91})).data(), json!([]));
    assert_eq!(service.post("/detect", &json!({"image": photo_of(1, 0)})).data(), json!([]));
    service.post("/detect", &json!({"image": "/9j/"})).fails(409, "no_face_detected", "ERROR");
    service.post("/detect", &json!({"image": "?"})).fails(412, "only_images_in_base64", "ERROR");
    service.post("/detect", &json!({})).fails(409, "\"image\" is required", "MissingParameter");
}

#[test]
fn without_a_table_there_are_no_scores_and_the_reason_is_told() {
    let service = Service::with(|options| options.calibration = None);
    service.enroll("ada", "Ada", 1);
    let answer = service.post("/search", &search(1));
    answer.fails(503, "no_scores", "ERROR");
    assert!(answer.json()["error"].as_str().is_some_and(|reason| reason.contains("facevault calibrate")), "{answer:?}");
    let scores = &service.get("/models").data()["scores"];
    assert_eq!(scores["available"], false);
    assert!(scores["reason"].as_str().is_some_and(|reason| reason.contains("facevault calibrate")));
}

/// A table near the real one of the network below.
fn real_table() -> CalibrationTable {
    let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.05 };
    let points = vec![point(0.1, 0.1), point(1e-2, 0.16), point(1e-3, 0.22), point(1e-4, 0.27)];
    CalibrationTable::new(super::table().measured_on().clone(), points).expect("a table")
}

#[test]
fn real_faces_are_found_by_photo_and_by_crop_and_strangers_are_not() {
    let test = "real_faces_are_found_by_photo_and_by_crop_and_strangers_are_not";
    let Some(folder) = data::folder(test) else { return };
    let Some(pack) = packs::pack(test, "yunet_dynamic", "espdl_mbf") else { return };
    let source = PackSource::Folder(pack.path().to_owned());
    let engine = Engine::open(&EngineOptions::default().with_pack(source)).expect("an engine");
    let service = Service::of(Some(engine.clone()), |options| options.calibration = Some(real_table()));

    let people = data::files_below(&folder.join("faces/lfw-dev"));
    let photos_of = |person: &str| -> Vec<Vec<u8>> {
        let own = people.iter().filter(|file| file.parent().is_some_and(|parent| parent.ends_with(person)));
        own.map(|file| std::fs::read(file).expect("a photo")).collect()
    };
    let names = ["George_Clooney", "Jon_Voight"];
    let base64 = |photo: &[u8]| facevault::wire::encode_base64(photo);
    for name in names {
        let body = json!({"_id": name, "name": name, "images": [base64(&photos_of(name)[0])]});
        service.post("/persons", &body).data();
    }
    let second = &photos_of(names[0])[1];
    let found =
        service.post("/search", &json!({"images": [base64(second)], "min_score": 0.85, "search_mode": "FAST"})).data();
    assert_eq!((found.as_array().map(Vec::len), &found[0]["id"]), (Some(1), &json!(names[0])));
    assert!(found[0]["score"].as_f64().is_some_and(|score| score > 0.85 && score < 1.0));

    // The face alone, cut off at its own box.
    let picture = engine.decode(second).expect("a picture");
    let face = engine.detect_in(&picture).expect("faces").1.faces[0].bounds;
    let [x, y, width, height] = [face.x, face.y, face.width, face.height].map(|side| side.max(0.0) as u32);
    let crop = image::imageops::crop_imm(&picture, x, y, width, height).to_image();
    let mut bytes = std::io::Cursor::new(Vec::new());
    crop.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG");
    let body = json!({"images": [base64(&bytes.into_inner())], "min_score": 0.85, "search_mode": "FAST"});
    let found = service.post("/search/crops", &body).data();
    assert_eq!((found.as_array().map(Vec::len), &found[0]["id"]), (Some(1), &json!(names[0])));

    let verify = |id: &str| json!({"id": id, "images": [base64(second)], "min_score": 0.85, "search_mode": "FAST"});
    assert_eq!(service.post("/verify", &verify(names[0])).data()["match"]["id"], names[0]);
    assert_eq!(service.post("/verify", &verify(names[1])).data()["match"], Value::Null);
}

//! Where clients of the hosted service differ from each other: each is answered as the contract says.

use facevault::geometry::{LandmarkScheme, Landmarks, Point, Rect};
use facevault::vision::{Detector, Face, QualityLimits};
use facevault::{Engine, EngineParts, PhotoRules};
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use super::{Service, photo};
use crate::fakes::MeanEmbedder;

/// A collection's id and code.
fn names(service: &Service) -> (String, String) {
    let staff = service.post("/collections", &json!({"name": "Staff"})).data();
    let text = |field: &str| staff[field].as_str().expect("a text").to_owned();
    (text("_id"), text("code"))
}

#[test]
fn who_is_pending_is_kept_and_not_matched() {
    let service = Service::new();
    let ada = json!({"_id": "ada", "name": "Ada", "images": [photo(1)], "status": "pending"});
    assert_eq!(service.post("/persons", &ada).data()["status"], "pending");
    let search = json!({"images": [photo(1)], "min_score": 0.5, "search_mode": "FAST"});
    assert_eq!(service.post("/search", &search).data(), json!([]));
    let verify = json!({"id": "ada", "images": [photo(1)], "min_score": 0.5, "search_mode": "FAST"});
    let pending = service.post("/verify", &verify);
    for status in ["inactive", "pending"] {
        assert_eq!(service.put("/persons/ada", &json!({"status": status})).data()["status"], status);
        assert_eq!(service.get(&format!("/persons?status={status}")).data()[0]["_id"], "ada");
        assert_eq!(service.get("/persons?status=active").data(), json!([]));
        assert_eq!(service.post("/search", &search).data(), json!([]));
        let other = service.post("/verify", &verify);
        assert_eq!((other.status, other.text), (pending.status, pending.text.clone()));
    }
    service.put("/persons/ada", &json!({"status": "active"})).data();
    assert_eq!(service.post("/search", &search).data()[0]["id"], "ada");
    let wrong = service.put("/persons/ada", &json!({"status": "gone"}));
    wrong.fails(409, "\"status\" must be one of [active, inactive, pending]", "MissingParameter");
}

#[test]
fn an_unknown_collection_is_404_wherever_it_is_named() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let (staff, _) = names(&service);
    let new = json!({"name": "Bob", "images": [photo(2)], "collections": [staff, "nowhere"]});
    let of_another = "x".repeat(65);
    for (answer, field) in [
        (service.put("/persons/ada", &json!({"collections": ["nowhere"]})), "collections[0]"),
        (service.put("/persons/ada", &json!({"collections": [of_another]})), "collections[0]"),
        (service.put("/persons/ada", &json!({"images": [photo(3)], "collections": ["nowhere"]})), "collections[0]"),
        (service.post("/persons", &new), "collections[1]"),
    ] {
        answer.fails(404, "invalid_collection", "ERROR");
        assert_eq!(answer.json()["details"][0]["field"], field);
    }
    let answer = service.put(&format!("/collections/{staff}"), &json!({"name": "S", "people": ["ada", "bob"]}));
    // The collection is there: what is wrong is the list.
    answer.fails(409, "\"people[1]\" names an unknown person \"bob\"", "MissingParameter");
    // Nothing of all that was done.
    assert_eq!(service.get("/persons").json()["pagination"]["total"], 1);
    assert_eq!(service.get("/persons/ada").data()["collections"], json!([]));
}

#[test]
fn a_code_is_found_in_letters_of_either_case() {
    let service = Service::new();
    let (staff, code) = names(&service);
    let capitals = code.to_uppercase();
    assert_ne!(code, capitals);
    assert_eq!(service.get(&format!("/collections/{capitals}")).data()["_id"], staff.as_str());
    let ada = json!({"_id": "ada", "name": "Ada", "images": [photo(1)], "collections": [capitals]});
    assert_eq!(service.post("/persons", &ada).data()["collections"], json!([staff]));
    assert_eq!(service.get(&format!("/persons?collection={capitals}")).data()[0]["_id"], "ada");
    let search = json!({"images": [photo(1)], "min_score": 0.5, "search_mode": "FAST", "collection_id": capitals});
    assert_eq!(service.post("/search", &search).data()[0]["id"], "ada");
    let left = service.delete(&format!("/persons/ada?collection={capitals}")).data();
    assert_eq!(left["deleted"], true);
    // Ids are taken letter by letter: they may be the caller's own.
    service.get(&format!("/collections/{}", staff.to_uppercase())).fails(404, "invalid_collection", "ERROR");
}

#[test]
fn a_person_is_taken_as_it_was_read() {
    let service = Service::new();
    let (staff, code) = names(&service);
    let body = json!({
        "_id": "ada", "name": "Ada", "images": [photo(1), photo(2)], "gender": "F", "nationality": "GB", "notes": "n",
        "date_of_birth": "1990-01-15", "collections": [staff], "attributes": {"badge": "4711"}, "status": "active",
    });
    let created = service.post("/persons", &body).data();
    let updated = service.put("/persons/ada", &created).data();
    let without_time = |person: &Value| {
        let mut person = person.clone();
        person.as_object_mut().expect("an object").remove("updatedAt");
        person
    };
    assert_eq!(without_time(&updated), without_time(&created));

    let mut renamed = updated.clone();
    renamed["name"] = json!("Ada Lovelace");
    assert_eq!(service.put("/persons/ada", &renamed).data()["name"], "Ada Lovelace");

    // As a list gives it, with whole collections.
    let listed = service.get("/persons?populates[]=collections&populates[]=client").data()[0].clone();
    assert_eq!(listed["collections"][0]["code"], code.as_str());
    assert_eq!(service.put("/persons/ada", &listed).data()["collections"], json!([staff]));

    let now = service.get("/persons/ada").data();
    for (field, other) in [
        ("_id", json!("bob")),
        ("client", json!("b")),
        ("faceEncodings", json!([])),
        ("createdAt", json!("2001-01-01T00:00:00.000Z")),
        ("updatedAt", created["createdAt"].clone()),
        ("image_count", json!(3)),
    ] {
        let mut changed = now.clone();
        changed[field] = other.clone();
        for body in [changed, json!({"name": "Eve", field: other}), json!({"name": "Eve", field: null})] {
            let message =
                format!("\"{field}\" is read-only and differs from what is stored: leave it out, or read it again");
            service.put("/persons/ada", &body).fails(409, &message, "MissingParameter");
        }
    }
    assert_eq!(service.get("/persons/ada").data(), now);
    // A new person is no copy.
    let mut copy = now;
    copy["_id"] = json!("bob");
    service.post("/persons", &copy).fails(409, "\"client\" is not allowed", "MissingParameter");
}

#[test]
fn a_person_without_photos_is_taken_as_it_was_read() {
    let service = Service::new();
    let engine = service.vault.engine().expect("an engine");
    let encoding = engine.encode(&super::fakes::photo(1)).expect("an encoding");
    for (id, encodings) in [("ada", vec![encoding.encoding]), ("bob", Vec::new())] {
        let new = facevault::NewPerson {
            id: Some(id.parse().expect("an id")),
            encodings,
            ..facevault::NewPerson::named("Somebody")
        };
        service.vault.create_person(&new).expect("a person");
        let path = format!("/persons/{id}");
        let read = service.get(&path).data();
        assert_eq!(service.put(&path, &read).data()["images"], read["images"]);
    }
    let mut read = service.get("/persons/ada").data();
    assert_eq!(read["images"], json!([null]));
    read["images"] = json!([null, null]);
    service.put("/persons/ada", &read).fails(409, "\"images[0]\" must be a string", "MissingParameter");
}

#[test]
fn a_collection_is_taken_as_it_was_read() {
    let service = Service::new();
    let (staff, code) = names(&service);
    let path = format!("/collections/{staff}");
    let mut read = service.get(&path).data();
    assert_eq!(service.put(&path, &read).data()["code"], code.as_str());
    read = service.get(&path).data();
    read["description"] = json!("All of us");
    assert_eq!(service.put(&path, &read).data()["description"], "All of us");
    read["code"] = json!("0190163d-8694-739b-aea5-966c26f8ad90");
    let message = "\"code\" is read-only and differs from what is stored: leave it out, or read it again";
    service.put(&path, &read).fails(409, message, "MissingParameter");
}

#[test]
fn numbers_dates_and_photos_are_read_however_they_are_written() {
    let service = Service::new();
    let image = format!("DATA:image/png;BASE64,{}", photo(1));
    let ada = format!(
        r#"{{"_id": "ada", "name": "Ada", "images": ["{image}"], "date_of_birth": {{"year": 1990.0, "month": 1e0, "day": 15}}}}"#
    );
    let answer = service.send("POST", "/persons", Some(ada.as_bytes()));
    assert_eq!(answer.data()["date_of_birth"], json!({"year": 1990, "month": 1, "day": 15}));
    assert_eq!(answer.data()["images"], json!([photo(1)]));
    let wrong = service.put("/persons/ada", &json!({"date_of_birth": {"year": 1990.5, "month": 1, "day": 15}}));
    wrong.fails(409, "\"date_of_birth.year\" must be an integer", "MissingParameter");
}

#[test]
fn parameters_that_a_route_does_not_have_are_refused_everywhere() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let (staff, _) = names(&service);
    let (person, collection) = ("/persons/ada".to_owned(), format!("/collections/{staff}"));
    for (method, path) in [
        ("GET", "/persons"),
        ("POST", "/persons"),
        ("GET", &person),
        ("PUT", &person),
        ("DELETE", &person),
        ("GET", "/collections"),
        ("POST", "/collections"),
        ("GET", &collection),
        ("PUT", &collection),
        ("DELETE", &collection),
        ("POST", "/search"),
        ("POST", "/search/crops"),
        ("POST", "/search-active-user"),
        ("POST", "/verify"),
        ("POST", "/compare"),
        ("POST", "/detect"),
        ("POST", "/liveness"),
        ("GET", "/models"),
    ] {
        let answer = service.send(method, &format!("{path}?colour=red"), Some(b"{}"));
        answer.fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
        let expected = json!([{"field": "colour", "message": "\"colour\" is not allowed"}]);
        assert_eq!(answer.json()["details"], expected, "{method} {path}");
    }
    assert_eq!(service.get("/persons/ada").data()["name"], "Ada");
    // An empty query asks nothing.
    assert_eq!(service.get("/collections?").status, 200);
}

#[test]
fn an_empty_text_clears_as_null_does() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    for empty in [json!(""), Value::Null] {
        assert_eq!(service.put("/persons/ada", &json!({"notes": "n"})).data()["notes"], "n");
        assert_eq!(service.put("/persons/ada", &json!({"notes": empty})).data()["notes"], Value::Null);
        assert_eq!(service.get("/persons/ada").data()["notes"], Value::Null);
        assert_eq!(service.get("/persons").data()[0]["notes"], Value::Null);
    }
    let new = json!({"_id": "bob", "name": "Bob", "images": [photo(2)], "notes": ""});
    assert_eq!(service.post("/persons", &new).data()["notes"], Value::Null);
    let staff = service.post("/collections", &json!({"name": "S", "description": ""})).data();
    assert_eq!(staff["description"], Value::Null);
}

/// Finds one face, where the red of the first pixel says.
struct PlacedDetector;

impl Detector for PlacedDetector {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        let (x, y, width, height) = match picture.get_pixel(0, 0)[0] {
            1 => (40.0, 40.0, 8.0, 9.0),
            2 => (-20.0, -20.0, 136.0, 136.0),
            3 => (-12.0, 30.0, 24.0, 28.0),
            4 => (-8.0, 14.0, 66.0, 66.0),
            _ => (30.0, 30.0, 36.0, 40.0),
        };
        let place = |(dx, dy): (f32, f32)| Point::new(x + dx * width, y + dy * height);
        let points = [(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)].map(place);
        let landmarks = Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points };
        Ok(vec![Face { bounds: Rect { x, y, width, height }, landmarks, score: 0.9 }])
    }
}

#[test]
fn refusals_have_the_services_word_and_facevaults_code() {
    let limits = QualityLimits::default();
    let limits = QualityLimits::off()
        .with_min_size(16.0)
        .with_min_margin(limits.min_margin)
        .with_min_brightness(limits.min_brightness)
        .with_min_sharpness(limits.min_sharpness);
    let parts = EngineParts::new("fake-1", Box::new(PlacedDetector), Box::new(MeanEmbedder::new(1)));
    let engine = Engine::from_parts(parts.with_rules(PhotoRules::default().with_quality(limits))).expect("threads");
    let service = Service::of(Some(engine), |_| {});
    let picture = |case: u8, value: fn(u32, u32) -> u8| {
        let mut picture = RgbImage::from_fn(96, 96, |x, y| Rgb([value(x, y); 3]));
        picture.put_pixel(0, 0, Rgb([case, 0, 0]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).expect("a PNG in memory");
        facevault::wire::encode_base64(&bytes.into_inner())
    };
    let sharp: fn(u32, u32) -> u8 = |x, y| if (x / 3 + y / 3) % 2 == 0 { 60 } else { 200 };
    for (photo, reason, code) in [
        (picture(1, sharp), "face_too_far", "face_too_small"),
        (picture(2, sharp), "face_too_close", "face_too_close"),
        (picture(3, sharp), "face_not_centered", "face_not_centered"),
        (picture(4, sharp), "face_close_to_border", "face_close_to_border"),
        (picture(5, |_, _| 9), "poor_lighting", "poor_lighting"),
        (picture(5, |x, _| 60 + x as u8), "poor_lighting", "blurred"),
        ("/9j/".to_owned(), "no_face_detected", "undecodable_image"),
    ] {
        let refused = service.post("/persons", &json!({"name": "Ada", "images": [photo]}));
        refused.fails(409, reason, "ERROR");
        let image = &refused.json()["images"][0];
        assert_eq!((&image["reason"], &image["code"]), (&json!(reason), &json!(code)), "{refused:?}");
    }
    service.post("/persons", &json!({"name": "Ada", "images": [picture(5, sharp)]})).data();
}

//! A search for every face of a photo.

use facevault::{AuditPolicy, AuditQuery, AuditScope};
use serde_json::json;

use super::{Service, photo, photo_of};

#[test]
fn every_face_is_searched_for() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    service.enroll("bob", "Bob", 2);
    let body = json!({"image": photo(1), "min_score": 0.85, "search_mode": "FAST"});
    let faces = service.post("/search/faces", &body).data();
    let [face] = faces.as_array().expect("a list").as_slice() else { panic!("{faces}") };
    assert_eq!((&face["persons"][0]["id"], &face["persons"][0]["score"]), (&json!("ada"), &json!(1.0)));
    assert!(
        face["persons"][0]["thumbnails"][0]["thumbnail"].is_string() && face["persons"][0].get("recognized").is_none()
    );
    assert!(face["refusal"].is_null() && face["box"]["right"].is_number() && face["turned"] == 0, "{face}");
    // A stranger: nobody, or the most similar ones where they are asked for.
    let body = json!({"image": photo(9), "min_score": 0.95, "search_mode": "FAST"});
    assert_eq!(service.post("/search/faces", &body).data()[0]["persons"], json!([]));
    let body = json!({"image": photo(9), "min_score": 0.95, "search_mode": "FAST", "top": true, "max_results": 2});
    let persons = service.post("/search/faces", &body).data()[0]["persons"].clone();
    assert_eq!(persons.as_array().map(Vec::len), Some(2));
    assert!(persons.as_array().into_iter().flatten().all(|person| person["recognized"] == false), "{persons}");
}

#[test]
fn a_photo_may_show_nobody_or_several() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    for count in [0, 2, 3] {
        let body = json!({"image": photo_of(5, count), "min_score": 0.85, "search_mode": "ACCURATE"});
        let faces = service.post("/search/faces", &body).data();
        assert_eq!(faces.as_array().map(Vec::len), Some(usize::from(count)), "{faces}");
    }
    let broken = json!({"image": "bm90aGluZw==", "min_score": 0.85, "search_mode": "FAST"});
    let answer = service.post("/search/faces", &broken);
    answer.fails(409, "no_face_detected", "ERROR");
    assert_eq!(answer.json()["images"][0]["code"], "undecodable_image");
    let unknown = json!({"image": photo(1), "min_score": 0.85, "search_mode": "FAST", "collection_id": "nowhere"});
    service.post("/search/faces", &unknown).fails(404, "invalid_collection", "ERROR");
}

#[test]
fn each_face_has_its_entry_in_the_trail() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    service.vault.set_audit_policy(&AuditPolicy::default().with_scope(AuditScope::All)).expect("set");
    service.post("/search/faces", &json!({"image": photo_of(1, 2), "min_score": 0.85, "search_mode": "FAST"})).data();
    service.vault.audit_flush().expect("written");
    let newest = AuditQuery::default().with_newest_first(true).with_limit(3);
    let entries = service.vault.audit(&newest).expect("read").entries;
    let kinds: Vec<_> = entries.iter().rev().map(|entry| entry.event.kind()).collect();
    assert_eq!(kinds, ["policy_changed", "identified", "identified"]);
}

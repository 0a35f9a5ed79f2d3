//! Thumbnails as files.

use serde_json::json;

use super::{Service, photo};

/// The raw bytes of a thumbnail.
fn bytes(service: &Service, path: &str) -> (u16, String, Vec<u8>) {
    let request = service
        .agent
        .get(format!("{}{}{path}", service.url, super::BASE))
        .header("Authorization", format!("Bearer {}", service.token));
    let mut answer = request.call().expect("an answer");
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    (answer.status().as_u16(), kind, answer.body_mut().read_to_vec().expect("bytes"))
}

#[test]
fn each_photo_has_one() {
    let service = Service::new();
    service.post("/persons", &json!({"_id": "ada", "name": "Ada", "images": [photo(1), photo(2)]})).data();
    let (status, kind, first) = bytes(&service, "/persons/ada/thumbnail");
    assert_eq!((status, kind.as_str(), &first[..3]), (200, "image/jpeg", &[0xff, 0xd8, 0xff][..]));
    assert_eq!(bytes(&service, "/persons/ada/thumbnail?photo=1").2, first);
    assert_ne!(bytes(&service, "/persons/ada/thumbnail?photo=2").2, first);
    service.get("/persons/ada/thumbnail?photo=3").fails(404, "photo_not_found", "ERROR");
    assert_eq!(service.get("/persons/nobody/thumbnail").json()["message"], "PERSON_NOT_FOUND");
    for query in ["photo=0", "photo=x", "photo=1001", "size=5"] {
        let answer = service.get(&format!("/persons/ada/thumbnail?{query}"));
        answer.fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
    }
}

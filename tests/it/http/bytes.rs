//! Every kind of answer, byte for byte: names of fields, their order, the form of numbers.
//!
//! What changes from run to run (ids, times, pictures) is replaced by a word; everything else must
//! be as in `bytes.txt`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Service, photo, photo_of};

const EXPECTED: &str = include_str!("bytes.txt");

/// The text with a word for each value that differs from run to run.
fn masked(text: &str) -> String {
    let mut parts: Vec<String> = text.split('"').map(str::to_owned).collect();
    for part in &mut parts {
        if let Some(word) = word(part) {
            *part = word;
        }
    }
    parts.join("\"")
}

fn word(text: &str) -> Option<String> {
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some((kind, id)) = text.split_once('_')
        && is_hex(id)
    {
        return Some(format!("{kind}_ID"));
    }
    if is_hex(text) && text.starts_with("019") {
        return Some("ID".to_owned());
    }
    if text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4 {
        return Some("UUID".to_owned());
    }
    if text.len() == 24 && text.ends_with('Z') && text.contains('T') {
        return Some("TIME".to_owned());
    }
    if let Some(bytes) = facevault::wire::decode_base64(text).filter(|bytes| bytes.len() > 40) {
        let kind = image::guess_format(&bytes).map_or("bytes".to_owned(), |format| format!("{format:?}"));
        return Some(format!("BASE64 of {kind}"));
    }
    None
}

/// The text with a word for each number of more than ten digits: a `f32` has nine at most, so these
/// are written as `f64`.
fn without_long_numbers(text: &str) -> String {
    let mut masked = String::new();
    let mut number = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() || (!number.is_empty() && "-.e".contains(c)) {
            number.push(c);
            continue;
        }
        masked += if number.len() > 11 { "LONG" } else { &number };
        number.clear();
        masked.push(c);
    }
    masked.trim_end().to_owned()
}

/// Writes down what is asked and answered.
struct Transcript<'a> {
    service: &'a Service,
    text: String,
}

impl Transcript<'_> {
    fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map(|body| body.to_string());
        let answer = self.service.send(method, path, body.as_deref().map(str::as_bytes));
        let mut text = masked(&answer.text);
        if path == "/detect" {
            text = without_long_numbers(&text);
        }
        writeln!(self.text, "{method} {}\n{} {text}\n", masked(path), answer.status).expect("a text");
        serde_json::from_str(&answer.text).unwrap_or_default()
    }

    fn get(&mut self, path: &str) {
        self.ask("GET", path, None);
    }

    fn post(&mut self, path: &str, body: Value) -> Value {
        self.ask("POST", path, Some(body))
    }

    fn put(&mut self, path: &str, body: Value) {
        self.ask("PUT", path, Some(body));
    }

    fn delete(&mut self, path: &str) {
        self.ask("DELETE", path, None);
    }

    fn persons(&mut self) -> String {
        let staff = self.post("/collections", json!({"name": "Staff", "description": "All of us"}));
        let staff = staff["data"]["_id"].as_str().expect("an id").to_owned();
        self.post("/collections", json!({"name": "Others"}));
        self.get("/collections");
        let ada = json!({
            "_id": "ada", "name": "Ada", "images": [photo(1), photo(2)], "collections": [staff], "gender": "F",
            "date_of_birth": "1990-01-15", "nationality": "GB", "notes": "first", "status": "active",
        });
        self.post("/persons", ada.clone());
        self.post("/persons", ada);
        self.post("/persons", json!({"_id": "bob", "name": "Bob", "images": [photo(3)]}));
        self.get("/persons/ada");
        self.put("/persons/bob", json!({"gender": "M", "status": "inactive", "collections": [staff]}));
        self.get("/persons?limit=1");
        self.get("/persons?populates[]=collections&populates[]=client");
        self.get("/persons/lookup?name=ada");
        staff
    }

    fn matching(&mut self, staff: &str) {
        let search = json!({"images": [photo(1)], "min_score": 0.85, "search_mode": "FAST", "collection_id": staff});
        self.post("/search", search.clone());
        self.post("/search/crops", search);
        let active = json!({"image": photo(1), "os": "IOS", "min_score": 0.85, "search_mode": "FAST"});
        self.post("/search-active-user", active);
        for seed in [1, 9] {
            let verify = json!({"id": "ada", "images": [photo(seed)], "min_score": 0.85, "search_mode": "FAST"});
            self.post("/verify", verify);
        }
        self.post("/compare", json!({"probe": [photo(1)], "gallery": [photo(1)], "search_mode": "FAST"}));
        self.post("/detect", json!({"image": photo_of(1, 2), "max_results": 1}));
        let bare = json!({"image": photo(1), "return_landmarks": false, "return_attributes": true});
        self.post("/detect", bare);
    }

    fn errors(&mut self) {
        self.get("/persons/nobody");
        self.get("/collections/none");
        self.get("/nowhere");
        self.put("/search", json!({}));
        self.get("/persons?page=0&size=1");
        self.get("/persons/lookup?name=a");
        self.post("/persons", json!({"gender": "X", "images": [photo(1)], "shoe_size": 43}));
        self.post("/persons", json!({"name": "Carl", "images": ["?"]}));
        self.post("/persons", json!({"name": "Carl", "images": [photo(7), photo_of(7, 0), "/9j/"]}));
        self.put("/persons/ada", json!({"name": null}));
        self.post("/liveness", json!({}));
    }
}

#[test]
fn answers_are_byte_for_byte_what_they_always_were() {
    let service = Service::new();
    let mut transcript = Transcript { service: &service, text: String::new() };
    let staff = transcript.persons();
    transcript.matching(&staff);
    transcript.errors();
    transcript.get("/models");
    transcript.get("/healthz");
    transcript.get(&format!("/collections/{staff}"));
    transcript.put(&format!("/collections/{staff}"), json!({"name": "Staff", "people": [{"_id": "ada"}]}));
    transcript.delete(&format!("/persons/bob?collection={staff}"));
    transcript.delete(&format!("/persons/ada?collection={staff}"));
    transcript.delete(&format!("/collections/{staff}"));
    let mut text = transcript.text;

    let service = Service::of(None, |options| options.calibration = None);
    let mut transcript = Transcript { service: &service, text: String::new() };
    transcript.get("/models");
    transcript.post("/detect", json!({"image": photo(1)}));
    text += &transcript.text;
    let refused = service.send_with(&[], "GET", "/persons", None);
    writeln!(text, "GET /persons\n{} {}", refused.status, refused.text).expect("a text");

    let different = text.lines().zip(EXPECTED.lines()).find(|(found, expected)| found != expected);
    assert!(text.trim_end() == EXPECTED.trim_end(), "{different:#?}\n\n{text}");
}

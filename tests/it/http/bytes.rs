//! Every kind of answer, byte for byte: names of fields, their order, the form of numbers.
//!
//! What changes from run to run (ids, times, pictures) is replaced by a word; everything else must
//! be as in `bytes.txt`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Service, erasure, photo, photo_of};

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
    if is_hex(text) && text.as_bytes()[12] == b'7' {
        return Some("ID".to_owned());
    }
    if text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4 {
        return Some("UUID".to_owned());
    }
    if text.len() > 16 && text.starts_with("0006") && text.as_bytes()[..16].iter().all(u8::is_ascii_hexdigit) {
        return Some("CURSOR".to_owned());
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

/// What of a value is not as `schema` describes it. A member that is not described is wrong too.
fn wrong(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let target = document.pointer(target.trim_start_matches('#')).expect("a reference leads somewhere");
        return wrong(document, target, value, at);
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let each: Vec<_> = one.iter().map(|schema| wrong(document, schema, value, at)).collect();
        return match each.iter().filter(|wrong| wrong.is_empty()).count() {
            1 => Vec::new(),
            count => vec![format!("{at}: {count} alternatives fit: {each:?}")],
        };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    if !types.iter().any(|found| found == kind) {
        return vec![format!("{at} is {kind}, described as {types:?}")];
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return vec![format!("{at} is {value}, described as {}", schema["enum"])];
    }
    match value {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.flat_map(|(i, item)| wrong(document, &schema["items"], item, &format!("{at}[{i}]"))).collect()
        }
        Value::Object(members) if schema["properties"].is_object() => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let absent = required.filter(|name| !members.contains_key(*name)).map(|name| format!("{at} has no {name}"));
            let found = members.iter().flat_map(|(name, member)| match schema["properties"].get(name) {
                Some(schema) => wrong(document, schema, member, &format!("{at}.{name}")),
                None => vec![format!("{at}.{name} is not described")],
            });
            absent.chain(found).collect()
        }
        _ => Vec::new(),
    }
}

/// The schema of an answer of this status, where the route is described.
fn schema<'a>(document: &'a Value, method: &str, path: &str, status: u16) -> Option<&'a Value> {
    let own = ["/healthz", "/openapi.json", "/docs", "/metrics"].contains(&path);
    let asked = format!("{}{path}", if own { "" } else { super::BASE });
    let asked: Vec<&str> = asked.split('?').next()?.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == asked.len() && parts.iter().zip(&asked).all(|(part, asked)| part == asked || *part == "{id}")
    };
    let mut templates: Vec<_> = document["paths"].as_object()?.iter().filter(|(template, _)| fits(template)).collect();
    // `/persons/lookup` before `/persons/{id}`.
    templates.sort_by_key(|(template, _)| template.contains('{'));
    let operation = templates.first()?.1.get(method.to_lowercase())?;
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {path} answers {status}, which is not described");
    Some(&response["content"]["application/json"]["schema"])
}

/// Writes down what is asked and answered, and compares it with what is described.
struct Transcript<'a> {
    service: &'a Service,
    document: Value,
    text: String,
    compared: usize,
}

impl<'a> Transcript<'a> {
    fn new(service: &'a Service) -> Self {
        Self { service, document: facevault::http::openapi(), text: String::new(), compared: 0 }
    }

    fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map(|body| body.to_string());
        let answer = self.service.send(method, path, body.as_deref().map(str::as_bytes));
        let mut text = masked(&answer.text);
        if path == "/detect" {
            text = without_long_numbers(&text);
        }
        writeln!(self.text, "{method} {}\n{} {text}\n", masked(path), answer.status).expect("a text");
        let found = serde_json::from_str(&answer.text).expect("JSON");
        if let Some(schema) = schema(&self.document, method, path, answer.status) {
            let wrong = wrong(&self.document, schema, &found, path);
            assert!(wrong.is_empty(), "{method} {path}: {wrong:#?}\n{found:#}");
            self.compared += 1;
        }
        found
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
        self.post("/liveness", json!({"image": photo(1), "os": "IOS"}));
    }
}

#[test]
fn answers_are_as_described_and_byte_for_byte_what_they_always_were() {
    let service = Service::new();
    let mut transcript = Transcript::new(&service);
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
    assert!(transcript.compared >= 35, "{}", transcript.compared);
    let mut text = transcript.text;

    let service = Service::of(None, |options| options.calibration = None);
    let mut transcript = Transcript::new(&service);
    transcript.get("/models");
    transcript.post("/detect", json!({"image": photo(1)}));
    text += &transcript.text;
    let refused = service.send_with(&[], "GET", "/persons", None);
    writeln!(text, "GET /persons\n{} {}", refused.status, refused.text).expect("a text");

    let expected = EXPECTED.replace(r#""erasure":"done""#, &format!(r#""erasure":"{}""#, erasure()));
    let different = text.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert!(text.trim_end() == expected.trim_end(), "{different:#?}\n\n{text}");
}

#[test]
fn answers_about_faces_duplicates_and_the_vault_are_as_described() {
    for service in [Service::new(), Service::of_one_client()] {
        for (id, seed) in [("ada", 1), ("ada_again", 1), ("bob", 2)] {
            service.enroll(id, id, seed);
        }
        let mut transcript = Transcript::new(&service);
        for faces in 0..3 {
            let asked = json!({"image": photo_of(1, faces), "min_score": 0.85, "search_mode": "FAST", "top": true});
            transcript.post("/search/faces", asked);
        }
        transcript.post("/search/faces", json!({"image": "bm90aGluZw==", "min_score": 0.85, "search_mode": "FAST"}));
        for path in ["/duplicates", "/duplicates?min_score=2", "/vault", "/vault/check", "/vault?x=1"] {
            transcript.get(path);
        }
        transcript.get("/persons/ada/thumbnail?photo=9");
        assert_eq!(transcript.compared, 10);
    }
}

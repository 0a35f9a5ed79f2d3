//! Two clients in one vault: for every route, one's answers are the same whether the other has data.

use std::collections::BTreeSet;

use facevault::{NewCollection, NewPerson, VaultOptions};
use serde_json::{Value, json};

use super::{BASE, Service, client, photo};
use crate::fakes;

/// What is asked in the name of `b`, in this order: method, route, path, body.
fn requests() -> Vec<(&'static str, &'static str, String, Value)> {
    let search = |seed| json!({"images": [photo(seed)], "min_score": 0.2, "search_mode": "FAST"});
    let verify = |id: &str| json!({"id": id, "images": [photo(1)], "min_score": 0.5, "search_mode": "FAST"});
    let mut all = vec![
        ("GET", "/persons", "/persons?limit=100".into(), Value::Null),
        ("GET", "/persons", "/persons?collection=staff".into(), Value::Null),
        ("GET", "/persons/lookup", "/persons/lookup?name=ada".into(), Value::Null),
        ("GET", "/collections", "/collections".into(), Value::Null),
        ("POST", "/search", "/search".into(), search(1)),
        (
            "POST",
            "/search/crops",
            "/search/crops".into(),
            json!({"images": [photo(1)], "min_score": 0.5, "search_mode": "FAST"}),
        ),
        (
            "POST",
            "/search",
            "/search".into(),
            json!({"images": [photo(1)], "min_score": 0.2, "search_mode": "FAST", "collection_id": "staff"}),
        ),
        (
            "POST",
            "/search/faces",
            "/search/faces".into(),
            json!({"image": photo(1), "min_score": 0.2, "search_mode": "FAST", "top": true}),
        ),
        ("GET", "/persons", "/persons?name=ada".into(), Value::Null),
        ("GET", "/persons/{id}/thumbnail", "/persons/ada/thumbnail".into(), Value::Null),
        ("GET", "/duplicates", "/duplicates?min_score=0.5".into(), Value::Null),
        ("GET", "/vault", "/vault".into(), Value::Null),
        ("GET", "/vault/check", "/vault/check".into(), Value::Null),
        (
            "POST",
            "/search-active-user",
            "/search-active-user".into(),
            json!({"image": photo(1), "os": "IOS", "min_score": 0.2, "search_mode": "FAST"}),
        ),
        ("POST", "/verify", "/verify".into(), verify("ada")),
        (
            "POST",
            "/compare",
            "/compare".into(),
            json!({"probe": [photo(1)], "gallery": [photo(2)], "search_mode": "FAST"}),
        ),
        ("POST", "/detect", "/detect".into(), json!({"image": photo(1)})),
        ("GET", "/models", "/models".into(), Value::Null),
        ("GET", "/metrics", "/metrics".into(), Value::Null),
        ("GET", "/openapi.json", "/openapi.json".into(), Value::Null),
        ("GET", "/docs", "/docs".into(), Value::Null),
        ("GET", "/healthz", "/healthz".into(), Value::Null),
    ];
    for path in
        ["/liveness", "/search-live-face", "/compare-live", "/compare-with-liveness", "/persons/search-live-face"]
    {
        all.push(("POST", path, path.to_owned(), json!({})));
    }
    // First while only the other has them, then with b's own of the same ids, then removed again.
    for _ in 0..2 {
        for (method, body) in
            [("GET", Value::Null), ("PUT", json!({"notes": "mine"})), ("PUT", json!({"collections": ["staff"]}))]
        {
            all.push((method, "/persons/{id}", "/persons/ada".into(), body));
        }
        for (method, body) in [("GET", Value::Null), ("PUT", json!({"name": "X", "people": [{"_id": "ada"}]}))] {
            all.push((method, "/collections/{id}", "/collections/staff".into(), body));
        }
        all.push(("POST", "/verify", "/verify".into(), verify("ada")));
        all.push(("POST", "/search", "/search".into(), search(1)));
        all.push((
            "POST",
            "/persons",
            "/persons".into(),
            json!({"_id": "ada", "name": "Ada Lovelace", "images": [photo(5)], "date_of_birth": "1990-01-15"}),
        ));
        all.push(("POST", "/collections", "/collections".into(), json!({"name": "Staff"})));
        all.push(("GET", "/persons", "/persons?populates[]=collections&populates[]=client".into(), Value::Null));
        all.push(("GET", "/collections", "/collections".into(), Value::Null));
    }
    all.push(("DELETE", "/persons/{id}", "/persons/ada?collection=staff".into(), Value::Null));
    all.push(("DELETE", "/persons/{id}", "/persons/ada".into(), Value::Null));
    all.push(("DELETE", "/persons/{id}", "/persons/ada".into(), Value::Null));
    all.push(("DELETE", "/collections/{id}", "/collections/staff".into(), Value::Null));
    all.push(("GET", "/metrics", "/metrics".into(), Value::Null));
    all
}

/// What `b` is answered; what time and chance put into it is masked.
fn answers(other_has_data: bool) -> Vec<String> {
    let service = Service::new();
    if other_has_data {
        // As another process would.
        let options = VaultOptions::default().with_engine(fakes::engine()).with_client(client("a"));
        let other = service.place.open(options);
        let staff = NewCollection { id: "staff".parse().ok(), name: "Staff".into(), description: None };
        other.create_collection(&staff).expect("a collection");
        let body = |id: &str, seed| json!({"_id": id, "name": "Ada Lovelace", "images": [photo(seed)], "collections": ["staff"], "date_of_birth": "1990-01-15", "notes": "secret"});
        let bob = NewPerson::from_json(body("bob", 2).to_string().as_bytes()).expect("a person");
        other.create_person(&bob).expect("a person");
        // Over HTTP: found, updated, refused, unknown.
        let mut ada = body("ada", 1);
        ada["date_of_birth"] = json!("1990-01-16");
        service.post("/persons", &ada).data();
        service.put("/persons/ada", &json!({"images": [photo(1), photo(3)], "date_of_birth": "1990-01-15"})).data();
        service.post("/search", &json!({"images": [photo(1)], "min_score": 0.2, "search_mode": "FAST"})).data();
        assert_eq!(service.get("/persons/nobody").status, 404);
        assert_eq!(service.post("/persons", &ada).status, 412);
        assert!(service.get("/metrics").text.contains("facevault_people 2"));
    }
    let b = service.token_of_b();
    let ask = |(method, _, path, body): (&str, &str, String, Value)| {
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        let answer = service.send_as(&b, method, &path, body.as_deref());
        assert!(answer.status < 500 || answer.text.contains("liveness"), "{method} {path}: {answer:?}");
        let text = match serde_json::from_str::<Value>(&answer.text) {
            Ok(json) => masked(json).to_string(),
            // Metrics come in any order; how long things took is left out.
            Err(_) => {
                let mut lines: Vec<_> = answer.text.lines().filter(|line| !line.contains("seconds")).collect();
                lines.sort_unstable();
                lines.join("\n")
            }
        };
        format!("{method} {path}: {} {text}", answer.status)
    };
    requests().into_iter().map(ask).collect()
}

/// Ids that chance gave and times.
fn masked(value: Value) -> Value {
    let chance = |text: &str| {
        let hexadecimal = |text: &str| text.len() == 32 && text.bytes().all(|c| c.is_ascii_hexdigit());
        hexadecimal(text)
            || text.split_once('_').is_some_and(|(_, rest)| hexadecimal(rest))
            || (text.len() == 36 && text.matches('-').count() == 4)
            || (text.len() == 24 && text.ends_with('Z'))
    };
    match value {
        Value::String(text) if chance(&text) => json!("masked"),
        Value::Array(all) => all.into_iter().map(masked).collect(),
        Value::Object(all) => {
            all.into_iter().map(|(key, value)| (key, masked(value))).collect::<serde_json::Map<_, _>>().into()
        }
        value => value,
    }
}

#[test]
fn for_every_route_one_clients_answers_do_not_depend_on_anothers_data() {
    let (with, without) = (answers(true), answers(false));
    for (with, without) in with.iter().zip(&without) {
        assert_eq!(with, without);
    }
    assert_eq!(with.len(), without.len());
    // Something was found at all.
    assert!(with.iter().any(|answer| answer.contains("200") && answer.contains("\"_id\":\"ada\"")));
}

#[test]
fn every_route_is_among_those_that_are_asked() {
    let document = facevault::http::openapi();
    let asked: BTreeSet<(String, String)> =
        requests().into_iter().map(|(method, route, ..)| (method.to_owned(), route.to_owned())).collect();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let path = path.strip_prefix(BASE).unwrap_or(path);
        described.extend(
            methods.as_object().expect("methods").keys().map(|method| (method.to_uppercase(), path.to_owned())),
        );
    }
    assert_eq!(asked, described);
}

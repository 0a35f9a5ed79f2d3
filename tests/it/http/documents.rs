//! What the service says of itself.

use serde_json::json;

use super::{Service, photo};

#[test]
fn the_description_is_served_and_readable() {
    let service = Service::new();
    let document = service.get("/openapi.json");
    assert_eq!(document.json(), facevault::http::openapi());
    let page = service.get("/docs");
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(page.text.contains("/v2/face-recognition/persons/{id}"));
}

#[test]
fn models_say_what_is_loaded_and_what_scores_mean() {
    let service = Service::new();
    let data = service.get("/models").data();
    assert_eq!((&data["pack"]["name"], &data["liveness"]), (&json!("fake-1"), &json!(false)));
    let anchor = &data["scores"]["anchor"];
    assert_eq!(anchor, &json!({"score": 0.85, "fmr": 0.001, "similarity": 0.95}));
    let knots = data["scores"]["knots"].as_array().expect("knots");
    assert_eq!(knots.last(), Some(&json!({"similarity": 1.0, "score": 1.0})));
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

fn counted(status: u16, count: u64) -> String {
    format!(
        "facevault_http_requests_total{{method=\"GET\",route=\"/v2/face-recognition/persons/{{id}}\",status=\"{status}\"}} {count}"
    )
}

#[test]
fn a_client_is_told_the_numbers_of_its_own_requests() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    service.get("/persons/ada");
    service.get("/persons/nobody");
    let b = service.token_of_b();
    service.send_as(&b, "GET", "/persons/ada", None);
    let text = service.get("/metrics").text;
    let lines = [&counted(200, 1), &counted(404, 1), "facevault_people 1", "facevault_photo_queue 0"];
    for line in lines.into_iter().chain(["facevault_file_queue 0", "facevault_held_bytes 0"]) {
        assert!(has(&text, line), "{line}: {text}");
    }
    assert!(text.contains("facevault_http_request_seconds_bucket") && !text.contains("nobody"));
    assert!(!text.contains("encodings"), "{text}");
    let others = service.send_as(&b, "GET", "/metrics", None).text;
    assert!(has(&others, "facevault_people 0") && has(&others, &counted(404, 1)), "{others}");
    assert!(!others.contains("status=\"200\""), "{others}");
}

#[test]
fn the_process_is_watched_at_an_address_of_its_own() {
    let service = Service::with(|options| options.metrics = Some(([127, 0, 0, 1], 0).into()));
    service.enroll("ada", "Ada", 1);
    service.get("/persons/ada");
    service.send_as(&service.token_of_b(), "GET", "/persons/ada", None);
    service.send_with(&[], "GET", "/persons/ada", None);
    let text = service.process_metrics();
    for line in [&counted(200, 1), &counted(404, 1), &counted(401, 1), "facevault_encodings_total 1"] {
        assert!(has(&text, line), "{line}: {text}");
    }
    assert!(!text.contains("people"), "{text}");
    // Nothing else is there, and it is not where clients are.
    let elsewhere = service.metrics.as_ref().expect("an address").replace("/metrics", "/v2/face-recognition/persons");
    assert_eq!(service.agent.get(&elsewhere).call().expect("an answer").status(), 404);
    assert_eq!(service.send_with(&[], "GET", "/metrics", None).status, 401);
    let misled = service.agent.get(service.metrics.as_ref().expect("an address")).header("Host", "evil.example").call();
    assert_eq!(misled.expect("an answer").status(), 421);
}

#[test]
fn what_is_the_operators_is_503_and_says_nothing() {
    if crate::data::only_of_files("bytes are damaged behind the checksums, which a hub has not") {
        return;
    }
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let file = crate::data::database(service.vault.path());
    let changed = file.execute("UPDATE photos SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB)", []);
    assert_eq!(changed.expect("damaged"), 1);
    let answer = service.get("/persons/ada");
    answer.fails(503, "vault_damaged", "ERROR");
    assert!(!answer.text.contains("ada"), "{answer:?}");
}

#[test]
fn every_answer_has_an_id_and_is_not_kept() {
    let service = Service::new();
    let (one, other) = (service.get("/persons"), service.post("/detect", &json!({"image": photo(1)})));
    assert_eq!((one.header("x-request-id").len(), one.header("cache-control")), (32, "no-store"));
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
    assert_eq!(one.json()["id"], one.header("x-request-id"));
    assert_eq!(service.send_with(&[], "GET", "/persons", None).header("x-request-id").len(), 32);
}

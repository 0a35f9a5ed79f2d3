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

#[test]
fn metrics_count_requests_by_route_and_the_clients_own_people() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    service.get("/persons/ada");
    service.get("/persons/nobody");
    let text = service.get("/metrics").text;
    for line in [
        "facevault_http_requests_total{method=\"GET\",route=\"/v2/face-recognition/persons/{id}\",status=\"200\"} 1",
        "facevault_http_requests_total{method=\"GET\",route=\"/v2/face-recognition/persons/{id}\",status=\"404\"} 1",
        "facevault_people 1",
        "facevault_encodings_total 1",
        "facevault_photo_queue 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(text.contains("facevault_http_request_seconds_bucket") && !text.contains("nobody"));
    let others = service.send_as(&service.token_of_b(), "GET", "/metrics", None).text;
    assert!(others.lines().any(|line| line == "facevault_people 0"), "{others}");
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

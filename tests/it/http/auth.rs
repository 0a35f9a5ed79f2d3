//! Tokens over the wire: who shows none, a wrong one, an expired one, another client's.

use std::time::Duration;

use facevault::TokenSecret;
use jiff::Timestamp;
use serde_json::json;

use super::{BASE, Service};

#[test]
fn every_route_but_one_wants_a_token() {
    let service = Service::new();
    let document = facevault::http::openapi();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let path = path.replace("{id}", "x");
            let path = path.strip_prefix(BASE).unwrap_or(&path);
            let method = method.to_uppercase();
            for headers in [&[][..], &[("Authorization", "Basic eDp5")], &[("Authorization", "Bearer <your_token>")]] {
                let answer = service.send_with(headers, &method, path, None);
                if path == "/healthz" {
                    assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
                } else if answer.status != 429 {
                    assert_eq!(answer.status, 401, "{method} {path}");
                    assert_eq!(answer.json(), json!({"error": "Unauthorized", "message": "UNAUTHORIZED"}));
                    assert!(!answer.header("www-authenticate").is_empty());
                }
            }
            asked += 1;
        }
    }
    assert!(asked > 25, "{asked}");
    // What is not there does not tell so to strangers.
    assert_eq!(service.send_with(&[], "GET", "/nowhere", None).status, 401);
    assert_eq!(service.send_with(&[], "PATCH", "/persons", None).status, 401);
}

#[test]
fn an_expired_token_is_reported_and_a_revoked_one_is_unknown() {
    let service = Service::new();
    let (soon, _) = service.vault.create_token(Some(Timestamp::now() + Duration::from_millis(200))).expect("a token");
    let (revoked, _) = service.vault.create_token(None).expect("a token");
    let list = |token: &TokenSecret| service.send_as(&token.reveal(), "GET", "/persons", None);
    assert_eq!((list(&soon).status, list(&revoked).status), (200, 200));
    std::thread::sleep(Duration::from_millis(220));
    service.vault.revoke_token(revoked.id()).expect("revoked");
    list(&soon).fails(403, "token_expired", "FORBIDDEN");
    assert_eq!(list(&revoked).status, 401);
}

#[test]
fn ten_bad_tokens_a_second_are_enough_and_good_ones_pass_meanwhile() {
    let service = Service::new();
    assert_eq!(service.get("/persons").status, 200);
    let mut statuses = Vec::new();
    for _ in 0..40 {
        let wrong = TokenSecret::generate().expect("random").reveal();
        let answer = service.send_as(&wrong, "GET", "/persons", None);
        if answer.status == 429 {
            answer.fails(429, "too_many_requests", "TOO_MANY_REQUESTS");
            assert_eq!(answer.header("retry-after"), "1");
        }
        statuses.push(answer.status);
    }
    assert!(statuses[..10].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(service.get("/persons").status, 200);
}

#[test]
fn a_good_token_passes_at_once_behind_an_address_that_guesses() {
    let service = Service::new();
    let ends = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                    let wrong = TokenSecret::generate().expect("random").reveal();
                    let status = service.send_as(&wrong, "GET", "/persons", None).status;
                    assert!([401, 429].contains(&status), "{status}");
                }
            });
        }
        let statuses: Vec<u16> = (0..30)
            .map(|_| {
                let new = service.vault.create_token(None).expect("a token").0.reveal();
                service.send_as(&new, "GET", "/persons", None).status
            })
            .collect();
        ends.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(statuses, [200; 30]);
    });
}

#[test]
fn a_browser_shows_the_token_as_a_password() {
    use base64::Engine as _;
    let service = Service::new();
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{}", service.token));
    let answer = service.send_with(&[("Authorization", &format!("Basic {pair}"))], "GET", "/docs", None);
    assert!(answer.status == 200 && answer.text.contains("facevault"), "{answer:?}");
    assert!(service.send_with(&[], "GET", "/docs", None).header("www-authenticate").starts_with("Basic"));
}

#[test]
fn nothing_of_another_client_is_there() {
    let service = Service::new();
    service.enroll("ada", "Ada Lovelace", 1);
    let b = service.token_of_b();
    for (method, body) in [("GET", None), ("DELETE", None), ("PUT", Some(&b"{\"name\": \"B\"}"[..]))] {
        let answer = service.send_as(&b, method, "/persons/ada", body);
        assert_eq!(
            (answer.status, answer.json()),
            (404, json!({"error": "Person not found", "message": "PERSON_NOT_FOUND"}))
        );
    }
    assert_eq!(service.send_as(&b, "GET", "/persons", None).json()["pagination"]["total"], 0);
    let ada = service.vault.person(&"ada".parse().expect("an id")).expect("ada is there");
    assert_eq!((ada.name.as_str(), ada.version), ("Ada Lovelace", 1));
}

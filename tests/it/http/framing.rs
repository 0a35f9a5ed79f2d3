//! Requests that another program on the way might read otherwise, and what is no request at all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{BASE, Service, photo};

/// Head and body of an answer.
fn parts(answer: &str) -> (&str, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer}"));
    (head, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

#[test]
fn a_body_in_an_unknown_coding_is_not_read() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let put = |coding: &str| {
        let request = format!(
            "PUT {BASE}/persons/ada HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\n{coding}\r\nConnection: close\r\n\r\n11\r\n{{\"name\": \"Other\"}}\r\n0\r\n\r\n",
            service.token
        );
        service.raw(request.as_bytes(), Duration::from_secs(5))
    };
    for (coding, status, message) in [
        ("Transfer-Encoding: gzip, chunked", "501", "unknown_transfer_coding"),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "501", "unknown_transfer_coding"),
        ("Transfer-Encoding: identity, chunked", "501", "unknown_transfer_coding"),
        ("Transfer-Encoding: chunked, chunked", "400", "malformed_request"),
        // Without chunks at the end nobody knows where the body ends.
        ("Transfer-Encoding: gzip", "400", "malformed_request"),
        ("Transfer-Encoding: chunked, gzip", "400", "malformed_request"),
    ] {
        let answer = put(coding);
        let (head, body) = parts(&answer);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{coding}: {answer}");
        assert_eq!((&body["message"], &body["code"]), (&json!(message), &json!("ERROR")), "{coding}");
    }
    assert_eq!(service.get("/persons/ada").data()["name"], "Ada");
    assert!(put("Transfer-Encoding: Chunked").starts_with("HTTP/1.1 200 "));
    assert_eq!(service.get("/persons/ada").data()["name"], "Other");
}

#[test]
fn what_is_no_request_is_answered_with_a_body_that_says_so() {
    let service = Service::new();
    let many = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(200));
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "y".repeat(80_000));
    let address = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "y".repeat(80_000));
    for (request, status, message) in [
        ("nonsense\r\n\r\n", "400", "malformed_request"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", "400", "malformed_request"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", "400", "malformed_request"),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400", "malformed_request"),
        (&many, "431", "head_too_large"),
        (&long, "431", "head_too_large"),
        (&address, "431", "head_too_large"),
    ] {
        let answer = service.raw(request.as_bytes(), Duration::from_secs(5));
        let (head, body) = parts(&answer);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}: {answer}");
        assert!(head.contains("content-type: application/json\r\n"), "{answer}");
        assert_eq!((&body["message"], &body["code"]), (&json!(message), &json!("ERROR")), "{request:.60}");
        assert!(body["error"].is_string(), "{answer}");
    }
}

#[test]
fn two_tokens_are_none() {
    let service = Service::new();
    let (good, other) = (format!("Bearer {}", service.token), format!("Bearer {}", service.token_of_b()));
    for (one, two) in [(&good, &good), (&good, &other), (&other, &good)] {
        let headers = [("Authorization", one.as_str()), ("Authorization", two.as_str())];
        let answer = service.send_with(&headers, "GET", "/persons", None);
        assert_eq!((answer.status, &answer.json()["message"]), (401, &json!("UNAUTHORIZED")), "{answer:?}");
    }
}

#[test]
fn a_token_that_is_revoked_while_the_body_comes_does_nothing_more() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let update = json!({"name": "Other"}).to_string();
    let create = json!({"_id": "bob", "name": "Bob", "images": [photo(2)]}).to_string();
    let short = Some(Duration::from_millis(1_200));
    for (method, path, body, lasts, status) in [
        ("PUT", "/persons/ada", &update, None, "401"),
        ("POST", "/persons", &create, None, "401"),
        ("PUT", "/persons/ada", &update, short, "403"),
    ] {
        let (token, _) =
            service.vault.create_token(lasts.map(|lasts| jiff::Timestamp::now() + lasts)).expect("a token");
        let mut stream = TcpStream::connect(service.url.trim_start_matches("http://")).expect("a connection");
        let head = format!(
            "{method} {BASE}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            token.reveal(),
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(&body.as_bytes()[..5]).expect("sent");
        // Its token is looked up by now.
        std::thread::sleep(Duration::from_millis(500));
        match lasts {
            None => service.vault.revoke_token(token.id()).expect("revoked"),
            Some(_) => std::thread::sleep(Duration::from_millis(1_500)),
        }
        stream.write_all(&body.as_bytes()[5..]).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert_eq!(service.get("/persons/ada").data()["name"], "Ada");
    assert_eq!(service.get("/persons").json()["pagination"]["total"], 1);
}

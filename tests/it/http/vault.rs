//! How the vault is, and whether it is whole.

use serde_json::{Value, json};

use super::{Service, photo};

#[test]
fn a_vault_of_one_client_shows_its_file() {
    let service = Service::of_one_client();
    assert!(service.get("/vault").data()["file"]["model"].is_null());
    service.enroll("ada", "Ada", 1);
    service.post("/persons", &json!({"name": "Bob", "images": [photo(2)], "status": "pending"})).data();
    service.post("/collections", &json!({"name": "Staff"})).data();
    let state = service.get("/vault").data();
    assert_eq!(state["people"], json!({"active": 1, "inactive": 0, "pending": 1}));
    assert_eq!((&state["collections"], &state["people_without_encoding"]), (&json!(1), &json!(0)));
    assert!(["FAST", "ACCURATE"].iter().any(|mode| state["search_mode"] == *mode), "{state}");
    assert_eq!(state["limits"], json!({"image_bytes": 20 << 20, "images": 10}));
    let file = &state["file"];
    assert_eq!(file["model"]["name"], "fake-1");
    assert!(file["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000), "{file}");
    assert!(file["generation"].as_u64().is_some_and(|generation| generation > 0), "{file}");
    let checked = service.get("/vault/check").data();
    assert_eq!((&checked["persons"], &checked["images"], &checked["problems"]), (&json!(2), &json!(2), &json!([])));
}

#[test]
fn damage_is_found() {
    if crate::data::only_of_files("bytes are damaged behind the checksums, which a hub has not") {
        return;
    }
    let service = Service::of_one_client();
    service.enroll("ada", "Ada", 1);
    let file = crate::data::database(service.vault.path());
    let changed = file.execute("UPDATE photos SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB)", []);
    assert_eq!(changed.expect("damaged"), 1);
    let problems = service.get("/vault/check").data()["problems"].clone();
    assert_eq!(problems[0]["person"], "ada", "{problems}");
    assert!(problems[0]["message"].is_string(), "{problems}");
}

#[test]
fn a_vault_of_several_clients_shows_only_what_is_the_tokens() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let b = service.token_of_b();
    let state = service.send_as(&b, "GET", "/vault", None).data();
    assert_eq!((&state["people"]["active"], &state["file"]), (&json!(0), &Value::Null));
    assert_eq!(service.get("/vault").data()["people"]["active"], 1);
    assert_eq!(service.get("/vault/check").data(), Value::Null);
}

#[test]
fn persons_are_listed_by_a_part_of_their_name() {
    let service = Service::new();
    for (seed, name) in ["Ada Lovelace", "Bo", "Adam"].into_iter().enumerate() {
        service.enroll(&format!("person_{seed}"), name, seed as u32);
    }
    let listed = |query: &str| {
        let answer = service.get(&format!("/persons?{query}")).json();
        let names = answer["data"].as_array().into_iter().flatten().map(|person| person["name"].clone());
        (names.collect::<Vec<_>>(), answer["pagination"]["total"].clone())
    };
    assert_eq!(listed("name=ADA"), (vec![json!("Ada Lovelace"), json!("Adam")], json!(2)));
    assert_eq!(listed("name=bo"), (vec![json!("Bo")], json!(1)));
    assert_eq!(listed("name=ada&limit=1&page=2"), (vec![json!("Adam")], json!(2)));
    for name in ["", &"x".repeat(101)] {
        let answer = service.get(&format!("/persons?name={name}"));
        answer.fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
    }
}

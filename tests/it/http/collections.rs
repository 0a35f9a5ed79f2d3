//! Collections over the wire.

use serde_json::{Value, json};

use super::{Service, photo};

#[test]
fn a_collection_is_created_listed_changed_and_removed_by_either_name() {
    let service = Service::new();
    assert_eq!(service.get("/collections").data(), json!([]));
    let made = service.post("/collections", &json!({"name": "Staff", "description": "all of us"})).data();
    let (id, code) = (made["_id"].as_str().expect("an id"), made["code"].as_str().expect("a code"));
    assert_eq!(code.len(), 36);
    assert_eq!(made.as_object().expect("an object").len(), 6);
    for named in [id, code] {
        assert_eq!(service.get(&format!("/collections/{named}")).data(), made);
    }
    assert_eq!(service.get("/collections").data(), json!([made]));

    for person in ["ada", "bob"] {
        service.post("/persons", &json!({"_id": person, "name": person, "images": [photo(1)]})).data();
    }
    let members = |service: &Service| -> Vec<String> {
        let list = service.get(&format!("/persons?collection={id}")).json();
        let ids = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|person| person["_id"].as_str().expect("an id").to_owned());
        ids.collect()
    };
    let path = format!("/collections/{code}");
    let changed = service.put(&path, &json!({"name": "Crew", "people": [{"_id": "ada"}, {"_id": "bob"}]})).data();
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Crew"), &json!("all of us")));
    assert_eq!(members(&service), ["ada", "bob"]);
    service.put(&path, &json!({"name": "Crew", "description": null, "people": [{"_id": "bob"}]})).data();
    assert_eq!(members(&service), ["bob"]);
    assert_eq!(service.get(&path).data()["description"], Value::Null);

    service.put(&path, &json!({"people": []})).fails(409, "\"name\" is required", "MissingParameter");
    let unknown = service.put(&path, &json!({"name": "Crew", "people": [{"_id": "nobody"}]}));
    unknown.fails(409, "\"people[0]\" names an unknown person \"nobody\"", "MissingParameter");
    assert_eq!(members(&service), ["bob"]);

    assert_eq!(service.delete(&path).data(), json!({"_id": id, "deleted": true}));
    assert_eq!(service.get("/persons/bob").data()["collections"], json!([]));
    for method in ["GET", "DELETE"] {
        service.send(method, &path, None).fails(404, "invalid_collection", "ERROR");
    }
    service.put(&path, &json!({"name": "Crew"})).fails(404, "invalid_collection", "ERROR");
}

#[test]
fn rules_of_a_collection_are_told() {
    let service = Service::new();
    for (body, message) in [
        (json!({}), "\"name\" is required"),
        (json!({"name": ""}), "\"name\" must have 1 to 100 characters"),
        (json!({"name": 1}), "\"name\" must be a string"),
        (json!({"name": "A", "colour": "red"}), "\"colour\" is not allowed"),
        (json!({"name": "A", "description": "x".repeat(4_001)}), "\"description\" must have 0 to 4000 characters"),
    ] {
        service.post("/collections", &body).fails(409, message, "MissingParameter");
    }
    service.get("/collections/%ff").fails(404, "invalid_collection", "ERROR");
}

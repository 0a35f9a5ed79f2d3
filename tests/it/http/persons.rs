//! Persons over the wire: every route, every error, every rule of a page.

use serde_json::{Value, json};

use super::{Service, erasure, photo, photo_of};

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|person| person["_id"].as_str().expect("an id")).collect()
}

#[test]
fn a_person_is_created_read_updated_and_removed() {
    let service = Service::new();
    let body = json!({
        "name": "Jürgen Müller", "images": [photo(1), format!("data:image/png;base64,{}", photo(2))], "gender": "M",
        "date_of_birth": {"year": 1990, "month": 1, "day": 15}, "nationality": "DE", "notes": "n", "collections": [],
    });
    let answer = service.post("/persons", &body);
    let created = answer.data();
    let id = created["_id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("person_") && answer.json()["id"] == id.as_str());
    assert_eq!((&created["client"], &created["status"]), (&json!("a"), &json!("active")));
    assert_eq!(created["images"], json!([photo(1), photo(2)]));
    assert_eq!(created["faceEncodings"].as_array().map(Vec::len), Some(2));
    assert_eq!(service.get(&format!("/persons/{id}")).data(), created);

    let path = format!("/persons/{id}");
    let updated =
        service.put(&path, &json!({"name": "J", "notes": null, "date_of_birth": "1991-02-03T04:05:06Z"})).data();
    assert_eq!((&updated["name"], &updated["notes"], &updated["gender"]), (&json!("J"), &Value::Null, &json!("M")));
    assert_eq!(updated["date_of_birth"], json!({"year": 1991, "month": 2, "day": 3}));
    assert_eq!(updated["images"], created["images"]);
    let updated = service.put(&path, &json!({"images": [photo(3)], "status": "inactive"})).data();
    assert_eq!((&updated["images"], &updated["status"]), (&json!([photo(3)]), &json!("inactive")));

    let removed = json!({"_id": id, "deleted": true, "collections": [], "erasure": erasure()});
    assert_eq!(service.delete(&path).data(), removed);
    for method in ["GET", "DELETE"] {
        let gone = service.send(method, &path, None);
        assert_eq!(
            (gone.status, gone.json()),
            (404, json!({"error": "Person not found", "message": "PERSON_NOT_FOUND"}))
        );
    }
    assert_eq!(service.put(&path, &json!({"name": "x"})).status, 404);
}

#[test]
fn every_broken_rule_of_a_body_is_told_at_once() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    for (method, path, body, first, count) in [
        ("POST", "/persons", json!({}), "\"name\" is required", 2),
        ("POST", "/persons", json!({"name": "A"}), "\"images\" is required", 1),
        ("POST", "/persons", json!({"name": "A", "images": []}), "\"images\" must contain 1 to 3 items", 1),
        (
            "POST",
            "/persons",
            json!({"name": "A", "images": vec![photo(1); 4]}),
            "\"images\" must contain 1 to 3 items",
            1,
        ),
        ("POST", "/persons", json!({"name": "", "images": "x", "gender": "X"}), "\"images\" must be an array", 3),
        ("PUT", "/persons/ada", json!({"name": 5}), "\"name\" must be a string", 1),
        ("PUT", "/persons/ada", json!({"name": null}), "\"name\" must not be null", 1),
        ("PUT", "/persons/ada", json!({"gender": "X"}), "\"gender\" must be one of [M, F]", 1),
        ("PUT", "/persons/ada", json!({"shoe_size": 43}), "\"shoe_size\" is not allowed", 1),
        (
            "PUT",
            "/persons/ada",
            json!({"name": "x".repeat(101), "notes": "x".repeat(4001)}),
            "\"name\" must have 1 to 100 characters",
            2,
        ),
        ("PUT", "/persons/ada", json!({"images": []}), "\"images\" must contain 1 to 10 items", 1),
        ("PUT", "/persons/ada", json!([]), "\"body\" must be an object", 1),
        (
            "PUT",
            "/persons/ada",
            json!({"date_of_birth": "2001-02-30"}),
            "\"date_of_birth\" must be a date: the calendar has no 2001-02-30",
            1,
        ),
        ("POST", "/collections", json!({}), "\"name\" is required", 1),
    ] {
        let answer = service.send(method, path, Some(body.to_string().as_bytes()));
        answer.fails(409, first, "MissingParameter");
        assert_eq!(answer.json()["details"].as_array().map(Vec::len), Some(count), "{body}");
    }
    let answer = service.send("PUT", "/persons/ada", Some(b"{\"name\": "));
    assert!(answer.status == 409 && answer.text.contains("must be JSON"), "{answer:?}");
    let empty = service.send("PUT", "/persons/ada", None);
    assert_eq!(empty.status, 409, "{empty:?}");
    // Nothing of all that was done.
    assert_eq!(service.vault.person(&"ada".parse().expect("an id")).expect("ada").version, 1);
}

#[test]
fn photos_are_refused_with_the_reason_of_each() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    let refused = service.put("/persons/ada", &json!({"images": [photo(2), photo_of(3, 0)]}));
    refused.fails(409, "no_face_detected", "ERROR");
    let images = &refused.json()["images"];
    assert_eq!((&images[0]["status"], &images[1]["code"]), (&json!("ok"), &json!("no_face_detected")));
    assert!(images[1]["message"].as_str().is_some_and(|text| !text.is_empty()));
    service.put("/persons/ada", &json!({"images": [photo_of(3, 3)]})).fails(409, "multiple_faces_detected", "ERROR");
    service.put("/persons/ada", &json!({"images": ["/9j/"]})).fails(409, "no_face_detected", "ERROR");
    service.put("/persons/ada", &json!({"images": ["no base64!"]})).fails(412, "only_images_in_base64", "ERROR");
    assert_eq!(service.get("/persons/ada").data()["images"], json!([photo(1)]));
}

#[test]
fn the_same_person_is_not_created_twice_in_a_collection() {
    let service = Service::new();
    let staff = service.post("/collections", &json!({"name": "Staff"})).data();
    let (staff, code) = (staff["_id"].clone(), staff["code"].clone());
    let body = |name: &str, collections: Value, born: &str| json!({"name": name, "images": [photo(1)], "date_of_birth": born, "collections": collections});
    let first = service.post("/persons", &body("Ada", json!([staff]), "1990-01-15")).data();
    let again = service.post("/persons", &body("ADA", json!([code]), "1990-01-15"));
    again.fails(412, "person_already_set", "PreconditionFailed");
    assert_eq!(again.json()["data"], first);
    let guests = service.post("/collections", &json!({"name": "Guests"})).data()["_id"].clone();
    for other in [
        body("Ada", json!([staff]), "1990-01-16"),
        body("Adam", json!([staff]), "1990-01-15"),
        body("Ada", json!([guests]), "1990-01-15"),
    ] {
        service.post("/persons", &other).data();
    }
    // Who names no collection is compared with everybody.
    service.post("/persons", &body("Ada", json!([]), "1990-01-15")).fails(
        412,
        "person_already_set",
        "PreconditionFailed",
    );
    let taken = json!({"_id": first["_id"], "name": "Somebody else", "images": [photo(1)]});
    service.post("/persons", &taken).fails(412, "person_already_set", "PreconditionFailed");
}

#[test]
fn many_who_create_the_same_person_at_once_create_one() {
    let service = Service::new();
    let body = json!({"name": "Ada", "images": [photo(1)], "date_of_birth": "1990-01-15"});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| service.post("/persons", &body).status)).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
    assert_eq!(service.get("/persons").json()["pagination"]["total"], 1);
}

#[test]
fn pages_of_a_list_follow_its_rules() {
    let service = Service::new();
    let staff = service.post("/collections", &json!({"name": "Staff"})).data();
    for i in 0..12 {
        let (status, collections) =
            (["active", "inactive"][i % 2], if i < 3 { json!([staff["_id"]]) } else { json!([]) });
        let body = json!({"_id": format!("p{i:02}"), "name": format!("P {i}"), "images": [photo(1)], "status": status, "collections": collections});
        service.post("/persons", &body).data();
    }
    let list = |query: &str| service.get(&format!("/persons{query}")).json();
    let all = list("");
    let next = all["pagination"]["next"].as_str().expect("there is another page").to_owned();
    assert_eq!(all["pagination"], json!({"page": 1, "limit": 10, "total": 12, "pages": 2, "next": next}));
    assert_eq!(ids(&all["data"]).len(), 10);
    let first = &all["data"][0];
    assert_eq!((&first["_id"], &first["image_count"], &first["client"]), (&json!("p00"), &json!(1), &json!("a")));
    assert!(first.get("images").is_none() && first.get("faceEncodings").is_none());
    assert_eq!(ids(&list("?page=2")["data"]), ["p10", "p11"]);
    assert_eq!(list("?page=3")["data"], json!([]));
    assert_eq!(list("?limit=100&page=1")["pagination"], json!({"page": 1, "limit": 100, "total": 12, "pages": 1}));
    assert_eq!(list("?limit=5&page=3")["pagination"], json!({"page": 3, "limit": 5, "total": 12, "pages": 3}));
    assert_eq!(list("?status=inactive")["pagination"]["total"], 6);
    assert_eq!(list("?status=pending")["pagination"], json!({"page": 1, "limit": 10, "total": 0, "pages": 0}));
    assert_eq!(service.put("/persons/p11", &json!({"status": "pending"})).data()["status"], "pending");
    assert_eq!(ids(&list("?status=pending")["data"]), ["p11"]);
    assert_eq!(
        (&list("?status=pending")["data"][0]["status"], &list("?status=inactive")["pagination"]["total"]),
        (&json!("pending"), &json!(5))
    );
    service.put("/persons/p11", &json!({"status": "inactive"})).data();
    for named in ["_id", "code"] {
        let query = format!("?collection={}", staff[named].as_str().expect("a text"));
        assert_eq!(ids(&list(&query)["data"]), ["p00", "p01", "p02"]);
    }
    for populates in ["populates[]=collections&populates[]=client", "populates[0]=collections&populates%5B1%5D=client"]
    {
        let populated = list(&format!("?limit=1&{populates}"));
        assert_eq!(populated["data"][0]["collections"][0], staff);
        assert_eq!(populated["data"][0]["client"], json!({"_id": "a"}));
    }
    assert_eq!(list("?limit=1")["data"][0]["collections"], json!([staff["_id"]]));
    for query in [
        "?page=0",
        "?page=x",
        "?page=-1",
        "?page=99999999999999999999",
        "?limit=0",
        "?limit=",
        "?limit=101",
        "?limit=1.5",
        "?status=gone",
        "?populates[]=images",
        "?colour=red",
        "?page=1&page=2",
    ] {
        let answer = service.get(&format!("/persons{query}"));
        answer.fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
        assert_eq!(answer.json()["details"].as_array().map(Vec::len), Some(1), "{query}");
    }
    service.get("/persons?collection=nowhere").fails(404, "invalid_collection", "ERROR");
    // Whoever the cursor stands behind may be gone.
    service.delete("/persons/p09").data();
    let rest = list(&format!("?after={next}"));
    assert_eq!(ids(&rest["data"]), ["p10", "p11"]);
    assert_eq!(rest["pagination"], json!({"limit": 10, "total": 11, "pages": 2}));
    let both = service.get(&format!("/persons?after={next}&page=1"));
    assert_eq!((both.status, both.json()["details"][0]["field"].clone()), (409, json!("after")));
    for wrong in ["", "x", "0123456789abcdef"] {
        let answer = service.get(&format!("/persons?after={wrong}"));
        assert_eq!((answer.status, answer.json()["code"].clone()), (409, json!("INVALID_PARAMETERS")), "{wrong}");
    }
}

#[test]
fn names_are_looked_up() {
    let service = Service::new();
    service
        .post(
            "/persons",
            &json!({"_id": "ada", "name": "Ada Lovelace", "images": [photo(1)], "date_of_birth": "1990-01-15"}),
        )
        .data();
    service.enroll("bob", "Bob Love", 2);
    let lookup = |query: &str| service.get(&format!("/persons/lookup?{query}"));
    assert_eq!(ids(&lookup("name=LOVE").data()), ["ada", "bob"]);
    assert_eq!(ids(&lookup("name=love&limit=1").data()), ["ada"]);
    assert_eq!(ids(&lookup("name=love&date_of_birth=1990-01-15").data()), ["ada"]);
    assert_eq!(lookup("name=nobody").data(), json!([]));
    lookup("").fails(409, "name is required", "MissingParameter");
    lookup("name=").fails(409, "name is required", "MissingParameter");
    lookup("name=lo").fails(409, "name_too_short", "MissingParameter");
    lookup("name=%20%20%20a").fails(409, "name_too_short", "MissingParameter");
    for query in ["name=love&limit=0", "name=love&limit=101", "name=love&date_of_birth=x", "name=love&x=1"] {
        lookup(query).fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
    }
}

#[test]
fn a_person_leaves_one_collection_and_goes_with_the_last() {
    let service = Service::new();
    let collection = |name: &str| service.post("/collections", &json!({"name": name})).data();
    let (staff, guests, empty) = (collection("Staff"), collection("Guests"), collection("Empty"));
    let (one, two) = (staff["_id"].as_str().expect("an id"), guests["code"].as_str().expect("a code"));
    service
        .post("/persons", &json!({"_id": "ada", "name": "Ada", "images": [photo(1)], "collections": [one, two]}))
        .data();
    service.delete("/persons/ada?collection=").fails(404, "invalid_collection", "ERROR");
    service.delete("/persons/ada?collection=nowhere").fails(404, "invalid_collection", "ERROR");
    let path = format!("/persons/ada?collection={}", empty["_id"].as_str().expect("an id"));
    assert_eq!(service.delete(&path).status, 409);
    service.delete("/persons/ada?where=x").fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
    let left = service.delete(&format!("/persons/ada?collection={two}")).data();
    assert_eq!(left, json!({"_id": "ada", "deleted": false, "collections": [one], "erasure": erasure()}));
    assert_eq!(service.get("/persons/ada").data()["collections"], json!([one]));
    let gone = service.delete(&format!("/persons/ada?collection={one}")).data();
    assert_eq!(gone, json!({"_id": "ada", "deleted": true, "collections": [], "erasure": erasure()}));
    assert_eq!(service.get("/persons/ada").status, 404);
}

#[test]
fn ids_that_nobody_can_have_are_unknown() {
    let service = Service::new();
    for id in ["%00", "a%2Fb", "%ff", "a%20b", &"x".repeat(65), "..%2f..", "%F0%9F%98%80"] {
        let answer = service.get(&format!("/persons/{id}"));
        assert_eq!((answer.status, answer.json()["message"].clone()), (404, json!("PERSON_NOT_FOUND")), "{id}");
    }
    service.get("/nowhere").fails(404, "route_not_found", "ERROR");
    service.send("PATCH", "/persons", Some(b"{}")).fails(405, "method_not_allowed", "ERROR");
    assert!(service.send("PATCH", "/persons", Some(b"{}")).header("allow").contains("POST"));
}

#[test]
fn without_models_everything_but_photos_works() {
    let service = Service::of(None, |options| options.calibration = None);
    let vault = &service.vault;
    vault
        .create_person(&facevault::NewPerson {
            id: Some("ada".parse().expect("an id")),
            name: "Ada".into(),
            ..Default::default()
        })
        .expect("ada");
    assert_eq!(service.put("/persons/ada", &json!({"notes": "x"})).data()["notes"], "x");
    for (path, body) in
        [("/persons", json!({"name": "A", "images": [photo(1)]})), ("/detect", json!({"image": photo(1)}))]
    {
        service.post(path, &body).fails(503, "no_model", "ERROR");
    }
    let search = json!({"images": [photo(1)], "min_score": 0.5, "search_mode": "FAST"});
    assert_eq!(service.post("/search", &search).status, 503);
}

#[test]
fn attributes_are_written_merged_and_searched() {
    let service = Service::new();
    service.enroll("bob", "Bob", 2);
    let ada = json!({"_id": "ada", "name": "Ada", "images": [photo(1)], "attributes": {"badge": "4711", "site": "x"}});
    assert_eq!(service.post("/persons", &ada).data()["attributes"], json!({"badge": "4711", "site": "x"}));
    assert!(service.get("/persons/bob").data().get("attributes").is_none());
    let ids = |query: &str| -> Vec<Value> {
        let listed = service.get(&format!("/persons?{query}")).data();
        listed.as_array().expect("a list").iter().map(|person| person["_id"].clone()).collect()
    };
    assert_eq!(ids("attribute%5Bbadge%5D=4711&attribute%5Bsite%5D=x"), ["ada"]);
    assert_eq!(ids("attribute%5Bbadge%5D=4712"), [""; 0]);
    let changed = service.put("/persons/ada", &json!({"attributes": {"badge": null, "desk": "7"}})).data();
    assert_eq!(changed["attributes"], json!({"desk": "7", "site": "x"}));
    assert_eq!(
        service.get("/persons?attribute%5Bdesk%5D=7").data()[0]["attributes"],
        json!({"desk": "7", "site": "x"})
    );
    for (path, field) in [("/persons?attribute%5BDesk%5D=7", "attributes.Desk"), ("/persons?attribute=7", "attribute")]
    {
        let answer = service.get(path);
        answer.fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
        assert!(answer.text.contains(field), "{answer:?}");
    }
    let answer = service.put("/persons/ada", &json!({"attributes": {"desk": 7}}));
    assert!(answer.status == 409 && answer.text.contains("attributes.desk"), "{answer:?}");
    assert!(service.put("/persons/ada", &json!({"attributes": null})).data().get("attributes").is_none());
}

//! Pairs of people who look like one.

use serde_json::json;

use super::{Service, photo};

#[test]
fn pairs_are_listed_with_names_and_thumbnails() {
    let service = Service::new();
    service.enroll("ada", "Ada", 1);
    service.enroll("ada_again", "Ada Again", 1);
    service.enroll("bob", "Bob", 2);
    let found = service.get("/duplicates?min_score=0.9").data();
    let pairs = found["pairs"].as_array().expect("a list");
    assert_eq!((pairs.len(), &found["people_searched"], &found["is_cut"]), (1, &json!(3), &json!(false)), "{found}");
    let names: Vec<_> = pairs[0]["people"].as_array().into_iter().flatten().map(|side| &side["name"]).collect();
    assert_eq!((names, &pairs[0]["score"]), (vec![&json!("Ada"), &json!("Ada Again")], &json!(1.0)));
    assert!(pairs[0]["people"][1]["thumbnails"][0]["thumbnail"].is_string());
    assert!(found["min_score"].as_f64().is_some_and(|score| score > 0.9));
    let by_default = service.get("/duplicates").data();
    assert_eq!(by_default["pairs"].as_array().map(Vec::len), Some(1), "{by_default}");
    service.put("/persons/ada_again", &json!({"status": "inactive"})).data();
    assert_eq!(service.get("/duplicates?min_score=0.9").data()["pairs"], json!([]));
}

#[test]
fn only_members_of_a_collection_and_only_so_many() {
    let service = Service::new();
    let staff = service.post("/collections", &json!({"name": "Staff"})).data()["_id"].clone();
    for (id, collections) in [("a", json!([staff])), ("b", json!([staff])), ("c", json!([]))] {
        let body = json!({"_id": id, "name": id, "images": [photo(1)], "collections": collections});
        service.post("/persons", &body).data();
    }
    let pairs = |query: &str| service.get(&format!("/duplicates?min_score=0.9{query}")).data();
    assert_eq!(pairs("")["pairs"].as_array().map(Vec::len), Some(3));
    assert_eq!(pairs("&limit=2")["is_cut"], true);
    let within = pairs(&format!("&collection={}", staff.as_str().expect("an id")));
    assert_eq!((within["pairs"].as_array().map(Vec::len), &within["people_searched"]), (Some(1), &json!(2)));
    service.get("/duplicates?collection=nowhere").fails(404, "invalid_collection", "ERROR");
    for query in ["limit=0", "limit=101", "min_score=0.4", "min_score=1.1", "min_score=NaN", "min_score=x", "x=1"] {
        let answer = service.get(&format!("/duplicates?{query}"));
        answer.fails(409, "Invalid query parameters", "INVALID_PARAMETERS");
    }
}

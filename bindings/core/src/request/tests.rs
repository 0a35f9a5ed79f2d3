//! What requests refuse.

use super::*;

fn rules(request: &mut Request) -> Vec<String> {
    let error = request.finish().expect_err("broken rules");
    error.violations().iter().map(ToString::to_string).collect()
}

#[test]
fn every_broken_rule_is_noted_with_its_place() {
    let body =
        br#"{"a": 1, "b": {"c": "x", "d": null, "zzz": 1}, "e": [1, "bad id!"], "f": -1, "g": {"fmr": 2}, "y": 0}"#;
    let mut request = Request::parse(body).expect("an object");
    assert_eq!(request.text("a"), None);
    let mut inside = request.object("b").expect("an object");
    assert_eq!((inside.flag("c"), inside.flag("d")), (None, None));
    request.absorb(inside);
    assert!(request.texts("e", |text| facevault::PersonId::new(text)).is_some_and(|read| read.is_empty()));
    assert_eq!((request.whole("f"), request.point("g")), (None, None));
    request.require("h");
    let expected = [
        r#""a" must be a string"#,
        r#""b.c" must be a boolean"#,
        r#""b.zzz" is not allowed"#,
        r#""e[0]" must be a string"#,
        r#""e[1]" must have 1 to 64 of the characters A-Z a-z 0-9 _ -"#,
        r#""f" must be a whole number of 0 or more"#,
        r#""g" must be above 0 and at most 1, is 2"#,
        r#""h" is required"#,
        r#""y" is not allowed"#,
    ];
    assert_eq!(rules(&mut request), expected);
}

#[test]
fn bodies_that_are_no_object_are_refused() {
    assert!(Request::parse(b"").is_ok_and(|mut request| request.finish().is_ok()));
    for (body, rule) in [
        (&b"{"[..], "\"body\" must be JSON, which it is not at line 1, column 1"),
        (b"[]", "\"body\" must be an object"),
        (b"\xff", "\"body\" must be JSON, which it is not at line 1, column 1"),
    ] {
        assert_eq!(Request::parse(body).map(|_| ()).expect_err("no object").to_string(), rule);
    }
}

#[test]
fn a_value_in_the_wrong_place_is_not_repeated() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sides {
        #[serde(rename = "left")]
        _left: f32,
    }
    let photo = "QUJD".repeat(5000);
    for (value, rule) in [
        (serde_json::json!(photo), "has a part of another type than expected: a sequence"),
        (serde_json::json!([{"left": photo}]), "has a part of another type than expected: f32"),
        (serde_json::json!([{photo.clone(): 1}]), "has a part of another type than expected: `left`"),
        (serde_json::json!([{}]), "cannot be read: missing field `left`"),
    ] {
        let mut request = Request::new(Map::from_iter([("boxes".to_owned(), value)]), String::new());
        assert!(request.value::<Vec<Sides>>("boxes").is_none());
        assert_eq!(rules(&mut request), [format!("\"boxes\" {rule}")]);
    }
}

#[test]
fn encodings_without_a_model_are_an_error_unless_the_model_is_what_is_wrong() {
    let read = |body: &[u8]| {
        let mut request = Request::parse(body).expect("an object");
        let read = request.encodings("encodings", || Ok(None)).map(|encodings| encodings.len());
        read.and_then(|read| request.finish().map(|()| read)).map_err(|error| (error.kind(), error.to_string()))
    };
    let given = read(br#"{"encodings": ["AACAPw=="]}"#).expect_err("no model");
    assert_eq!(given.0, ErrorKind::ModelUnavailable);
    assert_eq!(read(br#"{"encodings": []}"#), Ok(0));
    for (body, field) in [
        (&br#"{"encodings": 1}"#[..], "\"encodings\" must be a list"),
        (br#"{"encodings": ["AACAPw=="], "model": "x"}"#, "\"model\" "),
    ] {
        let (kind, message) = read(body).expect_err("a broken rule");
        assert!(kind == ErrorKind::Invalid && message.starts_with(field), "{message}");
    }
}

#[test]
fn what_is_reported_does_not_grow_with_the_request() {
    let many: Map<String, Value> = (0..1000).map(|i| (format!("{i}{}", "x".repeat(500)), Value::from(1))).collect();
    let mut request = Request::new(many, String::new());
    let rules = rules(&mut request);
    assert!(rules.len() == MAX_VIOLATIONS && rules.iter().all(|rule| rule.len() < 200));
}

//! Tests the OpenAPI description of requests against the code that reads them: each field with values that the
//! description allows and with values that it forbids.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fuzzing::{BODIES, QUERIES, ReadBody, collection, person};
use super::openapi;
use crate::error::{Rule, Violation};

/// A field that may only come along as it was read: what it is, and what it is not.
fn as_read(schema: &str, name: &str) -> Samples {
    let mut stored = match schema {
        "PersonUpdate" => json!(person()),
        _ => json!(collection()),
    };
    stored["image_count"] = json!(1);
    Samples { good: vec![stored[name].clone()], bad: vec![json!("other"), json!(["other"]), json!(5), Value::Null] }
}

/// Values that the description allows, and values that it forbids.
#[derive(Debug, Default)]
struct Samples {
    good: Vec<Value>,
    bad: Vec<Value>,
}

/// A description and what it says.
struct Document(Value);

impl Document {
    /// The schemas that a value may have, without null, and whether it may be null.
    fn alternatives(&self, schema: &Value) -> (Vec<Value>, bool) {
        if let Some(target) = schema["$ref"].as_str() {
            let target = self.0.pointer(target.trim_start_matches('#')).expect("a reference leads somewhere");
            return self.alternatives(target);
        }
        if let Some(one) = schema["oneOf"].as_array() {
            let each: Vec<_> = one.iter().map(|schema| self.alternatives(schema)).collect();
            let nullable = each.iter().any(|(_, nullable)| *nullable);
            return (each.into_iter().flat_map(|(schemas, _)| schemas).collect(), nullable);
        }
        match &schema["type"] {
            Value::String(null) if null == "null" => (Vec::new(), true),
            Value::String(_) => (vec![schema.clone()], false),
            Value::Array(types) => {
                let mut other = schema.clone();
                other["type"] = types.iter().find(|kind| *kind != "null").expect("a type").clone();
                (vec![other], types.iter().any(|kind| kind == "null"))
            }
            _ => panic!("{schema} has no type"),
        }
    }

    /// Values for the field `name`, whatever its schema.
    fn samples(&self, name: &str, schema: &Value) -> Samples {
        let (schemas, _) = self.alternatives(schema);
        let mut all = Samples::default();
        for schema in &schemas {
            let one = match schema["type"].as_str().expect("a type") {
                "string" => strings(name, schema),
                "integer" => numbers(schema, 1.0),
                "number" => numbers(schema, 0.01),
                "boolean" => Samples { good: vec![json!(true), json!(false)], bad: vec![json!(1), json!("true")] },
                "array" => self.arrays(name, schema),
                "object" if schema["properties"].is_null() => self.maps(schema),
                "object" => self.objects(schema),
                other => panic!("{name} is {other}"),
            };
            all.good.extend(one.good);
            all.bad.extend(one.bad);
        }
        all
    }

    fn arrays(&self, name: &str, schema: &Value) -> Samples {
        let items = self.samples(name, &schema["items"]);
        let of = |count: u64| Value::from(vec![items.good[0].clone(); count as usize]);
        let (least, most) = (schema["minItems"].as_u64().unwrap_or(0), schema["maxItems"].as_u64());
        let mut samples = Samples { good: vec![of(least.max(1)), of(least)], bad: vec![json!("a"), json!({})] };
        samples.good.extend(items.good.iter().map(|item| json!([item])));
        samples.bad.extend(items.bad.iter().map(|item| json!([item])));
        samples.bad.extend(least.checked_sub(1).map(of));
        samples.good.extend(most.map(of));
        samples.bad.extend(most.map(|most| of(most + 1)));
        samples
    }

    /// An object of values by keys that the caller chooses.
    fn maps(&self, schema: &Value) -> Samples {
        let (values, nullable) =
            (self.samples("", &schema["additionalProperties"]), self.alternatives(&schema["additionalProperties"]).1);
        let of = |value: &Value| json!({"badge": value});
        let mut samples = Samples { good: vec![json!({})], bad: vec![json!(5), json!(["a"])] };
        samples.good.extend(values.good.iter().map(of));
        samples.bad.extend(values.bad.iter().map(of));
        if nullable {
            samples.good.push(of(&Value::Null))
        } else {
            samples.bad.push(of(&Value::Null))
        }
        samples
    }

    fn objects(&self, schema: &Value) -> Samples {
        let base = self.base(schema);
        let with = |name: &str, value: &Value| {
            let mut object = base.clone();
            object.insert(name.to_owned(), value.clone());
            Value::from(object)
        };
        let mut samples = Samples { good: vec![base.clone().into()], bad: vec![json!(5), json!([5])] };
        for (name, field) in schema["properties"].as_object().expect("properties") {
            let values = self.samples(name, field);
            // A year may lie in the future, which is not described by numbers.
            samples.good.extend(values.good.iter().filter(|_| name != "year").map(|value| with(name, value)));
            samples.bad.extend(values.bad.iter().map(|value| with(name, value)));
            let mut less = base.clone();
            samples.bad.extend(less.remove(name).map(|_| Value::from(less)));
        }
        let more = with("shoe_size", &json!(43));
        let is_closed = schema["additionalProperties"] == false;
        if is_closed {
            samples.bad.push(more)
        } else {
            samples.good.push(more)
        }
        samples
    }

    /// An object with the fields that are required.
    fn base(&self, schema: &Value) -> Map<String, Value> {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let field = |name: &str| self.samples(name, &schema["properties"][name]).good[0].clone();
        required.map(|name| (name.to_owned(), field(name))).collect()
    }

    fn operations(&self) -> impl Iterator<Item = &Value> {
        let paths = self.0["paths"].as_object().into_iter().flat_map(Map::values);
        paths.flat_map(|path| path.as_object().into_iter().flat_map(Map::values))
    }
}

fn strings(name: &str, schema: &Value) -> Samples {
    let texts = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
    let mut samples = Samples { good: Vec::new(), bad: vec![json!(5), json!(["a"])] };
    if let Some(words) = schema["enum"].as_array() {
        samples.good.extend_from_slice(words);
        samples.bad.extend(texts(&["?", ""]));
        return samples;
    }
    match name {
        "images" | "image" | "probe" | "gallery" => {
            samples.good.extend(texts(&["/9j/"]));
            samples.bad.extend(texts(&["?"]));
        }
        "date_of_birth" => {
            samples.good.extend(texts(&["1990-01-15", "1990-01-15T10:30:00Z"]));
            samples.bad.extend(texts(&["soon", "1990-02-30"]));
        }
        "expires_at" => {
            samples.good.extend(texts(&["2030-01-31T00:00:00Z", "2030-01-31T00:00:00.123456+02:00"]));
            samples.bad.extend(texts(&["soon", "2030-01-31", ""]));
        }
        _ => {
            let of = |count: u64| json!("a".repeat(count as usize));
            let (least, most) = (schema["minLength"].as_u64().unwrap_or(0), schema["maxLength"].as_u64());
            samples.good.extend([of(least.max(1)), of(least)]);
            samples.good.extend(most.map(of));
            samples.bad.extend(least.checked_sub(1).map(of));
            samples.bad.extend(most.map(|most| of(most + 1)));
            if let Some(pattern) = schema["pattern"].as_str() {
                assert_eq!(pattern, "^[A-Za-z0-9_-]+$");
                samples.good.extend(texts(&["Az09_-"]));
                samples.bad.extend(texts(&["a b", "ä"]));
            }
        }
    }
    samples
}

fn numbers(schema: &Value, step: f64) -> Samples {
    let number = |value: f64| if step == 1.0 { json!(value as i64) } else { json!(value) };
    let (least, most) =
        (schema["minimum"].as_f64().expect("a minimum"), schema["maximum"].as_f64().expect("a maximum"));
    let mut samples = Samples { good: vec![number(least), number(most)], bad: vec![json!("1"), json!([1])] };
    samples.bad.extend([number(least - step), number(most + step)]);
    samples.bad.extend((step == 1.0).then(|| json!(least + 0.5)));
    samples
}

/// The rules that a body breaks.
fn violations(read: ReadBody, body: &Map<String, Value>) -> Vec<Violation> {
    match read(Value::from(body.clone()).to_string().as_bytes()) {
        Ok(()) => Vec::new(),
        Err(error) => error.violations().to_vec(),
    }
}

/// Whether a rule is about a field or a part of it.
fn is_about(violation: &Violation, name: &str) -> bool {
    violation.field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
}

#[test]
fn bodies_are_read_as_they_are_described() {
    let document = Document(openapi());
    let mut tried = 0;
    for (schema, read) in BODIES {
        let described = &document.0["components"]["schemas"][schema];
        let base = document.base(described);
        assert_eq!(violations(read, &base), [], "{schema}: {base:?}");
        assert_eq!(described["additionalProperties"], false, "{schema}");
        let mut more = base.clone();
        more.insert("shoe_size".to_owned(), json!(43));
        let expected = Violation { field: "shoe_size".to_owned(), rule: Rule::NotAllowed };
        assert_eq!(violations(read, &more), [expected], "{schema}");
        for (name, field) in described["properties"].as_object().expect("properties") {
            let mut less = base.clone();
            if less.remove(name).is_some() {
                let expected = Violation { field: name.clone(), rule: Rule::Required };
                assert_eq!(violations(read, &less), [expected], "{schema}");
            }
            let is_as_read = field["readOnly"] == true;
            let mut samples = if is_as_read { as_read(schema, name) } else { document.samples(name, field) };
            let (_, nullable) = document.alternatives(field);
            if nullable {
                samples.good.push(Value::Null)
            } else {
                samples.bad.push(Value::Null)
            }
            let all = samples.good.into_iter().map(|value| (value, true));
            for (value, is_good) in all.chain(samples.bad.into_iter().map(|value| (value, false))) {
                let mut body = base.clone();
                body.insert(name.clone(), value.clone());
                let found = violations(read, &body);
                let taken = !found.iter().any(|violation| is_about(violation, name));
                let shown: String = value.to_string().chars().take(100).collect();
                assert_eq!(taken, is_good, "{schema}.{name} = {shown}: {found:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn queries_are_read_as_they_are_described() {
    let document = Document(openapi());
    let mut tried = 0;
    for (name, read) in QUERIES {
        let operation = document.operations().find(|operation| operation["operationId"] == name).expect("an operation");
        let described: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
        let described: Vec<_> = described.into_iter().filter(|parameter| parameter["in"] == "query").collect();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let asks = |except: &str, more: &[(&str, String)]| {
            let required = described.iter().filter(|parameter| parameter["required"] == true);
            let required = required.filter_map(|parameter| parameter["name"].as_str()).filter(|name| *name != except);
            let pairs = required.map(|name| (name, "abc".to_owned())).chain(more.iter().cloned());
            let query: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
            read(&format!("/persons?{}", query.join("&")).parse().expect("an address"))
        };
        assert!(asks("", &[]), "{name}");
        assert!(!asks("", &[("shoe_size", "43".to_owned())]), "{name}");
        for parameter in &described {
            let field = parameter["name"].as_str().expect("a name");
            assert_eq!(asks(field, &[]), parameter["required"] != true, "{name}: {field}");
            let (schemas, _) = document.alternatives(&parameter["schema"]);
            let schema = match schemas[0]["items"].is_null() {
                true => schemas[0].clone(),
                false => schemas[0]["items"].clone(),
            };
            let is_text = schema["type"] == "string" && !["date_of_birth", "expires_at"].contains(&field);
            let samples = document.samples(field, &schema);
            let all = samples.good.iter().map(|value| (value, true));
            for (value, is_good) in all.chain(samples.bad.iter().map(|value| (value, false))) {
                // In a query, everything is text: what is no text is written as one, and `1` is a number.
                let is_map_of_others = value.as_object().is_some_and(|map| !map.values().all(Value::is_string));
                if value.is_array() || (is_text && !value.is_string()) || *value == json!("1") || is_map_of_others {
                    continue;
                }
                // A map has a parameter for each of its keys.
                let pairs: Vec<(String, String)> = match value.as_object() {
                    Some(map) => map.iter().map(|(key, value)| (format!("{field}[{key}]"), text(value))).collect(),
                    None => vec![(field.to_owned(), text(value))],
                };
                let pairs: Vec<(&str, String)> =
                    pairs.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
                assert_eq!(asks(field, &pairs), is_good, "{name}: {field}={value}");
                tried += 1;
            }
        }
    }
    assert!(tried > 25, "{tried}");
}

#[test]
fn everything_that_is_sent_is_tried() {
    let document = Document(openapi());
    let bodies: BTreeSet<&str> = document
        .operations()
        .filter_map(|operation| operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str())
        .filter_map(|reference| reference.rsplit('/').next())
        .collect();
    assert_eq!(bodies, BODIES.iter().map(|(schema, _)| *schema).collect());
    let has_query = |operation: &&Value| {
        operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["in"] == "query")
    };
    let queries: BTreeSet<&str> =
        document.operations().filter(has_query).filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(queries, QUERIES.iter().map(|(name, _)| *name).collect());
}

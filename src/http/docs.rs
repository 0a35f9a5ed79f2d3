//! The description of the service as a page to read: no scripts, nothing from elsewhere.

use serde_json::{Map, Value};

use super::routes::{HEALTH, OPENAPI};

const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; text-transform: capitalize }
details { border: 1px solid #8884; border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { overflow-x: auto; background: #8882; padding: .6rem; border-radius: .4rem }
.method { display: inline-block; min-width: 4.5rem; font-weight: bold }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0 }
";

/// The page for a description.
pub(super) fn page(document: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>facevault</title><style>{STYLE}</style>\
         <h1>facevault {}</h1><p>{}</p>\
         <p>Every route but <code>{HEALTH}</code> wants <code>Authorization: Bearer TOKEN</code>; \
         <code>facevault token create VAULT</code> makes one. As OpenAPI: <code>{OPENAPI}</code>.</p>",
        text(&document["info"]["version"]),
        text(&document["info"]["description"]),
    );
    for tag in ["persons", "collections", "matching", "detect", "liveness", "service"] {
        page += &format!("<h2>{tag}</h2>");
        for (path, method, operation) in operations(document).filter(|(_, _, operation)| operation["tags"][0] == tag) {
            page += &shown(document, path, method, operation);
        }
    }
    page + "</html>"
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::iter);
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flat_map(Map::iter);
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn shown(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let mut page = format!(
        "<details><summary><span class=\"method\">{}</span> <code>{}</code> {}</summary><p>{}</p>",
        escaped(&method.to_uppercase()),
        escaped(path),
        text(&operation["summary"]),
        text(&operation["description"]),
    );
    let rows = |found: &[Value]| -> String {
        let row = |parameter: &Value| {
            let required = if parameter["required"] == true { "required" } else { "" };
            let (name, what) = (text(&parameter["name"]), text(&parameter["description"]));
            format!("<tr><td><code>{name}</code><td>{required}<td>{what}")
        };
        found.iter().map(row).collect()
    };
    if let Some(parameters) = operation["parameters"].as_array() {
        page += &format!("<table>{}</table>", rows(parameters));
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        page += &format!("<p>Body:</p>{}", fields(document, body));
    }
    page += "<table>";
    for (status, response) in operation["responses"].as_object().into_iter().flat_map(Map::iter) {
        page += &format!("<tr><td><code>{}</code><td>{}", escaped(status), text(&response["description"]));
    }
    page += "</table>";
    let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    if !answer.is_null() {
        let shown = serde_json::to_string_pretty(&expanded(document, answer, 6)).unwrap_or_default();
        page += &format!("<p>Answer:</p><pre>{}</pre>", escaped(&shown));
    }
    page + "</details>"
}

/// The fields of an object as a table.
fn fields(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let mut table = "<table>".to_owned();
    for (name, field) in schema["properties"].as_object().into_iter().flat_map(Map::iter) {
        let kind = expanded(document, field, 2);
        table += &format!(
            "<tr><td><code>{}</code><td>{}<td><code>{}</code><td>{}",
            escaped(name),
            if required(name) { "required" } else { "" },
            escaped(&kind.to_string()),
            text(&field["description"]),
        );
    }
    table + "</table>"
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|reference| document.pointer(reference.trim_start_matches('#'))) {
        Some(target) => target,
        None => schema,
    }
}

/// What a value of the schema looks like, `depth` objects and lists deep.
fn expanded(document: &Value, schema: &Value, depth: u8) -> Value {
    let schema = resolved(document, schema);
    if let Some(one) = ["oneOf", "anyOf", "allOf"].into_iter().find_map(|word| schema[word].as_array()) {
        let shown: Vec<Value> = one.iter().map(|other| expanded(document, other, depth)).collect();
        return match shown.as_slice() {
            [Value::String(null), other] | [other, Value::String(null)] if null == "null" => other.clone(),
            _ => Value::from(shown.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")),
        };
    }
    if let Some(values) = schema["enum"].as_array() {
        let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        return Value::from(words.join(" or "));
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        kind => kind.as_str().unwrap_or("object").to_owned(),
    };
    match (kind.as_str(), depth.checked_sub(1)) {
        ("array", Some(depth)) => Value::from(vec![expanded(document, &schema["items"], depth)]),
        ("object", Some(depth)) => {
            let fields = schema["properties"].as_object().into_iter().flat_map(Map::iter);
            fields.map(|(name, field)| (name.clone(), expanded(document, field, depth))).collect::<Map<_, _>>().into()
        }
        _ => Value::from(kind),
    }
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_on_the_page_and_nothing_is_loaded() {
        let document = crate::http::openapi();
        let page = page(&document);
        let mut count = 0;
        for (path, method, operation) in operations(&document) {
            let line = format!("{}</span> <code>{}</code>", method.to_uppercase(), escaped(path));
            assert!(page.contains(&line), "{method} {path} under {}", operation["tags"][0]);
            count += 1;
        }
        assert!(count > 20, "{count}");
        for word in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}

//! The console: a page in the browser. Its files are compiled into the program.
//!
//! The files are the same for everybody and contain no data, so they are served without a token. The page gets its data
//! from the API, with the token that the operator signs in with. Headers forbid the browser to load anything from
//! another server.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use sha2::{Digest, Sha256};

use super::app::App;
use super::error::ApiError;

/// The path of the page.
pub(super) const PAGE: &str = "/console/";

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// Headers that restrict the page to its own scripts, styles and pictures, requests to this server, and the camera.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=(), display-capture=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A file of the page.
struct File {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// Lists files by name, each with its content type.
macro_rules! files {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        [$(File { name: $name, kind: $kind, text: include_str!(concat!("console/", $name)) }),+]
    };
}

const FILES: [File; 28] = files![
    "index.html": HTML,
    "console.css": STYLE,
    "controls.css": STYLE,
    "pictures.css": STYLE,
    "icon.svg": PICTURE,
    "api.js": SCRIPT,
    "boxes.js": SCRIPT,
    "camera.js": SCRIPT,
    "collections.js": SCRIPT,
    "dialog.js": SCRIPT,
    "dom.js": SCRIPT,
    "duplicates.js": SCRIPT,
    "fields.js": SCRIPT,
    "health.js": SCRIPT,
    "identify.js": SCRIPT,
    "main.js": SCRIPT,
    "messages.js": SCRIPT,
    "newperson.js": SCRIPT,
    "notices.js": SCRIPT,
    "people.js": SCRIPT,
    "person.js": SCRIPT,
    "photos.js": SCRIPT,
    "pictures.js": SCRIPT,
    "probe.js": SCRIPT,
    "scores.js": SCRIPT,
    "signin.js": SCRIPT,
    "strings.js": SCRIPT,
    "verify.js": SCRIPT,
];

/// The `ETag` of each file, in the order of [`FILES`]. It changes when the file changes.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| FILES.iter().map(|file| tag(file.text)).collect());

/// Whether a path belongs to the console: then it needs no token.
pub(super) fn is_file(path: &str) -> bool {
    path == "/" || path == "/console" || path.starts_with(PAGE)
}

/// The routes of the page and its files, and redirects to the page.
pub(super) fn routes() -> Router<App> {
    let to_page = || async { Redirect::temporary(PAGE) };
    Router::new()
        .route("/", get(to_page))
        .route("/console", get(to_page))
        .route(PAGE, get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route(
            "/console/{file}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers) }),
        )
}

fn file(name: &str, asked: &HeaderMap) -> Response {
    let Some((file, tag)) = FILES.iter().zip(TAGS.iter()).find(|(file, _)| file.name == name) else {
        return ApiError::no_such_route().into_response();
    };
    let known = asked.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, file.kind)], file.text).into_response(),
    };
    let headers = response.headers_mut();
    headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.extend(HeaderValue::from_str(tag).ok().map(|tag| (header::ETAG, tag)));
    response
}

fn tag(text: &str) -> String {
    let hash = Sha256::digest(text);
    format!("\"{}\"", hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code that the headers would block, or that would read data as HTML.
    const FORBIDDEN: [&str; 12] = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "localStorage",
        "style=",
        "onclick=",
        "http:",
        "https:",
    ];

    #[test]
    fn no_file_loads_or_runs_anything_from_elsewhere() {
        for file in &FILES {
            for word in FORBIDDEN {
                // The namespace of SVG looks like an address, but no browser requests it.
                let text = file.text.replace("http://www.w3.org/2000/svg", "");
                assert!(!text.contains(word), "{} has {word}", file.name);
            }
            assert!(file.text.lines().count() <= 450, "{} is too long", file.name);
        }
    }

    #[test]
    fn every_file_that_is_named_is_there_and_every_file_is_named() {
        let is_there = |name: &str| FILES.iter().any(|file| file.name == name);
        let mut named = vec!["index.html".to_owned()];
        for file in &FILES {
            for quoted in file.text.split(['"']).skip(1).step_by(2) {
                let name = quoted.trim_start_matches("./");
                let is_name = name.ends_with(".js") || name.ends_with(".css") || name.ends_with(".svg");
                if is_name {
                    assert!(is_there(name), "{} names {name}", file.name);
                    named.push(name.to_owned());
                }
            }
        }
        for file in &FILES {
            assert!(named.iter().any(|name| name == file.name), "nothing names {}", file.name);
        }
    }

    #[test]
    fn tags_differ() {
        let mut tags = TAGS.clone();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), FILES.len());
    }
}

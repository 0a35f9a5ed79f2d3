//! The console's files, over the wire; `tests/console/run` drives the page itself in a browser.

use std::net::SocketAddr;

use facevault::ErrorKind;
use facevault::http::{Server, ServerOptions};

use super::Service;

/// What only a browser sends.
const NAVIGATION: [(&str, &str); 1] = [("Accept", "text/html")];

fn with_console() -> Service {
    Service::with(|options| options.console = true)
}

#[test]
fn the_files_need_no_token_and_the_data_does() {
    let service = with_console();
    let page = service.send_with(&NAVIGATION, "GET", "/console/", None);
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let script = service.send_with(&NAVIGATION, "GET", "/console/main.js", None);
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    for path in ["/persons", "/vault"] {
        assert_eq!(service.send_with(&NAVIGATION, "GET", path, None).status, 401, "{path}");
    }
    for path in ["/console/nothing.js", "/console/..%2fmod.rs", "/console/a/b"] {
        service.send_with(&NAVIGATION, "GET", path, None).fails(404, "route_not_found", "ERROR");
    }
    assert_eq!(service.send_with(&NAVIGATION, "POST", "/console/", None).status, 405);
}

#[test]
fn the_browser_is_told_to_load_nothing_from_elsewhere() {
    let service = with_console();
    for path in ["/console/", "/console/main.js", "/console/console.css", "/console/icon.svg"] {
        let file = service.send_with(&NAVIGATION, "GET", path, None);
        let policy = file.header("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "trusted-types"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(file.header(header), value, "{path}");
        }
    }
}

#[test]
fn a_file_that_is_known_is_not_sent_again() {
    let service = with_console();
    let file = service.send_with(&NAVIGATION, "GET", "/console/main.js", None);
    let again = service.send_with(&[("If-None-Match", file.header("etag"))], "GET", "/console/main.js", None);
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let other = service.send_with(&[("If-None-Match", "\"other\"")], "GET", "/console/main.js", None);
    assert_eq!((other.status, other.text), (200, file.text));
}

#[test]
fn other_addresses_lead_to_the_page() {
    let service = with_console();
    let agent = super::agent(|config| config.max_redirects(0).max_redirects_will_error(false));
    for path in ["/", "/console"] {
        let answer = agent.get(format!("{}{path}", service.url)).call().expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["location"]),
            (307, &"/console/".parse().expect("one"))
        );
    }
}

#[test]
fn another_sites_name_is_refused() {
    let answer = with_console().send_with(&[("Host", "evil.example")], "GET", "/console/", None);
    answer.fails(421, "unknown_host", "ERROR");
}

#[test]
fn without_the_option_there_is_no_console() {
    let service = Service::new();
    for path in ["/console/", "/console/main.js", "/console"] {
        service.get(path).fails(404, "route_not_found", "ERROR");
        assert_eq!(service.send_with(&NAVIGATION, "GET", path, None).status, 401, "{path}");
    }
}

#[test]
fn it_is_served_on_loopback_addresses_alone() {
    let service = Service::new();
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let listen: SocketAddr = listen.parse().expect("an address");
        let options = ServerOptions { listen, allow_remote: true, console: true, ..ServerOptions::default() };
        let error = Server::bind(service.vault.clone(), options).expect_err("no loopback address");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("where the console is served"), "{error}");
    }
}

//! A server for the scripts of `tests/http/`, which bring clients that are no Rust.

use std::io::Read;
use std::time::Duration;

use facevault::TokenSecret;
use jiff::Timestamp;
use serde_json::json;

use super::{Service, photo};

/// Writes what the scripts need to know into the file that `FACEVAULT_SERVED` names, as lines of a
/// shell script, and serves until its standard input ends.
#[test]
#[ignore = "serves the scripts of tests/http/ until its standard input ends"]
fn serve() {
    let Some(file) = std::env::var_os("FACEVAULT_SERVED") else { return };
    let service = Service::new();
    service.enroll("person_123456789", "John Doe", 1);
    service.enroll("person_2", "Jane Doe", 2);
    service.post("/collections", &json!({"name": "Staff"})).data();
    let soon = Timestamp::now() + Duration::from_millis(100);
    let (expired, _) = service.vault.create_token(Some(soon)).expect("a token");
    std::thread::sleep(Duration::from_millis(120));
    let lines = [
        ("FACEVAULT_URL", service.url.clone()),
        ("FACEVAULT_TOKEN", service.token.clone()),
        ("FACEVAULT_TOKEN_OTHER", service.token_of_b()),
        ("FACEVAULT_TOKEN_EXPIRED", expired.reveal()),
        ("FACEVAULT_TOKEN_BAD", TokenSecret::generate().expect("random").reveal()),
        ("FACEVAULT_PERSON", "person_123456789".to_owned()),
        ("FACEVAULT_PHOTO", photo(1)),
    ];
    let text: String = lines.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    let path = std::path::PathBuf::from(file);
    // Whole or not there: the scripts wait for the name.
    std::fs::write(path.with_extension("part"), text).expect("written");
    std::fs::rename(path.with_extension("part"), &path).expect("named");
    // Whatever is sent does not matter.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

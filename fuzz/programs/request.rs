//! Bodies and queries of the HTTP surface. The first byte chooses the route.

#![no_main]

use facevault::http::fuzzing::{BODIES, QUERIES};
use facevault::{ErrorKind, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let kind = usize::from(*kind) % (BODIES.len() + QUERIES.len() + 1);
    if let Some((name, read)) = BODIES.get(kind) {
        if let Err(error) = read(rest) {
            assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Refused), "{name}: {error}");
            assert!(error.to_string().len() < 100_000, "{name}: a message must not grow with the body");
        }
        return;
    }
    let Ok(text) = str::from_utf8(rest) else { return };
    match QUERIES.get(kind - BODIES.len()) {
        Some((_, read)) => {
            if let Ok(uri) = format!("/?{text}").parse() {
                read(&uri);
            }
        }
        None => {
            if let Some(bytes) = wire::decode_base64(text) {
                assert_eq!(wire::decode_base64(&wire::encode_base64(&bytes)), Some(bytes));
            }
        }
    }
});

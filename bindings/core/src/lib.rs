//! The verbs of facevault as names, JSON and bytes: what the bindings of other languages stand on.
//!
//! A binding holds an [`Engine`] and a [`Vault`] and calls their verbs by name. A request is a JSON object; photos come
//! beside it as the bytes of their files; an answer is JSON. Binary data has functions of its own: [`vault_bytes`] gives
//! stored photos, [`picture`] and [`picture_call`] take decoded pixels, and
//! [`Vault::encoding_matrix`](facevault::Vault::encoding_matrix) gives all vectors. So every language has the same
//! requests, answers and errors, and a new verb is one line in a table here.
//!
//! Absent and `null` mean the same in a request, except for the fields of a person or a collection that is updated:
//! there `null` clears. A key that a verb does not know is an error, and so are photos that it does not take. Every
//! broken rule is reported, not only the first.
//!
//! No function here panics: a fault inside facevault becomes an error of kind
//! [`Runtime`](facevault::ErrorKind::Runtime). Before that, Rust's panic hook writes what the panic says to standard
//! error; a host that must not have it there sets a hook of its own.

mod answer;
mod engine;
mod guard;
mod key;
mod liveness;
mod options;
mod request;
mod vault;

pub use engine::{
    encode_apart, encode_picture_apart, engine_call, engine_verbs, picture, picture_call, picture_verbs, similarity,
};
pub use guard::guard;
pub use key::{has_encryption, rekey};
pub use options::{open_engine, open_vault, setup, vault_as};
pub use vault::{bytes_verbs, vault_bytes, vault_call, vault_verbs};

pub use facevault;
use facevault::wire::ErrorAnswer;
use facevault::{Engine, Error, Vault};

/// An error as JSON, in the form of the command's `--json`: `{"error": kind, "message"}`, and where there are any
/// `"details": [{"field", "rule"}]`, `"images": [{"index", "status", ...}]` and `"duplicate": {"person", "reason"}`.
#[must_use]
pub fn error_json(error: &Error) -> String {
    serde_json::to_string(&ErrorAnswer(error))
        .unwrap_or_else(|_| r#"{"error":"runtime","message":"the error cannot be written as JSON"}"#.to_owned())
}

// Bindings share handles among threads.
const _: fn() = || {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Engine>();
    shared::<Vault>();
};

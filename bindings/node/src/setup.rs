//! Installing packs and ONNX Runtime, and what belongs to no engine and no open vault.

use std::path::PathBuf;

use napi::Env;
use napi::bindgen_prelude::{Function, Object};
use napi_derive::napi;

use crate::call::{Done, start};
use crate::exit::Exit;
use crate::pool::Pool;
use crate::watch::Watch;

/// Installs what is missing and says where it went; the options are those of [`facevault_bindings::setup`].
#[napi]
pub fn setup<'env>(
    env: &'env Env,
    exit: &Exit,
    options: String,
    watch: &Watch,
    nudge: Option<Function<'_, (), ()>>,
) -> napi::Result<Object<'env>> {
    start(env, &Pool::new(1, exit.jobs()), watch, nudge, move |progress| {
        Ok(Done::json(facevault_bindings::setup(options.as_bytes(), progress)?))
    })
}

/// Encrypts, decrypts or gives another key; the options are those of [`facevault_bindings::rekey`].
#[napi]
pub fn rekey<'env>(
    env: &'env Env,
    exit: &Exit,
    path: String,
    options: String,
    watch: &Watch,
    nudge: Option<Function<'_, (), ()>>,
) -> napi::Result<Object<'env>> {
    start(env, &Pool::new(1, exit.jobs()), watch, nudge, move |progress| {
        Ok(Done::json(facevault_bindings::rekey(&PathBuf::from(path), options.as_bytes(), progress)?))
    })
}

/// Whether this build can encrypt vaults.
#[napi]
pub fn has_encryption() -> bool {
    facevault_bindings::has_encryption()
}

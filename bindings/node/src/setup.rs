//! Installing packs and ONNX Runtime.

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

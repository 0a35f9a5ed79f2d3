//! The vault.

use std::path::PathBuf;

use facevault::{Engine, Vault};
use facevault_bindings::{open_vault, vault_as, vault_bytes, vault_call};
use napi::Env;
use napi::bindgen_prelude::{Function, Object};
use napi_derive::napi;
use serde_json::json;

use crate::call::{Done, start};
use crate::engine::NativeEngine;
use crate::exit::Exit;
use crate::handle::{Slot, let_go};
use crate::photo::{self, JsPhoto};
use crate::pool::{Lanes, Pool};
use crate::watch::Watch;

/// Verbs whose time depends on how much there is, not on their request.
const LONG: [&str; 9] = [
    "audit_cut",
    "audit_verify",
    "backup",
    "carry_out_retention",
    "check",
    "create_persons",
    "duplicates",
    "purge",
    "reencode",
];

/// A vault and the threads that wait for its calls.
#[napi]
pub struct NativeVault {
    slot: Slot<Vault>,
    lanes: Lanes,
}

#[napi]
impl NativeVault {
    /// A vault that is still to be opened.
    #[napi(constructor)]
    pub fn new(exit: &Exit) -> Self {
        Self { slot: Slot::new("vault"), lanes: Lanes::new(&exit.jobs()) }
    }

    /// Opens the vault at a path, or one in memory; the options are those of [`open_vault`].
    #[napi]
    pub fn open<'env>(
        &self,
        env: &'env Env,
        path: Option<String>,
        options: String,
        engine: Option<&NativeEngine>,
        watch: &Watch,
    ) -> napi::Result<Object<'env>> {
        let engine = engine.map(|engine| engine.slot.get()).transpose();
        self.fill(env, watch, move || {
            open_vault(path.map(PathBuf::from).as_deref(), options.as_bytes(), engine?.as_ref())
        })
    }

    /// Makes this another handle of an open vault; the options are those of [`vault_as`].
    #[napi]
    pub fn open_as<'env>(
        &self,
        env: &'env Env,
        other: &NativeVault,
        options: String,
        watch: &Watch,
    ) -> napi::Result<Object<'env>> {
        let other = other.slot.get();
        self.fill(env, watch, move || vault_as(&other?, options.as_bytes()))
    }

    /// Lets go of the vault; calls that were made before are finished.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env, watch: &Watch) -> napi::Result<Object<'env>> {
        let vault = self.slot.close();
        start(env, &self.lanes.quick, watch, None, move |_| {
            let_go(vault);
            Ok(Done::json("null"))
        })
    }

    /// A verb of [`vault_call`].
    #[napi]
    pub fn call<'env>(
        &self,
        env: &'env Env,
        verb: String,
        request: String,
        photos: Vec<JsPhoto<'_>>,
        watch: &Watch,
        nudge: Option<Function<'_, (), ()>>,
    ) -> napi::Result<Object<'env>> {
        let (vault, photos) = (self.slot.get(), photo::take(photos));
        start(env, self.lane(&verb, photos.len()), watch, nudge, move |progress| {
            let vault = vault?;
            let photos = photo::read_all(photos, vault.limits().max_image_bytes)?;
            Ok(Done::json(vault_call(&vault, &verb, request.as_bytes(), photos, progress)?))
        })
    }

    /// A verb of [`vault_bytes`].
    #[napi]
    pub fn bytes<'env>(
        &self,
        env: &'env Env,
        verb: String,
        request: String,
        watch: &Watch,
    ) -> napi::Result<Object<'env>> {
        let vault = self.slot.get();
        start(env, &self.lanes.quick, watch, None, move |_| {
            let bytes = vault_bytes(&vault?, &verb, request.as_bytes())?;
            Ok(Done { json: "null".to_owned(), bytes: Some(bytes.to_vec()), ..Done::default() })
        })
    }

    /// All encodings as one matrix.
    #[napi]
    pub fn encodings<'env>(&self, env: &'env Env, watch: &Watch) -> napi::Result<Object<'env>> {
        let vault = self.slot.get();
        start(env, &self.lanes.long, watch, None, move |_| {
            let matrix = vault?.encoding_matrix()?;
            let rows = matrix.rows.iter().map(|(person, image)| json!({"person": person, "image": image}));
            let json = json!({
                "model": matrix.model.to_string(),
                "dimension": matrix.dimension,
                "generation": matrix.generation,
                "rows": rows.collect::<Vec<_>>(),
            });
            Ok(Done { json: json.to_string(), floats: Some(matrix.data), ..Done::default() })
        })
    }
}

impl NativeVault {
    fn fill<'env>(
        &self,
        env: &'env Env,
        watch: &Watch,
        open: impl FnOnce() -> facevault::Result<Vault> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let (slot, photos) = (self.slot.clone(), self.lanes.photos.limit());
        start(env, &self.lanes.long, watch, None, move |progress| {
            let vault = open()?;
            photos.set(vault.engine().map_or(1, Engine::threads));
            let description = vault_call(&vault, "describe", b"", Vec::new(), progress)?;
            slot.open(vault)?;
            Ok(Done::json(description))
        })
    }

    fn lane(&self, verb: &str, photos: usize) -> &Pool {
        match (LONG.contains(&verb), photos) {
            (true, _) => &self.lanes.long,
            (false, 0) => &self.lanes.quick,
            (false, _) => &self.lanes.photos,
        }
    }
}

impl Drop for NativeVault {
    /// A vault that nobody closed is let go of on another thread, so that the event loop does not wait.
    fn drop(&mut self) {
        if let Some(vault) = self.slot.close() {
            self.lanes.quick.run(Box::new(move || let_go(vault)));
        }
    }
}

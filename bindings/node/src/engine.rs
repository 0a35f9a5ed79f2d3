//! The engine.

use facevault::{Engine, Error, ImageReport, Refusal};
use facevault_bindings::{encode_apart, encode_picture_apart, engine_call, open_engine, picture, picture_call};
use napi::Env;
use napi::bindgen_prelude::{Function, Object, Uint8ArraySlice};
use napi_derive::napi;
use serde_json::json;

use crate::call::{Done, start};
use crate::exit::Exit;
use crate::handle::{Slot, let_go};
use crate::photo::{self, JsPhoto, Photo};
use crate::pool::Lanes;
use crate::watch::Watch;

/// An engine and the threads that wait for its calls.
#[napi]
pub struct NativeEngine {
    pub(crate) slot: Slot<Engine>,
    lanes: Lanes,
}

#[napi]
impl NativeEngine {
    /// An engine that is still to be opened.
    #[napi(constructor)]
    pub fn new(exit: &Exit) -> Self {
        Self { slot: Slot::new("engine"), lanes: Lanes::new(&exit.jobs()) }
    }

    /// Loads the models; the options are those of [`open_engine`]. Answers the description of the engine.
    #[napi]
    pub fn open<'env>(&self, env: &'env Env, options: String, watch: &Watch) -> napi::Result<Object<'env>> {
        let (slot, photos) = (self.slot.clone(), self.lanes.photos.limit());
        start(env, &self.lanes.long, watch, None, move |progress| {
            let engine = open_engine(options.as_bytes())?;
            photos.set(engine.threads());
            let description = engine_call(&engine, "describe", b"", Vec::new(), progress)?;
            slot.open(engine)?;
            Ok(Done::json(description))
        })
    }

    /// Lets go of the models; calls that were made before are finished.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env, watch: &Watch) -> napi::Result<Object<'env>> {
        let engine = self.slot.close();
        start(env, &self.lanes.quick, watch, None, move |_| {
            let_go(engine);
            Ok(Done::json("null"))
        })
    }

    /// A verb of [`engine_call`].
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
        let (engine, photos) = (self.slot.get(), photo::take(photos));
        let lane = match photos.len() {
            0 => &self.lanes.quick,
            1 | 2 => &self.lanes.photos,
            _ => &self.lanes.long,
        };
        start(env, lane, watch, nudge, move |progress| {
            let engine = engine?;
            let photos = photo::read_all(photos, engine.rules().decode.max_bytes)?;
            Ok(Done::json(engine_call(&engine, &verb, request.as_bytes(), photos, progress)?))
        })
    }

    /// A verb of [`picture_call`].
    #[napi]
    #[allow(clippy::too_many_arguments)]
    pub fn picture_call<'env>(
        &self,
        env: &'env Env,
        verb: String,
        request: String,
        data: Uint8ArraySlice<'_>,
        width: u32,
        height: u32,
        watch: &Watch,
    ) -> napi::Result<Object<'env>> {
        let engine = self.slot.get();
        // Copied here: JavaScript may change its pixels while the job runs.
        let taken = picture(width, height, width as usize * 3, &data);
        start(env, &self.lanes.photos, watch, None, move |_| {
            Ok(Done::json(picture_call(&engine?, &verb, request.as_bytes(), &taken?)?))
        })
    }

    /// The encoding of a photo's one face, with the vector beside the JSON.
    #[napi]
    pub fn encode<'env>(&self, env: &'env Env, photo: JsPhoto<'_>, watch: &Watch) -> napi::Result<Object<'env>> {
        let (engine, photo) = (self.slot.get(), Photo::from(photo));
        start(env, &self.lanes.photos, watch, None, move |_| {
            let engine = engine?;
            let bytes = photo.read(engine.rules().decode.max_bytes)?;
            let (json, floats) = encode_apart(&engine, &bytes)?;
            Ok(Done { json, floats, ..Done::default() })
        })
    }

    /// The same of a picture.
    #[napi]
    pub fn encode_picture<'env>(
        &self,
        env: &'env Env,
        data: Uint8ArraySlice<'_>,
        width: u32,
        height: u32,
        watch: &Watch,
    ) -> napi::Result<Object<'env>> {
        let engine = self.slot.get();
        let taken = picture(width, height, width as usize * 3, &data);
        start(env, &self.lanes.photos, watch, None, move |_| {
            let (json, floats) = encode_picture_apart(&engine?, &taken?)?;
            Ok(Done { json, floats, ..Done::default() })
        })
    }

    /// The pixels of a photo.
    #[napi]
    pub fn decode<'env>(&self, env: &'env Env, photo: JsPhoto<'_>, watch: &Watch) -> napi::Result<Object<'env>> {
        let (engine, photo) = (self.slot.get(), Photo::from(photo));
        start(env, &self.lanes.photos, watch, None, move |_| {
            let engine = engine?;
            let bytes = photo.read(engine.rules().decode.max_bytes)?;
            let picture = engine.decode(&bytes).map_err(refused)?;
            let json = json!({"width": picture.width(), "height": picture.height()}).to_string();
            Ok(Done { json, bytes: Some(picture.into_raw()), ..Done::default() })
        })
    }
}

#[cfg(feature = "bench")]
#[napi]
impl NativeEngine {
    /// Seconds that encoding a photo takes when Rust calls the engine.
    #[napi]
    pub fn seconds_in_rust<'env>(
        &self,
        env: &'env Env,
        photo: JsPhoto<'_>,
        watch: &Watch,
    ) -> napi::Result<Object<'env>> {
        let (engine, photo) = (self.slot.get(), Photo::from(photo));
        start(env, &self.lanes.photos, watch, None, move |_| {
            let engine = engine?;
            let bytes = photo.read(engine.rules().decode.max_bytes)?;
            let start = std::time::Instant::now();
            engine.encode(&bytes)?;
            Ok(Done::json(start.elapsed().as_secs_f64().to_string()))
        })
    }
}

impl Drop for NativeEngine {
    /// An engine that nobody closed is let go of on another thread, so that the event loop does not wait.
    fn drop(&mut self) {
        if let Some(engine) = self.slot.close() {
            self.lanes.quick.run(Box::new(move || let_go(engine)));
        }
    }
}

fn refused(refusal: Refusal) -> Error {
    Error::refused(vec![ImageReport::new(0, Some(refusal))])
}

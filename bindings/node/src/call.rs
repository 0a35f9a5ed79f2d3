//! From a job on another thread to a promise.

use facevault::{Error, ErrorKind, Result};
use facevault_bindings::{error_json, guard};
use napi::Env;
use napi::bindgen_prelude::{Buffer, Float32Array, Function, Object};
use napi_derive::napi;

use crate::pool::Pool;
use crate::watch::Watch;

/// What a call ends with: `error`, or `json` with the numbers and bytes that do not travel in JSON.
#[napi(object, object_from_js = false)]
pub struct Answer {
    /// The error as JSON.
    pub error: Option<String>,
    /// The answer as JSON.
    pub json: Option<String>,
    /// Vectors, one behind the other.
    pub floats: Option<Float32Array>,
    /// A photo or the pixels of a picture.
    pub bytes: Option<Buffer>,
}

/// The result of a job.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) json: String,
    pub(crate) floats: Option<Vec<f32>>,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Done {
    /// An answer that is JSON and nothing else.
    pub(crate) fn json(json: impl Into<String>) -> Self {
        Self { json: json.into(), ..Self::default() }
    }
}

/// Has `pool` do `work` and settles the promise with what came of it. The promise is always resolved: JavaScript makes
/// its own error of an answer that has one.
pub(crate) fn start<'env>(
    env: &'env Env,
    pool: &Pool,
    watch: &Watch,
    nudge: Option<Function<'_, (), ()>>,
    work: impl FnOnce(&mut crate::watch::Reporter) -> Result<Done> + Send + 'static,
) -> napi::Result<Object<'env>> {
    type Settle = Box<dyn FnOnce(Env) -> napi::Result<Answer> + Send>;
    let mut reporter = watch.reporter(nudge, pool.jobs())?;
    let (deferred, promise) = env.create_deferred::<Answer, Settle>()?;
    pool.run(Box::new(move || {
        let result = match reporter.begin() {
            true => guard(|| work(&mut reporter)),
            false => Err(Error::new(ErrorKind::Cancelled, "the call was cancelled before it began")),
        };
        // Without this, a step could be announced after the end.
        drop(reporter);
        let answer = match result {
            Ok(done) => Outcome::Done(done),
            Err(error) => Outcome::Failed(error_json(&error)),
        };
        deferred.resolve(Box::new(move |_| Ok(answer.into())));
    }));
    Ok(promise)
}

enum Outcome {
    Done(Done),
    Failed(String),
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Failed(error) => Self { error: Some(error), json: None, floats: None, bytes: None },
            Outcome::Done(Done { json, floats, bytes }) => Self {
                error: None,
                json: Some(json),
                floats: floats.map(Float32Array::new),
                bytes: bytes.map(Buffer::from),
            },
        }
    }
}

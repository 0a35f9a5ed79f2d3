//! Face encodings as 32-bit floats.

use std::ffi::c_char;

use facevault_bindings::facevault::wire::encode_base64;
use facevault_bindings::facevault::{Engine, Error, FaceEncoding, ImageReport, Result, Rule};
use facevault_bindings::{guard, similarity as alike, vault_call};
use serde_json::{Map, Value, json as value};

use crate::arguments::{bytes, elements, json, pixels, text};
use crate::buffers::{clear, give};
use crate::engine::set;
use crate::error::{answered, ended};
use crate::handles::find;
use crate::types::{
    facevault_buffer, facevault_bytes, facevault_engine, facevault_error, facevault_picture, facevault_status,
    facevault_vault,
};

fn as_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|component| component.to_ne_bytes()).collect()
}

/// The encoding of the one face of a photo: as many floats as the model has components. A photo that gives none is
/// `FACEVAULT_REFUSED`.
///
/// # Safety
/// `photo.data` can be read for `photo.size` bytes; `vector` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_encode(
    engine: *const facevault_engine,
    photo: facevault_bytes,
    vector: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(vector, error, || {
            let engine = find(engine)?;
            let photo = bytes("photo", photo)?;
            let encoded = guard(|| engine.encode(&photo))?;
            Ok(as_bytes(encoded.encoding.vector()))
        })
    }
}

/// As `facevault_encode`, of a picture.
///
/// # Safety
/// `picture` points to a picture; `vector` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_encode_picture(
    engine: *const facevault_engine,
    picture: *const facevault_picture,
    vector: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(vector, error, || {
            let engine = find(engine)?;
            let picture = pixels(picture)?;
            let refused = |refusal| Error::refused(vec![ImageReport::new(0, Some(refusal))]);
            let encoded = guard(|| engine.encode_picture(&picture)?.map_err(refused))?;
            Ok(as_bytes(encoded.encoding.vector()))
        })
    }
}

fn encoding(engine: &Engine, vector: &[f32]) -> Result<FaceEncoding> {
    FaceEncoding::new(engine.model(), vector)
}

/// How alike two encodings of the engine's model are: their cosine, or 1 less their distance for a model that is
/// compared so. `FACEVAULT_MODEL_MISMATCH` where `dimension` is not the model's.
///
/// # Safety
/// `a` and `b` can be read for `dimension` floats; `similarity` may be written; `error` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_similarity(
    engine: *const facevault_engine,
    a: *const f32,
    b: *const f32,
    dimension: usize,
    similarity: *mut f64,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        ended(error, || {
            let engine = find(engine)?;
            let (a, b) = (elements("a", a, dimension)?, elements("b", b, dimension)?);
            set("similarity", similarity, || alike(&engine, &encoding(&engine, a)?, &encoding(&engine, b)?))
        })
    }
}

/// Calls a verb of a vault that takes encodings: `identify_encodings`, `verify_encoding`, `create_person`,
/// `create_person_unless_known`, `update_person`. `vectors` holds `count` encodings of `dimension` floats, one after the
/// other. They take the place of the request's `encodings`, which `request` must not have. `verify_encoding` takes one,
/// as the request's `encoding`. `count` and `dimension` are 1 or more.
///
/// # Safety
/// `verb` is a text; `request` is NULL or a text; `vectors` can be read for `count * dimension` floats; `answer` and
/// `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_vault_call_vectors(
    vault: *const facevault_vault,
    verb: *const c_char,
    request: *const c_char,
    vectors: *const f32,
    count: usize,
    dimension: usize,
    answer: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        answered(answer, error, || {
            let (vault, verb) = (find(vault)?, text("verb", verb)?);
            let vectors = elements("vectors", vectors, count.saturating_mul(dimension))?;
            let request = with_encodings(json(request), verb, vectors, count, dimension)?;
            vault_call(&vault, verb, &request, Vec::new(), &mut ())
        })
    }
}

/// A request with encodings; one that is no JSON object stays as it is, for the verb to refuse it.
fn with_encodings(request: &[u8], verb: &str, vectors: &[f32], count: usize, dimension: usize) -> Result<Vec<u8>> {
    let is_one = verb == "verify_encoding";
    if count == 0 || (is_one && count > 1) {
        let max = if is_one { 1 } else { usize::MAX / size_of::<f32>() };
        return Err(Error::invalid("count", Rule::Count { min: 1, max }));
    }
    if dimension == 0 {
        return Err(Error::invalid("dimension", Rule::AtLeast(1.0)));
    }
    let read = if request.is_empty() { Ok(Map::new()) } else { serde_json::from_slice(request) };
    let Ok(mut object): Result<Map<String, Value>, _> = read else { return Ok(request.to_vec()) };
    if let Some(key) = ["encodings", "encoding"].into_iter().find(|key| object.contains_key(*key)) {
        let rule = "must not be in the request: the vectors are handed over beside it";
        return Err(Error::invalid(key, Rule::Other(rule.to_owned())));
    }
    let little_endian = |vector: &[f32]| {
        let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
        encode_base64(&bytes)
    };
    let mut encodings: Vec<String> = vectors.chunks(dimension).map(little_endian).collect();
    match is_one {
        true => object.insert("encoding".to_owned(), value!(encodings.pop())),
        false => object.insert("encodings".to_owned(), value!(encodings)),
    };
    Ok(Value::Object(object).to_string().into_bytes())
}

/// All encodings of the vault's active persons, as they were enrolled: `vectors` is a matrix of floats, row by row, and
/// `rows` a JSON object with `model`, `dimension`, `generation` and `rows`, the `person` and `image` of each.
///
/// # Safety
/// `vectors`, `rows` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_vault_matrix(
    vault: *const facevault_vault,
    vectors: *mut facevault_buffer,
    rows: *mut facevault_buffer,
    error: *mut *mut facevault_error,
) -> facevault_status {
    // SAFETY: the caller's promises.
    unsafe {
        ended(error, || {
            clear(vectors);
            clear(rows);
            let vault = find(vault)?;
            let matrix = guard(|| vault.encoding_matrix())?;
            let row = |(person, image): &(_, _)| value!({"person": person, "image": image});
            let text = value!({
                "model": matrix.model.to_string(),
                "dimension": matrix.dimension,
                "generation": matrix.generation,
                "rows": matrix.rows.iter().map(row).collect::<Vec<_>>(),
            });
            give(vectors, &as_bytes(&matrix.data));
            give(rows, text.to_string().as_bytes());
            Ok(())
        })
    }
}

//! The verbs of an engine: of photos, and of pictures that the host has decoded.

use facevault::geometry::Rect;
use facevault::image::RgbImage;
use facevault::wire::{EncodedFaceAnswer, FaceAnswer, encode_base64};
use facevault::{
    CompareOptions, Detection, EncodedFace, Engine, Error, ErrorKind, FaceEncoding, FaceOutcome, ImageBytes,
    ImageReport, Progress, Refusal, Result, Rule, Similarity, index,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{encoded, json_text};
use crate::guard::guard;
use crate::liveness;
use crate::request::{Call, Photos, Request, unknown_verb};

type Verb = (&'static str, Photos, fn(&Engine, &mut Call<'_>) -> Result<String>);

const VERBS: &[Verb] = &[
    ("compare", Photos::Any, compare),
    ("compare_encodings", Photos::None, compare_encodings),
    ("describe", Photos::None, describe),
    ("detect", Photos::One, detect),
    ("encode", Photos::Any, encode),
    ("encode_at", Photos::One, encode_at),
    ("encode_faces", Photos::One, encode_faces),
    ("liveness", Photos::Any, liveness::judge),
    ("liveness_model", Photos::None, liveness::model),
    ("probe", Photos::Any, probe),
];

type PictureVerb = (&'static str, fn(&Engine, &mut Request, &RgbImage) -> Result<String>);

const PICTURE_VERBS: &[PictureVerb] = &[
    ("detect", |engine, request, picture| {
        request.finish()?;
        detection(&engine.detect_in(picture)?.1)
    }),
    ("encode", |engine, request, picture| {
        request.finish()?;
        json_text(&EncodedFaceAnswer::new(&engine.encode_picture(picture)?))
    }),
    ("encode_at", |engine, request, picture| boxes_encoded(engine, request, |_| Ok(picture.clone()))),
    ("encode_faces", |engine, request, picture| {
        request.finish()?;
        let (upright, found) = engine.detect_in(picture)?;
        let mut outcomes = Vec::with_capacity(found.faces.len());
        for face in found.faces {
            outcomes.push((face, engine.encode_face(&upright, &face)?));
        }
        json_text(&faces(&json!(found.turned), &outcomes))
    }),
    ("liveness", liveness::judge_picture),
];

/// The names of the verbs of [`engine_call`].
pub fn engine_verbs() -> impl Iterator<Item = &'static str> {
    VERBS.iter().map(|verb| verb.0)
}

/// The names of the verbs of [`picture_call`].
pub fn picture_verbs() -> impl Iterator<Item = &'static str> {
    PICTURE_VERBS.iter().map(|verb| verb.0)
}

/// Calls a verb of an engine with a JSON object and photos; the answer is JSON.
///
/// # Errors
/// [`Invalid`](facevault::ErrorKind::Invalid) for an unknown verb, for what breaks a rule in the request and for photos
/// that the verb does not take; and those of the verb.
pub fn engine_call(
    engine: &Engine,
    verb: &str,
    request: &[u8],
    photos: Vec<ImageBytes>,
    progress: &mut dyn Progress,
) -> Result<String> {
    guard(|| {
        let (_, takes, run) = VERBS.iter().find(|known| known.0 == verb).ok_or_else(|| unknown_verb(engine_verbs()))?;
        let mut request = Request::parse(request)?;
        takes.check(photos.len(), &mut request);
        run(engine, &mut Call { request, photos, progress })
    })
}

/// Calls a verb with a picture of the host's own instead of a photo's bytes: `detect`, `encode`, `encode_at`,
/// `encode_faces`, `liveness`. `encode` answers one outcome, not a list. `encode_faces` encodes all faces that `detect`
/// finds in the picture as it stands: of a photo's bytes it also tries other orientations, and leaves out faces below
/// the engine's `min_score`.
///
/// # Errors
/// As for [`engine_call`].
pub fn picture_call(engine: &Engine, verb: &str, request: &[u8], picture: &RgbImage) -> Result<String> {
    guard(|| {
        let (_, run) =
            PICTURE_VERBS.iter().find(|known| known.0 == verb).ok_or_else(|| unknown_verb(picture_verbs()))?;
        run(engine, &mut Request::parse(request)?, picture)
    })
}

/// A picture of `width` times `height` pixels of three bytes (red, green, blue), whose rows begin `stride` bytes apart.
/// The last row need not be filled up to the stride.
///
/// # Errors
/// [`Invalid`](facevault::ErrorKind::Invalid) where a side is 0 or beyond 65,535, the stride is less than a row, or
/// there are fewer bytes than that takes.
pub fn picture(width: u32, height: u32, stride: usize, pixels: &[u8]) -> Result<RgbImage> {
    let most = f64::from(u16::MAX);
    for (field, side) in [("width", width), ("height", height)] {
        if side == 0 || side > u32::from(u16::MAX) {
            return Err(Error::invalid(field, Rule::Range { min: 1.0, max: most }));
        }
    }
    let row = width as usize * 3;
    if stride < row {
        return Err(Error::invalid("stride", Rule::AtLeast(row as f64)));
    }
    let needed = stride.checked_mul(height as usize - 1).and_then(|before| before.checked_add(row));
    if needed.is_none_or(|needed| pixels.len() < needed) {
        let rule = format!("must have {height} rows of {stride} bytes, has {} bytes", pixels.len());
        return Err(Error::invalid("pixels", Rule::Other(rule)));
    }
    let mut packed = Vec::with_capacity(row * height as usize);
    pixels.chunks(stride).take(height as usize).for_each(|line| packed.extend_from_slice(&line[..row]));
    RgbImage::from_raw(width, height, packed)
        .ok_or_else(|| Error::invalid("pixels", Rule::Other("must fill the picture".to_owned())))
}

fn describe(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&description(engine))
}

/// What an engine is made of.
pub(crate) fn description(engine: &Engine) -> Value {
    let manifest = engine.manifest();
    json!({
        "pack": engine.name(),
        "title": manifest.map(|manifest| &manifest.title),
        "licence": manifest.map(|manifest| &manifest.licence),
        "model": engine.model().to_string(),
        "dimension": engine.embedder().dimension,
        "metric": engine.embedder().metric,
        "mode": engine.mode(),
        "calibration": engine.calibration(),
        "threads": engine.threads(),
        "sessions": engine.sessions(),
        "encoded": engine.encoded(),
        "runtime": engine.runtime(),
    })
}

fn detect(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    detection(&engine.detect(&call.photos[0])?)
}

fn detection(found: &Detection) -> Result<String> {
    json_text(&json!({
        "width": found.width,
        "height": found.height,
        "turned": found.turned,
        "faces": found.faces.iter().map(FaceAnswer::new).collect::<Vec<_>>(),
    }))
}

/// One outcome a photo, in their order.
fn encode(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    let photos = std::mem::take(&mut call.photos);
    if let [photo] = photos.as_slice() {
        return json_text(&[EncodedFaceAnswer::new(&one(engine, photo)?)]);
    }
    let mut outcomes: Vec<_> = photos.iter().map(|_| None).collect();
    engine.encode_each(photos, call.progress, |index, outcome| {
        outcomes[index] = Some(outcome);
        Ok(())
    })?;
    json_text(&outcomes.iter().flatten().map(EncodedFaceAnswer::new).collect::<Vec<_>>())
}

/// The outcome of `encode` for one photo, with the vector beside the JSON, whose `encoding` is empty: for bindings that
/// hand vectors over as they are. A refused photo has none.
///
/// # Errors
/// As for [`engine_call`].
pub fn encode_apart(engine: &Engine, photo: &[u8]) -> Result<(String, Option<Vec<f32>>)> {
    guard(|| apart(&one(engine, photo)?))
}

/// As [`encode_apart`], for a picture.
///
/// # Errors
/// As for [`engine_call`].
pub fn encode_picture_apart(engine: &Engine, picture: &RgbImage) -> Result<(String, Option<Vec<f32>>)> {
    guard(|| apart(&engine.encode_picture(picture)?))
}

fn apart(outcome: &Result<EncodedFace, Refusal>) -> Result<(String, Option<Vec<f32>>)> {
    let mut answer = EncodedFaceAnswer::new(outcome);
    if let EncodedFaceAnswer::Ok { encoding, .. } = &mut answer {
        encoding.clear();
    }
    let vector = outcome.as_ref().ok().map(|face| face.encoding.vector().to_vec());
    Ok((json_text(&answer)?, vector))
}

/// One photo on this thread; a refusal is no error.
fn one(engine: &Engine, photo: &[u8]) -> Result<Result<EncodedFace, Refusal>> {
    match engine.encode(photo) {
        Ok(face) => Ok(Ok(face)),
        Err(error) => match error.images() {
            [ImageReport { refusal: Some(refusal), .. }] => Ok(Err(refusal.clone())),
            _ => Err(error),
        },
    }
}

fn encode_faces(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    let (turned, outcomes) = engine.encode_faces(&call.photos[0])?;
    json_text(&faces(&json!(turned), &outcomes))
}

fn faces(turned: &Value, outcomes: &[FaceOutcome]) -> Value {
    let face = |(face, outcome): &FaceOutcome| {
        let mut answer = encoded(outcome);
        answer["face"] = json!(FaceAnswer::new(face));
        answer
    };
    json!({"turned": turned, "faces": outcomes.iter().map(face).collect::<Vec<_>>()})
}

fn encode_at(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    let photo = call.photos.first().cloned();
    boxes_encoded(engine, &mut call.request, |engine| {
        let decoded = engine.decode(photo.as_deref().unwrap_or_default());
        decoded.map_err(|refusal| Error::refused(vec![ImageReport::new(0, Some(refusal))]))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    top: f32,
    left: f32,
    right: f32,
    bottom: f32,
}

/// The faces in given boxes, `{"boxes": [{"top", "left", "right", "bottom"}]}`: one outcome a box, in their order.
fn boxes_encoded(
    engine: &Engine,
    request: &mut Request,
    picture: impl FnOnce(&Engine) -> Result<RgbImage>,
) -> Result<String> {
    request.require("boxes");
    let boxes: Vec<Sides> = request.value("boxes").unwrap_or_default();
    for (index, found) in boxes.iter().enumerate() {
        let is_box = [found.top, found.left, found.right, found.bottom].iter().all(|side| side.is_finite())
            && found.left < found.right
            && found.top < found.bottom;
        if !is_box {
            let rule = "must have finite sides, left before right and top above bottom";
            request.broken(&format!("boxes[{index}]"), Rule::Other(rule.to_owned()));
        }
    }
    request.finish()?;
    let bounds = |sides: &Sides| Rect::from_sides(sides.left, sides.top, sides.right, sides.bottom);
    let boxes: Vec<Rect> = boxes.iter().map(bounds).collect();
    let outcomes = engine.encode_at(&picture(engine)?, &boxes)?;
    json_text(&outcomes.iter().map(encoded).collect::<Vec<_>>())
}

/// One encoding of one or more photos of a person.
fn probe(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    let encoding = engine.probe(&call.photos)?;
    json_text(&json!({
        "model": encoding.model().to_string(),
        "dimension": encoding.dimension(),
        "encoding": encode_base64(&encoding.to_bytes()),
    }))
}

pub(crate) fn compare_options(request: &mut Request) -> CompareOptions {
    let default = CompareOptions::default();
    default
        .with_operating_point(request.point("operating_point").unwrap_or(default.operating_point))
        .with_mode(request.mode("mode"))
}

/// Compares the first `probe` photos, 1 by default, with the others. The probe may have to be live.
fn compare(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    let first = call.request.count("probe").unwrap_or(1);
    let options = compare_options(&mut call.request).with_liveness(liveness::check(&mut call.request));
    let options = options.with_mixed_photos(call.request.flag("mixed_photos").unwrap_or(false));
    if call.photos.len() < 2 {
        call.request.broken("photos", Rule::Other("must be two or more: those of the probe and others".into()));
    } else if !(1..call.photos.len()).contains(&first) {
        call.request.broken("probe", Rule::Range { min: 1.0, max: (call.photos.len() - 1) as f64 });
    }
    call.request.finish()?;
    let (probe, gallery) = call.photos.split_at(first);
    json_text(&engine.compare(probe, gallery, &options)?)
}

/// How alike two encodings of the engine's model are: their cosine, or 1 less their distance for a model that is
/// compared so.
///
/// # Errors
/// [`ModelMismatch`](ErrorKind::ModelMismatch) where one of them is of another model, or of another dimension.
pub fn similarity(engine: &Engine, a: &FaceEncoding, b: &FaceEncoding) -> Result<f64> {
    guard(|| {
        let own = (engine.model(), engine.embedder().dimension);
        for encoding in [a, b] {
            let (model, dimension) = (encoding.model(), encoding.dimension());
            if (model, dimension) != own {
                let message = format!(
                    "an encoding has {dimension} components by model {model}, the engine compares {} by {} ({})",
                    own.1,
                    engine.name(),
                    own.0
                );
                return Err(Error::new(ErrorKind::ModelMismatch, message));
            }
        }
        index::compare(engine.embedder().metric, a, b)
    })
}

/// Compares two encodings of the engine's model, `probe` and `gallery`.
fn compare_encodings(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let options = compare_options(request);
    let probe = request.encoding("probe", || Ok(Some(engine.model())))?;
    let gallery = request.encoding("gallery", || Ok(Some(engine.model())))?;
    let (probe, gallery) = request.finish_with(probe.zip(gallery))?;
    let engine = engine.in_mode(options.mode.unwrap_or(engine.mode()));
    let threshold = options.operating_point.threshold(engine.calibration(), 1)?;
    let similarity = similarity(&engine, &gallery, &probe)?;
    json_text(&threshold.decide(Similarity::new(similarity)?, engine.calibration()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read_row_by_row() {
        let bytes: Vec<u8> = (0..20).collect();
        let read = picture(2, 2, 10, &bytes[..16]).expect("two rows");
        assert_eq!(read.as_raw(), &[0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for (width, height, stride, bytes, field) in [
            (0, 1, 3, 3, "width"),
            (1, 0, 3, 3, "height"),
            (65_536, 1, usize::MAX, 3, "width"),
            (2, 2, 5, 100, "stride"),
            (2, 2, 6, 11, "pixels"),
            (2, 65_535, usize::MAX, 100, "pixels"),
        ] {
            let error = picture(width, height, stride, &vec![0; bytes]).expect_err(field);
            assert_eq!(error.violations()[0].field, field);
        }
    }
}

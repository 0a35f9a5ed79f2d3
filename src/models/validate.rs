//! What a manifest's values can be. Each function answers with the section, the key, what was
//! expected and what was found.

use super::liveness::LivenessManifest;
use super::manifest::{Format, Manifest, ModelFile, NetworkEntry, Role, is_pack_name};
use crate::geometry::LandmarkScheme;
use crate::spec::{
    AlignmentTemplate, DetectorKind, DetectorSpec, EmbedderSpec, LivenessSpec, Normalization, SelfTestValues,
};

/// The largest file that a manifest may name. An ONNX file is one protobuf message, and those end
/// at 2 GiB.
pub(super) const MAX_FILE_SIZE: u64 = 1 << 31;

type Check = Result<(), String>;

pub(super) fn manifest(manifest: &Manifest) -> Check {
    head(&manifest.name, [&manifest.title, &manifest.licence, &manifest.terms], manifest.accept_licence)?;
    let mut seen = Vec::new();
    for (role, file) in manifest.files() {
        model_file(file).map_err(|what| format!("[{role}] {what}"))?;
        if seen.contains(&&file.file) {
            return Err(format!("[{role}] file {:?} has another role already", file.file));
        }
        seen.push(&file.file);
    }
    detector(&manifest.detector.spec).map_err(|what| format!("[detector] {what}"))?;
    embedder(&manifest.embedder.spec).map_err(|what| format!("[embedder] {what}"))?;
    if let Some(rule) = &manifest.recognizability {
        rule.must_fit(manifest.embedder.spec.dimension).map_err(|error| format!("[recognizability] {error}"))?;
    }
    for (name, limit) in manifest.limits.named() {
        if !(limit.is_finite() && limit > 0.0) {
            return Err(format!("[limits] {name} must be a finite number above 0, is {limit}"));
        }
    }
    if let Some(values) = &manifest.self_test {
        self_test(values, manifest.embedder.spec.dimension).map_err(|what| format!("[self_test] {what}"))?;
    }
    agreement(manifest)
}

pub(super) fn liveness(manifest: &LivenessManifest) -> Check {
    head(&manifest.name, [&manifest.title, &manifest.licence, &manifest.terms], manifest.accept_licence)?;
    let mut seen = Vec::new();
    for (place, NetworkEntry { model, spec }) in manifest.networks.iter().enumerate() {
        let wrong = |what: String| format!("[networks[{place}]] {what}");
        model_file(model).and_then(|()| liveness_network(spec)).map_err(wrong)?;
        if model.format != Format::Onnx {
            return Err(wrong("format must be \"onnx\"".to_owned()));
        }
        if seen.contains(&&model.file) {
            return Err(wrong(format!("file {:?} has another network already", model.file)));
        }
        seen.push(&model.file);
    }
    let wrong = |what: &str| Err(format!("[self_test] {what}"));
    match &manifest.self_test {
        Some(values) if values.vector.is_some() || values.face.is_some() => {
            wrong("vector and face belong to the manifest of a pack")
        }
        Some(SelfTestValues { live: Some(scores), .. }) => {
            if scores.len() != manifest.networks.len() {
                return wrong("live must have one score for each network");
            }
            scores.iter().try_for_each(|score| within("[self_test] live", *score, 0.0, 1.0))
        }
        _ => Ok(()),
    }
}

fn self_test(values: &SelfTestValues, dimension: usize) -> Check {
    if let Some(vector) = &values.vector {
        if vector.len() != dimension {
            return Err(format!("vector must have {dimension} components as the embedder's, has {}", vector.len()));
        }
        if vector.iter().any(|value| !value.is_finite()) || vector.iter().all(|value| *value == 0.0) {
            return Err("vector must be finite and must not be all zeros".to_owned());
        }
    }
    if let Some(face) = &values.face {
        let numbers = face.bounds.iter().chain(face.landmarks.iter().flatten()).chain([&face.score]);
        if numbers.into_iter().any(|value| !value.is_finite()) || face.bounds[2].max(face.bounds[3]) <= 0.0 {
            return Err("face must be finite, its box with a width or a height above 0".to_owned());
        }
        within("face.within", face.within, 0.0, 0.5)?;
    }
    match values.live {
        Some(_) => Err("live belongs to the manifest of liveness networks".to_owned()),
        None => Ok(()),
    }
}

fn liveness_network(spec: &LivenessSpec) -> Check {
    normalization(&spec.normalization)?;
    within("side", spec.side, 16, 1024)?;
    within("enlarge", spec.enlarge, 1.0, 10.0)?;
    within("classes", spec.classes, 2, 100)?;
    within("live", spec.live, 0, spec.classes - 1)
}

/// What every manifest says of itself.
fn head(name: &str, [title, licence, terms]: [&String; 3], accept_licence: bool) -> Check {
    if !is_pack_name(name) {
        return Err(format!("name must be 1 to 64 lower-case letters, digits, _ and -, is {name:?}"));
    }
    for (key, value) in [("title", title), ("licence", licence), ("terms", terms)] {
        if value.trim().is_empty() {
            return Err(format!("{key} must not be empty"));
        }
    }
    if licence == "non-commercial" && !accept_licence {
        return Err("accept_licence must be true where licence is \"non-commercial\"".to_owned());
    }
    Ok(())
}

/// Whether a file may have this name beside a manifest or in the data folder.
pub(super) fn file_name(name: &str) -> Check {
    let plain = (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    if plain && name != super::pack::MANIFEST {
        Ok(())
    } else {
        Err(format!("file must be a plain file name of letters, digits and ._+-, is {name:?}"))
    }
}

/// Whether a file may have this size.
pub(super) fn file_size(size: u64) -> Check {
    within("size", size, 1, MAX_FILE_SIZE)
}

fn model_file(file: &ModelFile) -> Check {
    file_name(&file.file)?;
    file_size(file.size)?;
    for (key, value) in [("licence", &file.licence), ("terms", &file.terms)] {
        if value.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(format!("{key} must not be empty"));
        }
    }
    Ok(())
}

fn detector(spec: &DetectorSpec) -> Check {
    normalization(&spec.normalization)?;
    if !spec.score_threshold.is_finite() {
        return Err("score_threshold must be finite".to_owned());
    }
    within("nms_threshold", spec.nms_threshold, 0.0, 1.0)?;
    within("long_side", spec.long_side, 32, 16_384)?;
    within("min_face", spec.min_face, 1.0, 4096.0)?;
    match spec.fixed_size {
        Some(side) if side % 32 != 0 => Err(format!("fixed_size must be a multiple of 32, is {side}")),
        Some(side) => within("fixed_size", side, 32, 4096),
        None => Ok(()),
    }
}

fn embedder(spec: &EmbedderSpec) -> Check {
    normalization(&spec.normalization)?;
    within("dimension", spec.dimension, 1, 8192)?;
    if let Some(batch) = spec.fixed_batch {
        within("fixed_batch", batch, 1, 1024)?;
    }
    template(&spec.template).map_err(|what| format!("template.{what}"))
}

fn normalization(normalization: &Normalization) -> Check {
    if normalization.mean.iter().any(|mean| !mean.is_finite()) {
        return Err(format!("mean must be finite, is {:?}", normalization.mean));
    }
    if normalization.scale.iter().any(|scale| !scale.is_normal()) {
        return Err(format!("scale must be finite and not 0, is {:?}", normalization.scale));
    }
    Ok(())
}

fn template(template: &AlignmentTemplate) -> Check {
    within("size", template.size, 16, 1024)?;
    let side = f64::from(template.size);
    for [x, y] in template.points {
        within("points", f64::from(x), 0.0, side)?;
        within("points", f64::from(y), 0.0, side)?;
    }
    let [first, ..] = template.points;
    if template.points.iter().all(|point| *point == first) {
        return Err("points must not all be one point".to_owned());
    }
    Ok(())
}

/// What the parts of a pack require of each other.
fn agreement(manifest: &Manifest) -> Check {
    let kind = manifest.detector.spec.kind;
    let mmod = kind == DetectorKind::Mmod;
    let wanted = if mmod { Format::Dlib } else { Format::Onnx };
    if manifest.detector.model.format != wanted {
        return Err("[detector] format must be \"dlib\" for the kind \"mmod\" and \"onnx\" for any other".to_owned());
    }
    if mmod && manifest.landmarks.is_none() {
        return Err(format!("[{}] is missing: the detector \"mmod\" gives none", Role::Landmarks));
    }
    if manifest.embedder.spec.template.landmarks == kind.landmarks() {
        return Ok(());
    }
    let name = match kind.landmarks() {
        LandmarkScheme::EyeCornersNose => "eye-corners-nose",
        LandmarkScheme::EyesNoseMouth => "eyes-nose-mouth",
    };
    Err(format!("[embedder] template.landmarks must be {name:?}, which this pack's detector gives"))
}

fn within<T: PartialOrd + std::fmt::Display>(key: &str, value: T, min: T, max: T) -> Check {
    if min <= value && value <= max { Ok(()) } else { Err(format!("{key} must be from {min} to {max}, is {value}")) }
}

//! The id that a pack's encodings are marked with.
//!
//! It covers everything that decides where an encoding lies in its space and how it is compared:
//! the embedder's file, its input's pixels, the crop and the metric. What changes only speed, such
//! as a fixed batch size, is left out. Numbers enter as the bits of their `f32`, so that neither
//! their spelling nor a formatter counts. The text below is frozen: another text would make every
//! stored encoding look like that of another model.

use std::fmt::Write;

use super::checksum::Sha256;
use crate::encoding::ModelId;
use crate::geometry::LandmarkScheme;
use crate::spec::{ColorOrder, EmbedderSpec, Metric};

/// The id of the embedder whose file is `file` and whose specification is `spec`.
pub(super) fn model_id(file: &Sha256, spec: &EmbedderSpec) -> ModelId {
    let checksum = Sha256::of(canonical(file, spec).as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&checksum.as_bytes()[..16]);
    ModelId::from_bytes(id)
}

fn canonical(file: &Sha256, spec: &EmbedderSpec) -> String {
    let color = match spec.normalization.color {
        ColorOrder::Rgb => "rgb",
        ColorOrder::Bgr => "bgr",
    };
    let metric = match spec.metric {
        Metric::Cosine => "cosine",
        Metric::Euclidean => "euclidean",
    };
    let landmarks = match spec.template.landmarks {
        LandmarkScheme::EyesNoseMouth => "eyes-nose-mouth",
        LandmarkScheme::EyeCornersNose => "eye-corners-nose",
    };
    let bits = |numbers: &[f32]| {
        numbers.iter().fold(String::new(), |mut text, number| {
            // Writing to a String cannot fail. -0 is 0.
            let _ = write!(text, " {:08x}", (number + 0.0).to_bits());
            text
        })
    };
    format!(
        "facevault model 1\nfile {file}\ncolor {color}\nmean{}\nscale{}\ndimension {}\nmetric {metric}\nlandmarks {landmarks}\nsize {}\npoints{}\n",
        bits(&spec.normalization.mean),
        bits(&spec.normalization.scale),
        spec.dimension,
        spec.template.size,
        bits(spec.template.points.as_flattened()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Manifest;

    /// The ids are stored in vaults: a change here orphans every encoding made so far.
    #[test]
    fn the_ids_of_the_built_in_packs_never_change() {
        for (name, id) in [
            ("dlib", "0503c84e0a350f2af6dc5c76f01f220b"),
            ("opencv", "a1a429b5ef490777238e5ab258ef1b4e"),
            ("buffalo_s", "1e7c69d2d6c46f6dd63899e6a4a599e1"),
            ("buffalo_l", "fd7fe6d3a2b464cbbc8e6b131663fb60"),
        ] {
            let manifest = Manifest::builtin(name).expect("built in");
            assert_eq!(manifest.model_id().to_string(), id, "{name}");
        }
    }

    #[test]
    fn what_changes_an_encoding_changes_the_id_and_speed_does_not() {
        let base = Manifest::builtin("opencv").expect("built in").embedder;
        let id = |change: &dyn Fn(&mut EmbedderSpec)| {
            let mut spec = base.spec.clone();
            change(&mut spec);
            model_id(&base.model.sha256, &spec)
        };
        let unchanged = id(&|_| ());
        assert_eq!(id(&|spec| spec.fixed_batch = Some(1)), unchanged);
        assert_eq!(id(&|spec| spec.normalization.mean[1] = -0.0), unchanged);
        let changes: [&dyn Fn(&mut EmbedderSpec); 7] = [
            &|spec| spec.normalization.color = ColorOrder::Bgr,
            &|spec| spec.normalization.mean[2] = 1.0,
            &|spec| spec.normalization.scale[0] = 255.0,
            &|spec| spec.dimension = 129,
            &|spec| spec.metric = Metric::Euclidean,
            &|spec| spec.template.size = 128,
            &|spec| spec.template.points[4][1] += 1e-4,
        ];
        let mut ids: Vec<_> = changes.into_iter().map(id).collect();
        ids.push(unchanged);
        ids.push(model_id(&Sha256::of(b"another file"), &base.spec));
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}

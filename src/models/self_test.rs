//! The section `[self_test]` of manifests.

use crate::spec::SelfTestValues;

/// The section `[self_test]` of a manifest, with comments above it. Numbers are written so that they are read back to
/// the bit.
#[must_use]
pub fn self_test_section(values: &SelfTestValues, comments: &[&str]) -> String {
    let comments = comments.iter().flat_map(|comment| comment.lines()).map(|line| format!("# {line}"));
    let mut lines: Vec<String> = comments.collect();
    lines.extend(["[self_test]".to_owned(), format!("drawing = {}", values.drawing)]);
    if let Some(vector) = &values.vector {
        lines.push(format!("vector = \"{}\"", SelfTestValues::encoded_vector(vector)));
    }
    if let Some(scores) = &values.live {
        lines.push(format!("live = {scores:?}"));
    }
    if let Some(face) = &values.face {
        lines.push("[self_test.face]".to_owned());
        lines.push(format!("box = {:?}", face.bounds));
        lines.push(format!("landmarks = {:?}", face.landmarks));
        lines.push(format!("score = {:?}", face.score));
        lines.push(format!("within = {:?}", face.within));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{LivenessManifest, Manifest};
    use crate::spec::SelfTestFace;

    /// A built-in manifest with this section in the place of its own.
    fn with_section(text: &str, section: &str) -> String {
        let mut table: toml::Table = toml::from_str(text).expect("a manifest");
        table.remove("self_test");
        format!("{table}\n{section}")
    }

    fn values() -> SelfTestValues {
        let face = SelfTestFace::new([0.1, -2.5, 120.25, 1e-3], [[1.0, 2.0]; 5], 0.7).with_within(0.01);
        SelfTestValues::new(1).with_vector(vec![0.1; 192]).with_face(face)
    }

    #[test]
    fn a_section_is_read_back_to_the_bit() {
        let pack = Manifest::builtin("standard").expect("a manifest");
        let text = with_section(pack.text(), &self_test_section(&values(), &["made by", "a test\nof two lines"]));
        let read = Manifest::parse("here", &text).expect("a manifest");
        assert_eq!(read.self_test, Some(values()));
        assert_eq!(read.model_id(), pack.model_id());

        let liveness = LivenessManifest::builtin("liveness").expect("a manifest");
        let live = SelfTestValues::new(1).with_live(vec![0.1, 1.0]);
        let text = with_section(liveness.text(), &self_test_section(&live, &[]));
        assert_eq!(LivenessManifest::parse("here", &text).expect("a manifest").self_test, Some(live));
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        let standard = Manifest::builtin("standard").expect("a manifest");
        let face = |change: fn(&mut SelfTestFace)| {
            let mut values = values();
            values.face.as_mut().map(change);
            values
        };
        for (values, said) in [
            (values().with_vector(vec![0.1; 191]), "192 components"),
            (values().with_vector(vec![0.0; 192]), "all zeros"),
            (values().with_live(vec![0.5]), "liveness networks"),
            (face(|face| face.within = 0.6), "face.within"),
            (face(|face| face.bounds = [0.0; 4]), "above 0"),
        ] {
            let text = with_section(standard.text(), &self_test_section(&values, &[]));
            let error = Manifest::parse("here", &text).expect_err(said).to_string();
            assert!(error.contains(said) && error.contains("[self_test]"), "{error}");
        }
        let liveness = LivenessManifest::builtin("liveness").expect("a manifest");
        let one_score = SelfTestValues::new(1).with_live(vec![0.1]);
        for (values, said) in [
            (one_score.clone(), "one score for each network"),
            (one_score.with_live(vec![0.1, 1.5]), "from 0 to 1"),
            (values(), "manifest of a pack"),
        ] {
            let text = with_section(liveness.text(), &self_test_section(&values, &[]));
            let error = LivenessManifest::parse("here", &text).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}

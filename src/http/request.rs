//! Request bodies of the routes that search, compare and detect.

use serde::Serialize;
use utoipa::ToSchema;

use super::photos::Photos;
use crate::error::{Result, Rule};
use crate::person::{ImageBytes, PersonId};
use crate::spec::EncodingMode;
use crate::wire::{Fields, parse};

/// The most photos of one person as a probe.
const MAX_PROBE: usize = 3;
/// The most photos of one side of a comparison.
pub(super) const MAX_SIDE: usize = 10;
/// The most results, and the default number of results.
const MAX_RESULTS: u32 = 100;
const RESULTS: u32 = 10;
/// The most results of each face, where all faces of a photo are searched for.
const MAX_RESULTS_OF_FACES: u32 = 10;

/// How a probe is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(super) enum SearchMode {
    /// One view of the face.
    #[serde(rename = "FAST")]
    Fast,
    /// Also its mirror image.
    #[serde(rename = "ACCURATE")]
    Accurate,
}

impl SearchMode {
    fn parse(text: &str) -> Result<Self> {
        match text {
            "FAST" => Ok(Self::Fast),
            "ACCURATE" => Ok(Self::Accurate),
            _ => Err(crate::Error::invalid("search_mode", Rule::OneOf(&["FAST", "ACCURATE"]))),
        }
    }
}

impl From<SearchMode> for EncodingMode {
    fn from(mode: SearchMode) -> Self {
        match mode {
            SearchMode::Fast => Self::Fast,
            SearchMode::Accurate => Self::Accurate,
        }
    }
}

impl From<EncodingMode> for SearchMode {
    fn from(mode: EncodingMode) -> Self {
        match mode {
            EncodingMode::Fast => Self::Fast,
            EncodingMode::Accurate => Self::Accurate,
        }
    }
}

/// What the photo was taken with. It is checked, and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
pub(super) enum Os {
    #[schema(rename = "DESKTOP")]
    Desktop,
    #[schema(rename = "IOS")]
    Ios,
    #[schema(rename = "ANDROID")]
    Android,
}

impl Os {
    pub(super) fn parse(text: &str) -> Result<Self> {
        match text {
            "DESKTOP" => Ok(Self::Desktop),
            "IOS" => Ok(Self::Ios),
            "ANDROID" => Ok(Self::Android),
            _ => Err(crate::Error::invalid("os", Rule::OneOf(&["DESKTOP", "IOS", "ANDROID"]))),
        }
    }
}

/// Which person do these photos show?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchRequest {
    /// Photos of one person, in base64.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 3)]
    pub(super) images: Vec<ImageBytes>,
    /// Only scores above this one.
    #[schema(minimum = 0.2, maximum = 1.0)]
    pub(super) min_score: f64,
    pub(super) search_mode: SearchMode,
    /// Only members of this collection, by `_id` or `code`.
    #[schema(nullable = false)]
    pub(super) collection_id: Option<String>,
    /// The most results.
    #[schema(minimum = 1, maximum = 100, default = 10, required = false)]
    pub(super) max_results: u32,
    /// Answer with the most similar persons whatever their score; `recognized` then says whose score is above
    /// `min_score`.
    #[schema(default = false, required = false)]
    pub(super) top: bool,
}

impl SearchRequest {
    /// Reads a body; `least` is the lowest minimum score that may be asked for.
    pub(super) fn from_json(body: &[u8], least: f64) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["images", "min_score", "search_mode"]);
        let request = Self {
            images: photos(&mut fields, "images", MAX_PROBE),
            min_score: fields.number("min_score", least, 1.0).set().unwrap_or(1.0),
            search_mode: mode(&mut fields),
            collection_id: fields.text("collection_id").set(),
            max_results: fields.whole("max_results", 1, MAX_RESULTS).set().unwrap_or(RESULTS),
            top: fields.flag("top").set().unwrap_or(false),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Which person do these crops of one face show?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it describes a search whose scores start higher")]
pub(super) struct CropsRequest {
    /// Crops of one face, in base64; they may end at the face's sides.
    #[schema(min_items = 1, max_items = 3)]
    images: Vec<String>,
    /// Only scores above this one.
    #[schema(minimum = 0.5, maximum = 1.0)]
    min_score: f64,
    search_mode: SearchMode,
    /// Only members of this collection, by `_id` or `code`.
    #[schema(nullable = false)]
    collection_id: Option<String>,
    /// The most results.
    #[schema(minimum = 1, maximum = 100, default = 10, required = false)]
    max_results: u32,
    /// Answer with the most similar persons whatever their score; `recognized` then says whose score is above
    /// `min_score`.
    #[schema(default = false, required = false)]
    top: bool,
}

/// Which persons do the faces of this photo show?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FacesRequest {
    /// A photo of one or more people, in base64.
    #[schema(value_type = String)]
    pub(super) image: ImageBytes,
    /// Only scores above this one.
    #[schema(minimum = 0.2, maximum = 1.0)]
    pub(super) min_score: f64,
    pub(super) search_mode: SearchMode,
    /// Only members of this collection, by `_id` or `code`.
    #[schema(nullable = false)]
    pub(super) collection_id: Option<String>,
    /// The most persons of each face.
    #[schema(minimum = 1, maximum = 10, default = 1, required = false)]
    pub(super) max_results: u32,
    /// Answer with the most similar persons whatever their score; `recognized` then says whose score is above
    /// `min_score`.
    #[schema(default = false, required = false)]
    pub(super) top: bool,
}

impl FacesRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["image", "min_score", "search_mode"]);
        let request = Self {
            image: one_photo(&mut fields, "image"),
            min_score: fields.number("min_score", 0.2, 1.0).set().unwrap_or(1.0),
            search_mode: mode(&mut fields),
            collection_id: fields.text("collection_id").set(),
            max_results: fields.whole("max_results", 1, MAX_RESULTS_OF_FACES).set().unwrap_or(1),
            top: fields.flag("top").set().unwrap_or(false),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Which person does this photo from a device show?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActiveUserRequest {
    /// A photo, in base64.
    #[schema(value_type = String)]
    pub(super) image: ImageBytes,
    #[allow(dead_code, reason = "checked, and changes nothing")]
    pub(super) os: Os,
    /// Only scores above this one.
    #[schema(minimum = 0.2, maximum = 1.0)]
    pub(super) min_score: f64,
    pub(super) search_mode: SearchMode,
    /// Only members of this collection, by `_id` or `code`.
    #[schema(nullable = false)]
    pub(super) collection_id: Option<String>,
}

impl ActiveUserRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["image", "os", "min_score", "search_mode"]);
        let request = Self {
            image: one_photo(&mut fields, "image"),
            os: fields.parsed("os", Os::parse).set().unwrap_or(Os::Desktop),
            min_score: fields.number("min_score", 0.2, 1.0).set().unwrap_or(1.0),
            search_mode: mode(&mut fields),
            collection_id: fields.text("collection_id").set(),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Do these photos show that person?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyRequest {
    /// The person's id.
    #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    pub(super) id: Option<PersonId>,
    /// Photos of one person, in base64.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 3)]
    pub(super) images: Vec<ImageBytes>,
    /// Only a score above this one is a match.
    #[schema(minimum = 0.5, maximum = 1.0)]
    pub(super) min_score: f64,
    pub(super) search_mode: SearchMode,
    /// The person must be a member of this collection, by `_id` or `code`.
    #[schema(nullable = false)]
    pub(super) collection_id: Option<String>,
}

impl VerifyRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["id", "images", "min_score", "search_mode"]);
        let request = Self {
            id: fields.parsed("id", |text| PersonId::new(text)).set(),
            images: photos(&mut fields, "images", MAX_PROBE),
            min_score: fields.number("min_score", 0.5, 1.0).set().unwrap_or(1.0),
            search_mode: mode(&mut fields),
            collection_id: fields.text("collection_id").set(),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Do these photos and those show one person?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareRequest {
    /// Photos of one person, in base64.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 10)]
    pub(super) probe: Vec<ImageBytes>,
    /// Photos of one person, in base64.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 10)]
    pub(super) gallery: Vec<ImageBytes>,
    pub(super) search_mode: SearchMode,
    /// Only a score above this one passes.
    #[schema(minimum = 0.67, maximum = 0.95, default = 0.85, required = false)]
    pub(super) compare_min_score: f64,
}

impl CompareRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["probe", "gallery", "search_mode"]);
        let request = Self {
            probe: photos(&mut fields, "probe", MAX_SIDE),
            gallery: photos(&mut fields, "gallery", MAX_SIDE),
            search_mode: mode(&mut fields),
            compare_min_score: compare_min_score(&mut fields).unwrap_or(0.85),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Which faces are in this photo?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DetectRequest {
    /// A photo, in base64.
    #[schema(value_type = String)]
    pub(super) image: ImageBytes,
    /// Whether each face comes with its landmarks.
    #[schema(default = true, required = false)]
    pub(super) return_landmarks: bool,
    /// Whether each face comes with what was measured of it: size, pose, light, sharpness.
    #[schema(default = false, required = false)]
    pub(super) return_attributes: bool,
    /// Only faces with a detection score above this one.
    #[schema(minimum = 0.0, maximum = 1.0, default = 0.0, required = false)]
    pub(super) min_score: f64,
    /// The most faces.
    #[schema(minimum = 1, maximum = 100, default = 10, required = false)]
    pub(super) max_results: u32,
}

impl DetectRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["image"]);
        let request = Self {
            image: one_photo(&mut fields, "image"),
            return_landmarks: fields.flag("return_landmarks").set().unwrap_or(true),
            return_attributes: fields.flag("return_attributes").set().unwrap_or(false),
            min_score: fields.number("min_score", 0.0, 1.0).set().unwrap_or(0.0),
            max_results: fields.whole("max_results", 1, MAX_RESULTS).set().unwrap_or(RESULTS),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

impl Photos for SearchRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        self.images.iter().collect()
    }
}

impl Photos for FacesRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        vec![&self.image]
    }
}

impl Photos for ActiveUserRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        vec![&self.image]
    }
}

impl Photos for VerifyRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        self.images.iter().collect()
    }
}

impl Photos for CompareRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        self.probe.iter().chain(&self.gallery).collect()
    }
}

impl Photos for DetectRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        vec![&self.image]
    }
}

/// The score that two sides of a comparison must exceed, within the contract's limits.
pub(super) fn compare_min_score(fields: &mut Fields) -> Option<f64> {
    fields.number("compare_min_score", 0.67, 0.95).set()
}

pub(super) fn mode(fields: &mut Fields) -> SearchMode {
    fields.parsed("search_mode", SearchMode::parse).set().unwrap_or(SearchMode::Fast)
}

/// A field with one photo. If it breaks a rule, the whole request is refused and the value is not used.
pub(super) fn one_photo(fields: &mut Fields, name: &'static str) -> ImageBytes {
    fields.one_image(name).set().unwrap_or_else(|| Vec::new().into())
}

pub(super) fn photos(fields: &mut Fields, name: &'static str, max: usize) -> Vec<ImageBytes> {
    fields.list(name, 1..=max, Fields::image).set().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules<T>(read: Result<T>) -> Vec<String> {
        match read {
            Ok(_) => Vec::new(),
            Err(error) => error.violations().iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn every_broken_rule_names_its_field() {
        let search = |body: &str| rules(SearchRequest::from_json(body.as_bytes(), 0.2));
        for (body, expected) in [
            ("{}", vec!["\"images\" is required", "\"min_score\" is required", "\"search_mode\" is required"]),
            (r#"{"images": ["/9j/"], "min_score": 0.2, "search_mode": "FAST", "collection_id": "c"}"#, vec![]),
            (
                r#"{"images": [], "min_score": 0.1, "search_mode": "fast", "max_results": 101, "x": 1}"#,
                vec![
                    "\"images\" must have 1 to 3 items",
                    "\"min_score\" must be greater than or equal to 0.2",
                    "\"search_mode\" must be one of [FAST, ACCURATE]",
                    "\"max_results\" must be less than or equal to 100",
                    "\"x\" is not allowed",
                ],
            ),
            (
                r#"{"images": ["?"], "min_score": "1", "search_mode": null, "max_results": 1.5}"#,
                vec![
                    "\"images[0]\" must be base64",
                    "\"min_score\" must be a number",
                    "\"max_results\" must be a whole number",
                    "\"search_mode\" must not be null",
                ],
            ),
        ] {
            assert_eq!(search(body), expected, "{body}");
        }
        let compare = r#"{"probe": [1], "gallery": "x", "search_mode": "ACCURATE", "compare_min_score": 0.96}"#;
        assert_eq!(
            rules(CompareRequest::from_json(compare.as_bytes())),
            [
                "\"probe[0]\" must be a string",
                "\"gallery\" must be a list",
                "\"compare_min_score\" must be less than or equal to 0.95"
            ]
        );
        assert_eq!(
            rules(VerifyRequest::from_json(
                br#"{"id": "a b", "images": ["/9j/"], "min_score": 1, "search_mode": "FAST"}"#
            )),
            ["\"id\" must have 1 to 64 of the characters A-Z a-z 0-9 _ -"]
        );
        assert_eq!(
            rules(ActiveUserRequest::from_json(
                br#"{"image": "/9j/", "os": "BEOS", "min_score": 1, "search_mode": "FAST"}"#
            )),
            ["\"os\" must be one of [DESKTOP, IOS, ANDROID]"]
        );
        assert_eq!(
            rules(DetectRequest::from_json(br#"{"image": "/9j/", "return_landmarks": 1}"#)),
            ["\"return_landmarks\" must be a boolean"]
        );
    }
}

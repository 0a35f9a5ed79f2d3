//! Request bodies of the routes with a liveness check.

use utoipa::ToSchema;

use super::photos::Photos;
use super::request::{MAX_SIDE, Os, SearchMode, compare_min_score, mode, one_photo, photos};
use crate::error::Result;
use crate::liveness::LivenessCheck;
use crate::person::{Gender, ImageBytes, Limits, NewPerson};
use crate::wire::{Fields, body::AnyDate, parse};

/// The lowest liveness score that may be asked for.
const LEAST_LIVENESS: f64 = 0.5;
/// From which score of a face on a new person counts as known, where none is given.
const KNOWN: f64 = 0.85;

/// Does this photo show a living person?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LivenessRequest {
    /// A photo, in base64.
    #[schema(value_type = String)]
    pub(super) image: ImageBytes,
    #[allow(dead_code, reason = "checked, and changes nothing")]
    pub(super) os: Os,
    /// Only a score above this one passes.
    #[schema(minimum = 0.5, maximum = 1.0, default = 0.6, required = false)]
    pub(super) liveness_min_score: f64,
}

impl LivenessRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["image", "os"]);
        let request = Self {
            image: one_photo(&mut fields, "image"),
            os: os(&mut fields).unwrap_or(Os::Desktop),
            liveness_min_score: min_liveness(&mut fields),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Which person does this photo of a living person show?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveSearchRequest {
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
    /// The photo is refused unless its liveness score is above this one.
    #[schema(minimum = 0.5, maximum = 1.0, default = 0.6, required = false)]
    pub(super) liveness_min_score: f64,
}

impl LiveSearchRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["image", "os", "min_score", "search_mode"]);
        let request = Self {
            image: one_photo(&mut fields, "image"),
            os: os(&mut fields).unwrap_or(Os::Desktop),
            min_score: fields.number("min_score", 0.2, 1.0).set().unwrap_or(1.0),
            search_mode: mode(&mut fields),
            collection_id: fields.text("collection_id").set(),
            liveness_min_score: min_liveness(&mut fields),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Do this photo of a living person and those photos show one person?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareLiveRequest {
    /// A photo of the living person, in base64.
    #[schema(value_type = String)]
    pub(super) probe: ImageBytes,
    /// Photos of one person, in base64; they need not be of a living one.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 10)]
    pub(super) gallery: Vec<ImageBytes>,
    #[allow(dead_code, reason = "checked, and changes nothing")]
    pub(super) os: Os,
    pub(super) search_mode: SearchMode,
    /// Only a score above this one passes.
    #[schema(minimum = 0.67, maximum = 0.95, default = 0.85, required = false)]
    pub(super) compare_min_score: f64,
    /// The probe is refused unless its liveness score is above this one.
    #[schema(minimum = 0.5, maximum = 1.0, default = 0.6, required = false)]
    pub(super) liveness_min_score: f64,
}

impl CompareLiveRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["probe", "gallery", "os", "search_mode"]);
        let request = Self {
            probe: one_photo(&mut fields, "probe"),
            gallery: photos(&mut fields, "gallery", MAX_SIDE),
            os: os(&mut fields).unwrap_or(Os::Desktop),
            search_mode: mode(&mut fields),
            compare_min_score: compare_min_score(&mut fields).unwrap_or(0.85),
            liveness_min_score: min_liveness(&mut fields),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// Do this photo and those show one person, and is the first one of a living person?
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareThenLiveRequest {
    /// A photo, in base64.
    #[schema(value_type = String)]
    pub(super) probe: ImageBytes,
    /// Photos of one person, in base64; they need not be of a living one.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 10)]
    pub(super) gallery: Vec<ImageBytes>,
    #[allow(dead_code, reason = "checked, and changes nothing")]
    #[schema(nullable = false)]
    pub(super) os: Option<Os>,
    pub(super) search_mode: SearchMode,
    /// Liveness is looked at only where the score of the comparison is above this one; always where it is absent.
    #[schema(minimum = 0.67, maximum = 0.95, nullable = false)]
    pub(super) compare_min_score: Option<f64>,
    /// Only a liveness score above this one passes.
    #[schema(minimum = 0.5, maximum = 1.0, default = 0.6, required = false)]
    pub(super) liveness_min_score: f64,
}

impl CompareThenLiveRequest {
    pub(super) fn from_json(body: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["probe", "gallery", "search_mode"]);
        let request = Self {
            probe: one_photo(&mut fields, "probe"),
            gallery: photos(&mut fields, "gallery", MAX_SIDE),
            os: os(&mut fields),
            search_mode: mode(&mut fields),
            compare_min_score: compare_min_score(&mut fields),
            liveness_min_score: min_liveness(&mut fields),
        };
        fields.no_nulls();
        fields.finish(request)
    }
}

/// A living person to be created, unless somebody with that face is in the collection.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it describes; the reader fills in the types of the vocabulary")]
pub(super) struct NewLivePerson {
    /// The full name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Photos in base64; each must show one main face, of a living person.
    #[schema(min_items = 1, max_items = 3)]
    images: Vec<String>,
    /// `_id` or `code` of the collection.
    #[schema(max_length = 64)]
    collection_id: String,
    gender: Option<Gender>,
    date_of_birth: Option<AnyDate>,
    #[schema(min_length = 1, max_length = 100)]
    nationality: Option<String>,
    #[schema(max_length = 4000)]
    notes: Option<String>,
    /// Somebody in the collection whose score is above this one counts as the same person.
    #[schema(minimum = 0.5, maximum = 1.0, default = 0.85, required = false)]
    min_score: f64,
    /// Checked, and changes nothing: photos that are kept are encoded in the vault's mode.
    #[schema(required = false)]
    search_mode: SearchMode,
    /// A photo is refused unless its liveness score is above this one.
    #[schema(minimum = 0.5, maximum = 1.0, default = 0.6, required = false)]
    liveness_min_score: f64,
}

/// What [`NewLivePerson`] describes, read.
pub(super) struct LivePersonRequest {
    /// The person, in the one collection.
    pub(super) person: NewPerson,
    pub(super) min_score: f64,
    pub(super) liveness_min_score: f64,
}

impl LivePersonRequest {
    pub(super) fn from_json(body: &[u8], limits: &Limits, max_images: usize) -> Result<Self> {
        let mut fields = Fields::new(parse(body)?)?;
        fields.required(&["name", "images", "collection_id"]);
        let (min_score, liveness_min_score, _) =
            (fields.number("min_score", 0.5, 1.0).set().unwrap_or(KNOWN), min_liveness(&mut fields), mode(&mut fields));
        let person = NewPerson {
            name: fields.text("name").set().unwrap_or_default(),
            images: photos(&mut fields, "images", max_images),
            collections: fields.named_collection("collection_id").into_iter().collect(),
            ..NewPerson::default()
        };
        fields.no_nulls();
        let person = NewPerson {
            gender: fields.parsed("gender", Gender::parse).set(),
            date_of_birth: fields.date("date_of_birth").set(),
            nationality: fields.text("nationality").set(),
            notes: fields.text("notes").set(),
            ..person
        };
        let request = Self { person, min_score, liveness_min_score };
        fields.finish_valid(request, |request| request.person.validate(limits))
    }
}

impl Photos for LivenessRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        vec![&self.image]
    }
}

impl Photos for LiveSearchRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        vec![&self.image]
    }
}

impl Photos for CompareLiveRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        std::iter::once(&self.probe).chain(&self.gallery).collect()
    }
}

impl Photos for CompareThenLiveRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        std::iter::once(&self.probe).chain(&self.gallery).collect()
    }
}

impl Photos for LivePersonRequest {
    fn photos(&self) -> Vec<&ImageBytes> {
        self.person.images.iter().collect()
    }
}

fn os(fields: &mut Fields) -> Option<Os> {
    fields.parsed("os", Os::parse).set()
}

fn min_liveness(fields: &mut Fields) -> f64 {
    let asked = fields.number("liveness_min_score", LEAST_LIVENESS, 1.0).set();
    asked.unwrap_or(LivenessCheck::DEFAULT_MIN_SCORE)
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
        let compare = r#"{"probe": ["/9j/"], "gallery": "x", "search_mode": "FAST", "liveness_min_score": 0.4}"#;
        assert_eq!(
            rules(CompareLiveRequest::from_json(compare.as_bytes())),
            [
                "\"os\" is required",
                "\"probe\" must be a string",
                "\"gallery\" must be a list",
                "\"liveness_min_score\" must be greater than or equal to 0.5"
            ]
        );
        let person = |body: &str| rules(LivePersonRequest::from_json(body.as_bytes(), &Limits::default(), 3));
        assert_eq!(person("{}"), ["\"name\" is required", "\"images\" is required", "\"collection_id\" is required"]);
        assert_eq!(
            person(r#"{"name": "", "images": ["/9j/"], "collection_id": null, "collections": [], "gender": null}"#),
            [
                "\"collection_id\" must not be null",
                "\"name\" must have 1 to 100 characters",
                "\"collections\" is not allowed"
            ]
        );
        let request = LivePersonRequest::from_json(
            br#"{"name": "Ada", "images": ["/9j/"], "collection_id": "staff", "notes": null}"#,
            &Limits::default(),
            3,
        )
        .expect("a request");
        assert_eq!((request.min_score, request.liveness_min_score), (0.85, 0.6));
        assert_eq!(request.person.collections, ["staff"]);
    }
}

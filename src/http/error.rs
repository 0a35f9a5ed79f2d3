//! Errors in the API's words: status, `error`, `message`, `code`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::answer::Reply;
use crate::error::{Error, ErrorKind, ImageReport, RefusalCode, Rule, Violation};
use crate::validate::{MAX_VIOLATIONS, Violations, shortened};
use crate::wire::{ImageOutcome, PersonAnswer, sorted};

/// `Retry-After` in seconds, where no time is computed.
const RETRY_AFTER: u32 = 1;

/// The most characters of a sentence about one broken rule.
const MAX_SENTENCE: usize = 400;

/// What went wrong.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody<'a> {
    /// For people.
    pub(super) error: String,
    /// For programs: a word, or the first broken rule with the field in quotes.
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) code: Option<&'static str>,
    /// The existing person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) data: Option<PersonAnswer<'a>>,
    /// Every broken rule, 100 at most; then one that says how many more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) details: Option<Vec<BrokenRule>>,
    /// The outcome of every photo: `code` says why it was refused, `reason` says so in the words of
    /// `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) images: Option<Vec<ImageOutcome>>,
}

/// A rule that a field breaks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BrokenRule {
    field: String,
    message: String,
}

/// A body with its members in alphabetical order, as all errors but one are written.
struct Sorted<'a>(&'a ErrorBody<'static>);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        sorted(self.0, serializer)
    }
}

/// An answer that says what went wrong. Its size does not grow with the request.
pub(super) struct ApiError {
    status: StatusCode,
    body: Box<ErrorBody<'static>>,
    retry_after: Option<u32>,
    challenge: Option<&'static str>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, error: &str, message: impl Into<String>, code: &'static str) -> Self {
        Self::of(status, ErrorBody { code: Some(code), ..ErrorBody::without_code(error, message) })
    }

    fn of(status: StatusCode, body: ErrorBody<'static>) -> Self {
        Self { status, body: Box::new(body), retry_after: None, challenge: None }
    }

    fn with_details(mut self, violations: &[Violation]) -> Self {
        self.body.details = Some(details(violations));
        self
    }

    fn later(self) -> Self {
        self.after(RETRY_AFTER)
    }

    fn after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// No token, or an unknown one: a body without `code`. `challenge` says how to show one.
    pub(super) fn unauthorized(challenge: &'static str) -> Self {
        let error = Self::of(StatusCode::UNAUTHORIZED, ErrorBody::without_code("Unauthorized", "UNAUTHORIZED"));
        Self { challenge: Some(challenge), ..error }
    }

    pub(super) fn token_expired() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", "token_expired", "FORBIDDEN")
    }

    pub(super) fn too_many() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests", "too_many_requests", "TOO_MANY_REQUESTS").later()
    }

    /// No such person: a body without `code`.
    pub(super) fn person_not_found() -> Self {
        Self::of(StatusCode::NOT_FOUND, ErrorBody::without_code("Person not found", "PERSON_NOT_FOUND"))
    }

    pub(super) fn invalid_collection() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Collection not found", "invalid_collection", "ERROR")
    }

    pub(super) fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", "route_not_found", "ERROR")
    }

    pub(super) fn no_such_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "method_not_allowed", "ERROR")
    }

    pub(super) fn unknown_host() -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "the Host header names neither an address, localhost, nor a name given with --host",
            "unknown_host",
            "ERROR",
        )
    }

    pub(super) fn too_large(limit: u64) -> Self {
        let error = format!("the body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, &error, "body_too_large", "ERROR")
    }

    pub(super) fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be JSON with Content-Type: application/json and no Content-Encoding",
            "unsupported_media_type",
            "ERROR",
        )
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time", "request_timeout", "ERROR")
    }

    pub(super) fn cut_short() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "the body was cut short", "body_cut_short", "ERROR")
    }

    /// Something that many requests share is used up for now.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Busy", "busy", "ERROR").later()
    }

    /// The client's part of a queue is full; after this time there should be a place.
    pub(super) fn busy_for(wait: Duration) -> Self {
        Self::busy().after(wait.as_secs_f64().ceil().max(f64::from(RETRY_AFTER)) as u32)
    }

    /// The photos have more megapixels than a request may have.
    pub(super) fn too_many_pixels(found: u64, most: u32) -> Self {
        let error = format!("the photos have {found} megapixels, at most {most} are taken in one request");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, &error, "too_many_pixels", "ERROR")
    }

    /// The request needs something that is not available; `reason` says what it is and how to get it.
    pub(super) fn unavailable(message: &str, reason: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, message, "ERROR")
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "internal_error", "ERROR")
    }

    /// The disk failed, and the change may take effect later or not.
    fn outcome_unknown() -> Self {
        let error = "It is not known whether this was written: read it again";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error, "outcome_unknown", "ERROR")
    }

    /// A query that breaks rules.
    pub(super) fn invalid_query(violations: &[Violation]) -> Self {
        Self::new(StatusCode::CONFLICT, "Invalid request", "Invalid query parameters", "INVALID_PARAMETERS")
            .with_details(violations)
    }

    /// A lookup's own words for a name that is missing or too short.
    pub(super) fn lookup_name(message: &'static str, violations: &[Violation]) -> Self {
        Self::new(StatusCode::CONFLICT, "Invalid request", message, "MissingParameter").with_details(violations)
    }

    /// A body that breaks rules: the first one is the message. An unknown collection is not found, as in a path.
    pub(super) fn invalid(violations: &[Violation]) -> Self {
        let (status, message, code) = match violations.first() {
            Some(Violation { field, rule: Rule::Unknown(_) }) if field.starts_with("collection") => {
                return Self::invalid_collection().with_details(violations);
            }
            Some(Violation { rule: Rule::Base64, .. }) => {
                (StatusCode::PRECONDITION_FAILED, "only_images_in_base64".to_owned(), "ERROR")
            }
            Some(first) => (StatusCode::CONFLICT, sentence(first), "MissingParameter"),
            None => (StatusCode::CONFLICT, "the request is not valid".to_owned(), "MissingParameter"),
        };
        Self::new(status, "Invalid request", message, code).with_details(violations)
    }

    fn refused(images: &[ImageReport]) -> Self {
        let first = images.iter().find_map(|image| image.refusal.as_ref());
        let message = first.map_or("no_face_detected", |refusal| word(refusal.code));
        let outcome = |image: &ImageReport| {
            let reason = image.refusal.as_ref().map(|refusal| word(refusal.code));
            ImageOutcome::new(image, reason)
        };
        let mut refused = Self::new(StatusCode::CONFLICT, "Photos refused", message, "ERROR");
        refused.body.images = Some(images.iter().map(outcome).collect());
        refused
    }

    /// The error of a verb; what is not found is `missing`.
    pub(super) fn from_verb(error: &Error, missing: fn() -> Self) -> Self {
        match error.kind() {
            ErrorKind::NotFound => missing(),
            ErrorKind::Invalid if error.violations().is_empty() => {
                Self::new(StatusCode::CONFLICT, "Invalid request", error.to_string(), "MissingParameter")
            }
            ErrorKind::Invalid => Self::invalid(error.violations()),
            ErrorKind::AlreadyExists => {
                Self::new(StatusCode::PRECONDITION_FAILED, "Already exists", error.to_string(), "PreconditionFailed")
            }
            ErrorKind::Conflict => {
                Self::new(StatusCode::PRECONDITION_FAILED, "Changed meanwhile", error.to_string(), "PreconditionFailed")
                    .later()
            }
            ErrorKind::Refused => Self::refused(error.images()),
            ErrorKind::ModelMismatch | ErrorKind::ModelUnavailable => Self::unavailable("no_model", &error.to_string()),
            ErrorKind::Busy => Self::busy(),
            // These are for the operator: the log says what failed, under the request's id.
            ErrorKind::Runtime => logged(error, Self::unavailable("runtime_failed", "The models failed")),
            ErrorKind::Corrupt => logged(error, Self::unavailable("vault_damaged", "The vault is damaged")),
            ErrorKind::Unsupported | ErrorKind::Key => {
                logged(error, Self::unavailable("vault_unsupported", "The vault cannot be used"))
            }
            ErrorKind::OutcomeUnknown => logged(error, Self::outcome_unknown()),
            ErrorKind::Io | ErrorKind::Cancelled => logged(error, Self::internal()),
        }
    }

    /// The answer in bytes, for the thread that did the work.
    pub(super) fn into_reply(self) -> Reply {
        let headers = self.headers();
        Reply::with_status(self.status, &Sorted(&self.body)).with_headers(headers)
    }

    /// The body.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Sorted(&self.body)).unwrap_or_default()
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        headers
    }

    #[cfg(test)]
    pub(super) fn body(&self) -> (u16, serde_json::Value) {
        (self.status.as_u16(), serde_json::json!(self.body))
    }
}

impl ErrorBody<'_> {
    /// The body of the two errors that have no code.
    fn without_code(error: &str, message: impl Into<String>) -> Self {
        Self { error: error.to_owned(), message: message.into(), ..Self::default() }
    }
}

/// For verbs without an error of their own for what is missing: it is taken to be a person.
impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::from_verb(&error, Self::person_not_found)
    }
}

/// For what is refused before any work is done: these are small.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, self.headers(), axum::Json(Sorted(&self.body))).into_response()
    }
}

fn logged(error: &Error, answer: ApiError) -> ApiError {
    tracing::error!(kind = %error.kind(), %error, "a request failed");
    answer
}

fn details(violations: &[Violation]) -> Vec<BrokenRule> {
    let told = |found: &Violation| BrokenRule { field: shortened(&found.field).into_owned(), message: sentence(found) };
    // One more is allowed, since the last one may only state how many were left out.
    if violations.len() <= MAX_VIOLATIONS + 1 {
        return violations.iter().map(told).collect();
    }
    let mut few = Violations::default();
    violations.iter().for_each(|found| few.add(found.field.clone(), found.rule.clone()));
    few.finish("body").iter().map(told).collect()
}

/// The API's sentence: the field in quotes and the rule.
fn sentence(violation: &Violation) -> String {
    let Violation { field, rule } = violation;
    let field = shortened(field);
    let mut sentence = match rule {
        Rule::Type("a list") => format!("{field:?} must be an array"),
        Rule::Type("a whole number") => format!("{field:?} must be an integer"),
        Rule::Count { min: 1, max: 1 } => format!("{field:?} must contain 1 item"),
        Rule::Count { min, max } => format!("{field:?} must contain {min} to {max} items"),
        rule => format!("{field:?} {rule}"),
    };
    if let Some((end, _)) = sentence.char_indices().nth(MAX_SENTENCE) {
        sentence.truncate(end);
        sentence.push('…');
    }
    sentence
}

/// The service's word for a refusal. It has eleven, and no others are answered; the `code` beside it is more exact.
pub(super) fn word(code: RefusalCode) -> &'static str {
    match code {
        // Where nothing can be looked at, nobody is found.
        RefusalCode::NoFaceDetected
        | RefusalCode::UndecodableImage
        | RefusalCode::ImageTooLarge
        | RefusalCode::NoPhoto => "no_face_detected",
        // Two people where one was expected, in one photo or in several.
        RefusalCode::MultipleFacesDetected | RefusalCode::DifferentPerson => "multiple_faces_detected",
        RefusalCode::FaceTooSmall => "face_too_far",
        RefusalCode::FaceTooClose => "face_too_close",
        RefusalCode::FaceCloseToBorder => "face_close_to_border",
        RefusalCode::FaceNotCentered => "face_not_centered",
        RefusalCode::FaceRotationTooLarge => "face_rotation_too_large",
        RefusalCode::FaceOccluded => "face_occluded",
        // The service has one word for a picture that is too poor.
        RefusalCode::PoorLighting | RefusalCode::Blurred | RefusalCode::LowQuality | RefusalCode::NotRecognizable => {
            "poor_lighting"
        }
        RefusalCode::LivenessFailed => "liveness_failed",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Refusal;

    fn violations(rules: &[(&str, Rule)]) -> Vec<Violation> {
        rules.iter().map(|(field, rule)| Violation { field: (*field).into(), rule: rule.clone() }).collect()
    }

    #[test]
    fn the_apis_errors_are_exactly_its_own() {
        for (error, status, body) in [
            (ApiError::unauthorized("Bearer"), 401, r#"{"error":"Unauthorized","message":"UNAUTHORIZED"}"#),
            (ApiError::person_not_found(), 404, r#"{"error":"Person not found","message":"PERSON_NOT_FOUND"}"#),
        ] {
            assert_eq!(
                (error.status.as_u16(), serde_json::to_string(&error.body).expect("JSON").as_str()),
                (status, body)
            );
        }
    }

    #[test]
    fn rules_are_told_in_the_apis_words() {
        for (rule, sentence) in [
            (Rule::Required, "\"f\" is required"),
            (Rule::Type("a string"), "\"f\" must be a string"),
            (Rule::Type("a list"), "\"f\" must be an array"),
            (Rule::OneOf(&["M", "F"]), "\"f\" must be one of [M, F]"),
            (Rule::AtLeast(0.52), "\"f\" must be greater than or equal to 0.52"),
            (Rule::NotAllowed, "\"f\" is not allowed"),
        ] {
            let error = ApiError::invalid(&violations(&[("f", rule), ("g", Rule::Required)]));
            let (status, body) = error.body();
            assert_eq!((status, &body["message"], &body["code"]), (409, &json!(sentence), &json!("MissingParameter")));
            assert_eq!(body["details"].as_array().map(Vec::len), Some(2));
        }
        let error = ApiError::invalid(&violations(&[("images[0]", Rule::Base64)]));
        assert_eq!((error.body().0, &error.body().1["message"]), (412, &json!("only_images_in_base64")));
    }

    #[test]
    fn refused_photos_have_the_services_word_and_every_reason() {
        let refusal = Refusal::measured(RefusalCode::FaceTooSmall, 20.0, 40.0, "too small");
        let reports = vec![ImageReport { index: 0, refusal: None }, ImageReport { index: 1, refusal: Some(refusal) }];
        let error = ApiError::from(Error::refused(reports));
        let (status, body) = error.body();
        assert_eq!((status, &body["message"], &body["code"]), (409, &json!("face_too_far"), &json!("ERROR")));
        assert_eq!(
            (&body["images"][1]["code"], &body["images"][1]["reason"]),
            (&json!("face_too_small"), &json!("face_too_far"))
        );
        assert!(body["images"][0].get("reason").is_none());
    }

    #[test]
    fn what_is_ours_says_nothing_but_whose_it_is() {
        for (kind, status, message) in [
            (ErrorKind::Corrupt, 503, "vault_damaged"),
            (ErrorKind::Unsupported, 503, "vault_unsupported"),
            (ErrorKind::Key, 503, "vault_unsupported"),
            (ErrorKind::Runtime, 503, "runtime_failed"),
            (ErrorKind::Busy, 503, "busy"),
            (ErrorKind::Io, 500, "internal_error"),
            (ErrorKind::OutcomeUnknown, 500, "outcome_unknown"),
        ] {
            let error = ApiError::from(Error::new(kind, "person person_1 cannot be read"));
            let (found, body) = error.body();
            assert_eq!((found, &body["message"], &body["code"]), (status, &json!(message), &json!("ERROR")));
            assert!(!body.to_string().contains("person_1"), "{body}");
        }
    }

    #[test]
    fn what_is_told_does_not_grow_with_the_request() {
        let long = "\u{1}".repeat(1 << 20);
        let found: Vec<Violation> = (0..1_000)
            .map(|i| Violation { field: format!("collections[{i}]{long:.200}"), rule: Rule::Unknown(long.clone()) })
            .collect();
        let error = ApiError::invalid(&found);
        let body = error.body().1;
        let details = body["details"].as_array().expect("details");
        assert_eq!((details.len(), &details[100]["message"]), (101, &json!("\"body\" breaks 900 more rules")));
        assert!(body.to_string().len() < 400_000);
    }
}

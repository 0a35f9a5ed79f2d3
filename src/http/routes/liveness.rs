//! Liveness: whether a living person stands in front of the camera, by itself and before a search or comparison.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::collections::collection;
use super::matching::{Compared, Search, SearchResult, above, compared, found, shown, whole};
use super::persons::MAX_IMAGES;
use crate::comparison::OperatingPoint;
use crate::error::{DuplicateReason, Error, ImageReport};
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::live_request::{
    CompareLiveRequest, CompareThenLiveRequest, LivePersonRequest, LiveSearchRequest, LivenessRequest, NewLivePerson,
};
use crate::http::openapi::{CollectionErrors, ConflictErrors, Errors};
use crate::http::query::NoQuery;
use crate::liveness::{LivenessCheck, LivenessPolicy};
use crate::vault::{DuplicatePolicy, Vault};
use crate::wire::PersonAnswer;

/// The most results of a search.
const MAX_RESULTS: usize = 10;

/// Whether a photo shows a living person.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LivenessResult {
    #[schema(minimum = 0.0, maximum = 1.0)]
    liveness_score: f64,
    /// The score that had to be exceeded.
    #[schema(minimum = 0.0, maximum = 1.0)]
    min_score: f64,
    /// Whether it was.
    passed: bool,
}

impl LivenessResult {
    fn new(liveness_score: f64, min_score: f64) -> Self {
        Self { liveness_score, min_score, passed: liveness_score > min_score }
    }
}

/// Who the living person may be.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LiveSearchResult {
    #[schema(minimum = 0.0, maximum = 1.0)]
    liveness_score: f64,
    /// Persons whose score is above `min_score`, best first.
    persons: Vec<SearchResult>,
}

/// How alike a living person is to photos.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ComparedLive {
    liveness: LivenessResult,
    /// Whether the score exceeds the minimum.
    passed: bool,
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
}

/// A comparison, and the liveness of its probe.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ComparedThenLive {
    comparison: Compared,
    /// Null where `compare_min_score` was given and the comparison did not exceed it.
    #[schema(required = true)]
    liveness: Option<LivenessResult>,
}

/// Whether a photo shows a living person
///
/// The photo must show one main face. Networks that look at one picture are weak evidence: a high score is no proof.
#[utoipa::path(
    post, path = "/liveness", tag = "liveness", operation_id = "liveness",
    request_body = LivenessRequest,
    responses((status = 200, description = "How live the face is", body = Answer<LivenessResult>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn liveness(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let read = move |_: &Vault, body: &[u8]| loaded(&state, LivenessRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: LivenessRequest| {
        let LivenessRequest { image, os: _, liveness_min_score } = asked;
        let engine = vault.engine().ok_or_else(unavailable)?;
        let found = engine.liveness_of(std::slice::from_ref(&image))?.into_iter().next();
        let face = found.ok_or_else(ApiError::internal)?;
        let face = face.map_err(|refusal| Error::refused(vec![ImageReport { index: 0, refusal: Some(refusal) }]))?;
        Ok(Reply::new(request, LivenessResult::new(face.liveness.score, liveness_min_score)))
    };
    app.with_photos(caller, body, read, work).await
}

/// Search for the living person in front of a device
///
/// The photo is refused (`liveness_failed`) unless it seems to show a living person; then as `search`.
#[utoipa::path(
    post, path = "/search-live-face", tag = "liveness", operation_id = "searchLiveFace",
    request_body = LiveSearchRequest,
    responses((status = 200, description = "Who it may be", body = Answer<LiveSearchResult>), Errors, ConflictErrors, CollectionErrors)
)]
pub(in crate::http) async fn search_live_face(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (reading, state) = (app.clone(), app.clone());
    let read = move |_: &Vault, body: &[u8]| loaded(&reading, LiveSearchRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: LiveSearchRequest| {
        let LiveSearchRequest { image, os: _, min_score, search_mode: mode, collection_id, liveness_min_score } = asked;
        let search = Search {
            photos: &[image],
            prepare: whole,
            mode,
            min_score,
            collection: collection_id,
            max_results: MAX_RESULTS,
            top: false,
            liveness: LivenessCheck::require(liveness_min_score),
        };
        let (found, liveness) = found(&state, vault, search)?;
        let persons = shown(vault, found, false)?;
        Ok(Reply::new(request, LiveSearchResult { liveness_score: judged(liveness)?, persons }))
    };
    app.with_photos(caller, body, read, work).await
}

/// Compare a living person with photos
///
/// The probe is refused (`liveness_failed`) unless it seems to show a living person; then as `compare`. The gallery is
/// not looked at for liveness.
#[utoipa::path(
    post, path = "/compare-live", tag = "liveness", operation_id = "compareLive",
    request_body = CompareLiveRequest,
    responses((status = 200, description = "How alike they are", body = Answer<ComparedLive>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn compare_live(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (reading, state) = (app.clone(), app.clone());
    let read = move |_: &Vault, body: &[u8]| loaded(&reading, CompareLiveRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: CompareLiveRequest| {
        let CompareLiveRequest { probe, gallery, os: _, search_mode, compare_min_score, liveness_min_score } = asked;
        let check = LivenessCheck::require(liveness_min_score);
        let (score, live) = compared(&state, vault, [&[probe], &gallery], search_mode, &check)?;
        vault.note_comparison(above(compare_min_score), score > compare_min_score)?;
        let liveness = LivenessResult::new(judged(live)?, liveness_min_score);
        Ok(Reply::new(request, ComparedLive { liveness, passed: score > compare_min_score, score }))
    };
    app.with_photos(caller, body, read, work).await
}

/// Compare a photo with photos, then look whether it shows a living person
///
/// Nothing is refused for liveness: the answer has both results. Without `compare_min_score` the comparison is said to
/// pass above 0.85, and liveness is looked at whether or not it does.
#[utoipa::path(
    post, path = "/compare-with-liveness", tag = "liveness", operation_id = "compareWithLiveness",
    request_body = CompareThenLiveRequest,
    responses((status = 200, description = "How alike they are, and how live the probe is", body = Answer<ComparedThenLive>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn compare_with_liveness(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (reading, state) = (app.clone(), app.clone());
    let read = move |_: &Vault, body: &[u8]| loaded(&reading, CompareThenLiveRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: CompareThenLiveRequest| {
        let CompareThenLiveRequest { probe, gallery, os: _, search_mode, compare_min_score: least, liveness_min_score } =
            asked;
        let check = LivenessCheck::require(liveness_min_score).with_policy(LivenessPolicy::Report);
        let (score, live) = compared(&state, vault, [&[probe], &gallery], search_mode, &check)?;
        let live = judged(live)?;
        let min_score = least.unwrap_or(crate::http::score::ANCHOR_SCORE);
        let passed = score > min_score;
        vault.note_comparison(above(min_score), passed)?;
        let liveness = (passed || least.is_none()).then(|| LivenessResult::new(live, liveness_min_score));
        Ok(Reply::new(request, ComparedThenLive { comparison: Compared { passed, score }, liveness }))
    };
    app.with_photos(caller, body, read, work).await
}

/// Create a living person, unless the face is known
///
/// Each photo is refused (`liveness_failed`) unless it seems to show a living person. Where an active person with that
/// face is in the collection, nothing is written: 409, `409:duplicated_person`.
#[utoipa::path(
    post, path = "/persons/search-live-face", tag = "liveness", operation_id = "createLivePerson",
    request_body = NewLivePerson,
    responses((status = 200, description = "The new person", body = Answer<PersonAnswer>), Errors, ConflictErrors, CollectionErrors)
)]
pub(in crate::http) async fn create_live_person(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (reading, state) = (app.clone(), app.clone());
    let read = move |vault: &Vault, body: &[u8]| {
        loaded(&reading, LivePersonRequest::from_json(body, vault.limits(), MAX_IMAGES)?)
    };
    let share = caller.share.clone();
    let work = move |vault: &Vault, asked: LivePersonRequest| {
        let LivePersonRequest { person, min_score, liveness_min_score } = asked;
        let room = share.room(person.images.iter().map(|photo| photo.len() as u64).sum())?;
        let alike = OperatingPoint::similarity(state.scale()?.similarity_above(min_score))?;
        let policy = DuplicatePolicy::default().with_face(alike).with_collections(person.collections.clone());
        // The operator's limit holds where it is the stricter one.
        let least = vault.min_liveness().map_or(liveness_min_score, |least| least.max(liveness_min_score));
        let vault = vault.with_min_liveness(least);
        match vault.create_person_unless_known(&person, &policy) {
            Ok(person) => Ok(Reply::person(&person, room)),
            Err(error) if error.duplicate().is_some_and(|known| is_face(&known.reason)) => Err(duplicated_person()),
            Err(error) => Err(collection(error)),
        }
    };
    app.with_photos(caller, body, read, work).await
}

/// No liveness model was loaded when the server started.
fn unavailable() -> ApiError {
    let reason = "no liveness model is loaded, so it is not known whether a photo shows a living person: whoever runs \
                  the server installs one with `facevault models install liveness` and starts it again";
    ApiError::unavailable("liveness_unavailable", reason)
}

/// Somebody with this face is in the collection.
fn duplicated_person() -> ApiError {
    let error = "somebody with this face is in the collection already";
    ApiError::new(StatusCode::CONFLICT, error, "409:duplicated_person", "ERROR")
}

fn is_face(reason: &DuplicateReason) -> bool {
    matches!(reason, DuplicateReason::Face { .. })
}

/// What was asked, if there is a liveness model to ask: a body that breaks a rule is reported first.
fn loaded<T>(app: &App, asked: T) -> Result<T, ApiError> {
    if app.liveness { Ok(asked) } else { Err(unavailable()) }
}

/// A score that was asked for.
fn judged(liveness: Option<f64>) -> Result<f64, ApiError> {
    liveness.ok_or_else(ApiError::internal)
}

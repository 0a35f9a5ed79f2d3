//! Search (1:N), verify (1:1 against a person) and compare (photos against photos).

use axum::extract::State;
use axum::response::Response;
use image::RgbImage;
use serde::Serialize;
use utoipa::ToSchema;

use super::collections::{collection, only};
use crate::comparison::{OperatingPoint, Similarity};
use crate::encoding::FaceEncoding;
use crate::engine::{CompareOptions, Engine};
use crate::error::{Error, ErrorKind};
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{CollectionErrors, ConflictErrors, Errors, NotFoundErrors};
use crate::http::query::NoQuery;
use crate::http::request::{ActiveUserRequest, CompareRequest, CropsRequest, SearchMode, SearchRequest, VerifyRequest};
use crate::http::score::Scale;
use crate::http::thumbnail;
use crate::liveness::LivenessCheck;
use crate::person::{CollectionId, Gender, ImageBytes, ImageId, PersonId};
use crate::vault::{Candidate, Identification, IdentifyOptions, Probe, RecognizedBy, Vault};
use crate::wire::{DateParts, encode_base64, sorted};

/// The lowest minimum scores that may be asked of a search.
pub(in crate::http) const LEAST_SCORE: f64 = 0.2;
pub(in crate::http) const LEAST_SCORE_OF_CROPS: f64 = 0.5;

/// The most results of a search for an active user.
const ACTIVE_USERS: usize = 10;

/// What is done to an upright picture before faces are looked for.
pub(super) type Prepare = fn(RgbImage) -> RgbImage;

/// A search as every route asks it.
pub(super) struct Search<'a> {
    pub(super) photos: &'a [ImageBytes],
    /// What is done to a photo before faces are looked for.
    pub(super) prepare: Prepare,
    pub(super) mode: SearchMode,
    pub(super) min_score: f64,
    pub(super) collection: Option<String>,
    pub(super) max_results: usize,
    /// Whether those are wanted as well who do not exceed the minimum.
    pub(super) top: bool,
    /// What is done about liveness.
    pub(super) liveness: LivenessCheck,
}

/// A person that a search found.
pub(super) struct Found {
    /// Accepted where the score exceeds the minimum.
    candidate: Candidate,
    score: f64,
}

/// A small picture.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Thumbnail {
    /// The photo's id.
    id: String,
    /// JPEG in base64, at most 160 pixels a side.
    thumbnail: String,
}

/// Somebody who may be on the photos.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SearchResult {
    /// The person's id.
    id: String,
    name: String,
    /// 0 to 1; 0.85 stands for a false match rate of 1 in 1,000.
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
    /// The photo that is most similar.
    thumbnails: Vec<Thumbnail>,
    /// Whether the score is above `min_score`; only where `top` was asked for. Whoever is not recognised is most
    /// likely somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    recognized: Option<bool>,
}

/// Somebody who may be on the photo.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ActiveUser<'a> {
    /// The person's id.
    id: &'a str,
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
}

/// The answer to "is this that person?".
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Verified<'a> {
    #[serde(rename = "match")]
    #[schema(required = true)]
    matched: Option<Match<'a>>,
}

/// The person on the photos.
#[derive(Serialize, ToSchema)]
struct Match<'a> {
    collections: Vec<&'a str>,
    #[serde(serialize_with = "sorted")]
    #[schema(required = true)]
    date_of_birth: Option<DateParts>,
    #[schema(required = true)]
    gender: Option<Gender>,
    id: &'a str,
    name: &'a str,
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
    thumbnails: Vec<Thumbnail>,
}

/// How alike two sets of photos are.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Compared {
    /// Whether the score exceeds the minimum.
    pub(super) passed: bool,
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub(super) score: f64,
}

/// Search for a person by photos
///
/// The best of a person's photos counts; results have a score above `min_score`, best first. With `top` they are the
/// most similar persons; `recognized` says of each whether the score is above `min_score`.
#[utoipa::path(
    post, path = "/search", tag = "matching", operation_id = "search",
    request_body = SearchRequest,
    responses((status = 200, description = "Who it may be", body = Answer<Vec<SearchResult>>), Errors, ConflictErrors, CollectionErrors)
)]
pub(in crate::http) async fn search(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let read = |_: &Vault, body: &[u8]| Ok(SearchRequest::from_json(body, LEAST_SCORE)?);
    let work = move |vault: &Vault, asked: SearchRequest| Ok(Reply::new(request, people(&state, vault, asked, whole)?));
    app.with_photos(caller, body, read, work).await
}

/// Search for a person by crops of the face
///
/// As `search`, for pictures that end at the face's sides.
#[utoipa::path(
    post, path = "/search/crops", tag = "matching", operation_id = "searchCrops",
    request_body = CropsRequest,
    responses((status = 200, description = "Who it may be", body = Answer<Vec<SearchResult>>), Errors, ConflictErrors, CollectionErrors)
)]
pub(in crate::http) async fn search_crops(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let read = |_: &Vault, body: &[u8]| Ok(SearchRequest::from_json(body, LEAST_SCORE_OF_CROPS)?);
    let work = move |vault: &Vault, asked: SearchRequest| {
        Ok(Reply::new(request, people(&state, vault, asked, thumbnail::framed)?))
    };
    app.with_photos(caller, body, read, work).await
}

/// Search for the person in front of a device
#[utoipa::path(
    post, path = "/search-active-user", tag = "matching", operation_id = "searchActiveUser",
    request_body = ActiveUserRequest,
    responses((status = 200, description = "Who it may be", body = Answer<Vec<ActiveUser>>), Errors, ConflictErrors, CollectionErrors)
)]
pub(in crate::http) async fn search_active_user(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let read = |_: &Vault, body: &[u8]| Ok(ActiveUserRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: ActiveUserRequest| {
        let ActiveUserRequest { image, os: _, min_score, search_mode, collection_id } = asked;
        let photos = [image];
        let (mode, max_results) = (search_mode, ACTIVE_USERS);
        let search = Search {
            photos: &photos,
            prepare: whole,
            mode,
            min_score,
            collection: collection_id,
            max_results,
            top: false,
            liveness: LivenessCheck::default(),
        };
        let (found, _) = found(&state, vault, search)?;
        let users = found.iter().map(|found| ActiveUser { id: found.candidate.person.as_str(), score: found.score });
        Ok(Reply::new(request, users.collect::<Vec<_>>()))
    };
    app.with_photos(caller, body, read, work).await
}

/// Verify that photos show a person
///
/// `match` is null where the score does not exceed `min_score`.
#[utoipa::path(
    post, path = "/verify", tag = "matching", operation_id = "verify",
    request_body = VerifyRequest,
    responses((status = 200, description = "The person, or null", body = Answer<Verified>), Errors, ConflictErrors, NotFoundErrors)
)]
pub(in crate::http) async fn verify(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let read = |_: &Vault, body: &[u8]| Ok(VerifyRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: VerifyRequest| {
        let VerifyRequest { id, images, min_score, search_mode, collection_id } = asked;
        let id = id.ok_or_else(ApiError::person_not_found)?;
        let person = |error: Error| ApiError::from_verb(&error, ApiError::person_not_found);
        let summary = vault.person_summary(&id).map_err(person)?;
        if let Some(named) = collection_id {
            let wanted = vault.collection(&named).map_err(collection)?;
            if !summary.collections.contains(&wanted.id) {
                return Err(ApiError::person_not_found());
            }
        }
        let scale = state.scale()?;
        let probe = probe(vault, &images, whole, search_mode)?;
        let verification = vault
            .compare_with_person(&id, &probe, &CompareOptions::default().with_operating_point(any()?))
            .map_err(person)?;
        let score = scale.score(verification.decision.similarity);
        vault.note_verification(&id, above(min_score), score > min_score)?;
        let matched = if score > min_score {
            Some(Match {
                collections: summary.collections.iter().map(CollectionId::as_str).collect(),
                date_of_birth: summary.date_of_birth.map(Into::into),
                gender: summary.gender,
                id: id.as_str(),
                name: &summary.name,
                score,
                thumbnails: thumbnails(vault, &id, &verification.image)?,
            })
        } else {
            None
        };
        Ok(Reply::new(id.as_str(), Verified { matched }))
    };
    app.with_photos(caller, body, read, work).await
}

/// Compare photos with photos
///
/// `passed` says whether the score exceeds `compare_min_score`. Nobody enrolled is looked at.
#[utoipa::path(
    post, path = "/compare", tag = "matching", operation_id = "compare",
    request_body = CompareRequest,
    responses((status = 200, description = "How alike they are", body = Answer<Compared>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn compare(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let read = |_: &Vault, body: &[u8]| Ok(CompareRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: CompareRequest| {
        let CompareRequest { probe, gallery, search_mode, compare_min_score } = asked;
        let (score, _) = compared(&state, vault, [&probe, &gallery], search_mode, &LivenessCheck::default())?;
        vault.note_comparison(above(compare_min_score), score > compare_min_score)?;
        Ok(Reply::new(request, Compared { passed: score > compare_min_score, score }))
    };
    app.with_photos(caller, body, read, work).await
}

/// The score of photos of one person (the probe) with other photos, and how live the probe is, where `check` asks for
/// it.
pub(super) fn compared(
    app: &App,
    vault: &Vault,
    [probe, gallery]: [&[ImageBytes]; 2],
    mode: SearchMode,
    check: &LivenessCheck,
) -> Result<(f64, Option<f64>), ApiError> {
    let (metric, scale) = (engine(vault)?.embedder().metric, app.scale()?);
    let one = probe_live(vault, probe, whole, mode, check)?;
    let other = probe_live(vault, gallery, whole, mode, &LivenessCheck::default())?;
    let similarity = crate::index::compare(metric, &other.encoding, &one.encoding)?;
    Ok((scale.score(Similarity::new(similarity)?), one.liveness))
}

/// The persons that a search finds, with names and thumbnails.
fn people(app: &App, vault: &Vault, asked: SearchRequest, prepare: Prepare) -> Result<Vec<SearchResult>, ApiError> {
    let SearchRequest { images, min_score, search_mode: mode, collection_id: collection, max_results, top } = asked;
    let max_results = max_results as usize;
    let liveness = LivenessCheck::default();
    let search = Search { photos: &images, prepare, mode, min_score, collection, max_results, top, liveness };
    shown(vault, found(app, vault, search)?.0, top)
}

/// Candidates above the minimum score, or all where they are asked for, best first, with their scores; and how live the
/// probe is, where that was asked.
pub(super) fn found(app: &App, vault: &Vault, search: Search<'_>) -> Result<(Vec<Found>, Option<f64>), ApiError> {
    let options = options(vault, search.collection.as_deref(), search.max_results, search.top)?;
    let scale = app.scale()?;
    let probe = probe_live(vault, search.photos, search.prepare, search.mode, &search.liveness)?;
    let accepts = |similarity| scale.score(similarity) > search.min_score;
    let by = RecognizedBy::Rule { text: &above(search.min_score), accepts: &accepts };
    let answer = vault.noted_search(&probe.encoding, &options, by).map_err(collection)?;
    Ok((scored(scale, answer), probe.liveness))
}

/// The options of a search by score: its operating point lets every similarity pass.
pub(super) fn options(
    vault: &Vault,
    named: Option<&str>,
    max_results: usize,
    top: bool,
) -> Result<IdentifyOptions, ApiError> {
    Ok(IdentifyOptions::default()
        .with_collections(only(vault, named)?)
        .with_max_results(max_results)
        .with_below_threshold(top)
        .with_operating_point(any()?))
}

/// The candidates of an answer with their scores.
pub(super) fn scored(scale: &Scale, answer: Identification) -> Vec<Found> {
    let found = |candidate: Candidate| Found { score: scale.score(candidate.similarity), candidate };
    answer.candidates.into_iter().map(found).collect()
}

/// Results with names and thumbnails; who was removed meanwhile is left out.
pub(super) fn shown(vault: &Vault, found: Vec<Found>, top: bool) -> Result<Vec<SearchResult>, ApiError> {
    let show = |Found { candidate, score }: Found| {
        let shown = vault.person_summary(&candidate.person).and_then(|summary| {
            let thumbnails = thumbnails(vault, &candidate.person, &candidate.image)?;
            let recognized = top.then_some(candidate.accepted);
            Ok(SearchResult { id: candidate.person.to_string(), name: summary.name, score, thumbnails, recognized })
        });
        match shown {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            shown => Some(shown),
        }
    };
    Ok(found.into_iter().filter_map(show).collect::<Result<Vec<_>, Error>>()?)
}

/// The thumbnail of the photo that was most similar; none where the photo was replaced meanwhile, or has no
/// thumbnail yet and cannot be decoded any more.
pub(super) fn thumbnails(vault: &Vault, person: &PersonId, image: &ImageId) -> crate::Result<Vec<Thumbnail>> {
    match vault.thumbnail(person, image) {
        Ok(small) => Ok(vec![Thumbnail { id: image.to_string(), thumbnail: encode_base64(&small) }]),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// One encoding of photos of one person. `Fast` looks at one view of each face, `Accurate` at its
/// mirror image too; the scores of both are read from one table.
fn probe(vault: &Vault, photos: &[ImageBytes], prepare: Prepare, mode: SearchMode) -> Result<FaceEncoding, ApiError> {
    Ok(probe_live(vault, photos, prepare, mode, &LivenessCheck::default())?.encoding)
}

/// The same, which must be live if `check` says so.
pub(super) fn probe_live(
    vault: &Vault,
    photos: &[ImageBytes],
    prepare: Prepare,
    mode: SearchMode,
    check: &LivenessCheck,
) -> Result<Probe, ApiError> {
    loaded(vault)?;
    Ok(vault.probe(photos.into(), Some(mode.into()), prepare, check)?)
}

/// A photo is looked at as it is.
pub(super) fn whole(picture: RgbImage) -> RgbImage {
    picture
}

fn engine(vault: &Vault) -> Result<&Engine, ApiError> {
    Ok(loaded(vault)?)
}

pub(super) fn loaded(vault: &Vault) -> crate::Result<&Engine> {
    vault.engine().ok_or_else(|| {
        Error::new(ErrorKind::ModelUnavailable, "the server runs without models: photos cannot be looked at")
    })
}

/// What had to be reached, as the audit trail notes it.
pub(super) fn above(min_score: f64) -> String {
    format!("score above {min_score}")
}

/// Any similarity passes: what counts is the score, which is asked afterwards.
fn any() -> crate::Result<OperatingPoint> {
    OperatingPoint::similarity(f64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::NewPerson;
    use crate::vault::VaultOptions;

    #[test]
    fn a_photo_that_was_replaced_meanwhile_has_no_thumbnail() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::create(folder.path().join("v"), VaultOptions::default()).expect("a vault");
        let ada = vault.create_person(&NewPerson { name: "Ada".into(), ..NewPerson::default() }).expect("ada");
        assert!(thumbnails(&vault, &ada.id, &ImageId::generate()).expect("no error").is_empty());
    }
}

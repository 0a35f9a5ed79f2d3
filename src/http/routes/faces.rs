//! Search (1:N) for every face of a photo.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::collections::collection;
use super::matching::{SearchResult, any, loaded, noted, shown};
use crate::encoding::FaceEncoding;
use crate::error::ImageReport;
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::{ApiError, word};
use crate::http::openapi::{CollectionErrors, ConflictErrors, Errors};
use crate::http::query::NoQuery;
use crate::http::request::FacesRequest;
use crate::vault::{IdentifyOptions, Vault};
use crate::wire::{FaceBox, ImageOutcome, sorted};

/// A face of a photo, and who it may be.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SearchedFace {
    #[serde(rename = "box", serialize_with = "sorted")]
    bounds: FaceBox,
    /// The detector's own score.
    #[schema(minimum = 0.0, maximum = 1.0)]
    detection_score: f64,
    /// Who it may be, best first; nobody where the face was refused.
    persons: Vec<SearchResult>,
    /// Why the face was not searched for; null where it was.
    #[serde(serialize_with = "sorted")]
    #[schema(required = true)]
    refusal: Option<ImageOutcome>,
    /// By how many degrees, clockwise, the photo was turned to be upright: 0, 90, 180 or 270.
    turned: u16,
}

/// Search for every face of a photo
///
/// Faces in the detector's order, best first; a photo without a face has none. Boxes are in pixels of the upright
/// photo; `turned` says by how many degrees it was turned for that, beyond its EXIF orientation. For each face the
/// persons are as in `search`.
#[utoipa::path(
    post, path = "/search/faces", tag = "matching", operation_id = "searchFaces",
    request_body = FacesRequest,
    responses((status = 200, description = "The faces", body = Answer<Vec<SearchedFace>>), Errors, ConflictErrors, CollectionErrors)
)]
pub(in crate::http) async fn search_faces(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let read = |_: &Vault, body: &[u8]| Ok(FacesRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: FacesRequest| Ok(Reply::new(request, faces(&state, vault, asked)?));
    app.with_photos(caller, body, read, work).await
}

fn faces(app: &App, vault: &Vault, asked: FacesRequest) -> Result<Vec<SearchedFace>, ApiError> {
    let FacesRequest { image, min_score, search_mode, collection_id, max_results, top } = asked;
    let collections = match collection_id {
        Some(named) => Some(vec![vault.collection(&named).map_err(collection)?.id.to_string()]),
        None => None,
    };
    let scale = app.scale()?;
    loaded(vault)?;
    let (turned, faces) = vault.engine_in(Some(search_mode.into()))?.encode_faces(&image)?;
    let probes: Vec<FaceEncoding> =
        faces.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).map(|face| face.encoding.clone()).collect();
    let options = IdentifyOptions::default()
        .with_collections(collections)
        .with_max_results(max_results as usize)
        .with_operating_point(any()?);
    let mut answers = match probes.is_empty() {
        true => Vec::new(),
        false => vault.search_encodings(&probes, &options).map_err(collection)?,
    }
    .into_iter();
    let mut all = Vec::new();
    for (index, (face, outcome)) in faces.into_iter().enumerate() {
        let (persons, refusal) = match outcome {
            Ok(_) => {
                let answer = answers.next().ok_or_else(ApiError::internal)?;
                (shown(vault, noted(vault, scale, answer, min_score, top)?, top)?, None)
            }
            Err(refusal) => {
                let reason = word(refusal.code);
                (Vec::new(), Some(ImageOutcome::new(&ImageReport { index, refusal: Some(refusal) }, Some(reason))))
            }
        };
        all.push(SearchedFace {
            bounds: FaceBox::new(&face.bounds),
            detection_score: f64::from(face.score).clamp(0.0, 1.0),
            persons,
            refusal,
            turned: turned.degrees(),
        });
    }
    Ok(all)
}

//! Search (1:N) for every face of a photo.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::collections::collection;
use super::matching::{SearchResult, above, loaded, options, scored, shown};
use crate::error::ImageReport;
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::{ApiError, word};
use crate::http::openapi::{CollectionErrors, ConflictErrors, Errors};
use crate::http::query::NoQuery;
use crate::http::request::FacesRequest;
use crate::vault::{IdentifiedFace, RecognizedBy, Vault};
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
    let options =
        options(vault, collection_id.as_deref(), max_results as usize, top)?.with_mode(Some(search_mode.into()));
    let scale = app.scale()?;
    loaded(vault)?;
    let accepts = |similarity| scale.score(similarity) > min_score;
    let by = RecognizedBy::Rule { text: &above(min_score), accepts: &accepts };
    let found = vault.search_faces((&image).into(), &options, by).map_err(collection)?;
    let searched = found.into_iter().enumerate().map(|(index, IdentifiedFace { face, turned, outcome })| {
        let (persons, refusal) = match outcome {
            Ok(answer) => (shown(vault, scored(scale, answer), top)?, None),
            Err(refusal) => {
                let reason = word(refusal.code);
                (Vec::new(), Some(ImageOutcome::new(&ImageReport { index, refusal: Some(refusal) }, Some(reason))))
            }
        };
        Ok(SearchedFace {
            bounds: FaceBox::new(&face.bounds),
            detection_score: f64::from(face.score).clamp(0.0, 1.0),
            persons,
            refusal,
            turned: turned.degrees(),
        })
    });
    searched.collect()
}

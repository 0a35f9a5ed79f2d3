//! Faces in a photo.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, ImageReport};
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{ConflictErrors, Errors};
use crate::http::request::DetectRequest;
use crate::http::{schema, thumbnail};
use crate::vault::Vault;
use crate::vision::{Face, Quality};
use crate::wire::FaceAnswer;

/// Find the faces of a photo
///
/// Best first. Boxes and landmarks are in pixels of the upright photo; `turned` says by how many degrees
/// it was turned for that, beyond its EXIF orientation. Nobody enrolled is looked at:
/// `persons` is empty.
#[utoipa::path(
    post, path = "/v2/face-recognition/detect", tag = "detect", operation_id = "detect",
    request_body = DetectRequest,
    responses((status = 200, description = "The faces", body = Answer<Vec<schema::DetectedFace>>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn detect(
    State(app): State<App>,
    caller: Caller,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| {
        let asked = DetectRequest::from_json(&body.bytes)?;
        drop(body);
        let engine = vault.engine().ok_or_else(|| {
            Error::new(ErrorKind::ModelUnavailable, "the server runs without models: photos cannot be looked at")
        })?;
        let picture = engine
            .decode(&asked.image)
            .map_err(|refusal| Error::refused(vec![ImageReport { index: 0, refusal: Some(refusal) }]))?;
        let (picture, found) = engine.detect_in(&picture)?;
        let passed = found.faces.iter().filter(|face| score(face) > asked.min_score).take(asked.max_results as usize);
        let shown = passed.map(|face| -> Result<Value, ApiError> {
            let mut shown = json!(FaceAnswer(face));
            shown["detection_score"] = json!(score(face));
            shown["thumbnail"] = json!(thumbnail::of_face(&picture, &face.bounds)?);
            shown["persons"] = json!([]);
            shown["turned"] = json!(found.turned);
            if !asked.return_landmarks {
                shown.as_object_mut().map(|fields| fields.remove("landmarks"));
            }
            if asked.return_attributes {
                shown["attributes"] = json!(Quality::measure(&picture, face));
            }
            Ok(shown)
        });
        Ok(Reply::new(request, shown.collect::<Result<Vec<_>, _>>()?))
    };
    app.with_photos(caller, work).await
}

/// The detector's score, cut to 0 to 1: that of the `mmod` detector goes beyond.
fn score(face: &Face) -> f64 {
    f64::from(face.score).clamp(0.0, 1.0)
}

//! Faces in a photo.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, ErrorKind, ImageReport};
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::http::openapi::{ConflictErrors, Errors};
use crate::http::query::NoQuery;
use crate::http::request::DetectRequest;
use crate::http::thumbnail;
use crate::vault::Vault;
use crate::vision::{Face, Quality};
use crate::wire::{FaceBox, NamedLandmarks, sorted};

/// A face of a photo.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DetectedFace {
    /// What was measured of the face.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "sorted")]
    #[schema(nullable = false)]
    attributes: Option<Quality>,
    #[serde(rename = "box", serialize_with = "sorted")]
    bounds: FaceBox,
    /// The detector's own score.
    #[schema(minimum = 0.0, maximum = 1.0)]
    detection_score: f64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "sorted")]
    #[schema(nullable = false)]
    landmarks: Option<NamedLandmarks>,
    /// Empty: nobody enrolled is looked at.
    persons: [String; 0],
    /// The face and a little around it: JPEG in base64.
    thumbnail: String,
    /// By how many degrees, clockwise, the photo was turned to be upright: 0, 90, 180 or 270.
    turned: u16,
}

/// Find the faces of a photo
///
/// Best first. Boxes and landmarks are in pixels of the upright photo; `turned` says by how many degrees
/// it was turned for that, beyond its EXIF orientation. Nobody enrolled is looked at:
/// `persons` is empty.
#[utoipa::path(
    post, path = "/detect", tag = "detect", operation_id = "detect",
    request_body = DetectRequest,
    responses((status = 200, description = "The faces", body = Answer<Vec<DetectedFace>>), Errors, ConflictErrors)
)]
pub(in crate::http) async fn detect(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let read = |_: &Vault, body: &[u8]| Ok(DetectRequest::from_json(body)?);
    let work = move |vault: &Vault, asked: DetectRequest| {
        let engine = vault.engine().ok_or_else(|| {
            Error::new(ErrorKind::ModelUnavailable, "the server runs without models: photos cannot be looked at")
        })?;
        let picture = engine
            .decode(&asked.image)
            .map_err(|refusal| Error::refused(vec![ImageReport { index: 0, refusal: Some(refusal) }]))?;
        let (picture, found) = engine.detect_in(&picture)?;
        let passed = found.faces.iter().filter(|face| score(face) > asked.min_score).take(asked.max_results as usize);
        let shown = passed.map(|face| -> Result<DetectedFace, ApiError> {
            Ok(DetectedFace {
                attributes: asked.return_attributes.then(|| Quality::measure(&picture, face)),
                bounds: FaceBox::new(&face.bounds),
                detection_score: score(face),
                landmarks: asked.return_landmarks.then(|| NamedLandmarks::new(&face.landmarks)),
                persons: [],
                thumbnail: thumbnail::of_face(&picture, &face.bounds)?,
                turned: found.turned.degrees(),
            })
        });
        Ok(Reply::new(request, shown.collect::<Result<Vec<_>, _>>()?))
    };
    app.with_photos(caller, body, read, work).await
}

/// The detector's score, cut to 0 to 1: that of the `mmod` detector goes beyond.
fn score(face: &Face) -> f64 {
    f64::from(face.score).clamp(0.0, 1.0)
}

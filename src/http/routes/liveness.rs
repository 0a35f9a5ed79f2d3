//! Liveness: whether a living person stands in front of the camera.

use crate::http::app::Caller;
use crate::http::error::ApiError;

/// What every route with a liveness check answers while no pack brings a liveness network.
const REASON: &str = "no liveness model is part of the loaded pack: whether a photo shows a living person is not known";

/// Routes with a liveness check
///
/// They answer 503 with the reason until a liveness network is part of the loaded pack.
pub(in crate::http) async fn unavailable(_: Caller) -> ApiError {
    ApiError::unavailable("liveness_unavailable", REASON)
}

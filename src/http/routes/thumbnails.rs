//! Small pictures of enrolled photos, as files.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use utoipa::{IntoParams, ToSchema};

use super::persons::PersonPath;
use crate::error::{Error, ErrorKind};
use crate::http::answer::Reply;
use crate::http::app::{App, Caller};
use crate::http::error::ApiError;
use crate::http::openapi::{Errors, NotFoundErrors, QueryErrors};
use crate::http::query::Query;
use crate::vault::Vault;

/// The last photo that can be asked for.
const MAX_PHOTO: u64 = 1_000;

/// Which photo is shown.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ThumbnailQuery {
    /// The photo's place among the person's, from 1; 1 if not named
    #[param(minimum = 1, maximum = 1000, required = false)]
    photo: u64,
}

/// A file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "it describes, nobody makes one")]
pub(in crate::http) struct Jpeg(Vec<u8>);

impl ThumbnailQuery {
    /// Reads the query of an address.
    pub(in crate::http) fn read(uri: &Uri) -> Result<Self, ApiError> {
        let mut query = Query::new(uri);
        let photo = query.number("photo", 1, MAX_PHOTO);
        let violations = query.finish();
        if violations.is_empty() { Ok(Self { photo }) } else { Err(ApiError::invalid_query(&violations)) }
    }
}

/// A small picture of a person's photo
///
/// Upright, its longer side at most 160 pixels.
#[utoipa::path(
    get, path = "/persons/{id}/thumbnail", tag = "persons", operation_id = "readThumbnail",
    params(
        ("id" = String, Path, description = "The person's id"),
        ThumbnailQuery
    ),
    responses(
        (status = 200, description = "JPEG", content_type = "image/jpeg", body = Jpeg),
        Errors, QueryErrors, NotFoundErrors
    )
)]
pub(in crate::http) async fn thumbnail(
    State(app): State<App>,
    caller: Caller,
    PersonPath(id): PersonPath,
    uri: Uri,
) -> Result<Response, ApiError> {
    let asked = ThumbnailQuery::read(&uri)?;
    let work = move |vault: &Vault| {
        let person = |error: Error| ApiError::from_verb(&error, ApiError::person_not_found);
        let place = usize::try_from(asked.photo - 1).unwrap_or(usize::MAX);
        let image = vault.image_at(&id, place).map_err(person)?.ok_or_else(no_photo)?;
        match vault.thumbnail(&id, &image) {
            Ok(small) => Ok(Reply::text("image/jpeg", small.as_slice().to_vec())),
            // An encoding without a photo, or one whose photo cannot be decoded any more.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused) => Err(no_photo()),
            Err(error) => Err(error.into()),
        }
    };
    app.with_file(caller, work).await
}

/// The person has no photo at that place.
fn no_photo() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "the person has no such photo", "photo_not_found", "ERROR")
}

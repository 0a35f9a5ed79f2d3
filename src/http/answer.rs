//! Answers: `{"success": true, "id": ..., "data": ...}`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::app::Caller;
use super::budget::Held;
use super::delivery::{self, Piece};
use super::error::ErrorBody;
use crate::person::{Collection, ImageBytes, Page, Person};
use crate::wire::{CollectionAnswer, PersonAnswer};

/// The envelope of every answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answer<T> {
    /// Always true; errors have another shape.
    success: bool,
    /// The id of the person or collection that the answer is about, else the request's own id.
    id: String,
    data: T,
}

/// The envelope of a page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PageAnswer<T> {
    /// Always true; errors have another shape.
    success: bool,
    /// The request's id.
    id: String,
    data: Vec<T>,
    pagination: Pagination,
}

/// Which part of a list this is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pagination {
    /// The page, from 1; missing where `after` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    page: Option<u64>,
    /// The most items of a page.
    limit: u64,
    /// The items of all pages.
    total: u64,
    /// How many pages there are.
    pages: u64,
    /// What `after` takes for the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

/// An answer in bytes, made on the thread that did the work.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    pieces: Vec<Piece>,
    /// The memory that was reserved for it.
    reserved: Option<Held>,
}

impl Reply {
    /// `data` about the person or collection `id`, or about nobody in particular in the request `id`.
    pub(super) fn new<T: Serialize>(id: impl Into<String>, data: T) -> Self {
        Self::with_status(StatusCode::OK, &Answer { success: true, id: id.into(), data })
    }

    /// A page of a list, its items shown by `show`.
    pub(super) fn page<'a, T, S: Serialize>(
        id: impl Into<String>,
        page: &'a Page<T>,
        show: impl Fn(&'a T) -> S,
    ) -> Self {
        let next = page.next.as_ref().map(ToString::to_string);
        let pagination =
            Pagination { page: page.page, limit: page.limit, total: page.total, pages: page.pages(), next };
        let data = page.items.iter().map(show).collect();
        Self::with_status(StatusCode::OK, &PageAnswer { success: true, id: id.into(), data, pagination })
    }

    /// 412 with the existing person. Memory for the photos was reserved.
    pub(super) fn already_set(person: &Person, reserved: Held) -> Self {
        let body = |answer| ErrorBody {
            error: "Person already exists".to_owned(),
            message: "person_already_set".to_owned(),
            code: Some("PreconditionFailed"),
            data: Some(answer),
            ..ErrorBody::default()
        };
        Self::with_person(StatusCode::PRECONDITION_FAILED, person, reserved, body)
    }

    /// `data` about a person. Memory for the photos was reserved.
    pub(super) fn person(person: &Person, reserved: Held) -> Self {
        let id = person.id.to_string();
        Self::with_person(StatusCode::OK, person, reserved, |data| Answer { success: true, id, data })
    }

    /// An answer with a person in it. The photos are encoded as base64 while the answer is sent.
    fn with_person<'a, T: Serialize>(
        status: StatusCode,
        person: &'a Person,
        reserved: Held,
        answer: impl FnOnce(PersonAnswer<'a>) -> T,
    ) -> Self {
        // A placeholder for each photo. It is new and random, so no name or note can contain it.
        let mark = uuid::Uuid::now_v7().simple().to_string();
        let photos: Vec<&ImageBytes> = person.images.iter().filter_map(|image| image.bytes.as_ref()).collect();
        let marks = person.images.iter().map(|image| image.bytes.as_ref().map(|_| mark.clone())).collect();
        let text = serde_json::to_vec(&answer(PersonAnswer::with_images(person, marks))).unwrap_or_default();
        let mut photos = photos.into_iter();
        let (mut pieces, mut rest) = (Vec::new(), Bytes::from(text));
        while let Some(at) = rest.windows(mark.len()).position(|window| window == mark.as_bytes()) {
            pieces.push(Piece::Text(rest.split_to(at)));
            drop(rest.split_to(mark.len()));
            pieces.extend(photos.next().cloned().map(Piece::Photo));
        }
        pieces.push(Piece::Text(rest));
        Self { pieces, reserved: Some(reserved), ..Self::text("application/json", Vec::new()).and_status(status) }
    }

    /// `data` about a collection.
    pub(super) fn collection(collection: &Collection) -> Self {
        Self::new(collection.id.as_str(), CollectionAnswer::new(collection))
    }

    /// JSON with another status.
    pub(super) fn with_status(status: StatusCode, body: &impl Serialize) -> Self {
        // Texts, numbers and lists always have a JSON form.
        Self::text("application/json", serde_json::to_vec(body).unwrap_or_default()).and_status(status)
    }

    /// Something that is not JSON, or not this server's envelope.
    pub(super) fn text(kind: &'static str, bytes: Vec<u8>) -> Self {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Self { status: StatusCode::OK, headers, pieces: vec![Piece::Text(bytes.into())], reserved: None }
    }

    fn and_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_headers(mut self, more: HeaderMap) -> Self {
        self.headers.extend(more);
        self
    }

    /// The response. Its bytes count as the caller's until they are sent, which may take up to `longest`.
    pub(super) fn into_response(self, caller: &Caller, longest: Duration) -> Response {
        let bytes = self.pieces.iter().map(Piece::held).sum();
        let held = match self.reserved {
            Some(reserved) => reserved.resized(bytes),
            None => caller.share.hold(bytes),
        };
        let body = delivery::body(self.pieces, (held, Arc::clone(&caller.open)), caller.connection.clone(), longest);
        (self.status, self.headers, body).into_response()
    }
}

//! Answers: `{"success": true, "id": ..., "data": ...}`.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Full};
use serde::Serialize;
use utoipa::ToSchema;

use super::budget::Budget;
use crate::person::Page;

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
    /// The page, from 1.
    page: u64,
    /// The most items of a page.
    limit: u64,
    /// The items of all pages.
    total: u64,
    /// How many pages there are.
    pages: u64,
}

/// An answer in bytes, made on the thread that did the work.
#[derive(Debug)]
pub(super) struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    /// `data` about the person or collection `id`, or about nobody in particular in the request `id`.
    pub(super) fn new<T: Serialize>(id: impl Into<String>, data: T) -> Self {
        Self::of(&Answer { success: true, id: id.into(), data })
    }

    /// A page of a list, its items shown by `show`.
    pub(super) fn page<T, S: Serialize>(id: impl Into<String>, page: Page<T>, show: impl Fn(T) -> S) -> Self {
        let pagination = Pagination { page: page.page, limit: page.limit, total: page.total, pages: page.pages() };
        let data = page.items.into_iter().map(show).collect();
        Self::of(&PageAnswer { success: true, id: id.into(), data, pagination })
    }

    fn of(answer: &impl Serialize) -> Self {
        // Texts, numbers and lists always have a JSON form.
        Self { bytes: serde_json::to_vec(answer).unwrap_or_default() }
    }

    /// The response; its bytes count as held until the client has taken them.
    pub(super) fn into_response(self, budget: &Budget) -> Response {
        let held = budget.hold(self.bytes.len() as u64);
        let counted = Full::new(Bytes::from(self.bytes)).map_frame(move |frame| {
            let _until_the_body_is_dropped = &held;
            frame
        });
        let body = Body::new(counted);
        (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

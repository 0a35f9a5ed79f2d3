//! The envelope of an answer.

use facevault::Page;
use serde::Serialize;

/// `{"success": true, "data": ...}`, with `pagination` beside a page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a, T: ?Sized> {
    success: bool,
    data: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<Pagination>,
}

#[derive(Debug, Serialize)]
struct Pagination {
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    limit: u64,
    total: u64,
    pages: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<'a, T: ?Sized> Answer<'a, T> {
    pub(crate) fn new(data: &'a T) -> Self {
        Self { success: true, data, pagination: None }
    }
}

impl<'a, T> Answer<'a, [T]> {
    pub(super) fn of_page(page: &'a Page<T>) -> Self {
        let next = page.next.as_ref().map(ToString::to_string);
        let pagination =
            Pagination { page: page.page, limit: page.limit, total: page.total, pages: page.pages(), next };
        Self { success: true, data: &page.items, pagination: Some(pagination) }
    }
}

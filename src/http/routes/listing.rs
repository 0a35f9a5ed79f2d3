//! What is asked of lists of persons.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::http::Uri;
use utoipa::{IntoParams, ToSchema};

use crate::error::{Error, Rule, Violation};
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::person::{Cursor, DateOfBirth, MAX_NAME, PersonQuery, Status};

/// The most persons of a page, and the last page that can be asked for.
const MAX_LIMIT: u64 = 100;
const MAX_PAGE: u64 = 1_000_000_000;
/// The fewest characters of a name that is looked up.
const MIN_LOOKUP: usize = 3;

/// What is answered in whole instead of by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(in crate::http) enum Populated {
    Collections,
    Client,
}

/// Which page of which persons is listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListQuery {
    /// The page, from 1
    #[param(minimum = 1, maximum = 1000000000, required = false)]
    page: u64,
    /// The `pagination.next` of the page before, instead of `page`: everybody who is there all the time is on
    /// one page, whoever else comes or goes meanwhile
    #[param(nullable = false)]
    after: Option<String>,
    /// Persons a page, 10 if not named
    #[param(minimum = 1, maximum = 100, required = false)]
    limit: u64,
    /// Only members of this collection, by `_id` or `code`
    #[param(nullable = false)]
    pub(super) collection: Option<String>,
    /// Only persons whose name contains this text, without regard to case
    #[param(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    /// Only persons of this status
    #[param(nullable = false)]
    status: Option<Status>,
    /// What is answered in whole instead of by id; `populates` and `populates[0]` mean the same
    #[param(rename = "populates[]", required = false)]
    populates: Vec<Populated>,
    /// Only persons who have these attributes with exactly these values: `attribute[badge]=4711`
    #[param(style = DeepObject, explode, required = false)]
    attribute: BTreeMap<String, String>,
}

impl ListQuery {
    /// Reads the query of an address.
    pub(in crate::http) fn read(uri: &Uri) -> Result<Self, ApiError> {
        let mut query = Query::new(uri);
        let by_page = query.has("page");
        let (page, limit) = (query.number("page", 1, MAX_PAGE), query.number("limit", 10, MAX_LIMIT));
        let after = query.text("after");
        if by_page && after.is_some() {
            query.broken("after", Rule::Other("must not come with \"page\": name one of them".to_owned()));
        }
        let collection = query.text("collection");
        let name = query.text("name");
        if name.as_ref().is_some_and(|name| !(1..=MAX_NAME).contains(&name.chars().count())) {
            query.broken("name", Rule::Length { min: 1, max: MAX_NAME });
        }
        let status = query.parsed("status", Status::parse);
        let names = query.list("populates");
        let populates: Vec<_> = names.iter().filter_map(|name| Populated::parse(name)).collect();
        if populates.len() < names.len() {
            query.broken("populates", Rule::OneOf(&["collections", "client"]));
        }
        let attribute = query.keyed("attribute");
        let asked = PersonQuery { attributes: attribute.clone(), ..PersonQuery::default() };
        for violation in asked.validate().err().iter().flat_map(Error::violations) {
            query.broken(&violation.field, violation.rule.clone());
        }
        let violations = query.finish();
        if !violations.is_empty() {
            return Err(ApiError::invalid_query(&violations));
        }
        Ok(Self { page, after, limit, collection, name, status, populates, attribute })
    }

    /// What is asked of the vault.
    pub(super) fn persons(&self) -> Result<PersonQuery, ApiError> {
        let after = match self.after.as_deref().map(Cursor::from_str).transpose() {
            Ok(after) => after,
            Err(error) => return Err(ApiError::invalid_query(error.violations())),
        };
        let (page, limit, collection, status) = (self.page, self.limit, self.collection.clone(), self.status);
        let (name_contains, attributes) = (self.name.clone(), self.attribute.clone());
        Ok(PersonQuery { page, after, limit, collection, status, name_contains, attributes, ..PersonQuery::default() })
    }

    pub(super) fn populates(&self, what: Populated) -> bool {
        self.populates.contains(&what)
    }
}

impl Populated {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "collections" => Some(Self::Collections),
            "client" => Some(Self::Client),
            _ => None,
        }
    }
}

/// Which persons are looked up.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct LookupQuery {
    /// A part of the name, 3 characters or more
    #[param(min_length = 3)]
    name: String,
    /// Only persons born on this day, `1990-01-15`
    #[param(value_type = Option<String>, nullable = false)]
    date_of_birth: Option<DateOfBirth>,
    /// The most persons, 20 if not named
    #[param(minimum = 1, maximum = 100, required = false)]
    limit: u64,
}

impl LookupQuery {
    /// Reads the query of an address.
    pub(in crate::http) fn read(uri: &Uri) -> Result<Self, ApiError> {
        let mut query = Query::new(uri);
        let name = query.text("name").unwrap_or_default();
        let date_of_birth = query.parsed("date_of_birth", DateOfBirth::parse);
        let limit = query.number("limit", 20, MAX_LIMIT);
        let mut violations = query.finish();
        let short = match name.trim().chars().count() {
            0 => Some(("name is required", Rule::Required)),
            1..MIN_LOOKUP => Some(("name_too_short", Rule::Length { min: MIN_LOOKUP, max: MAX_NAME })),
            _ => None,
        };
        if let Some((message, rule)) = short {
            violations.insert(0, Violation { field: "name".to_owned(), rule });
            return Err(ApiError::lookup_name(message, &violations));
        }
        if !violations.is_empty() {
            return Err(ApiError::invalid_query(&violations));
        }
        Ok(Self { name, date_of_birth, limit })
    }

    /// What is asked of the vault.
    pub(super) fn persons(self) -> PersonQuery {
        let Self { name, date_of_birth, limit } = self;
        PersonQuery { limit, name_contains: Some(name), date_of_birth, ..PersonQuery::default() }
    }
}

/// From where a person is removed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct RemoveQuery {
    /// `_id` or `code` of a collection
    #[param(nullable = false)]
    pub(super) collection: Option<String>,
}

impl RemoveQuery {
    /// Reads the query of an address.
    pub(in crate::http) fn read(uri: &Uri) -> Result<Self, ApiError> {
        let mut query = Query::new(uri);
        let collection = query.text("collection");
        let violations = query.finish();
        if violations.is_empty() { Ok(Self { collection }) } else { Err(ApiError::invalid_query(&violations)) }
    }
}

//! People who look like one.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::collections::{collection, only};
use super::matching::{Thumbnail, thumbnails};
use crate::comparison::OperatingPoint;
use crate::error::{ErrorKind, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::error::ApiError;
use crate::http::openapi::{CollectionErrors, Errors, QueryErrors};
use crate::http::query::Query;
use crate::person::{ImageId, PersonId};
use crate::progress::Step;
use crate::vault::{DuplicatePair, DuplicatesOptions, Vault};

/// The most pairs, and how many if nothing is said.
const MAX_LIMIT: u64 = 100;
const LIMIT: u64 = 20;
/// The lowest score of a pair that may be asked for.
const LEAST_SCORE: f64 = 0.5;
/// The lowest score of a pair where none is asked for and the model has no table of its own: an FMR of 1e-6.
const SURE_SCORE: f64 = 0.95;
/// How long people are compared with each other before the work is broken off.
const LONGEST: Duration = Duration::from_secs(60);

/// Which pairs are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct DuplicatesQuery {
    /// The most pairs, 20 if not named
    #[param(minimum = 1, maximum = 100, required = false)]
    limit: u64,
    /// Only pairs with a score above this one. If it is not named: so that about one person in a hundred is listed
    /// without reason, or 0.95 for a model without a table of its own
    #[param(minimum = 0.5, maximum = 1.0, nullable = false)]
    min_score: Option<f64>,
    /// Only members of this collection, by `_id` or `code`
    #[param(nullable = false)]
    collection: Option<String>,
}

impl DuplicatesQuery {
    /// Reads the query of an address.
    pub(in crate::http) fn read(uri: &Uri) -> Result<Self, ApiError> {
        let mut query = Query::new(uri);
        let limit = query.number("limit", LIMIT, MAX_LIMIT);
        let min_score = query.fraction("min_score", LEAST_SCORE, 1.0);
        let collection = query.text("collection");
        let violations = query.finish();
        if violations.is_empty() {
            Ok(Self { limit, min_score, collection })
        } else {
            Err(ApiError::invalid_query(&violations))
        }
    }
}

/// Pairs of people who look like one person.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Duplicates {
    /// Whether there are more pairs than were asked for.
    is_cut: bool,
    /// The score above which pairs are listed.
    #[schema(minimum = 0.0, maximum = 1.0)]
    min_score: f64,
    /// The pairs, most similar first.
    pairs: Vec<Pair>,
    /// How many people were compared.
    people_searched: u64,
    /// How many people could not be compared, because their photos have no encoding by the loaded model.
    people_without_encoding: u64,
}

/// Two people who look like one.
#[derive(Serialize, ToSchema)]
struct Pair {
    /// Both of them.
    #[schema(min_items = 2, max_items = 2)]
    people: Vec<Side>,
    #[schema(minimum = 0.0, maximum = 1.0)]
    score: f64,
}

/// One of the two.
#[derive(Serialize, ToSchema)]
struct Side {
    /// The person's id.
    id: String,
    name: String,
    /// The photo that is most similar to one of the other person.
    thumbnails: Vec<Thumbnail>,
}

/// Pairs of people who look like one person
///
/// All photos of all active people are compared with each other. Nothing is changed. Where that takes more than a
/// minute, or while the same is done for another request, the answer is 503.
#[utoipa::path(
    get, path = "/duplicates", tag = "matching", operation_id = "duplicates",
    params(DuplicatesQuery),
    responses((status = 200, description = "The pairs", body = Answer<Duplicates>), Errors, QueryErrors, CollectionErrors)
)]
pub(in crate::http) async fn duplicates(
    State(app): State<App>,
    caller: Caller,
    RequestId(request): RequestId,
    uri: Uri,
) -> Result<Response, ApiError> {
    let asked = DuplicatesQuery::read(&uri)?;
    let state = app.clone();
    let work = move |vault: &Vault| Ok(Reply::new(request, state.alone(|| found(&state, vault, &asked))?));
    app.with_file(caller, work).await
}

fn found(app: &App, vault: &Vault, asked: &DuplicatesQuery) -> Result<Duplicates, ApiError> {
    let collections = only(vault, asked.collection.as_deref())?;
    let scale = app.scale()?;
    let mut options = DuplicatesOptions::default().with_collections(collections).with_max_pairs(asked.limit as usize);
    // Without a table of the model's own, nothing is known of how many are listed without reason.
    let min_score = asked.min_score.or(vault.calibration()?.is_none().then_some(SURE_SCORE));
    if let Some(score) = min_score {
        options.operating_point = OperatingPoint::similarity(scale.similarity_above(score))?;
    }
    let began = Instant::now();
    let mut in_time = |_: Step<'_>| match began.elapsed() < LONGEST {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let found = match vault.duplicates(&options, &mut in_time) {
        Err(error) if error.kind() == ErrorKind::Cancelled => return Err(too_many_people()),
        found => found.map_err(collection)?,
    };
    let pairs = found.pairs.iter().map(|pair| shown(vault, pair, scale.score(pair.similarity)));
    Ok(Duplicates {
        is_cut: found.is_cut,
        min_score: scale.score(found.threshold.similarity),
        pairs: pairs.filter_map(Result::transpose).collect::<Result<_>>()?,
        people_searched: found.people_searched,
        people_without_encoding: found.people_without_encoding,
    })
}

/// A pair with names and thumbnails; `None` where one was removed meanwhile.
fn shown(vault: &Vault, pair: &DuplicatePair, score: f64) -> Result<Option<Pair>> {
    let side = |person: &PersonId, image: &ImageId| {
        let name = vault.person_summary(person)?.name;
        Ok(Side { id: person.to_string(), name, thumbnails: thumbnails(vault, person, image)? })
    };
    let sides = pair.people.iter().zip(&pair.images).map(|(person, image)| side(person, image));
    match sides.collect::<Result<Vec<_>>>() {
        Ok(people) => Ok(Some(Pair { people, score })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn too_many_people() -> ApiError {
    let reason = format!(
        "comparing all people takes more than {} s: name a collection, or run `facevault duplicates` on the machine",
        LONGEST.as_secs()
    );
    ApiError::unavailable("too_many_people", &reason)
}

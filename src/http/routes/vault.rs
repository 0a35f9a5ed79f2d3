//! How the vault is: what it holds, and whether it is whole.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::app::{App, Caller, RequestId};
use crate::http::error::ApiError;
use crate::http::openapi::{Errors, QueryErrors};
use crate::http::query::NoQuery;
use crate::http::request::SearchMode;
use crate::person::{PersonQuery, Status};
use crate::store::Erasure;
use crate::vault::Vault;

/// What the token's client has in the vault, and how its file is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VaultState {
    /// How many collections there are.
    collections: u64,
    /// How the file is; null where it holds data of several clients.
    #[schema(required = true)]
    file: Option<VaultFile>,
    /// How much is taken of one person.
    limits: PhotoLimits,
    /// How many people there are.
    people: People,
    /// How many active people cannot be found, because their photos have no encoding by the loaded model; null where
    /// no model is loaded.
    #[schema(required = true)]
    people_without_encoding: Option<u64>,
    /// Whether the server only reads.
    read_only: bool,
    /// How the photos of people are encoded: a search that asks for the same compares like with like. Null where no
    /// model is loaded.
    #[schema(required = true)]
    search_mode: Option<SearchMode>,
}

/// How many people there are of each status.
#[derive(Serialize, ToSchema)]
struct People {
    active: u64,
    inactive: u64,
    pending: u64,
}

/// How much is taken of one person.
#[derive(Serialize, ToSchema)]
struct PhotoLimits {
    /// Bytes of one photo.
    image_bytes: u64,
    /// Photos of one person.
    images: u64,
}

/// The vault's file.
#[derive(Serialize, ToSchema)]
struct VaultFile {
    /// Bytes of the file and of the log beside it, or of a hub's database.
    bytes: u64,
    /// `done`: nothing of what was removed is left. `pending`: the log beside the vault still has it, or the vault is a
    /// hub, where PostgreSQL overwrites it in its own time.
    erasure: &'static str,
    /// Counts the changes of the gallery.
    generation: u64,
    /// The model of the encodings; null before the first one.
    #[schema(required = true)]
    model: Option<VaultModel>,
}

/// The model of a vault's encodings.
#[derive(Serialize, ToSchema)]
struct VaultModel {
    /// The model's id, 32 hexadecimal digits.
    id: String,
    name: String,
}

/// What a check found.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Checked {
    /// Entries of the audit trail that were looked at.
    audit_entries: u64,
    /// Encodings that were looked at.
    encodings: u64,
    /// Photos that were looked at.
    images: u64,
    /// People who were looked at.
    persons: u64,
    /// What is wrong; empty where nothing is.
    problems: Vec<CheckProblem>,
}

/// Something that is not as it was written.
#[derive(Serialize, ToSchema)]
struct CheckProblem {
    /// What is wrong.
    message: String,
    /// The person concerned, where it is known.
    #[schema(required = true)]
    person: Option<String>,
}

/// How the vault is
///
/// How many people and collections the token's client has, and how the file is. `file` is null where the vault has
/// several clients, because it would say something about the others.
#[utoipa::path(
    get, path = "/vault", tag = "service", operation_id = "vault",
    responses((status = 200, description = "How the vault is", body = Answer<VaultState>), Errors, QueryErrors)
)]
pub(in crate::http) async fn state(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
) -> Result<Response, ApiError> {
    let work = move |vault: &Vault| {
        let of_status = |status| {
            let query = PersonQuery { status: Some(status), limit: 1, ..PersonQuery::default() };
            Ok::<_, ApiError>(vault.persons(&query)?.total)
        };
        let without = vault.engine().map(|_| vault.people_without_encoding()).transpose()?;
        let limits = vault.limits();
        let state = VaultState {
            collections: vault.collections()?.len() as u64,
            file: if is_of_one_client(vault)? { Some(file(vault)?) } else { None },
            limits: PhotoLimits { image_bytes: limits.max_image_bytes, images: limits.max_images as u64 },
            people: People {
                active: of_status(Status::Active)?,
                inactive: of_status(Status::Inactive)?,
                pending: of_status(Status::Pending)?,
            },
            people_without_encoding: without.map(|people| people.len() as u64),
            read_only: vault.is_read_only(),
            search_mode: vault.encoding_mode()?.map(Into::into),
        };
        Ok(Reply::new(request, state))
    };
    app.with_file(caller, work).await
}

/// Read the whole vault and verify it
///
/// As `facevault check`: the file's structure, every reference, and every photo and encoding against its checksum. Null
/// where the vault has several clients, because a check is of all of them. While the same is done for another request,
/// the answer is 503.
#[utoipa::path(
    get, path = "/vault/check", tag = "service", operation_id = "check",
    responses((status = 200, description = "What was found, or null", body = Answer<Option<Checked>>), Errors, QueryErrors)
)]
pub(in crate::http) async fn check(
    State(app): State<App>,
    caller: Caller,
    _: NoQuery,
    RequestId(request): RequestId,
) -> Result<Response, ApiError> {
    let state = app.clone();
    let work = move |vault: &Vault| {
        if !is_of_one_client(vault)? {
            return Ok(Reply::new(request, None::<Checked>));
        }
        let report = state.alone(|| Ok(vault.check()?))?;
        let problem = |problem: crate::store::Problem| CheckProblem {
            message: problem.what,
            person: problem.person.map(|person| person.to_string()),
        };
        let checked = Checked {
            audit_entries: report.audit_entries,
            encodings: report.encodings,
            images: report.images,
            persons: report.persons,
            problems: report.problems.into_iter().map(problem).collect(),
        };
        Ok(Reply::new(request, Some(checked)))
    };
    app.with_file(caller, work).await
}

/// Whether the file says nothing about other clients than the token's.
fn is_of_one_client(vault: &Vault) -> Result<bool> {
    Ok(vault.clients()?.len() == 1)
}

fn file(vault: &Vault) -> Result<VaultFile> {
    let erasure = match vault.erasure()? {
        Erasure::Pending => Erasure::Pending,
        _ => Erasure::Done,
    };
    let model = vault.active_model()?.map(|model| VaultModel { id: model.id.to_string(), name: model.name });
    Ok(VaultFile { bytes: vault.bytes(), erasure: erasure.as_str(), generation: vault.generation()?, model })
}

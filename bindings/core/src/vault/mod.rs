//! The verbs of a vault.

mod audit;
mod collections;
mod keeping;
mod models;
mod persons;
mod search;
mod tokens;

use facevault::{ImageBytes, ImageId, ModelId, PersonId, Progress, Result, Vault};

use crate::guard::guard;
use crate::request::{Call, Photos, Request, unknown_verb};

type Verb = (&'static str, Photos, fn(&Vault, &mut Call<'_>) -> Result<String>);

const VERBS: &[Verb] = &[
    ("audit", Photos::None, audit::list),
    ("audit_cut", Photos::None, audit::cut),
    ("audit_flush", Photos::None, audit::flush),
    ("audit_policy", Photos::None, audit::policy),
    ("audit_verify", Photos::None, audit::verify),
    ("authenticate", Photos::None, tokens::authenticate),
    ("backup", Photos::None, keeping::backup),
    ("carry_out_retention", Photos::None, keeping::carry_out_retention),
    ("changes", Photos::None, keeping::changes),
    ("check", Photos::None, keeping::check),
    ("check_receipt", Photos::Any, audit::check_receipt),
    ("clean", Photos::None, keeping::clean),
    ("clients", Photos::None, keeping::clients),
    ("collection", Photos::None, collections::one),
    ("collections", Photos::None, collections::list),
    ("create_collection", Photos::None, collections::create),
    ("create_person", Photos::Any, persons::create),
    ("create_person_unless_known", Photos::Any, persons::create_unless_known),
    ("create_persons", Photos::Any, persons::create_many),
    ("create_token", Photos::None, tokens::create),
    ("describe", Photos::None, keeping::describe),
    ("duplicates", Photos::None, search::duplicates),
    ("encodings", Photos::None, models::encodings),
    ("erasure", Photos::None, keeping::erasure),
    ("finish_erasure", Photos::None, keeping::finish_erasure),
    ("identify", Photos::Any, search::identify),
    ("identify_encodings", Photos::None, search::identify_encodings),
    ("identify_faces", Photos::One, search::identify_faces),
    ("last_seen", Photos::None, keeping::last_seen),
    ("people_without_encoding", Photos::None, models::people_without_encoding),
    ("person", Photos::None, persons::one),
    ("person_key", Photos::None, audit::person_key),
    ("persons", Photos::None, persons::list),
    ("purge", Photos::None, keeping::purge),
    ("reencode", Photos::None, models::reencode),
    ("remove_collection", Photos::None, collections::remove),
    ("remove_from_collection", Photos::None, collections::take_out),
    ("remove_person", Photos::None, persons::remove),
    ("require_in_place", Photos::None, keeping::require_in_place),
    ("retention", Photos::None, keeping::retention),
    ("revoke_token", Photos::None, tokens::revoke),
    ("set_audit_policy", Photos::None, audit::set_policy),
    ("set_retention", Photos::None, keeping::set_retention),
    ("tokens", Photos::None, tokens::list),
    ("update_collection", Photos::None, collections::update),
    ("update_person", Photos::Any, persons::update),
    ("verify", Photos::Any, search::verify),
    ("verify_encoding", Photos::None, search::verify_encoding),
];

type BytesVerb = (&'static str, fn(&Vault, &PersonId, &ImageId) -> Result<ImageBytes>);

const BYTES_VERBS: &[BytesVerb] = &[("photo", Vault::photo), ("thumbnail", Vault::thumbnail)];

/// The names of the verbs of [`vault_call`].
pub fn vault_verbs() -> impl Iterator<Item = &'static str> {
    VERBS.iter().map(|verb| verb.0)
}

/// The names of the verbs of [`vault_bytes`].
pub fn bytes_verbs() -> impl Iterator<Item = &'static str> {
    BYTES_VERBS.iter().map(|verb| verb.0)
}

/// Calls a verb of a vault with a JSON object and photos; the answer is JSON.
///
/// `progress` is asked by `create_persons`, `duplicates`, `reencode`, `backup`, `purge` and `carry_out_retention`.
///
/// # Errors
/// [`Invalid`](facevault::ErrorKind::Invalid) for an unknown verb, for what breaks a rule in the request and for photos
/// that the verb does not take; and those of the verb.
pub fn vault_call(
    vault: &Vault,
    verb: &str,
    request: &[u8],
    photos: Vec<ImageBytes>,
    progress: &mut dyn Progress,
) -> Result<String> {
    guard(|| {
        let (_, takes, run) = VERBS.iter().find(|known| known.0 == verb).ok_or_else(|| unknown_verb(vault_verbs()))?;
        let mut request = Request::parse(request)?;
        takes.check(photos.len(), &mut request);
        run(vault, &mut Call { request, photos, progress })
    })
}

/// The bytes that a vault keeps: `photo`, as it was handed in, or `thumbnail`, a small JPEG. The request is
/// `{"id": person, "image": id}`.
///
/// # Errors
/// As for [`vault_call`].
pub fn vault_bytes(vault: &Vault, verb: &str, request: &[u8]) -> Result<ImageBytes> {
    guard(|| {
        let (_, run) = BYTES_VERBS.iter().find(|known| known.0 == verb).ok_or_else(|| unknown_verb(bytes_verbs()))?;
        let mut request = Request::parse(request)?;
        let person = person_id(&mut request);
        let image = request.required("image", |text| ImageId::new(text));
        let (person, image) = request.finish_with(person.zip(image))?;
        run(vault, &person, &image)
    })
}

fn person_id(request: &mut Request) -> Option<PersonId> {
    request.required("id", |text| PersonId::new(text))
}

/// The model of encodings that a request gives without naming one: the vault's, else that of its engine.
fn default_model(vault: &Vault) -> Result<Option<ModelId>> {
    let active = vault.active_model()?.map(|model| model.id);
    Ok(active.or_else(|| vault.engine().map(facevault::Engine::model)))
}

//! Collections and who is in them.

use facevault::{CollectionId, CollectionUpdate, Departure, NewCollection, Result, Vault};
use serde_json::json;

use super::person_id;
use crate::answer::{PersonAnswer, json_text};
use crate::request::Call;

/// `name`, `description`, and `_id` for an id of the caller's own.
pub(super) fn create(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let id = request.parsed("_id", |text| CollectionId::new(text));
    let new = request.read_rest(NewCollection::from_json).map(|new| NewCollection { id, ..new });
    json_text(&vault.create_collection(&request.finish_with(new)?)?)
}

fn id_or_code(call: &mut Call<'_>) -> Option<String> {
    call.request.required("id", |text| Ok(text.to_owned()))
}

/// `id` (or code), and what changes: `name`, `description`, `people`.
pub(super) fn update(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = id_or_code(call);
    let update = call.request.read_rest(CollectionUpdate::from_json);
    let (id, update) = call.request.finish_with(id.zip(update))?;
    json_text(&vault.update_collection(&id, &update)?)
}

pub(super) fn one(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = id_or_code(call);
    let id = call.request.finish_with(id)?;
    json_text(&vault.collection(&id)?)
}

pub(super) fn list(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&vault.collections()?)
}

/// Its persons stay.
pub(super) fn remove(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = id_or_code(call);
    let id = call.request.finish_with(id)?;
    vault.remove_collection(&id)?;
    Ok("null".to_owned())
}

/// Takes the person `id` out of `collection`; one who is in no other is removed.
pub(super) fn take_out(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let id = person_id(request);
    let collection = request.required("collection", |text| Ok(text.to_owned()));
    let (id, collection) = request.finish_with(id.zip(collection))?;
    match vault.remove_from_collection(&id, &collection)? {
        Departure::Stays(person) => {
            let person = PersonAnswer::summary(&person, vault.client());
            json_text(&json!({"status": "stays", "person": person}))
        }
        Departure::Removed(removed) => {
            let receipt = removed.receipt.map(|receipt| receipt.reveal());
            json_text(&json!({"status": "removed", "erasure": removed.erasure.as_str(), "receipt": receipt}))
        }
        _ => json_text(&json!({"status": "left"})),
    }
}

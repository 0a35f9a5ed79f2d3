//! Persons: creating, changing, reading and removing them.

use facevault::wire::ErrorAnswer;
use facevault::{
    Cursor, DateOfBirth, DuplicatePolicy, FaceEncoding, ImageBytes, ImageId, ImagesUpdate, NewPerson, Person,
    PersonQuery, PersonUpdate, Result, Rule, Status, Vault,
};
use serde_json::json;

use super::{default_model, person_id};
use crate::answer::{PersonAnswer, json_text, page};
use crate::request::{Call, Request};

/// A new person's fields, with `encodings` of those who come without photos.
fn new_person(vault: &Vault, request: &mut Request, photos: Vec<ImageBytes>) -> Result<Option<NewPerson>> {
    let encodings = request.encodings("encodings", || default_model(vault))?;
    refuse_images(request);
    let read = request.read_rest(NewPerson::from_json);
    Ok(read.map(|new| NewPerson { images: photos, encodings, ..new }))
}

/// Photos come beside the JSON, never in it.
fn refuse_images(request: &mut Request) {
    if request.names("images") {
        request.broken("images", Rule::Other("must not be in the JSON: photos are handed over beside it".to_owned()));
        drop(request.value::<serde_json::Value>("images"));
    }
}

fn policy(request: &mut Request) -> DuplicatePolicy {
    let Some(mut inside) = request.object("unless_known") else { return DuplicatePolicy::default() };
    let policy = DuplicatePolicy::default()
        .with_name_and_birth(inside.flag("name_and_birth").unwrap_or(false))
        .with_face(inside.point("face"))
        .with_collections(inside.texts("collections", |text| Ok(text.to_owned())));
    request.absorb(inside);
    policy
}

fn whole(person: &Person) -> Result<String> {
    json_text(&PersonAnswer::whole(person, false))
}

/// The fields of a person, and `encodings`.
pub(super) fn create(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let new = new_person(vault, &mut call.request, std::mem::take(&mut call.photos))?;
    whole(&vault.create_person(&call.request.finish_with(new)?)?)
}

/// As [`create`], with `unless_known`: `{"name_and_birth", "face": operating point, "collections"}`.
pub(super) fn create_unless_known(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.require("unless_known");
    let policy = policy(&mut call.request);
    let new = new_person(vault, &mut call.request, std::mem::take(&mut call.photos))?;
    whole(&vault.create_person_unless_known(&call.request.finish_with(new)?, &policy)?)
}

/// `{"persons": [{fields, "photos": count}], "unless_known"}`: each person takes the next `photos` of the photos. One
/// outcome each.
pub(super) fn create_many(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let policy = policy(request);
    request.require("persons");
    let given = call.photos.len();
    let mut photos = std::mem::take(&mut call.photos).into_iter();
    let (mut new, mut wanted) = (Vec::new(), 0_usize);
    for mut inside in request.objects("persons") {
        let count = inside.count("photos").unwrap_or(0);
        wanted = wanted.saturating_add(count);
        let own = photos.by_ref().take(count).collect();
        new.extend(new_person(vault, &mut inside, own)?);
        request.absorb(inside);
    }
    if wanted != given {
        let rule = format!("must be as many as the persons' own \"photos\" add up to, {wanted}, and are {given}");
        request.broken("photos", Rule::Other(rule));
    }
    request.finish()?;
    let outcomes = vault.create_persons(&new, &policy, call.progress)?;
    let outcome = |outcome: &'_ Result<Person>| match outcome {
        Ok(person) => json!({"status": "ok", "person": PersonAnswer::whole(person, false)}),
        Err(error) => json!({"status": "failed", "error": ErrorAnswer(error)}),
    };
    json_text(&json!({"outcomes": outcomes.iter().map(outcome).collect::<Vec<_>>()}))
}

/// `id`, the fields that change, `expected_version`, and what becomes of the photos:
///
/// * `"images": "replace"`, the default where photos or encodings are given: they take the place of all;
/// * `"images": "add"`: they come behind those that stay, without those of `remove_images`;
/// * `"images": "clear"`: all go;
/// * `remove_images`: ids of photos that go.
///
/// With `"summary": true` the answer has no `images`, and no photo is read for it.
pub(super) fn update(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let id = person_id(request);
    let summary = request.flag("summary").unwrap_or(false);
    let expected_version = request.whole("expected_version");
    let photos = std::mem::take(&mut call.photos);
    let encodings = request.encodings("encodings", || default_model(vault))?;
    let images = images_update(request, photos, encodings);
    let update = request.read_rest(PersonUpdate::from_json);
    let update = update.map(|update| PersonUpdate { images, expected_version, ..update });
    let (id, update) = request.finish_with(id.zip(update))?;
    match summary {
        true => json_text(&PersonAnswer::summary(&vault.update_person_summary(&id, &update)?, vault.client())),
        false => whole(&vault.update_person(&id, &update)?),
    }
}

#[derive(Clone, Copy)]
enum Change {
    Replace,
    Add,
    Clear,
}

fn images_update(request: &mut Request, photos: Vec<ImageBytes>, encodings: Vec<FaceEncoding>) -> ImagesUpdate {
    const CHANGES: [(&str, Change); 3] = [("replace", Change::Replace), ("add", Change::Add), ("clear", Change::Clear)];
    let change = request.one_of("images", &CHANGES);
    let remove = request.texts("remove_images", |text| ImageId::new(text));
    if !photos.is_empty() && !encodings.is_empty() {
        request.broken("encodings", Rule::Other("must not come together with photos in one update".to_owned()));
    }
    if remove.is_some() && (matches!(change, Some(Change::Replace | Change::Clear)) || !encodings.is_empty()) {
        request.broken("remove_images", Rule::Other("must come alone, or with photos that are added".to_owned()));
    }
    if matches!(change, Some(Change::Clear)) && !(photos.is_empty() && encodings.is_empty()) {
        request.broken("images", Rule::Other("must not be clear where photos or encodings are given".to_owned()));
    }
    match (change, remove) {
        (Some(Change::Clear), _) => ImagesUpdate::Clear,
        (_, Some(remove)) => ImagesUpdate::Edit { remove, add: photos },
        (Some(Change::Add), None) if encodings.is_empty() => ImagesUpdate::Edit { remove: Vec::new(), add: photos },
        (Some(Change::Add), None) => ImagesUpdate::AddEncodings(encodings),
        (None, None) if photos.is_empty() && encodings.is_empty() => ImagesUpdate::Keep,
        (_, None) if encodings.is_empty() => ImagesUpdate::Replace(photos),
        (_, None) => ImagesUpdate::ReplaceWithEncodings(encodings),
    }
}

/// `id`; with `"summary": true` without `images`, with `"encodings": true` with each image's encoding.
pub(super) fn one(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let id = person_id(request);
    let summary = request.flag("summary").unwrap_or(false);
    let encodings = request.flag("encodings").unwrap_or(false);
    if summary && encodings {
        request.broken("encodings", Rule::Other("must not be asked of a summary".to_owned()));
    }
    let id = request.finish_with(id)?;
    match summary {
        true => json_text(&PersonAnswer::summary(&vault.person_summary(&id)?, vault.client())),
        false => json_text(&PersonAnswer::whole(&vault.person(&id)?, encodings)),
    }
}

/// `page` or `after`, `limit`, `collection`, `status`, `name_contains`, `date_of_birth`, `attributes`.
pub(super) fn list(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let default = PersonQuery::default();
    let query = PersonQuery::default()
        .with_page(request.whole("page").unwrap_or(default.page))
        .with_after(request.parsed("after", |text| text.parse::<Cursor>()))
        .with_limit(request.whole("limit").unwrap_or(default.limit))
        .with_collection(request.text("collection"))
        .with_status(request.one_of("status", &[("active", Status::Active), ("inactive", Status::Inactive)]))
        .with_name_contains(request.text("name_contains"))
        .with_date_of_birth(request.parsed("date_of_birth", DateOfBirth::parse))
        .with_attributes(request.attributes("attributes"));
    request.finish()?;
    page(&vault.persons(&query)?, vault.client())
}

/// `id`. The receipt is in the answer and nowhere else.
pub(super) fn remove(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = person_id(&mut call.request);
    let id = call.request.finish_with(id)?;
    let removed = vault.remove_person(&id)?;
    let receipt = removed.receipt.map(|receipt| receipt.reveal());
    json_text(&json!({"erasure": removed.erasure.as_str(), "receipt": receipt}))
}

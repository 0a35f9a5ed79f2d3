//! A vault's encodings and the model that made them.

use facevault::wire::encode_base64;
use facevault::{ReencodeOptions, Result, Vault};
use serde_json::{Value, json};

use crate::answer::{json_text, refused};
use crate::request::Call;

/// All encodings of active persons, in the order in which they were written. Bindings that have numbers of their own
/// give them as a matrix instead ([`Vault::encoding_matrix`]).
pub(super) fn encodings(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    let matrix = vault.encoding_matrix()?;
    let row = |(index, (person, image)): (usize, &(_, _))| {
        let vector = matrix.row(index).unwrap_or_default();
        let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
        json!({"person": person, "image": image, "encoding": encode_base64(&bytes)})
    };
    json_text(&json!({
        "model": matrix.model.to_string(),
        "dimension": matrix.dimension,
        "generation": matrix.generation,
        "rows": matrix.rows.iter().enumerate().map(row).collect::<Vec<_>>(),
    }))
}

/// The active persons who have photos but no encoding by the model that is searched.
pub(super) fn people_without_encoding(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&vault.people_without_encoding()?)
}

/// `keep_old`, `leave_out`.
pub(super) fn reencode(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let options = ReencodeOptions::default()
        .with_keep_old(request.flag("keep_old").unwrap_or(false))
        .with_leave_out(request.flag("leave_out").unwrap_or(false));
    request.finish()?;
    let done = vault.reencode(&options, call.progress)?;
    let unencoded = done.unencoded.iter().map(|left| {
        let mut answer = refused(&left.refusal);
        answer["client"] = json!(left.client);
        answer["person"] = json!(left.person);
        answer["image"] = json!(left.image);
        answer
    });
    json_text(&json!({
        "model": {"id": done.model.id.to_string(), "name": done.model.name, "dimension": done.model.dimension},
        "encoded": done.encoded,
        "unencoded": unencoded.collect::<Vec<Value>>(),
        "without_photo": done.without_photo(),
        "is_active": done.is_active,
    }))
}

//! Tokens: what programs show to act for a client.

use facevault::jiff::Timestamp;
use facevault::{Access, Error, Result, Rule, TokenId, Vault};
use serde_json::json;

use crate::answer::json_text;
use crate::request::Call;

/// `expires_at`. The secret, `token`, is in the answer and nowhere else.
pub(super) fn create(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let expires_at = call.request.parsed("expires_at", |text| {
        let rule = "must be a time such as 2030-01-31T00:00:00Z";
        text.parse::<Timestamp>().map_err(|_| Error::invalid("expires_at", Rule::Other(rule.to_owned())))
    });
    if expires_at.is_some_and(|expires| expires <= Timestamp::now()) {
        call.request.broken("expires_at", Rule::Other("must be in the future".to_owned()));
    }
    call.request.finish()?;
    let (secret, token) = vault.create_token(expires_at)?;
    let mut answer = json!(token);
    answer["token"] = json!(secret.reveal());
    json_text(&answer)
}

pub(super) fn list(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&vault.tokens()?)
}

/// `id`, the part of a token before its dot.
pub(super) fn revoke(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = call.request.required("id", |text| TokenId::new(text));
    vault.revoke_token(&call.request.finish_with(id)?)?;
    Ok("null".to_owned())
}

/// What `token`, as somebody shows it, is good for: whichever client's it is.
pub(super) fn authenticate(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let shown = call.request.required("token", |text| Ok(text.to_owned()));
    let shown = call.request.finish_with(shown)?;
    let (access, granted) = match vault.authenticate(&shown)? {
        Access::Granted(vault) => ("granted", Some(vault)),
        Access::Expired => ("expired", None),
        _ => ("unknown", None),
    };
    let client = granted.as_ref().map(Vault::client);
    let id = granted.as_ref().and_then(|vault| vault.actor().token_id());
    json_text(&json!({"access": access, "client": client, "_id": id}))
}

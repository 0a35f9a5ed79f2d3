//! Who somebody is, whether somebody is that person, and who is in the vault twice.

use facevault::wire::{DuplicatesAnswer, IdentificationAnswer, IdentifiedFaceAnswer, VerificationAnswer};
use facevault::{DuplicatesOptions, Identification, IdentifyOptions, PersonId, Result, Vault};

use super::{default_model, person_id};
use crate::answer::{json_text, names};
use crate::engine::compare_options;
use crate::liveness;
use crate::request::{Call, Request};

/// `collections`, `max_results`, `operating_point`, `below_threshold`, `mode`.
fn options(request: &mut Request) -> IdentifyOptions {
    let default = IdentifyOptions::default();
    IdentifyOptions::default()
        .with_collections(request.texts("collections", |text| Ok(text.to_owned())))
        .with_max_results(request.count("max_results").unwrap_or(default.max_results))
        .with_operating_point(request.point("operating_point").unwrap_or(default.operating_point))
        .with_below_threshold(request.flag("below_threshold").unwrap_or(false))
        .with_mode(request.mode("mode"))
}

fn people(identification: &Identification) -> impl Iterator<Item = &PersonId> {
    identification.candidates.iter().map(|candidate| &candidate.person)
}

/// The same, `liveness` and `liveness_min_score`.
pub(super) fn identify(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let options = options(&mut call.request).with_liveness(liveness::check(&mut call.request));
    call.request.finish()?;
    let identification = vault.identify(&call.photos, &options)?;
    let names = names(vault, people(&identification))?;
    json_text(&IdentificationAnswer { identification: &identification, names: &names })
}

/// `encodings`; one answer each.
pub(super) fn identify_encodings(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let options = options(request);
    request.require("encodings");
    let probes = request.encodings("encodings", || default_model(vault))?;
    request.finish()?;
    let answers = vault.identify_encodings(&probes, &options)?;
    let names = names(vault, answers.iter().flat_map(people))?;
    let answer = |identification| IdentificationAnswer { identification, names: &names };
    json_text(&answers.iter().map(answer).collect::<Vec<_>>())
}

/// As [`identify`]; each face must be live by itself.
pub(super) fn identify_faces(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let options = options(&mut call.request).with_liveness(liveness::check(&mut call.request));
    call.request.finish()?;
    let faces = vault.identify_faces(&call.photos[0], &options)?;
    let found = faces.iter().filter_map(|face| face.outcome.as_ref().ok());
    let names = names(vault, found.flat_map(people))?;
    let answer = |face| IdentifiedFaceAnswer { face, names: &names };
    json_text(&faces.iter().map(answer).collect::<Vec<_>>())
}

/// `id`, `operating_point`, `mode`, `liveness`, `liveness_min_score`.
pub(super) fn verify(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let id = person_id(&mut call.request);
    let options = compare_options(&mut call.request).with_liveness(liveness::check(&mut call.request));
    let id = call.request.finish_with(id)?;
    json_text(&VerificationAnswer(&vault.verify(&id, &call.photos, &options)?))
}

/// As [`verify`], with `encoding`, which tells nothing of liveness.
pub(super) fn verify_encoding(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let id = person_id(request);
    let options = compare_options(request);
    let probe = request.encoding("encoding", || default_model(vault))?;
    let (id, probe) = request.finish_with(id.zip(probe))?;
    json_text(&VerificationAnswer(&vault.verify_encoding(&id, &probe, &options)?))
}

/// `collections`, `operating_point`, `max_pairs`.
pub(super) fn duplicates(vault: &Vault, call: &mut Call<'_>) -> Result<String> {
    let request = &mut call.request;
    let default = DuplicatesOptions::default();
    let options = DuplicatesOptions::default()
        .with_collections(request.texts("collections", |text| Ok(text.to_owned())))
        .with_operating_point(request.point("operating_point").unwrap_or(default.operating_point))
        .with_max_pairs(request.count("max_pairs").unwrap_or(default.max_pairs));
    request.finish()?;
    let duplicates = vault.duplicates(&options, call.progress)?;
    let names = names(vault, duplicates.pairs.iter().flat_map(|pair| &pair.people))?;
    json_text(&DuplicatesAnswer { duplicates: &duplicates, names: &names })
}

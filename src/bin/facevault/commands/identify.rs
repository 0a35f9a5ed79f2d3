//! `facevault identify`

use std::io;
use std::path::PathBuf;

use clap::Args;
use facevault::geometry::Rect;
use facevault::wire::{IdentificationAnswer, IdentifiedFaceAnswer};
use facevault::{Identification, IdentifiedFace, IdentifyOptions, ImageBytes, PersonId, SearchIn, Vault};
use serde_json::{Value, json};

use super::Outcome;
use super::matching::{Names, ProbeLiveness, SearchSureness, matched, names, print_liveness, print_without_encoding};
use crate::context::Context;
use crate::failure::WithPhotos;
use crate::output::{self, Listing, Text, rate};
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault identify people.vault door.jpg
  facevault identify people.vault door-1.jpg door-2.jpg door-3.jpg   three photos of one person
  facevault identify people.vault party.jpg --all-faces --collection collection_staff
  facevault identify people.vault door.jpg --fpir 0.001 --max-results 3
  facevault identify people.vault door.jpg --top --max-results 5
  facevault identify people.vault door-1.jpg door-2.jpg --liveness require
  facevault identify people.vault door.jpg --json | jq -r '.data.candidates[0].person'

Exit code 0: somebody was found. 1: nobody, or a photo was refused.";

/// Who is this?
///
/// Searches the vault for the person of the photos and answers with those who are similar enough,
/// best first, or with "unknown". Several photos are fused into one probe, which errs less than
/// each by itself; with --all-faces every face of each photo is searched for.
///
/// A similarity means nothing by itself, and the more people are searched, the more strangers look
/// like somebody. So you set a rate: with --fpir 0.01, a search may find somebody for at most 1 % of
/// strangers. The threshold is computed from the rate, the model's measured table and the number of
/// people searched; a model without a table needs --similarity instead.
///
/// The answer gives for each candidate the similarity and how often different people are that alike
/// (FMR, never below what the table's data can show), and how far the best one is ahead of the
/// next: a small lead means that two people in the vault look alike, or are one person added twice.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// Photos of one person, or with --all-faces of any number of people; `-` is standard input
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<PathBuf>,

    /// Search for every face in each photo, instead of for one person who is in all of them
    #[arg(long)]
    all_faces: bool,

    /// Only members of this collection, by id or code; repeat it for more
    #[arg(long = "collection", value_name = "ID")]
    collections: Vec<String>,

    /// List at most this many candidates, up to 1000
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_results: u16,

    /// List the most similar people even where they do not reach the threshold: for somebody to look at, since
    /// who does not reach it was not recognised
    #[arg(long)]
    top: bool,

    #[command(flatten)]
    sureness: SearchSureness,

    #[command(flatten)]
    liveness: ProbeLiveness,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let mut options = IdentifyOptions::default()
        .with_collections((!arguments.collections.is_empty()).then(|| arguments.collections.clone()))
        .with_below_threshold(arguments.top)
        .with_liveness(arguments.liveness.check())
        .with_max_results(usize::from(arguments.max_results));
    options.operating_point = arguments.sureness.asked().unwrap_or(options.operating_point);
    let photos = photo::read_all(&arguments.photos, &context.limits())?;
    // An unknown collection is reported before models are loaded.
    let vault = context.vault_for_reading(&arguments.vault)?;
    arguments.collections.iter().try_for_each(|name| vault.collection(name).map(drop))?;
    // One search is not worth reading everybody's encodings.
    let vault = context.vault_for_searching(&arguments.vault)?.with_search_in(SearchIn::Hub);
    if arguments.all_faces {
        return everybody(arguments, &vault, &photos, &options, context);
    }
    let answer = vault.identify(&photos, &options).with_photos(&arguments.photos)?;
    let names = names(&vault, people(&answer))?;
    context.output.answer(&IdentificationAnswer { identification: &answer, names: &names }, |text| {
        print_candidates(&answer, &names, text)?;
        print_liveness(answer.liveness, &options.liveness, text)?;
        print_reasons(&answer, text)
    })?;
    matched(answer.recognized().next().is_some())
}

/// Searches for every face of each photo.
fn everybody(
    arguments: &Arguments,
    vault: &Vault,
    photos: &[ImageBytes],
    options: &IdentifyOptions,
    context: &Context,
) -> Outcome {
    let mut groups: Vec<(&PathBuf, Vec<IdentifiedFace>)> = Vec::with_capacity(photos.len());
    for (path, photo) in arguments.photos.iter().zip(photos) {
        groups.push((path, vault.identify_faces(photo, options).with_photos(std::slice::from_ref(path))?));
    }
    let answers = || groups.iter().flat_map(|(_, faces)| faces).filter_map(|face| face.outcome.as_ref().ok());
    let names = names(vault, answers().flat_map(people))?;
    let data: Vec<Value> = groups
        .iter()
        .map(|(path, faces)| {
            let faces: Vec<_> = faces.iter().map(|face| IdentifiedFaceAnswer { face, names: &names }).collect();
            json!({"file": output::path(path), "faces": faces})
        })
        .collect();
    context.output.answer(&data, |text| {
        for (path, faces) in &groups {
            text.heading(format!("{}  {}", path.display(), output::count(faces.len() as u64, "face", "faces")))?;
            for (number, face) in (1..).zip(faces) {
                let Rect { x, y, width, height } = face.face.bounds;
                text.line(format!("face {number}, {width:.0} x {height:.0} at {x:.0}, {y:.0}"))?;
                match &face.outcome {
                    Ok(answer) => {
                        print_candidates(answer, &names, text)?;
                        print_liveness(answer.liveness, &options.liveness, text)?;
                    }
                    Err(refusal) => text.line(format!("  {refusal}"))?,
                }
            }
        }
        // All faces are searched for at one threshold.
        answers().next().map_or(Ok(()), |answer| print_reasons(answer, text))
    })?;
    matched(answers().any(|answer| answer.recognized().next().is_some()))
}

fn people(answer: &Identification) -> impl Iterator<Item = &PersonId> {
    answer.candidates.iter().map(|candidate| &candidate.person)
}

fn print_candidates(answer: &Identification, names: &Names, text: &mut Text<'_>) -> io::Result<()> {
    let below = answer.candidates.iter().any(|candidate| !candidate.accepted);
    let mut titles = vec!["RANK", "PERSON", "NAME", "SIMILARITY", "FMR", "PHOTO"];
    titles.extend(below.then_some("RECOGNISED"));
    let mut listing = Listing::new(&titles).numbers(&[0, 3, 4]);
    for candidate in &answer.candidates {
        let recognised = if candidate.accepted { "yes" } else { "no" };
        let row = [
            &candidate.rank.to_string(),
            candidate.person.as_str(),
            names.get(&candidate.person).map(String::as_str).unwrap_or_default(),
            &format!("{:.4}", candidate.similarity.get()),
            &candidate.fmr.map_or("unknown".into(), |fmr| rate(fmr.get())),
            candidate.image.as_str(),
            recognised,
        ];
        listing.row(row.into_iter().take(titles.len()));
    }
    text.listing(&listing, "unknown: nobody reaches the threshold")?;
    if below && answer.recognized().next().is_none() {
        text.line("unknown: nobody reaches the threshold; these people are the most similar ones, not recognised")?;
    }
    match answer.margin {
        Some(margin) => text.line(format!("the most similar person is {margin:.4} ahead of the next one")),
        None => Ok(()),
    }
}

/// Why these candidates and no others.
fn print_reasons(answer: &Identification, text: &mut Text<'_>) -> io::Result<()> {
    text.line(format!("threshold {}", answer.threshold))?;
    match answer.people_searched {
        0 => text.line("nobody was searched: add people with photos with `facevault person add`")?,
        count => text.line(format!("{} searched", output::count(count, "person", "people")))?,
    }
    print_without_encoding(answer.people_without_encoding, text)
}

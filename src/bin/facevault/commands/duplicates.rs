//! `facevault duplicates`

use std::path::PathBuf;

use clap::Args;
use facevault::wire::DuplicatesAnswer;
use facevault::{DuplicatesOptions, OperatingPoint};

use super::Outcome;
use super::matching::{SearchSureness, names, print_without_encoding};
use crate::context::Context;
use crate::output::{Listing, count, rate};
use crate::progress::watched;

const EXAMPLES: &str = "\
Examples:
  facevault duplicates people.vault
  facevault duplicates people.vault --collection collection_staff --fmr 1e-6
  facevault duplicates people.vault --similarity 0.5 --json | jq '.data.pairs[] | .people'
  facevault person show people.vault ID && facevault person remove people.vault ID";

/// List pairs of people who look like one person
///
/// Compares all photos of all active people with each other, exactly. A pair may be one person who
/// was added twice, or two who look alike: people decide. Nothing is changed.
///
/// --fpir is the share of people who may be listed although they are in the vault only once; the
/// default is 0.01. The threshold is computed from it, the model's measured table and the number of
/// people. A model without a table needs --similarity instead, for which no models are loaded.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// Only members of this collection, by id or code; repeat it for more
    #[arg(long = "collection", value_name = "ID")]
    collections: Vec<String>,

    /// List at most this many pairs, up to 100000
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_pairs: u32,

    #[command(flatten)]
    sureness: SearchSureness,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let mut options = DuplicatesOptions::default()
        .with_collections((!arguments.collections.is_empty()).then(|| arguments.collections.clone()))
        .with_max_pairs(arguments.max_pairs as usize);
    options.operating_point = arguments.sureness.asked().unwrap_or(options.operating_point);
    let vault = match options.operating_point {
        OperatingPoint::Similarity(_) => context.vault_for_reading(&arguments.vault)?,
        _ => context.vault_for_searching(&arguments.vault)?,
    };
    let duplicates = watched(&context.output, |progress| vault.duplicates(&options, progress))?;
    let names = names(&vault, duplicates.pairs.iter().flat_map(|pair| &pair.people))?;
    context.output.answer(&DuplicatesAnswer { duplicates: &duplicates, names: &names }, |text| {
        let mut listing = Listing::new(&["SIMILARITY", "FMR", "PERSON", "NAME", "PERSON", "NAME"]).numbers(&[0, 1]);
        for pair in &duplicates.pairs {
            let [one, other] = &pair.people;
            let name = |id| names.get(id).map(String::as_str).unwrap_or_default();
            listing.row([
                &format!("{:.4}", pair.similarity.get()),
                &pair.fmr.map_or("unknown".into(), |fmr| rate(fmr.get())),
                one.as_str(),
                name(one),
                other.as_str(),
                name(other),
            ]);
        }
        text.listing(&listing, "no pairs look like one person")?;
        if duplicates.is_cut {
            text.line("there are more pairs: ask for more with --max-pairs, or for surer ones")?;
        }
        text.line(format!("threshold {}", duplicates.threshold))?;
        text.line(format!("{} compared", count(duplicates.people_searched, "person", "people")))?;
        print_without_encoding(duplicates.people_without_encoding, text)
    })
}

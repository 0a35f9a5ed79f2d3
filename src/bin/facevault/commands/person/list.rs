//! `facevault person list`

use std::path::PathBuf;

use clap::Args;
use facevault::{CollectionId, Cursor, DateOfBirth, PersonQuery, Status};

use super::Outcome;
use crate::context::Context;
use crate::output::{Listing, time};

const EXAMPLES: &str = "\
Examples:
  facevault person list people.vault
  facevault person list people.vault --name love --status active --limit 50
  facevault person list people.vault --collection collection_staff --page 2
  facevault person list people.vault --attribute badge=4711
  facevault person list people.vault --limit 1000 --json | jq -r '.data[]._id'
  facevault person list people.vault --limit 1000 --json | jq -r .pagination.next   for --after";

/// List people, a page at a time
///
/// With --json an entry has no photos and encodings, only how many there are; `person show` has
/// them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The page, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    page: u64,

    /// The page after another one, whose JSON says it as `pagination.next`: nobody is left out or listed twice
    /// because others come or go meanwhile
    #[arg(long, value_name = "NEXT", conflicts_with = "page")]
    after: Option<Cursor>,

    /// People per page, at most 1000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,

    /// Only members of this collection, by id or code
    #[arg(long, value_name = "ID")]
    collection: Option<String>,

    /// Only `active`, `inactive` or `pending` people
    #[arg(long, value_name = "STATUS", value_parser = Status::parse)]
    status: Option<Status>,

    /// Only people whose name contains this, ignoring case: `strasse` finds `Straße`
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// Only people who have this attribute with exactly this value; repeat it for more
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = super::fields::attribute)]
    attributes: Vec<(String, String)>,

    /// Only people born on this day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = DateOfBirth::parse)]
    date_of_birth: Option<DateOfBirth>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let page = context.vault_for_reading(&arguments.vault)?.persons(
        &PersonQuery::default()
            .with_page(arguments.page)
            .with_after(arguments.after.clone())
            .with_limit(arguments.limit)
            .with_collection(arguments.collection.clone())
            .with_status(arguments.status)
            .with_name_contains(arguments.name.clone())
            .with_date_of_birth(arguments.date_of_birth)
            .with_attributes(arguments.attributes.iter().cloned().collect::<std::collections::BTreeMap<_, _>>()),
    )?;
    context.output.page(&page, |text| {
        let mut listing =
            Listing::new(&["ID", "NAME", "PHOTOS", "BORN", "STATUS", "COLLECTIONS", "UPDATED"]).numbers(&[2]);
        for person in &page.items {
            let collections: Vec<&str> = person.collections.iter().map(CollectionId::as_str).collect();
            listing.row([
                person.id.as_str(),
                &person.name,
                &person.image_count.to_string(),
                &person.date_of_birth.map(|date| date.to_string()).unwrap_or_default(),
                person.status.as_str(),
                &collections.join(", "),
                &time(person.updated_at),
            ]);
        }
        text.listing(&listing, "nobody")?;
        if page.pages() > 1 && !context.output.is_quiet() {
            match (page.page, &page.next) {
                (Some(number), _) => text.line(format!("page {number} of {}, {} people", page.pages(), page.total))?,
                (None, Some(next)) => text.line(format!("{} people, the next page is --after {next}", page.total))?,
                (None, None) => text.line(format!("{} people, this is the last page", page.total))?,
            }
        }
        Ok(())
    })
}

//! A person's row, read as what a vault answers with, and written back.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use postgres::types::Json;
use postgres::{Row, Transaction};
use serde_json::Value;

use super::super::error::told;
use super::super::rows::{cell, damaged, time};
use super::super::timeline::{Numbers, sql};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{CollectionId, ImageId, NewPerson, PersonId, PersonSummary, fold};
use crate::share::{Items, SharedPerson, Stamps, image_item};

/// A person as the hub has it.
pub(super) struct PersonRow {
    pub(super) key: i64,
    /// Names the person in the hub, for ever.
    pub(super) uid: String,
    /// The last one that touched the person.
    pub(super) changed: u64,
    pub(super) person: PersonSummary,
    items: Items,
    stamps: Stamps,
    /// Whether this change has added the person, so that what is saved next belongs to it.
    is_new: bool,
}

impl PersonRow {
    /// The columns that [`Self::read`] reads, of a table or alias `p`.
    pub(super) const COLUMNS: &str =
        "p.key, p.added, p.changed, p.uid, p.id, p.created_at, p.updated_at, p.version, p.items, p.stamps";

    /// A row of [`Self::COLUMNS`]. The person's collections are in the order of their ids until
    /// [`in_order_of_age`] has looked at them.
    pub(super) fn read(row: &Row) -> Result<Self> {
        let number = |index| Ok(cell::<i64>(row, index)?.unsigned_abs());
        let Json(items): Json<Items> = cell(row, 8)?;
        let Json(stamps): Json<Stamps> = cell(row, 9)?;
        let id = PersonId::new(cell::<&str>(row, 4)?).map_err(|_| damaged())?;
        let created_at: Timestamp = time(cell(row, 5)?)?;
        let mut person = PersonSummary::new(id.clone(), &NewPerson::default(), created_at);
        person.updated_at = time(cell(row, 6)?)?;
        person.version = number(7)?;
        let shared = SharedPerson { uid: cell(row, 3)?, id, created_at, items, images: Vec::new() };
        shared.fill(&mut person)?;
        let SharedPerson { uid, items, .. } = shared;
        person.image_count = items.keys().filter(|item| item.starts_with(IMAGE)).count() as u64;
        Ok(Self { key: cell(row, 0)?, uid, changed: number(2)?, person, items, stamps, is_new: false })
    }

    /// A client's person by the id, if there is such a person.
    pub(super) fn find(transaction: &mut Transaction<'_>, client: i64, id: &PersonId) -> Result<Option<Self>> {
        let statement = format!("SELECT {} FROM facevault.persons p WHERE p.client = $1 AND p.id = $2", Self::COLUMNS);
        let row = transaction.query_opt(&statement, &[&client, &id.as_str()]).map_err(told)?;
        let Some(mut found) = row.map(|row| Self::read(&row)).transpose()? else { return Ok(None) };
        in_order_of_age(transaction, client, std::slice::from_mut(&mut found))?;
        Ok(Some(found))
    }

    /// A client's person by the id.
    pub(super) fn require(transaction: &mut Transaction<'_>, client: i64, id: &PersonId) -> Result<Self> {
        Self::find(transaction, client, id)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no person {id}")))
    }

    /// Adds a person, with the rows of photos still to come.
    pub(super) fn insert(numbers: &mut Numbers<'_, '_>, client: i64, mut person: PersonSummary) -> Result<Self> {
        person.expires_at = person.expires_at.map(rounded);
        let (uid, number) = (uuid::Uuid::new_v4().to_string(), numbers.next()?);
        let items = SharedPerson::items_of(&person, &[]);
        let row = numbers
            .transaction
            .query_one(
                "INSERT INTO facevault.persons
                     (client, uid, id, created_at, updated_at, folded_name, added, changed, items, stamps)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, '{}') RETURNING key",
                &[
                    &client,
                    &uid,
                    &person.id.as_str(),
                    &person.created_at.as_microsecond(),
                    &person.updated_at.as_microsecond(),
                    &fold(&person.name),
                    &sql(number),
                    &Json(&items),
                ],
            )
            .map_err(told)?;
        let key = cell(&row, 0)?;
        Ok(Self { key, uid, changed: number, person, items, stamps: Stamps::new(), is_new: true })
    }

    /// The ids of the person's photos.
    pub(super) fn images(&self) -> BTreeSet<ImageId> {
        let ids = self.items.keys().filter_map(|item| item.strip_prefix(IMAGE));
        ids.filter_map(|id| ImageId::new(id).ok()).collect()
    }

    /// Writes the person with these photos. What differs from before carries the number of this change, which is that
    /// of the insertion for a person who was just added.
    pub(super) fn save(&mut self, numbers: &mut Numbers<'_, '_>, images: &BTreeSet<ImageId>) -> Result<()> {
        self.person.expires_at = self.person.expires_at.map(rounded);
        let mut items = SharedPerson::items_of(&self.person, &[]);
        items.extend(images.iter().map(|id| (image_item(id), Value::Bool(true))));
        if !std::mem::take(&mut self.is_new) {
            self.changed = numbers.next()?;
            let names: BTreeSet<&String> = items.keys().chain(self.items.keys()).collect();
            for name in names.into_iter().filter(|name| items.get(*name) != self.items.get(*name)) {
                self.stamps.insert(name.clone(), self.changed);
            }
        }
        self.items = items;
        self.person.image_count = images.len() as u64;
        numbers
            .transaction
            .execute(
                "UPDATE facevault.persons SET items = $2, stamps = $3, changed = $4, version = $5, updated_at = $6,
                        folded_name = $7 WHERE key = $1",
                &[
                    &self.key,
                    &Json(&self.items),
                    &Json(&self.stamps),
                    &sql(self.changed),
                    &sql(self.person.version),
                    &self.person.updated_at.as_microsecond(),
                    &fold(&self.person.name),
                ],
            )
            .map_err(told)?;
        Ok(())
    }
}

/// Now, as a hub keeps times.
pub(super) fn now() -> Timestamp {
    rounded(clock::now())
}

/// A time as it is read again: a hub keeps microseconds.
fn rounded(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// What the items of photos begin with.
const IMAGE: &str = "image:";

/// Puts the collections of persons of one client in order, oldest first.
pub(super) fn in_order_of_age(transaction: &mut Transaction<'_>, client: i64, people: &mut [PersonRow]) -> Result<()> {
    let ids: BTreeSet<&str> = people
        .iter()
        .filter(|row| row.person.collections.len() > 1)
        .flat_map(|row| &row.person.collections)
        .map(CollectionId::as_str)
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = ids.into_iter().collect();
    let select = "SELECT id, key FROM facevault.collections WHERE client = $1 AND id = ANY($2)";
    let rows = transaction.query(select, &[&client, &ids]).map_err(told)?;
    let age: HashMap<String, i64> = rows.iter().map(|row| Ok((cell(row, 0)?, cell(row, 1)?))).collect::<Result<_>>()?;
    for row in people {
        row.person.collections.sort_by_key(|id| age.get(id.as_str()).copied().unwrap_or(i64::MAX));
    }
    Ok(())
}

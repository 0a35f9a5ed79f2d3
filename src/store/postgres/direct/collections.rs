//! Collections and who is in them. A membership is an item of the person, named by the collection's id.

use std::collections::{BTreeSet, HashMap};

use postgres::types::Json;
use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{HeldCollection, cell, time};
use super::super::timeline::{Numbers, sql};
use super::rows::{PersonRow, now};
use super::{HubStore, clients};
use crate::audit::AuditEvent;
use crate::error::{Error, ErrorKind, Result, Rule, Violation};
use crate::person::{ClientId, Collection, CollectionId, CollectionUpdate, NewCollection, PersonId, described};
use crate::share::SharedCollection;
use crate::store::{CollectionWritten, GalleryEffect};

/// A collection's row.
pub(super) struct Found {
    key: i64,
    pub(super) collection: Collection,
}

/// The columns that [`Found::read`] reads: those of a collection that travels, and when it was last changed.
fn columns() -> String {
    format!("{}, updated_at", HeldCollection::COLUMNS)
}

impl Found {
    fn read(row: &Row) -> Result<Self> {
        let held = HeldCollection::read(row)?;
        let text = |item| held.collection.text(item).map(str::to_owned);
        let collection = Collection {
            name: text("name").unwrap_or_default(),
            description: text("description"),
            updated_at: time(cell(row, 8)?)?,
            id: held.collection.id,
            code: held.collection.code,
            created_at: held.collection.created_at,
        };
        Ok(Self { key: held.key, collection })
    }
}

impl HubStore {
    pub(in crate::store) fn collection(&self, client: &ClientId, id_or_code: &str) -> Result<Collection> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            Ok(require(transaction, client, id_or_code)?.collection)
        })
    }

    pub(in crate::store) fn collections(&self, client: &ClientId) -> Result<Vec<Collection>> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let select = format!("SELECT {} FROM facevault.collections WHERE client = $1 ORDER BY key", columns());
            let rows = transaction.query(&select, &[&client]).map_err(told)?;
            rows.iter().map(|row| Ok(Found::read(row)?.collection)).collect()
        })
    }

    pub(in crate::store) fn insert_collection(&self, client: &ClientId, new: &NewCollection) -> Result<Collection> {
        self.write(|numbers| {
            let tenant = clients::require(numbers.transaction, client)?;
            let id = new.id.clone().unwrap_or_else(CollectionId::generate);
            let taken = "SELECT 1 FROM facevault.collections WHERE client = $1 AND id = $2";
            if numbers.transaction.query_opt(taken, &[&tenant, &id.as_str()]).map_err(told)?.is_some() {
                return Err(Error::new(ErrorKind::AlreadyExists, format!("collection {id} exists")));
            }
            let now = now();
            let collection = Collection {
                id,
                code: uuid::Uuid::now_v7().to_string(),
                name: new.name.clone(),
                description: new.description.clone().filter(|text| !text.is_empty()),
                created_at: now,
                updated_at: now,
            };
            let (number, items) = (numbers.next()?, SharedCollection::items_of(&collection));
            let row = numbers
                .transaction
                .query_one(
                    "INSERT INTO facevault.collections
                         (client, id, code, created_at, updated_at, added, changed, items, stamps)
                     VALUES ($1, $2, $3, $4, $4, $5, $5, $6, '{}') RETURNING key",
                    &[
                        &tenant,
                        &collection.id.as_str(),
                        &collection.code,
                        &now.as_microsecond(),
                        &sql(number),
                        &Json(&items),
                    ],
                )
                .map_err(told)?;
            let event = AuditEvent::CollectionCreated { collection: cell::<i64>(&row, 0)?.unsigned_abs() };
            self.note(numbers.transaction, Some(client), None, event)?;
            Ok(collection)
        })
    }

    pub(in crate::store) fn update_collection(
        &self,
        client: &ClientId,
        id_or_code: &str,
        update: &CollectionUpdate,
    ) -> Result<CollectionWritten> {
        self.write(|numbers| {
            let tenant = clients::require(numbers.transaction, client)?;
            let Found { key, mut collection } = require(numbers.transaction, tenant, id_or_code)?;
            let mut changed = false;
            if !update.is_keep() {
                let before = SharedCollection::items_of(&collection);
                update.apply(&mut collection);
                collection.updated_at = collection.updated_at.max(now());
                let items = SharedCollection::items_of(&collection);
                let number = numbers.next()?;
                let names: BTreeSet<&String> = before.keys().chain(items.keys()).collect();
                let stamps: HashMap<&String, u64> = names
                    .into_iter()
                    .filter(|name| before.get(*name) != items.get(*name))
                    .map(|name| (name, number))
                    .collect();
                numbers
                    .transaction
                    .execute(
                        "UPDATE facevault.collections SET items = $2, stamps = stamps || $3, changed = $4,
                                updated_at = $5 WHERE key = $1",
                        &[&key, &Json(&items), &Json(&stamps), &sql(number), &collection.updated_at.as_microsecond()],
                    )
                    .map_err(told)?;
                let (mut members_added, mut members_removed) = (0, 0);
                if let Some(people) = &update.people {
                    (members_added, members_removed) = set_members(numbers, tenant, &collection.id, people)?;
                }
                changed = true;
                let (collection, fields) = (key.unsigned_abs(), update.named());
                let event = AuditEvent::CollectionUpdated { collection, fields, members_added, members_removed };
                self.note(numbers.transaction, Some(client), None, event)?;
            }
            let gallery = GalleryEffect { generation: self.as_generation(numbers.last()), changed };
            Ok(CollectionWritten { collection, gallery })
        })
    }

    pub(in crate::store) fn remove_collection(&self, client: &ClientId, id_or_code: &str) -> Result<GalleryEffect> {
        self.write(|numbers| {
            let tenant = clients::require(numbers.transaction, client)?;
            let Found { key, collection } = require(numbers.transaction, tenant, id_or_code)?;
            numbers.tenant = tenant;
            let members = super::super::exchange::remove_collection(numbers, &collection.code)?;
            let event = AuditEvent::CollectionRemoved { collection: key.unsigned_abs(), members };
            self.note(numbers.transaction, Some(client), None, event)?;
            Ok(GalleryEffect { generation: self.as_generation(numbers.last()), changed: true })
        })
    }
}

/// The ids of the collections with these ids or codes, each once, oldest first, or an error that names every one that
/// the client does not have.
pub(super) fn resolve(transaction: &mut Transaction<'_>, client: i64, names: &[String]) -> Result<Vec<CollectionId>> {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        match find(transaction, client, name)? {
            Some(collection) => found.push((collection.key, collection.collection.id)),
            None => {
                unknown
                    .push(Violation { field: format!("collections[{index}]"), rule: Rule::Unknown(described(name)) });
            }
        }
    }
    if !unknown.is_empty() {
        return Err(Error::violated(unknown));
    }
    found.sort_unstable_by_key(|(key, _)| *key);
    found.dedup_by_key(|(key, _)| *key);
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// A client's collection by id, else by code. A code is a UUID, whose letters may be of either case.
pub(super) fn find(transaction: &mut Transaction<'_>, client: i64, id_or_code: &str) -> Result<Option<Found>> {
    let select = format!(
        "SELECT {} FROM facevault.collections WHERE client = $1 AND (id = $2 OR code = $3) ORDER BY id = $2 DESC LIMIT 1",
        columns()
    );
    let code = id_or_code.to_ascii_lowercase();
    // No id or code has such a character, and PostgreSQL takes no text that has it.
    if id_or_code.contains('\0') {
        return Ok(None);
    }
    let row = transaction.query_opt(&select, &[&client, &id_or_code, &code]).map_err(told)?;
    row.map(|row| Found::read(&row)).transpose()
}

fn require(transaction: &mut Transaction<'_>, client: i64, id_or_code: &str) -> Result<Found> {
    find(transaction, client, id_or_code)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no {}", described(id_or_code))))
}

/// Makes these persons the members of a collection; says how many came and how many went. The version of each of them
/// is raised.
fn set_members(
    numbers: &mut Numbers<'_, '_>,
    client: i64,
    collection: &CollectionId,
    people: &[PersonId],
) -> Result<(u64, u64)> {
    let ids: Vec<&str> = people.iter().map(PersonId::as_str).collect();
    let select = "SELECT id FROM facevault.persons WHERE client = $1 AND id = ANY($2)";
    let rows = numbers.transaction.query(select, &[&client, &ids]).map_err(told)?;
    let known: BTreeSet<&str> = rows.iter().map(|row| cell(row, 0)).collect::<Result<_>>()?;
    let unknown = ids.iter().enumerate().filter(|(_, id)| !known.contains(**id));
    let unknown: Vec<Violation> = unknown
        .map(|(index, id)| Violation {
            field: format!("people[{index}]"),
            rule: Rule::Unknown(format!("person {id:?}")),
        })
        .collect();
    if !unknown.is_empty() {
        return Err(Error::violated(unknown));
    }
    let item = format!("collection:{collection}");
    let select = format!(
        "SELECT {} FROM facevault.persons p
         WHERE p.client = $1 AND (p.items ? $2) <> (p.id = ANY($3)) ORDER BY p.key",
        PersonRow::COLUMNS
    );
    let rows = numbers.transaction.query(&select, &[&client, &item, &ids]).map_err(told)?;
    let (now, mut came, mut went) = (now(), 0, 0);
    for row in &rows {
        let mut row = PersonRow::read(row)?;
        let before = row.person.collections.len();
        row.person.collections.retain(|id| id != collection);
        match row.person.collections.len() < before {
            true => went += 1,
            false => {
                row.person.collections.push(collection.clone());
                came += 1;
            }
        }
        row.person.version += 1;
        row.person.updated_at = row.person.updated_at.max(now);
        let images = row.images();
        row.save(numbers, &images)?;
    }
    Ok((came, went))
}

//! Reading persons: one, a page of many, and what became of them since a revision.

use postgres::Transaction;
use serde_json::{Map, Value};

use super::super::error::told;
use super::super::rows::cell;
use super::super::timeline::sql;
use super::rows::{PersonRow, in_order_of_age};
use super::{HubStore, clients, collections, models, photos};
use crate::error::{Error, Result, Rule};
use crate::person::{ClientId, Cursor, Page, Person, PersonId, PersonKey, PersonQuery, PersonSummary, described, fold};
use crate::store::{ChangesSince, PersonChange, PersonChanges};

/// Who is on a list: parameters that are NULL ask nothing.
const LISTED: &str = "FROM facevault.persons p WHERE p.client = $1 AND ($2::text IS NULL OR p.status = $2)
    AND ($3::text IS NULL OR p.items ? $3) AND ($4::jsonb IS NULL OR p.items @> $4)
    AND ($5::text IS NULL OR strpos(p.folded_name, $5) > 0) AND ($6::text IS NULL OR p.date_of_birth = $6)";

impl HubStore {
    pub(in crate::store) fn person(&self, client: &ClientId, id: &PersonId) -> Result<Person> {
        self.read(|transaction| {
            let key = clients::require(transaction, client)?;
            let row = PersonRow::require(transaction, key, id)?;
            whole(transaction, row.key, row.person, client)
        })
    }

    pub(in crate::store) fn person_summary(&self, client: &ClientId, id: &PersonId) -> Result<PersonSummary> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            Ok(PersonRow::require(transaction, client, id)?.person)
        })
    }

    pub(in crate::store) fn persons(&self, client: &ClientId, query: &PersonQuery) -> Result<Page<PersonSummary>> {
        let offset = query.skipped()?;
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let member = match &query.collection {
                Some(name) => {
                    let found = collections::find(transaction, client, name)?;
                    let found = found.ok_or_else(|| Error::invalid("collection", Rule::Unknown(described(name))))?;
                    Some(format!("collection:{}", found.collection.id))
                }
                None => None,
            };
            let named = query.attributes.iter();
            let attributes: Map<String, Value> =
                named.map(|(key, value)| (format!("attribute:{key}"), value.as_str().into())).collect();
            let attributes = (!attributes.is_empty()).then_some(Value::Object(attributes));
            // Nobody in a hub has such a character, and PostgreSQL takes no text that has it.
            let texts = query.attributes.values().chain(&query.name_contains);
            if texts.into_iter().any(|text| text.contains('\0')) {
                let page = query.after.is_none().then_some(query.page);
                return Ok(Page { items: Vec::new(), page, limit: query.limit, total: 0, next: None });
            }
            let status = query.status.map(|status| status.as_str());
            let name = query.name_contains.as_deref().map(fold);
            let born = query.date_of_birth.map(|date| date.to_string());
            let count = format!("SELECT COUNT(*) {LISTED}");
            let asked =
                transaction.query_one(&count, &[&client, &status, &member, &attributes, &name, &born]).map_err(told)?;
            let total = cell::<i64>(&asked, 0)?.unsigned_abs();

            let (micros, id) = query.after.as_ref().map(Cursor::place).unzip();
            let id = id.map(PersonId::as_str);
            // One more says whether there is another page.
            let most = i64::try_from(query.limit + 1).unwrap_or(i64::MAX);
            let select = format!(
                "SELECT {} {LISTED} AND ($7::bigint IS NULL
                     OR (p.created_at >= $7 AND (p.created_at > $7 OR p.id > $8 COLLATE \"C\")))
                 ORDER BY p.created_at, p.id COLLATE \"C\" LIMIT $9 OFFSET $10",
                PersonRow::COLUMNS
            );
            let rows = transaction
                .query(&select, &[&client, &status, &member, &attributes, &name, &born, &micros, &id, &most, &offset])
                .map_err(told)?;
            let mut people = rows.iter().map(PersonRow::read).collect::<Result<Vec<_>>>()?;
            let has_more = people.len() as u64 > query.limit;
            people.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
            in_order_of_age(transaction, client, &mut people)?;
            let items: Vec<PersonSummary> = people.into_iter().map(|row| row.person).collect();
            let next = items.last().filter(|_| has_more).map(Cursor::behind);
            let page = query.after.is_none().then_some(query.page);
            Ok(Page { items, page, limit: query.limit, total, next })
        })
    }

    pub(in crate::store) fn person_changes(&self, client: &ClientId, since: u64) -> Result<ChangesSince> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let row = transaction.query_one("SELECT sequence FROM facevault.hub", &[]).map_err(told)?;
            let revision = cell::<i64>(&row, 0)?.unsigned_abs();
            if since > revision {
                return Ok(ChangesSince::Gone);
            }
            // Whoever came and went since then was never seen.
            let select = "SELECT changed, key, added, id FROM facevault.persons WHERE client = $1 AND changed > $2
                          UNION ALL
                          SELECT sequence, person, added, NULL FROM facevault.tombstones
                          WHERE client = $1 AND sequence > $2 AND kind = 'person' AND added BETWEEN 1 AND $2
                          ORDER BY 1";
            let rows = transaction.query(select, &[&client, &sql(since)]).map_err(told)?;
            let changes = rows.iter().map(|row| {
                let (key, added) = (PersonKey::new(cell(row, 1)?), cell::<i64>(row, 2)?.unsigned_abs());
                let person = cell::<Option<&str>>(row, 3)?.map(PersonId::new).transpose()?;
                Ok(match person {
                    Some(person) if added > since => PersonChange::Added { key, person },
                    Some(person) => PersonChange::Changed { key, person },
                    None => PersonChange::Removed { key },
                })
            });
            Ok(ChangesSince::Known(PersonChanges { changes: changes.collect::<Result<_>>()?, revision }))
        })
    }
}

/// A person with photos, and with encodings by the active model.
pub(super) fn whole(
    transaction: &mut Transaction<'_>,
    key: i64,
    person: PersonSummary,
    client: &ClientId,
) -> Result<Person> {
    let model = models::active(transaction)?.map(|(_, model)| model.id);
    let images = photos::load(transaction, key, &person.id, model.as_ref())?;
    Ok(person.with_images(client.clone(), images))
}

//! Looks at everything that a hub holds.
//!
//! PostgreSQL has checksums of its own for what it writes (`initdb --data-checksums`), and rules that every row obeys.
//! What this asks is whether facevault wrote what is there, and whether what is written twice agrees.

use pgvector::Vector;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Row, Transaction};
use sha2::{Digest, Sha256};

use super::super::error::told;
use super::super::rows::{self as shared, Held, HeldCollection, cell, damaged, time};
use super::{HubStore, audit_read, retention, tokens};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{NewPerson, PersonId, PersonSummary, fold};
use crate::store::CheckReport;

/// One thing that is looked at.
type Part = fn(&mut Transaction<'_>, &mut CheckReport) -> Result<()>;

const PARTS: [Part; 10] = [
    people,
    collections,
    models,
    named,
    photos,
    encodings,
    numbers,
    tokens::check,
    retention::check,
    audit_read::check,
];

impl HubStore {
    pub(in crate::store) fn check(&self) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        self.read(|transaction| {
            for part in PARTS {
                // After an error of the server, what follows is read on the same snapshot all the same.
                let mut inner = transaction.transaction().map_err(told)?;
                let checked = part(&mut inner, &mut report);
                inner.rollback().map_err(told)?;
                if let Err(error) = checked {
                    report.add(None, into_damage(error)?);
                }
            }
            Ok(())
        })?;
        Ok(report)
    }
}

/// What is damaged, or the error itself where it is of another kind.
pub(super) fn into_damage(error: Error) -> Result<String> {
    if error.kind() == ErrorKind::Corrupt { Ok(error.to_string()) } else { Err(error) }
}

/// Takes each row of a statement as it comes, without holding all of them in memory.
pub(super) fn each(
    transaction: &mut Transaction<'_>,
    statement: &str,
    values: &[&(dyn ToSql + Sync)],
    mut take: impl FnMut(&Row) -> Result<()>,
) -> Result<()> {
    let mut rows = transaction.query_raw(statement, values.iter().copied()).map_err(told)?;
    while let Some(row) = rows.next().map_err(told)? {
        take(&row)?;
    }
    Ok(())
}

/// The number of the hub's last change.
fn newest(transaction: &mut Transaction<'_>) -> Result<u64> {
    let row = transaction.query_one("SELECT sequence FROM facevault.hub", &[]).map_err(told)?;
    Ok(cell::<i64>(&row, 0)?.unsigned_abs())
}

/// An id for a finding, where it can be read.
fn person_at(row: &Row, index: usize) -> Option<PersonId> {
    PersonId::new(cell::<&str>(row, index).ok()?).ok()
}

fn people(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    let newest = newest(transaction)?;
    let select = format!("SELECT {}, updated_at, folded_name FROM facevault.persons ORDER BY key", Held::COLUMNS);
    each(transaction, &select, &[], |row| {
        report.persons += 1;
        let id = person_at(row, 5);
        match person(row, newest) {
            Ok(None) => {}
            Ok(Some(what)) => report.add(id.as_ref(), what.to_owned()),
            Err(error) => report.add(id.as_ref(), into_damage(error)?),
        }
        Ok(())
    })
}

/// What is wrong with a person's row.
fn person(row: &Row, newest: u64) -> Result<Option<&'static str>> {
    let held = Held::read(row)?;
    let mut person = PersonSummary::new(held.person.id.clone(), &NewPerson::default(), held.person.created_at);
    held.person.fill(&mut person)?;
    time(cell(row, 8)?)?;
    let folded: Option<&str> = cell(row, 9)?;
    Ok(if held.changed > newest {
        Some("the person was changed after the hub's last number")
    } else if held.stamps.values().any(|stamp| *stamp > held.changed) {
        Some("an item was changed after the person's last change")
    } else if folded != Some(fold(&person.name).as_str()) {
        Some("the name by which the person is found is another one than the person's")
    } else {
        None
    })
}

fn collections(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    let newest = newest(transaction)?;
    let select = format!("SELECT {}, updated_at FROM facevault.collections ORDER BY key", HeldCollection::COLUMNS);
    let (mut wrong, mut late) = (0_u64, 0_u64);
    each(transaction, &select, &[], |row| {
        match HeldCollection::read(row).and_then(|held| time(cell(row, 8)?).map(|_| held)) {
            Ok(held) => {
                let of_text = held.collection.text("name").is_some_and(|name| !name.is_empty());
                wrong += u64::from(!of_text);
                late += u64::from(held.changed > newest || held.stamps.values().any(|stamp| *stamp > held.changed));
            }
            Err(error) => {
                into_damage(error)?;
                wrong += 1;
            }
        }
        Ok(())
    })?;
    count(report, "collections that no facevault wrote", wrong);
    count(report, "collections that were changed after their or the hub's last number", late);
    Ok(())
}

fn models(transaction: &mut Transaction<'_>, _report: &mut CheckReport) -> Result<()> {
    shared::models(transaction).map(drop)
}

/// Photos and collections that items name, and those that are there.
fn named(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    for (what, select) in [
        (
            "the row of photo {} is missing",
            "SELECT p.id, substr(k.item, 7)
             FROM facevault.persons p CROSS JOIN LATERAL jsonb_object_keys(p.items) k(item)
             LEFT JOIN facevault.images i ON i.person = p.key AND i.id = substr(k.item, 7)
             WHERE starts_with(k.item, 'image:') AND i.key IS NULL",
        ),
        (
            "photo {} is there, and the person does not have it",
            "SELECT p.id, i.id FROM facevault.images i JOIN facevault.persons p ON p.key = i.person
             WHERE p.items -> ('image:' || i.id) IS DISTINCT FROM 'true'::jsonb",
        ),
        (
            "the person is in collection {}, which is not there",
            "SELECT p.id, substr(k.item, 12)
             FROM facevault.persons p CROSS JOIN LATERAL jsonb_object_keys(p.items) k(item)
             LEFT JOIN facevault.collections c ON c.client = p.client AND c.id = substr(k.item, 12)
             WHERE starts_with(k.item, 'collection:') AND c.key IS NULL",
        ),
    ] {
        each(transaction, select, &[], |row| {
            report.add(person_at(row, 0).as_ref(), what.replace("{}", cell(row, 1)?));
            Ok(())
        })?;
    }
    Ok(())
}

fn photos(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    let select = "SELECT p.id, i.id, i.sha256, i.has_photo, o.bytes,
                         EXISTS (SELECT 1 FROM facevault.encodings e WHERE e.image = i.key)
                  FROM facevault.images i JOIN facevault.persons p ON p.key = i.person
                  LEFT JOIN facevault.photos o ON o.image = i.key ORDER BY i.key";
    each(transaction, select, &[], |row| {
        let (person, image): (_, &str) = (person_at(row, 0), cell(row, 1)?);
        let (has_photo, has_encoding): (bool, bool) = (cell(row, 3)?, cell(row, 5)?);
        let bytes: Option<&[u8]> = cell(row, 4)?;
        if !has_photo {
            report.without_photo += 1;
            if !has_encoding {
                report.add(person.as_ref(), format!("{image} has neither a photo nor an encoding"));
            }
            if bytes.is_some() {
                report.add(person.as_ref(), format!("{image} was given without a photo, and one is there"));
            }
            return Ok(());
        }
        report.images += 1;
        match bytes {
            None => report.add(person.as_ref(), format!("the bytes of photo {image} are missing")),
            Some(bytes) if Sha256::digest(bytes)[..] != *cell::<&[u8]>(row, 2)? => {
                report.add(person.as_ref(), format!("the bytes of photo {image} do not have their SHA-256"));
            }
            Some(_) => {}
        }
        Ok(())
    })
}

fn encodings(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    let select = "SELECT p.id, i.id, m.id, m.dimension, e.person = i.person, e.vector
                  FROM facevault.encodings e JOIN facevault.images i ON i.key = e.image
                  JOIN facevault.persons p ON p.key = i.person JOIN facevault.models m ON m.key = e.model";
    each(transaction, select, &[], |row| {
        report.encodings += 1;
        let (person, image): (_, &str) = (person_at(row, 0), cell(row, 1)?);
        if let Err(error) = encoding(row) {
            into_damage(error)?;
            report.add(person.as_ref(), format!("the encoding of photo {image} is not one of its model"));
        }
        if !cell::<bool>(row, 4)? {
            report.add(person.as_ref(), format!("an encoding of photo {image} is noted as another person's"));
        }
        Ok(())
    })
}

/// Refuses an encoding that its model cannot have made.
fn encoding(row: &Row) -> Result<()> {
    let model = ModelId::from_bytes(cell::<&[u8]>(row, 2)?.try_into().map_err(|_| damaged())?);
    let vector = cell::<Vector>(row, 5)?.to_vec();
    if vector.len() != cell::<i32>(row, 3)?.unsigned_abs() as usize {
        return Err(damaged());
    }
    FaceEncoding::new(model, vector).map(drop).map_err(|_| damaged())
}

/// What tables that say the same in different words say of each other.
fn numbers(transaction: &mut Transaction<'_>, report: &mut CheckReport) -> Result<()> {
    for (what, select) in [
        (
            "photos or encodings that belong to another client than their persons",
            "SELECT (SELECT COUNT(*) FROM facevault.images i JOIN facevault.persons p ON p.key = i.person
                     WHERE i.client <> p.client)
                  + (SELECT COUNT(*) FROM facevault.photos o JOIN facevault.images i ON i.key = o.image
                     WHERE o.client <> i.client)
                  + (SELECT COUNT(*) FROM facevault.encodings e JOIN facevault.images i ON i.key = e.image
                     WHERE e.client <> i.client)",
        ),
        (
            "persons or collections that are noted as removed",
            "SELECT (SELECT COUNT(*) FROM facevault.persons p JOIN facevault.tombstones t ON t.uid = p.uid)
                  + (SELECT COUNT(*) FROM facevault.collections c JOIN facevault.tombstones t ON t.uid = c.code)",
        ),
        (
            "removals or marks after the hub's last number",
            "SELECT (SELECT COUNT(*) FROM facevault.tombstones t WHERE t.sequence > h.sequence)
                  + (SELECT COUNT(*) FROM facevault.marks m WHERE m.sequence > h.sequence) FROM facevault.hub h",
        ),
        (
            "numbers of persons that would be given twice",
            "SELECT COUNT(*) FROM (SELECT GREATEST((SELECT MAX(key) FROM facevault.persons),
                                                   (SELECT MAX(person) FROM facevault.tombstones)) AS last) given
             WHERE last > COALESCE(pg_sequence_last_value(
                 pg_get_serial_sequence('facevault.persons', 'key')::regclass), 0)",
        ),
    ] {
        let row = transaction.query_one(select, &[]).map_err(told)?;
        count(report, what, cell::<i64>(&row, 0)?.unsigned_abs());
    }
    Ok(())
}

/// Adds a finding about so many rows, if there are any.
fn count(report: &mut CheckReport, what: &str, found: u64) {
    if found > 0 {
        report.add(None, format!("{what}: {found}"));
    }
}

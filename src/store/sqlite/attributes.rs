//! What a host notes of a person by keys of its own.

use std::collections::BTreeMap;

use rusqlite::{Connection, Statement, params};

use super::columns;
use super::error::Outcome;
use super::rows::ATTRIBUTES;
use crate::error::{Error, Rule};
use crate::patch::Patch;
use crate::person::MAX_ATTRIBUTES;

/// The first number of the parameters that [`bind_filter`] binds: those before are the statement's own.
const FIRST: usize = 20;

/// The attributes of the person with this key.
pub(super) fn of_person(connection: &Connection, person: i64) -> Outcome<BTreeMap<String, String>> {
    let mut statement = connection.prepare_cached(&ATTRIBUTES.select("WHERE person = ?1"))?;
    let all = ATTRIBUTES.read_all(statement.query([person])?, |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(all.into_iter().collect())
}

/// Writes the attributes of a new person.
pub(super) fn insert(connection: &Connection, person: i64, attributes: &BTreeMap<String, String>) -> Outcome<()> {
    attributes.iter().try_for_each(|(key, value)| set(connection, person, key, value))
}

/// Does what an update asks to a person's attributes.
pub(super) fn apply(
    connection: &Connection,
    person: i64,
    update: &Patch<BTreeMap<String, Option<String>>>,
) -> Outcome<()> {
    match update {
        Patch::Keep => return Ok(()),
        Patch::Clear => {
            connection.prepare_cached("DELETE FROM attributes WHERE person = ?1")?.execute([person])?;
        }
        Patch::Set(named) => {
            for (key, value) in named {
                match value {
                    Some(value) => set(connection, person, key, value)?,
                    None => {
                        connection
                            .prepare_cached("DELETE FROM attributes WHERE person = ?1 AND key = ?2")?
                            .execute(params![person, key])?;
                    }
                }
            }
        }
    }
    let mut statement = connection.prepare_cached("SELECT COUNT(*) FROM attributes WHERE person = ?1")?;
    match statement.query_row([person], |row| columns::count(row, 0))? {
        count if count <= MAX_ATTRIBUTES as u64 => Ok(()),
        _ => Err(Error::invalid("attributes", Rule::Count { min: 0, max: MAX_ATTRIBUTES }).into()),
    }
}

fn set(connection: &Connection, person: i64, key: &str, value: &str) -> Outcome<()> {
    ATTRIBUTES.put(connection, &[&person, &key, &value])
}

/// The end of a condition on persons who have so many attributes of given values.
pub(super) fn filter(count: usize) -> String {
    let one = |index: usize| {
        let (key, value) = (FIRST + 2 * index, FIRST + 2 * index + 1);
        format!(" AND persons.key IN (SELECT a.person FROM attributes a WHERE a.key = ?{key} AND a.value = ?{value})")
    };
    (0..count).map(one).collect()
}

/// Binds the keys and values that [`filter`] asks for.
pub(super) fn bind_filter(statement: &mut Statement<'_>, wanted: &BTreeMap<String, String>) -> Outcome<()> {
    for (index, (key, value)) in wanted.iter().enumerate() {
        statement.raw_bind_parameter(FIRST + 2 * index, key)?;
        statement.raw_bind_parameter(FIRST + 2 * index + 1, value)?;
    }
    Ok(())
}

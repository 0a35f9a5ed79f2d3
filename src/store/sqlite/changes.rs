//! What happened to persons since a revision. Triggers keep the log (`migrations/v4.sql`), so that no write
//! can forget to.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::error::Outcome;
use super::person_row::{PERSONS, PersonRow};
use super::{Store, clients, columns};
use crate::error::Result;
use crate::person::{ClientId, PersonId, PersonKey};
use crate::store::{ChangesSince, PersonChange, PersonChanges};

impl Store {
    /// What happened to a client's persons since revision `since`. The revision counts each change of a person in
    /// the vault, of every client; 0 is before the first, and of the changes since then none is a removal.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unknown client, and as for every read.
    pub fn person_changes(&self, client: &ClientId, since: u64) -> Result<ChangesSince> {
        self.read(|connection| since_revision(connection, clients::require(connection, client)?, since))
    }
}

fn since_revision(connection: &Connection, client: i64, since: u64) -> Outcome<ChangesSince> {
    let (revision, forgotten) = connection
        .prepare_cached("SELECT revision, forgotten FROM meta")?
        .query_row([], |row| Ok((columns::count(row, 0)?, columns::count(row, 1)?)))?;
    if since > revision || (since > 0 && since < forgotten) {
        return Ok(ChangesSince::Gone);
    }
    // Whoever came and went since then was never seen.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT c.person, c.added, c.removed, {} FROM changes c LEFT JOIN persons p ON p.key = c.person
         WHERE c.client = ?1 AND c.changed > ?2 AND (c.removed = 0 OR c.added <= ?2)
         ORDER BY c.changed",
        PERSONS.selected("p.")
    ))?;
    let after = i64::try_from(since).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![client, after])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, added) = (PersonKey::new(row.get(0)?), columns::count(row, 1)?);
        let person: Option<PersonId> = match row.get::<_, bool>(2)? {
            true => None,
            false if row.get_ref(3)? == ValueRef::Null => return Err(PERSONS.damaged()),
            false => Some(PersonRow::read_at(row, 3)?.person.id),
        };
        changes.push(match person {
            Some(person) if added > since => PersonChange::Added { key, person },
            Some(person) => PersonChange::Changed { key, person },
            None => PersonChange::Removed { key },
        });
    }
    Ok(ChangesSince::Known(PersonChanges { changes, revision }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::NewPerson;
    use crate::store::{CreateOptions, PreparedImages};

    #[test]
    fn who_missed_a_forgotten_removal_has_to_start_anew() -> Result<()> {
        let store = Store::in_memory(&CreateOptions::default())?;
        let client = store.default_client()?;
        let add = || -> Result<PersonId> {
            let new = NewPerson { name: "a".into(), ..NewPerson::default() };
            Ok(store.insert_person(&client, &new, &PreparedImages::default())?.person.id)
        };
        let (one, two, three) = (add()?, add()?, add()?);
        store.remove_person(&client, &one, None)?;
        let known = |since| -> Result<Option<usize>> {
            Ok(match store.person_changes(&client, since)? {
                ChangesSince::Known(known) => Some(known.changes.len()),
                ChangesSince::Gone => None,
            })
        };
        // Revision 4 is the removal; time passes until it is 100,000 revisions ago.
        assert_eq!((known(0)?, known(3)?, known(4)?, known(5)?), (Some(2), Some(1), Some(0), None));
        store.write(|connection| Ok(connection.execute("UPDATE meta SET revision = 100003", [])?))?;
        store.remove_person(&client, &two, None)?;
        assert_eq!((known(0)?, known(3)?, known(4)?), (Some(1), None, Some(1)));
        // What somebody who starts anew learns is whole.
        let ChangesSince::Known(all) = store.person_changes(&client, 0)? else { panic!("0 is always known") };
        assert!(matches!(&all.changes[..], [PersonChange::Added { person, .. }] if *person == three), "{all:?}");
        assert_eq!(all.revision, 100_004);
        Ok(())
    }
}

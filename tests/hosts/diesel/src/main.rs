//! A vault of facevault and a database of diesel in one process.

use diesel::prelude::*;
use diesel::sql_types::Text;
use facevault::{NewPerson, Vault, VaultOptions};

#[derive(QueryableByName)]
struct Visit {
    #[diesel(sql_type = Text)]
    person: String,
    #[diesel(sql_type = Text)]
    sqlite: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut database = SqliteConnection::establish(&folder.path().join("visits.db").to_string_lossy())?;
    diesel::sql_query("CREATE TABLE visits (person TEXT NOT NULL)").execute(&mut database)?;

    let vault = Vault::create(folder.path().join("people.vault"), VaultOptions::default())?;
    let ada = vault.create_person(&NewPerson { name: "Ada".into(), ..NewPerson::default() })?;
    let insert = diesel::sql_query("INSERT INTO visits VALUES (?)").bind::<Text, _>(ada.id.to_string());
    insert.execute(&mut database)?;

    let select = diesel::sql_query("SELECT person, sqlite_version() AS sqlite FROM visits");
    let Visit { person, sqlite } = select.get_result(&mut database)?;
    let name = vault.person(&facevault::PersonId::new(person)?)?.name;
    println!("SQLite {sqlite}: {name} was here");
    Ok(())
}

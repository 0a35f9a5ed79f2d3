//! A vault of facevault and a database of SeaORM in one process.

use facevault::{NewPerson, Vault, VaultOptions};
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}?mode=rwc", folder.path().join("visits.db").display());
    let database = Database::connect(database).await?;
    database.execute_unprepared("CREATE TABLE visits (person TEXT NOT NULL)").await?;

    let vault = Vault::create(folder.path().join("people.vault"), VaultOptions::default())?;
    let ada = vault.create_person(&NewPerson { name: "Ada".into(), ..NewPerson::default() })?;
    let insert = "INSERT INTO visits VALUES (?)";
    let insert = Statement::from_sql_and_values(DbBackend::Sqlite, insert, [ada.id.to_string().into()]);
    database.execute_raw(insert).await?;

    let select = "SELECT person, sqlite_version() AS sqlite FROM visits";
    let row = database.query_one_raw(Statement::from_string(DbBackend::Sqlite, select)).await?.ok_or("no row")?;
    let (visitor, sqlite): (String, String) = (row.try_get("", "person")?, row.try_get("", "sqlite")?);
    let name = vault.person(&facevault::PersonId::new(visitor)?)?.name;
    println!("SQLite {sqlite}: {name} was here");
    Ok(())
}

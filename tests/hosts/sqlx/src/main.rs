//! A vault of facevault and a database of sqlx in one process.

use facevault::{NewPerson, Vault, VaultOptions};
use sqlx::SqlitePool;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite://{}?mode=rwc", folder.path().join("visits.db").display());
    let pool = SqlitePool::connect(&database).await?;
    sqlx::query("CREATE TABLE visits (person TEXT NOT NULL)").execute(&pool).await?;

    let vault = Vault::create(folder.path().join("people.vault"), VaultOptions::default())?;
    let ada = vault.create_person(&NewPerson { name: "Ada".into(), ..NewPerson::default() })?;
    sqlx::query("INSERT INTO visits VALUES (?)").bind(ada.id.to_string()).execute(&pool).await?;

    let (visitor, sqlite): (String, String) =
        sqlx::query_as("SELECT person, sqlite_version() FROM visits").fetch_one(&pool).await?;
    let name = vault.person(&facevault::PersonId::new(visitor)?)?.name;
    println!("SQLite {sqlite}: {name} was here");
    Ok(())
}

//! The hub's schema, and the way from one version to the next.

use postgres::{Client, GenericClient, Transaction};

use super::direct;
use super::error::told;
use crate::error::{Error, ErrorKind, Result};
use crate::person::fold;

/// One step a version.
const MIGRATIONS: &[&str] = &[include_str!("migrations/v1.sql"), include_str!("migrations/v2.sql")];

/// The version that this code reads and writes.
const VERSION: i32 = MIGRATIONS.len() as i32;

/// The first version of PostgreSQL that will do, as the server gives it.
const SERVER: i32 = 150_000;
/// The first version of pgvector that will do.
const PGVECTOR: (u32, u32) = (0, 8);

/// Two processes that make or migrate a hub at once wait for each other.
const LOCK: i64 = 0x4656_4C54_4855_4201;

/// Makes a database a hub, or takes one to the present version. Returns whether it was none.
///
/// # Errors
/// [`ErrorKind::Unsupported`] where server or pgvector are too old or absent, or the hub has a later version.
pub(super) fn make(client: &mut Client) -> Result<bool> {
    let mut transaction = client.transaction().map_err(told)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).map_err(told)?;
    require_server(&mut transaction)?;
    let found = version(&mut transaction)?;
    if found.unwrap_or(0) > VERSION {
        return Err(too_new(found.unwrap_or(0)));
    }
    if found.is_some_and(|found| found < VERSION) {
        require_owner(&mut transaction)?;
    }
    let schema = require_pgvector(&mut transaction)?;
    let done = usize::try_from(found.unwrap_or(0)).unwrap_or(0);
    for (statements, number) in MIGRATIONS.iter().zip(1..).skip(done) {
        let statements = statements.replace("public.vector", &format!("{schema}.vector"));
        transaction.batch_execute(&statements).map_err(told)?;
        let id = uuid::Uuid::new_v4().to_string();
        let sql = "INSERT INTO facevault.hub (key, id, version, created_at, sequence) VALUES (1, $1, $2, $3, 0)
                   ON CONFLICT (key) DO UPDATE SET version = $2";
        transaction.execute(sql, &[&id, &number, &crate::clock::now().as_microsecond()]).map_err(told)?;
        if number == 2 {
            fold_names(&mut transaction)?;
            let id: String = transaction.query_one("SELECT id FROM facevault.hub", &[]).map_err(told)?.get(0);
            direct::begin_trail(&mut transaction, &id)?;
        }
    }
    transaction.commit().map_err(told)?;
    Ok(found.is_none())
}

/// Refuses a database that is no hub of the present version.
pub(super) fn require_current(client: &mut Client) -> Result<()> {
    match version(client)? {
        Some(VERSION) => Ok(()),
        Some(older) if older < VERSION => {
            let message = format!(
                "the hub has schema version {older}, this facevault needs {VERSION}: `facevault hub init ADDRESS` takes it there"
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        Some(newer) => Err(too_new(newer)),
        None => {
            let message = "this database is no hub yet: `facevault hub init ADDRESS` makes it one";
            Err(Error::new(ErrorKind::NotFound, message))
        }
    }
}

/// Refuses to add tables that would belong to somebody else than the hub does.
fn require_owner(transaction: &mut Transaction<'_>) -> Result<()> {
    let select = "SELECT tableowner = current_user FROM pg_tables WHERE schemaname = 'facevault' AND tablename = 'hub'";
    match transaction.query_one(select, &[]).map_err(told)?.get(0) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Invalid, "only the user who made the hub takes it to a later version")),
    }
}

/// Writes the folded name of everybody, which no statement can compute.
fn fold_names(transaction: &mut Transaction<'_>) -> Result<()> {
    let select = "SELECT key, name FROM facevault.persons WHERE folded_name IS NULL ORDER BY key LIMIT 10000";
    loop {
        let rows = transaction.query(select, &[]).map_err(told)?;
        if rows.is_empty() {
            break;
        }
        let keys: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let names: Vec<String> = rows.iter().map(|row| fold(row.get(1))).collect();
        let update = "UPDATE facevault.persons p SET folded_name = f.name
                      FROM unnest($1::bigint[], $2::text[]) f (key, name) WHERE p.key = f.key";
        transaction.execute(update, &[&keys, &names]).map_err(told)?;
    }
    let required = "ALTER TABLE facevault.persons ALTER COLUMN folded_name SET NOT NULL";
    transaction.batch_execute(required).map_err(told)
}

fn too_new(found: i32) -> Error {
    let message =
        format!("the hub has schema version {found}, this facevault knows versions up to {VERSION}: use a later one");
    Error::new(ErrorKind::Unsupported, message)
}

fn version(client: &mut impl GenericClient) -> Result<Option<i32>> {
    let sql = "SELECT to_regclass('facevault.hub') IS NOT NULL";
    if !client.query_one(sql, &[]).map_err(told)?.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client.query_opt("SELECT version FROM facevault.hub", &[]).map_err(told)?;
    Ok(row.map(|row| row.get(0)))
}

fn require_server(client: &mut impl GenericClient) -> Result<()> {
    let row = client.query_one("SELECT current_setting('server_version_num')::integer", &[]).map_err(told)?;
    let found: i32 = row.get(0);
    if found >= SERVER {
        return Ok(());
    }
    let message = format!("a hub needs PostgreSQL {} or later, this server is {}", SERVER / 10_000, found / 10_000);
    Err(Error::new(ErrorKind::Unsupported, message))
}

/// The schema that pgvector is in, quoted.
pub(super) fn vectors(client: &mut impl GenericClient) -> Result<String> {
    let select = "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                  WHERE e.extname = 'vector'";
    let row = client.query_opt(select, &[]).map_err(told)?;
    let missing = || Error::new(ErrorKind::Unsupported, "the hub's database has lost the extension pgvector");
    Ok(row.ok_or_else(missing)?.get(0))
}

/// Has pgvector in the database, and returns the schema that it is in, quoted.
fn require_pgvector(client: &mut impl GenericClient) -> Result<String> {
    let available = client
        .query_opt("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'", &[])
        .map_err(told)?;
    let installed = "SELECT e.extversion, quote_ident(n.nspname) FROM pg_extension e
                     JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'";
    if client.query_opt(installed, &[]).map_err(told)?.is_none() {
        if available.is_none() {
            let message = "a hub needs the extension pgvector, which this server does not have: install it (in Debian \
                           the package postgresql-NN-pgvector), then run `facevault hub init ADDRESS` again";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        client.batch_execute("CREATE EXTENSION vector SCHEMA public").map_err(told)?;
    }
    let row = client.query_one(installed, &[]).map_err(told)?;
    let (version, schema): (String, String) = (row.get(0), row.get(1));
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < PGVECTOR {
        let message = format!(
            "a hub needs pgvector {}.{} or later, this database has {version}: ALTER EXTENSION vector UPDATE, with a later \
             version installed",
            PGVECTOR.0, PGVECTOR.1
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(schema)
}

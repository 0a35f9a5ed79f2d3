//! Tables whose rows carry a checksum each, and how such rows are written and read.
//!
//! `crc32` of a row covers the table's name and the value of every other column, keys included. It is
//! written with the row and verified whenever the row is read, and a check verifies all. So neither a
//! flipped bit nor a row that turns up under another key passes for what was written. A row is changed
//! only after it was verified: damage never gets a fresh checksum.
//!
//! Not in this list: `photos`, `thumbnails` and `encodings`, whose checksums cover who they belong to
//! (`checksum.rs`), the audit trail, `retention` and `seen`, which have checksums of their own, and
//! `changes`, `gone`, `unsent` and `unsent_collections`, which triggers write. Each of their columns stands in an index
//! too, so that SQLite's integrity check compares both.

use std::borrow::Cow;
use std::sync::LazyLock;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, Rows, ToSql, params_from_iter};

use super::error::{Fault, Outcome};
use crate::error::{Error, ErrorKind};

/// A table, and the only list of its columns.
pub(super) struct Table {
    name: &'static str,
    /// The columns but `crc32`, in the order in which the checksum takes them; the primary key's come first.
    columns: Cow<'static, [&'static str]>,
    /// How many columns the primary key has.
    keys: usize,
}

pub(super) static CLIENTS: Table = Table::new("clients", 1, &["key", "id", "created_at"]);
pub(super) static MODELS: Table = Table::new("models", 1, &["key", "id", "name", "dimension", "metric", "mode"]);
pub(super) static META: Table = Table::new(
    "meta",
    1,
    &[
        "key",
        "vault",
        "created_at",
        "default_client",
        "active_model",
        "generation",
        "complete_since",
        "revision",
        "forgotten",
        "erasures",
        "unclean",
    ],
);
pub(super) static IMAGES: Table = Table::new("images", 1, &["key", "person", "position", "id", "sha256", "has_photo"]);
pub(super) static COLLECTIONS: Table =
    Table::new("collections", 1, &["key", "client", "id", "code", "created_at", "updated_at", "name", "description"]);
pub(super) static MEMBERSHIPS: Table = Table::new("memberships", 2, &["person", "collection"]);
pub(super) static ATTRIBUTES: Table = Table::new("attributes", 2, &["person", "key", "value"]);
pub(super) static TOKENS: Table =
    Table::new("tokens", 1, &["key", "client", "id", "sha256", "created_at", "expires_at", "revoked_at"]);
pub(super) static REMOVALS: Table = Table::new("removals", 1, &["generation", "person"]);

pub(super) static HUB: Table =
    Table::new("hub", 1, &["key", "hub", "kiosk", "client", "epoch", "place", "mark", "collections", "photos"]);
pub(super) static SHARED: Table = Table::new("shared", 1, &["person", "uid", "met", "is_own", "attempt"]);
pub(super) static SHARED_COLLECTIONS: Table = Table::new("shared_collections", 1, &["collection", "met", "attempt"]);

/// All tables of this list but `persons`, whose columns stand in `person_row.rs`.
pub(super) static TABLES: [&Table; 12] = [
    &CLIENTS,
    &MODELS,
    &META,
    &IMAGES,
    &COLLECTIONS,
    &MEMBERSHIPS,
    &ATTRIBUTES,
    &TOKENS,
    &REMOVALS,
    &HUB,
    &SHARED,
    &SHARED_COLLECTIONS,
];

/// How many of [`TABLES`] there were when rows got their checksums.
pub(super) const TABLES_OF_VERSION_5: usize = 9;

impl Table {
    const fn new(name: &'static str, keys: usize, columns: &'static [&'static str]) -> Self {
        Self { name, columns: Cow::Borrowed(columns), keys }
    }

    /// A table with a primary key of one column, whose columns are listed elsewhere.
    pub(super) fn listed(name: &'static str, columns: Vec<&'static str>) -> Self {
        Self { name, columns: Cow::Owned(columns), keys: 1 }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// How many columns [`Self::selected`] names.
    pub(super) fn width(&self) -> usize {
        self.columns.len() + 1
    }

    /// The place of a column in [`Self::selected`].
    pub(super) fn place(&self, column: &str) -> usize {
        self.columns.iter().position(|name| *name == column).expect("a column of the table")
    }

    /// The columns for a `SELECT`, each behind `prefix`, the checksum last.
    pub(super) fn selected(&self, prefix: &str) -> String {
        let names = self.columns.iter().chain(&["crc32"]);
        names.map(|name| format!("{prefix}{name}")).collect::<Vec<_>>().join(", ")
    }

    /// A statement that selects them; `rest` follows the table's name.
    pub(super) fn select(&self, rest: &str) -> String {
        format!("SELECT {} FROM {} {rest}", self.selected(""), self.name)
    }

    /// The checksum of these values, one for each column.
    pub(super) fn checksum<'a>(&self, values: impl Iterator<Item = ValueRef<'a>>) -> u32 {
        let mut sum = Sum::of(self.name);
        values.for_each(|value| sum.add(value));
        sum.0.finalize()
    }

    /// Whether a row whose columns from `at` on are those of [`Self::selected`] is as it was written.
    pub(super) fn is_whole(&self, row: &Row<'_>, at: usize) -> rusqlite::Result<bool> {
        let (mut sum, end) = (Sum::of(self.name), at + self.columns.len());
        for index in at..end {
            sum.add(row.get_ref(index)?);
        }
        // What is fuzzed is the code behind this: no fuzzer guesses a checksum.
        Ok(cfg!(fuzzing) || row.get_ref(end)? == ValueRef::Integer(sum.0.finalize().into()))
    }

    /// Refuses such a row unless it is as it was written.
    pub(super) fn verify(&self, row: &Row<'_>, at: usize) -> Outcome<()> {
        if self.is_whole(row, at)? { Ok(()) } else { Err(self.damaged()) }
    }

    /// The error of a row that is not as it was written, or that an index leads to and is another one.
    pub(super) fn damaged(&self) -> Fault {
        let message = format!("the vault is damaged: a row of {} is not the one that was written", self.name);
        Error::new(ErrorKind::Corrupt, message).into()
    }

    /// What `read` makes of each row, which starts with the columns of [`Self::selected`].
    pub(super) fn read_all<T>(
        &self,
        mut rows: Rows<'_>,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Vec<T>> {
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            self.verify(row, 0)?;
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// What `read` makes of the first row, if there is one.
    pub(super) fn read_one<T>(
        &self,
        mut rows: Rows<'_>,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Outcome<Option<T>> {
        let Some(row) = rows.next()? else { return Ok(None) };
        self.verify(row, 0)?;
        Ok(Some(read(row)?))
    }

    /// The key that the next row gets; never one that a row of `persons`, `images` or `collections` had.
    pub(super) fn next_key(&self, connection: &Connection) -> Outcome<i64> {
        let name = self.name;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT MAX(COALESCE((SELECT MAX(key) FROM {name}), 0),
                        COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = '{name}'), 0)) + 1"
        ))?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Writes a new row: one value for each column.
    pub(super) fn insert(&self, connection: &Connection, values: &[&dyn ToSql]) -> Outcome<()> {
        self.write(connection, values, "")
    }

    /// Writes a row in place of one with the same primary key, if there is one.
    pub(super) fn put(&self, connection: &Connection, values: &[&dyn ToSql]) -> Outcome<()> {
        let (keys, others) = self.columns.split_at(self.keys);
        let set = others.iter().chain(&["crc32"]).map(|name| format!("{name} = excluded.{name}"));
        let set = set.collect::<Vec<_>>().join(", ");
        self.write(connection, values, &format!("ON CONFLICT ({}) DO UPDATE SET {set}", keys.join(", ")))
    }

    fn write(&self, connection: &Connection, values: &[&dyn ToSql], rest: &str) -> Outcome<()> {
        debug_assert_eq!(values.len(), self.columns.len(), "one value for each column of {}", self.name);
        let values = values.iter().map(|value| value.to_sql()).collect::<Result<Vec<_>, _>>()?;
        let crc32 = self.checksum(values.iter().map(plain));
        let places = (1..=self.width()).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
        let statement = format!("INSERT INTO {} ({}) VALUES ({places}) {rest}", self.name, self.selected(""));
        let mut statement = connection.prepare_cached(&statement)?;
        for (index, value) in (1..).zip(&values) {
            statement.raw_bind_parameter(index, value)?;
        }
        statement.raw_bind_parameter(self.width(), crc32)?;
        statement.raw_execute()?;
        Ok(())
    }

    /// Changes some columns of the row with this primary key, which is verified first.
    pub(super) fn update(
        &self,
        connection: &Connection,
        key: &[i64],
        changes: &[(&'static str, &dyn ToSql)],
    ) -> Outcome<()> {
        let mut row = self.values(connection, key, true)?;
        for (column, value) in changes {
            row[self.place(column)] = owned(plain(&value.to_sql()?))?;
        }
        let crc32 = Value::from(self.checksum(row[..self.columns.len()].iter().map(ValueRef::from)));
        let names = changes.iter().map(|(column, _)| *column).chain(["crc32"]);
        let set = names.enumerate().map(|(index, name)| format!("{name} = ?{}", index + 1)).collect::<Vec<_>>();
        let statement = format!("UPDATE {} SET {} {}", self.name, set.join(", "), self.by_key(changes.len() + 2));
        let new = changes.iter().map(|(column, _)| &row[self.place(column)]).chain([&crc32]);
        let keys: Vec<Value> = key.iter().map(|key| (*key).into()).collect();
        connection.prepare_cached(&statement)?.execute(params_from_iter(new.chain(&keys)))?;
        Ok(())
    }

    /// Gives the row with this primary key the checksum of what it holds, where it has another one.
    pub(super) fn seal(&self, connection: &Connection, key: &[i64]) -> Outcome<()> {
        let row = self.values(connection, key, false)?;
        let crc32 = self.checksum(row[..self.columns.len()].iter().map(ValueRef::from));
        if row[self.columns.len()] != Value::from(crc32) {
            let statement = format!("UPDATE {} SET crc32 = ?1 {}", self.name, self.by_key(2));
            let all = [i64::from(crc32)];
            connection.prepare_cached(&statement)?.execute(params_from_iter(all.iter().chain(key)))?;
        }
        Ok(())
    }

    /// Gives every row its checksum, where rows had none.
    pub(super) fn seal_all(&self, connection: &Connection) -> Outcome<()> {
        let mut statement = connection.prepare(&self.select(""))?;
        let mut rows = statement.query([])?;
        let mut sums: Vec<Vec<Value>> = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..self.columns.len()).map(|index| row.get_ref(index)).collect::<Result<Vec<_>, _>>()?;
            let keys = values[..self.keys].iter().map(|key| owned(*key));
            let crc32 = Ok(Value::from(self.checksum(values.iter().copied())));
            sums.push([crc32].into_iter().chain(keys).collect::<Outcome<_>>()?);
        }
        let mut statement = connection.prepare(&format!("UPDATE {} SET crc32 = ?1 {}", self.name, self.by_key(2)))?;
        sums.into_iter().try_for_each(|sum| statement.execute(params_from_iter(sum)).map(drop))?;
        Ok(())
    }

    /// All values of a row, the checksum last.
    fn values(&self, connection: &Connection, key: &[i64], is_verified: bool) -> Outcome<Vec<Value>> {
        let mut statement = connection.prepare_cached(&self.select(&self.by_key(1)))?;
        let mut rows = statement.query(params_from_iter(key))?;
        let row = rows.next()?.ok_or_else(|| self.damaged())?;
        if is_verified {
            self.verify(row, 0)?;
        }
        Ok((0..self.width()).map(|index| row.get(index)).collect::<Result<_, _>>()?)
    }

    /// The condition for one row, whose key is bound to parameters from `first` on.
    fn by_key(&self, first: usize) -> String {
        let keys = self.columns[..self.keys].iter().zip(first..);
        let equal = keys.map(|(name, index)| format!("{name} = ?{index}")).collect::<Vec<_>>();
        format!("WHERE {}", equal.join(" AND "))
    }
}

/// Refuses a vault whose row of `meta` is not the one that was written. Each transaction starts with it.
pub(super) fn verify_meta(connection: &Connection) -> Outcome<()> {
    static SELECT: LazyLock<String> = LazyLock::new(|| META.select(""));
    let mut statement = connection.prepare_cached(&SELECT)?;
    META.read_one(statement.query([])?, |_| Ok(()))?.ok_or_else(|| META.damaged())
}

/// Gives the row of `meta` its checksum, which statements and triggers change column by column. Each
/// transaction that writes ends with it.
pub(super) fn seal_meta(connection: &Connection) -> Outcome<()> {
    META.seal(connection, &[1])
}

/// A checksum that is being made.
struct Sum(crc32fast::Hasher);

impl Sum {
    fn of(table: &str) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(table.as_bytes());
        Self(hasher)
    }

    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.0.update(&[0]),
            ValueRef::Integer(number) => self.add_number(1, number.to_le_bytes()),
            ValueRef::Real(number) => self.add_number(2, number.to_le_bytes()),
            ValueRef::Text(text) => self.add_bytes(3, text),
            ValueRef::Blob(blob) => self.add_bytes(4, blob),
        }
    }

    fn add_number(&mut self, kind: u8, number: [u8; 8]) {
        let mut bytes = [kind; 9];
        bytes[1..].copy_from_slice(&number);
        self.0.update(&bytes);
    }

    fn add_bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.add_number(kind, (bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

/// A value that is to be bound, as SQLite holds it.
pub(super) fn plain<'a>(value: &'a ToSqlOutput<'_>) -> ValueRef<'a> {
    match value {
        ToSqlOutput::Borrowed(value) => *value,
        ToSqlOutput::Owned(value) => ValueRef::from(value),
        // What else there is needs features of SQLite that are not built in.
        _ => ValueRef::Null,
    }
}

fn owned(value: ValueRef<'_>) -> Outcome<Value> {
    Ok(Value::try_from(value).map_err(rusqlite::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{person_row, schema};

    fn vault() -> Connection {
        let mut connection = Connection::open_in_memory().expect("memory");
        schema::create(&mut connection).expect("creates");
        connection
    }

    #[test]
    fn every_column_of_every_table_is_listed() {
        let connection = vault();
        let mut statement = connection
            .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY 1")
            .expect("reads");
        let names = statement.query_map([], |row| row.get(0)).expect("reads");
        let mut tables: Vec<String> = names.map(|name| name.expect("a name")).collect();
        for table in TABLES.into_iter().chain([&*person_row::PERSONS]) {
            let columns = |order: &str| -> Vec<String> {
                let statement = format!("SELECT name FROM pragma_table_info('{}') {order}", table.name);
                let mut statement = connection.prepare(&statement).expect("reads");
                statement.query_map([], |row| row.get(0)).expect("reads").map(|name| name.expect("a name")).collect()
            };
            let mut found = columns("");
            let mut known: Vec<&str> = table.columns.iter().copied().chain(["crc32"]).collect();
            assert_eq!(columns("WHERE pk > 0 ORDER BY pk"), known[..table.keys], "{}", table.name);
            found.sort_unstable();
            known.sort_unstable();
            assert_eq!(known, found, "{}", table.name);
            tables.retain(|name| name != table.name);
        }
        // Whoever adds a table decides how damage in it is found.
        assert_eq!(
            tables,
            [
                "audit",
                "audit_state",
                "changes",
                "encodings",
                "gone",
                "photos",
                "retention",
                "seen",
                "sqlite_schema",
                "sqlite_sequence",
                "thumbnails",
                "unsent",
                "unsent_collections"
            ]
        );
    }

    #[test]
    fn a_row_is_known_by_every_value_and_its_place() {
        let sum = |values: &[ValueRef<'_>]| MEMBERSHIPS.checksum(values.iter().copied());
        let own = sum(&[ValueRef::Integer(1), ValueRef::Text(b"ab")]);
        for other in [
            [ValueRef::Text(b"ab"), ValueRef::Integer(1)],
            [ValueRef::Integer(1), ValueRef::Blob(b"ab")],
            [ValueRef::Real(1.0), ValueRef::Text(b"ab")],
            [ValueRef::Integer(3), ValueRef::Text(b"ab")],
            [ValueRef::Integer(1), ValueRef::Null],
        ] {
            assert_ne!(own, sum(&other), "{other:?}");
        }
        assert_ne!(
            sum(&[ValueRef::Text(b"a"), ValueRef::Text(b"b")]),
            sum(&[ValueRef::Text(b"ab"), ValueRef::Text(b"")])
        );
        assert_ne!(own, ATTRIBUTES.checksum([ValueRef::Integer(1), ValueRef::Text(b"ab")].into_iter()));
    }

    #[test]
    fn damage_is_refused_and_never_sealed_by_a_change() {
        let connection = vault();
        CLIENTS.insert(&connection, &[&1, &"c", &5]).expect("a client");
        let read = || {
            let mut statement = connection.prepare(&CLIENTS.select("")).expect("a statement");
            CLIENTS.read_one(statement.query([]).expect("rows"), |row| row.get::<_, i64>(2))
        };
        CLIENTS.update(&connection, &[1], &[("created_at", &6)]).expect("whole");
        assert_eq!(read().expect("whole"), Some(6));
        connection.execute("UPDATE clients SET id = 'b'", []).expect("damaged");
        assert!(read().is_err());
        assert!(CLIENTS.update(&connection, &[1], &[("created_at", &7)]).is_err());
        CLIENTS.seal(&connection, &[1]).expect("sealed");
        assert_eq!(read().expect("whole"), Some(6));
        CLIENTS.put(&connection, &[&1, &"d", &8]).expect("put");
        assert_eq!((read().expect("whole"), CLIENTS.next_key(&connection).expect("a key")), (Some(8), 2));
    }
}

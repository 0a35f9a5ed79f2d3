//! A row of `persons`. One table says of each column how it is named, written and read; inserting,
//! saving, reading and the row's checksum all go by it. A new column is one line there and one in a
//! migration.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Row, Statement};

use super::columns;
use super::error::{Fault, Outcome};
use super::rows::{self, Table};
use crate::person::{Gender, NewPerson, PersonId, PersonSummary, Status, fold};

/// A person's row. How many photos there are, and the collections, are in other tables: here the
/// person has none.
pub(super) struct PersonRow {
    pub(super) key: i64,
    pub(super) client: i64,
    /// The generation of the last change that galleries must see.
    pub(super) generation: i64,
    pub(super) person: PersonSummary,
}

/// One column.
struct Column {
    /// The name behind a colon, as statements name the parameter.
    parameter: &'static str,
    /// Whether it stays as it was inserted.
    is_fixed: bool,
    write: for<'a> fn(&'a PersonRow) -> ToSqlOutput<'a>,
    /// Takes the value from a row in which it has this index.
    read: fn(&mut PersonRow, &Row<'_>, usize) -> rusqlite::Result<()>,
}

/// All columns but `key` and `crc32`, in the order in which they are written and read; the id comes first.
const COLUMNS: &[Column] = &[
    fixed(":id", |row| row.person.id.as_str().into(), |row, from, at| set(&mut row.person.id, columns::id(from, at))),
    fixed(":client", |row| number(row.client), |row, from, at| set(&mut row.client, from.get(at))),
    fixed(
        ":created_at",
        |row| number(row.person.created_at.as_microsecond()),
        |row, from, at| set(&mut row.person.created_at, columns::time(from, at)),
    ),
    column(
        ":updated_at",
        |row| number(row.person.updated_at.as_microsecond()),
        |row, from, at| set(&mut row.person.updated_at, columns::time(from, at)),
    ),
    column(
        ":version",
        |row| number(i64::try_from(row.person.version).unwrap_or(i64::MAX)),
        |row, from, at| set(&mut row.person.version, columns::count(from, at)),
    ),
    column(":generation", |row| number(row.generation), |row, from, at| set(&mut row.generation, from.get(at))),
    column(
        ":status",
        |row| if row.person.status == Status::Active { Status::Active } else { Status::Inactive }.as_str().into(),
        |row, from, at| set(&mut row.person.status, columns::status(from, at)),
    ),
    // Those who are pending are inactive for whatever asks nothing more.
    column(
        ":is_pending",
        |row| number((row.person.status == Status::Pending).into()),
        |row, from, at| {
            if from.get(at)? {
                row.person.status = Status::Pending;
            }
            Ok(())
        },
    ),
    column(
        ":expires_at",
        |row| row.person.expires_at.map_or(NULL, |time| number(time.as_microsecond())),
        |row, from, at| set(&mut row.person.expires_at, columns::optional_time(from, at)),
    ),
    column(
        ":gender",
        |row| optional(row.person.gender.map(Gender::as_str)),
        |row, from, at| set(&mut row.person.gender, columns::gender(from, at)),
    ),
    column(
        ":date_of_birth",
        |row| row.person.date_of_birth.map_or(NULL, |date| ToSqlOutput::Owned(Value::Text(date.to_string()))),
        |row, from, at| set(&mut row.person.date_of_birth, columns::date_of_birth(from, at)),
    ),
    column(":name", |row| row.person.name.as_str().into(), |row, from, at| set(&mut row.person.name, from.get(at))),
    // For finding names; nobody reads it.
    column(":folded_name", |row| ToSqlOutput::Owned(Value::Text(fold(&row.person.name))), |_, _, _| Ok(())),
    column(
        ":nationality",
        |row| optional(row.person.nationality.as_deref()),
        |row, from, at| set(&mut row.person.nationality, from.get(at)),
    ),
    column(
        ":notes",
        |row| optional(row.person.notes.as_deref()),
        |row, from, at| set(&mut row.person.notes, from.get(at)),
    ),
];

const NULL: ToSqlOutput<'_> = ToSqlOutput::Owned(Value::Null);

/// The table with its checksum.
pub(super) static PERSONS: LazyLock<Table> =
    LazyLock::new(|| Table::listed("persons", ["key"].into_iter().chain(COLUMNS.iter().map(Column::name)).collect()));

/// The columns for a `SELECT` that [`PersonRow::read`] reads.
static SELECTED: LazyLock<String> = LazyLock::new(|| PERSONS.selected(""));

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let values: Vec<&str> = COLUMNS.iter().map(|column| column.parameter).collect();
    format!("INSERT INTO persons ({}) VALUES (:key, {}, :crc32)", *SELECTED, values.join(", "))
});

static SAVE: LazyLock<String> = LazyLock::new(|| {
    let changed = COLUMNS.iter().filter(|column| !column.is_fixed);
    let set: Vec<String> = changed.map(|column| format!("{} = {}", column.name(), column.parameter)).collect();
    format!("UPDATE persons SET {}, crc32 = :crc32 WHERE key = :key", set.join(", "))
});

static BY_KEY: LazyLock<String> = LazyLock::new(|| format!("SELECT {} FROM persons WHERE key = :key", *SELECTED));

impl PersonRow {
    /// The row of a new person, which gets its key when it is inserted.
    pub(super) fn new(client: i64, generation: i64, person: PersonSummary) -> Self {
        Self { key: 0, client, generation, person }
    }

    /// Reads the columns [`SELECTED`].
    pub(super) fn read(from: &Row<'_>) -> Outcome<Self> {
        Self::read_at(from, 0)
    }

    /// Reads the columns that [`PERSONS`] selects, from this one on.
    pub(super) fn read_at(from: &Row<'_>, at: usize) -> Outcome<Self> {
        let first = at + 1;
        let id: PersonId = columns::id(from, first)?;
        let empty = PersonSummary::new(id.clone(), &NewPerson::default(), Timestamp::UNIX_EPOCH);
        let mut row = Self::new(0, 0, empty);
        let mut read = || {
            (first..).zip(COLUMNS).try_for_each(|(at, column)| (column.read)(&mut row, from, at))?;
            set(&mut row.key, from.get(at))
        };
        match read() {
            Ok(()) if PERSONS.is_whole(from, at)? => Ok(row),
            Ok(()) => Err(Fault::damaged(&id, "the fields are not those that were written")),
            Err(error) => Err(Fault::damaged(&id, format_args!("a field has no valid value: {error}"))),
        }
    }

    /// The row with this key.
    pub(super) fn by_key(connection: &Connection, key: i64) -> Outcome<Self> {
        let mut statement = connection.prepare_cached(&BY_KEY)?;
        let mut rows = statement.query(&[(":key", &key)])?;
        match rows.next()? {
            Some(row) => Self::read(row),
            None => Err(PERSONS.damaged()),
        }
    }

    /// Writes a new row and returns its key.
    pub(super) fn insert(mut self, connection: &Connection) -> Outcome<i64> {
        self.key = PERSONS.next_key(connection)?;
        let mut statement = connection.prepare_cached(&INSERT)?;
        self.bind(&mut statement, |_| true)?;
        statement.raw_execute()?;
        Ok(self.key)
    }

    /// Writes every column of an existing row that is not fixed.
    pub(super) fn save(&self, connection: &Connection) -> Outcome<()> {
        let mut statement = connection.prepare_cached(&SAVE)?;
        self.bind(&mut statement, |column| !column.is_fixed)?;
        statement.raw_execute()?;
        Ok(())
    }

    fn bind(&self, statement: &mut Statement<'_>, is_bound: impl Fn(&Column) -> bool) -> Outcome<()> {
        let values: Vec<_> = COLUMNS.iter().map(|column| (column.write)(self)).collect();
        let key = number(self.key);
        let crc32 = PERSONS.checksum([&key].into_iter().chain(&values).map(rows::plain));
        for (column, value) in COLUMNS.iter().zip(&values).filter(|(column, _)| is_bound(column)) {
            statement.raw_bind_parameter(column.parameter, value)?;
        }
        statement.raw_bind_parameter(":key", self.key)?;
        statement.raw_bind_parameter(":crc32", crc32)?;
        Ok(())
    }
}

impl Column {
    fn name(&self) -> &'static str {
        self.parameter.trim_start_matches(':')
    }
}

/// A column that a save writes.
const fn column(
    parameter: &'static str,
    write: for<'a> fn(&'a PersonRow) -> ToSqlOutput<'a>,
    read: fn(&mut PersonRow, &Row<'_>, usize) -> rusqlite::Result<()>,
) -> Column {
    Column { parameter, is_fixed: false, write, read }
}

/// A column that stays as it was inserted.
const fn fixed(
    parameter: &'static str,
    write: for<'a> fn(&'a PersonRow) -> ToSqlOutput<'a>,
    read: fn(&mut PersonRow, &Row<'_>, usize) -> rusqlite::Result<()>,
) -> Column {
    Column { parameter, is_fixed: true, write, read }
}

fn number(number: i64) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Value::Integer(number))
}

fn optional(text: Option<&str>) -> ToSqlOutput<'_> {
    text.map_or(NULL, ToSqlOutput::from)
}

fn set<T>(field: &mut T, value: rusqlite::Result<T>) -> rusqlite::Result<()> {
    *field = value?;
    Ok(())
}

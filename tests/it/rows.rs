//! The checksum of a row, computed here once more: it is part of the file's format.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Gives every row of a table the checksum that it should have, after statements that knew nothing of it. `columns`
/// are all but `crc32` in the vault's order, `key` first.
pub(crate) fn seal(connection: &Connection, table: &str, columns: &str) {
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM {table}")).expect("a table");
    let count = statement.column_count();
    let mut rows = statement.query([]).expect("rows");
    let mut sums: Vec<(i64, u32)> = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        let mut sum = table.as_bytes().to_vec();
        for column in 0..count {
            let mut add = |kind: u8, number: [u8; 8], bytes: &[u8]| {
                sum.push(kind);
                sum.extend(number);
                sum.extend(bytes);
            };
            let length = |bytes: &[u8]| (bytes.len() as u64).to_le_bytes();
            match row.get_ref(column).expect("a value") {
                ValueRef::Null => sum.push(0),
                ValueRef::Integer(number) => add(1, number.to_le_bytes(), &[]),
                ValueRef::Real(number) => add(2, number.to_le_bytes(), &[]),
                ValueRef::Text(text) => add(3, length(text), text),
                ValueRef::Blob(blob) => add(4, length(blob), blob),
            }
        }
        sums.push((row.get(0).expect("a key"), crc32fast::hash(&sum)));
    }
    for (key, sum) in sums {
        let statement = format!("UPDATE {table} SET crc32 = ?1 WHERE key = ?2");
        connection.execute(&statement, rusqlite::params![sum, key]).expect("sealed");
    }
}

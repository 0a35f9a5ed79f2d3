//! Builds FlatBuffers, for tests: the inverse of [`flatbuffer`](super).
//!
//! Each table is written behind its vtable, and what it leads to behind it, so that the file's last
//! bytes belong to the last thing that the last field leads to.

/// What a field holds.
#[derive(Debug, Clone)]
pub(crate) enum Field {
    Byte(u8),
    I32(i32),
    I64(i64),
    F32(f32),
    Text(String),
    /// A vector of items of so many bytes each.
    Vector(usize, Vec<u8>),
    Table(Fields),
    Tables(Vec<Fields>),
    Texts(Vec<String>),
}

/// A table: fields by their slots.
pub(crate) type Fields = Vec<(usize, Field)>;

/// A table of these fields.
pub(crate) fn table(fields: impl IntoIterator<Item = (usize, Field)>) -> Fields {
    fields.into_iter().collect()
}

/// A vector of `i32`.
pub(crate) fn ints(values: &[i32]) -> Field {
    Field::Vector(4, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A vector of `i64`.
pub(crate) fn longs(values: &[i64]) -> Field {
    Field::Vector(8, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A text.
pub(crate) fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

/// The bytes of a file: the distance to the root, four bytes of identifier, the tables.
pub(crate) fn build(identifier: [u8; 4], root: &Fields) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(identifier);
    write_table(&mut bytes, 0, root);
    bytes
}

/// Puts the distance from `at` to where the file ends now at `at`.
fn link(bytes: &mut [u8], at: usize) {
    let distance = (bytes.len() - at) as u32;
    bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
}

fn align(bytes: &mut Vec<u8>, size: usize) {
    bytes.resize(bytes.len().next_multiple_of(size), 0);
}

fn write_table(bytes: &mut Vec<u8>, link_at: usize, fields: &Fields) {
    let slots = fields.iter().map(|(slot, _)| slot + 1).max().unwrap_or(0);
    align(bytes, 8);
    let vtable = bytes.len();
    bytes.resize((vtable + 4 + 2 * slots).next_multiple_of(8), 0);
    let start = bytes.len();
    link(bytes, link_at);
    // Eight bytes for each field, the first of them four behind the table's start.
    let size = 4 + 8 * fields.len();
    bytes.extend(((start - vtable) as u32).to_le_bytes());
    bytes.resize(start + size, 0);
    bytes[vtable..vtable + 2].copy_from_slice(&(4 + 2 * slots as u16).to_le_bytes());
    bytes[vtable + 2..vtable + 4].copy_from_slice(&(size as u16).to_le_bytes());
    for (index, (slot, field)) in fields.iter().enumerate() {
        let (entry, at) = (vtable + 4 + 2 * slot, start + 4 + 8 * index);
        bytes[entry..entry + 2].copy_from_slice(&((at - start) as u16).to_le_bytes());
        match field {
            Field::Byte(value) => bytes[at] = *value,
            Field::I32(value) => bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()),
            Field::F32(value) => bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()),
            Field::I64(value) => bytes[at..at + 8].copy_from_slice(&value.to_le_bytes()),
            Field::Text(text) => write_vector(bytes, at, 1, text.as_bytes()),
            Field::Vector(item, content) => write_vector(bytes, at, *item, content),
            Field::Table(fields) => write_table(bytes, at, fields),
            Field::Tables(tables) => write_each(bytes, at, tables, write_table),
            Field::Texts(texts) => {
                write_each(bytes, at, texts, |bytes, link_at, text| write_vector(bytes, link_at, 1, text.as_bytes()))
            }
        }
    }
}

fn write_vector(bytes: &mut Vec<u8>, link_at: usize, item: usize, content: &[u8]) {
    while !(bytes.len() + 4).is_multiple_of(item.max(4)) {
        bytes.push(0);
    }
    link(bytes, link_at);
    bytes.extend(((content.len() / item) as u32).to_le_bytes());
    bytes.extend(content);
}

fn write_each<T>(bytes: &mut Vec<u8>, link_at: usize, things: &[T], write: impl Fn(&mut Vec<u8>, usize, &T)) {
    align(bytes, 4);
    let start = bytes.len() + 4;
    write_vector(bytes, link_at, 4, &vec![0; 4 * things.len()]);
    for (index, thing) in things.iter().enumerate() {
        write(bytes, start + 4 * index, thing);
    }
}

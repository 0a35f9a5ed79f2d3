//! FlatBuffers, read without trusting them.
//!
//! A file is a web of tables. A table starts with the distance back to its *vtable*: two bytes for
//! the vtable's length, two for the table's, then two for each field (its *slot* is its number in
//! the schema) that say where in the table it lies, 0 where the field has its default. Numbers and
//! structs lie in the table; in place of strings, vectors and other tables lies the distance to
//! them, forwards. Strings and vectors start with their count. A union is two fields: a byte for
//! what it is and, in the next slot, the table. All numbers are little-endian. (FlatBuffers'
//! documentation, "Internals".)
//!
//! Every distance is compared with the file's end before it is followed, and what is read is a
//! view into the file: nothing is allocated, nothing recurses, no alignment is assumed. Tables may
//! overlap or be reached twice; whoever copies what they hold bounds the sum.
//!
//! The crate `flatbuffers` is not used: its readers are generated from a schema, and its checks of untrusted files are
//! part of that generated code.

use crate::error::{Error, ErrorKind, Result};

#[cfg(any(test, fuzzing))]
pub(super) mod builder;
#[cfg(test)]
pub(super) mod damage;
#[cfg(test)]
mod tests;

/// A file, and what errors call it.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    name: &'static str,
    bytes: &'a [u8],
}

/// One table of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    source: Source<'a>,
    position: usize,
    /// Where each field lies in the table, two bytes each.
    fields: &'a [[u8; 2]],
    size: usize,
}

impl<'a> Source<'a> {
    fn error(&self, position: usize, why: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::ModelUnavailable, format!("{}: {why} at byte {position}", self.name))
    }

    /// `count` bytes from `position`.
    fn take(&self, position: usize, count: usize, what: &str) -> Result<&'a [u8]> {
        let rest = self.bytes.get(position..).unwrap_or_default();
        rest.get(..count)
            .ok_or_else(|| self.error(position, format_args!("expected {count} bytes of {what}, found {}", rest.len())))
    }

    fn number<const N: usize>(&self, position: usize, what: &str) -> Result<[u8; N]> {
        let bytes = self.take(position, N, what)?;
        bytes.try_into().map_err(|_| self.error(position, format_args!("expected {N} bytes of {what}")))
    }

    /// Where the distance at `position` leads.
    fn follow(&self, position: usize, what: &str) -> Result<usize> {
        let distance = u32::from_le_bytes(self.number(position, what)?) as usize;
        position.checked_add(distance).filter(|target| *target < self.bytes.len()).ok_or_else(|| {
            self.error(position, format_args!("expected {what} in the file, found it {distance} bytes further"))
        })
    }

    /// The items of `item` bytes each of the vector at `position`.
    fn vector(&self, position: usize, item: usize, what: &str) -> Result<&'a [u8]> {
        let count = u32::from_le_bytes(self.number(position, what)?) as usize;
        self.take(position + 4, count.saturating_mul(item), what)
    }

    fn text(&self, position: usize) -> Result<&'a str> {
        let bytes = self.vector(position, 1, "a text")?;
        std::str::from_utf8(bytes).map_err(|_| self.error(position, "expected a text, found bytes that are no UTF-8"))
    }

    fn table(self, position: usize) -> Result<Table<'a>> {
        let back = i64::from(i32::from_le_bytes(self.number(position, "a table")?));
        let vtable = usize::try_from(position as i64 - back).map_err(|_| {
            self.error(position, format_args!("expected a vtable in the file, found it {back} bytes before"))
        })?;
        let length = usize::from(u16::from_le_bytes(self.number(vtable, "a vtable")?));
        let (head, fields) =
            self.take(vtable, length, "a vtable")?.as_chunks::<2>().0.split_at_checked(2).ok_or_else(|| {
                self.error(vtable, format_args!("expected a vtable of 4 bytes or more, found {length}"))
            })?;
        let size = usize::from(u16::from_le_bytes(head[1]));
        self.take(position, size, "a table")?;
        Ok(Table { source: self, position, fields, size })
    }
}

impl<'a> Table<'a> {
    /// The root table of the FlatBuffers that start at byte `start` of `bytes`, a file that errors
    /// call `name`.
    pub(super) fn root(name: &'static str, bytes: &'a [u8], start: usize) -> Result<Self> {
        let source = Source { name, bytes };
        source.table(source.follow(start, "the root table")?)
    }

    /// The error that the file is not what it should be, in or near this table.
    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        self.source.error(self.position, why)
    }

    /// Where a field of `width` bytes lies in the file, if the table has it.
    fn field(&self, slot: usize, width: usize) -> Result<Option<usize>> {
        let Some(offset) = self.fields.get(slot).map(|offset| usize::from(u16::from_le_bytes(*offset))) else {
            return Ok(None);
        };
        match offset {
            0 => Ok(None),
            4.. if offset + width <= self.size => Ok(Some(self.position + offset)),
            _ => Err(self.error(format_args!(
                "expected field {slot} within the table's {} bytes, found it from {offset}",
                self.size
            ))),
        }
    }

    fn number<const N: usize>(&self, slot: usize, default: [u8; N]) -> Result<[u8; N]> {
        self.field(slot, N)?.map_or(Ok(default), |position| self.source.number(position, "a number"))
    }

    /// The byte of a field, 0 where it is missing.
    pub(super) fn u8(&self, slot: usize) -> Result<u8> {
        Ok(self.number(slot, [0])?[0])
    }

    /// The `u32` of a field, 0 where it is missing.
    pub(super) fn u32(&self, slot: usize) -> Result<u32> {
        Ok(u32::from_le_bytes(self.number(slot, [0; 4])?))
    }

    /// The `i32` of a field, `default` where it is missing.
    pub(super) fn i32(&self, slot: usize, default: i32) -> Result<i32> {
        Ok(i32::from_le_bytes(self.number(slot, default.to_le_bytes())?))
    }

    /// The `i64` of a field, 0 where it is missing.
    pub(super) fn i64(&self, slot: usize) -> Result<i64> {
        Ok(i64::from_le_bytes(self.number(slot, [0; 8])?))
    }

    /// The `f32` of a field, 0 where it is missing.
    pub(super) fn f32(&self, slot: usize) -> Result<f32> {
        Ok(f32::from_le_bytes(self.number(slot, [0; 4])?))
    }

    fn target(&self, slot: usize, what: &str) -> Result<Option<usize>> {
        self.field(slot, 4)?.map(|position| self.source.follow(position, what)).transpose()
    }

    /// The text of a field, empty where it is missing.
    pub(super) fn text(&self, slot: usize) -> Result<&'a str> {
        self.target(slot, "a text")?.map_or(Ok(""), |position| self.source.text(position))
    }

    /// The items of a vector of numbers or structs of `N` bytes, none where it is missing.
    pub(super) fn items<const N: usize>(&self, slot: usize) -> Result<&'a [[u8; N]]> {
        let Some(position) = self.target(slot, "a vector")? else { return Ok(&[]) };
        Ok(self.source.vector(position, N, "a vector")?.as_chunks().0)
    }

    /// The table in a field, if it is there.
    pub(super) fn table(&self, slot: usize) -> Result<Option<Self>> {
        self.target(slot, "a table")?.map(|position| self.source.table(position)).transpose()
    }

    /// The table in a field, an error that calls it `what` where it is missing.
    pub(super) fn needed(&self, slot: usize, what: &str) -> Result<Self> {
        self.table(slot)?.ok_or_else(|| self.error(format_args!("expected {what}, found none")))
    }

    /// Where each thing of a vector of texts or tables lies; more than `most` are an error that
    /// calls them `what`.
    fn targets(
        &self,
        slot: usize,
        what: &'static str,
        most: usize,
    ) -> Result<impl ExactSizeIterator<Item = Result<usize>> + use<'a>> {
        let source = self.source;
        let position = self.target(slot, "a vector")?;
        let start = position.unwrap_or_default() + 4;
        let distances = position.map_or(Ok(&[][..]), |position| source.vector(position, 4, "a vector"))?;
        if distances.len() / 4 > most {
            return Err(self.error(format_args!("expected at most {most} {what}, found {}", distances.len() / 4)));
        }
        Ok((0..distances.len() / 4).map(move |index| source.follow(start + 4 * index, what)))
    }

    /// The tables of a vector, called `what`: none where it is missing, `most` at most.
    pub(super) fn tables(
        &self,
        slot: usize,
        what: &'static str,
        most: usize,
    ) -> Result<impl ExactSizeIterator<Item = Result<Self>> + use<'a>> {
        let source = self.source;
        Ok(self.targets(slot, what, most)?.map(move |position| source.table(position?)))
    }

    /// The texts of a vector, likewise.
    pub(super) fn texts(
        &self,
        slot: usize,
        what: &'static str,
        most: usize,
    ) -> Result<impl ExactSizeIterator<Item = Result<&'a str>> + use<'a>> {
        let source = self.source;
        Ok(self.targets(slot, what, most)?.map(move |position| source.text(position?)))
    }
}

//! Ids of one kind, one after the other in few bytes.
//!
//! An id that facevault made is a prefix and 32 hexadecimal digits; it takes 16 bytes and a mark.
//! Any other keeps its text, which never starts with that mark.

use std::borrow::Cow;

/// Marks an id that is kept as the 16 bytes of its digits.
const PACKED: u8 = 0;
/// The most bytes of an id's text.
const LONGEST: usize = 64;

/// An id as it is kept: equal ids have equal bytes.
#[derive(Clone, Copy)]
pub(super) struct Key {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Key {
    /// The id with this text, whose kind begins with `prefix` where facevault made it.
    pub(super) fn new(prefix: &str, text: &str) -> Self {
        let mut bytes = [PACKED; LONGEST];
        let len = match text.strip_prefix(prefix).and_then(digits) {
            Some(packed) => {
                bytes[1..17].copy_from_slice(&packed);
                17
            }
            None => {
                debug_assert!(text.len() <= LONGEST);
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                text.len()
            }
        };
        Self { bytes, len }
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A list of ids that begin with the same prefix where facevault made them.
#[derive(Clone)]
pub(super) struct Ids {
    prefix: &'static str,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Ids {
    /// An empty list of ids; `prefix` with its underscore, as in `person_`.
    pub(super) fn new(prefix: &'static str) -> Self {
        Self { prefix, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Adds the id with this text.
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.extend(Key::new(self.prefix, text).as_bytes());
        self.ends.push(u32::try_from(self.bytes.len()).expect("the ids of a segment take less than 4 GiB"));
    }

    /// The text of the id at `index`.
    pub(super) fn get(&self, index: usize) -> Cow<'_, str> {
        let bytes = self.key(index);
        match bytes.split_first() {
            Some((&PACKED, packed)) => {
                let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
                let mut text = String::with_capacity(self.prefix.len() + 32);
                text.push_str(self.prefix);
                text.extend(packed.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
                Cow::Owned(text)
            }
            _ => String::from_utf8_lossy(bytes),
        }
    }

    /// The [`Key`] of the id at `index`.
    pub(super) fn key(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// Gives back the memory that is kept for more ids.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The bytes that the ids take.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + size_of::<u32>() * self.ends.capacity()
    }
}

/// The bytes that 32 lower-case hexadecimal digits stand for.
fn digits(text: &str) -> Option<[u8; 16]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; 16] = pairs.try_into().ok()?;
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PersonId;

    #[test]
    fn every_text_comes_back() {
        let made = PersonId::generate();
        let texts = [
            made.as_str(),
            "ada",
            "person_",
            "person_00000000000000000000000000000000",
            "person_0000000000000000000000000000000A",
            "person_000000000000000000000000000000000",
            "0",
        ];
        let mut ids = Ids::new("person_");
        texts.iter().for_each(|text| ids.push(text));
        for (i, text) in texts.iter().enumerate() {
            assert_eq!(ids.get(i), *text);
            for (j, other) in texts.iter().enumerate() {
                assert_eq!(ids.key(i) == Key::new("person_", other).as_bytes(), i == j, "{text} {other}");
            }
        }
    }

    #[test]
    fn made_ids_take_21_bytes() {
        let mut ids = Ids::new("person_");
        (0..100).for_each(|_| ids.push(PersonId::generate().as_str()));
        ids.shrink();
        assert_eq!(ids.memory_bytes(), 2100);
    }
}

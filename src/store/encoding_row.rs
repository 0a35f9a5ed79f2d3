//! Encodings as they are read one after the other.

use crate::person::{ClientId, CollectionId, ImageId, PersonId, PersonKey, Status};

/// One encoding and the person it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct EncodingRow<'a> {
    /// The person's number in this file.
    pub key: PersonKey,
    /// The tenant that the person belongs to.
    pub client: &'a ClientId,
    /// The person.
    pub person: &'a PersonId,
    /// The photo.
    pub image: &'a ImageId,
    /// Whether the person is searched.
    pub status: Status,
    /// The collections that the person is in, oldest collection first.
    pub collections: &'a [CollectionId],
    /// The vector: little-endian `f32`, as many as the model has components.
    pub vector: Vector<'a>,
}

/// The bytes of a vector; `Debug` shows only how many there are.
#[derive(Clone, Copy)]
pub struct Vector<'a>(&'a [u8]);

impl<'a> Vector<'a> {
    /// Little-endian `f32`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Little-endian `f32`.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The components.
    pub fn components(self) -> impl ExactSizeIterator<Item = f32> + 'a {
        self.0.as_chunks::<4>().0.iter().map(|component| f32::from_le_bytes(*component))
    }
}

impl std::fmt::Debug for Vector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vector({} bytes)", self.0.len())
    }
}

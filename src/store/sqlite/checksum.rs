//! The checksums of stored blobs.
//!
//! A CRC-32 is kept beside each photo, thumbnail and vector. It covers the bytes and the ids that they
//! belong to, each followed by a zero byte (no id has one): person, image, and for a vector its
//! model. So a flipped bit is found in the bytes as well as in the keys that lead to them, and no
//! vector can pass for another person's.

use crate::encoding::ModelId;

/// The checksum of a photo.
pub(super) fn photo(person: &str, image: &str, bytes: &[u8]) -> u32 {
    let mut hasher = ids(person, image);
    hasher.update(bytes);
    hasher.finalize()
}

/// The checksum of a photo's thumbnail, which no photo of the same bytes has.
pub(super) fn thumbnail(person: &str, image: &str, bytes: &[u8]) -> u32 {
    let mut hasher = ids(person, image);
    hasher.update(b"thumbnail");
    hasher.update(bytes);
    hasher.finalize()
}

/// The checksum of a vector's bytes.
pub(super) fn vector(person: &str, image: &str, model: &ModelId, bytes: &[u8]) -> u32 {
    let mut hasher = ids(person, image);
    hasher.update(model.as_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

fn ids(person: &str, image: &str) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    for id in [person, image] {
        hasher.update(id.as_bytes());
        hasher.update(&[0]);
    }
    hasher
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_the_usual_crc_32() {
        // `cksum -a crc32b` of the same bytes; the format depends on the polynomial.
        assert_eq!(photo("p", "i", b"123456789"), crc32fast::hash(b"p\0i\x00123456789"));
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn the_same_bytes_of_another_owner_differ() {
        let model = ModelId::from_bytes([1; 16]);
        let own = vector("p", "i", &model, b"1234");
        assert_ne!(own, vector("q", "i", &model, b"1234"));
        assert_ne!(own, vector("p", "j", &model, b"1234"));
        assert_ne!(own, vector("p", "i", &ModelId::from_bytes([2; 16]), b"1234"));
        assert_ne!(photo("ab", "c", b""), photo("a", "bc", b""));
    }

    proptest! {
        #[test]
        fn one_flipped_bit_is_noticed(bytes in proptest::collection::vec(any::<u8>(), 1..4096), bit: prop::sample::Index) {
            let mut flipped = bytes.clone();
            let bit = bit.index(bytes.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(photo("p", "i", &bytes), photo("p", "i", &flipped));
        }
    }
}

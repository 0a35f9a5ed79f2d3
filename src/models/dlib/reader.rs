//! dlib's serialisation, read without trusting it.
//!
//! An integer is a byte (low four bits: how many bytes follow, 1 to 8; highest bit: negative) and
//! that many little-endian bytes of its magnitude. A float is two integers, mantissa and exponent
//! of 2. A string and a list start with their length, a truth value is the character `0` or `1`. A
//! tensor is its version (2), four sizes, and raw little-endian `f32`. An alias is a tensor's
//! version (1) and sizes without content: a view into the parameters stored before it.
//!
//! Nothing is allocated for a length before as many bytes are known to follow.

use crate::error::{Error, ErrorKind, Result};

/// The most elements of one tensor; far above any of dlib's files, far below an overflow.
const MAX_ELEMENTS: usize = 1 << 28;

/// Reads one file from its start to its end.
pub(super) struct Reader<'a> {
    file: &'static str,
    bytes: &'a [u8],
    position: usize,
}

/// A tensor whose content is still in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor<'a>(&'a [u8]);

impl<'a> Tensor<'a> {
    /// How many elements it has.
    pub(super) fn len(&self) -> usize {
        self.0.len() / 4
    }

    /// Its elements in order.
    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = f32> + 'a {
        self.0.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// Its elements as they stand in the file.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The elements before and from `at`, which is at most [`Self::len`].
    pub(super) fn split_at(&self, at: usize) -> (Self, Self) {
        let (before, after) = self.0.split_at(at * 4);
        (Self(before), Self(after))
    }
}

/// The error that `file` is not what it should be at a byte.
pub(super) fn fault(file: &str, why: impl std::fmt::Display, byte: usize) -> Error {
    Error::new(ErrorKind::ModelUnavailable, format!("{file}: {why} at byte {byte}"))
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which errors call `file`.
    pub(super) fn new(file: &'static str, bytes: &'a [u8]) -> Self {
        Self { file, bytes, position: 0 }
    }

    /// The error that the file is not what it should be.
    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        fault(self.file, why, self.position)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.position..];
        if count > rest.len() {
            return Err(self.error(format_args!("expected {count} more bytes, found {}", rest.len())));
        }
        self.position += count;
        Ok(&rest[..count])
    }

    /// An integer.
    pub(super) fn integer(&mut self) -> Result<i64> {
        let head = self.take(1)?[0];
        let (count, negative) = (usize::from(head & 0x0f), head & 0x80 != 0);
        if head & 0x70 != 0 || !(1..=8).contains(&count) {
            return Err(self.error(format_args!("expected an integer, found the byte {head:#04x}")));
        }
        let rest = &self.bytes[self.position..];
        let magnitude = if let Some(eight) = rest.first_chunk::<8>() {
            // All but the last few integers of a file have eight readable bytes.
            self.position += count;
            u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * count))
        } else {
            let mut eight = [0; 8];
            eight[..count].copy_from_slice(self.take(count)?);
            u64::from_le_bytes(eight)
        };
        let magnitude =
            i64::try_from(magnitude).map_err(|_| self.error("expected an integer of 63 bits, found a larger one"))?;
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// An integer from 0 to `limit`, called `what`.
    pub(super) fn size(&mut self, what: &str, limit: usize) -> Result<usize> {
        let value = self.integer()?;
        usize::try_from(value)
            .ok()
            .filter(|size| *size <= limit)
            .ok_or_else(|| self.error(format_args!("expected {what} from 0 to {limit}, found {value}")))
    }

    /// The length of a list whose items take at least `item` bytes each, so that a length beyond
    /// the file's end is known before anything is allocated.
    pub(super) fn length(&mut self, what: &str, item: usize) -> Result<usize> {
        let limit = (self.bytes.len() - self.position) / item;
        self.size(what, limit)
    }

    /// An integer that must be `expected`, called `what`.
    pub(super) fn expect(&mut self, what: &str, expected: i64) -> Result<()> {
        let found = self.integer()?;
        if found != expected {
            return Err(self.error(format_args!("expected {what} {expected}, found {found}")));
        }
        Ok(())
    }

    /// A string of at most 100 bytes.
    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = self.size("a name's length", 100)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.error("expected a name, found bytes that are no UTF-8"))
    }

    /// A truth value.
    pub(super) fn flag(&mut self) -> Result<bool> {
        match self.take(1)?[0] {
            b'0' => Ok(false),
            b'1' => Ok(true),
            other => Err(self.error(format_args!("expected a truth value, found the byte {other:#04x}"))),
        }
    }

    /// A float that is finite.
    pub(super) fn float(&mut self) -> Result<f64> {
        let (mantissa, exponent) = (self.integer()?, self.integer()?);
        let value = match exponent {
            // In this range the power of two is a normal float, which is built from its bits.
            -1022..=1023 => mantissa as f64 * f64::from_bits(((exponent + 1023) as u64) << 52),
            // dlib marks infinity and not-a-number by exponents above 31,999.
            i64::MIN..=-1023 => 0.0,
            _ => f64::INFINITY,
        };
        if !value.is_finite() {
            return Err(self.error("expected a finite number"));
        }
        Ok(value)
    }

    /// A float that is finite as an `f32`.
    pub(super) fn single(&mut self) -> Result<f32> {
        let value = self.float()? as f32;
        if !value.is_finite() {
            return Err(self.error("expected a finite number of 32 bits"));
        }
        Ok(value)
    }

    fn sizes(&mut self, version: i64) -> Result<([usize; 4], usize)> {
        self.expect("a tensor of version", version)?;
        let mut sizes = [0; 4];
        for size in &mut sizes {
            *size = self.size("a tensor's size", MAX_ELEMENTS)?;
        }
        let elements = sizes
            .iter()
            .try_fold(1usize, |product, size| product.checked_mul(*size))
            .filter(|elements| *elements <= MAX_ELEMENTS)
            .ok_or_else(|| self.error(format_args!("expected a tensor, found sizes of {sizes:?}")))?;
        Ok((sizes, elements))
    }

    /// A tensor of finite values.
    pub(super) fn tensor(&mut self) -> Result<Tensor<'a>> {
        let (_, elements) = self.sizes(2)?;
        let tensor = Tensor(self.take(elements * 4)?);
        // Summing flags without a branch lets the whole tensor be checked at memory speed.
        let bad = tensor.values().fold(0u32, |bad, value| bad | u32::from(!value.is_finite()));
        if bad != 0 {
            return Err(self.error("expected a tensor of finite numbers before"));
        }
        Ok(tensor)
    }

    /// A view's sizes.
    pub(super) fn alias(&mut self) -> Result<[usize; 4]> {
        Ok(self.sizes(1)?.0)
    }

    /// That nothing follows.
    pub(super) fn end(&self) -> Result<()> {
        match self.bytes.len() - self.position {
            0 => Ok(()),
            rest => Err(self.error(format_args!("expected the end, found {rest} more bytes"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::writer::Writer;
    use super::*;

    fn written(write: impl FnOnce(&mut Writer) -> &mut Writer) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.0
    }

    #[test]
    fn integers_are_read_as_dlib_writes_them() {
        for (bytes, value) in [
            (&[1, 0][..], Some(0)),
            (&[1, 0x50], Some(80)),
            (&[0x81, 4], Some(-4)),
            (&[2, 0xf4, 1], Some(500)),
            (&[3, 0x62, 0x90, 0xf5], Some(0x00f5_9062)),
            (&[0x88, 1, 0, 0, 0, 0, 0, 0, 0x40], Some(-0x4000_0000_0000_0001)),
            (&[8, 0, 0, 0, 0, 0, 0, 0, 0x80], None),
            (&[0], None),
            (&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
            (&[0x31, 0], None),
            (&[2, 1], None),
            (&[], None),
        ] {
            assert_eq!(Reader::new("a file", bytes).integer().ok(), value, "{bytes:?}");
        }
    }

    #[test]
    fn floats_are_a_mantissa_and_an_exponent() {
        for (mantissa, exponent, value) in [
            (0x00f5_9062, -17, Some(f64::from(122.782f32))),
            (-1, 0, Some(-1.0)),
            (3, 4, Some(48.0)),
            (0, 5000, None),
            (1, -5000, Some(0.0)),
            (1, 1024, None),
            (i64::MAX, 1000, None),
            (1, 32000, None),
            (0, 32002, None),
        ] {
            let bytes = written(|writer| writer.integers(&[mantissa, exponent]));
            assert_eq!(Reader::new("a file", &bytes).float().ok(), value, "{mantissa} * 2^{exponent}");
        }
        let large = written(|writer| writer.integers(&[1, 200]));
        assert!(Reader::new("a file", &large).single().is_err());
    }

    #[test]
    fn sizes_beyond_the_file_are_refused_before_anything_is_allocated() {
        for sizes in
            [[1, 1, 1, 1], [1 << 28, 1, 1, 1], [1 << 28, 1 << 28, 1 << 28, 1 << 28], [i64::MAX, 1, 1, 1], [-1, 1, 1, 1]]
        {
            let bytes = written(|writer| writer.integer(2).integers(&sizes));
            let error = Reader::new("a file", &bytes).tensor().expect_err("there is no content");
            assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        }
        let bytes = written(|writer| writer.integer(1_000_000_000));
        assert!(Reader::new("a file", &bytes).length("items", 1).is_err());
        let bytes = written(|writer| writer.tensor([2, 1, 1, 1], &[1.0, f32::NAN]));
        assert!(Reader::new("a file", &bytes).tensor().is_err());
    }

    #[test]
    fn errors_say_what_was_expected_where() {
        let mut reader = Reader::new("a file", &[1, 7]);
        let error = reader.expect("a tensor of version", 2).expect_err("it is 7");
        assert_eq!(error.to_string(), "a file: expected a tensor of version 2, found 7 at byte 2");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(integer: i64, float in -1e30f32..1e30, text in "[a-z_0-9]{0,40}", values in proptest::collection::vec(-1e30f32..1e30, 0..50)) {
            prop_assume!(integer != i64::MIN);
            let bytes = written(|writer| writer.integer(integer).float(float).text(&text).tensor([1, values.len() as i64, 1, 1], &values));
            let mut reader = Reader::new("a file", &bytes);
            prop_assert_eq!(reader.integer().expect("an integer"), integer);
            prop_assert_eq!(reader.single().expect("a float"), float);
            prop_assert_eq!(reader.text().expect("a text"), text);
            prop_assert_eq!(reader.tensor().expect("a tensor").values().collect::<Vec<_>>(), values);
            reader.end().expect("the end");
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let reads: [fn(&mut Reader<'_>) -> Result<()>; 6] = [
                |reader| reader.integer().map(drop),
                |reader| reader.float().map(drop),
                |reader| reader.text().map(drop),
                |reader| reader.flag().map(drop),
                |reader| reader.tensor().map(drop),
                |reader| reader.alias().map(drop),
            ];
            for read in reads {
                let mut reader = Reader::new("a file", &bytes);
                while reader.end().is_err() && read(&mut reader).is_ok() {}
            }
        }
    }
}

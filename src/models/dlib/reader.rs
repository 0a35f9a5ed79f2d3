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

impl<'a> Reader<'a> {
    /// Reads `bytes`, which errors call `file`.
    pub(super) fn new(file: &'static str, bytes: &'a [u8]) -> Self {
        Self { file, bytes, position: 0 }
    }

    /// The error that the file is not what it should be.
    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::ModelUnavailable, format!("{}: {why} at byte {}", self.file, self.position))
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
        let mut magnitude = [0; 8];
        magnitude[..count].copy_from_slice(self.take(count)?);
        let magnitude = i64::try_from(u64::from_le_bytes(magnitude))
            .map_err(|_| self.error("expected an integer of 63 bits, found a larger one"))?;
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
            // A power of two whose exponent needs no care has its own bits.
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

//! Bytes as hexadecimal digits.

use std::fmt;

/// Writes two lower-case digits for each byte.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads `N` bytes from twice as many digits of either case; `None` for any other text.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    read_into(text, &mut bytes)?;
    Some(bytes)
}

/// As [`read`], without copies of the bytes elsewhere.
pub(crate) fn read_into(text: &str, bytes: &mut [u8]) -> Option<()> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_are_read_and_nothing_else() {
        assert_eq!(read("00fF7a"), Some([0, 255, 0x7a]));
        for wrong in ["", "00ff7", "00ff7a0", "00ff7a00", "00ff7g", "+0ff7a", "00 f7a", "00é7a"] {
            assert_eq!(read::<3>(wrong), None, "{wrong}");
        }
    }
}

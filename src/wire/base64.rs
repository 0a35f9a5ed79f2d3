//! Base64 as clients really send it.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Standard alphabet; padding or none.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a data URI begins with, in letters of either case.
const SCHEME: &str = "data:";

/// The bytes of a base64 text: either alphabet, padded or not, with or without line breaks and a
/// `data:image/...;base64,` prefix in small or capital letters. `None` where it is none of these.
///
/// ```
/// use facevault::wire::decode_base64;
///
/// assert_eq!(decode_base64("_-8").as_deref(), Some(&[0xff, 0xef][..]));
/// assert_eq!(decode_base64("data:image/png;base64,/+8=").as_deref(), Some(&[0xff, 0xef][..]));
/// assert_eq!(decode_base64("not base64!"), None);
/// ```
#[must_use]
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let start = text.trim_start();
    let body = match start.split_at_checked(SCHEME.len()) {
        Some((scheme, uri)) if scheme.eq_ignore_ascii_case(SCHEME) => {
            let (kind, body) = uri.split_once(',')?;
            let base64 = kind.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
            if !base64 {
                return None;
            }
            body
        }
        _ => text,
    };
    // Most texts have nothing to be cleaned: they are looked at once and decoded as they are.
    let is_odd = |byte: u8| byte.is_ascii_whitespace() || byte == b'-' || byte == b'_';
    if !body.bytes().fold(false, |found, byte| found | is_odd(byte)) {
        return LENIENT.decode(body).ok();
    }
    let mut cleaned = Vec::with_capacity(body.len());
    cleaned.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }));
    LENIENT.decode(cleaned).ok()
}

/// Standard base64 with padding.
#[must_use]
pub fn encode_base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_spelling_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
            let standard = STANDARD.encode(&bytes);
            let broken: String = standard.as_bytes().chunks(7).flat_map(|line| {
                line.iter().map(|b| char::from(*b)).chain("\r\n".chars())
            }).collect();
            for text in [
                standard.clone(),
                STANDARD_NO_PAD.encode(&bytes),
                URL_SAFE.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
                broken,
                format!("data:image/jpeg;base64,{standard}"),
                format!("DATA:image/png;base64,{standard}"),
                format!(" data:image/svg+xml;charset=utf-8;BASE64,{standard}\n"),
            ] {
                prop_assert_eq!(decode_base64(&text), Some(bytes.clone()));
            }
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in [
            "a",
            "ab=c",
            "abc$",
            "data:image/png,abcd",
            "DATA:image/png,abcd",
            "dätä:",
            "data:image/png;base64",
            "ÄÖÜ",
            "====",
            "ab\0c",
        ] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }
}

//! That a converter of FlatBuffers refuses or survives damaged files, for tests.

use crate::{ErrorKind, Result};

/// The converter under test: from a file to an ONNX file.
pub(crate) type Convert = fn(&[u8]) -> Result<Vec<u8>>;

/// The error with which a file is refused; panics if the file is accepted.
pub(crate) fn refusal(convert: Convert, file: &[u8]) -> String {
    let Err(error) = convert(file) else { panic!("a file of {} bytes was taken", file.len()) };
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}");
    error.to_string()
}

/// That a file is refused, or gives no more than its size allows.
pub(crate) fn survive(convert: Convert, file: &[u8]) {
    match convert(file) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}"),
        Ok(onnx) => assert!(onnx.len() < 4 * file.len() + 4096, "{} bytes became {}", file.len(), onnx.len()),
    }
}

/// That every changed byte of a file is survived.
pub(crate) fn survive_changed_bytes(convert: Convert, file: &[u8]) {
    let mut damaged = file.to_vec();
    for index in 0..file.len() {
        for value in [0x00, 0x01, 0x04, 0x7f, 0x80, 0xff, !file[index]] {
            damaged[index] = value;
            survive(convert, &damaged);
        }
        damaged[index] = file[index];
    }
}

/// That words changed from byte `start` on are survived: any, and small ones, since distances and
/// counts that stay within the file lead further.
pub(crate) fn survive_changed_words(
    convert: Convert,
    file: &[u8],
    start: usize,
    changes: &[(proptest::sample::Index, u32)],
) {
    let mut damaged = file.to_vec();
    for (at, word) in changes {
        let at = start + at.index(file.len() - start - 4);
        let word = if word.is_multiple_of(2) { word % 512 } else { *word };
        damaged[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    survive(convert, &damaged);
}

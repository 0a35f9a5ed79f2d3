//! `encodings.bin`: the face encodings of an exported folder, in records of one size.
//!
//! A record is the SHA-256 of the photo that the encoding was made of (32 zero bytes where it came without a photo), the
//! components as little-endian `f32`, and the CRC-32 of all bytes before. So NumPy reads the file as
//! `np.fromfile(path, [("photo", "V32"), ("vector", "<f4", dimension), ("crc32", "<u4")])`, and a photo that was
//! replaced by another is noticed.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::system;
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};

/// Its name in the folder.
pub(super) const FILE: &str = "encodings.bin";

const HASH: usize = 32;
const CRC: usize = 4;

/// The SHA-256 of a photo; zeros for no photo.
pub(super) type PhotoHash = [u8; HASH];

/// Writes one record.
pub(super) fn write(out: &mut impl Write, photo: &PhotoHash, encoding: &FaceEncoding) -> io::Result<()> {
    let mut record = photo.to_vec();
    record.extend_from_slice(&encoding.to_bytes());
    let crc32 = crc32fast::hash(&record);
    record.extend_from_slice(&crc32.to_le_bytes());
    out.write_all(&record)
}

/// The records of a folder.
pub(super) struct Encodings {
    path: PathBuf,
    file: File,
    model: ModelId,
    /// Bytes of a record.
    size: usize,
    records: u64,
}

impl Encodings {
    pub(super) fn open(path: &Path, model: ModelId, dimension: usize) -> Result<Self> {
        let file = crate::files::open(path).map_err(|error| system("read", path, error))?;
        let length = file.metadata().map_err(|error| system("read", path, error))?.len();
        let size = HASH + 4 * dimension + CRC;
        if !length.is_multiple_of(size as u64) {
            let message =
                format!("{} is not whole: its {length} bytes are no records of {size} bytes each", path.display());
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(Self { path: path.to_owned(), file, model, size, records: length / size as u64 })
    }

    /// Reads a record by its number, from 0.
    pub(super) fn read(&mut self, number: u64) -> Result<(PhotoHash, FaceEncoding)> {
        let refuse = |what: String| {
            let message = format!("{}: record {number} {what}", self.path.display());
            Err(Error::new(ErrorKind::Corrupt, message))
        };
        if number >= self.records {
            return refuse(format!("is not there: it has {} of them", self.records));
        }
        let mut record = vec![0; self.size];
        let place = SeekFrom::Start(number * self.size as u64);
        let read = self.file.seek(place).and_then(|_| self.file.read_exact(&mut record));
        read.map_err(|error| system("read", &self.path, error))?;
        let (content, crc32) = record.split_at(self.size - CRC);
        if crc32fast::hash(content).to_le_bytes() != crc32 {
            return refuse("is damaged: its checksum is another one".to_owned());
        }
        let (photo, vector) = content.split_at(HASH);
        let encoding = match FaceEncoding::from_bytes(self.model, vector) {
            Ok(encoding) => encoding,
            Err(error) => return refuse(error.to_string()),
        };
        let mut hash = [0; HASH];
        hash.copy_from_slice(photo);
        Ok((hash, encoding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ModelId = ModelId::from_bytes([7; 16]);

    #[test]
    fn records_are_read_as_they_are_written_and_damage_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        let encoding = |first: f32| FaceEncoding::new(MODEL, vec![first, 0.5, -1e-30]).expect("finite");
        let mut bytes = Vec::new();
        for (photo, first) in [([0; 32], 1.0), ([9; 32], -2.0)] {
            write(&mut bytes, &photo, &encoding(first)).expect("in memory");
        }
        std::fs::write(&path, &bytes).expect("written");
        let mut read = Encodings::open(&path, MODEL, 3).expect("whole");
        assert_eq!(read.read(1).expect("there"), ([9; 32], encoding(-2.0)));
        assert_eq!(read.read(0).expect("there"), ([0; 32], encoding(1.0)));
        assert_eq!(read.read(2).expect_err("none").kind(), ErrorKind::Corrupt);
        assert_eq!(Encodings::open(&path, MODEL, 4).err().expect("another size").kind(), ErrorKind::Corrupt);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            std::fs::write(&path, &damaged).expect("written");
            let mut read = Encodings::open(&path, MODEL, 3).expect("whole");
            let number = (at / (bytes.len() / 2)) as u64;
            assert_eq!(read.read(number).expect_err("damaged").kind(), ErrorKind::Corrupt, "{at}");
            read.read(1 - number).expect("the other one is whole");
        }
    }
}

//! The encryption of a bundle: a stream of chunks, each of which is authenticated with its place.
//!
//! This is STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance", CRYPTO 2015) over XChaCha20-Poly1305, from the crates `aead-stream` and `chacha20poly1305`: the
//! nonce of a chunk is 19 random bytes of the file, its number as 32 bits and a byte that is 1 for the last one. So a
//! chunk that was changed, moved, left out or taken from another bundle does not pass, nor does a bundle that was cut
//! short or continued. Before the chunks, which have 64 KiB and 16 bytes of tag each, stand [`HEADER`] bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `FVBUNDLE` |
//! | 1 | the version, 1 |
//! | 1 | how the key is made: 1 as it is, 2 by Argon2id as for vaults |
//! | 6 | zeros |
//! | 16 | the salt, random |
//! | 19 | the nonce of the file, random |
//! | 13 | zeros |
//! | 32 | a hash of salt and key, which tells a wrong key from a damaged bundle |
//!
//! The header is the associated data of every chunk, so it cannot be changed either.

use std::io::{self, Read, Write};

use aead_stream::{NewStream as _, StreamBE32, StreamPrimitive as _};
use chacha20poly1305::XChaCha20Poly1305;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::vault_key::VaultKey;

/// What every bundle begins with.
pub(super) const MARK: &[u8; 8] = b"FVBUNDLE";

/// The version that is written, and the latest one that is read.
const VERSION: u8 = 1;

/// Bytes before the first chunk.
pub(super) const HEADER: usize = 96;

/// Bytes of a chunk before it is encrypted.
const CHUNK: usize = 64 << 10;

/// Bytes that encryption adds to a chunk.
const TAG: usize = 16;

/// What is hashed with salt and key, so that the hash is used for nothing else.
const DOMAIN: &[u8] = b"facevault bundle 1: the key\0";

type Stream = StreamBE32<XChaCha20Poly1305>;

/// The header of a bundle, and the key that belongs to it.
pub(super) struct Lock {
    header: [u8; HEADER],
    key: Zeroizing<[u8; 32]>,
}

impl Lock {
    /// For a new bundle.
    pub(super) fn fresh(key: &VaultKey) -> Result<Self> {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MARK);
        (header[8], header[9]) = (VERSION, kind(key));
        let mut random = [0; 35];
        getrandom::fill(&mut random)
            .map_err(|error| Error::new(ErrorKind::Io, "the operating system gives no random bits").caused_by(error))?;
        header[16..51].copy_from_slice(&random);
        let key = key.derive(&salt(&header))?;
        let check = check(&header, &key);
        header[64..].copy_from_slice(&check);
        Ok(Self { header, key })
    }

    /// For a bundle with this header.
    pub(super) fn of(header: [u8; HEADER], key: &VaultKey) -> Result<Self> {
        if !header.starts_with(MARK) {
            return Err(Error::new(ErrorKind::Unsupported, "the file is no bundle"));
        }
        if header[8] != VERSION {
            let message = format!("the bundle is of version {}, this facevault reads {VERSION}", header[8]);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let wrong = |message: &str| Err(Error::new(ErrorKind::Key, message));
        match (header[9], kind(key)) {
            (found, given) if found == given => {}
            (1, _) => return wrong("the bundle's key has 256 bits, and a passphrase was given"),
            (2, _) => return wrong("the bundle's key is a passphrase, and a key of 256 bits was given"),
            (found, _) => {
                let message =
                    format!("the bundle's key is made in a way (number {found}) that this facevault does not know");
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        }
        let key = key.derive(&salt(&header))?;
        if !bool::from(check(&header, &key).ct_eq(&header[64..])) {
            return wrong("the key is not the one that the bundle was encrypted with");
        }
        Ok(Self { header, key })
    }

    fn stream(&self) -> Stream {
        let mut nonce = [0; 19];
        nonce.copy_from_slice(&self.header[32..51]);
        Stream::new((&*self.key).into(), &nonce.into())
    }
}

fn salt(header: &[u8; HEADER]) -> [u8; 16] {
    let mut salt = [0; 16];
    salt.copy_from_slice(&header[16..32]);
    salt
}

fn kind(key: &VaultKey) -> u8 {
    if key.is_passphrase() { 2 } else { 1 }
}

fn check(header: &[u8; HEADER], key: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(DOMAIN).chain_update(&header[..51]).chain_update(key).finalize().into()
}

/// Encrypts what is written to it.
pub(super) struct Sealing<W> {
    out: W,
    stream: Stream,
    header: [u8; HEADER],
    place: u32,
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealing<W> {
    pub(super) fn begin(mut out: W, lock: &Lock) -> io::Result<Self> {
        out.write_all(&lock.header)?;
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
        Ok(Self { out, stream: lock.stream(), header: lock.header, place: 0, chunk })
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let sealed = self.stream.encrypt_in_place(self.place, is_last, &self.header, &mut *self.chunk);
        sealed.map_err(|_| io::Error::other("a chunk could not be encrypted"))?;
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        self.place = self.place.checked_add(1).ok_or_else(|| io::Error::other("a bundle holds at most 256 TiB"))?;
        Ok(())
    }

    /// Writes the last chunk.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        // The chunk at hand may be the last one.
        self.out.flush()
    }
}

/// Reads what was encrypted.
pub(super) struct Opened<R> {
    from: R,
    stream: Stream,
    header: [u8; HEADER],
    place: u32,
    /// The chunk at hand, and how much of it was read.
    chunk: Zeroizing<Vec<u8>>,
    read: usize,
    /// The first byte of the next chunk.
    ahead: Option<u8>,
    is_last: bool,
}

impl<R: Read> Opened<R> {
    /// Reads chunks from behind the header.
    pub(super) fn begin(from: R, lock: &Lock) -> Self {
        let (stream, header) = (lock.stream(), lock.header);
        let chunk = Zeroizing::new(Vec::new());
        Self { from, stream, header, place: 0, chunk, read: 0, ahead: None, is_last: false }
    }

    /// About how many bytes of the file were read.
    pub(super) fn bytes_read(&self) -> u64 {
        (HEADER + TAG) as u64 + u64::from(self.place) * (CHUNK + TAG) as u64
    }

    /// Fills `bytes`, which must be there.
    pub(super) fn read_exact(&mut self, mut bytes: &mut [u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.is_at_end()? {
                return Err(damaged("it ends too early"));
            }
            let taken = bytes.len().min(self.chunk.len() - self.read);
            bytes[..taken].copy_from_slice(&self.chunk[self.read..self.read + taken]);
            self.read += taken;
            bytes = &mut bytes[taken..];
        }
        Ok(())
    }

    /// Whether everything was read, and it was whole.
    pub(super) fn is_at_end(&mut self) -> Result<bool> {
        while self.read == self.chunk.len() && !self.is_last {
            self.next_chunk()?;
        }
        Ok(self.read == self.chunk.len())
    }

    fn next_chunk(&mut self) -> Result<()> {
        let cannot = |error: io::Error| Error::new(ErrorKind::Io, format!("cannot read the bundle: {error}"));
        self.chunk.clear();
        self.read = 0;
        self.chunk.extend(self.ahead.take());
        let wanted = (CHUNK + TAG - self.chunk.len()) as u64;
        self.from.by_ref().take(wanted).read_to_end(&mut self.chunk).map_err(cannot)?;
        let mut ahead = Vec::with_capacity(1);
        if self.chunk.len() == CHUNK + TAG {
            self.from.by_ref().take(1).read_to_end(&mut ahead).map_err(cannot)?;
        }
        self.ahead = ahead.first().copied();
        self.is_last = self.ahead.is_none();
        let opened = self.stream.decrypt_in_place(self.place, self.is_last, &self.header, &mut *self.chunk);
        if opened.is_err() {
            self.chunk.clear();
            return Err(damaged("it was changed or cut short"));
        }
        self.place = self.place.checked_add(1).ok_or_else(|| damaged("it has too many chunks"))?;
        Ok(())
    }
}

/// The error of a bundle that is not what was written.
pub(super) fn damaged(how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the bundle is damaged: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        Lock::fresh(&VaultKey::raw([7; 32])).expect("random bits")
    }

    fn sealed(lock: &Lock, content: &[u8]) -> Vec<u8> {
        let mut sealing = Sealing::begin(Vec::new(), lock).expect("in memory");
        sealing.write_all(content).expect("in memory");
        sealing.finish().expect("in memory")
    }

    fn opened(lock: &Lock, sealed: &[u8]) -> Result<Vec<u8>> {
        let mut opened = Opened::begin(&sealed[HEADER..], lock);
        let mut content = Vec::new();
        while !opened.is_at_end()? {
            let mut byte = [0];
            opened.read_exact(&mut byte)?;
            content.push(byte[0]);
        }
        Ok(content)
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[test]
    fn what_was_written_is_read_whatever_its_length() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5] {
            let (lock, content) = (lock(), content(length));
            let sealed = sealed(&lock, &content);
            assert_eq!(sealed.len(), HEADER + length + TAG * length.div_ceil(CHUNK).max(1));
            assert!(opened(&lock, &sealed).expect("whole") == content, "{length}");
        }
    }

    #[test]
    fn no_change_of_a_chunk_or_of_their_order_passes() {
        let (lock, content) = (lock(), content(2 * CHUNK + 100));
        let whole = sealed(&lock, &content);
        let size = CHUNK + TAG;
        let chunk = |at: usize| &whole[HEADER + at * size..(HEADER + (at + 1) * size).min(whole.len())];
        let of = |chunks: &[&[u8]]| [&whole[..HEADER], &chunks.concat()].concat();
        let mut other = lock.header;
        other[40] ^= 1;
        let stranger = sealed(&Lock { header: other, key: lock.key.clone() }, &content);
        let mut cases = vec![
            ("in another order", of(&[chunk(1), chunk(0), chunk(2)])),
            ("one left out", of(&[chunk(0), chunk(2)])),
            ("one twice", of(&[chunk(0), chunk(1), chunk(1), chunk(2)])),
            ("without the last", of(&[chunk(0), chunk(1)])),
            ("nothing", of(&[])),
            ("the last alone", of(&[chunk(2)])),
            ("continued", of(&[chunk(0), chunk(1), chunk(2), b"x"])),
            ("continued by itself", [whole.clone(), whole[HEADER..].to_vec()].concat()),
            ("with another's chunk", of(&[chunk(0), &stranger[HEADER + size..HEADER + 2 * size], chunk(2)])),
        ];
        for end in [HEADER + 1, HEADER + TAG, HEADER + size - 1, HEADER + size + 1, whole.len() - 1] {
            cases.push(("cut short", whole[..end].to_vec()));
        }
        for at in (HEADER..whole.len()).step_by(4_099).chain([whole.len() - 1]) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            cases.push(("changed", changed));
        }
        for (what, case) in cases {
            assert_eq!(opened(&lock, &case).expect_err(what).kind(), ErrorKind::Corrupt, "{what}");
        }
        assert!(opened(&lock, &whole).expect("whole") == content);
    }

    #[test]
    fn no_change_of_the_header_passes() {
        let (key, lock) = (VaultKey::raw([7; 32]), lock());
        let whole = sealed(&lock, b"content");
        Lock::of(lock.header, &key).expect("the right key");
        for at in 0..HEADER {
            let mut header = lock.header;
            header[at] ^= 0x10;
            let read = Lock::of(header, &key).and_then(|lock| opened(&lock, &whole));
            assert!(read.is_err(), "byte {at}");
        }
        let phrase = |text: &str| VaultKey::passphrase(text).expect("a passphrase");
        let other = Lock::fresh(&phrase("correct horse battery")).expect("random bits");
        Lock::of(other.header, &phrase("correct horse battery")).expect("the right key");
        for (header, wrong, said) in [
            (lock.header, VaultKey::raw([1; 32]), "is not the one"),
            (lock.header, phrase("correct horse battery"), "has 256 bits"),
            (other.header, phrase("correct horse batterx"), "is not the one"),
            (other.header, VaultKey::raw([1; 32]), "is a passphrase"),
        ] {
            let error = Lock::of(header, &wrong).err().expect("another key");
            assert_eq!(error.kind(), ErrorKind::Key);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}

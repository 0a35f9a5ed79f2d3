//! An export as one encrypted file.
//!
//! Inside the encryption (`sealed.rs`) stand records: a byte that says what it is, its length as 32 bits little-endian,
//! and the bytes. The manifest comes first, then collections and persons as they are met, each person followed by photos
//! and encodings, and a record with all numbers is the last one. A reader goes through the whole bundle before anybody
//! is imported, so one that is damaged anywhere is refused as a whole.

mod sealed;

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::export::Sink;
use super::fields::body_of;
use super::manifest::Manifest;
use super::source::{Encoded, Incoming, IncomingImage, Item, Photo};
use super::system;
use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{Collection, CollectionId, NewCollection, NewPerson, Person};
use crate::store::ModelInfo;
use crate::vault_key::VaultKey;
use sealed::{HEADER, Lock, MARK, Opened, Sealing, damaged};

const MANIFEST: u8 = 1;
const COLLECTION: u8 = 2;
const PERSON: u8 = 3;
const PHOTO: u8 = 4;
const ENCODING: u8 = 5;
const END: u8 = 6;

/// The most bytes of a record that is JSON.
const MOST_JSON: u32 = 4 << 20;

/// The most photos and encodings of a person.
const MOST_IMAGES: usize = 1_000;

/// A collection.
#[derive(Serialize, Deserialize)]
struct CollectionRecord {
    #[serde(rename = "_id")]
    id: CollectionId,
    name: String,
    description: Option<String>,
}

/// A person, before the photos and encodings.
#[derive(Serialize, Deserialize)]
struct PersonRecord {
    /// A request body.
    person: Value,
    images: Vec<ImageRecord>,
}

/// What follows a person, in this order.
#[derive(Serialize, Deserialize, Clone, Copy)]
struct ImageRecord {
    photo: bool,
    encoding: bool,
}

/// What all of it comes to.
#[derive(Serialize, Deserialize, Default, PartialEq)]
struct Numbers {
    people: u64,
    photos: u64,
    encodings: u64,
}

/// Whether a file is an encrypted bundle, as it says itself.
#[must_use]
pub fn is_bundle(path: impl AsRef<Path>) -> bool {
    let mut mark = [0; MARK.len()];
    let read = crate::files::open(path.as_ref()).and_then(|mut file| file.read_exact(&mut mark));
    read.is_ok() && &mark == MARK
}

/// A bundle that is being written.
pub(super) struct Sealed {
    path: PathBuf,
    out: Sealing<File>,
    numbers: Numbers,
}

impl Sealed {
    pub(super) fn begin(path: &Path, file: File, key: &VaultKey, model: Option<&ModelInfo>) -> Result<Self> {
        let out = Sealing::begin(file, &Lock::fresh(key)?).map_err(|error| system("write", path, error))?;
        let mut sealed = Self { path: path.to_owned(), out, numbers: Numbers::default() };
        sealed.record(MANIFEST, &Manifest::new(model).text())?;
        Ok(sealed)
    }

    fn record(&mut self, kind: u8, bytes: &[u8]) -> Result<()> {
        let length = u32::try_from(bytes.len())
            .map_err(|_| Error::new(ErrorKind::Unsupported, "a bundle holds photos of less than 4 GiB"))?;
        let mut write = || {
            self.out.write_all(&[kind])?;
            self.out.write_all(&length.to_le_bytes())?;
            self.out.write_all(bytes)
        };
        write().map_err(|error: io::Error| system("write", &self.path, error))
    }

    fn json(&mut self, kind: u8, record: &impl Serialize) -> Result<()> {
        let text = serde_json::to_vec(record)
            .map_err(|error| Error::new(ErrorKind::Io, "a record has no JSON form").caused_by(error))?;
        self.record(kind, &text)
    }
}

impl Sink for Sealed {
    fn collection(&mut self, collection: &Collection) -> Result<()> {
        let (id, name) = (collection.id.clone(), collection.name.clone());
        self.json(COLLECTION, &CollectionRecord { id, name, description: collection.description.clone() })
    }

    fn person(&mut self, person: &Person) -> Result<()> {
        let images = person
            .images
            .iter()
            .map(|image| ImageRecord { photo: image.bytes.is_some(), encoding: image.encoding.is_some() });
        self.json(PERSON, &PersonRecord { person: body_of(person), images: images.collect() })?;
        self.numbers.people += 1;
        for image in &person.images {
            if let Some(photo) = &image.bytes {
                self.record(PHOTO, photo)?;
                self.numbers.photos += 1;
            }
            if let Some(encoding) = &image.encoding {
                self.record(ENCODING, &encoding.to_bytes())?;
                self.numbers.encodings += 1;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let numbers = std::mem::take(&mut self.numbers);
        self.json(END, &numbers)?;
        let Self { path, out, .. } = *self;
        out.finish().map(drop).map_err(|error| system("write", &path, error))
    }
}

/// A bundle that can be read, as often as somebody likes.
pub(super) struct Bundle {
    file: File,
    lock: Lock,
}

impl Bundle {
    pub(super) fn open(path: &Path, key: Option<&VaultKey>) -> Result<Self> {
        let Some(key) = key else {
            let message = format!("{} is an encrypted bundle: its key is needed", path.display());
            return Err(Error::new(ErrorKind::Key, message));
        };
        let mut file = crate::files::open(path).map_err(|error| system("read", path, error))?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
            _ => system("read", path, error),
        })?;
        Ok(Self { lock: Lock::of(header, key)?, file })
    }

    /// Goes through it from the beginning. With `has_photos` photos are kept, otherwise only passed.
    pub(super) fn feed(&self, has_photos: bool) -> Result<(BundleFeed, Option<ModelInfo>)> {
        let cannot = |error| Error::new(ErrorKind::Io, format!("cannot read the bundle: {error}"));
        let mut file = self.file.try_clone().map_err(cannot)?;
        file.seek(SeekFrom::Start(HEADER as u64)).map_err(cannot)?;
        let size = file.metadata().map_err(cannot)?.len();
        let opened = Opened::begin(BufReader::with_capacity(1 << 20, file), &self.lock);
        let mut feed = BundleFeed { opened, size, has_photos, model: None, numbers: Numbers::default() };
        let (kind, length) = feed.next_record()?;
        if kind != MANIFEST {
            return Err(damaged("it does not begin with what it is"));
        }
        let (_, model) = Manifest::read(&feed.json_text(length)?)?;
        feed.model.clone_from(&model);
        Ok((feed, model))
    }
}

/// Goes through a bundle once.
pub(super) struct BundleFeed {
    opened: Opened<BufReader<File>>,
    /// Bytes of the file.
    size: u64,
    has_photos: bool,
    model: Option<ModelInfo>,
    numbers: Numbers,
}

impl BundleFeed {
    /// How many bytes were read, of how many.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.opened.bytes_read().min(self.size), self.size)
    }

    pub(super) fn next(&mut self) -> Result<Option<Item>> {
        let (kind, length) = self.next_record()?;
        match kind {
            COLLECTION => {
                let CollectionRecord { id, name, description } = self.json(length)?;
                let new = NewCollection { id: Some(id), name, description };
                new.validate()?;
                Ok(Some(Item::Collection(new)))
            }
            PERSON => self.person(length).map(|person| Some(Item::Person(Box::new(person)))),
            END => {
                let numbers: Numbers = self.json(length)?;
                if numbers != self.numbers || !self.opened.is_at_end()? {
                    return Err(damaged("it does not have all that it says"));
                }
                Ok(None)
            }
            _ => Err(damaged("a record is of an unknown kind, or in the wrong place")),
        }
    }

    fn person(&mut self, length: u32) -> Result<Incoming> {
        let PersonRecord { person, images } = self.json(length)?;
        self.numbers.people += 1;
        if images.len() > MOST_IMAGES {
            return Err(damaged("a person has too many photos"));
        }
        let text = |field: &str| person.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, name) = (text("_id"), text("name"));
        let mut incoming = Vec::with_capacity(images.len());
        for (at, image) in images.iter().enumerate() {
            let photo = match image.photo {
                true => self.photo()?,
                false => Photo::None,
            };
            let encoding = match image.encoding {
                true => Some(Encoded::Given(self.encoding()?)),
                false => None,
            };
            incoming.push(IncomingImage { name: (at + 1).to_string(), photo, encoding });
        }
        let from = format!("person {}", self.numbers.people);
        let new = NewPerson::from_json(person.to_string().as_bytes());
        Ok(Incoming { from, id, name, new, images: incoming })
    }

    fn photo(&mut self) -> Result<Photo> {
        let (kind, length) = self.next_record()?;
        if kind != PHOTO {
            return Err(damaged("a photo is not where it should be"));
        }
        self.numbers.photos += 1;
        Ok(Photo::Bytes(self.bytes(length, self.has_photos)?.into()))
    }

    fn encoding(&mut self) -> Result<FaceEncoding> {
        let (kind, length) = self.next_record()?;
        let Some(model) = self.model.as_ref().filter(|_| kind == ENCODING) else {
            return Err(damaged("an encoding is not where it should be"));
        };
        let (id, size) = (model.id, 4 * model.dimension);
        if length as usize != size {
            return Err(damaged("an encoding has another number of components than those of its model"));
        }
        self.numbers.encodings += 1;
        FaceEncoding::from_bytes(id, &self.bytes(length, true)?).map_err(|error| damaged(&error.to_string()))
    }

    fn next_record(&mut self) -> Result<(u8, u32)> {
        let mut head = [0; 5];
        self.opened.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        Ok((kind, u32::from_le_bytes(length)))
    }

    /// The bytes of a record. Memory is taken as they come: a length by itself takes none.
    fn bytes(&mut self, length: u32, is_kept: bool) -> Result<Vec<u8>> {
        const PIECE: usize = 256 << 10;
        let (mut bytes, mut left) = (Vec::new(), length as usize);
        while left > 0 {
            let piece = left.min(PIECE);
            let start = if is_kept { bytes.len() } else { 0 };
            bytes.resize(start + piece, 0);
            self.opened.read_exact(&mut bytes[start..])?;
            left -= piece;
        }
        if !is_kept {
            bytes.clear();
        }
        Ok(bytes)
    }

    fn json_text(&mut self, length: u32) -> Result<Vec<u8>> {
        if length > MOST_JSON {
            return Err(damaged("a record is too large"));
        }
        self.bytes(length, true)
    }

    fn json<T: for<'a> Deserialize<'a>>(&mut self, length: u32) -> Result<T> {
        let text = self.json_text(length)?;
        serde_json::from_slice(&text).map_err(|_| damaged("a record is not the JSON that it should be"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::ModelId;
    use crate::spec::Metric;

    fn model() -> ModelInfo {
        let id = ModelId::from_bytes([7; 16]);
        ModelInfo { id, name: "x".into(), dimension: 2, metric: Metric::Cosine, mode: None }
    }

    /// Reads a bundle whose records `write` makes, behind the manifest. It was encrypted as it should be.
    fn read(write: impl FnOnce(&mut Sealed) -> Result<()>) -> Result<usize> {
        let key = VaultKey::raw([1; 32]);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bundle");
        let file = File::create(&path).expect("a file");
        let mut sealed = Sealed::begin(&path, file, &key, Some(&model())).expect("begun");
        write(&mut sealed).expect("written");
        sealed.out.finish().expect("written");
        let (mut feed, found) = Bundle::open(&path, Some(&key)).expect("its key").feed(true)?;
        assert_eq!(found, Some(model()));
        let mut items = 0;
        while feed.next()?.is_some() {
            items += 1;
        }
        Ok(items)
    }

    #[test]
    fn records_that_do_not_fit_together_are_refused() {
        let person = br#"{"person":{"name":"x"},"images":[{"photo":true,"encoding":true}]}"#;
        let encoding: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|number| number.to_le_bytes()).collect();
        let end = |people: u64| format!(r#"{{"people":{people},"photos":{people},"encodings":{people}}}"#).into_bytes();
        let good = [(PERSON, person.to_vec()), (PHOTO, vec![1]), (ENCODING, encoding), (END, end(1))];
        let write = |records: Vec<(u8, Vec<u8>)>| {
            read(move |sealed| records.iter().try_for_each(|(kind, bytes)| sealed.record(*kind, bytes)))
        };
        assert_eq!(write(good.to_vec()).expect("as it should be"), 1);
        let with = |at: usize, record: (u8, Vec<u8>)| {
            let mut records = good.to_vec();
            records[at] = record;
            records
        };
        let without = |at: usize| {
            let mut records = good.to_vec();
            records.remove(at);
            records
        };
        let huge = vec![b' '; MOST_JSON as usize + 1];
        let many = format!(
            r#"{{"person":{{}},"images":[{}{{"photo":false,"encoding":false}}]}}"#,
            r#"{"photo":false,"encoding":false},"#.repeat(MOST_IMAGES)
        );
        for (what, records) in [
            ("nothing", vec![]),
            ("no end", without(3)),
            ("no photo", without(1)),
            ("no encoding", without(2)),
            ("no person", without(0)),
            ("another number", with(3, (END, end(2)))),
            ("something behind the end", [good.to_vec(), vec![(END, end(1))]].concat()),
            ("a vector of three", with(2, (ENCODING, vec![1; 12]))),
            ("a vector of zeros", with(2, (ENCODING, vec![0; 8]))),
            ("no JSON", with(0, (PERSON, b"x".to_vec()))),
            ("too much JSON", with(0, (PERSON, huge))),
            ("an unknown kind", with(0, (9, Vec::new()))),
            ("a second manifest", with(0, (MANIFEST, Manifest::new(None).text()))),
            ("too many photos", with(0, (PERSON, many.into_bytes()))),
        ] {
            assert_eq!(write(records).expect_err(what).kind(), ErrorKind::Corrupt, "{what}");
        }
        // What is wrong with a person is that person's.
        let nameless = br#"{"person":{"_id":"a/b"},"images":[{"photo":true,"encoding":true}]}"#.to_vec();
        assert_eq!(write(with(0, (PERSON, nameless))).expect("for the others"), 1);
        // A length by itself takes no memory.
        let error = read(|sealed| {
            sealed.record(PERSON, person)?;
            let written = sealed.out.write_all(&[PHOTO, 0xff, 0xff, 0xff, 0xff]);
            written.map_err(|error| system("write", Path::new("bundle"), error))
        });
        assert_eq!(error.expect_err("cut short").kind(), ErrorKind::Corrupt);
    }
}

//! Photos and their encodings: rows, checksums, and what an update does to them.

use std::collections::{HashMap, VecDeque};

use rusqlite::{Connection, OptionalExtension, params};

use super::change::{ImagesChange, NewImage};
use super::error::{Fault, Outcome};
use super::models::ModelRow;
use super::{Store, checksum, clients, columns, models, persons};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::{ClientId, ImageBytes, ImageId, Limits, PersonId, PersonImage};

impl Store {
    /// The encodings by `model` that a person has already, by the SHA-256 of their photos: such a
    /// photo need not be encoded again. One with flipped bits is none.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and as for every read.
    pub fn known_images(
        &self,
        client: &ClientId,
        person: &PersonId,
        model: &ModelId,
    ) -> Result<HashMap<[u8; 32], FaceEncoding>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let key = persons::require_key(connection, client, person)?;
            let Some(model) = models::find(connection, model)? else {
                return Ok(HashMap::new());
            };
            let mut known = HashMap::new();
            for image in rows(connection, key)? {
                if let Some(Some(encoding)) = undamaged(encoding(connection, person, &image, &model))? {
                    known.insert(image.sha256, encoding);
                }
            }
            Ok(known)
        })
    }

    /// The encodings of a person by `model`, in the order of the photos.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Corrupt`] where an encoding has flipped bits, and as
    /// for every read.
    pub fn encodings(
        &self,
        client: &ClientId,
        person: &PersonId,
        model: &ModelId,
    ) -> Result<Vec<(ImageId, FaceEncoding)>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let key = persons::require_key(connection, client, person)?;
            match models::find(connection, model)? {
                Some(model) => encodings(connection, key, person, &model),
                None => Ok(Vec::new()),
            }
        })
    }

    /// One photo of a person.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Corrupt`] where its bytes have flipped bits, and as
    /// for every read.
    pub fn image(&self, client: &ClientId, person: &PersonId, image: &ImageId) -> Result<ImageBytes> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let owner = persons::require_key(connection, client, person)?;
            let mut statement = connection.prepare_cached("SELECT key FROM images WHERE person = ?1 AND id = ?2")?;
            let key = statement.query_row(params![owner, image.as_str()], |row| row.get(0)).optional()?;
            let key = key.ok_or_else(|| unknown(person, &[image]))?;
            photo(connection, person, key, image)
        })
    }
}

/// A photo's row without its bytes.
pub(super) struct ImageRow {
    pub(super) key: i64,
    pub(super) id: ImageId,
    position: i64,
    sha256: [u8; 32],
}

/// What an update did to a person's photos.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImagesEffect {
    /// Photos or encodings came or went.
    pub(super) changed: bool,
    /// Photos went.
    pub(super) removed: bool,
}

/// A person's photos in their order.
pub(super) fn rows(connection: &Connection, person: i64) -> Outcome<Vec<ImageRow>> {
    let mut statement = connection
        .prepare_cached("SELECT key, id, position, sha256 FROM images WHERE person = ?1 ORDER BY position")?;
    let rows = statement.query_map([person], |row| {
        Ok(ImageRow { key: row.get(0)?, id: columns::id(row, 1)?, position: row.get(2)?, sha256: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many photos a person has.
pub(super) fn count(connection: &Connection, person: i64) -> Outcome<u64> {
    let mut statement = connection.prepare_cached("SELECT COUNT(*) FROM images WHERE person = ?1")?;
    Ok(statement.query_row([person], |row| columns::count(row, 0))?)
}

/// A person's photos with their bytes and their encodings by `model`.
pub(super) fn load(
    connection: &Connection,
    key: i64,
    person: &PersonId,
    model: Option<&ModelRow>,
) -> Outcome<Vec<PersonImage>> {
    rows(connection, key)?
        .into_iter()
        .map(|image| {
            let bytes = photo(connection, person, image.key, &image.id)?;
            let encoding = match model {
                Some(model) => encoding(connection, person, &image, model)?,
                None => None,
            };
            Ok(PersonImage { id: image.id, bytes, encoding })
        })
        .collect()
}

/// A photo's bytes, checked.
pub(super) fn photo(connection: &Connection, person: &PersonId, key: i64, id: &ImageId) -> Outcome<ImageBytes> {
    let mut statement = connection.prepare_cached("SELECT bytes, crc32 FROM photos WHERE image = ?1")?;
    let mut rows = statement.query([key])?;
    let Some(row) = rows.next()? else {
        return Err(Fault::damaged(person, format_args!("the bytes of photo {id} are missing")));
    };
    let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    if checksum::photo(person.as_str(), id.as_str(), bytes) != row.get::<_, u32>(1)? {
        return Err(Fault::damaged(person, format_args!("the bytes of photo {id} are not those that were written")));
    }
    Ok(ImageBytes::from(bytes))
}

/// A person's encodings by `model` in the order of the photos, checked.
pub(super) fn encodings(
    connection: &Connection,
    key: i64,
    person: &PersonId,
    model: &ModelRow,
) -> Outcome<Vec<(ImageId, FaceEncoding)>> {
    let mut encodings = Vec::new();
    for image in rows(connection, key)? {
        if let Some(encoding) = encoding(connection, person, &image, model)? {
            encodings.push((image.id, encoding));
        }
    }
    Ok(encodings)
}

fn encoding(
    connection: &Connection,
    person: &PersonId,
    image: &ImageRow,
    model: &ModelRow,
) -> Outcome<Option<FaceEncoding>> {
    let mut statement =
        connection.prepare_cached("SELECT vector, crc32 FROM encodings WHERE image = ?1 AND model = ?2")?;
    let mut rows = statement.query([image.key, model.key])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    check_vector(person.as_str(), image.id.as_str(), model, bytes, row.get(1)?)?;
    let encoding = FaceEncoding::from_bytes(model.id, bytes)
        .map_err(|error| Fault::damaged(person, format_args!("the encoding of photo {} is none: {error}", image.id)))?;
    Ok(Some(encoding))
}

/// Refuses a vector's bytes that are not those that were written.
pub(super) fn check_vector(person: &str, image: &str, model: &ModelRow, bytes: &[u8], crc32: u32) -> Outcome<()> {
    if checksum::vector(person, image, &model.id, bytes) == crc32 && bytes.len() == 4 * model.dimension {
        return Ok(());
    }
    let message = format!(
        "person {person} is damaged in the vault: the encoding of photo {image} is not the one that was written"
    );
    Err(Error::new(ErrorKind::Corrupt, message).into())
}

/// Whether a photo has an encoding by `model`.
pub(super) fn has_encoding(connection: &Connection, image: i64, model: &ModelRow) -> Outcome<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM encodings WHERE image = ?1 AND model = ?2")?;
    Ok(statement.exists([image, model.key])?)
}

/// Writes an encoding that `model` has checked.
pub(super) fn insert_encoding(
    connection: &Connection,
    person: &PersonId,
    key: i64,
    image: &ImageId,
    model: &ModelRow,
    encoding: &FaceEncoding,
) -> Outcome<()> {
    let bytes = encoding.to_bytes();
    let crc32 = checksum::vector(person.as_str(), image.as_str(), &model.id, &bytes);
    connection
        .prepare_cached("INSERT INTO encodings (image, model, crc32, vector) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, model.key, crc32, bytes])?;
    Ok(())
}

/// Does what an update asks to a person's photos.
pub(super) fn apply(
    connection: &Connection,
    key: i64,
    person: &PersonId,
    change: &ImagesChange,
    model: Option<&ModelRow>,
    limits: &Limits,
) -> Outcome<ImagesEffect> {
    let count = |min| Error::invalid("images", Rule::Count { min, max: limits.max_images });
    let old = match change {
        ImagesChange::Keep => return Ok(ImagesEffect::default()),
        ImagesChange::Replace(_) | ImagesChange::Edit { .. } | ImagesChange::Clear => rows(connection, key)?,
    };
    let target = Target { connection, key, person, model };
    match change {
        ImagesChange::Keep => Ok(ImagesEffect::default()),
        ImagesChange::Clear => target.remove(&old.iter().collect::<Vec<_>>()),
        ImagesChange::Replace(new) => {
            if new.is_empty() || new.len() > limits.max_images {
                return Err(count(1).into());
            }
            target.replace(&old, new)
        }
        ImagesChange::Edit { remove, add } => {
            let strangers: Vec<_> = remove.iter().filter(|id| old.iter().all(|image| image.id != **id)).collect();
            if !strangers.is_empty() {
                return Err(unknown(person, &strangers));
            }
            let (gone, stay): (Vec<_>, Vec<_>) = old.iter().partition(|image| remove.contains(&image.id));
            if stay.len() + add.len() > limits.max_images {
                return Err(count(0).into());
            }
            let mut effect = target.remove(&gone)?;
            for (position, image) in (next_position(&old)..).zip(add) {
                effect.changed = true;
                target.insert(position, image)?;
            }
            Ok(effect)
        }
    }
}

/// The person whose photos are written.
struct Target<'a> {
    connection: &'a Connection,
    key: i64,
    person: &'a PersonId,
    model: Option<&'a ModelRow>,
}

impl Target<'_> {
    /// Makes `new` the person's photos. Positions only grow, so that no two photos ever share one,
    /// and stay where the order does. A photo that is damaged goes: the same bytes then come anew.
    fn replace(&self, old: &[ImageRow], new: &[NewImage]) -> Outcome<ImagesEffect> {
        let mut spare: HashMap<&[u8; 32], VecDeque<&ImageRow>> = HashMap::new();
        for image in old {
            let is_wanted = new.iter().any(|wanted| *wanted.sha256() == image.sha256);
            if is_wanted && self.is_whole(image)? {
                spare.entry(&image.sha256).or_default().push_back(image);
            }
        }
        let kept: Vec<_> =
            new.iter().map(|image| spare.get_mut(image.sha256()).and_then(VecDeque::pop_front)).collect();
        let gone: Vec<_> = old.iter().filter(|image| kept.iter().flatten().all(|kept| kept.key != image.key)).collect();
        let mut effect = self.remove(&gone)?;

        let same_order = kept.iter().flatten().is_sorted_by_key(|image| image.position);
        let only_appended = kept.iter().skip_while(|image| image.is_some()).all(Option::is_none);
        let mut position = next_position(old);
        for (image, kept) in new.iter().zip(kept) {
            match kept {
                Some(row) => {
                    if !(same_order && only_appended) {
                        self.connection
                            .prepare_cached("UPDATE images SET position = ?1 WHERE key = ?2")?
                            .execute([position, row.key])?;
                        position += 1;
                    }
                    effect.changed |= self.complete(row, image)?;
                }
                None => {
                    self.insert(position, image)?;
                    effect.changed = true;
                    position += 1;
                }
            }
        }
        Ok(effect)
    }

    /// Whether a photo and its encoding are those that were written.
    fn is_whole(&self, image: &ImageRow) -> Outcome<bool> {
        let photo = photo(self.connection, self.person, image.key, &image.id);
        let encoding = match self.model {
            Some(model) => encoding(self.connection, self.person, image, model),
            None => Ok(None),
        };
        Ok(undamaged(photo)?.is_some() && undamaged(encoding)?.is_some())
    }

    /// Gives a kept photo the encoding that came with it, if it has none. Says whether it did.
    fn complete(&self, row: &ImageRow, image: &NewImage) -> Outcome<bool> {
        let (Some(encoding), Some(model)) = (&image.encoding, self.model_of(image)?) else {
            return Ok(false);
        };
        if has_encoding(self.connection, row.key, model)? {
            return Ok(false);
        }
        insert_encoding(self.connection, self.person, row.key, &row.id, model, encoding)?;
        Ok(true)
    }

    /// Writes a new photo, with its encoding if one came with it.
    fn insert(&self, position: i64, image: &NewImage) -> Outcome<()> {
        let id = ImageId::generate();
        self.connection
            .prepare_cached("INSERT INTO images (person, position, id, sha256) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.key, position, id.as_str(), image.sha256()])?;
        let key = self.connection.last_insert_rowid();
        let crc32 = checksum::photo(self.person.as_str(), id.as_str(), image.bytes());
        self.connection
            .prepare_cached("INSERT INTO photos (image, crc32, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![key, crc32, image.bytes().as_slice()])?;
        match (&image.encoding, self.model_of(image)?) {
            (Some(encoding), Some(model)) => insert_encoding(self.connection, self.person, key, &id, model, encoding),
            _ => Ok(()),
        }
    }

    /// Removes photos with everything that hangs on them.
    fn remove(&self, gone: &[&ImageRow]) -> Outcome<ImagesEffect> {
        for image in gone {
            self.connection.prepare_cached("DELETE FROM images WHERE key = ?1")?.execute([image.key])?;
        }
        Ok(ImagesEffect { changed: !gone.is_empty(), removed: !gone.is_empty() })
    }

    /// The model of an image's encoding, which has to be the active one.
    fn model_of(&self, image: &NewImage) -> Outcome<Option<&ModelRow>> {
        match (&image.encoding, self.model) {
            (None, _) => Ok(None),
            (Some(encoding), Some(model)) => {
                model.check(encoding)?;
                Ok(Some(model))
            }
            (Some(_), None) => {
                Err(Error::new(ErrorKind::ModelMismatch, "the vault has no model, so it takes no encodings").into())
            }
        }
    }
}

/// Writes the photos of a new person.
pub(super) fn insert(
    connection: &Connection,
    key: i64,
    person: &PersonId,
    images: &[NewImage],
    model: Option<&ModelRow>,
) -> Outcome<()> {
    let target = Target { connection, key, person, model };
    (0..).zip(images).try_for_each(|(position, image)| target.insert(position, image))
}

/// `None` for what has flipped bits.
fn undamaged<T>(read: Outcome<T>) -> Outcome<Option<T>> {
    match read {
        Ok(whole) => Ok(Some(whole)),
        Err(fault) => fault.into_damage().map(|_| None),
    }
}

fn next_position(images: &[ImageRow]) -> i64 {
    images.last().map_or(0, |image| image.position + 1)
}

fn unknown(person: &PersonId, images: &[&ImageId]) -> Fault {
    let names: Vec<_> = images.iter().map(|id| id.as_str()).collect();
    Error::new(ErrorKind::NotFound, format!("person {person} has no photo {}", names.join(", "))).into()
}

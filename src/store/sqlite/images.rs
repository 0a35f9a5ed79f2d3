//! Photos and their encodings: rows and checksums.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::{Fault, Outcome};
use super::models::ModelRow;
use super::rows::IMAGES;
use super::{Store, checksum, clients, columns, models, persons, thumbnails};
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{ClientId, ImageBytes, ImageId, ImagesUpdate, PersonId, PersonImage};
use crate::store::noted::ImagesEffect;
use crate::store::photo_plan::{self, PhotoPlan, Step, StoredImage};
use crate::store::prepared::{NewImage, PreparedImage, PreparedImages};

impl Store {
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

    /// How many bytes the photos of a person have together; none is read.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and as for every read.
    pub(crate) fn photo_bytes(&self, client: &ClientId, person: &PersonId) -> Result<u64> {
        self.read(|connection| {
            let owner = persons::require_key(connection, clients::require(connection, client)?, person)?;
            let sum: i64 = connection
                .prepare_cached(
                    "SELECT COALESCE(SUM(LENGTH(p.bytes)), 0) FROM images i JOIN photos p ON p.image = i.key
                     WHERE i.person = ?1",
                )?
                .query_row([owner], |row| row.get(0))?;
            Ok(sum.unsigned_abs())
        })
    }

    /// The id of a person's photo by its place, from 0; `None` where there are fewer.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown person, and as for every read.
    pub(crate) fn image_at(&self, client: &ClientId, person: &PersonId, place: usize) -> Result<Option<ImageId>> {
        self.read(|connection| {
            let owner = persons::require_key(connection, clients::require(connection, client)?, person)?;
            Ok(rows(connection, owner)?.into_iter().nth(place).map(|image| image.id))
        })
    }

    /// One photo of a person.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also where the encoding was given without a photo,
    /// [`ErrorKind::Corrupt`] where its bytes have flipped bits, and as for every read.
    pub fn image(&self, client: &ClientId, person: &PersonId, image: &ImageId) -> Result<ImageBytes> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let owner = persons::require_key(connection, client, person)?;
            let found = find(connection, owner, person, image)?;
            photo(connection, person, found.key, image)
        })
    }
}

/// A person's photos in their order. Which rows are damaged they say themselves.
pub(super) fn rows(connection: &Connection, person: i64) -> Outcome<Vec<StoredImage>> {
    let mut statement = connection.prepare_cached(&IMAGES.select("WHERE person = ?1 ORDER BY position"))?;
    Ok(statement.query_map([person], stored)?.collect::<Result<_, _>>()?)
}

/// A person's photos in their order, none of whose rows is damaged.
fn whole_rows(connection: &Connection, key: i64, person: &PersonId) -> Outcome<Vec<StoredImage>> {
    let rows = rows(connection, key)?;
    rows.iter().try_for_each(|image| require_whole(person, image))?;
    Ok(rows)
}

/// A photo of a person that has one, and not just an encoding.
pub(super) fn find(connection: &Connection, owner: i64, person: &PersonId, image: &ImageId) -> Outcome<StoredImage> {
    let mut statement = connection.prepare_cached(&IMAGES.select("WHERE person = ?1 AND id = ?2"))?;
    let Some(found) = statement.query_row(params![owner, image.as_str()], stored).optional()? else {
        return Err(photo_plan::unknown(person, &[image]).into());
    };
    require_whole(person, &found)?;
    if found.has_photo {
        return Ok(found);
    }
    let message =
        format!("{image} of person {person} is an encoding that was given without a photo: there is none to be shown");
    Err(Error::new(ErrorKind::NotFound, message).into())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredImage> {
    Ok(StoredImage {
        key: row.get(0)?,
        position: row.get(2)?,
        id: columns::id(row, 3)?,
        sha256: row.get(4)?,
        has_photo: row.get(5)?,
        is_whole: IMAGES.is_whole(row, 0)?,
    })
}

fn require_whole(person: &PersonId, image: &StoredImage) -> Outcome<()> {
    match image.is_whole {
        true => Ok(()),
        false => Err(Fault::damaged(person, format_args!("the row of photo {} is not the one written", image.id))),
    }
}

/// The key of the person whose photo this is.
pub(super) fn owner(connection: &Connection, image: i64) -> Outcome<i64> {
    let mut statement = connection.prepare_cached(&IMAGES.select("WHERE key = ?1"))?;
    IMAGES.read_one(statement.query([image])?, |row| row.get(1))?.ok_or_else(|| IMAGES.damaged())
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
    whole_rows(connection, key, person)?
        .into_iter()
        .map(|image| {
            let bytes = photo_of(connection, person, &image)?;
            let encoding = match model {
                Some(model) => encoding(connection, person, &image, model)?,
                None => None,
            };
            Ok(PersonImage { id: image.id, bytes, encoding })
        })
        .collect()
}

/// The bytes of a photo, checked; `None` where an encoding was given without one.
fn photo_of(connection: &Connection, person: &PersonId, image: &StoredImage) -> Outcome<Option<ImageBytes>> {
    match image.has_photo {
        true => photo(connection, person, image.key, &image.id).map(Some),
        false => Ok(None),
    }
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
    for image in whole_rows(connection, key, person)? {
        if let Some(encoding) = encoding(connection, person, &image, model)? {
            encodings.push((image.id, encoding));
        }
    }
    Ok(encodings)
}

fn encoding(
    connection: &Connection,
    person: &PersonId,
    image: &StoredImage,
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
    update: &ImagesUpdate,
    prepared: &PreparedImages,
    model: Option<&ModelRow>,
) -> Outcome<ImagesEffect> {
    if matches!(update, ImagesUpdate::Keep) {
        return Ok(ImagesEffect::default());
    }
    let target = Target { connection, key, person, model };
    let old = rows(connection, key)?;
    let plan = PhotoPlan::new(person, &old, update, prepared, |image| target.is_whole(image))?;
    target.carry_out(&plan)
}

/// The person whose photos are written.
struct Target<'a> {
    connection: &'a Connection,
    key: i64,
    person: &'a PersonId,
    model: Option<&'a ModelRow>,
}

impl Target<'_> {
    fn carry_out(&self, plan: &PhotoPlan<'_>) -> Outcome<ImagesEffect> {
        for image in &plan.remove {
            self.connection.prepare_cached("DELETE FROM images WHERE key = ?1")?.execute([image.key])?;
        }
        let removed = !plan.remove.is_empty();
        let mut effect = ImagesEffect { changed: removed, removed, came: 0, went: plan.remove.len() as u64 };
        for step in &plan.steps {
            match step {
                Step::Keep { stored, position, image } => {
                    if let Some(position) = position {
                        IMAGES.update(self.connection, &[stored.key], &[("position", position)])?;
                    }
                    effect.changed |= self.complete(stored, image)?;
                }
                Step::Insert { position, image } => {
                    self.insert(*position, image)?;
                    effect.changed = true;
                    effect.came += 1;
                }
            }
        }
        Ok(effect)
    }

    /// Whether a photo and its encoding are those that were written.
    fn is_whole(&self, image: &StoredImage) -> Outcome<bool> {
        if !image.is_whole {
            return Ok(false);
        }
        let photo = photo_of(self.connection, self.person, image);
        let encoding = match self.model {
            Some(model) => encoding(self.connection, self.person, image, model),
            None => Ok(None),
        };
        Ok(undamaged(photo)?.is_some() && undamaged(encoding)?.is_some())
    }

    /// Gives a kept photo the encoding that came with it, if it has none. Says whether it did.
    fn complete(&self, stored: &StoredImage, image: &NewImage<'_>) -> Outcome<bool> {
        let (Some(encoding), Some(model)) = (&image.prepared.encoding, self.model_of(image.prepared)?) else {
            return Ok(false);
        };
        if has_encoding(self.connection, stored.key, model)? {
            return Ok(false);
        }
        insert_encoding(self.connection, self.person, stored.key, &stored.id, model, encoding)?;
        Ok(true)
    }

    /// Writes a new photo, with its encoding if one came with it.
    fn insert(&self, position: i64, image: &NewImage<'_>) -> Outcome<()> {
        let (key, id) = (IMAGES.next_key(self.connection)?, ImageId::generate());
        let (sha256, has_photo) = (image.prepared.sha256(), image.bytes.is_some());
        IMAGES.insert(self.connection, &[&key, &self.key, &position, &id.as_str(), sha256, &has_photo])?;
        if let Some(bytes) = image.bytes {
            let crc32 = checksum::photo(self.person.as_str(), id.as_str(), bytes);
            self.connection
                .prepare_cached("INSERT INTO photos (image, crc32, bytes) VALUES (?1, ?2, ?3)")?
                .execute(params![key, crc32, bytes.as_slice()])?;
            if let Some(thumbnail) = &image.prepared.thumbnail {
                thumbnails::insert(self.connection, self.person, key, &id, thumbnail)?;
            }
        }
        match (&image.prepared.encoding, self.model_of(image.prepared)?) {
            (Some(encoding), Some(model)) => insert_encoding(self.connection, self.person, key, &id, model, encoding),
            _ => Ok(()),
        }
    }

    /// The model of an image's encoding, which has to be the active one.
    fn model_of(&self, image: &PreparedImage) -> Outcome<Option<&ModelRow>> {
        match (&image.encoding, self.model) {
            (None, _) => Ok(None),
            (Some(encoding), Some(model)) => {
                model.check(encoding)?;
                Ok(Some(model))
            }
            (Some(_), None) => Err(Error::new(
                ErrorKind::ModelMismatch,
                "the vault has no model yet: name the one that made the encodings",
            )
            .into()),
        }
    }
}

/// Writes the photos of a new person.
pub(super) fn insert(
    connection: &Connection,
    key: i64,
    person: &PersonId,
    images: Vec<NewImage<'_>>,
    model: Option<&ModelRow>,
) -> Outcome<()> {
    Target { connection, key, person, model }.carry_out(&PhotoPlan::all_new(images)).map(drop)
}

/// The undamaged encodings of a person by `model`, by the SHA-256 of their photos.
pub(super) fn known_encodings(
    connection: &Connection,
    key: i64,
    person: &PersonId,
    model: &ModelRow,
) -> Outcome<HashMap<[u8; 32], FaceEncoding>> {
    let mut known = HashMap::new();
    for image in rows(connection, key)?.into_iter().filter(|image| image.is_whole) {
        if let Some(Some(encoding)) = undamaged(encoding(connection, person, &image, model))? {
            known.insert(image.sha256, encoding);
        }
    }
    Ok(known)
}

/// `None` for what has flipped bits.
fn undamaged<T>(read: Outcome<T>) -> Outcome<Option<T>> {
    match read {
        Ok(whole) => Ok(Some(whole)),
        Err(fault) => fault.into_damage().map(|_| None),
    }
}

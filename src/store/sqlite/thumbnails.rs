//! Small pictures of photos, so that showing who was found decodes no photo.

use rusqlite::{Connection, params};

use super::error::{Fault, Outcome};
use super::{Store, checksum, clients, images, persons};
use crate::error::{ErrorKind, Result};
use crate::person::{ClientId, ImageBytes, ImageId, PersonId};

impl Store {
    /// The thumbnail of a photo; `None` where none was made yet.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] as for [`Self::image`], [`ErrorKind::Corrupt`] where its bytes have flipped bits,
    /// and as for every read.
    pub fn thumbnail(&self, client: &ClientId, person: &PersonId, image: &ImageId) -> Result<Option<ImageBytes>> {
        self.read(|connection| {
            let client = clients::require(connection, client)?;
            let owner = persons::require_key(connection, client, person)?;
            find(connection, person, images::find(connection, owner, person, image)?.key, image)
        })
    }

    /// Keeps a thumbnail that was made of a photo, unless the photo has one by now or is gone.
    ///
    /// # Errors
    /// As for every write.
    pub fn add_thumbnail(
        &self,
        client: &ClientId,
        person: &PersonId,
        image: &ImageId,
        thumbnail: &ImageBytes,
    ) -> Result<()> {
        let written = self.write(|connection| {
            let client = clients::require(connection, client)?;
            let owner = persons::require_key(connection, client, person)?;
            let key = images::find(connection, owner, person, image)?.key;
            match find(connection, person, key, image)? {
                Some(_) => Ok(()),
                None => insert(connection, person, key, image, thumbnail),
            }
        });
        match written {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

fn find(connection: &Connection, person: &PersonId, key: i64, image: &ImageId) -> Outcome<Option<ImageBytes>> {
    let mut statement = connection.prepare_cached("SELECT bytes, crc32 FROM thumbnails WHERE image = ?1")?;
    let mut rows = statement.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    if checksum::thumbnail(person.as_str(), image.as_str(), bytes) != row.get::<_, u32>(1)? {
        return Err(Fault::damaged(person, format_args!("the thumbnail of photo {image} is not the one written")));
    }
    Ok(Some(ImageBytes::from(bytes)))
}

/// Writes the thumbnail of a photo that has none.
pub(super) fn insert(
    connection: &Connection,
    person: &PersonId,
    key: i64,
    image: &ImageId,
    thumbnail: &ImageBytes,
) -> Outcome<()> {
    let crc32 = checksum::thumbnail(person.as_str(), image.as_str(), thumbnail);
    connection.prepare_cached("INSERT INTO thumbnails (image, crc32, bytes) VALUES (?1, ?2, ?3)")?.execute(params![
        key,
        crc32,
        thumbnail.as_slice()
    ])?;
    Ok(())
}

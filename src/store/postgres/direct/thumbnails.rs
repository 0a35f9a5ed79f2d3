//! Small pictures of photos, so that showing who was found decodes no photo.

use super::super::error::told;
use super::super::rows::cell;
use super::{HubStore, audit_read, clients, photos};
use crate::error::{ErrorKind, Result};
use crate::person::{ClientId, ImageBytes, ImageId, PersonId};

impl HubStore {
    pub(in crate::store) fn thumbnail(
        &self,
        client: &ClientId,
        person: &PersonId,
        image: &ImageId,
    ) -> Result<Option<ImageBytes>> {
        self.read(|transaction| {
            let client = clients::require(transaction, client)?;
            let owner = audit_read::require_key(transaction, client, person)?;
            let key = photos::find(transaction, owner, person, image)?.key;
            let select = "SELECT bytes FROM facevault.thumbnails WHERE image = $1";
            let row = transaction.query_opt(select, &[&key]).map_err(told)?;
            row.map(|row| Ok(ImageBytes::from(cell::<&[u8]>(&row, 0)?))).transpose()
        })
    }

    pub(in crate::store) fn add_thumbnail(
        &self,
        client: &ClientId,
        person: &PersonId,
        image: &ImageId,
        thumbnail: &ImageBytes,
    ) -> Result<()> {
        let written = self.write(|numbers| {
            let client = clients::require(numbers.transaction, client)?;
            let owner = audit_read::require_key(numbers.transaction, client, person)?;
            let key = photos::find(numbers.transaction, owner, person, image)?.key;
            let insert = "INSERT INTO facevault.thumbnails (image, bytes) VALUES ($1, $2)
                          ON CONFLICT (image) DO NOTHING";
            numbers.transaction.execute(insert, &[&key, &thumbnail.as_slice()]).map_err(told)?;
            Ok(())
        });
        match written {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

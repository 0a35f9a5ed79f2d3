//! What changed in a hub since a number.

use std::collections::HashSet;

use super::Hub;
use super::error::told;
use super::exchange::referenced;
use super::rows::{self, Held, HeldCollection, cell};
use super::timeline::sql;
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::ImageId;
use crate::share::{Batch, Incoming, Place, Share};

/// Persons that come at once.
const PERSONS: i64 = 100;
/// As many bytes of photos end a batch.
const BYTES: usize = 32 << 20;

/// A part of what changed.
#[derive(Default)]
pub(crate) struct Changes {
    /// Persons of the share and collections, as they are now.
    pub(crate) batch: Batch,
    /// The hub's names of those who were removed, and whether it is a person.
    pub(crate) removed: Vec<(String, bool)>,
    /// The hub's names of persons who are outside the share.
    pub(crate) outside: Vec<String>,
    /// Up to where this is everything.
    pub(crate) place: Place,
    /// Whether that is the hub's present state.
    pub(crate) is_last: bool,
    /// How many persons changed behind this part.
    pub(crate) left: u64,
}

impl Hub {
    /// What changed behind `place`, oldest first, up to 100 persons. `lacks` says which photos the vault has.
    ///
    /// # Errors
    /// Those of `known`, and as for every read.
    pub(crate) fn changes(
        &mut self,
        share: &Share,
        model: Option<&ModelId>,
        known: impl FnOnce(&[ImageId]) -> Result<HashSet<ImageId>>,
    ) -> Result<Changes> {
        let (tenant, after) = (self.tenant, sql(share.place.sequence));
        let mut transaction = self
            .connection
            .build_transaction()
            .isolation_level(postgres::IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .map_err(told)?;
        let row = transaction.query_one("SELECT sequence FROM facevault.hub", &[]).map_err(told)?;
        let newest: i64 = cell(&row, 0)?;
        let select = format!(
            "SELECT {} FROM facevault.persons WHERE client = $1 AND changed > $2 ORDER BY changed LIMIT $3",
            Held::COLUMNS
        );
        let rows = transaction.query(&select, &[&tenant, &after, &PERSONS]).map_err(told)?;
        let held = rows.iter().map(Held::read).collect::<Result<Vec<_>>>()?;
        let is_full = i64::try_from(held.len()).unwrap_or(PERSONS) == PERSONS;
        let in_share = |held: &Held| match &share.collections {
            Some(ids) => held.person.collections().any(|id| ids.iter().any(|wanted| wanted.as_str() == id)),
            None => true,
        };
        let keys: Vec<i64> = held.iter().filter(|held| in_share(held)).map(|held| held.key).collect();
        let mut images = rows::images_of(&mut transaction, &keys, model)?;
        let photos: Vec<ImageId> = images
            .values()
            .flatten()
            .filter(|image| image.image.has_photo)
            .map(|image| image.image.id.clone())
            .collect();
        let known = if share.photos { known(&photos)? } else { HashSet::new() };
        let (mut changes, mut bytes, mut last) = (Changes { is_last: !is_full, ..Changes::default() }, 0, newest);
        let all = held.len();
        for (index, held) in held.into_iter().enumerate() {
            last = sql(held.changed);
            match in_share(&held) {
                true => {
                    let mut person = held.person;
                    for mut image in images.remove(&held.key).unwrap_or_default() {
                        if share.photos && image.image.has_photo && !known.contains(&image.image.id) {
                            image.image.bytes = rows::photo(&mut transaction, image.key)?;
                            bytes += image.image.bytes.as_ref().map_or(0, |bytes| bytes.len());
                        }
                        person.images.push(image.image);
                    }
                    changes.batch.persons.push(Incoming { person, met: held.changed, sent: None, known_as: None });
                }
                false => changes.outside.push(held.person.uid),
            }
            if bytes >= BYTES && index + 1 < all {
                changes.is_last = false;
                break;
            }
        }
        let last = if changes.is_last { newest } else { last };
        let select = format!(
            "SELECT {} FROM facevault.collections WHERE client = $1 AND changed > $2 AND changed <= $3 ORDER BY key",
            HeldCollection::COLUMNS
        );
        let rows = transaction.query(&select, &[&tenant, &after, &last]).map_err(told)?;
        changes.batch.collections = referenced(&mut transaction, tenant, &changes.batch.persons)?;
        for row in &rows {
            let held = HeldCollection::read(row)?;
            if changes.batch.collections.iter().all(|known| known.collection.code != held.collection.code) {
                changes.batch.collections.push(held.coming());
            }
        }
        let select = "SELECT uid, kind = 'person' FROM facevault.tombstones
                      WHERE client = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence";
        let rows = transaction.query(select, &[&tenant, &after, &last]).map_err(told)?;
        changes.removed = rows.iter().map(|row| Ok((cell(row, 0)?, cell(row, 1)?))).collect::<Result<_>>()?;
        if !changes.is_last {
            let select = "SELECT COUNT(*) FROM facevault.persons WHERE client = $1 AND changed > $2";
            changes.left =
                cell::<i64>(&transaction.query_one(select, &[&tenant, &last]).map_err(told)?, 0)?.unsigned_abs();
        }
        let mark =
            transaction.query_opt("SELECT mark FROM facevault.marks WHERE sequence = $1", &[&last]).map_err(told)?;
        let mark = mark.map(|row| cell(&row, 0)).transpose()?;
        changes.place = Place { sequence: last.unsigned_abs(), mark };
        transaction.commit().map_err(told)?;
        Ok(changes)
    }

    /// The models that the hub knows: the one that was chosen, then the others as they came.
    ///
    /// # Errors
    /// As for every read.
    pub(crate) fn models(&mut self) -> Result<Vec<crate::spec::ModelInfo>> {
        rows::models(&mut self.connection)
    }
}

//! One person or collection that a vault sent, brought into the hub.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pgvector::Vector;
use postgres::types::Json;

use super::error::told;
use super::exchange::Exchanged;
use super::rows::{self, Held, HeldCollection, HeldImage, cell};
use super::timeline::{Numbers, sql};
use crate::clock;
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::{ImageId, fold};
use crate::share::{
    Conflict, EVERYTHING, Incoming, IncomingCollection, Items, Meeting, Sent, SentCollection, SharedImage, Stamps,
    image_item, merge,
};

/// An exchange under way.
pub(super) struct Exchanging<'a, 'b, 'c> {
    pub(super) numbers: Numbers<'a, 'b>,
    pub(super) kiosk: &'c str,
    pub(super) keys: BTreeMap<ModelId, i64>,
    /// The ids of the hub's collections.
    pub(super) collections: HashSet<String>,
}

impl Exchanging<'_, '_, '_> {
    /// Brings a person into the hub, or finds that the person is gone.
    pub(super) fn person(
        &mut self,
        sent: &Sent,
        wanted: Option<&ModelId>,
        photos: bool,
        done: &mut Exchanged,
    ) -> Result<()> {
        let person = &sent.person;
        let Some((held, meeting)) = self.find(sent)? else {
            if self.is_gone(&person.uid)? {
                done.removed.push(person.uid.clone());
                return Ok(());
            }
            let held = self.add(sent)?;
            done.written += 1;
            return self.answer(held, sent, wanted, photos, done);
        };
        let Held { key, added, changed, mut stamps, person: mut theirs } = held;
        // Somebody who was never sent before may be somebody whom the hub has: everything is looked at.
        let changes = if meeting.met == 0 && meeting.own.is_empty() {
            BTreeSet::from([EVERYTHING.to_owned()])
        } else {
            sent.changed.clone()
        };
        let mine = self.present(&person.items);
        let number = self.numbers.next()?;
        let merged = merge(&mut theirs.items, &mut stamps, added, &mine, &changes, &meeting, number);
        let moved = self.photos(key, &theirs.items, &person.images, &changes)?;
        let mut now = changed;
        if merged.changed || moved {
            now = number;
            self.numbers
                .transaction
                .execute(
                    "UPDATE facevault.persons SET items = $2, stamps = $3, changed = $4, folded_name = $5,
                            version = version + 1,
                            updated_at = GREATEST(updated_at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
                     WHERE key = $1",
                    &[&key, &Json(&theirs.items), &Json(&stamps), &sql(now), &folded_name(&theirs.items)],
                )
                .map_err(told)?;
            self.attempted(&sent.attempt, now)?;
            done.written += 1;
        }
        for lost in merged.lost {
            self.numbers
                .transaction
                .execute(
                    "INSERT INTO facevault.history (client, person, sequence, at, kiosk, item, kept, lost)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    &[
                        &self.numbers.tenant,
                        &key,
                        &sql(number),
                        &clock::now().as_microsecond(),
                        &self.kiosk,
                        &lost.item,
                        &Json(&lost.kept),
                        &Json(&lost.lost),
                    ],
                )
                .map_err(told)?;
            let (item, kept, lost) = (lost.item, lost.kept, lost.lost);
            done.conflicts.push(Conflict { person: theirs.id.clone(), item, kept, lost });
        }
        let held = Held { key, added, changed: now, stamps, person: theirs };
        self.answer(held, sent, wanted, photos, done)
    }

    /// The person in the hub, by the hub's name or else by the id, and what the vault knows of that person.
    fn find(&mut self, sent: &Sent) -> Result<Option<(Held, Meeting)>> {
        let sql = format!(
            "SELECT {} FROM facevault.persons WHERE client = $1 AND (uid = $2 OR id = $3) ORDER BY uid = $2 DESC LIMIT 1",
            Held::COLUMNS
        );
        let (uid, id) = (&sent.person.uid, sent.person.id.as_str());
        let row = self.numbers.transaction.query_opt(&sql, &[&self.numbers.tenant, uid, &id]).map_err(told)?;
        let Some(held) = row.map(|row| Held::read(&row)).transpose()? else { return Ok(None) };
        if held.person.uid != *uid {
            // Of two whom the hub does not tell apart, one was removed: the removal is carried out first.
            return Ok(if self.is_gone(uid)? { None } else { Some((held, Meeting::default())) });
        }
        let own = {
            let sql = "SELECT sequence FROM facevault.attempts WHERE client = $1 AND id = $2";
            let rows = self.numbers.transaction.query(sql, &[&self.numbers.tenant, &sent.attempt]).map_err(told)?;
            rows.iter().map(|row| Ok(cell::<i64>(row, 0)?.unsigned_abs())).collect::<Result<_>>()?
        };
        Ok(Some((held, Meeting { met: sent.met, own })))
    }

    fn is_gone(&mut self, uid: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM facevault.tombstones WHERE uid = $1";
        Ok(self.numbers.transaction.query_opt(sql, &[&uid]).map_err(told)?.is_some())
    }

    /// The items without memberships in collections that the hub does not have.
    fn present(&self, items: &Items) -> Items {
        let is_there = |item: &str| item.strip_prefix("collection:").is_none_or(|id| self.collections.contains(id));
        items.iter().filter(|(item, _)| is_there(item)).map(|(item, value)| (item.clone(), value.clone())).collect()
    }

    fn add(&mut self, sent: &Sent) -> Result<Held> {
        let person = &sent.person;
        let (items, number) = (self.present(&person.items), self.numbers.next()?);
        let row = self
            .numbers
            .transaction
            .query_one(
                "INSERT INTO facevault.persons
                     (client, uid, id, created_at, updated_at, folded_name, added, changed, items, stamps)
                 VALUES ($1, $2, $3, $4, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $7, $5, $5, $6, '{}')
                 RETURNING key",
                &[
                    &self.numbers.tenant,
                    &person.uid,
                    &person.id.as_str(),
                    &person.created_at.as_microsecond(),
                    &sql(number),
                    &Json(&items),
                    &folded_name(&items),
                ],
            )
            .map_err(told)?;
        let key: i64 = cell(&row, 0)?;
        self.photos(key, &items, &person.images, &BTreeSet::new())?;
        self.attempted(&sent.attempt, number)?;
        let mut held = person.clone();
        (held.items, held.images) = (items, Vec::new());
        Ok(Held { key, added: number, changed: number, stamps: Stamps::new(), person: held })
    }

    fn attempted(&mut self, attempt: &str, number: u64) -> Result<()> {
        self.numbers
            .transaction
            .execute(
                "INSERT INTO facevault.attempts (id, sequence, client) VALUES ($1, $2, $3)",
                &[&attempt, &sql(number), &self.numbers.tenant],
            )
            .map_err(told)?;
        Ok(())
    }

    /// Makes the hub's rows of photos those that the items name: removes, adds what was sent, adds encodings. Says
    /// whether an order or an encoding is another than before, which items do not tell.
    fn photos(&mut self, key: i64, items: &Items, sent: &[SharedImage], changes: &BTreeSet<String>) -> Result<bool> {
        let held = rows::images_of(self.numbers.transaction, &[key], None)?.remove(&key).unwrap_or_default();
        let is_named = |id: &ImageId| items.contains_key(&image_item(id));
        let (stay, go): (Vec<HeldImage>, Vec<HeldImage>) = held.into_iter().partition(|held| is_named(&held.image.id));
        if !go.is_empty() {
            let keys: Vec<i64> = go.iter().map(|held| held.key).collect();
            let sql = "DELETE FROM facevault.images WHERE key = ANY($1)";
            self.numbers.transaction.execute(sql, &[&keys]).map_err(told)?;
        }
        let new: Vec<&SharedImage> = sent
            .iter()
            .filter(|image| is_named(&image.id) && stay.iter().all(|held| held.image.id != image.id))
            .collect();
        // The order is the sender's where nobody else added a photo, else the hub's with what is new behind it.
        let hub_only = stay.iter().any(|held| sent.iter().all(|image| image.id != held.image.id));
        let touches = changes.contains(EVERYTHING) || changes.iter().any(|item| item.starts_with("image:"));
        let mut order: Vec<ImageId> = stay.iter().map(|held| held.image.id.clone()).collect();
        let before = order.clone();
        if touches && !hub_only {
            order = sent.iter().map(|image| image.id.clone()).filter(|id| before.contains(id)).collect();
        }
        let moved = order != before;
        if touches && !hub_only {
            order = sent.iter().map(|image| image.id.clone()).filter(|id| is_named(id)).collect();
        } else {
            order.extend(new.iter().map(|image| image.id.clone()));
        }
        let mut row_of: BTreeMap<ImageId, i64> = stay.iter().map(|held| (held.image.id.clone(), held.key)).collect();
        for (position, id) in (0i32..).zip(&order) {
            match (row_of.get(id), new.iter().find(|image| image.id == *id)) {
                (Some(row), _) => {
                    let sql = "UPDATE facevault.images SET position = $2 WHERE key = $1 AND position <> $2";
                    self.numbers.transaction.execute(sql, &[row, &position]).map_err(told)?;
                }
                (None, Some(image)) => {
                    let row = self.insert_image(key, position, image)?;
                    row_of.insert(id.clone(), row);
                }
                (None, None) => {}
            }
        }
        let mut encoded = false;
        for image in sent {
            if let Some(row) = row_of.get(&image.id) {
                let is_new = new.iter().any(|new| new.id == image.id);
                encoded |= self.encodings(key, *row, image)? && !is_new;
            }
        }
        Ok(moved || encoded)
    }

    fn insert_image(&mut self, person: i64, position: i32, image: &SharedImage) -> Result<i64> {
        let (tenant, has_photo) = (self.numbers.tenant, image.bytes.is_some());
        let row = self
            .numbers
            .transaction
            .query_one(
                "INSERT INTO facevault.images (client, person, position, id, sha256, has_photo)
                 VALUES ($1, $2, $3, $4, $5, $6) RETURNING key",
                &[&tenant, &person, &position, &image.id.as_str(), &&image.sha256[..], &has_photo],
            )
            .map_err(told)?;
        let key: i64 = cell(&row, 0)?;
        if let Some(bytes) = &image.bytes {
            let sql = "INSERT INTO facevault.photos (image, client, bytes) VALUES ($1, $2, $3)";
            self.numbers.transaction.execute(sql, &[&key, &tenant, &bytes.as_slice()]).map_err(told)?;
        }
        Ok(key)
    }

    /// Adds the encodings that the hub does not have. Says whether there were such.
    fn encodings(&mut self, person: i64, row: i64, image: &SharedImage) -> Result<bool> {
        let mut added = false;
        for encoding in &image.encodings {
            let Some(model) = self.keys.get(&encoding.model()) else { continue };
            let count = self
                .numbers
                .transaction
                .execute(
                    "INSERT INTO facevault.encodings (image, model, client, person, vector) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT DO NOTHING",
                    &[&row, model, &self.numbers.tenant, &person, &Vector::from(encoding.vector().to_vec())],
                )
                .map_err(told)?;
            added |= count > 0;
        }
        Ok(added)
    }

    /// The hub's state of a person as the answer, with what the sender lacks.
    fn answer(
        &mut self,
        held: Held,
        sent: &Sent,
        wanted: Option<&ModelId>,
        photos: bool,
        done: &mut Exchanged,
    ) -> Result<()> {
        let Held { key, changed, mut person, .. } = held;
        let images = rows::images_of(self.numbers.transaction, &[key], wanted)?.remove(&key).unwrap_or_default();
        for HeldImage { key, mut image } in images {
            let is_known = sent.person.images.iter().any(|sent| sent.id == image.id);
            if photos && image.has_photo && !is_known {
                image.bytes = rows::photo(self.numbers.transaction, key)?;
            }
            person.images.push(image);
        }
        let known_as = (person.uid != sent.person.uid).then(|| sent.person.uid.clone());
        done.batch.persons.push(Incoming { person, met: changed, sent: Some(sent.version), known_as });
        Ok(())
    }

    /// Brings a collection into the hub, or finds that it is gone.
    pub(super) fn collection(&mut self, sent: &SentCollection, done: &mut Exchanged) -> Result<()> {
        let (collection, tenant) = (&sent.collection, self.numbers.tenant);
        if self.is_gone(&collection.code)? {
            done.removed.push(collection.code.clone());
            return Ok(());
        }
        let find = format!(
            "SELECT {} FROM facevault.collections WHERE client = $1 AND (code = $2 OR id = $3)
             ORDER BY code = $2 DESC LIMIT 1",
            HeldCollection::COLUMNS
        );
        let id = collection.id.as_str();
        let row = self.numbers.transaction.query_opt(&find, &[&tenant, &collection.code, &id]).map_err(told)?;
        let number = self.numbers.next()?;
        let Some(held) = row.map(|row| HeldCollection::read(&row)).transpose()? else {
            self.numbers
                .transaction
                .execute(
                    "INSERT INTO facevault.collections
                         (client, id, code, created_at, updated_at, added, changed, items, stamps)
                     VALUES ($1, $2, $3, $4, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $5, $5, $6, '{}')",
                    &[
                        &tenant,
                        &id,
                        &collection.code,
                        &collection.created_at.as_microsecond(),
                        &sql(number),
                        &Json(&collection.items),
                    ],
                )
                .map_err(told)?;
            self.attempted(&sent.attempt, number)?;
            let (collection, sent) = (collection.clone(), Some(collection.items.clone()));
            done.batch.collections.push(IncomingCollection { collection, met: number, sent });
            return Ok(());
        };
        let HeldCollection { key, added, changed, mut stamps, collection: mut theirs } = held;
        let is_same = theirs.code == collection.code;
        let own = {
            let sql = "SELECT sequence FROM facevault.attempts WHERE client = $1 AND id = $2";
            let rows = self.numbers.transaction.query(sql, &[&tenant, &sent.attempt]).map_err(told)?;
            rows.iter().map(|row| Ok(cell::<i64>(row, 0)?.unsigned_abs())).collect::<Result<Vec<u64>>>()?
        };
        let meeting = if is_same { Meeting { met: sent.met, own } } else { Meeting::default() };
        let merged = merge(&mut theirs.items, &mut stamps, added, &collection.items, &sent.changed, &meeting, number);
        let mut now = changed;
        if merged.changed {
            now = number;
            self.numbers
                .transaction
                .execute(
                    "UPDATE facevault.collections SET items = $2, stamps = $3, changed = $4,
                            updated_at = GREATEST(updated_at, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
                     WHERE key = $1",
                    &[&key, &Json(&theirs.items), &Json(&stamps), &sql(now)],
                )
                .map_err(told)?;
            self.attempted(&sent.attempt, now)?;
        }
        let sent = Some(collection.items.clone());
        done.batch.collections.push(IncomingCollection { collection: theirs, met: now, sent });
        Ok(())
    }
}

/// The name among a person's items, as it is looked for.
fn folded_name(items: &Items) -> String {
    fold(items.get("name").and_then(serde_json::Value::as_str).unwrap_or_default())
}

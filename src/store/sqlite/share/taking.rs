//! Taking what comes from a hub.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::{collection_by_code, sql_number};
use crate::audit::AuditEvent;
use crate::clock;
use crate::error::Result;
use crate::person::{ClientId, ImageBytes, ImageId, NewPerson, PersonId, PersonSummary};
use crate::share::{
    Batch, EVERYTHING, Incoming, IncomingCollection, Place, SharedCollection, SharedImage, SharedPerson,
};
use crate::store::sqlite::error::Outcome;
use crate::store::sqlite::models::ModelRow;
use crate::store::sqlite::person_row::PersonRow;
use crate::store::sqlite::rows::{COLLECTIONS, HUB, IMAGES, SHARED, SHARED_COLLECTIONS};
use crate::store::sqlite::{attributes, checksum, clients, collections, erasure, generation, images, persons};
use crate::store::{GalleryEffect, ModelInfo, Store};

/// What became of a [`Batch`].
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) added: u64,
    pub(crate) changed: u64,
    /// The hub's names of persons who were changed here meanwhile: they have to be sent first.
    pub(crate) skipped: HashSet<String>,
    pub(crate) gallery: GalleryEffect,
}

impl Store {
    /// Takes what comes from the hub, everybody whole, in one transaction, and notes how far that leads. Encodings by
    /// the active model are taken, which `model` becomes if there is none.
    ///
    /// Persons who were changed here and not sent yet are passed over.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where a person is damaged in the hub or here, [`ErrorKind::ModelMismatch`] where
    /// `model` has another mode than the vault's, and as for every write.
    pub(crate) fn take(
        &self,
        client: &ClientId,
        batch: &Batch,
        model: Option<&ModelInfo>,
        place: Option<&Place>,
    ) -> Result<Taken> {
        let (taken, erased) = self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let has_encodings = batch.persons.iter().any(|coming| {
                coming.person.images.iter().any(|image| {
                    image.encodings.iter().any(|encoding| model.is_some_and(|model| encoding.model() == model.id))
                })
            });
            let model = self.active_or(connection, model.filter(|_| has_encodings))?;
            let mut taking = Taking { store: self, connection, client, tenant, model, raised: None, erased: false };
            let (mut added, mut changed, mut skipped) = (0, 0, HashSet::new());
            for coming in &batch.collections {
                taking.collection(coming)?;
            }
            for coming in &batch.persons {
                match taking.person(coming)? {
                    Outcomes::Added => added += 1,
                    Outcomes::Changed => changed += 1,
                    Outcomes::Same => {}
                    Outcomes::Skipped => {
                        skipped.extend([coming.known_as.as_ref().unwrap_or(&coming.person.uid).clone()])
                    }
                }
            }
            if let Some(place) = place {
                HUB.update(
                    connection,
                    &[1],
                    &[("place", &sql_number(place.sequence)), ("mark", &place.mark.as_deref())],
                )?;
            }
            if taking.erased {
                erasure::note(connection)?;
            }
            let gallery = generation::effect(connection, taking.raised)?;
            Ok((Taken { added, changed, skipped, gallery }, taking.erased))
        })?;
        if erased {
            self.erase();
        }
        Ok(taken)
    }
}

enum Outcomes {
    Added,
    Changed,
    Same,
    Skipped,
}

/// A batch that is being taken.
struct Taking<'a> {
    store: &'a Store,
    connection: &'a Connection,
    client: &'a ClientId,
    tenant: i64,
    model: Option<ModelRow>,
    /// The generation that galleries have to follow to, if they do.
    raised: Option<i64>,
    /// Whether something was removed or replaced.
    erased: bool,
}

impl Taking<'_> {
    /// Makes a collection what it is in the hub, where it was not changed here meanwhile.
    fn collection(&mut self, incoming: &IncomingCollection) -> Outcome<()> {
        let (connection, coming) = (self.connection, &incoming.collection);
        let by_id = collections::find(connection, self.tenant, coming.id.as_str())?;
        let key = match collection_by_code(connection, self.tenant, &coming.code)?.or(by_id) {
            Some(key) => key,
            None => {
                let key = COLLECTIONS.next_key(connection)?;
                let created = coming.created_at.as_microsecond();
                let (name, description) = (coming.text("name"), coming.text("description"));
                COLLECTIONS.insert(
                    connection,
                    &[
                        &key,
                        &self.tenant,
                        &coming.id.as_str(),
                        &coming.code,
                        &created,
                        &created,
                        &name.unwrap_or_default(),
                        &description,
                    ],
                )?;
                let event = AuditEvent::CollectionCreated { collection: key.unsigned_abs() };
                self.store.note(connection, Some(self.client), None, || Ok(event))?;
                key
            }
        };
        let mut statement = connection.prepare_cached("SELECT 1 FROM unsent_collections WHERE collection = ?1")?;
        let held = collections::read(connection, key)?;
        if statement.exists([key])? && incoming.sent.as_ref() != Some(&SharedCollection::items_of(&held)) {
            return Ok(());
        }
        if held.code != coming.code || SharedCollection::items_of(&held) != coming.items {
            let now = clock::now().max(held.updated_at).as_microsecond();
            let (name, description) = (coming.text("name").unwrap_or_default(), coming.text("description"));
            COLLECTIONS.update(
                connection,
                &[key],
                &[("code", &coming.code), ("name", &name), ("description", &description), ("updated_at", &now)],
            )?;
            self.erased = true;
        }
        SHARED_COLLECTIONS.put(connection, &[&key, &sql_number(incoming.met), &None::<String>])?;
        connection.prepare_cached("DELETE FROM unsent_collections WHERE collection = ?1")?.execute([key])?;
        Ok(())
    }

    /// Makes a person what the person is in the hub.
    fn person(&mut self, coming: &Incoming) -> Outcome<Outcomes> {
        let (connection, person) = (self.connection, &coming.person);
        let known_as = coming.known_as.as_ref().unwrap_or(&person.uid);
        let mut statement = connection.prepare_cached(&SHARED.select("WHERE uid = ?1"))?;
        let by_uid = SHARED.read_one(statement.query([known_as])?, |row| row.get::<_, i64>(0))?;
        drop(statement);
        let Some(key) = by_uid else {
            // In an answer, the person was removed here since then; otherwise somebody here has this id who was not
            // sent yet, or whom the hub does not have any more.
            let namesake = persons::find_key(connection, self.tenant, &person.id)?;
            if let Some(key) = namesake {
                connection
                    .prepare_cached("INSERT OR IGNORE INTO unsent SELECT person, ?2 FROM shared WHERE person = ?1")?
                    .execute(params![key, EVERYTHING])?;
            }
            let mut statement = connection.prepare_cached("SELECT 1 FROM gone WHERE uid = ?1")?;
            if coming.sent.is_some() || namesake.is_some() || statement.exists([&person.uid])? {
                return Ok(Outcomes::Skipped);
            }
            return self.add(coming);
        };
        let mut row = PersonRow::by_key(connection, key)?;
        let may_be_taken = match coming.sent {
            Some(version) => row.person.version == version,
            None => !connection.prepare_cached("SELECT 1 FROM unsent WHERE person = ?1")?.exists([key])?,
        };
        if !may_be_taken {
            return Ok(Outcomes::Skipped);
        }
        let before = persons::summary(connection, key)?;
        let images = self.images(key, person)?;
        let mut after = before.clone();
        person.fill(&mut after)?;
        let mut wanted = Vec::new();
        for id in &after.collections {
            wanted.extend(collections::find(connection, self.tenant, id.as_str())?);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let moved = collections::set_of_person(connection, key, &wanted)?;
        let attributed = before.attributes != after.attributes;
        if attributed {
            connection.prepare_cached("DELETE FROM attributes WHERE person = ?1")?.execute([key])?;
            attributes::insert(connection, key, &after.attributes)?;
        }
        let mut fields = after.differs_in(&before);
        let is_same = fields.is_empty() && !moved && !attributed && !images.changed;
        if !is_same {
            if images.changed || moved || after.status != before.status {
                row.generation = self.raise()?;
            }
            (after.version, after.updated_at) = (before.version + 1, before.updated_at.max(clock::now()));
            row.person = after;
            row.save(connection)?;
            self.erased = true;
            let others = [("attributes", attributed), ("collections", moved), ("images", images.changed)];
            fields.extend(others.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name));
            fields.sort_unstable();
            let fields = fields.into_iter().map(str::to_owned).collect();
            let event = AuditEvent::PersonUpdated { fields, photos_added: images.came, photos_removed: images.went };
            self.store.note(connection, Some(self.client), Some(key), || Ok(event))?;
        }
        self.met(key, coming)?;
        Ok(if is_same { Outcomes::Same } else { Outcomes::Changed })
    }

    fn add(&mut self, coming: &Incoming) -> Outcome<Outcomes> {
        let (connection, person) = (self.connection, &coming.person);
        let mut summary = PersonSummary::new(person.id.clone(), &NewPerson::named("?"), person.created_at);
        person.fill(&mut summary)?;
        summary.updated_at = summary.updated_at.max(clock::now());
        let (names, photos) =
            (summary.collections.clone(), person.images.iter().filter(|image| image.has_photo).count());
        let mut wanted = Vec::new();
        for id in &names {
            wanted.extend(collections::find(connection, self.tenant, id.as_str())?);
        }
        wanted.sort_unstable();
        let attributes = summary.attributes.clone();
        let generation = self.raise()?;
        let key = PersonRow::new(self.tenant, generation, summary).insert(connection)?;
        self.images(key, person)?;
        collections::set_of_person(connection, key, &wanted)?;
        attributes::insert(connection, key, &attributes)?;
        SHARED.insert(connection, &[&key, &person.uid, &sql_number(coming.met), &false, &None::<String>])?;
        let encodings = (person.images.len() - photos) as u64;
        let event = AuditEvent::PersonCreated { photos: photos as u64, encodings };
        self.store.note(connection, Some(self.client), Some(key), || Ok(event))?;
        Ok(Outcomes::Added)
    }

    /// Notes that this vault has seen the person as the hub has the person now.
    fn met(&self, key: i64, coming: &Incoming) -> Outcome<()> {
        SHARED.update(
            self.connection,
            &[key],
            &[("uid", &coming.person.uid), ("met", &sql_number(coming.met)), ("attempt", &None::<String>)],
        )?;
        self.connection.prepare_cached("DELETE FROM unsent WHERE person = ?1")?.execute([key])?;
        Ok(())
    }

    /// Makes these the photos of a person, in this order.
    fn images(&mut self, key: i64, person: &SharedPerson) -> Outcome<ImagesTaken> {
        let connection = self.connection;
        let held = images::rows(connection, key)?;
        let mut taken = ImagesTaken::default();
        for image in held.iter().filter(|image| person.images.iter().all(|wanted| wanted.id != image.id)) {
            connection.prepare_cached("DELETE FROM images WHERE key = ?1")?.execute([image.key])?;
            taken.went += 1;
            taken.changed = true;
        }
        let kept = |image: &SharedImage| held.iter().find(|held| held.id == image.id);
        let places: Vec<Option<i64>> =
            person.images.iter().map(|image| kept(image).map(|held| held.position)).collect();
        let stays =
            places.iter().flatten().is_sorted() && places.iter().skip_while(|p| p.is_some()).all(Option::is_none);
        let mut next = held.last().map_or(0, |image| image.position + 1);
        for image in &person.images {
            let row = match kept(image) {
                Some(held) => {
                    if !stays {
                        IMAGES.update(connection, &[held.key], &[("position", &next)])?;
                        next += 1;
                        taken.changed = true;
                    }
                    if let (false, Some(bytes)) = (held.has_photo, &image.bytes) {
                        IMAGES.update(connection, &[held.key], &[("has_photo", &true)])?;
                        insert_photo(connection, &person.id, held.key, &image.id, bytes)?;
                        taken.changed = true;
                    }
                    held.key
                }
                None => {
                    let row = self.insert_image(key, next, person, image)?;
                    next += 1;
                    taken.came += 1;
                    taken.changed = true;
                    row
                }
            };
            let Some(model) = &self.model else { continue };
            if let Some(encoding) = image.encodings.iter().find(|encoding| encoding.model() == model.id) {
                model.check(encoding)?;
                if !images::has_encoding(connection, row, model)? {
                    images::insert_encoding(connection, &person.id, row, &image.id, model, encoding)?;
                    taken.changed = true;
                }
            }
        }
        Ok(taken)
    }

    /// Writes a new photo. Where its bytes stay away, only its hash and encoding come.
    fn insert_image(&self, key: i64, position: i64, person: &SharedPerson, image: &SharedImage) -> Outcome<i64> {
        let connection = self.connection;
        let row = IMAGES.next_key(connection)?;
        let has_photo = image.bytes.is_some();
        IMAGES.insert(connection, &[&row, &key, &position, &image.id.as_str(), &image.sha256, &has_photo])?;
        if let Some(bytes) = &image.bytes {
            insert_photo(connection, &person.id, row, &image.id, bytes)?;
        }
        Ok(row)
    }

    fn raise(&mut self) -> Outcome<i64> {
        match self.raised {
            Some(raised) => Ok(raised),
            None => Ok(*self.raised.insert(generation::raise(self.connection)?)),
        }
    }
}

fn insert_photo(connection: &Connection, person: &PersonId, row: i64, id: &ImageId, bytes: &ImageBytes) -> Outcome<()> {
    let crc32 = checksum::photo(person.as_str(), id.as_str(), bytes);
    connection.prepare_cached("INSERT INTO photos (image, crc32, bytes) VALUES (?1, ?2, ?3)")?.execute(params![
        row,
        crc32,
        bytes.as_slice()
    ])?;
    Ok(())
}

/// What became of a person's photos.
#[derive(Default)]
struct ImagesTaken {
    changed: bool,
    came: u64,
    went: u64,
}

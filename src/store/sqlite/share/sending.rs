//! What is to be sent to a hub.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::encoding::FaceEncoding;
use crate::error::Result;
use crate::person::{ClientId, PersonId};
use crate::share::{EVERYTHING, Sent, SentCollection, SharedCollection, SharedImage, SharedPerson, image_item};
use crate::store::Store;
use crate::store::photo_plan::StoredImage;
use crate::store::sqlite::error::{Fault, Outcome};
use crate::store::sqlite::rows::{SHARED, SHARED_COLLECTIONS};
use crate::store::sqlite::{clients, collections, columns, images, models, persons};

/// As many bytes of photos end a sending.
const SENDING_BYTES: usize = 32 << 20;

/// The keys of persons who have something to be sent: those who are not shared yet, and those who were changed.
const UNSENT: &str = "SELECT p.key FROM persons p LEFT JOIN shared s ON s.person = p.key
     WHERE p.client = ?1 AND (s.person IS NULL OR EXISTS (SELECT 1 FROM unsent u WHERE u.person = p.key))";

impl Store {
    /// How many of a client's persons have something to be sent.
    ///
    /// # Errors
    /// As for every read.
    pub(crate) fn unsent_count(&self, client: &ClientId) -> Result<u64> {
        self.read(|connection| {
            let tenant = clients::require(connection, client)?;
            let mut statement = connection.prepare_cached(&format!("SELECT COUNT(*) FROM ({UNSENT})"))?;
            Ok(statement.query_row([tenant], |row| columns::count(row, 0))?)
        })
    }

    /// Takes up to `most` of a client's persons who have something to be sent, behind the one with this key. From now
    /// on they are shared, and what is changed of them is noted.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where a photo or an encoding of such a person is damaged, and as for every write.
    pub(crate) fn begin_sending(&self, client: &ClientId, after: i64, most: usize) -> Result<(Vec<Sent>, i64)> {
        self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let keys: Vec<i64> = {
                let mut statement =
                    connection.prepare_cached(&format!("{UNSENT} AND p.key > ?2 ORDER BY p.key LIMIT ?3"))?;
                let rows = statement.query_map([tenant, after, most], |row| row.get(0))?;
                rows.collect::<Result<_, _>>()?
            };
            let (mut sent, mut bytes, mut last) = (Vec::new(), 0, after);
            for key in keys {
                let person = sending(connection, key)?;
                bytes += person.person.images.iter().flat_map(|image| &image.bytes).map(|b| b.len()).sum::<usize>();
                sent.push(person);
                last = key;
                if bytes >= SENDING_BYTES {
                    break;
                }
            }
            Ok((sent, last))
        })
    }

    /// As [`Self::begin_sending`], of all collections.
    ///
    /// # Errors
    /// As for every write.
    pub(crate) fn begin_sending_collections(&self, client: &ClientId) -> Result<Vec<SentCollection>> {
        self.write(|connection| {
            let tenant = clients::require(connection, client)?;
            let keys: Vec<i64> = {
                let mut statement = connection.prepare_cached(
                    "SELECT c.key FROM collections c LEFT JOIN shared_collections s ON s.collection = c.key
                     WHERE c.client = ?1 AND (s.collection IS NULL
                         OR EXISTS (SELECT 1 FROM unsent_collections u WHERE u.collection = c.key)) ORDER BY c.key",
                )?;
                let rows = statement.query_map([tenant], |row| row.get(0))?;
                rows.collect::<Result<_, _>>()?
            };
            keys.into_iter().map(|key| sending_collection(connection, key)).collect()
        })
    }
}

/// What is known of a shared person.
struct SharedRow {
    uid: String,
    met: i64,
    attempt: Option<String>,
}

fn shared_row(connection: &Connection, key: i64) -> Outcome<Option<SharedRow>> {
    let mut statement = connection.prepare_cached(&SHARED.select("WHERE person = ?1"))?;
    SHARED.read_one(statement.query([key])?, |row| {
        Ok(SharedRow { uid: row.get(1)?, met: row.get(2)?, attempt: row.get(4)? })
    })
}

/// Marks a person as being sent, and reads the person.
fn sending(connection: &Connection, key: i64) -> Outcome<Sent> {
    let new_attempt = || Uuid::new_v4().to_string();
    let (uid, met, attempt) = match shared_row(connection, key)? {
        Some(SharedRow { uid, met, attempt: Some(attempt) }) => (uid, met, attempt),
        Some(SharedRow { uid, met, attempt: None }) => {
            let attempt = new_attempt();
            SHARED.update(connection, &[key], &[("attempt", &attempt)])?;
            (uid, met, attempt)
        }
        None => {
            let (uid, attempt) = (Uuid::new_v4().to_string(), new_attempt());
            SHARED.insert(connection, &[&key, &uid, &0, &true, &attempt])?;
            connection
                .prepare_cached("INSERT OR IGNORE INTO unsent VALUES (?1, ?2)")?
                .execute(params![key, EVERYTHING])?;
            (uid, 0, attempt)
        }
    };
    let changed: BTreeSet<String> = {
        let mut statement = connection.prepare_cached("SELECT item FROM unsent WHERE person = ?1")?;
        let rows = statement.query_map([key], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    let summary = persons::summary(connection, key)?;
    let all = changed.contains(EVERYTHING);
    let mut travelling = Vec::new();
    for image in images::rows(connection, key)? {
        let is_new = all || changed.contains(&image_item(&image.id));
        travelling.push(shared_image(connection, &summary.id, image, is_new)?);
    }
    let person = SharedPerson {
        uid,
        id: summary.id.clone(),
        created_at: summary.created_at,
        items: SharedPerson::items_of(&summary, &travelling),
        images: travelling,
    };
    Ok(Sent { person, version: summary.version, changed, met: met.unsigned_abs(), attempt })
}

/// A photo with what a hub may need of it.
fn shared_image(connection: &Connection, person: &PersonId, image: StoredImage, is_new: bool) -> Outcome<SharedImage> {
    if !image.is_whole {
        return Err(Fault::damaged(person, format_args!("the row of photo {} is not the one written", image.id)));
    }
    let (mut bytes, mut encodings) = (None, Vec::new());
    if is_new {
        if image.has_photo {
            bytes = Some(images::photo(connection, person, image.key, &image.id)?);
        }
        encodings = all_encodings(connection, person, &image)?;
    }
    Ok(SharedImage { id: image.id, sha256: image.sha256, has_photo: image.has_photo, bytes, encodings })
}

/// The encodings of a photo by every model, checked.
fn all_encodings(connection: &Connection, person: &PersonId, image: &StoredImage) -> Outcome<Vec<FaceEncoding>> {
    let mut statement = connection.prepare_cached(
        "SELECT m.id, e.vector, e.crc32 FROM encodings e JOIN models m ON m.key = e.model WHERE e.image = ?1 ORDER BY m.key",
    )?;
    let mut rows = statement.query([image.key])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let model = models::require(connection, &columns::model(row, 0)?)?;
        let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        images::check_vector(person.as_str(), image.id.as_str(), &model, bytes, row.get(2)?)?;
        all.push(FaceEncoding::from_bytes(model.id, bytes)?);
    }
    Ok(all)
}

/// Marks a collection as being sent, and reads it.
fn sending_collection(connection: &Connection, key: i64) -> Outcome<SentCollection> {
    let mut statement = connection.prepare_cached(&SHARED_COLLECTIONS.select("WHERE collection = ?1"))?;
    let known: Option<(i64, Option<String>)> =
        SHARED_COLLECTIONS.read_one(statement.query([key])?, |row| Ok((row.get(1)?, row.get(2)?)))?;
    let is_known = known.is_some();
    let (met, attempt) = known.unwrap_or_default();
    let attempt = attempt.unwrap_or_else(|| Uuid::new_v4().to_string());
    SHARED_COLLECTIONS.put(connection, &[&key, &met, &attempt])?;
    if !is_known {
        connection
            .prepare_cached("INSERT OR IGNORE INTO unsent_collections VALUES (?1, ?2)")?
            .execute(params![key, EVERYTHING])?;
    }
    let changed: BTreeSet<String> = {
        let mut statement = connection.prepare_cached("SELECT item FROM unsent_collections WHERE collection = ?1")?;
        let rows = statement.query_map([key], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    let found = collections::read(connection, key)?;
    let items = SharedCollection::items_of(&found);
    let collection = SharedCollection { id: found.id, code: found.code, created_at: found.created_at, items };
    Ok(SentCollection { collection, changed, met: met.unsigned_abs(), attempt })
}

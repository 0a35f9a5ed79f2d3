//! The vault file, as its callers see it.

mod audit;
mod backups;
mod concurrency;
mod crashes;
mod damage;
#[cfg(feature = "encryption")]
mod encryption;
mod erasure;
mod fields;
mod following;
mod formats;
mod gallery;
mod history;
mod leftovers;
mod model;
mod pending;
mod place;
mod random;
#[cfg(feature = "encryption")]
mod recoding;
mod reencoding;
mod refusals;
mod residue;
mod tokens;
mod walking;

use std::path::PathBuf;
use std::sync::LazyLock;

use facevault::store::{CreateOptions, ModelInfo, PreparedImage, PreparedImages, Store, Written};
use facevault::{
    ClientId, EncodingMode, FaceEncoding, ImageBytes, Limits, Metric, ModelId, NewPerson, PersonId, PersonQuery,
    PersonUpdate, Result,
};
use rusqlite::types::Value;

/// The model of every vault here: four components.
const MODEL: ModelId = ModelId::from_bytes([1; 16]);
/// Another model: three components.
const OTHER_MODEL: ModelId = ModelId::from_bytes([2; 16]);
static LIMITS: LazyLock<Limits> = LazyLock::new(|| Limits::default().with_max_images(4).with_max_image_bytes(1 << 20));

fn model_info(id: ModelId) -> ModelInfo {
    let dimension = if id == MODEL { 4 } else { 3 };
    let (metric, mode) = (Metric::Cosine, Some(EncodingMode::Accurate));
    ModelInfo { id, name: format!("synthetic {dimension}"), dimension, metric, mode }
}

/// A vault in a folder of its own.
struct Vault {
    folder: tempfile::TempDir,
    store: Store,
    client: ClientId,
}

impl Vault {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"))
    }

    /// In memory where the system has such a folder: for tests that do not ask about the disk.
    fn in_memory() -> Self {
        Self::in_folder(crate::scratch::folder())
    }

    fn in_folder(folder: tempfile::TempDir) -> Self {
        let options = CreateOptions::default().with_model(model_info(MODEL));
        let store = Store::create(folder.path().join("v.facevault"), &options).expect("a vault");
        let client = store.default_client().expect("a client");
        Self { folder, store, client }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("v.facevault")
    }

    fn raw(&self) -> rusqlite::Connection {
        crate::data::database(self.path())
    }

    /// How many persons there are.
    fn total(&self) -> u64 {
        self.store.persons(&self.client, &PersonQuery::default()).expect("a page").total
    }
}

/// An encoding that depends on its photo alone.
fn encoding(model: ModelId, photo: &[u8]) -> FaceEncoding {
    let seed = photo.iter().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    let components = (1..=model_info(model).dimension).map(|i| (seed.wrapping_mul(i as u32) % 1009) as f32 + 0.5);
    FaceEncoding::new(model, components.collect::<Vec<_>>()).expect("a finite vector")
}

/// Photos with encodings that depend on them alone.
fn prepared(photos: &[ImageBytes]) -> PreparedImages {
    let mut prepared = without_encodings(photos);
    for (image, bytes) in prepared.images.iter_mut().zip(photos) {
        image.encoding = Some(encoding(MODEL, bytes));
    }
    prepared
}

fn without_encodings(photos: &[ImageBytes]) -> PreparedImages {
    let images = photos.iter().map(|bytes| PreparedImage::new(bytes)).collect();
    PreparedImages { images, ..PreparedImages::none(&LIMITS) }
}

/// Writes whose photos are encoded as [`prepared`] does it.
trait Writes {
    fn insert(&self, client: &ClientId, new: &NewPerson) -> Result<Written>;
    fn update(&self, client: &ClientId, id: &PersonId, update: &PersonUpdate) -> Result<Written>;
}

impl Writes for Store {
    fn insert(&self, client: &ClientId, new: &NewPerson) -> Result<Written> {
        let mut prepared = prepared(&new.images);
        prepared.images.extend(new.encodings.iter().map(PreparedImage::given));
        self.insert_person(client, new, &prepared)
    }

    fn update(&self, client: &ClientId, id: &PersonId, update: &PersonUpdate) -> Result<Written> {
        self.update_person(client, id, update, &prepared(update.images.photos()))
    }
}

fn images(photos: &[&[u8]]) -> Vec<ImageBytes> {
    photos.iter().map(|photo| (*photo).into()).collect()
}

fn person(name: &str, photos: &[&[u8]]) -> NewPerson {
    NewPerson { name: name.into(), images: images(photos), ..NewPerson::default() }
}

/// Every row of every table.
fn dump(connection: &rusqlite::Connection) -> Vec<(String, Vec<Vec<Value>>)> {
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").expect("a schema");
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).expect("a schema").map(|name| name.expect("a name")).collect();
    let rows_of = |table: &String| {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).expect("a table");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("rows");
        let mut found = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            found.push((0..columns).map(|column| row.get(column).expect("a value")).collect());
        }
        found
    };
    tables.into_iter().map(|table| (table.clone(), rows_of(&table))).collect()
}

//! Rows of a hub as what travels.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pgvector::Vector;
use postgres::types::Json;
use postgres::{GenericClient, Row};

use super::error::told;
use crate::encoding::{FaceEncoding, ModelId};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{CollectionId, ImageBytes, ImageId, PersonId};
use crate::share::{IncomingCollection, Items, SharedCollection, SharedImage, SharedPerson, Stamps};
use crate::spec::{EncodingMode, Metric, ModelInfo};

/// A person as the hub has it, without photos.
pub(super) struct Held {
    pub(super) key: i64,
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) stamps: Stamps,
    pub(super) person: SharedPerson,
}

impl Held {
    /// The columns that [`Self::read`] reads.
    pub(super) const COLUMNS: &str = "key, added, changed, stamps, uid, id, created_at, items";

    pub(super) fn read(row: &Row) -> Result<Self> {
        let Json(stamps): Json<Stamps> = cell(row, 3)?;
        let Json(items): Json<Items> = cell(row, 7)?;
        let person = SharedPerson {
            uid: cell(row, 4)?,
            id: PersonId::new(cell::<&str>(row, 5)?).map_err(|_| damaged())?,
            created_at: time(cell(row, 6)?)?,
            items,
            images: Vec::new(),
        };
        let (added, changed) = (cell::<i64>(row, 1)?.unsigned_abs(), cell::<i64>(row, 2)?.unsigned_abs());
        Ok(Self { key: cell(row, 0)?, added, changed, stamps, person })
    }
}

/// A collection as the hub has it.
pub(super) struct HeldCollection {
    pub(super) key: i64,
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) stamps: Stamps,
    pub(super) collection: SharedCollection,
}

impl HeldCollection {
    /// The columns that [`Self::read`] reads.
    pub(super) const COLUMNS: &str = "key, added, changed, stamps, id, code, created_at, items";

    pub(super) fn read(row: &Row) -> Result<Self> {
        let Json(stamps): Json<Stamps> = cell(row, 3)?;
        let Json(items): Json<Items> = cell(row, 7)?;
        let collection = SharedCollection {
            id: CollectionId::new(cell::<&str>(row, 4)?).map_err(|_| damaged())?,
            code: cell(row, 5)?,
            created_at: time(cell(row, 6)?)?,
            items,
        };
        let (added, changed) = (cell::<i64>(row, 1)?.unsigned_abs(), cell::<i64>(row, 2)?.unsigned_abs());
        Ok(Self { key: cell(row, 0)?, added, changed, stamps, collection })
    }

    /// As it comes to a vault that did not send it.
    pub(super) fn coming(self) -> IncomingCollection {
        IncomingCollection { collection: self.collection, met: self.changed, sent: None }
    }
}

/// A photo's row, and its encoding by one model.
pub(super) struct HeldImage {
    pub(super) key: i64,
    pub(super) image: SharedImage,
}

/// The photos of persons with these keys, in their order, with their encodings by `model`, without bytes.
pub(super) fn images_of(
    client: &mut impl GenericClient,
    persons: &[i64],
    model: Option<&ModelId>,
) -> Result<BTreeMap<i64, Vec<HeldImage>>> {
    let by = model.map(|model| &model.as_bytes()[..]);
    let rows = client
        .query(
            "SELECT i.key, i.person, i.id, i.sha256, i.has_photo, e.vector
             FROM facevault.images i
             LEFT JOIN facevault.models m ON m.id = $2
             LEFT JOIN facevault.encodings e ON e.image = i.key AND e.model = m.key
             WHERE i.person = ANY($1) ORDER BY i.person, i.position, i.key",
            &[&persons, &by],
        )
        .map_err(told)?;
    let mut images: BTreeMap<i64, Vec<HeldImage>> = BTreeMap::new();
    for row in &rows {
        let vector: Option<Vector> = cell(row, 5)?;
        let encoding = match (vector, model) {
            (Some(vector), Some(model)) => Some(FaceEncoding::new(*model, vector.to_vec()).map_err(|_| damaged())?),
            _ => None,
        };
        let image = SharedImage {
            id: ImageId::new(cell::<&str>(row, 2)?).map_err(|_| damaged())?,
            sha256: cell::<&[u8]>(row, 3)?.try_into().map_err(|_| damaged())?,
            has_photo: cell(row, 4)?,
            bytes: None,
            encodings: encoding.into_iter().collect(),
        };
        images.entry(cell(row, 1)?).or_default().push(HeldImage { key: cell(row, 0)?, image });
    }
    Ok(images)
}

/// The bytes of a photo.
pub(super) fn photo(client: &mut impl GenericClient, image: i64) -> Result<Option<ImageBytes>> {
    let row = client.query_opt("SELECT bytes FROM facevault.photos WHERE image = $1", &[&image]).map_err(told)?;
    row.map(|row| Ok(ImageBytes::from(cell::<&[u8]>(&row, 0)?))).transpose()
}

/// Makes a model known, and returns its key.
pub(super) fn model_key(client: &mut impl GenericClient, model: &ModelInfo) -> Result<i64> {
    let metric = model.metric.as_str();
    let dimension = i32::try_from(model.dimension).unwrap_or(i32::MAX);
    let (id, mode) = (&model.id.as_bytes()[..], model.mode.map(EncodingMode::as_str));
    client
        .execute(
            "INSERT INTO facevault.models (id, name, dimension, metric, mode) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING",
            &[&id, &model.name, &dimension, &metric, &mode],
        )
        .map_err(told)?;
    let row = client
        .query_one("SELECT key, dimension, metric, mode FROM facevault.models WHERE id = $1", &[&id])
        .map_err(told)?;
    let noted: Option<String> = cell(&row, 3)?;
    let same_mode = noted.is_none() || mode.is_none() || noted.as_deref() == mode;
    if cell::<i32>(&row, 1)? != dimension || cell::<&str>(&row, 2)? != metric || !same_mode {
        let message = format!(
            "the hub knows model {} with other dimensions, another metric or another mode than this vault: encodings of \
             different modes are not mixed",
            model.id
        );
        return Err(Error::new(ErrorKind::ModelMismatch, message));
    }
    cell(&row, 0)
}

/// The columns that [`model`] reads, of a table or alias `m`.
pub(super) const MODEL: &str = "m.key, m.id, m.name, m.dimension, m.metric, m.mode";

/// A model and its key.
pub(super) fn model(row: &Row) -> Result<(i64, ModelInfo)> {
    let mode = |text: &str| [EncodingMode::Fast, EncodingMode::Accurate].into_iter().find(|one| one.as_str() == text);
    let model = ModelInfo {
        id: ModelId::from_bytes(cell::<&[u8]>(row, 1)?.try_into().map_err(|_| damaged())?),
        name: cell(row, 2)?,
        dimension: cell::<i32>(row, 3)?.unsigned_abs() as usize,
        metric: Metric::from_word(cell(row, 4)?).ok_or_else(damaged)?,
        mode: cell::<Option<&str>>(row, 5)?.map(|text| mode(text).ok_or_else(damaged)).transpose()?,
    };
    Ok((cell(row, 0)?, model))
}

/// The models that the hub knows: the one that was chosen, then the others as they came.
pub(super) fn models(client: &mut impl GenericClient) -> Result<Vec<ModelInfo>> {
    let select = format!(
        "SELECT {MODEL} FROM facevault.models m
         ORDER BY m.key IS DISTINCT FROM (SELECT active_model FROM facevault.hub), m.key"
    );
    let rows = client.query(&select, &[]).map_err(told)?;
    rows.iter().map(|row| Ok(model(row)?.1)).collect()
}

/// The value of a column.
pub(super) fn cell<'a, T: postgres::types::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T> {
    row.try_get(index).map_err(|_| damaged())
}

pub(super) fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|_| damaged())
}

/// The error of a value that this code did not write.
pub(super) fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "the hub holds a value that no facevault wrote")
}

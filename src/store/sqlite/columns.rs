//! Columns as words of the vocabulary. What does not parse was not written by this code, and
//! becomes [`Corrupt`](crate::ErrorKind::Corrupt) on its way out.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};

use crate::encoding::ModelId;
use crate::person::{DateOfBirth, Gender, Status};
use crate::spec::EncodingMode;

/// An id.
pub(super) fn id<T: FromStr<Err = crate::Error>>(row: &Row<'_>, index: usize) -> Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    text.parse().map_err(|_| wrong(index, Type::Text))
}

/// A person's status as one text: the file keeps who is pending as inactive, with a mark.
pub(super) const STATUS: &str = "iif(is_pending, 'pending', status)";

/// A status.
pub(super) fn status(row: &Row<'_>, index: usize) -> Result<Status> {
    Status::parse(row.get_ref(index)?.as_str()?).map_err(|_| wrong(index, Type::Text))
}

/// A gender, where there is one.
pub(super) fn gender(row: &Row<'_>, index: usize) -> Result<Option<Gender>> {
    let text = row.get_ref(index)?.as_str_or_null()?;
    text.map(|text| Gender::parse(text).map_err(|_| wrong(index, Type::Text))).transpose()
}

/// A date of birth, where there is one. The clock has no say in what was written before.
pub(super) fn date_of_birth(row: &Row<'_>, index: usize) -> Result<Option<DateOfBirth>> {
    let text = row.get_ref(index)?.as_str_or_null()?;
    text.map(|text| DateOfBirth::from_stored(text).ok_or_else(|| wrong(index, Type::Text))).transpose()
}

/// A time in microseconds since 1970.
pub(super) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp> {
    Timestamp::from_microsecond(row.get(index)?).map_err(|_| wrong(index, Type::Integer))
}

/// A time in microseconds since 1970, where there is one.
pub(super) fn optional_time(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(index)?.map(|_| time(row, index)).transpose()
}

/// A number that is not negative.
pub(super) fn count(row: &Row<'_>, index: usize) -> Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(index, number))
}

/// A model's id.
pub(super) fn model(row: &Row<'_>, index: usize) -> Result<ModelId> {
    let bytes = row.get_ref(index)?.as_blob()?;
    bytes.try_into().map(ModelId::from_bytes).map_err(|_| wrong(index, Type::Blob))
}

/// The mode of a model's encodings, where it is noted.
pub(super) fn mode(row: &Row<'_>, index: usize) -> Result<Option<EncodingMode>> {
    let Some(text) = row.get_ref(index)?.as_str_or_null()? else { return Ok(None) };
    let named = [EncodingMode::Fast, EncodingMode::Accurate].into_iter().find(|mode| mode.as_str() == text);
    named.map(Some).ok_or_else(|| wrong(index, Type::Text))
}

/// The error of a value that this code does not write. The value is not part of it.
fn wrong(index: usize, found: Type) -> Error {
    Error::FromSqlConversionFailure(index, found, "not a value that a vault holds".into())
}

//! What stands in for `cipher.rs` where the feature `encryption` is off: there are no keys.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::error::{Fault, Outcome};
use crate::error::{Error, ErrorKind};
use crate::vault_key::FileSecret;

#[derive(Clone)]
pub(in crate::store) enum FileKey {}

impl FileKey {
    pub(super) fn fresh(key: Option<&FileSecret>) -> Outcome<Option<Self>> {
        Ok(key.map(|key| match *key {}))
    }

    pub(super) fn of_file(_: &Path, key: Option<&FileSecret>) -> Outcome<Option<Self>> {
        Self::fresh(key)
    }

    pub(super) fn unlock(&self, _: &Connection) -> Outcome<()> {
        match *self {}
    }
}

pub(super) fn stand_in() -> Option<&'static FileSecret> {
    None
}

pub(super) fn stand_in_for(_: &Path) -> Option<&'static FileSecret> {
    None
}

pub(super) fn is_sound(_: &Connection) -> Outcome<bool> {
    Ok(true)
}

pub(super) fn damaged_pages(_: &Connection, _: usize) -> Outcome<Vec<String>> {
    Ok(Vec::new())
}

pub(super) fn explain(fault: Fault, _: &Path, _: bool) -> Fault {
    match &fault {
        Fault::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => Error::new(
            ErrorKind::Unsupported,
            "the file is no vault, or it is encrypted: this facevault was built without the feature `encryption`",
        )
        .into(),
        _ => fault,
    }
}

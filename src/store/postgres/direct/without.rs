//! Who cannot be found by a model, because none of the person's photos has an encoding by it.

use std::collections::HashSet;

use postgres::{Row, Transaction};

use super::super::error::told;
use super::super::rows::{cell, damaged};
use super::{HubStore, clients};
use crate::encoding::ModelId;
use crate::error::Result;
use crate::person::{ClientId, PersonId, PersonKey};

impl HubStore {
    pub(in crate::store) fn people_without_encoding(
        &self,
        client: &ClientId,
        model: &ModelId,
    ) -> Result<Vec<PersonId>> {
        self.read(|transaction| {
            let rows = without(transaction, client, model)?;
            rows.iter().map(|row| PersonId::new(cell::<&str>(row, 1)?).map_err(|_| damaged())).collect()
        })
    }

    pub(in crate::store) fn keys_without_encoding(
        &self,
        client: &ClientId,
        model: &ModelId,
    ) -> Result<HashSet<PersonKey>> {
        self.read(|transaction| {
            let rows = without(transaction, client, model)?;
            rows.iter().map(|row| cell(row, 0).map(PersonKey::new)).collect()
        })
    }
}

/// Keys and ids of a client's active persons who have photos but no encoding by the model, oldest first.
fn without(transaction: &mut Transaction<'_>, client: &ClientId, model: &ModelId) -> Result<Vec<Row>> {
    let client = clients::require(transaction, client)?;
    if !is_any_lacking(transaction, model)? {
        return Ok(Vec::new());
    }
    // The way to the encodings is by their photos: the index of these two columns answers, and no vector is read.
    let select = "SELECT p.key, p.id FROM facevault.persons p
                  WHERE p.client = $1 AND p.status = 'active'
                    AND EXISTS (SELECT 1 FROM facevault.images i WHERE i.person = p.key)
                    AND NOT EXISTS (
                      SELECT 1 FROM facevault.images i JOIN facevault.encodings e ON e.image = i.key
                      WHERE i.person = p.key AND e.model = (SELECT key FROM facevault.models WHERE id = $2))
                  ORDER BY p.key";
    transaction.query(select, &[&client, &&model.as_bytes()[..]]).map_err(told)
}

/// Whether any photo of the hub lacks an encoding by the model. Mostly none does, which is quickly known: then no
/// person needs to be looked at.
fn is_any_lacking(transaction: &mut Transaction<'_>, model: &ModelId) -> Result<bool> {
    let select = "SELECT (SELECT COUNT(*) FROM facevault.images) > (SELECT COUNT(*) FROM facevault.encodings
                      WHERE model = (SELECT key FROM facevault.models WHERE id = $1))";
    cell(&transaction.query_one(select, &[&&model.as_bytes()[..]]).map_err(told)?, 0)
}

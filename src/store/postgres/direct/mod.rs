//! A hub used directly, by a program that has no vault: what a vault's file can do, in PostgreSQL.
//!
//! Every write locks the hub's row of numbers first, so writes happen one after the other, those of vaults that follow
//! the hub among them, and each change gets a number: it is the hub's generation and its revision. Every read is one
//! snapshot. The methods of [`HubStore`] are implemented here, each in the file named by what it is about.

mod audit;
mod audit_read;
mod check;
mod clients;
mod collections;
mod connections;
mod gallery;
mod kept;
mod models;
mod moment;
mod people;
mod photos;
mod retention;
mod rows;
mod search;
mod thumbnails;
mod tokens;
mod without;
mod writes;

use std::sync::Arc;

use crate::audit::Actor;
use connections::Connections;

pub(super) use audit::begin_trail;
pub(super) use models::active as active_model;
pub(super) use search::{index_name, seen_by_index};

/// A hub as whoever acts uses it. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct HubStore {
    connections: Arc<Connections>,
    /// Who the audit trail says did what this handle does.
    actor: Actor,
}

//! Vaults that follow a hub, on a real PostgreSQL with pgvector.

#[cfg(feature = "cli")]
mod command;
mod crash;
mod cutting;
#[cfg(feature = "cli")]
mod documents;
mod following;
mod keeping;
mod migration;
mod mistakes;
mod model;
mod moving;
mod restarts;
mod searching;
pub(crate) mod server;
mod tls;

use facevault::{Hub, Person, SyncOptions, Synced, Vault, VaultOptions};

use super::fakes::engine;
use server::Server;

/// A hub of its own, on the server that tests share.
struct Fleet {
    server: &'static Server,
    database: String,
    folder: tempfile::TempDir,
}

impl Fleet {
    fn new() -> Option<Self> {
        let server = Server::shared()?;
        let database = server.database();
        let folder = tempfile::tempdir().expect("a folder");
        let (_, is_new) = Hub::init(&server.address(&database)).expect("a hub");
        assert!(is_new);
        Some(Self { server, database, folder })
    }

    fn address(&self) -> String {
        self.server.address(&self.database)
    }

    fn hub(&self) -> Hub {
        Hub::connect(&self.address(), None).expect("connected")
    }

    fn vault(&self, name: &str) -> Vault {
        self.vault_with(name, VaultOptions::default().with_engine(engine()))
    }

    fn vault_with(&self, name: &str, options: VaultOptions) -> Vault {
        Vault::create(self.folder.path().join(name), options).expect("a vault")
    }

    /// Synced without a check, while others use the vault.
    fn hub_synced(&self, vault: &Vault) -> Synced {
        vault.sync(&mut self.hub(), &SyncOptions::default(), &mut ()).expect("synced")
    }

    fn sync(&self, vault: &Vault) -> Synced {
        self.sync_with(vault, &SyncOptions::default())
    }

    fn sync_with(&self, vault: &Vault, options: &SyncOptions) -> Synced {
        let synced = vault.sync(&mut self.hub(), options, &mut ()).expect("synced");
        let report = vault.check().expect("checked");
        assert!(report.is_clean(), "{report:?}");
        synced
    }
}

/// A person without what belongs to one vault: version, client and the time of the last change there.
fn described(person: &Person) -> String {
    let mut collections = person.collections.clone();
    collections.sort();
    let images: Vec<_> = person
        .images
        .iter()
        .map(|image| {
            let vector = image.encoding.as_ref().map(|encoding| (encoding.model(), encoding.to_bytes()));
            (
                &image.id,
                image.bytes.as_ref().map(|bytes| (bytes.len(), bytes.iter().map(|b| u64::from(*b)).sum::<u64>())),
                vector,
            )
        })
        .collect();
    format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {images:?}",
        person.id,
        person.name,
        person.gender,
        person.date_of_birth.map(|date| date.to_string()),
        person.nationality,
        person.notes,
        person.attributes,
        person.status,
        person.expires_at,
        collections
    )
}

/// Everybody in a vault, described, in the order of their ids.
fn everybody(vault: &Vault) -> Vec<String> {
    let mut all = Vec::new();
    let mut query = facevault::PersonQuery::default();
    query.limit = 100;
    loop {
        let page = vault.persons(&query).expect("a page");
        all.extend(page.items.iter().map(|person| described(&vault.person(&person.id).expect("a person"))));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    all.sort();
    all
}

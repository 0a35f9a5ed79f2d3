//! Where a test's vault is: in a file or, with `FACEVAULT_TEST_HUB=1`, in a hub on the PostgreSQL server that tests
//! share (`hub/server.rs`). A test that asks for a [`Place`] is about either; where only a file will do,
//! `data::only_of_files` leaves it out.

use std::path::PathBuf;

use facevault::{Vault, VaultOptions};

use crate::data;
#[cfg(feature = "hub")]
use crate::hub::server::Server;

/// A place for one vault that nobody else uses. A hub goes when this is dropped.
pub(crate) enum Place {
    File(PathBuf),
    #[cfg(feature = "hub")]
    Hub {
        server: &'static Server,
        database: String,
    },
}

impl Place {
    /// This file, which is not there yet, or a hub that nobody has used.
    pub(crate) fn new(file: PathBuf) -> Self {
        #[cfg(feature = "hub")]
        if data::vaults_are_in_hubs() {
            return Self::hub().expect("FACEVAULT_TEST_HUB=1 needs FACEVAULT_POSTGRES");
        }
        Self::File(file)
    }

    /// A hub that nobody has used, where there is a server for it.
    #[cfg(feature = "hub")]
    pub(crate) fn hub() -> Option<Self> {
        let server = Server::shared()?;
        Some(Self::Hub { server, database: server.hub() })
    }

    /// What a command calls it.
    pub(crate) fn argument(&self) -> String {
        match self {
            Self::File(file) => file.display().to_string(),
            #[cfg(feature = "hub")]
            Self::Hub { server, database } => server.address(database),
        }
    }

    /// Makes the vault; the client of the options is its only one.
    pub(crate) fn create(&self, options: VaultOptions) -> Vault {
        match self {
            Self::File(file) => Vault::create(file, options).expect("a vault"),
            #[cfg(feature = "hub")]
            Self::Hub { server, database } => {
                // A hub is made with a client of this name.
                if let Some(client) = &options.client {
                    server.run(database, &format!("UPDATE facevault.clients SET id = '{client}' WHERE id = 'default'"));
                }
                self.open(options)
            }
        }
    }

    /// Opens the vault once more.
    pub(crate) fn open(&self, options: VaultOptions) -> Vault {
        match self {
            Self::File(file) => Vault::open(file, options).expect("a vault"),
            #[cfg(feature = "hub")]
            Self::Hub { .. } => Vault::open_hub(&self.argument(), options).expect("a hub"),
        }
    }
}

#[cfg(feature = "hub")]
impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Hub { server, database } = self {
            server.remove(database);
        }
    }
}

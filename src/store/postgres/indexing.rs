//! The index by which a hub finds people near a probe without comparing it with everybody.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use postgres::Client;

use super::address::Address;
use super::direct::{active_model, index_name, seen_by_index};
use super::error::told;
use super::rows::cell;
use super::{Hub, open, schema, tls};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Step};
use crate::setters::setters;
use crate::spec::ModelInfo;

/// Two programs that build or remove the index do not do so at once.
const BUILDING: i64 = 0x4656_4C54_4855_4202;

/// The most components of an encoding in an index: pgvector takes no more of its 16-bit floats.
const MOST_COMPONENTS: usize = 4_000;

/// How often a build is asked how far it is.
const PAUSE: Duration = Duration::from_millis(500);

/// How an index is built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubIndexOptions {
    /// Neighbours of each encoding in the graph, 2 to 100: more find more and take more memory and time.
    pub neighbors: u32,
    /// Candidates that are looked at while the graph is built, at least twice [`Self::neighbors`], at most 1,000.
    pub candidates: u32,
    /// Memory for the build in megabytes; the server's own `maintenance_work_mem` where `None`. A graph that does not
    /// fit in it is built more slowly; the finished index has 1.6 kB for an encoding of 512 components.
    pub megabytes: Option<u32>,
    /// Processes of the server that build beside the first; as the server is set where `None`.
    pub workers: Option<u32>,
}

setters!(HubIndexOptions {
    neighbors: with_neighbors(u32),
    candidates: with_candidates(u32),
    megabytes: with_megabytes(impl Into<Option<u32>>),
    workers: with_workers(impl Into<Option<u32>>),
});

impl Default for HubIndexOptions {
    /// What found the most in the time that a search may take: see docs/fleet.md.
    fn default() -> Self {
        Self { neighbors: 24, candidates: 200, megabytes: None, workers: None }
    }
}

/// An index that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubIndex {
    /// The model whose encodings it has.
    pub model: ModelInfo,
    /// Its size.
    pub bytes: u64,
}

impl Hub {
    /// Builds the index of the active model's encodings, by which [`SearchIn::Hub`](crate::SearchIn::Hub) searches from
    /// then on; one that is there is replaced when the new one is complete. The hub is used as ever meanwhile.
    /// `progress` counts encodings and may break it off: nothing is left behind then, and an index that was there stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a hub without encodings, [`ErrorKind::Invalid`] for options out of range, for
    /// encodings of more than 4,000 components and for a user who is not the hub's owner, [`ErrorKind::Cancelled`], and
    /// as for every write.
    pub fn build_index(&mut self, options: &HubIndexOptions, progress: &mut dyn Progress) -> Result<HubIndex> {
        let HubIndexOptions { neighbors, candidates, megabytes, workers } = *options;
        if !(2..=100).contains(&neighbors) || candidates < 2 * neighbors || candidates > 1_000 {
            let rule = crate::error::Rule::Other("must be 2 to 100, with twice to 1,000 candidates".into());
            return Err(Error::invalid("neighbors", rule));
        }
        let (key, model) = self.indexed_model()?;
        if model.dimension > MOST_COMPONENTS {
            let message = format!(
                "encodings by {} have {} components, and an index takes at most {MOST_COMPONENTS}: search without an \
                 index, or in memory",
                model.name, model.dimension
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let schema = schema::vectors(&mut self.connection)?;
        let (seen, _, class) = seen_by_index(&schema, "vector", &model);
        let name = index_name(key);
        self.only_one()?;
        // What an earlier build or another model left is in the way, or of no use.
        self.drop_indexes(Some(&name))?;
        // A build whose program was killed would go on without this.
        let mut settings = "SET client_connection_check_interval = '5s';".to_owned();
        settings.extend(megabytes.map(|megabytes| format!("SET maintenance_work_mem = '{megabytes}MB';")));
        settings.extend(workers.map(|workers| format!("SET max_parallel_maintenance_workers = {workers};")));
        let create = format!(
            "CREATE INDEX CONCURRENTLY {name}_new ON facevault.encodings USING hnsw ({seen} {schema}.{class})
             WITH (m = {neighbors}, ef_construction = {candidates}) WHERE model = {key}"
        );
        if let Err(error) = self.run_watched(&settings, &create, progress) {
            self.drop_indexes(Some(&name))?;
            return Err(error);
        }
        // Names are changed beside whoever reads and writes; only then the old one goes, when nobody uses it any more.
        let mut transaction = self.connection.transaction().map_err(told)?;
        let replace = format!(
            "ALTER INDEX IF EXISTS facevault.{name} RENAME TO {name}_old;
             ALTER INDEX facevault.{name}_new RENAME TO {name}"
        );
        transaction.batch_execute(&replace).map_err(told)?;
        transaction.commit().map_err(told)?;
        self.drop_indexes(Some(&name))?;
        let size = format!("SELECT pg_relation_size('facevault.{name}')");
        let bytes = cell::<i64>(&self.connection.query_one(&size, &[]).map_err(told)?, 0)?.unsigned_abs();
        Ok(HubIndex { model, bytes })
    }

    /// Removes the index, and what builds that were broken off have left of others. Returns whether there was any.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] while one is built, and as for every write.
    pub fn drop_index(&mut self) -> Result<bool> {
        self.only_one()?;
        self.drop_indexes(None)
    }

    /// Sees to it that nobody else builds or removes an index, until the connection ends.
    fn only_one(&mut self) -> Result<()> {
        self.connection.batch_execute("SET lock_timeout = 0").map_err(told)?;
        let row = self.connection.query_one("SELECT pg_try_advisory_lock($1)", &[&BUILDING]).map_err(told)?;
        match cell(&row, 0)? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Busy, "somebody else builds or removes the hub's index at this moment")),
        }
    }

    /// Removes all indexes of this kind but one, each when nobody uses it any more.
    fn drop_indexes(&mut self, but: Option<&str>) -> Result<bool> {
        let select = "SELECT quote_ident(indexname) FROM pg_indexes WHERE schemaname = 'facevault'
                      AND starts_with(indexname, 'encodings_near_') AND indexname IS DISTINCT FROM $1";
        let rows = self.connection.query(select, &[&but]).map_err(told)?;
        for row in &rows {
            let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS facevault.{}", cell::<&str>(row, 0)?);
            self.connection.batch_execute(&drop).map_err(told)?;
        }
        Ok(!rows.is_empty())
    }

    /// The size of the index of a model's encodings, if there is one.
    pub(super) fn index_bytes(&mut self, model: i64) -> Result<Option<u64>> {
        let select = "SELECT pg_relation_size(to_regclass($1))";
        let name = format!("facevault.{}", index_name(model));
        let row = self.connection.query_one(select, &[&name]).map_err(told)?;
        Ok(cell::<Option<i64>>(&row, 0)?.map(i64::unsigned_abs))
    }

    fn indexed_model(&mut self) -> Result<(i64, ModelInfo)> {
        let mut transaction = self.connection.transaction().map_err(told)?;
        let missing =
            || Error::new(ErrorKind::NotFound, "the hub has no encodings yet: there is nothing to be indexed");
        active_model(&mut transaction)?.ok_or_else(missing)
    }

    /// Runs a statement on a connection of its own, and reports how far it is.
    fn run_watched(&mut self, settings: &str, create: &str, progress: &mut dyn Progress) -> Result<()> {
        let mut builder = open(&self.reach)?;
        let process: i32 = cell(&builder.query_one("SELECT pg_backend_pid()", &[]).map_err(told)?, 0)?;
        builder.batch_execute(&format!("SET lock_timeout = 0; {settings}")).map_err(told)?;
        let cancel = builder.cancel_token();
        let create = create.to_owned();
        let (sender, ended) = channel::<()>();
        let build = move || {
            let built = builder.batch_execute(&create).map_err(told);
            // It ends the waiting.
            drop(sender);
            built
        };
        let no_thread = |error| Error::new(ErrorKind::Io, "the system gives no thread").caused_by(error);
        let running = thread::Builder::new().name("facevault-index".to_owned()).spawn(build).map_err(no_thread)?;
        let mut broken_off = false;
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PAUSE) {
            let (done, total) = far(&mut self.connection, process).unwrap_or_default();
            let step = Step::items("building the index", done, total.max(done));
            if !broken_off && progress.report(step).is_break() {
                broken_off = true;
            }
            if broken_off {
                // Until it is heard: whoever asked waits for the end.
                let asked = Address::read(&self.reach).and_then(|Address { trust, certificates, .. }| {
                    cancel.cancel_query(tls::connector(trust, &certificates)?).map_err(told)
                });
                if let Err(error) = asked {
                    tracing::warn!(%error, "the build of an index cannot be broken off yet");
                }
            }
        }
        let built = running.join().unwrap_or_else(|_| Err(Error::new(ErrorKind::Runtime, "the build panicked")));
        match built {
            Err(_) if broken_off => Err(Error::new(ErrorKind::Cancelled, "the index was not built")),
            built => built,
        }
    }
}

/// How many encodings a build has taken, and of how many.
fn far(connection: &mut Client, process: i32) -> Result<(usize, usize)> {
    let select =
        "SELECT p.tuples_done, GREATEST(p.tuples_total, c.reltuples::bigint) FROM pg_stat_progress_create_index p
                  LEFT JOIN pg_class c ON c.oid = p.relid WHERE p.pid = $1";
    let Some(row) = connection.query_opt(select, &[&process]).map_err(told)? else { return Ok((0, 0)) };
    let number = |index| Ok::<_, Error>(usize::try_from(cell::<Option<i64>>(&row, index)?.unwrap_or(0)).unwrap_or(0));
    Ok((number(0)?, number(1)?))
}

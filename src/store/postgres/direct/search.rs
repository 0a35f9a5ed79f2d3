//! Searching in the hub itself: nobody's encodings come to this process but those that are near a probe.
//!
//! Without an index PostgreSQL compares the probe with every encoding, several of its processes side by side. With one
//! (`facevault hub index`) it follows a graph of half-precision copies (HNSW) and finds nearly all of the nearest. Either
//! way the caller compares what was found anew.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use pgvector::Vector;
use postgres::Transaction;
use postgres::types::ToSql;

use super::super::error::told;
use super::super::rows::{cell, damaged};
use super::{HubStore, clients, models};
use crate::encoding::FaceEncoding;
use crate::error::{Error, Result};
use crate::person::{ClientId, CollectionId, ImageId, PersonId};
use crate::spec::{Metric, ModelInfo};
use crate::store::near::Near;

/// The fewest encodings that a search brings back, and how many times more it asks for where they are of too few people.
const FEWEST: usize = 40;
const MORE: usize = 4;

/// How many nodes of the graph a search keeps in view. What that finds among a million people is in docs/fleet.md.
const EF_SEARCH: usize = 600;

/// Counting everybody takes long in a large hub, so counts may be old: by so many times as long as counting took.
const WORTH: u32 = 100;
/// Counting that takes less is done anew for each change.
const QUICK: Duration = Duration::from_millis(20);
/// So many counts are kept.
const COUNTS: usize = 256;

/// How the encodings near a probe are looked for.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// By one pass through the graph.
    Graph,
    /// By iterative passes through the graph until there are enough of the people who are searched. Slower than one pass,
    /// even where one is enough.
    Iterative,
    /// By comparing with everybody.
    Scan,
}

/// Who is counted: a client's people, by a model, in some collections.
pub(super) type Counted = (i64, i64, Option<Vec<String>>);

/// How many people and encodings there were.
#[derive(Clone, Copy)]
pub(super) struct Count {
    generation: u64,
    at: Instant,
    took: Duration,
    people: u64,
    encodings: u64,
    searched: u64,
    without: u64,
}

impl HubStore {
    /// See [`Kept::near`](crate::store::Kept::near).
    pub(super) fn search(
        &self,
        client: &ClientId,
        model: &ModelInfo,
        probes: &[FaceEncoding],
        collections: Option<&[CollectionId]>,
        most: usize,
    ) -> Result<Near> {
        self.read(|transaction| {
            let generation = self.generation_in(transaction)?;
            let client = clients::require(transaction, client)?;
            let Some((key, model)) = models::find(transaction, &model.id)? else {
                let without = without(transaction, client, None)?;
                let found = probes.iter().map(|_| Vec::new()).collect();
                return Ok(Near {
                    generation,
                    people: 0,
                    encodings: 0,
                    people_searched: 0,
                    without_encoding: without,
                    found,
                });
            };
            let ids = collections.map(|ids| ids.iter().map(|id| format!("collection:{id}")).collect::<Vec<_>>());
            let count = self.count(transaction, generation, (client, key, ids.clone()))?;
            let search = Search { key, model: &model, client, ids: ids.as_deref(), schema: self.vectors() };
            let mut way = if search.is_indexed(transaction)? { Way::Graph } else { Way::Scan };
            search.set(transaction, way)?;
            let all = usize::try_from(count.searched).unwrap_or(usize::MAX);
            let found = probes
                .iter()
                .map(|probe| search.near(transaction, probe, most.min(all), &mut way))
                .collect::<Result<_>>()?;
            Ok(Near {
                generation,
                people: count.people,
                encodings: count.encodings,
                people_searched: count.searched,
                without_encoding: count.without,
                found,
            })
        })
    }

    /// How many people there are; in a large hub, a moment ago.
    fn count(&self, transaction: &mut Transaction<'_>, generation: u64, asked: Counted) -> Result<Count> {
        let known = self.counts().get(&asked).copied();
        let is_good = |known: &Count| {
            known.generation == generation || (known.took > QUICK && known.at.elapsed() < known.took * WORTH)
        };
        if let Some(known) = known.filter(is_good) {
            return Ok(known);
        }
        let at = Instant::now();
        let (client, model, collections) = &asked;
        let select = "SELECT COUNT(*), COALESCE(SUM(e.encodings), 0)::bigint,
                             COUNT(*) FILTER (WHERE $3::text[] IS NULL OR p.items ?| $3)
                      FROM (SELECT person, COUNT(*) AS encodings FROM facevault.encodings
                            WHERE model = $2 AND client = $1 GROUP BY person) e
                      JOIN facevault.persons p ON p.key = e.person WHERE p.status = 'active'";
        let row = transaction.query_one(select, &[client, model, collections]).map_err(told)?;
        let number = |index| Ok::<_, Error>(cell::<i64>(&row, index)?.unsigned_abs());
        let (people, encodings, searched) = (number(0)?, number(1)?, number(2)?);
        let without = without(transaction, *client, Some(*model))?;
        let count = Count { generation, at, took: at.elapsed(), people, encodings, searched, without };
        let mut counts = self.counts();
        if counts.len() >= COUNTS {
            counts.clear();
        }
        counts.insert(asked, count);
        Ok(count)
    }
}

/// How many active people have photos but no encoding by the model.
fn without(transaction: &mut Transaction<'_>, client: i64, model: Option<i64>) -> Result<u64> {
    let select = "SELECT COUNT(DISTINCT i.person) FROM facevault.images i JOIN facevault.persons p ON p.key = i.person
                  WHERE i.client = $1 AND p.status = 'active' AND NOT EXISTS
                      (SELECT 1 FROM facevault.encodings e WHERE e.person = i.person AND e.model = $2)";
    Ok(cell::<i64>(&transaction.query_one(select, &[&client, &model]).map_err(told)?, 0)?.unsigned_abs())
}

/// The name of the index of a model's encodings, by the model's key.
pub(in super::super) fn index_name(model: i64) -> String {
    format!("encodings_near_{model}")
}

/// How an index sees the encodings of a model, in this column: an expression, the operator of its order and its class.
pub(in super::super) fn seen_by_index(
    schema: &str,
    column: &str,
    model: &ModelInfo,
) -> (String, &'static str, &'static str) {
    let (operator, class) = operator(model.metric);
    (format!("({column}::{schema}.halfvec({}))", model.dimension), operator, class)
}

/// The operator by which nearer comes first, and the class of operators of an index.
fn operator(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::Cosine => ("<=>", "halfvec_cosine_ops"),
        Metric::Euclidean => ("<->", "halfvec_l2_ops"),
    }
}

struct Search<'a> {
    key: i64,
    model: &'a ModelInfo,
    client: i64,
    /// The items of the collections whose members are searched.
    ids: Option<&'a [String]>,
    /// Where pgvector is.
    schema: &'a str,
}

impl Search<'_> {
    fn is_indexed(&self, transaction: &mut Transaction<'_>) -> Result<bool> {
        let select = "SELECT COALESCE((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)), false)";
        let name = format!("facevault.{}", index_name(self.key));
        cell(&transaction.query_one(select, &[&name]).map_err(told)?, 0)
    }

    fn set(&self, transaction: &mut Transaction<'_>, way: Way) -> Result<()> {
        let iterates = match way {
            Way::Graph => "off",
            Way::Iterative => "relaxed_order",
            Way::Scan => return Ok(()),
        };
        let settings = format!("SET LOCAL hnsw.ef_search = {EF_SEARCH}; SET LOCAL hnsw.iterative_scan = {iterates}");
        transaction.batch_execute(&settings).map_err(told)
    }

    /// Photos of at least `most` people near the probe, or of all. Where that takes another way, `way` becomes it, for
    /// the probes to come.
    fn near(
        &self,
        transaction: &mut Transaction<'_>,
        probe: &FaceEncoding,
        most: usize,
        way: &mut Way,
    ) -> Result<Vec<(PersonId, ImageId, FaceEncoding)>> {
        let vector = Vector::from(probe.vector().to_vec());
        let mut limit = FEWEST.max(MORE * most);
        loop {
            let found = self.nearest(transaction, &vector, limit, *way != Way::Scan)?;
            let people: HashSet<&PersonId> = found.iter().map(|(person, ..)| person).collect();
            if people.len() >= most || (found.len() < limit && *way == Way::Scan) {
                return Ok(found);
            }
            if found.len() == limit {
                limit *= MORE;
                continue;
            }
            // So few people are searched that a pass met mostly others.
            *way = if *way == Way::Graph { Way::Iterative } else { Way::Scan };
            self.set(transaction, *way)?;
        }
    }

    fn nearest(
        &self,
        transaction: &mut Transaction<'_>,
        probe: &Vector,
        limit: usize,
        is_indexed: bool,
    ) -> Result<Vec<(PersonId, ImageId, FaceEncoding)>> {
        let (schema, key, client) = (self.schema, self.key, self.client);
        // Literals, because an index of one model's encodings is not used for a model that the plan does not know.
        let order = match is_indexed {
            true => {
                let (seen, operator, _) = seen_by_index(schema, "e.vector", self.model);
                let dimension = self.model.dimension;
                format!("{seen} OPERATOR({schema}.{operator}) $1::{schema}.vector::{schema}.halfvec({dimension})")
            }
            false => format!("e.vector OPERATOR({schema}.{}) $1::{schema}.vector", operator(self.model.metric).0),
        };
        let members = if self.ids.is_some() { "AND p.items ?| $2" } else { "" };
        let statement = format!(
            "WITH near AS MATERIALIZED (
                 SELECT e.image, p.id, e.vector FROM facevault.encodings e JOIN facevault.persons p ON p.key = e.person
                 WHERE e.model = {key} AND e.client = {client} AND p.status = 'active' {members}
                 ORDER BY {order} LIMIT {limit})
             SELECT near.id, i.id, near.vector FROM near JOIN facevault.images i ON i.key = near.image"
        );
        let mut asked: Vec<&(dyn ToSql + Sync)> = vec![probe];
        asked.extend(self.ids.as_ref().map(|ids| ids as &(dyn ToSql + Sync)));
        let rows = transaction.query(&statement, &asked).map_err(told)?;
        let found = |row: &postgres::Row| {
            let person = PersonId::new(cell::<&str>(row, 0)?).map_err(|_| damaged())?;
            let image = ImageId::new(cell::<&str>(row, 1)?).map_err(|_| damaged())?;
            let vector: Vector = cell(row, 2)?;
            let encoding = FaceEncoding::new(self.model.id, vector.to_vec()).map_err(|_| damaged())?;
            Ok((person, image, encoding))
        };
        rows.iter().map(found).collect()
    }
}

/// Counts by who was counted.
pub(super) type Counts = HashMap<Counted, Count>;

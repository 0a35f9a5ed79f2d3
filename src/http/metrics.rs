//! Metrics for Prometheus: those of a client's own requests, for holders of its tokens, and those of the whole process,
//! for its operator.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper ends of the buckets of latencies, in seconds.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: String,
}

/// What work waits in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Queue {
    /// Work on photos.
    Photos,
    /// Work on the file alone.
    File,
}

/// What is counted while requests are answered.
#[derive(Debug)]
pub(super) struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    queues: [Arc<AtomicUsize>; 2],
    /// Requests whose answers are not sent yet.
    open: Arc<AtomicUsize>,
}

/// Counts a request until this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Values that are read when the metrics are requested.
#[derive(Debug)]
pub(super) struct Reading {
    /// Requests with photos that are worked on or wait.
    pub(super) photo_queue: usize,
    /// Other requests that are worked on or wait.
    pub(super) file_queue: usize,
    /// Bytes of bodies and answers in memory.
    pub(super) held: u64,
    /// Photos that were encoded since the start, of all clients.
    pub(super) encodings: Option<u64>,
    /// People of the client who asks.
    pub(super) people: Option<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        Self { requests: Family::default(), seconds, queues: Default::default(), open: Arc::default() }
    }
}

impl Metrics {
    /// Notes an answered request; `method` is one of few.
    pub(super) fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.seconds.get_or_create(&Route { method, route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { method, route, status }).inc();
    }

    /// Notes an open request, and returns how many there are with it.
    pub(super) fn begin(&self) -> (UnderWay, usize) {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        (UnderWay(Arc::clone(&self.open)), before + 1)
    }

    /// Notes a request that waits in `queue` or is worked on.
    pub(super) fn enter(&self, queue: Queue) -> UnderWay {
        let count = &self.queues[queue as usize];
        count.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(count))
    }

    /// How many wait in `queue` or are worked on.
    pub(super) fn under_way(&self, queue: Queue) -> usize {
        self.queues[queue as usize].load(Ordering::Relaxed)
    }

    /// Everything as Prometheus reads it.
    pub(super) fn text(&self, reading: Reading) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("facevault");
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register("http_request_seconds", "How long requests took", self.seconds.clone());
        registry.register_collector(Box::new(reading));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauges = [
            ("photo_queue", "Requests with photos that are worked on or wait", Some(self.photo_queue as u64)),
            ("file_queue", "Other requests that are worked on or wait", Some(self.file_queue as u64)),
            ("held_bytes", "Bytes of bodies and answers in memory", Some(self.held)),
            ("people", "People in the gallery of the client who asks", self.people),
        ];
        for (name, help, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let Some(encodings) = self.encodings.map(ConstCounter::new) else { return Ok(()) };
        encodings.encode(encoder.encode_descriptor(
            "encodings",
            "Photos encoded since the start",
            None,
            encodings.metric_type(),
        )?)
    }
}

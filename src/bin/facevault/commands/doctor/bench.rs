//! What this machine reaches with the pack, and what limits it.

use std::fs;
use std::time::{Duration, Instant};

use facevault::models::Home;
use facevault::{Engine, EngineOptions, Result, Timing};
use serde_json::{Value, json};

/// How long each number of threads is measured.
const TIME: Duration = Duration::from_secs(3);

/// Throughput with one thread and with all.
pub(super) struct Bench {
    photos: usize,
    megapixels: f64,
    one: Throughput,
    all: Throughput,
}

struct Throughput {
    threads: usize,
    photos_a_second: f64,
    timing: Timing,
}

impl Bench {
    /// Encodes the installed sample photos; `None` where there are none.
    pub(super) fn run(home: &Home, options: &EngineOptions) -> Result<Option<Self>> {
        let names = ["obama.jpg", "obama2.jpg", "biden.jpg"];
        let photos: Vec<Vec<u8>> =
            names.iter().filter_map(|name| fs::read(home.samples_dir().join(name)).ok()).collect();
        if photos.is_empty() {
            return Ok(None);
        }
        let all = Engine::open(options)?;
        let one = Engine::open(&options.clone().with_threads(1))?;
        let pixels = |photo: &Vec<u8>| one.decode(photo).map_or(0.0, |p| f64::from(p.width()) * f64::from(p.height()));
        let megapixels = photos.iter().map(pixels).sum::<f64>() / photos.len() as f64 / 1e6;
        Ok(Some(Self {
            photos: photos.len(),
            megapixels,
            one: Throughput::measure(&one, &photos)?,
            all: Throughput::measure(&all, &photos)?,
        }))
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let Self { photos, megapixels, one, all } = self;
        let mut lines = vec![format!(
            "{photos} sample photos of {megapixels:.1} megapixels on average: {:.1} photos/s on one thread",
            one.photos_a_second
        )];
        if all.threads > 1 {
            lines.push(format!(
                "{:.1} photos/s on {} threads, {:.2} times one",
                all.photos_a_second,
                all.threads,
                all.photos_a_second / one.photos_a_second
            ));
        }
        let total = all.timing.total().as_secs_f64();
        let share = |time: Duration| format!("{:.0} %", 100.0 * time.as_secs_f64() / total);
        let steps = all.steps().map(|(name, time)| format!("{name} {}", share(time))).join(", ");
        lines.push(format!("of the time: {steps}"));
        let networks = all.timing.networks;
        let (limit, _) = all.steps().into_iter().max_by_key(|(_, time)| *time).unwrap_or(("nothing", Duration::ZERO));
        lines.push(format!("inside the networks {}; what limits most: {limit}", share(networks)));
        lines
    }

    pub(super) fn answer(&self) -> Value {
        let of = |throughput: &Throughput| {
            let steps: serde_json::Map<String, Value> =
                throughput.steps().into_iter().map(|(name, time)| (name.into(), time.as_secs_f64().into())).collect();
            json!({
                "threads": throughput.threads,
                "photos_per_second": throughput.photos_a_second,
                "seconds": steps,
                "seconds_in_networks": throughput.timing.networks.as_secs_f64(),
            })
        };
        json!({"photos": self.photos, "megapixels": self.megapixels, "one": of(&self.one), "all": of(&self.all)})
    }
}

impl Throughput {
    fn measure(engine: &Engine, photos: &[Vec<u8>]) -> Result<Self> {
        // A batch keeps every thread busy; the first one makes sessions and buffers.
        let batch: Vec<&Vec<u8>> = photos.iter().cycle().take(photos.len() * 4 * engine.threads().max(1)).collect();
        engine.encode_all(&batch)?;
        let (before, start) = (engine.timing(), Instant::now());
        let mut encoded = 0;
        while start.elapsed() < TIME {
            engine.encode_all(&batch)?;
            encoded += batch.len();
        }
        let photos_a_second = encoded as f64 / start.elapsed().as_secs_f64();
        Ok(Self { threads: engine.threads(), photos_a_second, timing: engine.timing().since(&before) })
    }

    fn steps(&self) -> [(&'static str, Duration); 4] {
        let Timing { decode, detect, align, embed, .. } = self.timing;
        [("decoding", decode), ("detection", detect), ("alignment", align), ("embedding", embed)]
    }
}

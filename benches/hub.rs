//! Identify in a hub that is used directly: in this process's memory, in the hub by a scan, and in the hub by an index
//! where there is one, with the index's recall against memory, and what a change costs.
//!
//! `FACEVAULT_HUB=postgres://... cargo bench --bench hub`. The hub is filled by `benches/hub/gallery.py ADDRESS fill`, and
//! gets its index by `facevault hub index`. Probes are encodings of people in the hub, each turned by as much as another
//! photo of the same person differs. Without FACEVAULT_HUB it says so and ends.

use std::time::{Duration, Instant};

use facevault::{
    FaceEncoding, Hub, Identification, IdentifyOptions, OperatingPoint, Patch, PersonId, PersonQuery, PersonUpdate,
    SearchIn, Vault, VaultOptions,
};

/// Probes that are searched for, each by itself.
const PROBES: usize = 200;
/// Those that are searched for by a scan, which takes long.
const SCANNED: usize = 10;
/// Changes of a field, each followed by a search.
const CHANGES: usize = 20;
/// The cosine of two photos of one person.
const ALIKE: f32 = 0.57;

fn main() {
    let Ok(address) = std::env::var("FACEVAULT_HUB") else {
        println!("skipped: FACEVAULT_HUB names no hub");
        return;
    };
    let vault = Vault::open_hub(&address, VaultOptions::default()).expect("the owner's address of a hub");
    let status = Hub::connect(&address, None).expect("a hub").status().expect("a status");
    println!("{} people, {} encodings, database of {} MB", status.persons, status.encodings, status.bytes >> 20);
    let probes = probes(&vault, status.persons);
    let options = IdentifyOptions::default()
        .with_operating_point(OperatingPoint::similarity(0.0).expect("a similarity"))
        .with_below_threshold(true)
        .with_max_results(10);

    let before = resident();
    let start = Instant::now();
    vault.identify_encoding(&probes[0], &options).expect("searched");
    println!("loading into memory: {:.1} s, {} MB", start.elapsed().as_secs_f64(), (resident() - before) >> 20);
    let (exact, times) = search(&vault, &probes, &options);
    told("in memory, exact", times);

    let mut changes = Vec::new();
    for probe in probes.iter().take(CHANGES) {
        let person = &exact[0].candidates[0].person;
        let notes = format!("{:?}", Instant::now());
        let start = Instant::now();
        let update = PersonUpdate { notes: Patch::Set(notes), ..PersonUpdate::default() };
        vault.update_person_summary(person, &update).expect("updated");
        vault.identify_encoding(probe, &options).expect("searched");
        changes.push(start.elapsed());
    }
    told("a change and a search that sees it", changes);

    let hub = vault.with_search_in(SearchIn::Hub);
    let start = Instant::now();
    hub.identify_encoding(&probes[0], &options).expect("searched");
    println!("first search in the hub, which counts everybody: {:.2} s", start.elapsed().as_secs_f64());
    match status.index_bytes {
        None => told("in the hub, by a scan", search(&hub, &probes[..SCANNED], &options).1),
        Some(bytes) => {
            let (found, times) = search(&hub, &probes, &options);
            told(&format!("in the hub, by an index of {} MB", bytes >> 20), times);
            let first = |answer: &Identification| answer.candidates.first().map(|found| found.person.clone());
            let same = exact.iter().zip(&found).filter(|(exact, found)| first(exact) == first(found)).count();
            let all: usize = exact.iter().map(|answer| answer.candidates.len()).sum();
            let both: usize = exact
                .iter()
                .zip(&found)
                .map(|(exact, found)| exact.candidates.iter().filter(|one| found.candidates.contains(one)).count())
                .sum();
            println!("  recall: the most similar {same} of {}, the ten most similar {both} of {all}", probes.len());
        }
    }
}

/// Encodings of people all over the hub, turned away from themselves.
fn probes(vault: &Vault, people: u64) -> Vec<FaceEncoding> {
    let limit = 1_000;
    let pages = people.div_ceil(limit).max(1);
    let mut random = Random(7);
    let mut probes = Vec::new();
    let mut page = 0;
    while probes.len() < PROBES {
        page += 1;
        let number = 1 + (page * 7_919) % pages;
        let found = vault.persons(&PersonQuery::default().with_limit(limit).with_page(number)).expect("a page");
        let ids: Vec<PersonId> = found.items.into_iter().map(|person| person.id).step_by(97).collect();
        for id in ids.into_iter().take(PROBES - probes.len()) {
            let images = vault.person(&id).expect("a person").images;
            let Some(own) = images.into_iter().find_map(|image| image.encoding) else { continue };
            probes.push(random.turned(&own));
        }
    }
    probes
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn turned(&mut self, own: &FaceEncoding) -> FaceEncoding {
        let other: Vec<f32> = own.vector().iter().map(|_| self.next() + self.next() + self.next()).collect();
        let length = other.iter().map(|x| x * x).sum::<f32>().sqrt();
        let aside = (1.0 - ALIKE * ALIKE).sqrt() / length;
        let vector: Vec<f32> = own.vector().iter().zip(other).map(|(own, other)| ALIKE * own + aside * other).collect();
        FaceEncoding::new(own.model(), vector).expect("finite")
    }
}

fn search(vault: &Vault, probes: &[FaceEncoding], options: &IdentifyOptions) -> (Vec<Identification>, Vec<Duration>) {
    let one = |probe| {
        let start = Instant::now();
        let found = vault.identify_encoding(probe, options).expect("searched");
        (found, start.elapsed())
    };
    probes.iter().map(one).unzip()
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    println!("{what}: median {:.2} ms, 95 % {:.2} ms, most {:.2} ms of {}", at(50), at(95), at(100), times.len());
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

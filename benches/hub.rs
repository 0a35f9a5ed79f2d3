//! Identify in a hub that is used directly: in this process's memory, in the hub by a scan, and in the hub by an index
//! where there is one, with the index's recall against memory, and what a change costs.
//!
//! `FACEVAULT_HUB=postgres://... FACEVAULT_PROBES=FILE cargo bench --bench hub`. The hub is filled by
//! `benches/hub/gallery.py ADDRESS fill probes`, which writes FILE, other photos of people in the hub, and gets its index
//! by `facevault hub index`. Without both variables it says so and ends.

use std::time::{Duration, Instant};

use facevault::{
    FaceEncoding, Hub, Identification, IdentifyOptions, OperatingPoint, Patch, PersonUpdate, SearchIn, Vault,
    VaultOptions,
};

/// Probes that are searched for by a scan, which takes long.
const SCANNED: usize = 10;
/// Changes of a field, each followed by a search.
const CHANGES: usize = 20;
/// The threshold among a million people, computed in docs/fleet.md. A probe whose nearest person is less similar gets the
/// answer "unknown", whether or not the index finds that person.
const CLEAR: f64 = 0.45;

fn main() {
    let (Ok(address), Ok(path)) = (std::env::var("FACEVAULT_HUB"), std::env::var("FACEVAULT_PROBES")) else {
        println!("skipped: FACEVAULT_HUB names no hub, or FACEVAULT_PROBES no probes");
        return;
    };
    let vault = Vault::open_hub(&address, VaultOptions::default()).expect("the owner's address of a hub");
    let status = Hub::connect(&address, None).expect("a hub").status().expect("a status");
    println!("{} people, {} encodings, database of {} MB", status.persons, status.encodings, status.bytes >> 20);
    let probes = probes(&vault, &path);
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
            let pairs = || exact.iter().zip(&found);
            let same = pairs().filter(|(exact, found)| first(exact) == first(found)).count();
            let is_clear =
                |exact: &Identification| exact.candidates.first().is_some_and(|found| found.similarity.get() >= CLEAR);
            let clear = exact.iter().filter(|exact| is_clear(exact)).count();
            let clear_same = pairs().filter(|(exact, found)| is_clear(exact) && first(exact) == first(found)).count();
            let all: usize = exact.iter().map(|answer| answer.candidates.len()).sum();
            let both: usize = pairs()
                .map(|(exact, found)| exact.candidates.iter().filter(|one| found.candidates.contains(one)).count())
                .sum();
            println!("  recall: the most similar {same} of {}, the ten most similar {both} of {all}", probes.len());
            println!("  of a similarity of {CLEAR} and more: the most similar {clear_same} of {clear}");
        }
    }
}

/// The probes of a file, 32-bit floats one after the other, of the model that is searched.
fn probes(vault: &Vault, path: &str) -> Vec<FaceEncoding> {
    let model = vault.active_model().expect("a model").expect("a hub with encodings");
    let bytes = std::fs::read(path).expect("the file of FACEVAULT_PROBES");
    let numbers: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
    let probes = numbers.chunks_exact(model.dimension);
    probes.map(|vector| FaceEncoding::new(model.id, vector.to_vec()).expect("an encoding")).collect()
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

//! facevault's side of `benches/peers/compare.py`: a worker that encodes the same photos again
//! whenever it is asked to.
//!
//! `peers PACK-FOLDER|NAME encode|detect THREADS PHOTO...` loads everything, prints `ready`, and
//! then for each line on standard input works through all photos once and prints a line of JSON:
//! seconds, photos with a face, the largest resident memory in KiB, and the seconds that decoding,
//! detecting, cutting out and embedding took, added up over threads.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use facevault::vision::{FacePolicy, QualityLimits};
use facevault::{Engine, EngineOptions, PackSource, PhotoRules, Timing};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (Some(pack), Some(mode), Some(threads)) = (words.next(), words.next(), words.next()) else {
        println!("run by benches/peers/compare.py");
        return Ok(());
    };
    let photos = words.map(std::fs::read).collect::<io::Result<Vec<_>>>()?;
    let pack = if pack.contains('/') { PackSource::Folder(PathBuf::from(pack)) } else { PackSource::Named(pack) };
    let rules = PhotoRules::default().with_face(FacePolicy::Largest).with_quality(QualityLimits::off());
    let threads: usize = threads.parse()?;
    let engine = Engine::open(&EngineOptions::default().with_pack(pack).with_threads(threads).with_rules(rules))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let run = || -> facevault::Result<usize> {
        match mode.as_str() {
            "detect" => pool.install(|| {
                let found = photos.par_iter().with_max_len(1).map(|photo| engine.detect(photo));
                found.map(|found| found.map(|found| usize::from(!found.faces.is_empty()))).sum()
            }),
            _ => Ok(engine.encode_all(&photos)?.iter().filter(|outcome| outcome.is_ok()).count()),
        }
    };
    run()?;
    println!("ready");
    io::stdout().flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let (start, before) = (Instant::now(), engine.timing());
        let faces = run()?;
        let (seconds, after) = (start.elapsed().as_secs_f64(), engine.timing());
        let step = |step: fn(&Timing) -> Duration| (step(&after) - step(&before)).as_secs_f64();
        let steps = [step(|t| t.decode), step(|t| t.detect), step(|t| t.align), step(|t| t.embed)];
        let memory = largest_memory();
        println!("{{\"seconds\": {seconds}, \"faces\": {faces}, \"memory\": {memory}, \"steps\": {steps:?}}}");
        io::stdout().flush()?;
    }
    Ok(())
}

/// The largest resident set so far in KiB, where the system says.
fn largest_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

//! What tests need that try things at random: numbers, a quick folder, and a word on how far they are.

use std::path::Path;
use std::time::{Duration, Instant};

/// Numbers that are always the same (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A folder in memory, where the system has one: to sync takes no time there.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

/// Says on standard error how far long work is, every half minute; a quick run says nothing.
pub(crate) struct HowFar {
    of: usize,
    what: &'static str,
    started: Instant,
    said: Instant,
}

impl HowFar {
    pub(crate) fn new(of: usize, what: &'static str) -> Self {
        let now = Instant::now();
        Self { of, what, started: now, said: now }
    }

    pub(crate) fn is(&mut self, done: usize) {
        if self.said.elapsed() >= Duration::from_secs(30) {
            self.said = Instant::now();
            eprintln!("{done} of {} {} in {} s", self.of, self.what, self.started.elapsed().as_secs());
        }
    }
}

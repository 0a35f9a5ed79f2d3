//! What encoding a photo allocates once everything is warm.
//!
//! Counts the allocations of this program, not those of ONNX Runtime, which has its own arena. All
//! photos have been encoded before, so only what every encoding allocates anew is counted.

#![allow(unsafe_code, reason = "a global allocator is unsafe by its interface")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use facevault::models::Home;
use facevault::vision::{FacePolicy, QualityLimits};
use facevault::{Engine, EngineOptions, PackSource, PhotoRules};

/// From this size on an allocation is counted as large.
const LARGE: usize = 64 << 10;

static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LARGE_COUNT: AtomicU64 = AtomicU64::new(0);
static LARGE_BYTES: AtomicU64 = AtomicU64::new(0);

struct Counting;

impl Counting {
    fn note(size: usize) {
        COUNT.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(size as u64, Ordering::Relaxed);
        if size >= LARGE {
            LARGE_COUNT.fetch_add(1, Ordering::Relaxed);
            LARGE_BYTES.fetch_add(size as u64, Ordering::Relaxed);
        }
    }
}

// SAFETY: everything is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(size);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted() -> [u64; 4] {
    [&COUNT, &BYTES, &LARGE_COUNT, &LARGE_BYTES].map(|counter| counter.load(Ordering::Relaxed))
}

fn measure(name: &str, pack: PackSource, photos: &[Vec<u8>]) {
    let rules = PhotoRules::default().with_face(FacePolicy::Largest).with_quality(QualityLimits::off());
    let engine = match Engine::open(&EngineOptions::default().with_pack(pack).with_threads(1).with_rules(rules)) {
        Ok(engine) => engine,
        Err(error) => return eprintln!("left out: {name}: {error}"),
    };
    for (what, work) in [
        ("photo to encoding", &(|photo: &Vec<u8>| drop(engine.encode(photo))) as &dyn Fn(&Vec<u8>)),
        ("of which decoding", &|photo: &Vec<u8>| drop(engine.decode(photo))),
    ] {
        for _ in 0..2 {
            photos.iter().for_each(work);
        }
        let before = counted();
        photos.iter().for_each(work);
        let after = counted();
        let a_photo = |i: usize| (after[i] - before[i]) as f64 / photos.len().max(1) as f64;
        println!(
            "{name}, {what}: {:.0} allocations of {:.0} kB a photo, {:.1} of them of 64 KiB or more, {:.0} kB",
            a_photo(0),
            a_photo(1) / 1e3,
            a_photo(2),
            a_photo(3) / 1e3
        );
    }
}

fn main() {
    if let Ok(home) = Home::from_env() {
        let samples = ["obama.jpg", "obama2.jpg", "biden.jpg"].iter().map(|name| home.samples_dir().join(name));
        let photos: Vec<Vec<u8>> = samples.filter_map(|path| std::fs::read(path).ok()).collect();
        measure("dlib, the sample photos", PackSource::default(), &photos);
    }
    let Some(data) = support::data() else { return eprintln!("left out: what needs the test data, it is not there") };
    let folder = support::pack(&data, "scrfd_500m", "espdl_mbf");
    let pack = PackSource::Folder(folder.path().into());
    measure("scrfd_500m + espdl_mbf, LFW", pack.clone(), &support::lfw(&data, 64));
    measure("scrfd_500m + espdl_mbf, 1 to 3 megapixels", pack, &support::large(&data));
}

//! Many photos from an iterator: bounded in memory, cancellable, none lost.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use facevault::vision::{Detector, Face};
use facevault::{EncodedFace, Engine, Error, ErrorKind, ImageBytes, Refusal, Step};
use image::RgbImage;

use crate::{data, fakes, given};

/// A photo that is counted while it is in memory.
struct Counted {
    photo: ImageBytes,
    alive: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.photo.as_slice()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Photos of which every third has no face, each counted in `alive` and in `most`.
fn photos(count: u32, alive: &Arc<AtomicUsize>, most: &Arc<AtomicUsize>) -> impl Iterator<Item = Counted> + use<> {
    let (alive, most) = (alive.clone(), most.clone());
    (0..count).map(move |seed| {
        most.fetch_max(alive.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        Counted { photo: fakes::photo_of(seed, u8::from(seed % 3 != 0)), alive: alive.clone() }
    })
}

type Outcomes = BTreeMap<usize, Result<EncodedFace, Refusal>>;

fn gather(engine: &Engine, photos: impl IntoIterator<Item = Counted>) -> Outcomes {
    let mut outcomes = BTreeMap::new();
    let count = engine.encode_each(photos, &mut (), |index, outcome| {
        assert!(outcomes.insert(index, outcome).is_none(), "photo {index} twice");
        Ok(())
    });
    assert_eq!(count.expect("an engine of fakes"), outcomes.len());
    outcomes
}

#[test]
fn each_photo_gives_what_it_gives_alone_and_few_are_in_memory() {
    let engine = fakes::engine();
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let outcomes = gather(&engine, photos(200, &alive, &most));
    assert_eq!(outcomes.len(), 200);
    let all: Vec<ImageBytes> = (0..200).map(|seed| fakes::photo_of(seed, u8::from(seed % 3 != 0))).collect();
    let expected = engine.encode_all(&all.iter().map(ImageBytes::as_slice).collect::<Vec<_>>()).expect("fakes");
    assert_eq!(outcomes.into_values().collect::<Vec<_>>(), expected);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    assert!(most.load(Ordering::Relaxed) <= 3 * engine.threads(), "{most:?} photos of {} threads", engine.threads());
    assert_eq!(gather(&engine, photos(0, &alive, &most)).len(), 0);
}

#[test]
fn progress_counts_photos_and_may_stop_the_work() {
    let engine = fakes::engine();
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut seen = Vec::new();
    let mut watch = |step: Step<'_>| {
        seen.push((step.done, step.total));
        ControlFlow::Continue(())
    };
    engine.encode_each(photos(20, &alive, &most), &mut watch, |_, _| Ok(())).expect("fakes");
    assert_eq!(seen, (1..=20).map(|done| (done, Some(20))).collect::<Vec<_>>());

    let (mut taken, mut last) = (0, None);
    let mut stop = |step: Step<'_>| {
        last = Some(step.total);
        if step.done < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let unknown = photos(1000, &alive, &most).filter(move |_| counted.fetch_add(1, Ordering::Relaxed) < 2000);
    let error = engine.encode_each(unknown, &mut stop, |_, _| {
        taken += 1;
        Ok(())
    });
    assert_eq!(error.expect_err("stopped").kind(), ErrorKind::Cancelled);
    assert_eq!((taken, last), (5, Some(None)));
    assert!(begun.load(Ordering::Relaxed) <= 5 + 3 * engine.threads());
    assert_eq!(alive.load(Ordering::Relaxed), 0, "nothing is left behind");
}

#[test]
fn an_error_of_the_taker_ends_the_work_and_is_returned() {
    let engine = fakes::engine();
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut taken = 0;
    let error = engine.encode_each(photos(1000, &alive, &most), &mut (), |_, _| {
        taken += 1;
        if taken == 7 { Err(Error::new(ErrorKind::Io, "the disk is full")) } else { Ok(()) }
    });
    assert_eq!(error.expect_err("the seventh").to_string(), "the disk is full");
    assert_eq!((taken, alive.load(Ordering::Relaxed)), (7, 0));
}

/// Fails, or panics, at the third photo.
struct Third {
    panics: bool,
    seen: AtomicUsize,
}

impl Detector for Third {
    fn detect(&self, picture: &RgbImage) -> facevault::Result<Vec<Face>> {
        if self.seen.fetch_add(1, Ordering::Relaxed) != 2 {
            return fakes::CountingDetector.detect(picture);
        }
        assert!(!self.panics, "the third photo");
        Err(Error::new(ErrorKind::Runtime, "the third photo"))
    }
}

#[test]
fn a_network_that_fails_or_panics_ends_the_work() {
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for panics in [false, true] {
        let engine = fakes::engine_detecting(Box::new(Third { panics, seen: AtomicUsize::new(0) }), 1, 2);
        let work = || engine.encode_each(photos(500, &alive, &most), &mut (), |_, _| Ok(()));
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => {
                assert!(!panics);
                assert_eq!(result.expect_err("the third").kind(), ErrorKind::Runtime);
            }
            Err(_) => assert!(panics),
        }
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn real_photos_give_what_they_give_one_by_one() {
    const TEST: &str = "each::real_photos_give_what_they_give_one_by_one";
    let Some(folder) = data::folder(TEST) else { return };
    let names = ["einstein_420.jpg", "blank_640x480.jpg", "bad_empty.jpg", "einstein_exif6.png", "einstein_gray.jpg"];
    let read = |name: &&str| data::read(&folder.join("images/formats"), name);
    for (_pack, engine) in given::engines(TEST) {
        let mut outcomes = BTreeMap::new();
        let count = engine.encode_each(names.iter().map(read), &mut (), |index, outcome| {
            outcomes.insert(index, outcome);
            Ok(())
        });
        assert_eq!(count.expect("a run"), names.len());
        for (index, outcome) in outcomes {
            let picture = engine.decode(&read(&names[index]));
            let alone = picture.and_then(|picture| engine.encode_picture(&picture).expect("a run"));
            assert_eq!(outcome, alone, "{} {}", engine.name(), names[index]);
        }
    }
}

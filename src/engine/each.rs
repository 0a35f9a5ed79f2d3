//! Encoding of any number of photos from an iterator; each outcome is handed out as soon as it is ready.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::input::Input;
use crate::progress::{Progress, Step, Unit};

use super::{EncodedFace, Engine, Enrolled};

/// How many photos are taken from the iterator before their turn, for each thread.
const AHEAD: usize = 2;

/// The outcome of a photo, or the panic of the work on it.
type Outcome<O> = std::thread::Result<Result<Result<O, Refusal>>>;

impl Engine {
    /// The encodings of the photos or frames of an iterator, as many at a time as the engine has threads. `take`
    /// gets a photo's place in the iterator, from 0, and its encoding or refusal, as soon as it is ready:
    /// the order may differ from the photos' own. Answers how many photos were encoded or refused.
    ///
    /// The iterator, `take` and `progress` run on the calling thread. Photos are taken from the iterator
    /// only as they are needed, at most three for each thread are in memory, and outcomes are not kept:
    /// a million photos take no more memory than a hundred. A refused photo does not stop the others.
    ///
    /// An error of `take` ends the work and is returned. `progress` is asked after each photo and counts
    /// photos; the total is known where the iterator knows its length. What has been handed out stays
    /// handed out.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    ///
    /// use facevault::{Engine, EngineOptions, Step};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = Engine::open(&EngineOptions::default())?;
    /// let files: Vec<_> = std::fs::read_dir("photos")?.collect::<Result<_, _>>()?;
    /// // Read one after the other, while others are encoded; what cannot be read is refused as no picture.
    /// let photos = files.iter().map(|file| std::fs::read(file.path()).unwrap_or_default());
    /// let mut encodings = Vec::new();
    /// let mut watch = |step: Step<'_>| {
    ///     eprintln!("{} of {:?}", step.done, step.total);
    ///     ControlFlow::Continue(())
    /// };
    /// engine.encode_each(photos, &mut watch, |index, outcome| {
    ///     match outcome {
    ///         Ok(encoded) => encodings.push((files[index].path(), encoded.encoding)),
    ///         Err(refusal) => eprintln!("{}: {refusal}", files[index].path().display()),
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] where `progress` says to stop, [`ErrorKind::Runtime`] where a network
    /// fails, and what `take` returns. Photos that were begun are finished first and not handed out.
    pub fn encode_each<T: Send>(
        &self,
        photos: impl IntoIterator<Item = T>,
        progress: &mut dyn Progress,
        take: impl FnMut(usize, Result<EncodedFace, Refusal>) -> Result<()>,
    ) -> Result<usize>
    where
        for<'a> &'a T: Into<Input<'a>>,
    {
        self.work_on_each(photos, progress, |photo| self.encode_one(photo.into(), |picture| picture), take)
    }

    /// As [`Self::encode_each`], with photos that are to be kept.
    pub(crate) fn enroll_each<T: AsRef<[u8]> + Send>(
        &self,
        photos: impl IntoIterator<Item = T>,
        progress: &mut dyn Progress,
        take: impl FnMut(usize, Result<Enrolled, Refusal>) -> Result<()>,
    ) -> Result<usize> {
        self.work_on_each(photos, progress, |photo| self.enroll_one(photo.as_ref()), take)
    }

    fn work_on_each<T: Send, O: Send>(
        &self,
        photos: impl IntoIterator<Item = T>,
        progress: &mut dyn Progress,
        work: impl Fn(&T) -> Result<Result<O, Refusal>> + Sync,
        mut take: impl FnMut(usize, Result<O, Refusal>) -> Result<()>,
    ) -> Result<usize> {
        let work = &work;
        let mut photos = photos.into_iter().fuse();
        let total = match photos.size_hint() {
            (least, Some(most)) if least == most => Some(most as u64),
            _ => None,
        };
        let stopped = AtomicBool::new(false);
        let most = self.threads() * (1 + AHEAD);
        let (sender, outcomes) = mpsc::channel::<(usize, Option<Outcome<O>>)>();
        self.inner.threads.in_place_scope(|scope| {
            // This also covers panics of the iterator or of `take`: photos still in the queue are then skipped.
            let _guard = StopOnDrop(&stopped);
            let (mut begun, mut done) = (0, 0);
            loop {
                while begun - done < most {
                    let Some(photo) = photos.next() else { break };
                    let (index, sender, stopped) = (begun, sender.clone(), &stopped);
                    let taken_on = self.inner.origin.workload.take_on(1);
                    begun += 1;
                    scope.spawn(move |_| {
                        let work = || work(&photo);
                        let outcome = (!stopped.load(Ordering::Relaxed)).then(|| catch_unwind(AssertUnwindSafe(work)));
                        drop((photo, taken_on));
                        // Nobody receives any more once the work has ended.
                        let _ = sender.send((index, outcome));
                    });
                }
                if begun == done {
                    return Ok(done);
                }
                let Ok((index, Some(outcome))) = outcomes.recv() else { return Ok(done) };
                take(index, outcome.unwrap_or_else(|panic: Box<dyn Any + Send>| resume_unwind(panic))?)?;
                done += 1;
                let step = Step { what: "encoding photos", done: done as u64, total, unit: Unit::Items };
                if let ControlFlow::Break(()) = progress.report(step) {
                    return Err(Error::new(ErrorKind::Cancelled, "the encoding was cancelled"));
                }
            }
        })
    }
}

/// When dropped, makes queued jobs that have not begun skip their photos.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

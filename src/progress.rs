//! Progress reports of long operations, and their cancellation.

use std::ops::ControlFlow;

/// How far a long operation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step<'a> {
    /// What is being done, in a few words or as the name of a file. A different text means a new step of the operation.
    /// It is empty where there is nothing new to report and the operation only asks whether to go on.
    pub what: &'a str,
    /// How much is done, in [`Self::unit`].
    pub done: u64,
    /// How much there is to do in this step, as far as is known: it may grow. `None` where it is not
    /// known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Unit,
}

/// What [`Step`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Photos, face encodings or runs of a network: whatever [`Step::what`] names.
    Items,
}

impl<'a> Step<'a> {
    /// So many bytes of `what`.
    #[must_use]
    pub fn bytes(what: &'a str, done: u64, total: Option<u64>) -> Self {
        Self { what, done, total, unit: Unit::Bytes }
    }

    /// So many photos or other things.
    #[must_use]
    pub fn items(what: &'a str, done: usize, total: usize) -> Self {
        Self { what, done: done as u64, total: Some(total as u64), unit: Unit::Items }
    }

    /// A step that reports nothing new and only asks whether to go on.
    #[cfg(any(feature = "install", feature = "transfer", test))]
    pub(crate) fn unchanged() -> Self {
        Self { what: "", done: 0, total: None, unit: Unit::Items }
    }
}

/// Watches long work and may stop it: the encoding of many photos, re-encoding, backup, the search for
/// duplicates, measurements, installation.
///
/// The operation calls [`Self::report`] on the thread that started it: after each batch of photos or piece of a file,
/// and several times a second while it waits for a server or another program. After [`ControlFlow::Break`] it ends with
/// an error of kind [`Cancelled`](crate::ErrorKind::Cancelled) before it begins anything else; each verb documents what
/// remains in that case. An operation that had nothing left to do may return its result instead.
///
/// `()` watches nothing and never stops the work. A closure watches as well; name the type of its
/// argument:
///
/// ```no_run
/// use std::ops::ControlFlow;
///
/// use facevault::{ReencodeOptions, Step, Vault, VaultOptions};
///
/// # fn main() -> facevault::Result<()> {
/// let vault = Vault::open("people.vault", VaultOptions::default())?;
/// vault.backup("monday.vault", &mut ())?;
/// let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
/// vault.reencode(&ReencodeOptions::default(), &mut |step: Step<'_>| {
///     println!("{} of {:?}", step.done, step.total);
///     if std::time::Instant::now() > deadline { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// })?;
/// # Ok(())
/// # }
/// ```
pub trait Progress {
    /// Receives how far the operation has come, and returns whether it goes on.
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()>;
}

impl Progress for () {
    fn report(&mut self, _: Step<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(Step<'_>) -> ControlFlow<()>> Progress for F {
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        self(step)
    }
}

/// A part of a larger operation: its steps are offset by what was done before it, and count towards the whole.
pub(crate) struct Part<'a> {
    whole: &'a mut dyn Progress,
    before: u64,
    total: u64,
}

impl<'a> Part<'a> {
    /// A part of work on `total` items of which `before` are done.
    pub(crate) fn new(whole: &'a mut dyn Progress, before: usize, total: usize) -> Self {
        Self { whole, before: before as u64, total: total as u64 }
    }
}

impl Progress for Part<'_> {
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        self.whole.report(Step { done: self.before + step.done, total: Some(self.total), ..step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_closures_watch() {
        assert!(().report(Step::unchanged()).is_continue());
        let mut last = None;
        let mut watch = |step: Step<'_>| {
            last = Some((step.done, step.total));
            if step.done < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let progress: &mut dyn Progress = &mut watch;
        assert!(progress.report(Step::items("counting", 1, 9)).is_continue());
        assert!(Part::new(progress, 4, 20).report(Step::items("counting", 1, 9)).is_break());
        assert_eq!(last, Some((5, Some(20))));
    }
}

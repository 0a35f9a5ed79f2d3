//! Progress of long work: a bar on a terminal, elsewhere nothing or a line a step.

use std::ops::ControlFlow;
use std::time::Duration;

use facevault::{Progress, Result, Step, Unit};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;
use crate::interrupt;
use crate::output::{Output, escaped};

/// Shows how far some work is, and stops it when somebody presses Ctrl-C.
pub(crate) struct Shown<'a> {
    output: &'a Output,
    /// Whether each step is a line where there is no bar.
    has_lines: bool,
    step: String,
    bar: Option<ProgressBar>,
    _guard: interrupt::Guard,
}

impl<'a> Shown<'a> {
    /// A bar on a terminal, nothing elsewhere.
    pub(crate) fn bar(output: &'a Output) -> Self {
        Self { output, has_lines: false, step: String::new(), bar: None, _guard: interrupt::Guard::new() }
    }

    /// A bar on a terminal, elsewhere a line for each step.
    pub(crate) fn lines(output: &'a Output) -> Self {
        let mut shown = Self::bar(output);
        shown.has_lines = true;
        shown
    }

    fn begin(&mut self, step: &Step<'_>) {
        self.end();
        step.what.clone_into(&mut self.step);
        if self.output.shows_progress() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(template(UNKNOWN));
            bar.set_message(escaped(step.what));
            if step.unit == Unit::Bytes {
                bar.enable_steady_tick(Duration::from_millis(120));
            }
            self.bar = Some(bar);
        } else if self.has_lines {
            self.output.status(step.what);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Does `work` behind a bar. Where Ctrl-C stopped it, its error is what an interrupted command says.
pub(crate) fn watched<T>(
    output: &Output,
    work: impl FnOnce(&mut dyn Progress) -> Result<T>,
) -> std::result::Result<T, Failure> {
    let done = work(&mut Shown::bar(output));
    done.map_err(|error| match interrupt::requested() {
        true => Failure::Interrupted(error.to_string()),
        false => error.into(),
    })
}

impl Progress for Shown<'_> {
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        if !step.what.is_empty() {
            if step.what != self.step {
                self.begin(&step);
            }
            if let Some(bar) = &self.bar {
                if let Some(total) = step.total
                    && bar.length() != Some(total)
                {
                    bar.set_length(total);
                    bar.set_style(template(if step.unit == Unit::Bytes { BYTES } else { COUNT }));
                }
                bar.set_position(step.done);
            }
        }
        if interrupt::requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

const COUNT: &str = "[{bar:24}] {pos}/{len}  {per_sec}, {eta} left  {wide_msg}";
const BYTES: &str = "[{bar:24}] {binary_bytes:>10} of {binary_total_bytes} {eta:>4}  {wide_msg}";
const UNKNOWN: &str = "{spinner} {binary_bytes:>10}  {wide_msg}";

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for text in [COUNT, BYTES, UNKNOWN] {
            assert!(ProgressStyle::with_template(text).is_ok(), "{text}");
        }
    }
}

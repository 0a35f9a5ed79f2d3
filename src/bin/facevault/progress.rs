//! Progress of long work: a bar on a terminal, a line a step elsewhere.

use std::time::Duration;

use facevault::models;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt;
use crate::output::Output;

/// Shows how far an installation is, and stops it when somebody presses Ctrl-C.
pub(crate) struct Installing<'a> {
    output: &'a Output,
    step: String,
    bar: Option<ProgressBar>,
}

impl<'a> Installing<'a> {
    pub(crate) fn new(output: &'a Output) -> Self {
        Self { output, step: String::new(), bar: None }
    }

    fn begin(&mut self, what: &str) {
        self.end();
        what.clone_into(&mut self.step);
        if self.output.shows_progress() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(template(UNKNOWN));
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            self.bar = Some(bar);
        } else {
            self.output.status(what);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl models::Progress for Installing<'_> {
    fn update(&mut self, what: &str, done: u64, total: Option<u64>) {
        if what != self.step {
            self.begin(what);
        }
        let Some(bar) = &self.bar else { return };
        if let Some(total) = total
            && bar.length() != Some(total)
        {
            bar.set_length(total);
            bar.set_style(template(BYTES));
        }
        bar.set_position(done);
    }

    fn cancelled(&self) -> bool {
        interrupt::requested()
    }
}

impl Drop for Installing<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// A bar over a known number of things, such as photos or pages; hidden where nobody watches.
pub(crate) fn counting(output: &Output, what: &'static str, total: u64) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(template(COUNT));
    bar.set_message(what);
    bar
}

/// A bar over bytes whose number is not known yet; hidden where nobody watches.
pub(crate) fn filling(output: &Output, what: &'static str) -> ProgressBar {
    let bar = counting(output, what, 0);
    bar.set_style(template(BYTES));
    bar
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

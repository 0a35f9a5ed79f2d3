//! What a crash, or a disk that fails, leaves of a vault.
//!
//! A child process changes a vault while every system call by which it changes files is recorded (`syscalls.c`). From
//! the record follows what a disk may hold at any moment (`disk.rs`), and each such disk is opened and compared with a
//! plain model (`images.rs`). The same library makes calls fail (`faults.rs`).
//!
//! `cargo test` tries some thousand images and some hundred faults. More:
//!
//! ```sh
//! FACEVAULT_CRASH_IMAGES=500000 cargo test --test it -- --nocapture reliability::images
//! FACEVAULT_FAULTS=all cargo test --test it -- --nocapture reliability::faults
//! ```

mod author;
mod disk;
mod faults;
mod images;
mod recorder;
mod script;
mod state;
mod works;

use crate::scratch::Numbers;

/// A whole number from the environment.
fn from_environment(name: &str, usually: usize) -> usize {
    std::env::var(name).map_or(usually, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

impl Numbers {
    /// Whether one of so many times has come.
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

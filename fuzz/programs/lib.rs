//! What several fuzzing programs share.

use std::panic;

/// Ends the process at a panic in facevault's own code, but not at one in a crate that it calls.
///
/// Decoders of pictures may panic: facevault catches that and refuses the picture. The fuzzer would end the process
/// before it is caught.
pub fn end_at_own_panics_only() {
    let ends = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let is_foreign = panic.location().is_some_and(|at| at.file().contains("/registry/src/"));
        if !is_foreign {
            ends(panic);
        }
    }));
}

/// Takes numbers and bytes from the start of the fuzzer's input. Zeros follow behind its end.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next two bytes, little-endian.
    pub fn number(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// At most the next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

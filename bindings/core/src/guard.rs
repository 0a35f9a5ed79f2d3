//! Panics end here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use facevault::{Error, ErrorKind, Result};

/// Runs `work`; a panic in it becomes an error of kind [`Runtime`](ErrorKind::Runtime). The error does not repeat what
/// the panic says, because that may hold what nobody should log; Rust's panic hook has written it to standard error by
/// then.
///
/// # Errors
/// That of `work`, or of a panic.
pub fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let message = "facevault met a fault of its own and ended this call; what was finished before it stays";
        Err(Error::new(ErrorKind::Runtime, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_does_not_repeat_what_it_says() {
        let error = guard::<()>(|| panic!("secret")).expect_err("a panic");
        assert_eq!(error.kind(), ErrorKind::Runtime);
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert_eq!(guard(|| Ok(7)).expect("no panic"), 7);
    }
}

//! Asks before something is removed for good.

use std::io::{IsTerminal, Write, stderr, stdin};

use facevault::{Error, ErrorKind};

use super::Outcome;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::escaped;

/// Goes on after `--yes` or a typed yes. Where nobody can be asked, `--yes` is needed.
pub(super) fn removal(yes: bool, question: impl FnOnce() -> facevault::Result<String>, context: &Context) -> Outcome {
    if yes {
        return Ok(());
    }
    if context.output.is_json() || !stdin().is_terminal() || !stderr().is_terminal() {
        let message = "removing is for good: add --yes to say that it is meant";
        return Err(Error::new(ErrorKind::Invalid, message).into());
    }
    write!(stderr(), "{} [y/N] ", escaped(&question()?))?;
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    context.output.status("nothing was removed");
    Err(Failure::Told(2))
}

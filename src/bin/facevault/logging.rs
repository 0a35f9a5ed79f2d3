//! Logs to standard error, for those who ask.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::args::Global;

/// Starts logging as `FACEVAULT_LOG` says, else as `-v` does. Else a server logs what fails, since
/// nobody watches it, and other commands nothing: what people must know is printed as a notice.
pub(crate) fn start(global: &Global, serves: bool) {
    let level = match global.verbose {
        0 if serves => "facevault=warn",
        0 => "off",
        1 => "facevault=info",
        _ => "facevault=debug",
    };
    let asked = std::env::var("FACEVAULT_LOG").ok().filter(|filter| !filter.is_empty());
    let filter = EnvFilter::new(asked.as_deref().unwrap_or(level));
    let colour = stderr().is_terminal() && crate::output::colour_is_welcome();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(colour).compact().init();
}

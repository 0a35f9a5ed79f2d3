//! Logs to standard error, for those who ask.

use std::io::{self, Write, stderr};

use tracing_subscriber::EnvFilter;

use crate::args::Global;
use crate::output::escaped;

/// Standard error, for whole lines: what a terminal would obey is shown in them.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        stderr().write_all(format!("{}\n", escaped(text.strip_suffix('\n').unwrap_or(&text))).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

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
    // Without colours, which could not be told from what a message holds.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Lines).with_ansi(false).compact().init();
}

//! The command `facevault`: arguments, commands, output.

mod args;
mod commands;
mod context;
#[cfg(feature = "http")]
mod core_dumps;
mod draw;
mod failure;
mod interrupt;
mod logging;
mod output;
mod photo;
mod place;
mod progress;
mod service;

use std::process::ExitCode;

use context::Context;

fn main() -> ExitCode {
    // Before any other thread is there.
    facevault::disable_runtime_telemetry();
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    logging::start(&cli.global, cli.command.serves());
    interrupt::install();
    let context = Context::new(cli.global);
    match commands::run(cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&context.output),
    }
}

//! The commands, a file each.

mod audit;
mod backup;
mod calibrate;
mod check;
mod collection;
mod compare;
mod confirm;
mod damaged;
mod demo;
mod detect;
mod doctor;
mod duplicates;
mod encode;
#[cfg(feature = "encryption")]
mod encryption;
mod evaluate;
mod export;
#[cfg(feature = "hub")]
mod hub;
mod identify;
mod import;
mod init;
mod key;
mod liveness;
mod manual;
mod matching;
mod measuring;
mod models;
mod optimize;
mod person;
mod presentations;
mod purge;
mod reencode;
#[cfg(feature = "http")]
mod serve;
mod setup;
#[cfg(feature = "hub")]
mod sync;
mod token;
mod verify;
mod watch;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// What a command answers: nothing more than what it printed.
pub(crate) type Outcome = Result<(), Failure>;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    Setup(setup::Arguments),
    Init(init::Arguments),
    #[command(subcommand)]
    Person(person::Command),
    #[command(subcommand)]
    Collection(collection::Command),
    Import(import::Arguments),
    Export(export::Arguments),
    Identify(identify::Arguments),
    Verify(verify::Arguments),
    Compare(compare::Arguments),
    Duplicates(duplicates::Arguments),
    Watch(watch::Arguments),
    #[cfg(feature = "hub")]
    #[command(subcommand)]
    Hub(hub::Command),
    #[cfg(feature = "hub")]
    Sync(sync::Arguments),
    #[command(subcommand)]
    Token(token::Command),
    #[cfg(feature = "http")]
    Serve(serve::Arguments),
    Detect(detect::Arguments),
    Liveness(liveness::Arguments),
    Encode(encode::Arguments),
    Calibrate(calibrate::Arguments),
    Evaluate(evaluate::Arguments),
    Reencode(reencode::Arguments),
    Check(check::Arguments),
    #[command(subcommand)]
    Audit(audit::Command),
    Purge(purge::Arguments),
    Backup(backup::Arguments),
    Key(key::Key),
    #[cfg(feature = "encryption")]
    Encrypt(encryption::Encrypt),
    #[cfg(feature = "encryption")]
    Decrypt(encryption::Decrypt),
    #[cfg(feature = "encryption")]
    Rekey(encryption::Rekey),
    #[command(subcommand)]
    Models(models::Command),
    Doctor(doctor::Arguments),
    #[command(hide = true)]
    Manual(manual::Arguments),
}

impl Command {
    /// Whether it runs until it is asked to stop, with nobody watching.
    pub(crate) fn serves(&self) -> bool {
        match self {
            #[cfg(feature = "http")]
            Self::Serve(_) => true,
            command => matches!(command, Self::Watch(_)),
        }
    }
}

/// Runs a command.
pub(crate) fn run(command: Command, context: &Context) -> Outcome {
    match command {
        Command::Demo(arguments) => demo::run(&arguments, context),
        Command::Setup(arguments) => setup::run(&arguments, context),
        Command::Init(arguments) => init::run(&arguments, context),
        Command::Person(command) => person::run(command, context),
        Command::Collection(command) => collection::run(command, context),
        Command::Import(arguments) => import::run(&arguments, context),
        Command::Export(arguments) => export::run(&arguments, context),
        Command::Identify(arguments) => identify::run(&arguments, context),
        Command::Verify(arguments) => verify::run(&arguments, context),
        Command::Compare(arguments) => compare::run(&arguments, context),
        Command::Duplicates(arguments) => duplicates::run(&arguments, context),
        Command::Watch(arguments) => watch::run(&arguments, context),
        #[cfg(feature = "hub")]
        Command::Hub(command) => hub::run(command, context),
        #[cfg(feature = "hub")]
        Command::Sync(arguments) => sync::run(&arguments, context),
        Command::Token(command) => token::run(command, context),
        #[cfg(feature = "http")]
        Command::Serve(arguments) => serve::run(arguments, context),
        Command::Detect(arguments) => detect::run(&arguments, context),
        Command::Liveness(arguments) => liveness::run(&arguments, context),
        Command::Encode(arguments) => encode::run(&arguments, context),
        Command::Calibrate(arguments) => calibrate::run(&arguments, context),
        Command::Evaluate(arguments) => evaluate::run(&arguments, context),
        Command::Reencode(arguments) => reencode::run(&arguments, context),
        Command::Check(arguments) => check::run(&arguments, context),
        Command::Audit(command) => audit::run(command, context),
        Command::Purge(arguments) => purge::run(&arguments, context),
        Command::Backup(arguments) => backup::run(&arguments, context),
        Command::Key(arguments) => key::run(&arguments, context),
        #[cfg(feature = "encryption")]
        Command::Encrypt(arguments) => encryption::encrypt(&arguments, context),
        #[cfg(feature = "encryption")]
        Command::Decrypt(arguments) => encryption::decrypt(&arguments, context),
        #[cfg(feature = "encryption")]
        Command::Rekey(arguments) => encryption::rekey(&arguments, context),
        Command::Models(command) => models::run(command, context),
        Command::Doctor(arguments) => doctor::run(&arguments, context),
        Command::Manual(arguments) => manual::run(&arguments, context),
    }
}

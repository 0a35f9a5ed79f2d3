//! How a command ends when it does not succeed.

use std::io;
use std::process::ExitCode;

use facevault::{Error, ErrorKind};

use crate::interrupt;
use crate::output::Output;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error, and the photos that the command was given, in the order of the error's reports.
    Error {
        /// What went wrong.
        error: Error,
        /// How the command line called each photo.
        photos: Vec<String>,
    },
    /// The networks do not give what the manifest states: the models are there and cannot be trusted.
    SelfTest(Error),
    /// What is wrong has been printed as the command's answer.
    Told(u8),
    /// Somebody pressed Ctrl-C; what was not finished left nothing behind.
    Interrupted(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl Failure {
    /// Prints it and gives the exit code.
    pub(crate) fn report(self, output: &Output) -> ExitCode {
        match self {
            Self::Error { error, photos } => {
                output.error(&error, &photos);
                ExitCode::from(exit_code(error.kind()))
            }
            Self::SelfTest(error) => {
                output.error(&error, &[]);
                ExitCode::from(SELF_TEST)
            }
            Self::Told(code) => ExitCode::from(code),
            Self::Interrupted(sentence) => {
                output.interrupted(&sentence);
                ExitCode::from(interrupt::EXIT_CODE)
            }
            // The reader has read enough: `facevault person list v | head -1`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Output(error) => {
                let error = Error::new(ErrorKind::Io, format!("the answer cannot be written: {error}"));
                output.error(&error, &[]);
                ExitCode::from(exit_code(error.kind()))
            }
        }
    }
}

/// The exit code of a failed self-test: neither another start nor another file of the same kind helps.
pub(crate) const SELF_TEST: u8 = 5;

/// The exit code for an error of this kind: 1 another photo, 2 another request, 3 models and runtime,
/// 4 the vault and its disk, 130 interrupted.
pub(crate) fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Refused => 1,
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Conflict => 2,
        ErrorKind::ModelMismatch | ErrorKind::ModelUnavailable | ErrorKind::Runtime => 3,
        ErrorKind::Cancelled => interrupt::EXIT_CODE,
        ErrorKind::Corrupt
        | ErrorKind::Unsupported
        | ErrorKind::Key
        | ErrorKind::Busy
        | ErrorKind::Io
        | ErrorKind::OutcomeUnknown => 4,
        // A kind that the library learns later: nobody can say yet who must act.
        _ => 4,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error { error, photos: Vec::new() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Names the photos of a request in its error.
pub(crate) trait WithPhotos<T> {
    /// The result, its error saying which photo is which.
    fn with_photos<S: AsRef<std::path::Path>>(self, photos: &[S]) -> Result<T, Failure>;
}

impl<T> WithPhotos<T> for facevault::Result<T> {
    fn with_photos<S: AsRef<std::path::Path>>(self, photos: &[S]) -> Result<T, Failure> {
        self.map_err(|error| {
            let photos = photos.iter().map(|photo| photo.as_ref().display().to_string()).collect();
            Failure::Error { error, photos }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_say_who_must_act() {
        for (kind, code) in [
            (ErrorKind::Refused, 1),
            (ErrorKind::Invalid, 2),
            (ErrorKind::NotFound, 2),
            (ErrorKind::AlreadyExists, 2),
            (ErrorKind::Conflict, 2),
            (ErrorKind::ModelMismatch, 3),
            (ErrorKind::ModelUnavailable, 3),
            (ErrorKind::Runtime, 3),
            (ErrorKind::Corrupt, 4),
            (ErrorKind::Unsupported, 4),
            (ErrorKind::Key, 4),
            (ErrorKind::Busy, 4),
            (ErrorKind::Io, 4),
            (ErrorKind::Cancelled, 130),
        ] {
            assert_eq!(exit_code(kind), code, "{kind}");
        }
    }
}

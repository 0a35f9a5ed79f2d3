//! The options that say who is not added a second time.

use clap::{Args, ValueEnum};
use facevault::{DuplicatePolicy, Error, IdentifyOptions, Rule};

use crate::commands::matching::SearchSureness;

/// When a new person counts as a duplicate.
#[derive(Debug, Args)]
pub(in crate::commands) struct Known {
    /// Refuse a person who seems to be in the vault: somebody has the same name and date of birth, the
    /// same face, or either
    #[arg(long, value_name = "BY", default_value = "none")]
    duplicates: DuplicatesBy,

    #[command(flatten)]
    sureness: SearchSureness,
}

/// By what a new person is taken for one who is in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DuplicatesBy {
    None,
    /// Same name and date of birth
    Name,
    /// Same face
    Face,
    /// Either
    Both,
}

impl Known {
    /// The policy that the options ask for.
    pub(in crate::commands) fn policy(&self) -> Result<DuplicatePolicy, Error> {
        let by = |way| self.duplicates == way || self.duplicates == DuplicatesBy::Both;
        if self.sureness.asked().is_some() && !by(DuplicatesBy::Face) {
            let rule = "must be `face` or `both` where --fpir, --fmr or --similarity says how alike faces are";
            return Err(Error::invalid("duplicates", Rule::Other(rule.into())));
        }
        let point = self.sureness.asked().unwrap_or(IdentifyOptions::default().operating_point);
        let face = by(DuplicatesBy::Face).then_some(point);
        Ok(DuplicatePolicy::default().with_name_and_birth(by(DuplicatesBy::Name)).with_face(face))
    }
}

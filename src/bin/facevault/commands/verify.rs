//! `facevault verify`

use std::path::PathBuf;

use clap::Args;
use facevault::wire::VerificationAnswer;
use facevault::{CompareOptions, PersonId};

use super::Outcome;
use super::matching::{ProbeLiveness, Sureness, matched, print_decision, print_liveness};
use crate::context::Context;
use crate::failure::WithPhotos;
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault verify people.vault person_123456789 door.jpg
  facevault verify people.vault person_123456789 door-1.jpg door-2.jpg --fmr 1e-5
  facevault verify people.vault person_123456789 door.jpg --similarity 0.4 --json
  facevault verify people.vault person_123456789 door.jpg --quiet && echo welcome

Exit code 0: it is the person. 1: it is not, or a photo was refused.";

/// Is this that person?
///
/// Compares photos of one person with all photos of a person in the vault; the most similar one
/// counts. Several photos are fused into one probe, which errs less than each by itself.
///
/// A similarity means nothing by itself. So you set how often different people may be taken for one
/// (the false match rate, FMR; by default --fmr 1e-3), and the model's measured table gives the
/// threshold. A model without a table needs --similarity instead. The answer gives the similarity,
/// how often different people are that alike, and the threshold with its reason.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = crate::place::VAULT)]
    vault: PathBuf,

    /// The person's id
    id: PersonId,

    /// Photos of the one who claims to be the person; `-` is standard input
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<PathBuf>,

    #[command(flatten)]
    sureness: Sureness,

    #[command(flatten)]
    liveness: ProbeLiveness,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let mut options = CompareOptions::default().with_liveness(arguments.liveness.check());
    options.operating_point = arguments.sureness.asked().unwrap_or(options.operating_point);
    let photos = photo::read_all(&arguments.photos, &context.limits())?;
    // An unknown person is reported before models are loaded.
    let person = context.vault_for_reading(&arguments.vault)?.person_summary(&arguments.id)?;
    let vault = context.vault_for_searching(&arguments.vault)?;
    let answer = vault.verify(&arguments.id, &photos, &options).with_photos(&arguments.photos)?;
    context.output.answer(&VerificationAnswer(&answer), |text| {
        let verb = if answer.decision.accepted { "yes: this is" } else { "no: this is not" };
        text.heading(format!("{verb} {}, {}", person.name, answer.person))?;
        print_decision(&answer.decision, text)?;
        print_liveness(answer.decision.liveness, &options.liveness, text)?;
        text.line(format!("  photo       {}, the most similar one", answer.image))
    })?;
    matched(answer.decision.accepted)
}

//! `facevault compare`

use std::path::PathBuf;

use clap::Args;
use facevault::CompareOptions;
use facevault::{Error, Rule};

use super::Outcome;
use super::matching::{ProbeLiveness, Sureness, matched, print_decision, print_liveness};
use crate::context::Context;
use crate::failure::WithPhotos;
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault compare passport.jpg selfie.jpg
  facevault compare passport.jpg selfie.jpg --fmr 1e-5 --json
  facevault compare selfie-1.jpg selfie-2.jpg --with passport.jpg id-card.jpg

Exit code 0: the same person. 1: not, or a photo was refused.";

/// Do these photos show the same person?
///
/// Compares two photos, or two sets of photos: those before --with show one person, those behind it
/// the other. The photos of a set are fused, which errs less than each by itself. No vault is
/// needed and nothing is kept. --liveness asks about the first photo or set.
///
/// You set how often different people may be taken for one (the false match rate, FMR; by default
/// --fmr 1e-3), and the model's measured table gives the threshold. A model without a table needs
/// --similarity instead.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Two photos, or with --with the photos of the first person; `-` is standard input
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<PathBuf>,

    /// The photos of the second person
    #[arg(long, value_name = "PHOTO", num_args = 1..)]
    with: Vec<PathBuf>,

    #[command(flatten)]
    sureness: Sureness,

    #[command(flatten)]
    liveness: ProbeLiveness,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let (probe, gallery) = match (arguments.photos.as_slice(), arguments.with.as_slice()) {
        ([probe, gallery], []) => (std::slice::from_ref(probe), std::slice::from_ref(gallery)),
        (_, []) => {
            let rule = "must be two photos, or the photos of one side with those of the other behind --with";
            return Err(Error::invalid("photos", Rule::Other(rule.into())).into());
        }
        sets => sets,
    };
    let mut options =
        CompareOptions::default().with_mixed_photos(context.mixed_photos()).with_liveness(arguments.liveness.check());
    options.operating_point = arguments.sureness.asked().unwrap_or(options.operating_point);
    let paths = [probe, gallery].concat();
    let photos = photo::read_all(&paths, &context.limits())?;
    let (probe, gallery) = photos.split_at(probe.len());
    let decision = context.engine()?.compare(probe, gallery, &options).with_photos(&paths)?;
    context.output.answer(&decision, |text| {
        text.heading(if decision.accepted { "yes: the same person" } else { "no: not the same person" })?;
        print_decision(&decision, text)?;
        print_liveness(decision.liveness, &options.liveness, text)
    })?;
    matched(decision.accepted)
}

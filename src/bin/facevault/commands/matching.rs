//! What identify, verify and compare share: how sure an answer must be, and how it is printed.

use std::collections::HashMap;
use std::io;

use clap::Args;
use facevault::{Decision, Error, ErrorKind, LivenessCheck, LivenessPolicy, OperatingPoint, PersonId, Vault};

use super::Outcome;
use crate::failure::Failure;
use crate::output::{Text, count, rate};

/// The exit code of a search or comparison that found no match.
const NO_MATCH: u8 = 1;

/// How sure an answer must be.
#[derive(Debug, Args)]
pub(super) struct Sureness {
    /// The false match rate to allow (FMR): the share of pairs of different people that match, such as 1e-5
    #[arg(long, value_name = "RATE", value_parser = |text: &str| point("fmr", text), conflicts_with = "similarity")]
    fmr: Option<OperatingPoint>,

    /// Use this similarity as the threshold instead; what it means depends on the model
    #[arg(
        long,
        value_name = "VALUE",
        value_parser = |text: &str| point("similarity", text),
        allow_negative_numbers = true
    )]
    similarity: Option<OperatingPoint>,
}

/// How sure a search must be.
#[derive(Debug, Args)]
pub(super) struct SearchSureness {
    /// The share of searches by strangers that may find somebody (FPIR), however many people are searched
    #[arg(
        long,
        value_name = "RATE",
        value_parser = |text: &str| point("fpir", text),
        conflicts_with_all = ["fmr", "similarity"]
    )]
    fpir: Option<OperatingPoint>,

    #[command(flatten)]
    comparison: Sureness,
}

/// What is done about the liveness of a probe.
#[derive(Debug, Args)]
pub(super) struct ProbeLiveness {
    /// Whether the probe's face must be that of a living person: off, report (the answer has its score) or require
    /// (a face that does not seem live is refused). Needs `facevault models install liveness`
    #[arg(long, value_name = "POLICY", default_value = "off", hide_default_value = true)]
    liveness: LivenessPolicy,

    /// With --liveness: a face counts as live if its score is above this one, 0 to 1
    #[arg(long, value_name = "SCORE", requires = "liveness", default_value_t = LivenessCheck::DEFAULT_MIN_SCORE, value_parser = score)]
    liveness_min_score: f64,
}

/// Whether photos are added only if they show a living person.
#[derive(Debug, Args)]
pub(super) struct EnrolledLiveness {
    /// Add a photo only if the liveness score of its face is above this one, 0 to 1: 0.6 is usual. Needs
    /// `facevault models install liveness`
    #[arg(long, value_name = "SCORE", value_parser = score)]
    pub(super) min_liveness: Option<f64>,
}

/// A liveness score, 0 to 1.
pub(super) fn score(text: &str) -> Result<f64, String> {
    let score: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1.0).contains(&score) { Ok(score) } else { Err(format!("{text} is not from 0 to 1")) }
}

fn point(name: &str, value: &str) -> Result<OperatingPoint, Error> {
    format!("{name}={value}").parse()
}

impl ProbeLiveness {
    /// What was asked for.
    pub(super) fn check(&self) -> LivenessCheck {
        LivenessCheck::default().with_policy(self.liveness).with_min_score(self.liveness_min_score)
    }
}

impl Sureness {
    /// What was asked for.
    pub(super) fn asked(&self) -> Option<OperatingPoint> {
        self.fmr.or(self.similarity)
    }
}

impl SearchSureness {
    /// What was asked for.
    pub(super) fn asked(&self) -> Option<OperatingPoint> {
        self.fpir.or(self.comparison.asked())
    }
}

/// Prints how live the probe is, where that was asked.
pub(super) fn print_liveness(score: Option<f64>, check: &LivenessCheck, text: &mut Text<'_>) -> io::Result<()> {
    let Some(score) = score else { return Ok(()) };
    let seems = if check.passes(score) { "seems live" } else { "does not seem live" };
    text.line(format!("liveness {score:.3}: the face {seems}, which takes more than {}", check.min_score))
}

/// Prints how alike both sides are, what that means, and the threshold and its reason.
pub(super) fn print_decision(decision: &Decision, text: &mut Text<'_>) -> io::Result<()> {
    text.line(format!("  similarity  {:.4}", decision.similarity.get()))?;
    if let Some(fmr) = decision.fmr {
        text.line(format!("  FMR         {}, the share of different people who are this alike", rate(fmr.get())))?;
    }
    text.line(format!("  threshold   {}", decision.threshold))
}

/// Names by id.
pub(super) type Names = HashMap<PersonId, String>;

/// The names of these people; one who was removed meanwhile has none.
pub(super) fn names<'a>(vault: &Vault, people: impl IntoIterator<Item = &'a PersonId>) -> facevault::Result<Names> {
    let mut names = Names::new();
    for id in people {
        match vault.person_summary(id) {
            Ok(person) => drop(names.insert(person.id, person.name)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(names)
}

/// Tells of people who cannot be found, if there are any.
pub(super) fn print_without_encoding(people: u64, text: &mut Text<'_>) -> io::Result<()> {
    if people == 0 {
        return Ok(());
    }
    let people = count(people, "person", "people");
    text.line(format!(
        "{people} could not be found, for want of an encoding by this model: `facevault reencode` with this pack makes them"
    ))
}

/// The outcome of a command that has told its answer: exit code 0 for a match, 1 for none.
pub(super) fn matched(found: bool) -> Outcome {
    if found { Ok(()) } else { Err(Failure::Told(NO_MATCH)) }
}

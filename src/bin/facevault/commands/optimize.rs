//! `facevault models optimize`

use clap::Args;
use facevault::RewritingGain;
use serde_json::{Value, json};

use super::Outcome;
use crate::context::Context;
use crate::output::Listing;
use crate::progress::watched;

const EXAMPLES: &str = "\
Examples:
  facevault models optimize dlib
  facevault models optimize ./my-pack/ --rounds 100 --json";

/// Show how a pack's networks are rewritten to run faster, and what each rule gains here
///
/// facevault rewrites networks before ONNX Runtime runs them, into networks that compute the same.
/// This command runs each network as it is in its file, and with one more rule at a time, taking
/// turns, on one thread, and prints the median times and the largest difference between the outputs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A pack by name or folder
    #[arg(value_name = "NAME|DIR")]
    name: String,

    /// How often each variant is run
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let mut options = context.engine_options()?;
    options.pack = context.pack_source_of(&arguments.name);
    let rounds = usize::from(arguments.rounds);
    let gains = watched(&context.output, |progress| RewritingGain::measure(&options, rounds, progress))?;
    let data: Vec<Value> = gains.iter().map(answer).collect();
    context.output.answer(&data, |text| {
        for gain in &gains {
            let [batch, channels, height, width] = gain.input;
            text.heading(format!("{}, {}: {batch} x {channels} x {height} x {width}", gain.role, gain.file))?;
            let mut listing =
                Listing::new(&["RULE", "PLACES", "TIME", "OF THE FILE'S", "DIFFERENCE"]).numbers(&[1, 2, 3, 4]);
            let first = gain.steps.first().map_or(1.0, |step| step.seconds);
            for step in &gain.steps {
                let name = step.rule.map_or("(as the file has it)".to_owned(), |rule| format!("+ {rule}"));
                let places = step.rule.map_or(String::new(), |_| step.places.to_string());
                listing.row([
                    name,
                    places,
                    format!("{:.2} ms", step.seconds * 1e3),
                    format!("{:.2}", step.seconds / first),
                    format!("{:.1e}", step.difference),
                ]);
            }
            text.listing(&listing, "")?;
        }
        Ok(())
    })
}

fn answer(gain: &RewritingGain) -> Value {
    let steps: Vec<Value> = (gain.steps.iter())
        .map(|step| {
            json!({
                "rule": step.rule.map(|rule| rule.as_str()),
                "places": step.places,
                "seconds": step.seconds,
                "difference": step.difference,
            })
        })
        .collect();
    json!({"role": gain.role.as_str(), "file": gain.file, "input": gain.input, "steps": steps})
}

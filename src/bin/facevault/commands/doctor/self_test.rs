//! `facevault doctor --self-test`

use std::path::Path;

use facevault::models::self_test_section;
use facevault::onnx::rewrite::RewritingRules;
use facevault::{Engine, EngineOptions};
use facevault::{NetworkTest, SelfTest, SelfTestValues, TestOutcome};
use serde_json::{Value, json};

use super::Findings;
use crate::commands::measuring::command_line;
use crate::context::load_liveness;
use crate::failure::Failure;
use crate::output::{Mark, duration};
use crate::photo;

/// What was found of each network, for people.
pub(super) fn add(findings: &mut Findings, found: &SelfTest) {
    for NetworkTest { network, outcome, took, .. } in &found.networks {
        let name = network.as_str();
        let took = duration(*took);
        let (mark, said) = match outcome {
            TestOutcome::Agrees { difference, limit } => {
                (Mark::Good, format!("{name}: differs by {difference:.1e} where {limit:.0e} is allowed, in {took}"))
            }
            TestOutcome::Differs { difference, .. } if difference.is_infinite() => {
                (Mark::Bad, format!("{name}: gives nothing for a picture for which the manifest states a result"))
            }
            TestOutcome::Differs { difference, limit } => {
                (Mark::Bad, format!("{name}: differs by {difference:.1e} where {limit:.0e} is allowed"))
            }
            _ => (Mark::Note, format!("{name}: not tested: the manifest does not state what it gives")),
        };
        findings.add(mark, "self-test", said);
    }
    if let Err(error) = found.require() {
        findings.bad("self-test", &error);
    }
}

/// The same for programs. `passed` is null where nothing was tested.
pub(super) fn answer(found: &SelfTest) -> Value {
    let networks: Vec<Value> = found
        .networks
        .iter()
        .map(|test| {
            let (outcome, difference, limit) = match test.outcome {
                TestOutcome::Agrees { difference, limit } => ("agrees", Some(difference), Some(limit)),
                TestOutcome::Differs { difference, limit } => ("differs", Some(difference), Some(limit)),
                _ => ("not_stated", None, None),
            };
            json!({
                "network": test.network.as_str(),
                "outcome": outcome,
                "difference": difference.filter(|difference| difference.is_finite()),
                "limit": limit,
                "seconds": test.took.as_secs_f64(),
            })
        })
        .collect();
    let tested = found.not_stated().count() < found.networks.len();
    json!({"passed": tested.then_some(!found.has_failed()), "networks": networks})
}

/// Writes what the networks give, as the section of a manifest. It is what the files as they are give; the networks as
/// the engine runs them must agree with it.
pub(super) fn write(path: &Path, options: &EngineOptions, engine: &Engine) -> Result<(), Failure> {
    let plain = Engine::open(&options.clone().with_rewriting(RewritingRules::none()))?;
    load_liveness(options, &plain)?;
    let values = plain.self_test_values()?;
    engine.self_test_with(&values)?.require().map_err(Failure::SelfTest)?;
    let live = values.live.clone();
    let mut text = self_test_section(&values.with_live(None), &[&command_line()]);
    if let (Some(live), Ok(name)) = (live, plain.liveness_model()) {
        let comment = format!("For the manifest of the liveness networks {name}, made by\n{}", command_line());
        let live = SelfTestValues::new(SelfTestValues::DRAWING).with_live(live);
        text.push('\n');
        text.push_str(&self_test_section(&live, &[&comment]));
    }
    Ok(photo::write_whole(path, text.as_bytes())?)
}

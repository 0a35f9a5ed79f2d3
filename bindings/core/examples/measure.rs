//! Measures what the conformance cases expect: writes them with every number that has a fraction, and every component
//! of an encoding, as this machine computes it. Everything else must be as it stands there, or it fails.
//!
//! ```sh
//! cargo run -p facevault-bindings --example measure -- bindings/conformance/cases.json 0.001
//! ```
//!
//! The second argument is the tolerance that is written: a small one for cases that are run on this machine only.

#[path = "../tests/conformance/runner.rs"]
mod runner;

use std::process::ExitCode;

use runner::{Outcome, Suite};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, tolerance] = arguments.as_slice() else {
        eprintln!("usage: measure FILE TOLERANCE");
        return ExitCode::from(2);
    };
    let Ok(tolerance) = tolerance.parse::<f64>() else {
        eprintln!("the tolerance must be a number, is {tolerance}");
        return ExitCode::from(2);
    };
    let mut suite = Suite::open();
    let mut cases = suite.cases["cases"].take();
    let mut is_wrong = false;
    for case in cases.as_array_mut().into_iter().flatten() {
        match suite.run(case, true) {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Skipped(why)) => eprintln!("not measured: {}: {why}", case["name"]),
            Err(why) => {
                eprintln!("{}: {why}", case["name"]);
                is_wrong = true;
            }
        }
    }
    if is_wrong {
        eprintln!("nothing is written");
        return ExitCode::FAILURE;
    }
    let written = written(&cases, tolerance);
    if let Err(error) = std::fs::write(to, written) {
        eprintln!("{to}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The cases with one step a line.
fn written(cases: &serde_json::Value, tolerance: f64) -> String {
    let mut text = format!("{{\n  \"tolerance\": {tolerance},\n  \"cases\": [");
    for (index, case) in cases.as_array().into_iter().flatten().enumerate() {
        text.push_str(if index == 0 { "\n    {" } else { ",\n    {" });
        let members = case.as_object().into_iter().flatten();
        // The name comes first, the steps last.
        let (steps, mut others): (Vec<_>, Vec<_>) = members.partition(|(key, _)| *key == "steps");
        others.sort_by_key(|(key, _)| (*key != "name", *key));
        for (key, value) in others {
            text.push_str(&format!("\n      \"{key}\": {value},"));
        }
        text.push_str("\n      \"steps\": [");
        let steps = steps.first().and_then(|(_, steps)| steps.as_array()).into_iter().flatten();
        let lines: Vec<String> = steps.map(|step| format!("\n        {step}")).collect();
        text.push_str(&lines.join(","));
        text.push_str("\n      ]\n    }");
    }
    text.push_str("\n  ]\n}\n");
    text
}

//! What rewriting a pack's networks changes, and what it gains on this machine.

use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::models::{Pack, Role};
use crate::onnx::rewrite::{RewritingRule, RewritingRules, rewrite};
use crate::progress::{Part, Progress, Step};
use crate::vision::{Network, NetworkOptions, Runtime, open_size};

use super::EngineOptions;
use super::open::{Found, detector_rules};

/// A network of a pack before and after rewriting, measured.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RewritingGain {
    /// What the network does: detector or embedder.
    pub role: Role,
    /// Its file.
    pub file: String,
    /// The input that it ran on: batch, channels, height, width.
    pub input: [usize; 4],
    /// The file as it is, then with one more rule at a time, in the order of application; rules
    /// that change nothing are left out.
    pub steps: Vec<RewritingStep>,
}

/// A network with some rules applied.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RewritingStep {
    /// The rule that this step adds; `None` for the file as it is.
    pub rule: Option<RewritingRule>,
    /// How many places it changed.
    pub places: usize,
    /// The median time of one run on one thread, in seconds.
    pub seconds: f64,
    /// The largest difference of an output from the file's own, relative to the largest magnitude
    /// of that output.
    pub difference: f64,
}

impl RewritingGain {
    /// Runs the detector and the embedder of a pack with no rule, one, two and so on, taking turns,
    /// `rounds` times each.
    ///
    /// The inputs are synthetic, since a network's values do not change its time. `progress` counts rounds.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) where `progress` says to stop, and as for
    /// [`Engine::open`](super::Engine::open).
    pub fn measure(options: &EngineOptions, rounds: usize, progress: &mut dyn Progress) -> Result<Vec<Self>> {
        let rounds = rounds.max(1);
        let Found { pack, runtime, .. } = options.find()?;
        let mut gains = Vec::new();
        for (done, role) in [Role::Detector, Role::Embedder].into_iter().enumerate() {
            let mut part = Part::new(progress, done * rounds, 2 * rounds);
            gains.push(measure(&pack, role, &runtime, &options.rewriting, rounds, &mut part)?);
        }
        Ok(gains)
    }
}

fn measure(
    pack: &Pack,
    role: Role,
    runtime: &Runtime,
    rules: &RewritingRules,
    rounds: usize,
    progress: &mut dyn Progress,
) -> Result<RewritingGain> {
    let manifest = pack.manifest();
    let onnx = pack.network(role)?;
    let detector = &manifest.detector.spec;
    let (file, onnx, rules, sides) = match role {
        Role::Detector => {
            let file = &manifest.detector.model;
            let onnx = open_size(onnx, detector)?;
            let side = detector.fixed_size.unwrap_or(detector.long_side) as usize;
            // The shape of most cameras' pictures.
            let height = if detector.fixed_size.is_some() { side } else { side * 3 / 4 };
            (file, onnx, detector_rules(rules), [height, side])
        }
        _ => {
            let file = &manifest.embedder.model;
            let side = manifest.embedder.spec.template.size as usize;
            (file, onnx, rules.clone(), [side, side])
        }
    };
    let shape = [1, 3, sides[0], sides[1]];
    let input = made_up(shape);
    let mut networks = Vec::new();
    let mut applied = RewritingRules::none().for_multiples_of(rules.multiple());
    let load = |onnx: Vec<u8>| Network::load(runtime, NetworkOptions::new(file.file.clone()), onnx);
    networks.push((None, 0, load(onnx.clone())?));
    for (rule, _) in rewrite(&onnx, &rules)?.applied {
        applied = applied.with(rule);
        let rewritten = rewrite(&onnx, &applied)?;
        let places = rewritten.applied.iter().find(|(found, _)| *found == rule).map_or(0, |(_, places)| *places);
        networks.push((Some(rule), places, load(rewritten.onnx)?));
    }
    let mut seconds = vec![Vec::with_capacity(rounds); networks.len()];
    for round in 0..rounds {
        for ((_, _, network), seconds) in networks.iter().zip(&mut seconds) {
            let start = Instant::now();
            network.run(shape, &input, |_| Ok(()))?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        if progress.report(Step::items("running networks", round + 1, rounds)).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "the measurement was cancelled"));
        }
    }
    let reference = outputs(&networks[0].2, shape, &input)?;
    let mut steps = Vec::with_capacity(networks.len());
    for ((rule, places, network), seconds) in networks.iter().zip(seconds) {
        let difference = difference(&reference, &outputs(network, shape, &input)?);
        steps.push(RewritingStep { rule: *rule, places: *places, seconds: median(seconds), difference });
    }
    Ok(RewritingGain { role, file: file.file.clone(), input: shape, steps })
}

/// Numbers of about the range of normalised pixels, always the same.
fn made_up(shape: [usize; 4]) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        // Numerical Recipes' linear congruential generator.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..shape.iter().product()).map(|_| next()).collect()
}

fn outputs(network: &Network, shape: [usize; 4], input: &[f32]) -> Result<Vec<Vec<f32>>> {
    network.run(shape, input, |tensors| Ok(tensors.iter().map(|tensor| tensor.values().to_vec()).collect()))
}

fn difference(reference: &[Vec<f32>], found: &[Vec<f32>]) -> f64 {
    let of_tensor = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let largest = a.iter().fold(0f32, |largest, v| largest.max(v.abs())).max(f32::MIN_POSITIVE);
        let apart = a.iter().zip(b).fold(0f32, |apart, (a, b)| apart.max((a - b).abs()));
        f64::from(apart) / f64::from(largest)
    };
    reference.iter().zip(found).map(of_tensor).fold(0.0, f64::max)
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

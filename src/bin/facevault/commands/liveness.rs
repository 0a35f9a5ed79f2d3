//! `facevault liveness`

use std::path::PathBuf;

use clap::Args;
use facevault::wire::FaceAnswer;
use facevault::{Error, FaceLiveness, ImageReport, Liveness, LivenessCheck};
use serde_json::{Value, json};

use super::Outcome;
use super::matching::{matched, score};
use crate::context::Context;
use crate::failure::WithPhotos;
use crate::output::{self, Listing};
use crate::photo;

const EXAMPLES: &str = "\
Examples:
  facevault liveness door.jpg
  facevault liveness door-1.jpg door-2.jpg door-3.jpg --min-score 0.7
  facevault liveness door.jpg --liveness-models liveness-v2se --json | jq .data.score

Exit code 0: the face seems live. 1: it does not, or a photo was refused.";

/// Is this a living person in front of the camera, or a picture of one?
///
/// Prints a score from 0 to 1 for the main face of each photo, by each network and together. Several photos are shots
/// of one face and count together, by the mean of their scores: that errs less than each by itself.
///
/// Networks that look at single pictures are weak evidence. They were trained on certain cameras and certain attacks;
/// a new kind of mask or screen may pass, and light that is new to them may make a living person fail. Measure them
/// on photos of your own camera, with `facevault evaluate --protocol liveness`, before you rely on them.
///
/// The networks belong to no pack: `facevault models install liveness` fetches them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Photos of one face; `-` is standard input
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<PathBuf>,

    /// The face counts as live if its score is above this one, 0 to 1
    #[arg(long, value_name = "SCORE", default_value_t = LivenessCheck::DEFAULT_MIN_SCORE, value_parser = score)]
    min_score: f64,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let photos = photo::read_all(&arguments.photos, &context.limits())?;
    let engine = context.engine()?;
    let model = engine.liveness_model()?;
    let outcomes = engine.liveness_of(&photos)?;
    if outcomes.iter().any(Result::is_err) {
        let report = |(index, outcome): (usize, Result<_, _>)| ImageReport::new(index, outcome.err());
        let reports = outcomes.into_iter().enumerate().map(report).collect();
        return Err(Error::refused(reports)).with_photos(&arguments.photos);
    }
    let shots: Vec<FaceLiveness> = outcomes.into_iter().flatten().collect();
    let Some(Liveness { score, networks, .. }) = Liveness::mean(shots.iter().map(|shot| &shot.liveness)) else {
        return matched(false);
    };
    let live = LivenessCheck::require(arguments.min_score).passes(score);
    let each: Vec<Value> = (arguments.photos.iter().zip(&shots))
        .map(|(path, shot)| {
            let FaceLiveness { face, turned, liveness, .. } = shot;
            json!({
                "file": output::path(path),
                "turned": turned,
                "face": FaceAnswer::new(face),
                "score": liveness.score,
                "networks": liveness.networks,
            })
        })
        .collect();
    let data = json!({
        "live": live,
        "score": score,
        "min_score": arguments.min_score,
        "networks": networks,
        "model": model,
        "shots": each,
    });
    context.output.answer(&data, |text| {
        let verdict = if live { "seems live" } else { "does not seem live" };
        text.heading(format!("the face {verdict}: score {score:.3}, more than {} is needed", arguments.min_score))?;
        let mut listing = Listing::new(&["PHOTO", "SCORE", "EACH NETWORK", "FACE"]).numbers(&[1]);
        for (path, FaceLiveness { face, liveness, .. }) in arguments.photos.iter().zip(&shots) {
            let networks: Vec<String> = liveness.networks.iter().map(|score| format!("{score:.3}")).collect();
            let bounds = face.bounds;
            listing.row([
                path.display().to_string(),
                format!("{:.3}", liveness.score),
                networks.join(" "),
                format!("{:.0} x {:.0} at {:.0}, {:.0}", bounds.width, bounds.height, bounds.x, bounds.y),
            ]);
        }
        text.listing(&listing, "")?;
        text.line(format!("networks {model}: weak evidence, since each looks at a single picture"))
    })?;
    matched(live)
}

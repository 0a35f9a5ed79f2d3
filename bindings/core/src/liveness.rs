//! Whether faces are live: the check of a request, and the verbs of an engine that judge.

use facevault::image::RgbImage;
use facevault::wire::FaceAnswer;
use facevault::{
    Engine, Error, FaceLiveness, Frame, ImageReport, Liveness, LivenessCheck, LivenessPolicy, PixelFormat, Refusal,
    Result, Rule,
};
use serde_json::{Value, json};

use crate::answer::json_text;
use crate::request::{Call, Request};

/// What a request says about the liveness of its probe:
///
/// * `liveness`: `off` (the default), `report` (the answer has the score) or `require` (a probe that is not live is
///   refused);
/// * `liveness_min_score`: a face counts as live if its score is above this one, 0 to 1.
pub(crate) fn check(request: &mut Request) -> LivenessCheck {
    const POLICIES: [(&str, LivenessPolicy); 3] =
        [("off", LivenessPolicy::Off), ("report", LivenessPolicy::Report), ("require", LivenessPolicy::Require)];
    let default = LivenessCheck::default();
    let policy = request.one_of("liveness", &POLICIES);
    let least = request.share("liveness_min_score");
    // Whoever names a score wants it to count.
    if least.is_some() && policy.is_none() {
        let rule = "must come with liveness, which is report or require";
        request.broken("liveness_min_score", Rule::Other(rule.to_owned()));
    }
    default.with_policy(policy.unwrap_or(default.policy)).with_min_score(least.unwrap_or(default.min_score))
}

/// The main face of each photo, all of one person, and whether it is live: they count together. `min_score` says from
/// where on.
pub(crate) fn judge(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    let least = min_score(&mut call.request);
    if call.photos.is_empty() {
        call.request.broken("photos", Rule::Required);
    }
    call.request.finish()?;
    answer(engine, engine.liveness_of(&call.photos)?, least)
}

/// As [`judge`], for one picture.
pub(crate) fn judge_picture(engine: &Engine, request: &mut Request, picture: &RgbImage) -> Result<String> {
    let least = min_score(request);
    request.finish()?;
    let frame = Frame::new(PixelFormat::Rgb8, picture.width(), picture.height(), picture.as_raw())?;
    answer(engine, engine.liveness_of(&[frame])?, least)
}

/// The name of the liveness networks, which are loaded if they were not yet.
pub(crate) fn model(engine: &Engine, call: &mut Call<'_>) -> Result<String> {
    call.request.finish()?;
    json_text(&json!({"model": engine.liveness_model()?}))
}

fn min_score(request: &mut Request) -> f64 {
    request.share("min_score").unwrap_or(LivenessCheck::DEFAULT_MIN_SCORE)
}

fn answer(engine: &Engine, outcomes: Vec<Result<FaceLiveness, Refusal>>, least: f64) -> Result<String> {
    if outcomes.iter().any(Result::is_err) {
        let report = |(index, outcome): (usize, Result<_, _>)| ImageReport::new(index, outcome.err());
        return Err(Error::refused(outcomes.into_iter().enumerate().map(report).collect()));
    }
    let shots: Vec<FaceLiveness> = outcomes.into_iter().flatten().collect();
    let together = Liveness::mean(shots.iter().map(|shot| &shot.liveness));
    let Liveness { score, networks, .. } = together.ok_or_else(|| Error::invalid("photos", Rule::Required))?;
    let shot = |shot: &FaceLiveness| {
        json!({
            "turned": shot.turned,
            "face": FaceAnswer::new(&shot.face),
            "score": shot.liveness.score,
            "networks": shot.liveness.networks,
        })
    };
    json_text(&json!({
        "live": LivenessCheck::require(least).passes(score),
        "score": score,
        "min_score": least,
        "networks": networks,
        "model": engine.liveness_model()?,
        "shots": shots.iter().map(shot).collect::<Vec<Value>>(),
    }))
}

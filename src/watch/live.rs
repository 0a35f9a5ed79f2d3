//! How the liveness of a visit's shots affects the answer about the visit.
//!
//! Every shot counts until the answer is final, even one that is not among the best shots. If liveness is required:
//!
//! | the shots | the answer |
//! |---|---|
//! | fewer than `WatchOptions::live_shots` | none yet; "not recognisable" when the visit is over |
//! | their mean score is too low | "attack", whoever the face looks like; final when the visit is over |
//! | their mean score passes | who it is |

use crate::error::{Refusal, RefusalCode};
use crate::liveness::LivenessPolicy;

use super::event::{Answer, UnknownReason, VisitLiveness};
use super::options::WatchOptions;

/// The scores of the shots of a visit, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Judged {
    sum: f64,
    shots: u32,
}

impl Judged {
    /// Counts a shot, if it was judged.
    pub(super) fn add(&mut self, score: Option<f64>) {
        if let Some(score) = score {
            (self.sum, self.shots) = (self.sum + score, self.shots + 1);
        }
    }

    /// The shots of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, shots: self.shots + other.shots }
    }

    /// The mean; `None` without a shot.
    pub(super) fn mean(&self) -> Option<VisitLiveness> {
        let score = self.sum / f64::from(self.shots);
        (self.shots > 0).then_some(VisitLiveness { score, shots: self.shots })
    }
}

fn is_required(options: &WatchOptions) -> bool {
    options.liveness.policy == LivenessPolicy::Require
}

/// Whether more shots must be judged before there can be an answer.
pub(super) fn lacks_shots(judged: &Judged, options: &WatchOptions) -> bool {
    is_required(options) && judged.shots < options.live_shots
}

/// Whether the answer about the person may be given.
pub(super) fn allows(judged: &Judged, options: &WatchOptions) -> bool {
    let passes = judged.mean().is_some_and(|mean| options.liveness.passes(mean.score));
    !is_required(options) || (judged.shots >= options.live_shots && passes)
}

/// The answer about a visit, given the answer about the person alone; `None` while there are too few shots.
pub(super) fn said(answer: Option<&Answer>, judged: &Judged, is_final: bool, options: &WatchOptions) -> Option<Answer> {
    if allows(judged, options) {
        return answer.cloned();
    }
    let liveness = match judged.mean() {
        Some(mean) if mean.shots >= options.live_shots => {
            let min_score = options.liveness.min_score;
            return answer.map(|_| Answer::Unknown(UnknownReason::Attack { liveness: mean, min_score }));
        }
        // There was no shot that could be judged.
        None => return answer.filter(|answer| answer.person().is_none()).cloned(),
        Some(mean) => mean,
    };
    let message = format!(
        "the face left before it could be seen whether it is that of a living person: {} of the {} shots that are asked \
         for were judged",
        liveness.shots, options.live_shots
    );
    let refusal = Some(Refusal::new(RefusalCode::LivenessFailed, message));
    is_final.then_some(Answer::Unknown(UnknownReason::NotRecognizable { refusal }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::LivenessCheck;

    fn judged(scores: &[f64]) -> Judged {
        let mut judged = Judged::default();
        scores.iter().for_each(|score| judged.add(Some(*score)));
        judged
    }

    #[test]
    fn what_is_said_follows_from_all_shots() {
        let unknown = Answer::Unknown(UnknownReason::NotRecognizable { refusal: None });
        let required = WatchOptions::default().with_liveness(LivenessCheck::require(0.6)).with_live_shots(2);
        let is_attack = |said: &Option<Answer>| matches!(said, Some(Answer::Unknown(UnknownReason::Attack { .. })));
        for (scores, is_final, passes, attack) in [
            (&[][..], false, true, false),
            (&[0.9], false, false, false),
            (&[0.9, 0.9], false, true, false),
            (&[0.9, 0.2], false, false, true),
            (&[0.2, 0.9, 0.9], false, true, false),
            (&[0.1, 0.1], true, false, true),
        ] {
            let said = said(Some(&unknown), &judged(scores), is_final, &required);
            assert_eq!((said.as_ref() == Some(&unknown), is_attack(&said)), (passes, attack), "{scores:?}");
        }
        let Some(Answer::Unknown(UnknownReason::NotRecognizable { refusal: Some(refusal) })) =
            said(Some(&unknown), &judged(&[0.9]), true, &required)
        else {
            panic!("too few shots")
        };
        assert_eq!(refusal.code, RefusalCode::LivenessFailed);
        assert!(refusal.message.contains("1 of the 2 shots"), "{}", refusal.message);
        assert!(said(None, &judged(&[0.1, 0.1]), false, &required).is_none(), "nobody was looked up yet");
        for policy in [LivenessPolicy::Off, LivenessPolicy::Report] {
            let options = required.clone().with_liveness(LivenessCheck::require(0.6).with_policy(policy));
            assert_eq!(said(Some(&unknown), &judged(&[0.0, 0.0]), false, &options).as_ref(), Some(&unknown));
        }
    }

    #[test]
    fn shots_that_were_not_judged_do_not_count() {
        let mut sum = judged(&[0.5, 1.0]);
        sum.add(None);
        assert_eq!(sum.mean(), Some(VisitLiveness { score: 0.75, shots: 2 }));
        assert_eq!(sum.and(judged(&[0.0])).mean(), Some(VisitLiveness { score: 0.5, shots: 3 }));
        assert_eq!(Judged::default().mean(), None);
    }
}

//! From shots to answers, and from answers to events.

use std::time::Duration;

use crate::error::Result;
use crate::person::PersonId;
use crate::vault::Identification;

use super::Watcher;
use super::event::{Answer, Event, Recognition, UnknownReason};
use super::visit::{FEW_SHOTS, Visit};

/// How long the announcement of a new face is held back while it may be somebody who is out of view. It ends earlier
/// if the face is recognised, or has enough shots that agree with no visit.
const MAY_BE_BACK: Duration = Duration::from_millis(1000);

impl Watcher {
    /// Announces new visits.
    pub(super) fn announce(&mut self, time: Duration, is_over: impl Fn(&Visit) -> bool) {
        let anybody_gone = self.visits.values().any(|visit| visit.probe().is_some() && !visit.is_seen());
        for (number, visit) in &mut self.visits {
            let is_old = time.saturating_sub(visit.began) >= MAY_BE_BACK;
            let is_recognized = visit.answer.as_ref().is_some_and(|answer| answer.person().is_some());
            let is_other = is_recognized || (visit.shot_count >= FEW_SHOTS && !visit.is_split);
            let is_clear = !anybody_gone || is_other || is_old || is_over(visit);
            if !visit.has_appeared && is_clear {
                visit.has_appeared = true;
                self.events.push(Event::Appeared { visit: *number, time, bounds: visit.place.bounds });
            }
        }
    }

    /// Searches the vault for all faces that are due, in one search.
    pub(super) fn look_up(&mut self, time: Duration, is_over: impl Fn(&Visit) -> bool) -> Result<()> {
        let wants = |visit: &Visit| visit.wants_look(time, is_over(visit), &self.options);
        let (numbers, probes): (Vec<u64>, Vec<_>) = (self.visits.iter())
            .filter(|(_, visit)| wants(visit))
            .filter_map(|(number, visit)| Some((*number, visit.probe()?.clone())))
            .unzip();
        if !probes.is_empty() {
            let answers = self.vault.search_encodings(&probes, &self.search)?;
            self.counts.looks += answers.len() as u64;
            for (number, found) in numbers.iter().zip(answers) {
                if let Some(visit) = self.visits.get_mut(number) {
                    let answer = answer(&found, visit.fused())?;
                    visit.answered(answer);
                }
            }
        }
        for visit in self.visits.values_mut() {
            let is_over = is_over(visit);
            visit.settle(time, is_over, &self.options);
            let seen_for = time.saturating_sub(visit.began);
            if visit.answer.is_none() && (is_over || seen_for >= self.options.decide_within) && visit.fused() == 0 {
                let refusal = visit.refusal.clone();
                visit.answer = Some(Answer::Unknown(UnknownReason::NotRecognizable { refusal }));
            }
        }
        Ok(())
    }

    /// Gives the answers that are new.
    pub(super) fn answer(&mut self, time: Duration, is_over: impl Fn(&Visit) -> bool) -> Result<()> {
        let numbers: Vec<(u64, bool)> = self.visits.iter().map(|(number, visit)| (*number, is_over(visit))).collect();
        numbers.into_iter().try_for_each(|(number, is_over)| self.give(number, time, is_over))
    }

    /// Reports a visit's answer if it differs from the last one that was reported, or has become final. If it is final
    /// because the visit is over, `Left` reports it instead.
    fn give(&mut self, number: u64, time: Duration, is_over: bool) -> Result<()> {
        let Some(visit) = self.visits.get(&number).filter(|visit| visit.has_appeared) else { return Ok(()) };
        let Some(answer) = visit.said(&self.options) else { return Ok(()) };
        let is_confirmed = visit.is_final && !visit.given_final && !is_over;
        let is_same = visit.given.as_ref().is_some_and(|given| given.is_same(&answer)) && !is_confirmed;
        // "Unknown" is not reported before there was time for better shots, and never of a face that is recognised.
        let is_early = match answer {
            Answer::Unknown(UnknownReason::NobodySimilar { .. }) => !visit.is_final,
            Answer::Unknown(UnknownReason::Attack { .. }) => !visit.is_final && !visit.is_due(time, &self.options),
            _ => false,
        };
        let is_kept_back = visit.kept_back.is_some() && visit.kept_back.as_ref() == answer.person();
        if is_same || is_early || is_kept_back {
            return Ok(());
        }
        if !visit.given.as_ref().is_some_and(|given| given.is_same(&answer)) {
            self.note(&answer)?;
        }
        // A correction is always reported, whatever the cool-down.
        let is_first = visit.given.is_none();
        let kept_back =
            answer.person().filter(|person| is_first && self.is_cooling_down(person, number, time)).cloned();
        let Some(visit) = self.visits.get_mut(&number) else { return Ok(()) };
        visit.kept_back = kept_back;
        if visit.kept_back.is_some() {
            return Ok(());
        }
        let (before, shot, is_final) = (visit.given.replace(answer.clone()), visit.best(), visit.is_final);
        let liveness = visit.liveness();
        visit.given_final = is_final;
        // The person for whom the face was taken before was not here.
        if let Some(person) = before.as_ref().and_then(Answer::person)
            && self.recognized.get(person).is_some_and(|(_, visit)| *visit == number)
        {
            self.recognized.remove(person);
        }
        if let Some(person) = answer.person() {
            self.recognized.insert(person.clone(), (time, number));
        }
        let event = match (before, answer, shot) {
            (None, Answer::Recognized(recognition), Some(shot)) => {
                Event::Recognized { visit: number, time, recognition, shot, is_final, liveness }
            }
            (None, Answer::Unknown(reason), shot) => {
                Event::Unknown { visit: number, time, reason, shot, is_final, liveness }
            }
            (_, answer, shot) => Event::Updated { visit: number, time, answer, shot, is_final, liveness },
        };
        self.events.push(event);
        Ok(())
    }

    /// Whether this person was recognised in another visit, not long ago.
    fn is_cooling_down(&self, person: &PersonId, number: u64, time: Duration) -> bool {
        self.recognized
            .get(person)
            .is_some_and(|(then, visit)| *visit != number && time.saturating_sub(*then) < self.options.cool_down)
    }

    /// Records an answer in the audit trail, if the vault records searches. This comes before the answer is reported,
    /// so that no answer lacks its entry.
    fn note(&self, answer: &Answer) -> Result<()> {
        let (threshold, recognized) = match answer {
            Answer::Recognized(recognition) => (recognition.threshold, vec![&recognition.person]),
            Answer::Unknown(UnknownReason::NobodySimilar { threshold, .. }) => (*threshold, Vec::new()),
            Answer::Unknown(_) => return Ok(()),
        };
        self.vault.note_identification(threshold.to_string(), threshold.people_searched, &recognized)
    }

    /// Ends the visits that are over.
    pub(super) fn close(&mut self, time: Duration, is_over: impl Fn(&Visit) -> bool) {
        let (events, options, missing) =
            (&mut self.events, &self.options, Answer::Unknown(UnknownReason::NotRecognizable { refusal: None }));
        self.visits.retain(|number, visit| {
            let is_over = is_over(visit);
            if is_over {
                let (answer, last_seen) = (visit.said(options).unwrap_or(missing.clone()), visit.place.last_seen);
                events.push(Event::Left { visit: *number, time, last_seen, answer, liveness: visit.liveness() });
            }
            !is_over
        });
        let cool_down = self.options.cool_down;
        let visits = &self.visits;
        self.recognized.retain(|_, (then, visit)| visits.contains_key(visit) || time.saturating_sub(*then) < cool_down);
    }
}

/// The answer of a look.
fn answer(found: &Identification, shots: usize) -> Result<Answer> {
    let Some(best) = found.candidates.first() else {
        return Ok(Answer::Unknown(UnknownReason::NobodySimilar { similarity: None, threshold: found.threshold }));
    };
    if !best.accepted {
        let similarity = Some(best.similarity);
        return Ok(Answer::Unknown(UnknownReason::NobodySimilar { similarity, threshold: found.threshold }));
    }
    Ok(Answer::Recognized(Recognition {
        person: best.person.clone(),
        image: best.image.clone(),
        similarity: best.similarity,
        fmr: best.fmr,
        margin: found.margin,
        threshold: found.threshold,
        shots,
    }))
}

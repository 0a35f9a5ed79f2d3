//! Events as lines: for people, and as JSON for programs.

use std::time::Duration;

use facevault::wire::EventAnswer;
use facevault::{Answer, Error, Event, Recognition, UnknownReason, Vault, VisitLiveness, WatchCounts};
use serde_json::json;

use crate::commands::matching::{Names, names};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// Prints events, with the names of people.
pub(super) struct Events<'a> {
    vault: &'a Vault,
    context: &'a Context,
    names: Names,
    visits: u64,
}

impl<'a> Events<'a> {
    pub(super) fn new(vault: &'a Vault, context: &'a Context) -> Self {
        Self { vault, context, names: Names::new(), visits: 0 }
    }

    /// Prints a line for each event.
    pub(super) fn print(&mut self, events: &[Event]) -> Result<(), Failure> {
        for event in events {
            self.visits += u64::from(matches!(event, Event::Appeared { .. }));
            // A name may have changed since the person's last visit, and the person may be gone.
            if let Some(person) = event.person() {
                self.names.remove(person);
            }
            self.names.extend(names(self.vault, event.person())?);
            if self.context.output.is_json() {
                self.context.output.json_line(&EventAnswer { event, names: &self.names })?;
            } else {
                let line =
                    format!("{:>9.3} s  visit {}  {}", event.time().as_secs_f64(), event.visit(), self.told(event));
                self.context.output.say(|text| text.line(&line))?;
            }
        }
        Ok(())
    }

    /// Says that the camera is gone, and why, or that it is back.
    pub(super) fn print_camera(&self, time: Duration, gone: Option<&Error>) -> Result<(), Failure> {
        let why = gone.map(ToString::to_string);
        if self.context.output.is_json() {
            let kind = if gone.is_some() { "gone" } else { "back" };
            let mut line = json!({"event": kind, "time": time.as_secs_f64()});
            if let Some(why) = why {
                line["reason"] = why.into();
            }
            return self.context.output.json_line(&line);
        }
        let said = why.map_or("the camera is back".to_owned(), |why| format!("the camera is gone: {why}"));
        self.context.output.say(|text| text.line(format!("{:>9.3} s  {said}", time.as_secs_f64())))
    }

    /// Prints the last line: how much was done, and the error that ended it, if one did.
    pub(super) fn print_end(&self, counts: WatchCounts, passed_over: u64, why: Option<&str>) -> Result<(), Failure> {
        let looked_at = counts.frames - counts.dropped;
        let dropped = counts.dropped + passed_over;
        if self.context.output.is_json() {
            let visits = self.visits;
            let ended = json!({
                "event": "ended", "visits": visits, "looked_at": looked_at, "dropped": dropped, "error": why,
            });
            return self.context.output.json_line(&ended);
        }
        self.context.output.say(|text| {
            let (visits, frames) =
                (output::count(self.visits, "visit", "visits"), output::count(looked_at, "frame", "frames"));
            text.line(format!("ended after {visits}; {frames} looked at, {dropped} dropped"))
        })
    }

    /// Says how many frames in a row were passed over.
    pub(super) fn passed_over(&self, frames: u64) {
        self.context.output.notice(&format!("{frames} damaged frames in a row were skipped"));
    }

    /// Says that a frame was refused.
    pub(super) fn refused(&self, error: &Error) {
        let refusal = error.images().iter().find_map(|image| image.refusal.as_ref());
        let why = refusal.map_or_else(|| error.to_string(), ToString::to_string);
        self.context.output.notice(&format!("a damaged frame was skipped: {why}"));
    }

    /// Who it is, in a few words.
    pub(super) fn said_of(&self, answer: &Answer) -> String {
        match answer {
            Answer::Recognized(Recognition { person, .. }) => {
                self.names.get(person).unwrap_or(&person.to_string()).clone()
            }
            _ => "unknown".to_owned(),
        }
    }

    fn told(&self, event: &Event) -> String {
        match event {
            Event::Appeared { bounds, .. } => {
                format!("appeared, {:.0} x {:.0} at {:.0}, {:.0}", bounds.width, bounds.height, bounds.x, bounds.y)
            }
            Event::Recognized { recognition, liveness, .. } => {
                format!("recognised: {}{}", self.recognition(recognition), live(liveness.as_ref()))
            }
            Event::Unknown { reason, .. } => format!("unknown: {}", reason_of(reason)),
            Event::Updated { answer, is_final: true, .. } => format!("final: {}", self.answer(answer)),
            Event::Updated { answer, .. } => format!("corrected: {}", self.answer(answer)),
            Event::Left { answer, last_seen, .. } => {
                format!("left, last seen at {}: {}", seconds(*last_seen), self.said_of(answer))
            }
            _ => "an event that this version does not know".to_owned(),
        }
    }

    fn answer(&self, answer: &Answer) -> String {
        match answer {
            Answer::Recognized(recognition) => self.recognition(recognition),
            Answer::Unknown(reason) => format!("unknown: {}", reason_of(reason)),
            _ => self.said_of(answer),
        }
    }

    fn recognition(&self, found: &Recognition) -> String {
        let Recognition { person, similarity, margin, shots, .. } = found;
        let name = self.names.get(person).map(String::as_str).unwrap_or_default();
        let ahead = margin.map(|margin| format!(", {margin:.4} ahead of the next person")).unwrap_or_default();
        let shots = output::count(*shots as u64, "shot", "shots");
        format!("{name} ({person}), similarity {:.4} of {shots}{ahead}", similarity.get())
    }
}

fn reason_of(reason: &UnknownReason) -> String {
    match reason {
        UnknownReason::NobodySimilar { similarity: Some(similarity), threshold, .. } => {
            format!("nobody is similar enough: {:.4}, threshold {threshold}", similarity.get())
        }
        UnknownReason::NobodySimilar { .. } => "there is nobody to compare with".to_owned(),
        UnknownReason::NotRecognizable { refusal: Some(refusal), .. } => format!("not recognisable: {refusal}"),
        UnknownReason::NotRecognizable { .. } => "not recognisable".to_owned(),
        UnknownReason::Attack { liveness, min_score, .. } => format!(
            "does not seem to be a living person: liveness {:.3} over {}, but more than {min_score} is needed",
            liveness.score,
            output::count(u64::from(liveness.shots), "shot", "shots")
        ),
        _ => "for a reason that this version does not know".to_owned(),
    }
}

fn live(liveness: Option<&VisitLiveness>) -> String {
    liveness.map(|liveness| format!(", liveness {:.3}", liveness.score)).unwrap_or_default()
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

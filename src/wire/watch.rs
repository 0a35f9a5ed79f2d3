//! What happened before a camera.

use std::collections::HashMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::person::PersonId;
use crate::watch::{Answer, BestShot, Event, Recognition, UnknownReason, VisitLiveness};

use super::face::{FaceAnswer, FaceBox};

/// What happened before a camera: `{"event": "appeared", "visit", "time", "box"}`, `{"event": "recognized", "visit",
/// "time", "person", "name", "image", "similarity", "fmr", "margin", "threshold", "shots", "shot", "is_final"}`,
/// `{"event": "unknown", "visit", "time", "reason", ..., "shot", "is_final"}`, `{"event": "updated", "visit", "time",
/// "answer", "shot", "is_final"}` or `{"event": "left", "visit", "time", "last_seen", "answer"}`. All but the first have
/// `liveness` where that is asked for and there was a shot: `{"score", "shots"}`.
///
/// Times are in seconds. An answer is `"recognized"` or `"unknown"`, with the fields of that event. A reason is
/// `"nobody_similar"`, with `similarity` and `threshold`, `"not_recognizable"`, with `refusal`, or `"attack"`, with
/// `min_score`. A shot has its `time`, its `score` and the `face`; its picture is left out.
///
/// It has no `Debug`, because it knows names.
pub struct EventAnswer<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The names of the persons in the event. `name` is null for a person who is missing here.
    pub names: &'a HashMap<PersonId, String>,
}

impl EventAnswer<'_> {
    fn recognition(&self, recognition: &Recognition) -> Value {
        let Recognition { person, image, similarity, fmr, margin, threshold, shots } = recognition;
        json!({
            "person": person, "name": self.names.get(person), "image": image, "similarity": similarity, "fmr": fmr,
            "margin": margin, "threshold": threshold, "shots": shots,
        })
    }

    fn answer(&self, answer: &Answer) -> Value {
        let (kind, fields) = match answer {
            Answer::Recognized(recognition) => ("recognized", self.recognition(recognition)),
            Answer::Unknown(why) => ("unknown", reason(why)),
        };
        with(json!({"answer": kind}), fields)
    }

    fn fields(&self) -> (&'static str, Value) {
        match self.event {
            Event::Appeared { bounds, .. } => ("appeared", json!({"box": FaceBox::new(bounds)})),
            Event::Recognized { recognition, shot: best, is_final, liveness, .. } => {
                let rest = json!({"shot": shot(best), "is_final": is_final});
                ("recognized", with(with(self.recognition(recognition), rest), live(liveness.as_ref())))
            }
            Event::Unknown { reason: why, shot: best, is_final, liveness, .. } => {
                let rest = json!({"shot": best.as_ref().map(shot), "is_final": is_final});
                ("unknown", with(with(reason(why), rest), live(liveness.as_ref())))
            }
            Event::Updated { answer, shot: best, is_final, liveness, .. } => {
                let rest = json!({"shot": best.as_ref().map(shot), "is_final": is_final});
                ("updated", with(with(self.answer(answer), rest), live(liveness.as_ref())))
            }
            Event::Left { last_seen, answer, liveness, .. } => {
                let rest = with(json!({"last_seen": last_seen.as_secs_f64()}), live(liveness.as_ref()));
                ("left", with(self.answer(answer), rest))
            }
        }
    }
}

impl Serialize for EventAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, fields) = self.fields();
        let head = json!({"event": kind, "visit": self.event.visit(), "time": self.event.time().as_secs_f64()});
        with(head, fields).serialize(serializer)
    }
}

/// An object with the fields of both.
fn with(one: Value, other: Value) -> Value {
    let fields = [one, other].into_iter().filter_map(|value| match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(fields.flatten().collect::<Map<String, Value>>())
}

fn reason(reason: &UnknownReason) -> Value {
    match reason {
        UnknownReason::NobodySimilar { similarity, threshold } => {
            json!({"reason": "nobody_similar", "similarity": similarity, "threshold": threshold})
        }
        UnknownReason::NotRecognizable { refusal } => json!({"reason": "not_recognizable", "refusal": refusal}),
        UnknownReason::Attack { min_score, .. } => json!({"reason": "attack", "min_score": min_score}),
    }
}

/// The liveness, where it is known.
fn live(liveness: Option<&VisitLiveness>) -> Value {
    let fields = liveness.map(|VisitLiveness { score, shots }| json!({"liveness": {"score": score, "shots": shots}}));
    fields.unwrap_or_else(|| json!({}))
}

fn shot(shot: &BestShot) -> Value {
    json!({"time": shot.time.as_secs_f64(), "score": shot.score, "face": FaceAnswer::new(&shot.face)})
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use image::RgbImage;

    use super::*;
    use crate::comparison::{Fmr, OperatingPoint, Similarity};
    use crate::error::{Refusal, RefusalCode};
    use crate::geometry::{LandmarkScheme, Landmarks, Point, Rect};
    use crate::person::ImageId;
    use crate::vision::{Face, Quality};

    fn shot() -> BestShot {
        let face = Face {
            bounds: Rect::from_sides(0.0, 1.0, 4.0, 6.0),
            landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points: [Point::new(1.0, 2.0); 5] },
            score: 0.5,
        };
        let picture = RgbImage::new(8, 8);
        let quality = Quality::measure(&picture, &face);
        BestShot { time: Duration::from_millis(40), face, score: 0.25, quality, picture: Arc::new(picture) }
    }

    #[test]
    fn each_event_is_one_flat_object() {
        let (visit, time) = (3, Duration::from_millis(1_500));
        let threshold =
            OperatingPoint::similarity(0.5).and_then(|point| point.threshold(None, 7)).expect("a similarity");
        let recognition = Recognition {
            person: PersonId::new("ada").expect("an id"),
            image: ImageId::new("image_1").expect("an id"),
            similarity: Similarity::new(0.75).expect("finite"),
            fmr: Some(Fmr::new(0.25).expect("a rate")),
            margin: Some(0.5),
            threshold,
            shots: 2,
        };
        let near = UnknownReason::NobodySimilar { similarity: Some(Similarity::new(0.25).expect("finite")), threshold };
        let refusal = Some(Refusal::measured(RefusalCode::FaceTooSmall, 20.0, 40.0, "too small"));
        let none = UnknownReason::NotRecognizable { refusal };
        let recognized = concat!(
            r#""person":"ada","name":"Ada","image":"image_1","similarity":0.75,"fmr":0.25,"margin":0.5,"threshold":T,"#,
            r#""shots":2"#
        );
        let nobody = r#""reason":"nobody_similar","similarity":0.25,"threshold":T"#;
        let refused = concat!(
            r#""reason":"not_recognizable","refusal":"#,
            r#"{"code":"face_too_small","measured":20.0,"limit":40.0,"message":"too small"}"#
        );
        let live = r#""liveness":{"score":0.75,"shots":3}"#;
        let best = r#""shot":{"time":0.04,"score":0.25,"face":F}"#;
        let head = |kind: &str| format!(r#""event":"{kind}","visit":3,"time":1.5"#);
        let names = HashMap::from([(PersonId::new("ada").expect("an id"), "Ada".to_owned())]);
        for (event, expected) in [
            (
                Event::Appeared { visit, time, bounds: Rect::from_sides(1.0, 2.0, 3.0, 4.0) },
                format!(r#"{},"box":{{"top":2.0,"left":1.0,"right":3.0,"bottom":4.0}}"#, head("appeared")),
            ),
            (
                Event::Recognized {
                    visit,
                    time,
                    recognition: recognition.clone(),
                    shot: shot(),
                    is_final: false,
                    liveness: Some(VisitLiveness { score: 0.75, shots: 3 }),
                },
                format!(r#"{},{recognized},{best},"is_final":false,{live}"#, head("recognized")),
            ),
            (
                Event::Unknown { visit, time, reason: near, shot: Some(shot()), is_final: true, liveness: None },
                format!(r#"{},{nobody},{best},"is_final":true"#, head("unknown")),
            ),
            (
                Event::Updated {
                    visit,
                    time,
                    answer: Answer::Recognized(recognition),
                    shot: Some(shot()),
                    is_final: true,
                    liveness: None,
                },
                format!(r#"{},"answer":"recognized",{recognized},{best},"is_final":true"#, head("updated")),
            ),
            (
                Event::Left {
                    visit,
                    time,
                    last_seen: Duration::from_secs(1),
                    answer: Answer::Unknown(none),
                    liveness: None,
                },
                format!(r#"{},"last_seen":1.0,"answer":"unknown",{refused}"#, head("left")),
            ),
            (
                Event::Left {
                    visit,
                    time,
                    last_seen: Duration::from_secs(1),
                    answer: Answer::Unknown(UnknownReason::Attack {
                        liveness: VisitLiveness { score: 0.75, shots: 3 },
                        min_score: 0.875,
                    }),
                    liveness: Some(VisitLiveness { score: 0.75, shots: 3 }),
                },
                format!(
                    r#"{},"last_seen":1.0,"answer":"unknown","reason":"attack","min_score":0.875,{live}"#,
                    head("left")
                ),
            ),
        ] {
            let fill = expected
                .replace('T', &serde_json::to_string(&threshold).expect("JSON"))
                .replace('F', &serde_json::to_string(&FaceAnswer::new(&shot().face)).expect("JSON"));
            let expected: Value = serde_json::from_str(&format!("{{{fill}}}")).expect("JSON");
            let answer = EventAnswer { event: &event, names: &names };
            assert_eq!(serde_json::to_value(&answer).expect("JSON"), expected, "{event:?}");
        }
    }
}

//! Who somebody is, as programs read it.

use std::collections::HashMap;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::{Value, json};

use crate::person::PersonId;
use crate::vault::{Candidate, DuplicatePair, Duplicates, Identification, IdentifiedFace, Verification};
use crate::vision::Turn;

use super::FaceAnswer;

/// The answer to "who is this?": `candidates`, best first, and why these. None, or none that is `accepted`, means
/// "unknown".
///
/// It has no `Debug`, because it knows names.
pub struct IdentificationAnswer<'a> {
    /// The answer.
    pub identification: &'a Identification,
    /// The candidates' names; `name` is null for one who is not among them.
    pub names: &'a HashMap<PersonId, String>,
}

impl Serialize for IdentificationAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Identification {
            candidates,
            threshold,
            margin,
            people_searched,
            people_without_encoding,
            generation,
            liveness,
        } = self.identification;
        let candidates: Vec<_> =
            candidates.iter().map(|candidate| CandidateAnswer { candidate, names: self.names }).collect();
        let mut answer = serializer.serialize_struct("Identification", 6 + usize::from(liveness.is_some()))?;
        answer.serialize_field("candidates", &candidates)?;
        answer.serialize_field("threshold", threshold)?;
        answer.serialize_field("margin", margin)?;
        answer.serialize_field("people_searched", people_searched)?;
        answer.serialize_field("people_without_encoding", people_without_encoding)?;
        answer.serialize_field("generation", generation)?;
        if let Some(score) = liveness {
            answer.serialize_field("liveness", score)?;
        }
        answer.end()
    }
}

struct CandidateAnswer<'a> {
    candidate: &'a Candidate,
    names: &'a HashMap<PersonId, String>,
}

impl Serialize for CandidateAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Candidate { person, image, similarity, fmr, rank, accepted } = self.candidate;
        let mut answer = serializer.serialize_struct("Candidate", 7)?;
        answer.serialize_field("rank", rank)?;
        answer.serialize_field("person", person)?;
        answer.serialize_field("name", &self.names.get(person))?;
        answer.serialize_field("image", image)?;
        answer.serialize_field("similarity", similarity)?;
        answer.serialize_field("fmr", fmr)?;
        answer.serialize_field("accepted", accepted)?;
        answer.end()
    }
}

/// A face of a group photo: `{"face", "turned", "status": "ok", ...}` with the fields of
/// [`IdentificationAnswer`], or `"refused"` with those of the refusal.
pub struct IdentifiedFaceAnswer<'a> {
    /// The face and who it may be.
    pub face: &'a IdentifiedFace,
    /// The candidates' names.
    pub names: &'a HashMap<PersonId, String>,
}

impl Serialize for IdentifiedFaceAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Answer<T: Serialize> {
            face: FaceAnswer,
            turned: Turn,
            status: &'static str,
            #[serde(flatten)]
            outcome: T,
        }
        let (face, turned) = (FaceAnswer::new(&self.face.face), self.face.turned);
        match &self.face.outcome {
            Ok(identification) => {
                let outcome = IdentificationAnswer { identification, names: self.names };
                Answer { face, turned, status: "ok", outcome }.serialize(serializer)
            }
            Err(outcome) => Answer { face, turned, status: "refused", outcome }.serialize(serializer),
        }
    }
}

/// The answer to "is this that person?": `{"person", "image", "accepted", "similarity", "fmr",
/// "threshold"}`, and `liveness` where that was asked.
#[derive(Debug)]
pub struct VerificationAnswer<'a>(
    /// The answer.
    pub &'a Verification,
);

impl Serialize for VerificationAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Verification { person, image, decision } = self.0;
        let mut answer = serializer.serialize_struct("Verification", 6 + usize::from(decision.liveness.is_some()))?;
        answer.serialize_field("person", person)?;
        answer.serialize_field("image", image)?;
        answer.serialize_field("accepted", &decision.accepted)?;
        answer.serialize_field("similarity", &decision.similarity)?;
        answer.serialize_field("fmr", &decision.fmr)?;
        answer.serialize_field("threshold", &decision.threshold)?;
        if let Some(score) = decision.liveness {
            answer.serialize_field("liveness", &score)?;
        }
        answer.end()
    }
}

/// Pairs that look like one person: `pairs`, most similar first, and why these.
pub struct DuplicatesAnswer<'a> {
    /// The answer.
    pub duplicates: &'a Duplicates,
    /// The names of those in pairs; `name` is null for one who is not among them.
    pub names: &'a HashMap<PersonId, String>,
}

impl Serialize for DuplicatesAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Duplicates { pairs, is_cut, threshold, people_searched, people_without_encoding, generation } =
            self.duplicates;
        let side = |pair: &DuplicatePair, side: usize| {
            let (person, image) = (&pair.people[side], &pair.images[side]);
            json!({"person": person, "name": self.names.get(person), "image": image})
        };
        let pairs = pairs.iter().map(
            |pair| json!({"people": [side(pair, 0), side(pair, 1)], "similarity": pair.similarity, "fmr": pair.fmr}),
        );
        let mut answer = serializer.serialize_struct("Duplicates", 6)?;
        answer.serialize_field("pairs", &pairs.collect::<Value>())?;
        answer.serialize_field("is_cut", is_cut)?;
        answer.serialize_field("threshold", threshold)?;
        answer.serialize_field("people_searched", people_searched)?;
        answer.serialize_field("people_without_encoding", people_without_encoding)?;
        answer.serialize_field("generation", generation)?;
        answer.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Fmr, OperatingPoint, Similarity};
    use crate::error::{Refusal, RefusalCode};
    use crate::geometry::{LandmarkScheme, Landmarks, Point, Rect};
    use crate::person::ImageId;
    use crate::vision::Face;

    fn identification() -> Identification {
        let threshold =
            OperatingPoint::similarity(0.5).and_then(|point| point.threshold(None, 7)).expect("a similarity");
        Identification {
            candidates: vec![Candidate {
                person: PersonId::new("ada").expect("an id"),
                image: ImageId::new("image_1").expect("an id"),
                similarity: Similarity::new(0.75).expect("finite"),
                fmr: Some(Fmr::new(0.25).expect("a rate")),
                rank: 1,
                accepted: true,
            }],
            threshold,
            margin: Some(0.5),
            people_searched: 7,
            people_without_encoding: 2,
            generation: 9,
            liveness: None,
        }
    }

    const FIELDS: &str = concat!(
        r#""candidates":[{"rank":1,"person":"ada","name":"Ada","image":"image_1","similarity":0.75,"fmr":0.25,"#,
        r#""accepted":true}],"#,
        r#""threshold":{"similarity":0.5,"asked":{"similarity":0.5},"people_searched":7,"fmr":null,"basis":"given"},"#,
        r#""margin":0.5,"people_searched":7,"people_without_encoding":2,"generation":9"#,
    );

    fn names() -> HashMap<PersonId, String> {
        HashMap::from([(PersonId::new("ada").expect("an id"), "Ada".to_owned())])
    }

    #[test]
    fn an_identification_says_who_and_why() {
        let answer = IdentificationAnswer { identification: &identification(), names: &names() };
        assert_eq!(serde_json::to_string(&answer).expect("JSON"), format!("{{{FIELDS}}}"));
    }

    #[test]
    fn liveness_is_there_where_it_was_asked() {
        let asked = Identification { liveness: Some(0.75), ..identification() };
        let answer = IdentificationAnswer { identification: &asked, names: &names() };
        assert_eq!(serde_json::to_string(&answer).expect("JSON"), format!("{{{FIELDS},\"liveness\":0.75}}"));
    }

    #[test]
    fn a_face_of_a_group_has_an_identification_or_a_refusal() {
        let face = Face {
            bounds: Rect::from_sides(0.0, 1.0, 4.0, 6.0),
            landmarks: Landmarks { scheme: LandmarkScheme::EyesNoseMouth, points: [Point::new(1.0, 2.0); 5] },
            score: 0.5,
        };
        let refusal = Refusal::measured(RefusalCode::FaceTooSmall, 20.0, 40.0, "too small");
        let shown = |outcome| {
            let answer =
                IdentifiedFaceAnswer { face: &IdentifiedFace { face, turned: Turn::None, outcome }, names: &names() };
            serde_json::to_string(&answer).expect("JSON")
        };
        assert!(shown(Ok(identification())).ends_with(&format!(r#""status":"ok",{FIELDS}}}"#)));
        let refused =
            r#""status":"refused","code":"face_too_small","measured":20.0,"limit":40.0,"message":"too small"}"#;
        assert!(shown(Err(refusal)).ends_with(refused));
    }

    #[test]
    fn a_verification_is_one_flat_object() {
        let threshold = identification().threshold;
        let verification = Verification {
            person: PersonId::new("ada").expect("an id"),
            image: ImageId::new("image_1").expect("an id"),
            decision: threshold.decide(Similarity::new(0.25).expect("finite"), None),
        };
        let expected = concat!(
            r#"{"person":"ada","image":"image_1","accepted":false,"similarity":0.25,"fmr":null,"#,
            r#""threshold":{"similarity":0.5,"asked":{"similarity":0.5},"people_searched":7,"fmr":null,"basis":"given"}}"#,
        );
        assert_eq!(serde_json::to_string(&VerificationAnswer(&verification)).expect("JSON"), expected);
    }
}

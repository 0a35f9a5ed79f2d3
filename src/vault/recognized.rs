//! Searches with their entries in the audit trail, whatever decides who is recognised.

use crate::comparison::Similarity;
use crate::encoding::FaceEncoding;
use crate::engine::EncodedFace;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::input::Input;
use crate::person::PersonId;
use crate::vision::Face;

use super::{Identification, IdentifiedFace, IdentifyOptions, Vault};

/// What decides who is recognised.
#[derive(Clone, Copy)]
pub(crate) enum RecognizedBy<'a> {
    /// The threshold of the operating point.
    Threshold,
    /// A rule of the caller's. The operating point must let every similarity pass.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "the HTTP surface decides by scores"))]
    Rule {
        /// The rule, as the audit trail notes it.
        text: &'a str,
        /// Whether somebody of this similarity is recognised. What it accepts, it accepts of every higher one too.
        accepts: &'a dyn Fn(Similarity) -> bool,
    },
}

impl Vault {
    /// The answers of a search, with those candidates as recognised whom `by` accepts. Each answer has its entry in the
    /// audit trail.
    pub(super) fn noted_searches(
        &self,
        probes: &[FaceEncoding],
        options: &IdentifyOptions,
        by: RecognizedBy<'_>,
    ) -> Result<Vec<Identification>> {
        let mut answers = self.search_encodings(probes, options)?;
        for answer in &mut answers {
            let text = match by {
                RecognizedBy::Threshold => answer.threshold.to_string(),
                RecognizedBy::Rule { text, accepts } => {
                    answer.candidates.iter_mut().for_each(|found| found.accepted = accepts(found.similarity));
                    answer.candidates.retain(|found| found.accepted || options.below_threshold);
                    text.to_owned()
                }
            };
            let recognized: Vec<&PersonId> = answer.recognized().map(|candidate| &candidate.person).collect();
            self.note_identification(text, answer.people_searched, &recognized)?;
        }
        Ok(answers)
    }

    /// The same for one probe.
    pub(crate) fn noted_search(
        &self,
        probe: &FaceEncoding,
        options: &IdentifyOptions,
        by: RecognizedBy<'_>,
    ) -> Result<Identification> {
        self.noted_searches(std::slice::from_ref(probe), options, by)?
            .pop()
            .ok_or_else(|| Error::new(ErrorKind::Runtime, "a search gave no answer"))
    }

    /// As [`Self::identify_faces`], with those candidates as recognised whom `by` accepts.
    pub(crate) fn search_faces(
        &self,
        photo: Input<'_>,
        options: &IdentifyOptions,
        by: RecognizedBy<'_>,
    ) -> Result<Vec<IdentifiedFace>> {
        options.liveness.validate()?;
        let engine = self.engine_in(options.mode)?.with_liveness_check(options.liveness);
        let (turned, faces) = engine.encode_faces(photo)?;
        let probes: Vec<FaceEncoding> =
            faces.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).map(|face| face.encoding.clone()).collect();
        let mut answers = self.noted_searches(&probes, options, by)?.into_iter();
        let answer = |(face, outcome): (Face, Result<EncodedFace, Refusal>)| IdentifiedFace {
            face,
            turned,
            outcome: outcome.map(|encoded| Identification {
                liveness: encoded.liveness.map(|liveness| liveness.score),
                ..answers.next().expect("one answer a probe")
            }),
        };
        Ok(faces.into_iter().map(answer).collect())
    }
}

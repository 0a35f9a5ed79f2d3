//! The verbs that search: identify (who is this?) and verify (is this that person?).

use image::RgbImage;

use crate::comparison::{Decision, Fmr, OperatingPoint, Similarity, Threshold};
use crate::encoding::FaceEncoding;
use crate::engine::{self, CompareOptions, each_shot, fuse, require_live};
use crate::error::{Error, ErrorKind, Refusal, Result, Rule};
use crate::input::{Input, Inputs};
use crate::liveness::{LivenessCheck, LivenessPolicy};
use crate::person::{CollectionId, ImageId, PersonId};
use crate::setters::setters;
use crate::spec::EncodingMode;
use crate::vision::{Face, Turn};

use super::Vault;
use super::looked::Looked;
use super::recognized::RecognizedBy;

/// How a probe is identified.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IdentifyOptions {
    /// Only members of any of these collections, by id or code; `None` for everybody.
    pub collections: Option<Vec<String>>,
    /// The most candidates, 1 to 1,000.
    pub max_results: usize,
    /// How sure an answer must be. [`OperatingPoint::Fpir`] fits best: it takes the number of
    /// people searched into account.
    pub operating_point: OperatingPoint,
    /// Answer with the `max_results` most similar people whether or not they reach the threshold, for somebody
    /// to look at: they are those who are most similar, not those who were recognised.
    /// [`Candidate::accepted`] says who reaches it. Off by default.
    pub below_threshold: bool,
    /// How photos are encoded; where `None`, as the vault notes, else as the engine does by itself.
    /// Thresholds are those of the vault's mode ([`Vault::encoding_mode`]) either way.
    pub mode: Option<EncodingMode>,
    /// What is done about the liveness of the probe, whose photos count together by the mean of their scores; of a
    /// group photo each face counts by itself. It is for photos: a probe that is given as an encoding is not asked
    /// about.
    pub liveness: LivenessCheck,
}

setters!(IdentifyOptions {
    collections: with_collections(impl Into<Option<Vec<String>>>),
    max_results: with_max_results(usize),
    operating_point: with_operating_point(OperatingPoint),
    below_threshold: with_below_threshold(bool),
    mode: with_mode(impl Into<Option<EncodingMode>>),
    liveness: with_liveness(LivenessCheck),
});

impl Default for IdentifyOptions {
    /// Everybody, 10 candidates, one stranger in a hundred taken for somebody (FPIR 0.01).
    fn default() -> Self {
        let operating_point = OperatingPoint::fpir(0.01).expect("a rate between 0 and 1");
        Self {
            collections: None,
            max_results: 10,
            operating_point,
            below_threshold: false,
            mode: None,
            liveness: LivenessCheck::default(),
        }
    }
}

/// One line of an identify answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The person that the probe may show.
    pub person: PersonId,
    /// The person's photo that is most similar to the probe.
    pub image: ImageId,
    /// The similarity to that photo.
    pub similarity: Similarity,
    /// How often two different people are as similar as this; never below 3 divided by the number
    /// of non-mated pairs measured. `None` for a model without a table.
    pub fmr: Option<Fmr>,
    /// The place in the list, from 1.
    pub rank: usize,
    /// Whether the similarity reaches the threshold. Always true unless
    /// [`IdentifyOptions::below_threshold`] asks for others as well: whoever does not reach it is most likely
    /// somebody else.
    pub accepted: bool,
}

/// The answer to "who is this?".
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Identification {
    /// Those who reach the threshold, most similar first; nobody means "unknown". With
    /// [`IdentifyOptions::below_threshold`] the most similar people: first those who reach it
    /// ([`Self::recognized`]), then others.
    pub candidates: Vec<Candidate>,
    /// The threshold and what it follows from.
    pub threshold: Threshold,
    /// How far the most similar person is ahead of the second, whether or not they reach the
    /// threshold; `None` with fewer than two people.
    pub margin: Option<f64>,
    /// How many people were searched.
    pub people_searched: u64,
    /// How many people could not be found, because none of their photos has an encoding by the
    /// model that searched.
    pub people_without_encoding: u64,
    /// The generation of the vault that was searched.
    pub generation: u64,
    /// How live the probe is, 0 to 1: the mean over its photos. `None` where that was not asked.
    pub liveness: Option<f64>,
}

impl Identification {
    /// The candidates who reach the threshold, most similar first: none means "unknown", whoever else is among
    /// the candidates.
    pub fn recognized(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|candidate| candidate.accepted)
    }
}

/// What photos of one person are looked for by.
pub(crate) struct Probe {
    pub(crate) encoding: FaceEncoding,
    /// How live it is, where that was asked.
    pub(crate) liveness: Option<f64>,
}

/// The answer to "is this that person?".
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verification {
    /// The person asked about.
    pub person: PersonId,
    /// The person's photo that is most similar to the probe.
    pub image: ImageId,
    /// Whether it is the person, and how sure that is.
    pub decision: Decision,
}

/// A face of a group photo and who it may be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IdentifiedFace {
    /// The face, in pixels of the upright photo.
    pub face: Face,
    /// By how much the photo was turned, beyond its EXIF orientation, to be upright.
    pub turned: Turn,
    /// Who it may be, or why the face cannot be encoded.
    pub outcome: Result<Identification, Refusal>,
}

impl Vault {
    /// Who is this? Several photos or frames of one person are fused into one probe.
    ///
    /// Where the vault's audit trail notes searches, each answer has its entry, and a vault that was opened for
    /// reading gives none.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for no photo, an unknown collection, or an operating point
    /// that the model's table cannot carry; [`Refused`](ErrorKind::Refused) with the outcome of
    /// every photo, also where photos seem to show two people
    /// ([`different_person`](crate::RefusalCode::DifferentPerson)), unless
    /// [`VaultOptions::mixed_photos`](crate::VaultOptions::mixed_photos) takes them;
    /// [`ModelUnavailable`](ErrorKind::ModelUnavailable) without an engine, and where liveness is asked for and its
    /// networks are not installed; [`Refused`](ErrorKind::Refused) as
    /// [`liveness_failed`](crate::RefusalCode::LivenessFailed), for each photo, where it is required and the probe is
    /// not live;
    /// [`Unsupported`](ErrorKind::Unsupported) where searches are noted and the vault was opened for reading.
    pub fn identify<'a>(&self, photos: impl Into<Inputs<'a>>, options: &IdentifyOptions) -> Result<Identification> {
        let probe = self.probe(photos.into(), options.mode, |picture| picture, &options.liveness)?;
        let answer = self.noted_search(&probe.encoding, options, RecognizedBy::Threshold)?;
        Ok(Identification { liveness: probe.liveness, ..answer })
    }

    /// Who is this, given an encoding?
    ///
    /// # Errors
    /// As for [`Self::identify`]; [`ModelMismatch`](ErrorKind::ModelMismatch) where another model
    /// than the engine's, or without an engine than the vault's, made the encoding, or all those of
    /// the vault; [`Invalid`](ErrorKind::Invalid) where liveness is required, which an encoding does not tell.
    pub fn identify_encoding(&self, probe: &FaceEncoding, options: &IdentifyOptions) -> Result<Identification> {
        not_of_encodings(&options.liveness)?;
        self.noted_search(probe, options, RecognizedBy::Threshold)
    }

    /// Who are these? One answer a probe, in their order, in one pass over the gallery.
    ///
    /// # Errors
    /// As for [`Self::identify_encoding`].
    pub fn identify_encodings(
        &self,
        probes: &[FaceEncoding],
        options: &IdentifyOptions,
    ) -> Result<Vec<Identification>> {
        not_of_encodings(&options.liveness)?;
        self.noted_searches(probes, options, RecognizedBy::Threshold)
    }

    /// As [`Self::identify_encodings`], but the search is not noted in the audit trail: the watcher notes one for each
    /// visit, not for each frame.
    pub(crate) fn search_encodings(
        &self,
        probes: &[FaceEncoding],
        options: &IdentifyOptions,
    ) -> Result<Vec<Identification>> {
        if !(1..=1_000).contains(&options.max_results) {
            return Err(Error::invalid("max_results", Rule::Range { min: 1.0, max: 1_000.0 }));
        }
        let collections = self.resolve(options.collections.as_deref())?;
        let model = self.searched_model()?;
        // The runner-up is wanted for the margin even where one candidate is asked for.
        let looked = self.look(&model, probes, collections, options.max_results.max(2))?;
        let Looked { generation, people_searched, without_encoding: people_without_encoding, .. } = looked;
        let table = self.calibration()?;
        let threshold = options.operating_point.threshold(table, looked.comparisons)?;
        let threshold = Threshold { people_searched, ..threshold };
        let answers = looked.found.into_iter().map(|found| {
            let margin = match found.as_slice() {
                [best, second, ..] => Some(best.similarity - second.similarity),
                _ => None,
            };
            let mut candidates = Vec::new();
            for (index, found) in found.into_iter().take(options.max_results).enumerate() {
                let similarity = Similarity::new(found.similarity)?;
                let accepted = threshold.accepts(similarity);
                if !accepted && !options.below_threshold {
                    break;
                }
                let fmr = table.map(|table| table.fmr_at(similarity));
                let (person, image, rank) = (found.person, found.image, index + 1);
                candidates.push(Candidate { person, image, similarity, fmr, rank, accepted });
            }
            Ok(Identification {
                candidates,
                threshold,
                margin,
                people_searched,
                people_without_encoding,
                generation,
                liveness: None,
            })
        });
        answers.collect()
    }

    /// Who is everybody in this group photo or frame? Faces in the detector's order, best first.
    ///
    /// # Errors
    /// As for [`Self::identify`], but a face that cannot be encoded is in the answer, and so is a
    /// photo without faces: an empty list.
    pub fn identify_faces<'a>(
        &self,
        photo: impl Into<Input<'a>>,
        options: &IdentifyOptions,
    ) -> Result<Vec<IdentifiedFace>> {
        self.search_faces(photo.into(), options, RecognizedBy::Threshold)
    }

    /// Is this that person? Several photos or frames are fused into one probe. A person whose status is
    /// inactive is never matched.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for an unknown person,
    /// [`Invalid`](ErrorKind::Invalid) where the person is inactive or has no photo, and as for
    /// [`Self::identify`].
    pub fn verify<'a>(
        &self,
        id: &PersonId,
        photos: impl Into<Inputs<'a>>,
        options: &CompareOptions,
    ) -> Result<Verification> {
        self.store().person_summary(&self.client, id)?;
        let probe = self.probe(photos.into(), options.mode, |picture| picture, &options.liveness)?;
        let mut answer = self.noted_comparison(id, &probe.encoding, options)?;
        answer.decision.liveness = probe.liveness;
        Ok(answer)
    }

    /// Is this that person, given an encoding?
    ///
    /// # Errors
    /// As for [`Self::verify`]; [`ModelMismatch`](ErrorKind::ModelMismatch) where another model
    /// made the encoding, or the person has none by that model; [`Invalid`](ErrorKind::Invalid) where liveness is
    /// required, which an encoding does not tell.
    pub fn verify_encoding(
        &self,
        id: &PersonId,
        probe: &FaceEncoding,
        options: &CompareOptions,
    ) -> Result<Verification> {
        not_of_encodings(&options.liveness)?;
        self.noted_comparison(id, probe, options)
    }

    /// The answer of a verification, with its entry in the audit trail.
    fn noted_comparison(&self, id: &PersonId, probe: &FaceEncoding, options: &CompareOptions) -> Result<Verification> {
        let answer = self.compare_with_person(id, probe, options)?;
        self.note_verification(id, answer.decision.threshold.to_string(), answer.decision.accepted)?;
        Ok(answer)
    }

    /// As [`Self::verify_encoding`], for whoever decides by something else than the threshold: it is not noted in
    /// the audit trail.
    pub(crate) fn compare_with_person(
        &self,
        id: &PersonId,
        probe: &FaceEncoding,
        options: &CompareOptions,
    ) -> Result<Verification> {
        let summary = self.store().person_summary(&self.client, id)?;
        let model = self.searched_model()?;
        let table = self.calibration()?;
        let threshold = options.operating_point.threshold(table, 1)?;
        let encodings = self.store().encodings(&self.client, id, &model.id)?;
        if summary.status != crate::person::Status::Active {
            return Err(Error::invalid("id", Rule::Other("must be a person whose status is active".into())));
        }
        let mut best: Option<(f64, ImageId)> = None;
        for (image, encoding) in encodings {
            let similarity = crate::index::compare(model.metric, &encoding, probe)?;
            if best.as_ref().is_none_or(|(most, _)| similarity.total_cmp(most).is_gt()) {
                best = Some((similarity, image));
            }
        }
        let Some((similarity, image)) = best else {
            return Err(match summary.image_count {
                0 => Error::invalid("id", Rule::Other("must be a person with a photo".into())),
                _ => Error::new(
                    ErrorKind::ModelMismatch,
                    format!("{id} has no encoding by {} ({}): re-encode the vault", model.name, model.id),
                ),
            });
        };
        let decision = threshold.decide(Similarity::new(similarity)?, table);
        Ok(Verification { person: id.clone(), image, decision })
    }

    /// The people of this client who are active and have photos, but no encoding by the model that
    /// is searched.
    ///
    /// # Errors
    /// As for every read.
    pub fn people_without_encoding(&self) -> Result<Vec<PersonId>> {
        let model = self.searched_model()?;
        self.store().people_without_encoding(&self.client, &model.id)
    }

    /// One encoding of photos of one person, each of which was changed by `prepare`. Photos that seem to show two
    /// people are refused, and so are those of a face that is not live, where `check` says so.
    pub(crate) fn probe(
        &self,
        photos: Inputs<'_>,
        mode: Option<EncodingMode>,
        prepare: fn(RgbImage) -> RgbImage,
        check: &LivenessCheck,
    ) -> Result<Probe> {
        check.validate()?;
        let photos = photos.to_vec();
        let of_one = photos.len() == 1 || (!self.mixed_photos && self.calibration()?.is_some());
        let engine = self.engine_in(mode)?.with_liveness_check(each_shot(check, of_one));
        let shots = engine.shots(&photos, prepare)?;
        let liveness = require_live(check, &shots, shots.len())?;
        let encodings = engine::encodings(shots);
        self.require_one_person(&encodings.iter().collect::<Vec<_>>(), &[])?;
        Ok(Probe { encoding: fuse(self.needed_engine()?.embedder().metric, &encodings)?, liveness })
    }

    /// Refuses photos that seem to show two people, or another one than the photos that are `kept`, unless mixed
    /// photos are taken.
    pub(super) fn require_one_person(&self, photos: &[&FaceEncoding], kept: &[FaceEncoding]) -> Result<()> {
        if self.mixed_photos {
            return Ok(());
        }
        engine::require_one_person(self.needed_engine()?.embedder().metric, self.calibration()?, photos, kept)
    }

    /// The ids of collections that are named by id or code.
    pub(super) fn resolve(&self, names: Option<&[String]>) -> Result<Option<Vec<CollectionId>>> {
        names.map(|names| self.store().snapshot(&self.client, |vault| vault.collections(names))).transpose()
    }
}

/// Refuses to look at encodings where liveness is required: nobody would have looked whether the face is live.
fn not_of_encodings(check: &LivenessCheck) -> Result<()> {
    if check.policy == LivenessPolicy::Require {
        let rule = Rule::Other("cannot be required of an encoding: give photos, or do not ask for it".into());
        return Err(Error::invalid("liveness", rule));
    }
    Ok(())
}

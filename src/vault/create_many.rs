//! Creating many persons at once: all their photos are encoded side by side, and whoever is ready is
//! written in batches while the others' photos are encoded.

use std::collections::{BTreeMap, HashMap};
use std::mem;

use rayon::prelude::*;

use crate::encoding::FaceEncoding;
use crate::engine::{Engine, Enrolled};
use crate::error::{Error, ErrorKind, ImageReport, Refusal, Result};
use crate::person::{CollectionId, DateOfBirth, ImageBytes, NewPerson, Person};
use crate::progress::{Progress, Step};
use crate::store::{ModelInfo, PreparedImage, PreparedImages, Written};

use super::create::{Faces, refuse_namesake, too_far_behind};
use super::model::engine_model;
use super::prepare::BeforeEncoding;
use super::{DuplicatePolicy, Vault};
use crate::validate::validate_encodings;

/// The most persons of one transaction: other writers wait for as long as it takes.
const BATCH_PERSONS: usize = 100;
/// As many bytes of photos end a batch too.
const BATCH_BYTES: usize = 32 << 20;

impl Vault {
    /// Creates many persons. Their photos are encoded in parallel over all of them, as many at a time as
    /// the engine has threads, and persons whose photos are ready are written in batches of up to 100:
    /// one transaction, durable when it ends, for each batch. The outcomes are in the order of `new`, one
    /// for each person: the person as [`Self::create_person_unless_known`] answers it, or why that person
    /// was not added. One who is refused does not stop the others.
    ///
    /// `policy` says who counts as a duplicate, also among `new` itself. Persons of one call may be added
    /// in another order than that of `new`, so of two who are duplicates of each other the later one may
    /// be the one who is added.
    ///
    /// `progress` is asked after each batch and each photo, and counts persons without photos, then
    /// photos. Where it stops the work, whoever is ready is still added; for everybody else the outcome is
    /// an error of kind [`Cancelled`](ErrorKind::Cancelled). Who has an outcome of `Ok` is in the vault
    /// whatever happens later. A call with the persons who are left, or with all of them where they have
    /// ids of their own, goes on from there: an id that is taken is refused before photos are encoded.
    ///
    /// ```no_run
    /// use facevault::{DuplicatePolicy, NewPerson, Vault};
    ///
    /// # fn add(vault: &Vault, people: &[NewPerson]) -> facevault::Result<()> {
    /// let outcomes = vault.create_persons(people, &DuplicatePolicy::default(), &mut ())?;
    /// for (index, outcome) in outcomes.iter().enumerate() {
    ///     match outcome {
    ///         Ok(person) => println!("{index}: added {}", person.id),
    ///         Err(error) => println!("{index}: {error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Only before anything is written: [`ModelUnavailable`](ErrorKind::ModelUnavailable) and
    /// [`ModelMismatch`](ErrorKind::ModelMismatch) as for [`Self::create_person`],
    /// [`Invalid`](ErrorKind::Invalid) for a policy with an unknown collection or an operating point that
    /// the model's table cannot carry, and as for every read. Later errors, such as that of a full disk,
    /// are the outcomes of the persons who could not be added.
    pub fn create_persons(
        &self,
        new: &[NewPerson],
        policy: &DuplicatePolicy,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Result<Person>>> {
        self.create_persons_knowing(new, &[], None, policy, progress)
    }

    /// As [`Self::create_persons`], for persons of whose photos something is known: `known` has an item for each
    /// person of `new`, or none. `stated` is what made the encodings, for a vault that has no model yet and was opened
    /// without an engine.
    pub(crate) fn create_persons_knowing(
        &self,
        new: &[NewPerson],
        known: &[KnownImages],
        stated: Option<&ModelInfo>,
        policy: &DuplicatePolicy,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Result<Person>>> {
        let mut run = Run::begin(self, new, known, stated, policy)?;
        let ended = run.go(progress);
        // Whoever is ready is added, even where the work was stopped.
        let written = run.write();
        let outcomes = run.finish(written.and(ended));
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).for_each(|error| self.note_duplicate(error));
        Ok(outcomes)
    }
}

/// What is known of the photos of a new person beforehand.
#[derive(Debug, Default)]
pub(crate) struct KnownImages {
    /// The encodings of [`NewPerson::images`], by the model that is stated and in the vault's mode: such a photo is
    /// not encoded. Fewer than photos where nothing is known of the last ones.
    pub(crate) encodings: Vec<Option<FaceEncoding>>,
    /// The order of photos and given encodings, as in [`PreparedImages::order`].
    pub(crate) order: Vec<usize>,
}

static NOTHING_KNOWN: KnownImages = KnownImages { encodings: Vec::new(), order: Vec::new() };

impl KnownImages {
    /// Whether a photo of this person has to be encoded.
    fn leaves_any(&self, new: &NewPerson) -> bool {
        (0..new.images.len()).any(|place| self.encoding(place).is_none())
    }

    fn encoding(&self, place: usize) -> Option<&FaceEncoding> {
        self.encodings.get(place).and_then(Option::as_ref)
    }
}

/// A person of the request.
struct Newcomer<'a> {
    new: &'a NewPerson,
    prepared: PreparedImages,
    /// Photos that are not encoded or refused yet; equal ones count once.
    missing: usize,
    refusals: HashMap<[u8; 32], Refusal>,
    outcome: Option<Result<Person>>,
}

impl Newcomer<'_> {
    fn has_encodings(&self) -> bool {
        self.prepared.images.iter().any(|image| image.encoding.is_some())
    }
}

struct Run<'a> {
    vault: &'a Vault,
    policy: &'a DuplicatePolicy,
    /// The collections whose members count as duplicates.
    wanted: Option<Vec<CollectionId>>,
    engine: Option<Engine>,
    people: Vec<Newcomer<'a>>,
    /// The places in `people` of those who can be written.
    ready: Vec<usize>,
    ready_bytes: usize,
}

impl<'a> Run<'a> {
    /// Refuses whatever can be refused without encoding a photo.
    fn begin(
        vault: &'a Vault,
        new: &'a [NewPerson],
        known: &'a [KnownImages],
        stated: Option<&ModelInfo>,
        policy: &'a DuplicatePolicy,
    ) -> Result<Self> {
        let known = |index: usize| known.get(index).unwrap_or(&NOTHING_KNOWN);
        let (wanted, active, refused) = vault.store().snapshot(&vault.client, |now| {
            let wanted = policy.collections.as_ref().map(|names| now.collections(names)).transpose()?;
            let active = BeforeEncoding::read(now, None)?.active;
            let active = active.or_else(|| stated.filter(|stated| vault.may_begin_with(stated)).cloned());
            let mut refused = BTreeMap::new();
            for (index, new) in new.iter().enumerate() {
                let asked = || {
                    new.validate(vault.limits())?;
                    validate_encodings(known(index).encodings.iter().flatten())?;
                    new.id.as_ref().map_or(Ok(()), |id| now.require_new(id))?;
                    now.collections(&new.collections)?;
                    vault.prepare_given(&new.encodings, active.as_ref())?;
                    refuse_namesake(now, &new.name, born(new, policy), wanted.as_deref())
                };
                match asked() {
                    Err(error) if error.refuses_one_person() => drop(refused.insert(index, error)),
                    other => other?,
                }
            }
            Ok((wanted, active, refused))
        })?;
        let is_accepted = |index: usize| !refused.contains_key(&index);
        let has_photos = (0..).zip(new).any(|(index, new)| is_accepted(index) && !new.images.is_empty());
        let is_left = (0..).zip(new).any(|(index, new)| is_accepted(index) && known(index).leaves_any(new));
        let engine = is_left.then(|| vault.enrolling_engine(active.as_ref())).transpose()?;
        let is_compared = has_photos || new.iter().any(|new| !new.encodings.is_empty());
        if let (Some(point), true) = (policy.face, is_compared) {
            Faces::new(vault, point, wanted.as_deref())?;
        }
        let model = engine.as_ref().map(engine_model);
        let prepared: Vec<PreparedImages> = new
            .par_iter()
            .enumerate()
            .map(|(index, new)| match is_accepted(index) {
                true => prepared(new, known(index), model.as_ref(), vault, active.as_ref()),
                false => Ok(PreparedImages::none(vault.limits())),
            })
            .collect::<Result<_>>()?;
        let mut refused = refused;
        let people = new.iter().zip(prepared).enumerate().map(|(index, (new, prepared))| {
            let outcome = refused.remove(&index).map(Err);
            Newcomer { new, prepared, missing: 0, refusals: HashMap::new(), outcome }
        });
        let people = people.collect();
        Ok(Self { vault, policy, wanted, engine, people, ready: Vec::new(), ready_bytes: 0 })
    }

    fn go(&mut self, progress: &mut dyn Progress) -> Result<()> {
        let mut photos: Vec<(usize, usize)> = Vec::new();
        let mut without_photos = Vec::new();
        for (index, person) in self.people.iter_mut().enumerate().filter(|(_, person)| person.outcome.is_none()) {
            let images = &person.prepared.images;
            let is_first = |at: &usize| images[..*at].iter().all(|image| image.sha256() != images[*at].sha256());
            let is_unknown = |at: &usize| images[*at].encoding.is_none();
            let own: Vec<usize> = (0..person.new.images.len()).filter(is_first).filter(is_unknown).collect();
            person.missing = own.len();
            photos.extend(own.iter().map(|at| (index, *at)));
            if own.is_empty() {
                without_photos.push(index);
            }
        }
        let total = without_photos.len();
        for (done, index) in without_photos.into_iter().enumerate() {
            if self.queue(index)? && progress.report(Step::items("adding people", done + 1, total)).is_break() {
                return Err(cancelled());
            }
        }
        self.write()?;
        let Some(engine) = self.engine.clone() else { return Ok(()) };
        let new: Vec<&NewPerson> = self.people.iter().map(|person| person.new).collect();
        let bytes = photos.iter().map(|(person, at)| &new[*person].images[*at]);
        let encoded = engine.enroll_each(bytes, progress, |place, outcome| {
            let (person, at) = photos[place];
            self.take(person, at, outcome)
        });
        match encoded {
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(cancelled()),
            encoded => encoded.map(drop),
        }
    }

    /// Takes what became of one photo.
    fn take(&mut self, index: usize, at: usize, outcome: Result<Enrolled, Refusal>) -> Result<()> {
        let person = &mut self.people[index];
        let hash = *person.prepared.images[at].sha256();
        match outcome {
            Ok(enrolled) => {
                let thumbnail = enrolled.thumbnail.map(ImageBytes::from);
                for image in person.prepared.images.iter_mut().filter(|image| *image.sha256() == hash) {
                    image.encoding = Some(enrolled.encoded.encoding.clone());
                    image.thumbnail.clone_from(&thumbnail);
                }
            }
            Err(refusal) => drop(person.refusals.insert(hash, refusal)),
        }
        person.missing -= 1;
        if person.missing > 0 {
            return Ok(());
        }
        let of_photos = person.new.images.len();
        if person.refusals.is_empty() {
            let encodings: Vec<&FaceEncoding> =
                person.prepared.images[..of_photos].iter().filter_map(|image| image.encoding.as_ref()).collect();
            return match self.vault.require_one_person(&encodings, &person.new.encodings) {
                Ok(()) => self.queue(index).map(drop),
                Err(error) if error.refuses_one_person() => {
                    person.outcome = Some(Err(error));
                    Ok(())
                }
                Err(error) => Err(error),
            };
        }
        let refusal = |image: &PreparedImage| person.refusals.get(image.sha256()).cloned();
        let photos = &person.prepared.images[..of_photos];
        let reports = photos.iter().map(refusal).enumerate();
        let error = Error::refused(reports.map(|(index, refusal)| ImageReport { index, refusal }).collect());
        person.outcome = Some(Err(error));
        Ok(())
    }

    /// Puts somebody who can be written into the batch. Says whether that filled it, so that it was
    /// written.
    fn queue(&mut self, index: usize) -> Result<bool> {
        self.ready.push(index);
        self.ready_bytes += self.people[index].new.images.iter().map(|photo| photo.len()).sum::<usize>();
        let is_full = self.ready.len() >= BATCH_PERSONS || self.ready_bytes >= BATCH_BYTES;
        if is_full {
            self.write()?;
        }
        Ok(is_full)
    }

    /// Writes the batch.
    fn write(&mut self) -> Result<()> {
        let mut batch = mem::take(&mut self.ready);
        self.ready_bytes = 0;
        batch.sort_unstable();
        let (vault, wanted) = (self.vault, self.wanted.clone());
        while !batch.is_empty() {
            let is_compared = batch.iter().any(|index| self.people[*index].has_encodings());
            let point = self.policy.face.filter(|_| is_compared);
            let faces = point.map(|point| Faces::new(vault, point, wanted.as_deref())).transpose()?;
            let mut probes = HashMap::new();
            if let Some(faces) = &faces {
                for index in &batch {
                    let person = &mut self.people[*index];
                    if !person.has_encodings() {
                        continue;
                    }
                    match faces.refuse_known(&person.prepared.images) {
                        Ok(probe) => drop(probes.insert(*index, probe)),
                        Err(error) if error.refuses_one_person() => person.outcome = Some(Err(error)),
                        Err(error) => return Err(error),
                    }
                }
                batch.retain(|index| self.people[*index].outcome.is_none());
            }
            let people: Vec<_> = batch.iter().map(|index| &self.people[*index]).map(|p| (p.new, &p.prepared)).collect();
            let mut left_behind = false;
            let written = vault.store().insert_persons_if(&vault.client, &people, &mut |place, now| {
                let new = people[place].0;
                refuse_namesake(now, &new.name, born(new, self.policy), wanted.as_deref())?;
                if let (Some(faces), Some(probe)) = (&faces, probes.get(&batch[place])) {
                    left_behind = !faces.refuse_newcomers(now, probe)?;
                }
                if left_behind { Err(too_far_behind()) } else { Ok(()) }
            });
            if left_behind {
                continue;
            }
            for (index, outcome) in mem::take(&mut batch).into_iter().zip(written?) {
                let publish = |written: Written| {
                    vault.publish_written(&written);
                    written.person
                };
                self.people[index].outcome = Some(outcome.map(publish));
            }
        }
        Ok(())
    }

    /// The outcomes; whoever has none yet has that of the whole work.
    fn finish(self, ended: Result<()>) -> Vec<Result<Person>> {
        let ended = ended.err().unwrap_or_else(cancelled);
        self.people.into_iter().map(|person| person.outcome.unwrap_or_else(|| Err(ended.repeated()))).collect()
    }
}

/// The hashes of a person's photos, and the encodings that were given.
fn prepared(
    new: &NewPerson,
    known: &KnownImages,
    model: Option<&ModelInfo>,
    vault: &Vault,
    active: Option<&ModelInfo>,
) -> Result<PreparedImages> {
    let (given, model_of_given) = vault.prepare_given(&new.encodings, active)?;
    let model_of_photos = || model.cloned().or_else(|| active.cloned()).or_else(|| vault.engine().map(engine_model));
    let model = if new.images.is_empty() { model_of_given } else { model_of_photos() };
    let mut images: Vec<PreparedImage> =
        new.images.iter().map(|bytes| PreparedImage::new(bytes)).chain(given).collect();
    for place in 0..new.images.len() {
        let is_same = |other: &usize| images[*other].sha256() == images[place].sha256();
        let encoding = (0..new.images.len()).filter(is_same).find_map(|other| known.encoding(other));
        images[place].encoding = known.encoding(place).or(encoding).cloned();
    }
    Ok(PreparedImages { images, model, max_images: vault.limits().max_images, order: known.order.clone() })
}

/// The date of birth by which namesakes are looked for.
fn born(new: &NewPerson, policy: &DuplicatePolicy) -> Option<DateOfBirth> {
    new.date_of_birth.filter(|_| policy.name_and_birth)
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the work was stopped before this person was added")
}

//! Creating a person, unless the person is in the vault already. Whether that is so is asked before
//! photos are encoded, and again inside the transaction that adds the person, so that of two programs
//! that add the same person at the same time only one does.

use crate::comparison::{CalibrationTable, OperatingPoint, Similarity, Threshold};
use crate::encoding::FaceEncoding;
use crate::engine::fuse;
use crate::error::{Duplicate, DuplicateReason, Error, ErrorKind, Result};
use crate::index::{self, Gallery, Match, SearchOptions};
use crate::person::{CollectionId, DateOfBirth, NewPerson, Person, Status};
use crate::setters::setters;
use crate::store::{GalleryPerson, Moment, PreparedImage};

use super::Vault;
use super::gallery::MOST_CHANGES;
use super::looked::comparisons_in;
use super::prepare::BeforeEncoding;

/// When a new person counts as a duplicate of one in the vault. By default, never.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct DuplicatePolicy {
    /// Somebody has the same name, compared as by [`PersonQuery::name_contains`](crate::PersonQuery), and
    /// the same date of birth. A person
    /// without a date of birth is nobody's duplicate by this rule. Persons of every status count.
    pub name_and_birth: bool,
    /// Somebody's face is the one of the new person's photos, which are fused, at this operating
    /// point. Only persons who are active can be found.
    pub face: Option<OperatingPoint>,
    /// Only members of any of these collections count, by id or code; `None` for everybody.
    pub collections: Option<Vec<String>>,
}

setters!(DuplicatePolicy {
    name_and_birth: with_name_and_birth(bool),
    face: with_face(impl Into<Option<OperatingPoint>>),
    collections: with_collections(impl Into<Option<Vec<String>>>),
});

impl Vault {
    /// Creates a person, as [`Self::create_person`] does, unless `policy` counts the person as a
    /// duplicate: then nothing is written.
    ///
    /// The answer holds for the vault as it is at the moment of the write: whoever another thread or
    /// process adds meanwhile is looked at too.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) with [`Error::duplicate`],
    /// [`Invalid`](ErrorKind::Invalid) for an unknown collection or an operating point that the
    /// model's table cannot carry, and as for [`Self::create_person`].
    pub fn create_person_unless_known(&self, new: &NewPerson, policy: &DuplicatePolicy) -> Result<Person> {
        self.create_unless_known(new, policy).inspect_err(|error| self.note_duplicate(error))
    }

    fn create_unless_known(&self, new: &NewPerson, policy: &DuplicatePolicy) -> Result<Person> {
        new.validate(self.limits())?;
        let born = new.date_of_birth.filter(|_| policy.name_and_birth);
        let face = policy.face.filter(|_| !(new.images.is_empty() && new.encodings.is_empty()));
        // All that can be refused without encoding a photo is refused first.
        let (wanted, before) = self.store().snapshot(&self.client, |vault| {
            vault.collections(&new.collections)?;
            let wanted = policy.collections.as_ref().map(|names| vault.collections(names)).transpose()?;
            refuse_namesake(vault, &new.name, born, wanted.as_deref())?;
            Ok((wanted, BeforeEncoding::read(vault, None)?))
        })?;
        if let Some(point) = face {
            Faces::new(self, point, wanted.as_deref())?;
        }
        let prepared = self.prepare(&new.images, &new.encodings, before)?;
        loop {
            let faces = face.map(|point| Faces::new(self, point, wanted.as_deref())).transpose()?;
            let probe = faces.as_ref().map(|faces| faces.refuse_known(&prepared.images)).transpose()?;
            let mut left_behind = false;
            let written = self.store().insert_person_if(&self.client, new, &prepared, &mut |vault| {
                refuse_namesake(vault, &new.name, born, wanted.as_deref())?;
                if let (Some(faces), Some(probe)) = (&faces, &probe) {
                    left_behind = !faces.refuse_newcomers(vault, probe)?;
                }
                if left_behind { Err(too_far_behind()) } else { Ok(()) }
            });
            if left_behind {
                continue;
            }
            let written = written?;
            self.publish_written(&written);
            return Ok(written.person);
        }
    }
}

/// Refuses a person of the same name who was born on the same day, where a date is asked about.
pub(super) fn refuse_namesake(
    vault: &dyn Moment,
    name: &str,
    born: Option<DateOfBirth>,
    wanted: Option<&[CollectionId]>,
) -> Result<()> {
    let Some(born) = born else { return Ok(()) };
    match vault.namesake(name, born, wanted)? {
        Some(person) => Err(Error::already_known(Duplicate { person, reason: DuplicateReason::NameAndBirth })),
        None => Ok(()),
    }
}

/// Ends a transaction in which newcomers cannot be compared, so that it is tried again with a newer
/// gallery.
pub(super) fn too_far_behind() -> Error {
    Error::new(ErrorKind::Busy, "more persons changed meanwhile than can be compared in one step: try again")
}

/// The people whose faces a new one's is compared with.
pub(super) struct Faces<'a> {
    gallery: Gallery,
    table: Option<&'a CalibrationTable>,
    threshold: Threshold,
    wanted: Option<&'a [CollectionId]>,
}

impl<'a> Faces<'a> {
    pub(super) fn new(vault: &'a Vault, point: OperatingPoint, wanted: Option<&'a [CollectionId]>) -> Result<Self> {
        let gallery = vault.gallery(&vault.searched_model()?)?;
        let people_searched = gallery.count_people(wanted) as u64;
        let table = vault.calibration()?;
        let threshold = point.threshold(table, comparisons_in(&gallery, people_searched))?;
        Ok(Self { gallery, table, threshold: Threshold { people_searched, ..threshold }, wanted })
    }

    /// Refuses photos of somebody in the gallery; gives what they were compared by.
    pub(super) fn refuse_known(&self, images: &[PreparedImage]) -> Result<FaceEncoding> {
        let encodings: Vec<FaceEncoding> = images.iter().filter_map(|image| image.encoding.clone()).collect();
        let probe = fuse(self.gallery.metric(), &encodings)?;
        let options = SearchOptions { collections: self.wanted.map(<[_]>::to_vec), ..SearchOptions::default() };
        self.gallery.search(&probe, &options)?.into_iter().try_for_each(|found| self.refuse(found))?;
        Ok(probe)
    }

    /// Refuses the face of somebody who was added since the gallery's generation. Returns `false` where
    /// so much has changed that the gallery has to be brought up to date first.
    pub(super) fn refuse_newcomers(&self, vault: &dyn Moment, probe: &FaceEncoding) -> Result<bool> {
        let model = self.gallery.model();
        let Some(changes) = vault.changes_since(self.gallery.generation(), &model, MOST_CHANGES)? else {
            return Ok(false);
        };
        for person in changes.written.iter().filter(|person| self.counts(person)) {
            for (image, encoding) in &person.encodings {
                let similarity = index::compare(self.gallery.metric(), encoding, probe)?;
                self.refuse(Match { person: person.id.clone(), image: image.clone(), similarity })?;
            }
        }
        Ok(true)
    }

    fn counts(&self, person: &GalleryPerson) -> bool {
        person.status == Status::Active
            && self.wanted.is_none_or(|wanted| person.collections.iter().any(|id| wanted.contains(id)))
    }

    fn refuse(&self, found: Match) -> Result<()> {
        let decision = self.threshold.decide(Similarity::new(found.similarity)?, self.table);
        if !decision.accepted {
            return Ok(());
        }
        let reason = DuplicateReason::Face { image: found.image, decision };
        Err(Error::already_known(Duplicate { person: found.person, reason }))
    }
}

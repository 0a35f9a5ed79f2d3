//! People into a vault.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};

use super::source::{Encoded, Feed, Incoming, IncomingImage, Item, Photo};
use super::{ImportOptions, Source, photos};
use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, ImageReport, Result};
use crate::person::{CollectionId, ImageBytes, NewCollection, NewPerson, PersonId};
use crate::progress::{Progress, Step};
use crate::vault::{KnownImages, Vault};

/// The most people of one step, and the most bytes of photos: as much is in memory.
const MOST_PEOPLE: usize = 500;
const MOST_BYTES: usize = 64 << 20;

/// What became of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Imported {
    /// People who were added.
    pub added: u64,
    /// People who were passed over, since they are in the vault.
    pub passed_over: u64,
    /// People who were not added.
    pub not_added: u64,
    /// Whether somebody stopped the import before its end. Whoever was added stays.
    pub is_stopped: bool,
}

/// What became of one person of a source. `Debug` shows nothing that describes the person.
#[non_exhaustive]
pub struct Arrival<'a> {
    /// Where in the source the person is: a path, or a line of a table.
    pub from: &'a str,
    /// The id as the source writes it; empty where it has none.
    pub id: &'a str,
    /// The name as the source writes it.
    pub name: &'a str,
    /// How the source calls the photos, in the order of [`Error::images`]; empty for an encoding without one.
    pub photos: &'a [String],
    /// What became of the person, or why the person was not added.
    pub outcome: Result<Arrived>,
}

/// Who is in the vault after an import.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrived {
    /// The person was added.
    #[non_exhaustive]
    Added {
        /// The id in the vault.
        id: PersonId,
        /// Photos, and encodings without one.
        images: usize,
    },
    /// Somebody with this id was there before, and was passed over.
    PassedOver,
}

impl std::fmt::Debug for Arrival<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arrival").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// Adds the people of a source, in its order, and tells what became of each as soon as that is on the disk.
///
/// Whoever is refused does not stop the others. Photos of which the source has no usable encoding are encoded in
/// parallel; an encoding is usable if it was made by the vault's model in its mode, and of exactly this photo. A vault
/// without a model takes that of the source. Where [`min_liveness`](crate::VaultOptions::min_liveness) is asked for,
/// every photo is encoded, so that it is judged.
///
/// Collections that an export describes and the vault does not have are created, with the same id, name and
/// description; those that the vault has stay as they are.
///
/// `progress` counts photos to be encoded, or people where there is none. It may stop the import, and so may `told`:
/// whoever was added stays, and an import with [`skip_existing`](ImportOptions::skip_existing) goes on from there.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) for an unknown collection, and where the source changed since
/// it was opened and is no list of people any more; [`Io`](ErrorKind::Io) where it cannot be read any more; and as for
/// [`Vault::create_persons`]. People who were told of stay.
pub fn import(
    vault: &Vault,
    source: Source,
    options: &ImportOptions,
    progress: &mut dyn Progress,
    mut told: impl FnMut(&Arrival<'_>) -> ControlFlow<()>,
) -> Result<Imported> {
    for name in &options.collections {
        vault.collection(name)?;
    }
    let encode_anew = options.encode_anew || vault.min_liveness().is_some();
    let total = match source.photos_to_encode(vault, encode_anew)? {
        0 => Total::People(source.people()),
        photos => Total::Photos(photos),
    };
    let are_encodings_taken = source.encodings_are_taken(vault)?;
    let mut work = Work {
        vault,
        options,
        source: &source,
        encode_anew,
        are_encodings_taken,
        total,
        done: 0,
        known: HashSet::new(),
    };
    let mut imported = Imported::default();
    let mut feed = source.feed()?;
    loop {
        let group = work.group(&mut feed, progress)?;
        let (is_last, is_whole) = (group.is_last, work.add(group, progress, &mut imported, &mut told)?);
        if !is_whole {
            imported.is_stopped = true;
        }
        if is_last || !is_whole {
            return Ok(imported);
        }
    }
}

/// What progress counts.
#[derive(Clone, Copy)]
enum Total {
    Photos(usize),
    People(usize),
}

struct Work<'a> {
    vault: &'a Vault,
    options: &'a ImportOptions,
    source: &'a Source,
    encode_anew: bool,
    are_encodings_taken: bool,
    total: Total,
    /// Photos or people before this group.
    done: usize,
    /// Collections that are known to be in the vault.
    known: HashSet<String>,
}

/// So many people as are added in one step.
#[derive(Default)]
struct Group {
    people: Vec<Read>,
    is_last: bool,
    is_stopped: bool,
}

/// A person who was read, or why not.
struct Read {
    from: String,
    id: String,
    name: String,
    photos: Vec<String>,
    person: Person,
}

enum Person {
    New(Box<NewPerson>, KnownImages),
    PassedOver,
    Refused(Error),
}

impl Work<'_> {
    /// Reads the next people.
    fn group(&mut self, feed: &mut Feed, progress: &mut dyn Progress) -> Result<Group> {
        let (mut group, mut bytes) = (Group::default(), 0);
        while group.people.len() < MOST_PEOPLE && bytes < MOST_BYTES {
            if progress.report(Step::unchanged()).is_break() {
                group.is_stopped = true;
                return Ok(group);
            }
            match feed.next()? {
                None => {
                    group.is_last = true;
                    return Ok(group);
                }
                Some(Item::Collection(new)) => self.require_collection(new)?,
                Some(Item::Person(incoming)) => {
                    let read = self.read(*incoming, feed)?;
                    if let Person::New(new, _) = &read.person {
                        bytes += new.images.iter().map(|photo| photo.len()).sum::<usize>();
                    }
                    group.people.push(read);
                }
            }
        }
        Ok(group)
    }

    /// Creates a collection unless it is there.
    fn require_collection(&mut self, new: NewCollection) -> Result<()> {
        let Some(id) = new.id.clone() else { return Ok(()) };
        if self.known.contains(id.as_str()) {
            return Ok(());
        }
        match self.vault.collection(id.as_str()) {
            Err(error) if error.kind() == ErrorKind::NotFound => match self.vault.create_collection(&new) {
                // Somebody else was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => drop(created?),
            },
            found => drop(found?),
        }
        self.known.insert(id.to_string());
        Ok(())
    }

    fn read(&mut self, incoming: Incoming, feed: &mut Feed) -> Result<Read> {
        let Incoming { from, id, name, new, images } = incoming;
        let photos = images.iter().map(|image| image.name.clone()).collect();
        let person = match new {
            Ok(new) if self.is_passed_over(&new)? => Person::PassedOver,
            Ok(new) => match self.complete(new, images, feed) {
                Ok((new, known)) => Person::New(Box::new(new), known),
                Err(error) => Person::Refused(error),
            },
            Err(error) => Person::Refused(error),
        };
        Ok(Read { from, id, name, photos, person })
    }

    /// Whether the person is in the vault, and that is no problem: then no photo is read.
    fn is_passed_over(&self, new: &NewPerson) -> Result<bool> {
        let Some(id) = new.id.as_ref().filter(|_| self.options.skip_existing) else { return Ok(false) };
        match self.vault.person_summary(id) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The person with photos and encodings.
    fn complete(
        &mut self,
        mut new: NewPerson,
        images: Vec<IncomingImage>,
        feed: &mut Feed,
    ) -> Result<(NewPerson, KnownImages)> {
        let limits = *self.vault.limits();
        if images.len() > limits.max_images {
            let rule = crate::error::Rule::Count { min: 0, max: limits.max_images };
            return Err(Error::invalid("images", rule));
        }
        if self.options.create_collections {
            for name in new.collections.clone() {
                let id = CollectionId::new(&name)?;
                self.require_collection(NewCollection { id: Some(id), ..NewCollection::named(name) })?;
            }
        }
        new.collections.extend(self.options.collections.iter().cloned());
        let (mut refused, mut places, mut known) = (Vec::new(), Vec::new(), KnownImages::default());
        for (index, image) in images.into_iter().enumerate() {
            let photo = match image.photo {
                Photo::None => None,
                Photo::Bytes(bytes) if bytes.len() as u64 > limits.max_image_bytes => {
                    refused.push(ImageReport::new(index, Some(photos::too_large(bytes.len() as u64, &limits))));
                    continue;
                }
                Photo::Bytes(bytes) => Some(bytes),
                Photo::File(path) => match photos::read(&feed.file(path)?, &limits)? {
                    Ok(bytes) => Some(bytes),
                    Err(refusal) => {
                        refused.push(ImageReport::new(index, Some(refusal)));
                        continue;
                    }
                },
            };
            let encoding = self.encoding(image.encoding, photo.as_ref(), feed)?;
            match (photo, encoding) {
                (Some(bytes), encoding) => {
                    if encoding.is_none() && self.vault.engine().is_none() {
                        let message = format!(
                            "image {index} has to be encoded, since the source has no encoding of exactly this photo: \
                             open the vault with an engine (`facevault import --encode-anew` does)"
                        );
                        return Err(Error::new(ErrorKind::ModelUnavailable, message));
                    }
                    places.push((true, new.images.len()));
                    new.images.push(bytes);
                    known.encodings.push(encoding);
                }
                (None, Some(encoding)) => {
                    places.push((false, new.encodings.len()));
                    new.encodings.push(encoding);
                }
                (None, None) => {
                    let model = self.source.model().map(|model| format!("{} ({})", model.name, model.id));
                    let message = format!(
                        "encoding {index} came without a photo and was made with {}: the vault takes those of another \
                         model or mode, and nothing could make it again",
                        model.unwrap_or_else(|| "an unknown model".to_owned())
                    );
                    return Err(Error::new(ErrorKind::ModelMismatch, message));
                }
            }
        }
        if !refused.is_empty() {
            return Err(Error::refused(refused));
        }
        let of_photos = new.images.len();
        known.order = places.into_iter().map(|(is_photo, at)| if is_photo { at } else { of_photos + at }).collect();
        if known.order.is_sorted() {
            known.order.clear();
        }
        Ok((new, known))
    }

    /// The encoding, if it can be used.
    fn encoding(
        &self,
        encoded: Option<Encoded>,
        photo: Option<&ImageBytes>,
        feed: &mut Feed,
    ) -> Result<Option<FaceEncoding>> {
        if !self.are_encodings_taken || (self.encode_anew && photo.is_some()) {
            return Ok(None);
        }
        match encoded {
            None => Ok(None),
            Some(Encoded::Given(encoding)) => Ok(Some(encoding)),
            Some(Encoded::Record(number)) => {
                let (made_of, encoding) = feed.encoding(number)?;
                // The photo may have been replaced since.
                let is_of_it = photo.is_none_or(|photo| made_of == <[u8; 32]>::from(Sha256::digest(photo)));
                Ok(Some(encoding).filter(|_| is_of_it))
            }
        }
    }

    /// Adds people and tells what became of them. Returns whether nobody stopped it.
    fn add(
        &mut self,
        group: Group,
        progress: &mut dyn Progress,
        imported: &mut Imported,
        told: &mut impl FnMut(&Arrival<'_>) -> ControlFlow<()>,
    ) -> Result<bool> {
        let (mut new, mut known, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let (mut places, mut is_whole) = (Vec::new(), !group.is_stopped);
        for read in group.people {
            let outcome = match read.person {
                Person::New(person, images) => {
                    new.push(*person);
                    known.push(images);
                    None
                }
                Person::PassedOver => Some(Ok(Arrived::PassedOver)),
                Person::Refused(error) => Some(Err(error)),
            };
            others.push(outcome);
            places.push((read.from, read.id, read.name, read.photos));
        }
        let to_encode = |new: &[NewPerson], known: &[KnownImages]| {
            let of = |(new, known): (&NewPerson, &KnownImages)| {
                new.images.len() - known.encodings.iter().flatten().count().min(new.images.len())
            };
            new.iter().zip(known).map(of).sum::<usize>()
        };
        let in_group = match self.total {
            Total::Photos(_) => to_encode(&new, &known),
            Total::People(_) => places.len(),
        };
        let mut outcomes = match new.is_empty() {
            true => Vec::new(),
            false => {
                let mut watch = Counted { work: self, progress };
                let policy = &self.options.duplicates;
                self.vault.create_persons_knowing(&new, &known, self.source.model(), policy, &mut watch)?
            }
        }
        .into_iter();
        drop((new, known));
        for ((from, id, name, photos), other) in places.iter().zip(others) {
            let outcome = other.unwrap_or_else(|| match outcomes.next() {
                Some(added) => {
                    added.map(|person| Arrived::Added { id: person.id.clone(), images: person.images.len() })
                }
                None => Err(Error::new(ErrorKind::Runtime, "a person has no outcome")),
            });
            let outcome = match outcome {
                Err(error) if error.kind() == ErrorKind::Cancelled => {
                    is_whole = false;
                    continue;
                }
                // Added by somebody else in this moment.
                Err(error) if self.passes_over(&error) => Ok(Arrived::PassedOver),
                outcome => outcome,
            };
            match &outcome {
                Ok(Arrived::Added { .. }) => imported.added += 1,
                Ok(Arrived::PassedOver) => imported.passed_over += 1,
                Err(_) => imported.not_added += 1,
            }
            is_whole &= told(&Arrival { from, id, name, photos, outcome }).is_continue();
        }
        self.done += in_group;
        if let Total::People(total) = self.total
            && progress.report(Step::items(PEOPLE, self.done, total.max(self.done))).is_break()
        {
            is_whole = false;
        }
        Ok(is_whole)
    }

    /// Whether it is the id that is in the vault, and that is no problem.
    fn passes_over(&self, error: &Error) -> bool {
        self.options.skip_existing && error.kind() == ErrorKind::AlreadyExists && error.duplicate().is_none()
    }
}

const PEOPLE: &str = "adding people";

/// Counts what is done in a group towards the whole.
struct Counted<'a> {
    work: &'a Work<'a>,
    progress: &'a mut dyn Progress,
}

impl Progress for Counted<'_> {
    fn report(&mut self, step: Step<'_>) -> ControlFlow<()> {
        let done = self.work.done + usize::try_from(step.done).unwrap_or(usize::MAX);
        match self.work.total {
            Total::Photos(total) if step.what != PEOPLE => {
                self.progress.report(Step::items("encoding photos", done, total.max(done)))
            }
            Total::People(total) if step.what == PEOPLE => {
                self.progress.report(Step::items(PEOPLE, done, total.max(done)))
            }
            _ => self.progress.report(Step::unchanged()),
        }
    }
}

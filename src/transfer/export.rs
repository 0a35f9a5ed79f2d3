//! People out of a vault.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::bundle::{Sealed, is_bundle};
use super::destination::{Destination, Kind};
use super::folder::Folder;
use super::table::{Lines, MOST_KEYS, Writer, first_columns};
use super::{ExportOptions, Form, cancelled, folder};
use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::person::{Collection, CollectionId, Person, PersonId, PersonQuery, PersonSummary};
use crate::progress::{Progress, Step};
use crate::vault::Vault;

/// People a page: as many summaries are in memory.
const PAGE: u64 = 500;

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Exported {
    /// People.
    pub people: u64,
    /// Photos.
    pub photos: u64,
    /// Face encodings.
    pub encodings: u64,
}

/// Writes the people of a vault to `path`, oldest first, and returns how many.
///
/// `path` appears when the export is whole and on the disk; until then it is called `.NAME.partial`, in the same folder.
/// All files can be read by their owner only. What a killed export left behind is cleared away by the next one to the
/// same name.
///
/// Each person is as at one moment, and others may go on using the vault. Whoever is added, changed or removed meanwhile
/// may be exported as before or as after that. For all people at one moment, export a [backup](Vault::backup).
///
/// Where the vault notes searches in its audit trail, the export has an entry before the first person is read.
/// `progress` counts people and may break the export off; nothing is left then.
///
/// # Errors
/// [`AlreadyExists`](ErrorKind::AlreadyExists) where there is something of that name, unless
/// [`replace`](ExportOptions::replace) is asked for and it is an export of that form, [`Busy`](ErrorKind::Busy) while
/// another export writes there, [`Io`](ErrorKind::Io) where it cannot be written, [`Invalid`](ErrorKind::Invalid) for
/// an unknown collection, [`Conflict`](ErrorKind::Conflict) where the vault's model changes meanwhile,
/// [`Unsupported`](ErrorKind::Unsupported) where the vault notes searches and was opened for reading,
/// [`Cancelled`](ErrorKind::Cancelled), and as for every read.
pub fn export(
    vault: &Vault,
    path: impl AsRef<Path>,
    form: &Form,
    options: &ExportOptions,
    progress: &mut dyn Progress,
) -> Result<Exported> {
    let path = path.as_ref();
    let is_table_alone = matches!(form, Form::Csv);
    let (photos, encodings) = (options.photos && !is_table_alone, options.encodings && !is_table_alone);
    let walk =
        Walk { vault, query: PersonQuery::default().with_limit(PAGE).with_collection(options.collection.clone()) };
    // An unknown collection is found out before anything is written.
    walk.page(None)?;
    let model = vault.active_model()?.filter(|_| encodings);
    let (kind, is_replaceable): (Kind, fn(&Path) -> bool) = match form {
        Form::Folder => (Kind::Folder, folder::is_export),
        Form::Csv => (Kind::File, is_table),
        Form::Bundle(_) => (Kind::File, |path| is_bundle(path)),
    };
    let destination = Destination::begin(path, kind, options.replace, is_replaceable)?;
    let total = walk.page(None)?.total;
    vault.note_export(total, photos, encodings)?;
    let partial = destination.partial();
    let mut sink: Box<dyn Sink> = match form {
        Form::Folder => Box::new(Folder::begin(partial, walk.attribute_keys(progress)?, model.as_ref())?),
        Form::Csv => Box::new(Writer::new(partial, destination.file()?, walk.attribute_keys(progress)?, false)?),
        Form::Bundle(key) => Box::new(Sealed::begin(partial, destination.file()?, key, model.as_ref())?),
    };
    let mut work = Work { vault, model: model.map(|model| model.id), photos, encodings, seen: HashSet::new() };
    let mut exported = Exported::default();
    if options.collection.is_none() {
        // Oldest first, as persons name them; also those that nobody is in.
        for collection in vault.collections()? {
            work.collection(&collection.id, &mut *sink)?;
        }
    }
    walk.go("exporting people", progress, |summary| work.export(&summary.id, &mut *sink, &mut exported))?;
    sink.finish()?;
    destination.finish()?;
    tracing::info!(people = exported.people, photos = exported.photos, "people were exported");
    Ok(exported)
}

/// What people are written to, one after the other.
pub(super) trait Sink {
    /// A collection, before the first person who is in it.
    fn collection(&mut self, collection: &Collection) -> Result<()>;

    /// A person, with the photos and encodings that are to be written.
    fn person(&mut self, person: &Person) -> Result<()>;

    /// The end: all that was written is handed to the system.
    fn finish(self: Box<Self>) -> Result<()>;
}

impl Sink for Writer {
    fn collection(&mut self, _: &Collection) -> Result<()> {
        Ok(())
    }

    fn person(&mut self, person: &Person) -> Result<()> {
        Writer::person(self, person, &[])
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Writer::finish(*self)
    }
}

/// Whether a file is a table that was exported.
fn is_table(path: &Path) -> bool {
    Lines::open(path).is_ok_and(|lines| lines.columns().starts_with(&first_columns()))
}

/// The way through the people, page by page.
struct Walk<'a> {
    vault: &'a Vault,
    query: PersonQuery,
}

impl Walk<'_> {
    fn page(&self, after: Option<crate::person::Cursor>) -> Result<crate::person::Page<PersonSummary>> {
        self.vault.persons(&self.query.clone().with_after(after))
    }

    fn go(
        &self,
        what: &str,
        progress: &mut dyn Progress,
        mut visit: impl FnMut(&PersonSummary) -> Result<()>,
    ) -> Result<()> {
        let (mut after, mut done) = (None, 0);
        loop {
            let page = self.page(after)?;
            // Whoever came meanwhile is at the end of the list.
            let total = usize::try_from(page.total).unwrap_or(usize::MAX).max(done);
            for person in &page.items {
                visit(person)?;
                done += 1;
                if progress.report(Step::items(what, done, total.max(done))).is_break() {
                    return Err(cancelled("the export was stopped; nothing of it is left"));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// The keys of attributes that get a column each.
    fn attribute_keys(&self, progress: &mut dyn Progress) -> Result<Vec<String>> {
        let mut keys = BTreeSet::new();
        self.go("looking through the people", progress, |person| {
            for key in person.attributes.keys() {
                if keys.len() < MOST_KEYS && !keys.contains(key) {
                    keys.insert(key.clone());
                }
            }
            Ok(())
        })?;
        Ok(keys.into_iter().collect())
    }
}

/// What is exported of each person.
struct Work<'a> {
    vault: &'a Vault,
    model: Option<ModelId>,
    photos: bool,
    encodings: bool,
    /// The collections that were written.
    seen: HashSet<CollectionId>,
}

impl Work<'_> {
    fn export(&mut self, id: &PersonId, sink: &mut dyn Sink, exported: &mut Exported) -> Result<()> {
        let mut person = match self.person(id) {
            // Removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            person => person?,
        };
        for image in &mut person.images {
            if !self.encodings {
                image.encoding = None;
            }
            if let Some(encoding) = &image.encoding
                && Some(encoding.model()) != self.model
            {
                let message = "the vault's model has changed during the export: run it again";
                return Err(Error::new(ErrorKind::Conflict, message));
            }
        }
        person.images.retain(|image| image.bytes.is_some() || image.encoding.is_some());
        for id in std::mem::take(&mut person.collections) {
            if self.collection(&id, sink)? {
                person.collections.push(id);
            }
        }
        sink.person(&person)?;
        exported.people += 1;
        exported.photos += person.images.iter().filter(|image| image.bytes.is_some()).count() as u64;
        exported.encodings += person.images.iter().filter(|image| image.encoding.is_some()).count() as u64;
        Ok(())
    }

    fn person(&self, id: &PersonId) -> Result<Person> {
        match (self.photos, self.encodings) {
            (true, _) => self.vault.person(id),
            (false, true) => self.vault.person_without_photos(id),
            (false, false) => Ok(self.vault.person_summary(id)?.with_images(self.vault.client().clone(), Vec::new())),
        }
    }

    /// Writes a collection if it was not written yet. Says whether it is there.
    fn collection(&mut self, id: &CollectionId, sink: &mut dyn Sink) -> Result<bool> {
        if self.seen.contains(id) {
            return Ok(true);
        }
        match self.vault.collection(id.as_str()) {
            // Removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            found => sink.collection(&found?)?,
        }
        self.seen.insert(id.clone());
        Ok(true)
    }
}

//! Where imported people come from.

use std::fs;
use std::path::{Path, PathBuf};

use super::bundle::{Bundle, BundleFeed, is_bundle};
use super::encodings::{Encodings, FILE, PhotoHash};
use super::fields::Body;
use super::folder::{self, COLLECTION_COLUMNS, COLLECTIONS, PEOPLE};
use super::table::{Lines, Reader};
use super::{cancelled, system};
use crate::encoding::FaceEncoding;
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::{CollectionId, ImageBytes, NewCollection, NewPerson};
use crate::progress::{Progress, Step};
use crate::setters::setters;
use crate::store::ModelInfo;
use crate::vault::Vault;
use crate::vault_key::VaultKey;

/// How a source is read.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SourceOptions {
    /// Take the names of folders, and of photos beside them, as ids too. Only for folders that are no export.
    pub named_ids: bool,
    /// The key of an encrypted bundle.
    pub key: Option<VaultKey>,
}

setters!(SourceOptions { named_ids: with_named_ids(bool), key: with_key(impl Into<Option<VaultKey>>) });

/// People to be imported: an [exported](super::export) folder, table or bundle, a folder of photos, or a table that somebody
/// made.
///
/// A folder of photos has one folder for each person, named as the person is, with the person's photos in it; a photo
/// beside these folders is a person with that photo. A table is a CSV file whose first line names the columns: `name`,
/// and any of `_id`, `images`, `gender`, `date_of_birth`, `nationality`, `collections`, `notes`, `status`,
/// `expires_at`, `attribute.KEY` and `attributes` (a JSON object). Photos and collections in a cell are separated by
/// `;`, and paths of photos start at the table's folder.
pub struct Source {
    kind: Kind,
    counts: Counts,
    model: Option<ModelInfo>,
}

enum Kind {
    /// A folder of folders of photos.
    Photos { folder: PathBuf, named_ids: bool },
    /// A table beside its photos.
    Table { path: PathBuf },
    /// A folder that was exported.
    Export { folder: PathBuf },
    /// An encrypted file.
    Bundle(Bundle),
}

/// What is in a source.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    people: usize,
    photos: usize,
    /// Photos of which there is no encoding.
    unencoded: usize,
}

impl Source {
    /// Looks through a source once: it has to be whole and well-formed before anybody is imported. Of a bundle every
    /// byte is read and authenticated.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Invalid`](ErrorKind::Invalid) for what is no list of people,
    /// [`Key`](ErrorKind::Key) where the key of a bundle is missing or wrong, [`Corrupt`](ErrorKind::Corrupt) for a
    /// bundle that was changed or cut short, [`Unsupported`](ErrorKind::Unsupported) for an export of a later version,
    /// [`Io`](ErrorKind::Io), [`Cancelled`](ErrorKind::Cancelled).
    pub fn open(path: impl AsRef<Path>, options: &SourceOptions, progress: &mut dyn Progress) -> Result<Self> {
        let path = path.as_ref();
        let is_folder = path.is_dir();
        let is_export = is_folder && folder::is_export(path);
        if options.named_ids && (is_export || !is_folder) {
            let rule =
                Rule::Other("is for folders of photos; a CSV file has a column `_id`, as an export has".to_owned());
            return Err(Error::invalid("ids", rule));
        }
        let is_sealed = !is_folder && is_bundle(path);
        if options.key.is_some() && !is_sealed {
            let rule = Rule::Other(format!("is for encrypted bundles, and {} is none", path.display()));
            return Err(Error::invalid("key", rule));
        }
        let (kind, model) = match (is_export, is_folder) {
            _ if is_sealed => {
                let bundle = Bundle::open(path, options.key.as_ref())?;
                let (_, model) = bundle.feed(false)?;
                (Kind::Bundle(bundle), model)
            }
            (true, _) => (Kind::Export { folder: path.to_owned() }, folder::manifest(path)?),
            (_, true) => (Kind::Photos { folder: path.to_owned(), named_ids: options.named_ids }, None),
            _ => (Kind::Table { path: path.to_owned() }, None),
        };
        let mut source = Self { kind, counts: Counts::default(), model };
        let mut feed = source.feed_with(false)?;
        while let Some(item) = feed.next()? {
            if let Item::Person(person) = item {
                let photos = person.images.iter().filter(|image| !matches!(image.photo, Photo::None));
                source.counts.people += 1;
                source.counts.photos += photos.clone().count();
                source.counts.unencoded += photos.filter(|image| image.encoding.is_none()).count();
            }
            let step = match &feed {
                Feed::Bundle(feed) => {
                    let (done, total) = feed.progress();
                    Step::bytes("reading the bundle", done, Some(total))
                }
                _ => Step::unchanged(),
            };
            if progress.report(step).is_break() {
                return Err(cancelled("the import was stopped before anybody was added"));
            }
        }
        Ok(source)
    }

    /// How many people there are.
    #[must_use]
    pub fn people(&self) -> usize {
        self.counts.people
    }

    /// How many photos they have together.
    #[must_use]
    pub fn photos(&self) -> usize {
        self.counts.photos
    }

    /// What made the encodings; `None` where the source has none.
    #[must_use]
    pub fn model(&self) -> Option<&ModelInfo> {
        self.model.as_ref()
    }

    /// How many of the photos have to be encoded for this vault, as far as is known before they are read. Where there
    /// are any, the vault has to be opened with an engine.
    ///
    /// # Errors
    /// As for every read.
    pub fn photos_to_encode(&self, vault: &Vault, encode_anew: bool) -> Result<usize> {
        let are_taken = !encode_anew && self.encodings_are_taken(vault)?;
        Ok(if are_taken { self.counts.unencoded } else { self.counts.photos })
    }

    /// Whether the encodings of this source are such as the vault has.
    pub(super) fn encodings_are_taken(&self, vault: &Vault) -> Result<bool> {
        let Some(stated) = &self.model else { return Ok(false) };
        let wanted = vault.model_for(stated)?;
        Ok(wanted.is_some_and(|wanted| {
            let is_other_mode = wanted.mode.zip(stated.mode).is_some_and(|(wanted, stated)| wanted != stated);
            (wanted.id, wanted.dimension) == (stated.id, stated.dimension) && !is_other_mode
        }))
    }

    /// All that is in it, from the beginning.
    pub(super) fn feed(&self) -> Result<Feed> {
        self.feed_with(true)
    }

    /// The same, where photos are at hand with or without their bytes.
    fn feed_with(&self, has_photos: bool) -> Result<Feed> {
        Ok(match &self.kind {
            Kind::Bundle(bundle) => Feed::Bundle(Box::new(bundle.feed(has_photos)?.0)),
            Kind::Photos { folder, named_ids } => {
                Feed::Photos(PhotosFeed { paths: listed(folder)?.into_iter(), named_ids: *named_ids })
            }
            Kind::Table { path } => {
                let root = path.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Feed::Table(Box::new(TableFeed {
                    root: root.to_owned(),
                    people: Reader::open(path, false)?,
                    collections: None,
                    encodings: None,
                    is_export: false,
                }))
            }
            Kind::Export { folder } => {
                let collections = Lines::open(&folder::inside(folder, COLLECTIONS)?)?;
                if collections.columns() != COLLECTION_COLUMNS {
                    let rule = format!("must have the columns {} of an export", COLLECTION_COLUMNS.join(", "));
                    return Err(Error::invalid(COLLECTIONS, Rule::Other(rule)));
                }
                let encodings = match &self.model {
                    Some(model) => Some(Encodings::open(&folder::inside(folder, FILE)?, model.id, model.dimension)?),
                    None => None,
                };
                Feed::Table(Box::new(TableFeed {
                    root: folder.clone(),
                    people: Reader::open(&folder::inside(folder, PEOPLE)?, true)?,
                    collections: Some(collections),
                    encodings,
                    is_export: true,
                }))
            }
        })
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("counts", &self.counts).field("model", &self.model).finish_non_exhaustive()
    }
}

/// What comes out of a source.
pub(super) enum Item {
    /// A collection, before the first person who is in it.
    Collection(NewCollection),
    /// A person.
    Person(Box<Incoming>),
}

/// A person as a source has it.
pub(super) struct Incoming {
    /// A path, or a line of a table.
    pub(super) from: String,
    /// The id as the source writes it; empty where there is none.
    pub(super) id: String,
    /// The name as the source writes it.
    pub(super) name: String,
    /// Everything but photos and encodings, or what is wrong with it.
    pub(super) new: Result<NewPerson>,
    pub(super) images: Vec<IncomingImage>,
}

/// A photo, an encoding, or both.
pub(super) struct IncomingImage {
    /// How the source calls it.
    pub(super) name: String,
    pub(super) photo: Photo,
    /// The encoding, with the SHA-256 of the photo that it was made of.
    pub(super) encoding: Option<Encoded>,
}

pub(super) enum Photo {
    /// The encoding was given without one.
    None,
    /// In a file that is read later.
    File(PathBuf),
    /// At hand.
    Bytes(ImageBytes),
}

/// An encoding of a source.
pub(super) enum Encoded {
    /// In the file of an export that is read later.
    Record(u64),
    /// At hand, and of the photo beside it.
    Given(FaceEncoding),
}

/// Goes through a source once.
pub(super) enum Feed {
    Photos(PhotosFeed),
    Table(Box<TableFeed>),
    Bundle(Box<BundleFeed>),
}

impl Feed {
    pub(super) fn next(&mut self) -> Result<Option<Item>> {
        match self {
            Self::Photos(feed) => feed.next(),
            Self::Table(feed) => feed.next(),
            Self::Bundle(feed) => feed.next(),
        }
    }

    /// Reads an encoding that is not at hand.
    pub(super) fn encoding(&mut self, record: u64) -> Result<(PhotoHash, FaceEncoding)> {
        match self {
            Self::Table(feed) if feed.encodings.is_some() => match &mut feed.encodings {
                Some(encodings) => encodings.read(record),
                None => Err(no_encodings()),
            },
            _ => Err(no_encodings()),
        }
    }
}

fn no_encodings() -> Error {
    Error::new(ErrorKind::Invalid, "the table names an encoding, and the export has none")
}

/// One person for each folder, who has the photos in it, and one for each photo beside them. Names are those of the
/// folders, and of the photos without their extension.
pub(super) struct PhotosFeed {
    paths: std::vec::IntoIter<PathBuf>,
    named_ids: bool,
}

impl PhotosFeed {
    fn next(&mut self) -> Result<Option<Item>> {
        let Some(path) = self.paths.next() else { return Ok(None) };
        let (name, photos) = match path.is_dir() {
            true => (path.file_name(), listed(&path)?.into_iter().filter(|photo| photo.is_file()).collect()),
            false => (path.file_stem(), vec![path.clone()]),
        };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        let id = if self.named_ids { name.clone() } else { String::new() };
        let mut body = Body::default();
        if self.named_ids {
            body.set("_id", name.clone());
        }
        body.set("name", name.clone());
        let image =
            |photo: PathBuf| IncomingImage { name: file_name(&photo), photo: Photo::File(photo), encoding: None };
        let images = photos.into_iter().map(image).collect();
        let from = path.display().to_string();
        Ok(Some(Item::Person(Box::new(Incoming { from, id, name, new: body.read(), images }))))
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is in a folder, in the order of the names. Hidden files are passed over.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error| system("list", folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

/// One person for each line. Photos are files in the folder of the table.
pub(super) struct TableFeed {
    root: PathBuf,
    people: Reader,
    /// Those of an export, which come first.
    collections: Option<Lines>,
    encodings: Option<Encodings>,
    is_export: bool,
}

impl TableFeed {
    fn next(&mut self) -> Result<Option<Item>> {
        if let Some(lines) = &mut self.collections {
            if let Some((line, record)) = lines.next()? {
                let cell = |at: usize| super::cell::unguarded(record.get(at).unwrap_or_default());
                let wrong = |error: Error| {
                    let message = format!("{COLLECTIONS}, line {line}: {error}");
                    Error::new(ErrorKind::Invalid, message).caused_by(error)
                };
                let id = CollectionId::new(cell(0)).map_err(wrong)?;
                let description = Some(cell(2)).filter(|text| !text.is_empty()).map(str::to_owned);
                let new = NewCollection { id: Some(id), name: cell(1).to_owned(), description };
                new.validate().map_err(wrong)?;
                return Ok(Some(Item::Collection(new)));
            }
            self.collections = None;
        }
        let Some(row) = self.people.next()? else { return Ok(None) };
        let mut images = Vec::with_capacity(row.images.len());
        for image in row.images {
            let (name, photo) = match image.photo {
                None => (String::new(), Photo::None),
                Some(named) => {
                    let path = self.root.join(&named);
                    (file_name(&path), Photo::File(if self.is_export { PathBuf::from(named) } else { path }))
                }
            };
            images.push(IncomingImage { name, photo, encoding: image.encoding.map(Encoded::Record) });
        }
        let from = format!("line {}", row.line);
        let person = Incoming { from, id: row.id, name: row.name, new: row.new, images };
        Ok(Some(Item::Person(Box::new(person))))
    }

    /// The folder in which the table's photos are, if it is one that was exported.
    fn exported(&self) -> Option<&Path> {
        self.is_export.then_some(self.root.as_path())
    }
}

impl Feed {
    /// The file of a photo, if it may be read.
    pub(super) fn file(&self, path: PathBuf) -> Result<PathBuf> {
        match self {
            Self::Table(feed) => match feed.exported() {
                Some(folder) => folder::inside(folder, &path.to_string_lossy()),
                None => Ok(path),
            },
            Self::Photos(_) | Self::Bundle(_) => Ok(path),
        }
    }
}

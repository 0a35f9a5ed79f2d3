//! An export as a folder.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::destination::{create_private, create_private_folder};
use super::export::Sink;
use super::manifest::{MOST, Manifest};
use super::table::{ImageCell, Writer};
use super::{encodings, photos, system};
use crate::error::{Error, ErrorKind, Result};
use crate::person::{Collection, Person, PersonImage};
use crate::store::ModelInfo;

/// What says that a folder is an export.
pub(super) const MANIFEST: &str = "facevault-export.json";
/// The table of people.
pub(super) const PEOPLE: &str = "people.csv";
/// The table of collections.
pub(super) const COLLECTIONS: &str = "collections.csv";
/// Its columns.
pub(super) const COLLECTION_COLUMNS: [&str; 3] = ["_id", "name", "description"];
/// The folder with a folder of photos for each person.
const PHOTOS: &str = "people";

/// Whether a folder is an export.
pub(super) fn is_export(folder: &Path) -> bool {
    folder.join(MANIFEST).symlink_metadata().is_ok_and(|file| file.is_file())
}

/// Reads what an exported folder says of itself.
pub(super) fn manifest(folder: &Path) -> Result<Option<ModelInfo>> {
    let path = folder.join(MANIFEST);
    let text = crate::files::read_text(&path, MOST).map_err(|error| system("read", &path, error))?;
    Ok(Manifest::read(text.as_bytes())?.1)
}

/// The file that the table of an exported folder names. It has to be inside, and no link on the way may lead elsewhere:
/// the folder may come from somebody who would like to see a file of this machine in a vault.
pub(super) fn inside(folder: &Path, named: &str) -> Result<PathBuf> {
    let path = Path::new(named);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || path.as_os_str().is_empty() {
        let message = format!("{named:?} is no path inside the exported folder");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let mut whole = folder.to_owned();
    for part in path.components() {
        whole.push(part);
        let found = whole.symlink_metadata().map_err(|error| system("read", &whole, error))?;
        if found.is_symlink() {
            let message = format!("{} is a link, which an exported folder may not have", whole.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    }
    Ok(whole)
}

/// A folder that is being written.
pub(super) struct Folder {
    root: PathBuf,
    people: Writer,
    collections: Writer,
    encodings: Option<BufWriter<File>>,
    records: u64,
    model: Option<ModelInfo>,
    has_photos: bool,
}

impl Folder {
    pub(super) fn begin(root: &Path, keys: Vec<String>, model: Option<&ModelInfo>) -> Result<Self> {
        let create = |name: &str| {
            let path = root.join(name);
            create_private(&path).map_err(|error| system("write", &path, error))
        };
        Ok(Self {
            root: root.to_owned(),
            people: Writer::new(&root.join(PEOPLE), create(PEOPLE)?, keys, true)?,
            collections: Writer::of_columns(&root.join(COLLECTIONS), create(COLLECTIONS)?, &COLLECTION_COLUMNS)?,
            encodings: model.map(|_| create(encodings::FILE).map(BufWriter::new)).transpose()?,
            records: 0,
            model: model.cloned(),
            has_photos: false,
        })
    }

    /// Makes the folder for a person's photos, and returns its path in the export. Names that differ in case alone are
    /// the same for some file systems.
    fn folder_of(&mut self, id: &str) -> Result<String> {
        let photos = self.root.join(PHOTOS);
        if !self.has_photos {
            create_private_folder(&photos).map_err(|error| system("write", &photos, error))?;
            self.has_photos = true;
        }
        let names = std::iter::once(id.to_owned()).chain((2..).map(|number| format!("{id}.{number}")));
        for name in names {
            let path = photos.join(&name);
            match create_private_folder(&path) {
                Ok(()) => return Ok(format!("{PHOTOS}/{name}")),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(system("write", &path, error)),
            }
        }
        Err(Error::new(ErrorKind::Io, "there is no name left for a folder"))
    }

    fn image(&mut self, place: usize, image: &PersonImage, folder: &mut Option<String>, id: &str) -> Result<ImageCell> {
        let photo = match &image.bytes {
            None => None,
            Some(bytes) => {
                let folder = match folder {
                    Some(folder) => folder,
                    None => folder.insert(self.folder_of(id)?),
                };
                let named = format!("{folder}/{}.{}", place + 1, photos::extension(bytes));
                let path = self.root.join(&named);
                let written = create_private(&path).and_then(|mut file| file.write_all(bytes));
                written.map_err(|error| system("write", &path, error))?;
                Some(named)
            }
        };
        let encoding = match (&image.encoding, &mut self.encodings) {
            (Some(encoding), Some(out)) => {
                let hash = image.bytes.as_ref().map(|bytes| Sha256::digest(bytes).into()).unwrap_or_default();
                let written = encodings::write(out, &hash, encoding);
                written.map_err(|error| system("write", &self.root.join(encodings::FILE), error))?;
                self.records += 1;
                Some(self.records - 1)
            }
            _ => None,
        };
        Ok(ImageCell { photo, encoding })
    }
}

impl Sink for Folder {
    fn collection(&mut self, collection: &Collection) -> Result<()> {
        let description = collection.description.clone().unwrap_or_default();
        self.collections.write(&[collection.id.to_string(), collection.name.clone(), description])
    }

    fn person(&mut self, person: &Person) -> Result<()> {
        let mut folder = None;
        let mut cells = Vec::with_capacity(person.images.len());
        for (place, image) in person.images.iter().enumerate() {
            cells.push(self.image(place, image, &mut folder, person.id.as_str())?);
        }
        self.people.person(person, &cells)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { root, people, collections, encodings, model, .. } = *self;
        people.finish()?;
        collections.finish()?;
        if let Some(encodings) = encodings {
            let flushed = encodings.into_inner().map_err(std::io::IntoInnerError::into_error);
            flushed.map_err(|error| system("write", &root.join(encodings::FILE), error))?;
        }
        let path = root.join(MANIFEST);
        let text = Manifest::new(model.as_ref()).text();
        let written = create_private(&path).and_then(|mut file| file.write_all(&text));
        written.map_err(|error| system("write", &path, error))
    }
}

//! Where the people of an import come from: a folder of photos, or a CSV file.

use std::fs;
use std::path::{Path, PathBuf};

use facevault::{Error, ErrorKind, NewPerson, Result, Rule};

use super::super::fields::{Body, COLUMNS};

/// Separates photos and collections in their cell.
const SEPARATOR: char = ';';

/// A person to be imported: everything but photos, or what is wrong with it.
pub(super) struct Entry {
    pub(super) origin: Origin,
    pub(super) new: Result<NewPerson>,
}

/// Where a person comes from.
pub(super) struct Origin {
    /// A path, or a line of the CSV file.
    pub(super) from: String,
    /// The photos' files.
    pub(super) photos: Vec<PathBuf>,
}

/// The people of a folder or of a CSV file, in their order. With `named_ids` a folder's or photo's name
/// is the id as well.
pub(super) fn read(source: &Path, named_ids: bool) -> Result<Vec<Entry>> {
    if source.is_dir() {
        return of_folder(source, named_ids);
    }
    if named_ids {
        let rule = Rule::Other("is for folders; a CSV file has a column `_id`".to_owned());
        return Err(Error::invalid("ids", rule));
    }
    of_csv(source)
}

/// One person for each folder in `folder`, who has the photos in it, and one for each photo beside them.
/// Names are those of the folders, and of the photos without their extension.
fn of_folder(folder: &Path, named_ids: bool) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for path in listed(folder)? {
        let (name, photos) = match path.is_dir() {
            true => (path.file_name(), listed(&path)?.into_iter().filter(|photo| photo.is_file()).collect()),
            false => (path.file_stem(), vec![path.clone()]),
        };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        let mut body = Body::default();
        body.set("_id", named_ids.then(|| name.clone()));
        body.set("name", Some(name));
        let new = NewPerson::from_json(&body.into_json());
        entries.push(Entry { origin: Origin { from: path.display().to_string(), photos }, new });
    }
    Ok(entries)
}

/// What is in a folder, in the order of the names. Hidden files are passed over.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |error: std::io::Error| {
        Error::new(ErrorKind::Io, format!("cannot list {}: {error}", folder.display())).caused_by(error)
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

/// One person for each line. Photos are files beside the CSV file, unless their paths are absolute.
fn of_csv(path: &Path) -> Result<Vec<Entry>> {
    let cannot = |error: csv::Error| {
        let kind = match error.kind() {
            csv::ErrorKind::Io(cause) if cause.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            csv::ErrorKind::Io(_) => ErrorKind::Io,
            _ => ErrorKind::Invalid,
        };
        Error::new(kind, format!("cannot read {} as CSV: {error}", path.display())).caused_by(error)
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_path(path).map_err(cannot)?;
    let mut columns: Vec<String> = reader.headers().map_err(cannot)?.iter().map(str::to_owned).collect();
    // Spreadsheets write a byte order mark.
    if let Some(first) = columns.first_mut() {
        *first = first.trim_start_matches('\u{feff}').to_owned();
    }
    require_known(&columns)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.map_err(cannot)?;
        let line = record.position().map_or(0, csv::Position::line);
        let (mut body, mut photos) = (Body::default(), Vec::new());
        for (column, cell) in columns.iter().zip(&record).filter(|(_, cell)| !cell.is_empty()) {
            let parts = || cell.split(SEPARATOR).map(str::trim).filter(|part| !part.is_empty());
            match column.as_str() {
                "images" => photos.extend(parts().map(|photo| folder.join(photo))),
                column if attribute_of(column).is_some() => {
                    let key = attribute_of(column).unwrap_or_default();
                    body.set_attributes(&[(key.to_owned(), cell.to_owned())], &[]);
                }
                "collections" => body.set(column, Some(parts().map(str::to_owned).collect::<Vec<_>>())),
                _ => body.set(column, Some(cell)),
            }
        }
        let new = NewPerson::from_json(&body.into_json());
        entries.push(Entry { origin: Origin { from: format!("line {line}"), photos }, new });
    }
    Ok(entries)
}

/// The key of the attribute that a column holds.
fn attribute_of(column: &str) -> Option<&str> {
    column.strip_prefix("attribute.")
}

/// Refuses columns that say nothing of a person, and a file without names.
fn require_known(columns: &[String]) -> Result<()> {
    let is_known = |column: &str| {
        COLUMNS.contains(&column) || ["images", "collections"].contains(&column) || attribute_of(column).is_some()
    };
    if let Some(unknown) = columns.iter().find(|column| !is_known(column)) {
        let found = format!(
            "has the column {unknown:?}; columns may be {}, images, collections and attribute.KEY, and the first line \
             names them",
            COLUMNS.join(", ")
        );
        return Err(Error::invalid("csv", Rule::Other(found)));
    }
    if !columns.iter().any(|column| column == "name") {
        return Err(Error::invalid("csv", Rule::Other("needs a column `name` in its first line".to_owned())));
    }
    Ok(())
}

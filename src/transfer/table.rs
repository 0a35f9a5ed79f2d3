//! Tables of people as CSV: a person a line, the first line names the columns.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::cell::{guarded, unguarded};
use super::fields::{Body, COLUMNS, texts};
use super::system;
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::person::{NewPerson, Person};

/// Separates photos, encodings and collections in their cell.
const SEPARATOR: char = ';';

/// In the table of an export: there is no photo, or no encoding, at this place.
const NONE: &str = "none";

/// The attributes of a person that have no column of their own, as a JSON object.
const ATTRIBUTES: &str = "attributes";

/// The most keys of attributes that get a column of their own.
pub(super) const MOST_KEYS: usize = 200;

/// The most columns that are read.
const MOST_COLUMNS: usize = 4_096;

/// The most bytes of a line that are read; all that a person may have is less.
const MOST_BYTES: u64 = 4 << 20;

/// What the first columns of an exported table are.
pub(super) fn first_columns() -> Vec<String> {
    COLUMNS.iter().chain(&["collections"]).map(|&column| column.to_owned()).collect()
}

/// Writes a table.
pub(super) struct Writer {
    path: PathBuf,
    out: csv::Writer<BufWriter<File>>,
    /// The keys of attributes that have a column.
    keys: Vec<String>,
    has_images: bool,
}

/// A photo and its encoding, as the table of an export names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageCell {
    /// The photo's path in the folder.
    pub(super) photo: Option<String>,
    /// The number of the encoding's record.
    pub(super) encoding: Option<u64>,
}

impl Writer {
    pub(super) fn new(path: &Path, file: File, keys: Vec<String>, has_images: bool) -> Result<Self> {
        let mut writer =
            Self { path: path.to_owned(), out: csv::Writer::from_writer(BufWriter::new(file)), keys, has_images };
        let mut columns = first_columns();
        columns.extend(writer.keys.iter().map(|key| format!("attribute.{key}")));
        columns.push(ATTRIBUTES.to_owned());
        if has_images {
            columns.extend(["images".to_owned(), "encodings".to_owned()]);
        }
        writer.write(&columns)?;
        Ok(writer)
    }

    pub(super) fn person(&mut self, person: &Person, images: &[ImageCell]) -> Result<()> {
        let mut cells = texts(person).to_vec();
        let collections: Vec<&str> = person.collections.iter().map(|id| id.as_str()).collect();
        cells.push(collections.join(&SEPARATOR.to_string()));
        let mut others = BTreeMap::new();
        for (key, value) in &person.attributes {
            // An empty cell is no attribute at all.
            if value.is_empty() || !self.keys.contains(key) {
                others.insert(key, value);
            }
        }
        cells.extend(self.keys.iter().map(|key| person.attributes.get(key).cloned().unwrap_or_default()));
        cells.push(match others.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&others).unwrap_or_default(),
        });
        if self.has_images {
            let photo = |image: &ImageCell| image.photo.clone().unwrap_or_else(|| NONE.to_owned());
            let encoding = |image: &ImageCell| image.encoding.map_or_else(|| NONE.to_owned(), |row| row.to_string());
            cells.push(images.iter().map(photo).collect::<Vec<_>>().join(&SEPARATOR.to_string()));
            cells.push(images.iter().map(encoding).collect::<Vec<_>>().join(&SEPARATOR.to_string()));
        }
        self.write(&cells)
    }

    /// Writes a line of texts.
    pub(super) fn write(&mut self, cells: &[String]) -> Result<()> {
        let cells = cells.iter().map(|cell| guarded(cell));
        self.out.write_record(cells.map(|cell| cell.into_owned())).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => system("write", &self.path, error),
            _ => Error::new(ErrorKind::Io, format!("cannot write {}", self.path.display())),
        })
    }

    /// A table with other columns.
    pub(super) fn of_columns(path: &Path, file: File, columns: &[&str]) -> Result<Self> {
        let out = csv::Writer::from_writer(BufWriter::new(file));
        let mut writer = Self { path: path.to_owned(), out, keys: Vec::new(), has_images: false };
        writer.write(&columns.iter().map(|&column| column.to_owned()).collect::<Vec<_>>())?;
        Ok(writer)
    }

    /// Hands all that was written to the system.
    pub(super) fn finish(self) -> Result<()> {
        let whole = self.out.into_inner().map_err(|error| error.into_error());
        let flushed = whole.and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error));
        flushed.map(drop).map_err(|error| system("write", &self.path, error))
    }
}

/// Reads a table line by line.
pub(super) struct Lines {
    path: PathBuf,
    lines: csv::Reader<Bounded>,
    columns: Vec<String>,
}

/// A file of which so much can be read before somebody says that more is wanted.
struct Bounded {
    file: File,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let message = format!("a line has more than {MOST_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut buffer[..wanted])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = crate::files::open(path).map_err(|error| system("read", path, error))?;
        let bounded = Bounded { file, left: MOST_BYTES };
        let mut lines = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bounded);
        let first = lines.headers().map_err(|error| unreadable(path, error))?;
        let mut columns: Vec<String> = first.iter().map(|column| unguarded(column).to_owned()).collect();
        // Spreadsheets write a byte order mark.
        if let Some(first) = columns.first_mut() {
            *first = first.trim_start_matches('\u{feff}').to_owned();
        }
        if columns.len() > MOST_COLUMNS {
            let found = format!("has {} columns, at most {MOST_COLUMNS} are read", columns.len());
            return Err(Error::invalid("csv", Rule::Other(found)));
        }
        let twice = (1..columns.len()).find(|&at| columns[..at].contains(&columns[at]));
        if let Some(twice) = twice {
            let found = format!("names the column {:?} twice", crate::validate::shortened(&columns[twice]));
            return Err(Error::invalid("csv", Rule::Other(found)));
        }
        Ok(Self { path: path.to_owned(), lines, columns })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next line with its number; `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<(u64, StringRecord)>> {
        self.lines.get_mut().left = MOST_BYTES;
        let mut record = StringRecord::new();
        match self.lines.read_record(&mut record).map_err(|error| unreadable(&self.path, error))? {
            true => Ok(Some((record.position().map_or(0, csv::Position::line), record))),
            false => Ok(None),
        }
    }
}

fn unreadable(path: &Path, error: csv::Error) -> Error {
    let message = format!("cannot read {} as CSV: {error}", path.display());
    let kind = match error.kind() {
        csv::ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::NotFound => ErrorKind::NotFound,
        csv::ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::InvalidData => ErrorKind::Invalid,
        csv::ErrorKind::Io(_) => ErrorKind::Io,
        _ => ErrorKind::Invalid,
    };
    Error::new(kind, message).caused_by(error)
}

/// Reads a table of people.
pub(super) struct Reader {
    lines: Lines,
    /// Whether it is the table of an export, whose cells name encodings too.
    is_export: bool,
}

/// What a line says of a person.
pub(super) struct Row {
    pub(super) line: u64,
    /// As it is written there.
    pub(super) id: String,
    /// As it is written there.
    pub(super) name: String,
    /// Everything but photos, or what is wrong with it.
    pub(super) new: Result<NewPerson>,
    pub(super) images: Vec<ImageCell>,
}

impl Reader {
    pub(super) fn open(path: &Path, is_export: bool) -> Result<Self> {
        let lines = Lines::open(path)?;
        require_known(lines.columns(), is_export)?;
        Ok(Self { lines, is_export })
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        let Some((line, record)) = self.lines.next()? else { return Ok(None) };
        let (mut id, mut name) = (String::new(), String::new());
        let (mut body, mut broken) = (Body::default(), None);
        let (mut photos, mut encodings) = (Vec::new(), None);
        for (column, cell) in self.lines.columns().iter().zip(&record) {
            let cell = unguarded(cell);
            let parts = || cell.split(SEPARATOR).map(str::trim).filter(|part| !part.is_empty());
            if cell.is_empty() {
                continue;
            }
            match column.as_str() {
                "images" => photos.extend(parts().map(str::to_owned)),
                "encodings" => encodings = Some(parts().map(str::to_owned).collect::<Vec<_>>()),
                "collections" => body.set(column, parts().map(str::to_owned).collect::<Vec<_>>()),
                ATTRIBUTES => broken = body.set_attributes(cell).err(),
                column => match attribute_of(column) {
                    Some(key) => body.set_attribute(key, cell),
                    None => {
                        body.set(column, cell);
                        match column {
                            "_id" => cell.clone_into(&mut id),
                            "name" => cell.clone_into(&mut name),
                            _ => {}
                        }
                    }
                },
            }
        }
        let images = self.images(photos, encodings.unwrap_or_default());
        let (new, images) = match (body.read(), images, broken) {
            (Ok(new), Ok(images), None) => (Ok(new), images),
            (Err(error), ..) | (_, Err(error), _) | (_, _, Some(error)) => (Err(error), Vec::new()),
        };
        Ok(Some(Row { line, id, name, new, images }))
    }

    /// The photos and encodings of a line. In the table of an export both cells have as many places.
    fn images(&self, photos: Vec<String>, encodings: Vec<String>) -> Result<Vec<ImageCell>> {
        if !self.is_export {
            return Ok(photos.into_iter().map(|photo| ImageCell { photo: Some(photo), encoding: None }).collect());
        }
        if !encodings.is_empty() && encodings.len() != photos.len() {
            let found = format!("must have as many places as `images`: {}, not {}", photos.len(), encodings.len());
            return Err(Error::invalid("encodings", Rule::Other(found)));
        }
        let number = |text: &String| match text.as_str() {
            NONE => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                let rule = format!("must be numbers of records or `{NONE}`, separated by `{SEPARATOR}`");
                Error::invalid("encodings", Rule::Other(rule))
            }),
        };
        let encodings: Vec<Option<u64>> = encodings.iter().map(number).collect::<Result<_>>()?;
        let images = photos.into_iter().enumerate().map(|(at, photo)| ImageCell {
            photo: Some(photo).filter(|photo| photo != NONE),
            encoding: encodings.get(at).copied().flatten(),
        });
        Ok(images.filter(|image| image.photo.is_some() || image.encoding.is_some()).collect())
    }
}

/// The key of the attribute that a column holds.
fn attribute_of(column: &str) -> Option<&str> {
    column.strip_prefix("attribute.")
}

/// Refuses columns that say nothing of a person, and a file without names.
fn require_known(columns: &[String], is_export: bool) -> Result<()> {
    let is_known = |column: &str| {
        COLUMNS.contains(&column)
            || ["images", "collections", ATTRIBUTES].contains(&column)
            || attribute_of(column).is_some()
            || column == "encodings" && is_export
    };
    if columns.iter().any(|column| column == "encodings") && !is_export {
        let rule = "belongs to an exported folder: import that folder instead".to_owned();
        return Err(Error::invalid("csv", Rule::Other(rule)));
    }
    if let Some(unknown) = columns.iter().find(|column| !is_known(column)) {
        let found = format!(
            "has the column {:?}; columns may be {}, images, collections, attribute.KEY and {ATTRIBUTES}, and the first \
             line names them",
            crate::validate::shortened(unknown),
            COLUMNS.join(", ")
        );
        return Err(Error::invalid("csv", Rule::Other(found)));
    }
    if !columns.iter().any(|column| column == "name") {
        return Err(Error::invalid("csv", Rule::Other("needs a column `name` in its first line".to_owned())));
    }
    Ok(())
}

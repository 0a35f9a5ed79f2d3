//! What is compared with what: photos, their people, and pairs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use crate::error::{Error, ErrorKind, Result};
use crate::models::Sha256;

/// Photos whose people are known, and the pairs of them that a protocol compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The name of its folder or list of pairs.
    pub name: String,
    /// The folder that photos are relative to.
    pub root: PathBuf,
    /// The file that lists the pairs, if there is one.
    pub list: Option<PathBuf>,
    /// The photos, relative to `root`.
    pub photos: Vec<PathBuf>,
    /// The person in each photo: people are numbered from 0 in the order of their first photo.
    pub people: Vec<u32>,
    /// The pairs to compare; `None` for all against all.
    pub pairs: Option<Vec<DatasetPair>>,
    /// How many entries of a folder of people were passed over (see [`Self::of_people`]); 0 for a list of pairs.
    pub ignored: usize,
}

/// A pair of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetPair {
    /// The place of one photo among the photos.
    pub a: usize,
    /// The place of the other.
    pub b: usize,
    /// Whether both show one person.
    pub same: bool,
    /// The fold of the ten-fold protocol, from 0; 0 where a list has no folds.
    pub fold: usize,
}

impl Dataset {
    /// The data at `path`: a folder of people; a `.csv` file of pairs, see [`Self::of_pairs_csv`];
    /// any other file as LFW's `pairs.txt`, see [`Self::of_lfw_pairs`]. `photos` is the folder of a
    /// list's photos, by default the list's own.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is nothing at `path`, and as for those.
    pub fn open(path: &Path, photos: Option<&Path>) -> Result<Self> {
        if path.is_dir() {
            if photos.is_some() {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "{} is a folder of people: a folder of photos can only be given with a list of pairs",
                        path.display()
                    ),
                ));
            }
            return Self::of_people(path);
        }
        if !path.is_file() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no folder or file {}", path.display())));
        }
        let root = photos.or_else(|| path.parent()).unwrap_or(Path::new(""));
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            Self::of_pairs_csv(path, root)
        } else {
            Self::of_lfw_pairs(path, root)
        }
    }

    /// SHA-256 over the data, as 64 hexadecimal digits: that of the text that has one line
    /// `<SHA-256 of the file>  <path>` for the list and each photo, sorted by path, which is what
    /// `sha256sum` prints. Equal data has an equal hash wherever it lies.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where a file cannot be read.
    pub fn sha256(&self) -> Result<String> {
        let of_file = |path: &Path, shown: String| {
            Sha256::of_file(path).map(|sha256| (shown, sha256)).map_err(|error| unreadable(path, error))
        };
        let mut lines: Vec<(String, Sha256)> = self
            .photos
            .par_iter()
            .map(|photo| of_file(&self.root.join(photo), with_slashes(photo)))
            .collect::<Result<_>>()?;
        if let Some(list) = &self.list {
            let name = list.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            lines.push(of_file(list, name)?);
        }
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        let mut text = String::new();
        for (path, sha256) in lines {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{sha256}  {path}");
        }
        Ok(Sha256::of(text.as_bytes()).to_string())
    }
}

/// An error that says which file could not be read.
pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{} cannot be read", path.display())).caused_by(error)
}

/// A path as it is written with `/`, without `.` parts.
pub(super) fn with_slashes(path: &Path) -> String {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir | Component::RootDir));
    let joined = parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
    if path.is_absolute() { format!("/{joined}") } else { joined }
}

/// The last part of a path, for naming data after it.
pub(super) fn name_of(path: &Path) -> String {
    let named = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    named.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Numbers photos as a list of pairs names them, and collects those that are not there.
pub(super) struct PhotoList<'a> {
    file: &'a Path,
    root: &'a Path,
    pub(super) photos: Vec<PathBuf>,
    places: HashMap<PathBuf, usize>,
    missing: Vec<String>,
}

impl<'a> PhotoList<'a> {
    pub(super) fn new(file: &'a Path, root: &'a Path) -> Self {
        Self { file, root, photos: Vec::new(), places: HashMap::new(), missing: Vec::new() }
    }

    /// The place of a photo that line `line` names in `column`.
    pub(super) fn place(&mut self, photo: &Path, line: u64, column: &str) -> usize {
        let photo: PathBuf = photo.components().filter(|part| !matches!(part, Component::CurDir)).collect();
        if let Some(place) = self.places.get(&photo) {
            return *place;
        }
        if !self.root.join(&photo).is_file() {
            self.missing.push(format!("line {line}, {column}: there is no photo {}", photo.display()));
        }
        self.places.insert(photo.clone(), self.photos.len());
        self.photos.push(photo);
        self.photos.len() - 1
    }

    /// The photos, if all are there.
    pub(super) fn finish(self) -> Result<Vec<PathBuf>> {
        let Some(first) = self.missing.first() else { return Ok(self.photos) };
        let more = match self.missing.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more photos are missing)"),
        };
        Err(Error::new(
            ErrorKind::NotFound,
            format!("{}, {first} in {}{more}", self.file.display(), self.root.display()),
        ))
    }
}

/// An error at a place of a list.
pub(super) fn wrong(file: &Path, line: u64, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, format!("{}, line {line}{what}", file.display()))
}

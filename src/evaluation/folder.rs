//! A folder of people: one folder for each, with the person's photos in it.

use std::fs;
use std::path::{Path, PathBuf};

use super::dataset::{Dataset, name_of, unreadable};
use crate::error::{Error, ErrorKind, Result};

/// Endings of photos, also of formats that are not read: such a photo counts as one without face
/// rather than being passed over.
const PHOTOS: [&str; 19] = [
    "avif", "bmp", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jpeg", "jpg", "jxl", "pbm", "pgm", "png", "pnm",
    "ppm", "tif", "tiff", "webp",
];

impl Dataset {
    /// A folder of people: every folder in it stands for a person, and every photo in that folder shows the person.
    ///
    /// Files and folders whose names start with a dot, files beside the people's folders, and files
    /// in them whose ending is not that of a photo are passed over and counted. People and photos
    /// are in the order of their names.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) with fewer than two people, and for a person's folder without
    /// a photo; [`Io`](ErrorKind::Io) where a folder cannot be read.
    pub fn of_people(root: &Path) -> Result<Self> {
        let (mut photos, mut people, mut ignored) = (Vec::new(), Vec::new(), 0);
        let mut count = 0;
        for person in entries(root)? {
            if !root.join(&person).is_dir() || is_hidden(&person) {
                ignored += 1;
                continue;
            }
            let files = entries(&root.join(&person))?;
            let all = files.len();
            let own: Vec<PathBuf> = files.into_iter().filter(|file| is_photo(&root.join(&person).join(file))).collect();
            if own.is_empty() {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "{} holds no photo: a folder of people has one folder per person, with the photos in it",
                        root.join(&person).display()
                    ),
                ));
            }
            ignored += all - own.len();
            people.extend(own.iter().map(|_| count));
            photos.extend(own.iter().map(|photo| person.join(photo)));
            count += 1;
        }
        if count < 2 {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "{} holds {}: a folder of people has one folder per person, of two people or more",
                    root.display(),
                    if count == 0 { "no folder" } else { "one person" }
                ),
            ));
        }
        Ok(Self { name: name_of(root), root: root.to_owned(), list: None, photos, people, pairs: None, ignored })
    }
}

/// Whether there is a photo at `path`, by its name.
pub(super) fn is_photo(path: &Path) -> bool {
    let name = path.file_name().map(Path::new).unwrap_or(path);
    !is_hidden(name) && has_photo_ending(name) && path.is_file()
}

/// The names in a folder, sorted.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(PathBuf::from(entry?.file_name()))).collect()
    };
    let mut names = list().map_err(|error| unreadable(folder, error))?;
    names.sort();
    Ok(names)
}

pub(super) fn is_hidden(name: &Path) -> bool {
    name.as_os_str().as_encoded_bytes().starts_with(b".")
}

fn has_photo_ending(name: &Path) -> bool {
    name.extension().is_some_and(|ending| PHOTOS.iter().any(|photo| ending.eq_ignore_ascii_case(photo)))
}

/// A folder with these files, each with its path as content.
#[cfg(test)]
pub(super) fn of_files(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, file).expect("a file");
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_photos_come_in_the_order_of_their_names() {
        let root =
            of_files(&["b/2.PNG", "b/1.jpg", "a/x.heic", "a/notes.txt", "a/.hidden.jpg", ".git/x.jpg", "pairs.csv"]);
        let found = Dataset::of_people(root.path()).expect("two people");
        let photos: Vec<_> = found.photos.iter().map(|photo| photo.to_string_lossy().replace('\\', "/")).collect();
        assert_eq!(photos, ["a/x.heic", "b/1.jpg", "b/2.PNG"]);
        assert_eq!((found.people, found.ignored, found.pairs), (vec![0, 1, 1], 4, None));
    }

    #[test]
    fn folders_that_are_none_of_people_are_refused_with_what_is_expected() {
        for (files, said) in [
            (vec!["a.jpg", "b.jpg"], "holds no folder"),
            (vec!["a/1.jpg"], "holds one person"),
            (vec!["train/a/1.jpg", "test/b/1.jpg"], "test holds no photo"),
            (vec!["a/1.jpg", "b/1.txt"], "b holds no photo"),
        ] {
            let root = of_files(&files);
            let error = Dataset::of_people(root.path()).expect_err(said);
            assert!(error.to_string().contains(said) && error.kind() == ErrorKind::Invalid, "{error}");
        }
        let error = Dataset::of_people(Path::new("no/such/folder")).expect_err("nothing there");
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Io, "no/such/folder cannot be read"));
    }

    #[test]
    fn the_hash_is_that_of_the_files_and_their_names_wherever_they_lie() {
        let hash = |files: &[&str]| {
            let root = of_files(files);
            Dataset::of_people(root.path()).and_then(|data| data.sha256()).expect("a hash")
        };
        let known = hash(&["a/1.jpg", "b/1.jpg"]);
        // printf 'a/1.jpg' > a/1.jpg; printf 'b/1.jpg' > b/1.jpg; sha256sum a/1.jpg b/1.jpg | sha256sum
        assert_eq!(known, "7a5c97b986ce7f56b7bac688b59c811298695ba79138881e02f9f8f5f08cc020");
        assert_eq!(hash(&["a/1.jpg", "b/1.jpg", "a/notes.txt"]), known, "only photos count");
        assert_ne!(hash(&["a/1.jpg", "b/2.jpg"]), known);
    }
}

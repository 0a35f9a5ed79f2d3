//! LFW's lists of pairs: `pairs.txt` of View 2 with ten sets, and `pairsDev*.txt` of View 1.
//!
//! The first line has the number of sets and the number n of pairs of each kind in a set, or n
//! alone for one set. Each set is n lines `name number number` of one person, then n lines `name
//! number name number` of two, fields separated by tabs. Photo 7 of a person lies at
//! `name/name_0007.jpg`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::dataset::{Dataset, DatasetPair, PhotoList, name_of, unreadable, wrong};
use crate::error::Result;

impl Dataset {
    /// LFW's list of pairs `file` of the people's folder `root`. Photos are JPEG; where there is no
    /// `.jpg`, a `.png` is taken.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) with the line and what was expected there,
    /// [`NotFound`](crate::ErrorKind::NotFound) with the line and photo that is not there,
    /// [`Io`](crate::ErrorKind::Io) where the file cannot be read.
    pub fn of_lfw_pairs(file: &Path, root: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (sets, size) = head(file, lines.next())?;
        let mut list = PhotoList::new(file, root);
        let (mut people, mut numbers) = (Vec::new(), HashMap::new());
        let mut pairs = Vec::with_capacity(sets.saturating_mul(size).min(1 << 16) * 2);
        for (number, line) in lines {
            let fold = pairs.len() / (2 * size);
            let same = pairs.len() % (2 * size) < size;
            if fold >= sets {
                let announced = announced(sets, size);
                return Err(wrong(file, number, format_args!(": line 1 announces {announced}, and this is one more")));
            }
            let fields: Vec<&str> = line.split_whitespace().collect();
            let named = match (fields.as_slice(), same) {
                (&[name, first, second], true) => [(name, first, 2), (name, second, 3)],
                (&[one, first, other, second], false) => [(one, first, 2), (other, second, 4)],
                _ => {
                    let expected = if same { "name number number" } else { "name number name number" };
                    return Err(wrong(
                        file,
                        number,
                        format_args!(
                            ": a pair of {} is due here, `{expected}`, and there are {} fields",
                            if same { "one person" } else { "two people" },
                            fields.len()
                        ),
                    ));
                }
            };
            let mut places = [0; 2];
            for (place, (name, photo, column)) in places.iter_mut().zip(named) {
                let photo: u32 = photo.parse().map_err(|_| {
                    wrong(file, number, format_args!(", field {column}: {photo:?} is not the number of a photo"))
                })?;
                *place = list.place(&path(root, name, photo), number, &format!("field {column}"));
                if *place == people.len() {
                    let next = numbers.len() as u32;
                    people.push(*numbers.entry(name).or_insert(next));
                }
            }
            if !same && people[places[0]] == people[places[1]] {
                return Err(wrong(file, number, ": a pair of two people is due here, and both names are the same"));
            }
            pairs.push(DatasetPair { a: places[0], b: places[1], same, fold });
        }
        if pairs.len() != sets * size * 2 {
            let announced = announced(sets, size);
            return Err(wrong(file, 1, format_args!(" announces {announced}, and {} follow", pairs.len())));
        }
        Ok(Self {
            name: name_of(file),
            root: root.to_owned(),
            list: Some(file.to_owned()),
            photos: list.finish()?,
            people,
            pairs: Some(pairs),
            ignored: 0,
        })
    }
}

fn announced(sets: usize, size: usize) -> String {
    format!("{sets} sets of {size} pairs of each kind, {} in all", sets * size * 2)
}

/// The number of sets and of pairs of each kind in a set.
fn head(file: &Path, line: Option<(u64, &str)>) -> Result<(usize, usize)> {
    let (number, line) = line.unwrap_or((1, ""));
    let fields: Vec<Option<usize>> = line.split_whitespace().map(|field| field.parse().ok()).collect();
    // No list has a million sets or pairs; the product of both must not overflow.
    let plausible = |count: usize| (1..1_000_000).contains(&count);
    match *fields.as_slice() {
        [Some(sets), Some(size)] if plausible(sets) && plausible(size) => Ok((sets, size)),
        [Some(size)] if plausible(size) => Ok((1, size)),
        _ => Err(wrong(
            file,
            number,
            ": a list of LFW starts with the number of sets and the number of pairs of each kind in a set, such as \
             `10 300`; a list with a head of column names must end in .csv",
        )),
    }
}

fn path(root: &Path, name: &str, photo: u32) -> PathBuf {
    let with = |ending| Path::new(name).join(format!("{name}_{photo:04}.{ending}"));
    let (jpg, png) = (with("jpg"), with("png"));
    if !root.join(&jpg).is_file() && root.join(&png).is_file() { png } else { jpg }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    /// Reads a list of photos of the people A (3), B (2) and C (1, a PNG).
    fn read(list: &str) -> Result<Dataset> {
        let root = tempfile::tempdir().expect("a folder");
        for photo in ["A/A_0001.jpg", "A/A_0002.jpg", "A/A_0003.jpg", "B/B_0001.jpg", "B/B_0002.jpg", "C/C_0001.png"] {
            let path = root.path().join(photo);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, photo).expect("a file");
        }
        let file = root.path().join("pairs.txt");
        fs::write(&file, list).expect("a list");
        Dataset::open(&file, None)
    }

    #[test]
    fn sets_have_pairs_of_one_person_first() {
        let found = read("2\t1\nA\t1\t2\nA\t1\tB\t2\r\nB\t1\t2\nC\t1\tA\t3\n\n").expect("a list");
        let pairs: Vec<_> = found.pairs.iter().flatten().map(|pair| (pair.a, pair.b, pair.same, pair.fold)).collect();
        assert_eq!(pairs, [(0, 1, true, 0), (0, 2, false, 0), (3, 2, true, 1), (4, 5, false, 1)]);
        assert_eq!(found.people, [0, 0, 1, 1, 2, 0]);
        assert_eq!(found.photos[4], Path::new("C/C_0001.png"));
        assert_eq!(found.name, "pairs.txt");
    }

    #[test]
    fn a_list_of_one_set_needs_no_number_of_sets() {
        assert_eq!(read("1\nA 1 2\nA 1 B 1\n").expect("a list").pairs.map(|pairs| pairs.len()), Some(2));
    }

    #[test]
    fn errors_name_file_line_and_field() {
        for (list, kind, said) in [
            ("", ErrorKind::Invalid, "pairs.txt, line 1: a list of LFW starts with"),
            ("image_a,image_b,same\n", ErrorKind::Invalid, "must end in .csv"),
            ("0 0\n", ErrorKind::Invalid, "line 1: a list of LFW"),
            (
                "1 1\nA 1 2\n",
                ErrorKind::Invalid,
                "line 1 announces 1 sets of 1 pairs of each kind, 2 in all, and 1 follow",
            ),
            (
                "1 1\nA 1 B 2\n",
                ErrorKind::Invalid,
                "line 2: a pair of one person is due here, `name number number`, and there are 4",
            ),
            ("1 1\nA 1 2\nB 1 2\n", ErrorKind::Invalid, "line 3: a pair of two people is due here"),
            (
                "1 1\nA 1 2\nA 1 A 2\n",
                ErrorKind::Invalid,
                "line 3: a pair of two people is due here, and both names are the same",
            ),
            ("1 1\nA 1 two\n", ErrorKind::Invalid, "line 2, field 3: \"two\" is not the number of a photo"),
            ("1 1\nA 1 2\nA 1 B 1\nA 1 3\n", ErrorKind::Invalid, "line 4: line 1 announces"),
            ("1 1\nA 1 2\nA 9 D 1\n", ErrorKind::NotFound, "line 3, field 2: there is no photo"),
            ("1 1\nA 1 2\nA 9 D 1\n", ErrorKind::NotFound, "(and 1 more photos are missing)"),
        ] {
            let error = read(list).expect_err(list);
            assert!(error.to_string().contains(said) && error.kind() == kind, "{list:?}: {error}");
        }
    }
}

//! Pairs as comma-separated values: `image_a,image_b,same`.

use std::path::Path;

use super::csv;
use super::dataset::{Dataset, DatasetPair, PhotoList, name_of, unreadable, wrong};
use crate::error::{Error, ErrorKind, Result};

/// Names of the three columns, in lower case: facevault's and deepface's.
const HEADS: [[&str; 3]; 2] = [["image_a", "image_b", "same"], ["file_x", "file_y", "decision"]];
const SAME: [&str; 5] = ["1", "true", "yes", "same", "y"];
const DIFFERENT: [&str; 5] = ["0", "false", "no", "different", "n"];

impl Dataset {
    /// The pairs of `file`, whose photos are relative to `root`.
    ///
    /// The first line names the columns, in any order and case, others may be among them:
    /// `image_a`, `image_b` and `same`, or `file_x`, `file_y` and `decision`. `same` is 1, true, yes
    /// or same, or 0, false, no or different. Fields may be quoted. Photos that pairs link as the
    /// same person's are one person's.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) with the line and column and what was expected there, also
    /// where a pair is called different although others make both photos the same person's;
    /// [`NotFound`](ErrorKind::NotFound) with the line and photo that is not there;
    /// [`Io`](ErrorKind::Io) where the file cannot be read.
    pub fn of_pairs_csv(file: &Path, root: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).map_err(|error| unreadable(file, error))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            wrong(file, line, ": is not UTF-8 text")
        })?;
        let records = csv::read(text).map_err(|error| wrong(file, error.line, format_args!(": {}", error.what)))?;
        let mut records = records.into_iter();
        let head = records.next().map(|record| record.fields).unwrap_or_default();
        let columns = columns(file, &head)?;
        let mut list = PhotoList::new(file, root);
        let (mut pairs, mut lines) = (Vec::new(), Vec::new());
        for csv::Record { line, fields } in records {
            let field = |column: usize| match fields.get(columns[column]) {
                Some(value) if !value.is_empty() => Ok(value.as_str()),
                _ => Err(wrong(file, line, format_args!(", column {}: is empty", &head[columns[column]]))),
            };
            let mut photo = |column: usize| {
                field(column)
                    .map(|path| list.place(Path::new(path), line, &format!("column {}", &head[columns[column]])))
            };
            let (a, b) = (photo(0)?, photo(1)?);
            let value = field(2)?;
            let is = |words: [&str; 5]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
            if !is(SAME) && !is(DIFFERENT) {
                let column = &head[columns[2]];
                return Err(wrong(
                    file,
                    line,
                    format_args!(", column {column}: {value:?} is none of 1, true, yes, same, 0, false, no, different"),
                ));
            }
            if a == b {
                return Err(wrong(file, line, ": pairs a photo with itself"));
            }
            pairs.push(DatasetPair { a, b, same: is(SAME), fold: 0 });
            lines.push(line);
        }
        if pairs.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, format!("{} has no pair", file.display())));
        }
        let people = people(list.photos.len(), &pairs);
        for (pair, line) in pairs.iter().zip(lines) {
            if !pair.same && people[pair.a] == people[pair.b] {
                return Err(wrong(
                    file,
                    line,
                    ": calls two photos different people's that other lines make the same person's",
                ));
            }
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

/// Where the three columns are.
fn columns(file: &Path, head: &[String]) -> Result<[usize; 3]> {
    for names in HEADS {
        let find = |name: &str| head.iter().position(|column| column.eq_ignore_ascii_case(name));
        let Some(found) = names.map(find).into_iter().collect::<Option<Vec<usize>>>() else { continue };
        let twice = |name: &&&str| head.iter().filter(|column| column.eq_ignore_ascii_case(name)).count() > 1;
        if let Some(name) = names.iter().find(twice) {
            return Err(wrong(file, 1, format_args!(": names the column {name} twice")));
        }
        return Ok([found[0], found[1], found[2]]);
    }
    Err(wrong(
        file,
        1,
        format_args!(
            ": the columns image_a, image_b and same are needed, and there are {}",
            if head.is_empty() { "none".to_owned() } else { head.join(", ") }
        ),
    ))
}

/// The person in each photo: photos that pairs of one person connect show one person (union and find).
fn people(photos: usize, pairs: &[DatasetPair]) -> Vec<u32> {
    let mut parent: Vec<usize> = (0..photos).collect();
    fn root(parent: &mut [usize], mut photo: usize) -> usize {
        while parent[photo] != photo {
            parent[photo] = parent[parent[photo]];
            photo = parent[photo];
        }
        photo
    }
    for pair in pairs.iter().filter(|pair| pair.same) {
        let (a, b) = (root(&mut parent, pair.a), root(&mut parent, pair.b));
        parent[a.max(b)] = a.min(b);
    }
    let mut numbers = std::collections::HashMap::new();
    (0..photos)
        .map(|photo| {
            let next = numbers.len() as u32;
            *numbers.entry(root(&mut parent, photo)).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Reads a list of photos a.jpg to e.jpg and `x, y.jpg`.
    fn read(list: impl AsRef<[u8]>) -> Result<Dataset> {
        let root = tempfile::tempdir().expect("a folder");
        for photo in ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "x, y.jpg"] {
            fs::write(root.path().join(photo), photo).expect("a file");
        }
        let file = root.path().join("pairs.csv");
        fs::write(&file, list).expect("a list");
        Dataset::open(&file, None)
    }

    fn pairs(found: &Dataset) -> Vec<(usize, usize, bool)> {
        found.pairs.iter().flatten().map(|pair| (pair.a, pair.b, pair.same)).collect()
    }

    #[test]
    fn columns_are_found_by_name_and_fields_may_be_quoted() {
        for list in [
            "image_a,image_b,same\na.jpg,b.jpg,1\nb.jpg,\"x, y.jpg\",0\n",
            "\u{feff}Same,note,IMAGE_B,image_a\r\nYES,,./b.jpg,a.jpg\r\nno,\"two\nlines\",\"x, y.jpg\",b.jpg\r\n",
            "file_x,file_y,Decision\na.jpg,b.jpg,Yes\nb.jpg, \"x, y.jpg\" ,No\n",
        ] {
            let found = read(list).unwrap_or_else(|error| panic!("{list:?}: {error}"));
            assert_eq!(pairs(&found), [(0, 1, true), (1, 2, false)], "{list:?}");
            assert_eq!(found.photos[2], Path::new("x, y.jpg"));
            assert_eq!(found.people, [0, 0, 1]);
        }
    }

    #[test]
    fn photos_linked_by_pairs_are_one_persons() {
        let found = read("image_a,image_b,same\na.jpg,b.jpg,1\nc.jpg,d.jpg,1\nd.jpg,b.jpg,1\ne.jpg,a.jpg,0\n");
        assert_eq!(found.expect("a list").people, [0, 0, 0, 0, 1]);
    }

    #[test]
    fn errors_name_file_line_and_column() {
        for (list, kind, said) in [
            (
                "",
                ErrorKind::Invalid,
                "pairs.csv, line 1: the columns image_a, image_b and same are needed, and there are none",
            ),
            ("a,b,c\n", ErrorKind::Invalid, "and there are a, b, c"),
            ("image_a,same,image_b,same\n", ErrorKind::Invalid, "line 1: names the column same twice"),
            ("image_a,image_b,same\n", ErrorKind::Invalid, "pairs.csv has no pair"),
            ("image_a,image_b,same\na.jpg,b.jpg,1\na.jpg,b.jpg\n", ErrorKind::Invalid, "line 3, column same: is empty"),
            ("image_a,image_b,same\n,b.jpg,1\n", ErrorKind::Invalid, "line 2, column image_a: is empty"),
            (
                "image_a,image_b,same\na.jpg,b.jpg,maybe\n",
                ErrorKind::Invalid,
                "line 2, column same: \"maybe\" is none of 1,",
            ),
            ("image_a,image_b,same\na.jpg,./a.jpg,1\n", ErrorKind::Invalid, "line 2: pairs a photo with itself"),
            (
                "image_a,image_b,same\na.jpg,b.jpg,1\nb.jpg,c.jpg,1\n\na.jpg,c.jpg,0\n",
                ErrorKind::Invalid,
                "line 5: calls two photos different people's",
            ),
            (
                "image_a,image_b,same\na.jpg,q.jpg,1\nr.jpg,s.jpg,0\n",
                ErrorKind::NotFound,
                "line 2, column image_b: there is no photo q.jpg in",
            ),
            (
                "image_a,image_b,same\na.jpg,q.jpg,1\nr.jpg,s.jpg,0\n",
                ErrorKind::NotFound,
                "(and 2 more photos are missing)",
            ),
        ] {
            let error = read(list).expect_err(list);
            assert!(error.to_string().contains(said) && error.kind() == kind, "{list:?}: {error}");
        }
        let error = read(b"image_a,image_b,same\na.jpg,\xff.jpg,1\n").expect_err("no text");
        assert!(error.to_string().contains("line 2: is not UTF-8 text"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let error = Dataset::open(Path::new("no/such/pairs.csv"), None).expect_err("nothing there");
        assert_eq!(error.to_string(), "there is no folder or file no/such/pairs.csv");
    }
}

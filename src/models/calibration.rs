//! Tables that were measured here: `calibrations/<model id>.toml` in the data folder.
//!
//! A file holds the section `[calibration]` as a manifest has it, so that it can be pasted into one.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::Deserialize;

use super::home::{Home, cannot};
use crate::comparison::{CalibrationTable, MeasuredOn};
use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    calibration: CalibrationTable,
}

/// The table of a text that holds the section `[calibration]` and nothing else.
///
/// # Errors
/// [`ErrorKind::Invalid`] for anything else.
pub fn parse_calibration(text: &str) -> Result<CalibrationTable> {
    let file: Result<File, toml::de::Error> = toml::from_str(text);
    let wrong = |error: toml::de::Error| {
        Error::new(ErrorKind::Invalid, format!("no calibration table: {}", error.message())).caused_by(error)
    };
    Ok(file.map_err(wrong)?.calibration)
}

impl Home {
    /// Where the table measured here for `model` is, or would be.
    #[must_use]
    pub fn calibration_file(&self, model: ModelId) -> PathBuf {
        self.path().join("calibrations").join(format!("{model}.toml"))
    }

    /// The table measured here for `model`; it is used instead of the pack's own.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where the file is not such a table, [`ErrorKind::Io`] where
    /// it cannot be read.
    pub fn calibration(&self, model: ModelId) -> Result<Option<CalibrationTable>> {
        let path = self.calibration_file(model);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot("read", &path, error)),
        };
        let table = parse_calibration(&text).map_err(|error| {
            let what = format!("{} is {error}; delete it or make it anew", path.display());
            Error::new(ErrorKind::ModelUnavailable, what)
        })?;
        Ok(Some(table))
    }

    /// Keeps a table for `model`, in the place of an earlier one; says where it is.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where it cannot be written; an earlier table is then still there.
    pub fn save_calibration(&self, model: ModelId, section: &str) -> Result<PathBuf> {
        let path = self.calibration_file(model);
        let folder = self.path().join("calibrations");
        let written = fs::create_dir_all(&folder).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            file.write_all(section.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)
        });
        written.map_err(|error| cannot("write", &path, error))?;
        Ok(path)
    }
}

/// The section `[calibration]` of a manifest, with comments above it.
#[must_use]
pub fn calibration_section(table: &CalibrationTable, comments: &[&str]) -> String {
    let mut text = String::new();
    let MeasuredOn { name, sha256, people, mated_pairs, non_mated_pairs } = table.measured_on();
    // Writing to a string does not fail.
    for line in comments.iter().flat_map(|comment| comment.lines()) {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str("[calibration]\npoints = [\n");
    for point in table.points() {
        let _ = writeln!(
            text,
            "    {{ fmr = {:?}, similarity = {:?}, fnmr = {:?}, fnmr_low = {:?}, fnmr_high = {:?} }},",
            point.fmr, point.similarity, point.fnmr, point.fnmr_low, point.fnmr_high
        );
    }
    let name = toml::Value::from(name.as_str());
    let _ = write!(
        text,
        "]\n\n[calibration.measured_on]\nname = {name}\nsha256 = \"{sha256}\"\npeople = {people}\nmated_pairs = \
         {mated_pairs}\nnon_mated_pairs = {non_mated_pairs}\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::CalibrationPoint;

    fn table() -> CalibrationTable {
        let measured_on = MeasuredOn {
            name: "a \"quoted\" name\n".into(),
            sha256: "0a".repeat(32),
            people: 20,
            mated_pairs: 30,
            non_mated_pairs: 3_000_000,
        };
        let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.25 };
        CalibrationTable::new(measured_on, vec![point(0.5, -0.25), point(1e-6, 1.0)]).expect("a table")
    }

    #[test]
    fn a_table_is_kept_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, model) = (Home::at(folder.path().join("home")), ModelId::from_bytes([7; 16]));
        assert_eq!(home.calibration(model).expect("nothing there"), None);
        for comment in ["first", "second,\nwith two lines"] {
            home.save_calibration(model, &calibration_section(&table(), &[comment])).expect("written");
            assert_eq!(home.calibration(model).expect("readable"), Some(table()));
        }
        assert_eq!(fs::read_dir(folder.path().join("home/calibrations")).expect("listed").count(), 1);
    }

    #[test]
    fn a_file_that_is_no_table_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, model) = (Home::at(folder.path()), ModelId::from_bytes([7; 16]));
        home.save_calibration(model, "[calibration]\npoints = []\n").expect("written");
        let error = home.calibration(model).expect_err("no table");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        assert!(
            error.to_string().contains("calibrations") && error.to_string().contains("no calibration table"),
            "{error}"
        );
    }
}

//! What was measured here of a model: `calibrations/<model id>.toml` in the data folder for the mode
//! that its pack is meant for, `calibrations/<model id>-<mode>.toml` for the other one.
//!
//! A file holds the section `[calibration]`, and `[recognizability]` where that was measured too, as
//! a manifest has them, so that they can be pasted into one.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::Deserialize;

use super::home::{Home, cannot};
use crate::comparison::{CalibrationTable, MeasuredOn};
use crate::encoding::ModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::files;
use crate::recognizability::Recognizability;
use crate::spec::EncodingMode;

/// What `facevault calibrate` measures of a model in one mode.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Measured {
    /// What its similarities mean.
    pub calibration: CalibrationTable,
    /// How recognisable a face must be, where that was measured.
    pub recognizability: Option<Recognizability>,
}

impl Measured {
    /// Reads a text that holds the section `[calibration]`, perhaps `[recognizability]`, and nothing
    /// else.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            Error::new(ErrorKind::Invalid, format!("no calibration table: {}", error.message())).caused_by(error)
        })
    }
}

/// The largest file of what was measured that is read.
const MAX_MEASURED: u64 = 1 << 20;

impl Home {
    /// Where what was measured here of `model` is, or would be: in the pack's own mode where
    /// `other_mode` is `None`, else in the mode that is not the pack's.
    #[must_use]
    pub fn calibration_file(&self, model: ModelId, other_mode: Option<EncodingMode>) -> PathBuf {
        let mode = other_mode.map(|mode| format!("-{mode}")).unwrap_or_default();
        self.path().join("calibrations").join(format!("{model}{mode}.toml"))
    }

    /// What was measured here of `model` in the mode that [`Self::calibration_file`] takes; it is used
    /// instead of the pack's own.
    ///
    /// # Errors
    /// [`ErrorKind::ModelUnavailable`] where the file holds anything else, [`ErrorKind::Io`] where
    /// it cannot be read.
    pub fn measured(&self, model: ModelId, other_mode: Option<EncodingMode>) -> Result<Option<Measured>> {
        let path = self.calibration_file(model, other_mode);
        let text = match files::read_text(&path, MAX_MEASURED) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot("read", &path, error)),
        };
        let measured = Measured::parse(&text).map_err(|error| {
            let what = format!("{} is {error}; delete it or run `facevault calibrate` again", path.display());
            Error::new(ErrorKind::ModelUnavailable, what)
        })?;
        Ok(Some(measured))
    }

    /// Saves the sections with what was measured of `model`, in place of earlier ones, and returns the file's path. The
    /// mode is as for [`Self::calibration_file`].
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where they cannot be written; earlier ones are then still there.
    pub fn save_measured(&self, model: ModelId, other_mode: Option<EncodingMode>, sections: &str) -> Result<PathBuf> {
        let path = self.calibration_file(model, other_mode);
        let folder = self.path().join("calibrations");
        let written = fs::create_dir_all(&folder).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            file.write_all(sections.as_bytes())?;
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

/// The section `[recognizability]` of a manifest.
#[must_use]
pub fn recognizability_section(rule: &Recognizability) -> String {
    // Writing to a string does not fail.
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut text = format!("[recognizability]\nlimit = {:?}\nweight = {:?}\nkinds = [\n", rule.limit(), rule.weight());
    for kind in rule.kinds() {
        let (step, mean) = kind.encoded();
        let _ = writeln!(text, "    {{ name = {}, step = {step:?}, mean = \"{mean}\" }},", quoted(kind.name()));
    }
    text.push_str("]\n");
    let Some(data) = rule.measured_on() else { return text };
    let _ = write!(
        text,
        "\n[recognizability.measured_on]\nname = {}\nsha256 = \"{}\"\nphotos = {}\nrefused = {:?}\nasked_fmr = \
         {:?}\ndamage = [\n",
        quoted(&data.name),
        data.sha256,
        data.photos,
        data.refused,
        data.asked_fmr
    );
    for kind in &data.damage {
        let _ = writeln!(
            text,
            "    {{ name = {}, photos = {}, found = {}, accepted = {}, fmr = {:?} }},",
            quoted(&kind.name),
            kind.photos,
            kind.found,
            kind.accepted,
            kind.fmr
        );
    }
    text.push_str("]\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::CalibrationPoint;
    use crate::recognizability::{DamageMean, DamageOutcome, RecognizabilityData};

    fn rule() -> Recognizability {
        let damage = DamageOutcome { name: "night".into(), photos: 9, found: 8, accepted: 7, fmr: 1e-5 };
        let data = RecognizabilityData {
            name: "a \"quoted\" name\n".into(),
            sha256: "0a".repeat(32),
            photos: 100,
            refused: 0.01,
            asked_fmr: 1e-3,
            damage: vec![damage.clone(), DamageOutcome { name: "mask".into(), ..damage }],
        };
        let kinds = ["night", "mask"].map(|name| DamageMean::new(name, &[0.5, -1e-7, 0.25]).expect("a mean"));
        Recognizability::new(8.0, 2.0, kinds.to_vec()).and_then(|rule| rule.with_data(data)).expect("a rule")
    }

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
        assert_eq!(home.measured(model, None).expect("nothing there"), None);
        for comment in ["first", "second,\nwith two lines"] {
            let section = calibration_section(&table(), &[comment]);
            for recognizability in [None, Some(rule())] {
                let second = recognizability.as_ref().map(recognizability_section).unwrap_or_default();
                home.save_measured(model, None, &format!("{section}\n{second}")).expect("written");
                let expected = Measured { calibration: table(), recognizability };
                assert_eq!(home.measured(model, None).expect("readable"), Some(expected));
            }
        }
        assert_eq!(fs::read_dir(folder.path().join("home/calibrations")).expect("listed").count(), 1);
        let accurate = Some(EncodingMode::Accurate);
        assert_eq!(home.measured(model, accurate).expect("nothing there"), None);
        let path = home.save_measured(model, accurate, &calibration_section(&table(), &[])).expect("written");
        assert!(path.ends_with(format!("calibrations/{model}-accurate.toml")), "{}", path.display());
        assert!(home.measured(model, accurate).expect("readable").is_some_and(|found| found.recognizability.is_none()));
        assert!(home.measured(model, None).expect("readable").is_some_and(|found| found.recognizability.is_some()));
    }

    #[test]
    fn a_file_that_is_no_table_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, model) = (Home::at(folder.path()), ModelId::from_bytes([7; 16]));
        home.save_measured(model, None, "[calibration]\npoints = []\n").expect("written");
        let error = home.measured(model, None).expect_err("no table");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
        assert!(
            error.to_string().contains("calibrations") && error.to_string().contains("no calibration table"),
            "{error}"
        );
    }
}

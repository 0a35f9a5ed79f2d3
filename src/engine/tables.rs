//! What was measured of a model, kept apart by the mode in which it was measured.

use crate::comparison::CalibrationTable;
use crate::error::{Error, ErrorKind, Result};
use crate::models::{Home, Manifest, Measured};
use crate::recognizability::Recognizability;
use crate::spec::EncodingMode;

use super::EngineOptions;

/// What was measured of a model in both modes.
#[derive(Default)]
pub(super) struct Tables {
    /// The mode that the pack is meant for.
    mode: EncodingMode,
    /// What was measured in it.
    own: InMode,
    /// What was measured in the other one.
    other: InMode,
}

/// What was measured of a model in one mode.
#[derive(Debug, Clone, Default)]
struct InMode {
    calibration: Option<CalibrationTable>,
    recognizability: Option<Recognizability>,
}

impl Tables {
    /// The tables for an engine with these options. For each mode, the first of these counts: what the options give for
    /// the mode that they ask for, what was measured on this machine, what the pack's manifest has for its own mode,
    /// and what a built-in manifest of the same model has for its own mode.
    pub(super) fn find(home: &Home, manifest: &Manifest, options: &EngineOptions) -> Result<Self> {
        let (model, mode) = (manifest.model_id(), manifest.embedder.spec.mode);
        let given =
            InMode { calibration: options.calibration.clone(), recognizability: options.recognizability.clone() };
        let (mut own, mut other) = (InMode::default(), given);
        if options.mode.unwrap_or(mode) == mode {
            (own, other) = (other, own);
        }
        let own = own
            .or(InMode::measured(home.measured(model, None)?))
            .or(InMode::of_manifest(manifest))
            .or(InMode::built_in(manifest, mode));
        let other = other
            .or(InMode::measured(home.measured(model, Some(mode.other()))?))
            .or(InMode::built_in(manifest, mode.other()));
        for rule in [&own, &other].into_iter().filter_map(|found| found.recognizability.as_ref()) {
            let fits = rule.must_fit(manifest.embedder.spec.dimension);
            fits.map_err(|error| Error::new(ErrorKind::ModelUnavailable, format!("recognizability: {error}")))?;
        }
        Ok(Self { mode, own, other })
    }

    /// What the caller of an engine of its own parts knows: measured in `measured`, of a model that is
    /// meant for `mode`.
    pub(super) fn given(
        mode: EncodingMode,
        measured: EncodingMode,
        calibration: Option<CalibrationTable>,
        recognizability: Option<Recognizability>,
    ) -> Self {
        let (given, none) = (InMode { calibration, recognizability }, InMode::default());
        let (own, other) = if measured == mode { (given, none) } else { (none, given) };
        Self { mode, own, other }
    }

    /// The table for a mode, and the mode that it was measured in. If the other mode has no table, that of the pack's
    /// mode is used.
    pub(super) fn calibration(&self, mode: EncodingMode) -> Option<(EncodingMode, &CalibrationTable)> {
        let other = self.other.calibration.as_ref().filter(|_| mode != self.mode).map(|table| (mode, table));
        other.or_else(|| self.own.calibration.as_ref().map(|table| (self.mode, table)))
    }

    /// How recognisable a face must be, in the same way.
    pub(super) fn recognizability(&self, mode: EncodingMode) -> Option<&Recognizability> {
        let other = self.other.recognizability.as_ref().filter(|_| mode != self.mode);
        other.or(self.own.recognizability.as_ref())
    }
}

impl InMode {
    fn or(self, next: Self) -> Self {
        Self {
            calibration: self.calibration.or(next.calibration),
            recognizability: self.recognizability.or(next.recognizability),
        }
    }

    fn measured(found: Option<Measured>) -> Self {
        found.map_or_else(Self::default, |Measured { calibration, recognizability }| Self {
            calibration: Some(calibration),
            recognizability,
        })
    }

    fn of_manifest(manifest: &Manifest) -> Self {
        Self { calibration: manifest.calibration.clone(), recognizability: manifest.recognizability.clone() }
    }

    /// What built-in manifests of the same model have for `mode`. An installed pack's own manifest lacks it if the pack
    /// was installed before it was measured.
    fn built_in(manifest: &Manifest, mode: EncodingMode) -> Self {
        let manifests = Manifest::BUILTIN.iter().filter_map(|name| Manifest::builtin(name).ok());
        manifests
            .filter(|other| other.embedder.spec.mode == mode && other.model_id() == manifest.model_id())
            .fold(Self::default(), |found, other| found.or(Self::of_manifest(&other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{CalibrationPoint, MeasuredOn};
    use crate::models::{calibration_section, recognizability_section};
    use crate::recognizability::DamageMean;

    fn table(name: &str) -> CalibrationTable {
        let measured_on = MeasuredOn {
            name: name.into(),
            sha256: "0a".repeat(32),
            people: 20,
            mated_pairs: 30,
            non_mated_pairs: 3_000_000,
        };
        let point = |fmr, similarity| CalibrationPoint { fmr, similarity, fnmr: 0.0, fnmr_low: 0.0, fnmr_high: 0.25 };
        CalibrationTable::new(measured_on, vec![point(0.5, -0.25), point(1e-6, 1.0)]).expect("a table")
    }

    fn rule(limit: f64, dimension: usize) -> Recognizability {
        let mean = DamageMean::new("night", &vec![0.5; dimension]).expect("a mean");
        Recognizability::new(limit, 2.0, vec![mean]).expect("a rule")
    }

    /// The name of the data behind the table of each mode, fast first, and the mode of that table.
    fn said(tables: &Tables) -> [Option<(EncodingMode, &str)>; 2] {
        [EncodingMode::Fast, EncodingMode::Accurate]
            .map(|mode| tables.calibration(mode).map(|(mode, table)| (mode, table.measured_on().name.as_str())))
    }

    #[test]
    fn a_table_belongs_to_the_mode_that_it_was_measured_in() {
        use EncodingMode::{Accurate, Fast};
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path());
        let dlib = Manifest::builtin("dlib").expect("a manifest");
        let (model, dimension) = (dlib.model_id(), dlib.embedder.spec.dimension);
        let built_in = dlib.calibration.clone().expect("a table").measured_on().name.clone();
        let mut bare = dlib.clone();
        (bare.calibration, bare.recognizability) = (None, None);
        let find = |manifest: &Manifest, options: &EngineOptions| Tables::find(&home, manifest, options);
        let plain = EngineOptions::default();

        // The pack's table, or that of the built-in manifest, serves both modes.
        for manifest in [&dlib, &bare] {
            let found = find(manifest, &plain).expect("tables");
            assert_eq!(said(&found), [Some((Fast, built_in.as_str())); 2]);
        }
        // It is not of the mode that another pack of the same model is meant for.
        let mut accurate = bare.clone();
        accurate.embedder.spec.mode = Accurate;
        assert_eq!(said(&find(&accurate, &plain).expect("tables")), [Some((Fast, built_in.as_str())), None]);

        let save = |mode, name: &str, limit| {
            let rule = recognizability_section(&rule(limit, dimension));
            let text = format!("{}\n{rule}", calibration_section(&table(name), &[]));
            home.save_measured(model, mode, &text).expect("written");
        };
        save(Some(Accurate), "both views", 3.0);
        let found = find(&dlib, &plain).expect("tables");
        assert_eq!(said(&found), [Some((Fast, built_in.as_str())), Some((Accurate, "both views"))]);
        assert_eq!(found.recognizability(Accurate).map(Recognizability::limit), Some(3.0));
        assert_eq!(found.recognizability(Fast), dlib.recognizability.as_ref());
        save(None, "one view", 4.0);
        let found = find(&dlib, &plain).expect("tables");
        assert_eq!(said(&found), [Some((Fast, "one view")), Some((Accurate, "both views"))]);
        assert_eq!(found.recognizability(Fast).map(Recognizability::limit), Some(4.0));

        // What the caller says is of the mode that the caller asks for.
        for (mode, expected) in [
            (None, [Some((Fast, "given")), Some((Accurate, "both views"))]),
            (Some(Fast), [Some((Fast, "given")), Some((Accurate, "both views"))]),
            (Some(Accurate), [Some((Fast, "one view")), Some((Accurate, "given"))]),
        ] {
            let options = EngineOptions { calibration: Some(table("given")), mode, ..EngineOptions::default() };
            assert_eq!(said(&find(&dlib, &options).expect("tables")), expected, "{mode:?}");
        }

        let text = format!(
            "{}\n{}",
            calibration_section(&table("x"), &[]),
            recognizability_section(&rule(1.0, dimension + 1))
        );
        home.save_measured(model, Some(Accurate), &text).expect("written");
        let error = find(&dlib, &plain).err().expect("the means have other dimensions");
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    }
}

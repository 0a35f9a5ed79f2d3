//! How often attacks pass for living people, and living people for attacks (ISO/IEC 30107-3).
//!
//! The data is a folder with two others: `live/` with bona fide presentations, and `attack/` with a folder for each kind
//! of attack. A photo is a presentation. A folder of photos is one too: its photos are shots of it, which count
//! together by the mean of their scores.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::dataset::{name_of, unreadable, with_slashes};
use super::folder::{entries, is_hidden, is_photo};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::files;
use crate::liveness::{Liveness, LivenessCheck};
use crate::models::Sha256;
use crate::progress::{Progress, Step};
use crate::statistics::presentation_attacks::{PresentationPoint, PresentationScores, Species};
use crate::statistics::{EqualError, MeasuredRate, RocPoint};

/// The APCER at which BPCER is reported: BPCER10, BPCER20 and BPCER100.
const APCER: [f64; 3] = [0.1, 0.05, 0.01];
/// Photos that are read at a time, for each thread.
const PHOTOS_A_THREAD: usize = 8;

/// The folders that the data consists of.
const LIVE: &str = "live";
const ATTACK: &str = "attack";

/// Photos of presentations.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PresentationSet {
    /// The name of the folder.
    pub name: String,
    /// The folder that photos are relative to.
    pub root: PathBuf,
    /// Bona fide presentations, each with its shots.
    pub live: Vec<Vec<PathBuf>>,
    /// Each kind of attack and its presentations.
    pub attacks: Vec<(String, Vec<Vec<PathBuf>>)>,
}

impl PresentationSet {
    /// The presentations in a folder, in the order of their names. Hidden files and files that are no photos are passed
    /// over.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where there is no `live` or `attack`, no kind of attack, one of these or a folder
    /// of shots without a photo, or a photo of an attack outside the folder of a kind; [`Io`](ErrorKind::Io) where a folder cannot be read.
    pub fn open(root: &Path) -> Result<Self> {
        let attack = root.join(ATTACK);
        for folder in [root.join(LIVE), attack.clone()] {
            if !folder.is_dir() {
                let message = format!(
                    "{} is missing: the data is a folder with {LIVE}/ and {ATTACK}/KIND/, each with photos",
                    folder.display()
                );
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        }
        if let Some(stray) = entries(&attack)?.iter().map(|name| attack.join(name)).find(|path| is_photo(path)) {
            let message = format!("{} is in no folder of its kind: {ATTACK}/KIND/", stray.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut attacks = Vec::new();
        let kinds = entries(&attack)?.into_iter().filter(|kind| attack.join(kind).is_dir() && !is_hidden(kind));
        for kind in kinds {
            attacks.push((kind.to_string_lossy().into_owned(), presentations(root, &Path::new(ATTACK).join(&kind))?));
        }
        if attacks.is_empty() {
            let message = format!("{} holds no folder: it has one for each kind of attack", attack.display());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let live = presentations(root, Path::new(LIVE))?;
        Ok(Self { name: name_of(root), root: root.to_owned(), live, attacks })
    }

    /// The shots of all presentations, first of bona fide ones.
    fn shots(&self) -> impl Iterator<Item = &PathBuf> {
        self.live.iter().chain(self.attacks.iter().flat_map(|(_, attacks)| attacks)).flatten()
    }

    /// SHA-256 over the data, as [`Dataset::sha256`](super::Dataset::sha256) makes it.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where a file cannot be read.
    pub fn sha256(&self) -> Result<String> {
        let mut lines = Vec::new();
        for photo in self.shots() {
            let path = self.root.join(photo);
            lines.push((with_slashes(photo), Sha256::of_file(&path).map_err(|error| unreadable(&path, error))?));
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

/// The presentations in a folder: its photos, and its folders with their photos.
fn presentations(root: &Path, folder: &Path) -> Result<Vec<Vec<PathBuf>>> {
    let mut found = Vec::new();
    for name in entries(&root.join(folder))? {
        let path = folder.join(&name);
        if is_photo(&root.join(&path)) {
            found.push(vec![path]);
        } else if root.join(&path).is_dir() && !is_hidden(&name) {
            let files = entries(&root.join(&path))?.into_iter().map(|name| path.join(name));
            let shots: Vec<PathBuf> = files.filter(|shot| is_photo(&root.join(shot))).collect();
            if shots.is_empty() {
                let message = format!("{} holds no photo: a folder is one presentation", root.join(&path).display());
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            found.push(shots);
        }
    }
    if found.is_empty() {
        let message = format!("{} holds no photo", root.join(folder).display());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(found)
}

/// The error rates of liveness networks on presentations.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LivenessEvaluation {
    /// The name of the liveness model.
    pub model: String,
    /// The pack whose detector found the faces.
    pub pack: String,
    /// What the data is called.
    pub data: String,
    /// The data's hash: [`PresentationSet::sha256`].
    pub sha256: String,
    /// How many photos there are.
    pub photos: u64,
    /// Photos that gave no score, by reason.
    pub refusals: std::collections::BTreeMap<String, u64>,
    /// BPNRR: the share of bona fide presentations that gave no score.
    pub bpnrr: MeasuredRate,
    /// The kinds of attacks.
    pub species: Vec<SpeciesResult>,
    /// The errors at the score that was asked for.
    pub asked: PresentationRow,
    /// BPCER where no species has an APCER above 10, 5 and 1 %. These thresholds are chosen on the very data that they
    /// are measured on.
    pub rows: Vec<PresentationRow>,
    /// Where BPCER and the highest APCER are equal (D-EER).
    pub equal_error: EqualError,
    /// BPCER (`fnmr`) and the highest APCER (`fmr`) over the thresholds.
    pub curve: Vec<RocPoint>,
}

/// A kind of attack.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpeciesResult {
    /// The name of its folder.
    pub name: String,
    /// APNRR: the share of its attacks that gave no score.
    pub apnrr: MeasuredRate,
    /// APCER at the score that was asked for.
    pub apcer: MeasuredRate,
}

/// The errors at a threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PresentationRow {
    /// The APCER that was asked for; `None` where a score was.
    pub asked_apcer: Option<f64>,
    /// Scores above this one are taken for live.
    pub threshold: f64,
    /// The highest APCER of a species.
    pub apcer: MeasuredRate,
    /// Which species has it.
    pub worst: String,
    /// The BPCER.
    pub bpcer: MeasuredRate,
}

impl LivenessEvaluation {
    /// Measures the engine's liveness networks at `min_score`, the score above which a face is taken for live. The
    /// engine's rules say which photos give a score at all. `progress` counts photos.
    ///
    /// # Errors
    /// [`ModelUnavailable`](ErrorKind::ModelUnavailable) where no liveness networks are installed;
    /// [`Invalid`](ErrorKind::Invalid) where no bona fide presentation or none of a kind of attack gave a score, or
    /// `min_score` is not from 0 to 1; [`Cancelled`](ErrorKind::Cancelled) where `progress` says to stop;
    /// [`Io`](ErrorKind::Io) where a photo cannot be read; [`Runtime`](ErrorKind::Runtime) where a network fails.
    pub fn measure(
        engine: &Engine,
        data: &PresentationSet,
        min_score: f64,
        progress: &mut dyn Progress,
    ) -> Result<Self> {
        LivenessCheck::require(min_score).validate()?;
        let model = engine.liveness_model()?;
        let outcomes = judge(engine, data, progress)?;
        let mut refusals = std::collections::BTreeMap::new();
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            *refusals.entry(refusal.code.to_string()).or_default() += 1;
        }
        let photos = outcomes.len() as u64;
        let mut outcomes = outcomes.into_iter();
        let mut scored = |presentations: &[Vec<PathBuf>]| {
            let each = presentations.iter().map(|shots| {
                let shots: Vec<Liveness> = outcomes.by_ref().take(shots.len()).flatten().collect();
                Liveness::mean(&shots).map(|mean| mean.score)
            });
            let each: Vec<Option<f64>> = each.collect();
            let silent = each.iter().filter(|score| score.is_none()).count() as u64;
            (each.into_iter().flatten().collect::<Vec<f64>>(), silent)
        };
        let (bona_fide, silent) = scored(&data.live);
        let species = data.attacks.iter().map(|(name, attacks)| {
            let (scores, non_responses) = scored(attacks);
            Species { name: name.clone(), scores, non_responses }
        });
        let species = species.collect();
        let scores = PresentationScores::new(bona_fide, silent, species)?;
        let point = scores.at(min_score);
        let each = scores.species().iter().zip(scores.apnrr()).zip(&point.apcer);
        let row = |asked_apcer: Option<f64>, point: PresentationPoint| PresentationRow {
            asked_apcer,
            threshold: point.threshold,
            apcer: point.worst_apcer(),
            worst: scores.species()[point.worst].name.clone(),
            bpcer: point.bpcer,
        };
        Ok(Self {
            model,
            pack: engine.name().to_owned(),
            data: data.name.clone(),
            sha256: data.sha256()?,
            photos,
            refusals,
            bpnrr: scores.bpnrr(),
            species: each
                .map(|((species, apnrr), apcer)| SpeciesResult { name: species.name.clone(), apnrr, apcer: *apcer })
                .collect(),
            rows: APCER.map(|apcer| row(Some(apcer), scores.at(scores.threshold_at_apcer(apcer)))).into(),
            equal_error: scores.equal_error(),
            curve: scores.curve(),
            asked: row(None, point),
        })
    }
}

/// The liveness of each photo, in their order.
fn judge(
    engine: &Engine,
    data: &PresentationSet,
    progress: &mut dyn Progress,
) -> Result<Vec<Result<Liveness, Refusal>>> {
    let photos: Vec<&PathBuf> = data.shots().collect();
    let mut outcomes = Vec::with_capacity(photos.len());
    let step = |done| Step::items("judging photos", done, photos.len());
    for group in photos.chunks(PHOTOS_A_THREAD * engine.threads().max(1)) {
        if progress.report(step(outcomes.len())).is_break() {
            let message = format!("interrupted after {} of {} photos", outcomes.len(), photos.len());
            return Err(Error::new(ErrorKind::Cancelled, message));
        }
        let read = |photo: &&PathBuf| {
            let path = data.root.join(photo);
            files::read(&path).map_err(|error| unreadable(&path, error))
        };
        let bytes: Vec<Vec<u8>> = group.iter().map(read).collect::<Result<_>>()?;
        outcomes.extend(engine.liveness_of(&bytes)?.into_iter().map(|outcome| outcome.map(|face| face.liveness)));
    }
    let _ = progress.report(step(outcomes.len()));
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::super::folder::of_files;
    use super::*;

    #[test]
    fn photos_and_folders_of_shots_are_presentations() {
        let root = of_files(&[
            "live/b.jpg",
            "live/visit/1.png",
            "live/visit/2.png",
            "live/notes.txt",
            "attack/screen/x.jpg",
            "attack/print/.hidden.jpg",
            "attack/print/y.jpg",
            "attack/readme.md",
        ]);
        let found = PresentationSet::open(root.path()).expect("presentations");
        let path = |path: &str| PathBuf::from(path);
        assert_eq!(found.live, [vec![path("live/b.jpg")], vec![path("live/visit/1.png"), path("live/visit/2.png")]]);
        assert_eq!(
            found.attacks,
            [
                ("print".to_owned(), vec![vec![path("attack/print/y.jpg")]]),
                ("screen".to_owned(), vec![vec![path("attack/screen/x.jpg")]])
            ]
        );
        assert_eq!(found.sha256().expect("readable").len(), 64);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (files, expected) in [
            (&["attack/print/x.jpg"][..], "live is missing: the data is a folder with live/ and attack/KIND/"),
            (&["live/x.jpg"], "attack is missing"),
            (&["live/x.jpg", "attack/x.txt"], "attack holds no folder"),
            (&["live/x.jpg", "attack/x.jpg", "attack/print/y.jpg"], "x.jpg is in no folder of its kind"),
            (&["live/ada/visit/x.jpg", "attack/print/y.jpg"], "ada holds no photo: a folder is one presentation"),
            (&["live/x.txt", "attack/print/x.jpg"], "live holds no photo"),
            (&["live/x.jpg", "attack/print/x.txt"], "print holds no photo"),
        ] {
            let error = PresentationSet::open(of_files(files).path()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{expected:?} in {error}");
        }
    }
}

//! Whatever a crash leaves, at whatever moment, is a whole vault: the state before an operation or the one behind it,
//! with every operation that was acknowledged.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::{Duration, Instant};

use facevault::{NewPerson, Vault, VaultOptions};

use super::author::script;
use super::disk::{Disk, Fate};
use super::recorder::{Control, Event, durable, record};
use super::script::{Model, Op, Subject};
use super::state::State;
use super::{Numbers, from_environment};
use crate::children;
use crate::scratch::{HowFar, folder};

/// Operations of one script.
const LENGTH: usize = 60;

/// After so many findings it is clear that something is wrong.
const MOST_FINDINGS: usize = 5;

/// The published versions of the schema, whose vaults are in `tests/data`.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=5;

#[test]
fn a_crash_at_any_moment_of_any_update_leaves_a_whole_vault() {
    if let Some(part) = children::part() {
        return perform(&part);
    }
    let test = "reliability::images::a_crash_at_any_moment_of_any_update_leaves_a_whole_vault";
    let wanted = from_environment("FACEVAULT_CRASH_IMAGES", 1_500);
    let mut tester = Tester::new();
    let scripts = (wanted / 25_000).clamp(1, 20);
    for seed in 1..=scripts as u64 {
        let folder = folder();
        let (events, _) = record(test, &format!("{seed} {}", folder.path().display()));
        let share = (wanted - tester.images) / (scripts + 1 - seed as usize);
        tester.walk(&events, Expected::script(seed), share, seed);
    }
    tester.conclude();
    assert!(tester.images >= wanted * 9 / 10, "only {} images differ", tester.images);
}

/// In the recorded process.
fn perform(part: &str) {
    let (seed, folder) = part.split_once(' ').expect("a number and a folder");
    let mut control = Control::new();
    control.root(Path::new(folder));
    control.mark("begin");
    let mut subject = Subject::create(&Path::new(folder).join("v")).expect("a vault");
    control.mark("done");
    for op in script(seed.parse().expect("a number"), LENGTH) {
        control.mark("begin");
        subject.perform(&op).unwrap_or_else(|error| panic!("{op:?}: {error}"));
        control.mark("done");
    }
}

#[test]
fn a_crash_at_any_moment_of_a_migration_leaves_a_whole_vault() {
    if let Some(part) = children::part() {
        return migrate(&part);
    }
    let test = "reliability::images::a_crash_at_any_moment_of_a_migration_leaves_a_whole_vault";
    let wanted = from_environment("FACEVAULT_CRASH_IMAGES", 1_500) / 5;
    let mut tester = Tester::new();
    for (version, left) in VERSIONS.zip((1..=VERSIONS.count()).rev()) {
        let folder = folder();
        let path = folder.path().join("migrated");
        fs::write(&path, published(version)).expect("a file");
        let expected = State::read(&open(&path).expect("opens")).expect("reads");
        assert!(expected.persons.len() == 2, "{expected:?}");
        fs::remove_file(&path).expect("removed");
        let (events, _) = record(test, &format!("{version} {}", folder.path().display()));
        let share = (wanted - tester.images) / left;
        tester.walk(&events, Expected::always(expected), share, u64::from(version));
    }
    tester.conclude();
}

/// In the recorded process.
fn migrate(part: &str) {
    let (version, folder) = part.split_once(' ').expect("a number and a folder");
    let mut control = Control::new();
    control.root(Path::new(folder));
    let path = Path::new(folder).join("v");
    durable(&path, &published(version.parse().expect("a number")));
    control.mark("begin");
    drop(open(&path).expect("opens"));
    control.mark("done");
}

/// The vault of a published version.
pub(super) fn published(version: u32) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/vault-v{version}.gz"));
    let packed = fs::read(path).expect("a file of the repository");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut bytes).expect("unpacks");
    bytes
}

fn open(path: &Path) -> facevault::Result<Vault> {
    Vault::open(path, VaultOptions::default())
}

/// What may be found while a script runs, as its marks come.
struct Expected {
    /// The states before and behind each operation; `None` where there is no vault.
    states: Vec<Option<State>>,
    /// The file of a backup that each operation makes.
    backups: Vec<Option<String>>,
    /// How many operations have begun, and how many were acknowledged; `None` until the first one begins.
    begun: Option<usize>,
    done: usize,
}

impl Expected {
    fn script(seed: u64) -> Self {
        let mut model = Model::new();
        let (mut states, mut backups) = (vec![None, Some(model.state.clone())], vec![None]);
        for op in script(seed, LENGTH) {
            model.perform(&op);
            states.push(Some(model.state.clone()));
            backups.push(if let Op::Backup(name) = op { Some(name) } else { None });
        }
        Self { states, backups, begun: None, done: 0 }
    }

    fn always(state: State) -> Self {
        Self { states: vec![Some(state.clone()), Some(state)], backups: vec![None], begun: None, done: 0 }
    }

    fn take(&mut self, mark: &str) {
        match mark {
            "begin" => self.begun = Some(self.begun.unwrap_or(0) + 1),
            "done" => self.done += 1,
            other => panic!("an unknown mark: {other}"),
        }
    }

    /// The states that a vault may have now; `None` while nothing is asked.
    fn now(&self) -> Option<Vec<Option<&State>>> {
        self.begun.map(|begun| self.states[self.done..=begun].iter().map(Option::as_ref).collect())
    }

    /// The backup that the last operation makes.
    fn backup(&self) -> Option<Backup<'_>> {
        let last = self.begun?.checked_sub(1)?;
        let (name, state) = (self.backups[last].as_deref()?, self.states[last].as_ref()?);
        Some(Backup { name, state, is_acknowledged: self.done > last })
    }
}

/// A backup that there may be, or must be if it was acknowledged, and what it holds.
#[derive(Clone, Copy)]
pub(super) struct Backup<'a> {
    pub(super) name: &'a str,
    pub(super) state: &'a State,
    pub(super) is_acknowledged: bool,
}

/// Opens what disks may hold.
pub(super) struct Tester {
    folder: tempfile::TempDir,
    /// Hashes of what was opened, with what was expected of it.
    seen: HashSet<u64>,
    pub(super) images: usize,
    moments: usize,
    /// How often the state before an operation was found, and the one behind it.
    found: [usize; 2],
    pub(super) findings: Vec<String>,
    started: Instant,
    longest: Duration,
}

impl Tester {
    pub(super) fn new() -> Self {
        Self {
            folder: folder(),
            seen: HashSet::new(),
            images: 0,
            moments: 0,
            found: [0; 2],
            findings: Vec::new(),
            started: Instant::now(),
            longest: Duration::ZERO,
        }
    }

    /// What is expected from now on is something else.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
    }

    /// Goes through the record, and opens about `wanted` of the disks that its moments may leave.
    fn walk(&mut self, events: &[Event], mut expected: Expected, wanted: usize, seed: u64) {
        let changes = |event: &Event| !matches!(event, Event::Mark(_));
        let moments = events.iter().filter(|event| changes(event)).count();
        self.begin();
        let mut disk = Disk::default();
        let mut numbers = Numbers(seed);
        let (goal, mut passed) = (self.images + wanted, 0);
        let mut how_far = HowFar::new(goal, "crash images");
        for (place, event) in events.iter().enumerate() {
            disk.apply(event);
            if let Event::Mark(mark) = event {
                expected.take(mark);
            }
            passed += usize::from(changes(event));
            if expected.now().is_none() || self.findings.len() >= MOST_FINDINGS {
                continue;
            }
            self.moments += 1;
            how_far.is(self.images);
            // What earlier moments did not need is left to the later ones. The first tries of a moment are those
            // that leave all and nothing.
            let (left, remaining) = (goal.saturating_sub(self.images), moments - passed + 1);
            let share = match remaining {
                1 => left.max(1),
                _ => left / remaining + usize::from(numbers.below(remaining) < left % remaining),
            };
            let (before, mut tries) = (self.images, 0);
            while self.images < before + share && tries < 4 * share {
                let namings = if tries < 2 { tries * disk.namings() } else { numbers.below(disk.namings() + 1) };
                let uncertain = disk.uncertain(namings);
                let fate = fate(&mut numbers, tries, uncertain);
                let image = disk.image(namings, &fate);
                let now = expected.now().expect("asked above");
                if let Err(finding) = self.examine(&image, &now, expected.backup()) {
                    let moment = format!("script {seed}, event {place} ({})", brief(event));
                    self.found_wrong(&image, &format!("{moment}: {finding}; {fate:?} with {namings} namings"));
                    break;
                }
                tries += 1;
                if uncertain == 0 && disk.namings() == 0 {
                    break;
                }
            }
        }
    }

    /// Opens a disk and says what is wrong with it. The vault must be in one of these states (`None` where it may be
    /// missing).
    pub(super) fn examine(
        &mut self,
        image: &[(String, Vec<u8>)],
        allowed: &[Option<&State>],
        backup: Option<Backup<'_>>,
    ) -> Result<(), String> {
        let wanted = |name: &str| {
            let of_backup = backup.is_some_and(|backup| name.starts_with(backup.name));
            of_backup || name == "v" || name.starts_with("v-")
        };
        let image: Vec<_> = image.iter().filter(|(name, _)| wanted(name)).collect();
        let states: Vec<&State> = allowed.iter().copied().flatten().collect();
        // States live as long as what is tried, so their addresses name them.
        let expected: Vec<usize> = states.iter().map(|state| std::ptr::from_ref(*state) as usize).collect();
        if !self.seen.insert(hash(&image, &expected)) {
            return Ok(());
        }
        self.images += 1;
        let started = Instant::now();
        for entry in fs::read_dir(self.folder.path()).expect("a folder") {
            fs::remove_file(entry.expect("an entry").path()).expect("removed");
        }
        for (name, bytes) in &image {
            fs::write(self.folder.path().join(name), bytes).expect("written");
        }
        let has = |name: &str| image.iter().any(|(found, _)| found == name);
        if has("v") {
            let behind = self.holds("v", &states)? + 1 == states.len();
            self.found[usize::from(behind)] += 1;
        } else if allowed.iter().all(Option::is_some) {
            return Err("there is no vault".to_owned());
        }
        if let Some(Backup { name, state, is_acknowledged }) = backup {
            if has(name) {
                self.holds(name, &[state]).map_err(|finding| format!("in the backup: {finding}"))?;
            } else if is_acknowledged {
                return Err("there is no backup".to_owned());
            }
        }
        self.longest = self.longest.max(started.elapsed());
        Ok(())
    }

    /// Opens a vault and says which of the states it has.
    fn holds(&self, name: &str, states: &[&State]) -> Result<usize, String> {
        let path = self.folder.path().join(name);
        let vault = open(&path).map_err(|error| format!("it does not open: {error}"))?;
        clean(&vault)?;
        let found = State::read(&vault).map_err(|error| format!("it cannot be read: {error}"))?;
        let Some(which) = states.iter().position(|state| **state == found) else {
            let differences: Vec<_> = states.iter().map(|state| state.difference(&found)).collect();
            return Err(format!("a state that never was: {}", differences.join("; or ")));
        };
        // Now and then: what was opened takes changes.
        if self.images.is_multiple_of(50) {
            let change = || {
                let id = vault.create_person(&NewPerson::named("Afterwards"))?.id;
                drop(vault);
                let vault = open(&path)?;
                vault.person(&id)?;
                Ok(vault)
            };
            let vault = change().map_err(|error: facevault::Error| format!("it takes no change: {error}"))?;
            clean(&vault)?;
        }
        Ok(which)
    }

    /// Takes down a finding, and keeps the image for whoever looks into it.
    pub(super) fn found_wrong(&mut self, image: &[(String, Vec<u8>)], what: &str) {
        let number = self.findings.len();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        for (name, bytes) in image {
            fs::write(folder.join(name), bytes).expect("written");
        }
        let finding = format!("{what}; kept in {}", folder.display());
        self.findings.push(finding);
    }

    fn conclude(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        eprintln!(
            "{} crash images of {} moments in {seconds:.0} s ({:.0} a second, the slowest {:.0} ms): {} before and {} \
             behind an operation, {} findings",
            self.images,
            self.moments,
            self.images as f64 / seconds,
            self.longest.as_secs_f64() * 1e3,
            self.found[0],
            self.found[1],
            self.findings.len()
        );
        assert!(self.findings.is_empty(), "{:#?}", self.findings);
        assert!(self.found[1] > 0, "no operation was ever found done");
    }
}

fn clean(vault: &Vault) -> Result<(), String> {
    let report = vault.check().map_err(|error| format!("it cannot be checked: {error}"))?;
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => Err(format!("it is damaged: {}", problem.what)),
    }
}

/// What becomes of what is not certain: first all is lost, then all is kept, then it is left to chance.
fn fate(numbers: &mut Numbers, tries: usize, uncertain: usize) -> Fate {
    match (tries, uncertain) {
        (0, _) => Fate::Lost,
        (1, _) | (_, 0) => Fate::Kept,
        _ => match numbers.below(8) {
            0 => Fate::Without(numbers.below(uncertain)),
            1 => Fate::Only(numbers.below(uncertain)),
            2 => Fate::Before(numbers.below(uncertain)),
            _ => Fate::Random(Numbers(numbers.next())),
        },
    }
}

fn brief(event: &Event) -> String {
    match event {
        Event::Write { file, offset, bytes } => format!("file {file}: {} bytes at {offset}", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// A hash of all bytes and of what is expected, quickly: a few of 500,000 images pass for others and are left out.
fn hash(image: &[&(String, Vec<u8>)], expected: &[usize]) -> u64 {
    let mut hasher = DefaultHasher::new();
    expected.hash(&mut hasher);
    for (name, bytes) in image {
        (name, bytes.len(), crc32fast::hash(bytes)).hash(&mut hasher);
    }
    hasher.finish()
}

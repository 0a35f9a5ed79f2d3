//! Calls that fail, one after the other: writes on a full disk, syncs that are not done, files that do not open.
//!
//! For each operation, each kind of call, and each call of that kind, a vault is made, the call fails, and three
//! things are asked. What the operation said is so: done, or refused as if it had never been asked; now, after the
//! process is killed, and after the power fails. An error says what it was. And when the fault has gone, the next
//! operation works.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use facevault::store::Store;
use facevault::{Error, ErrorKind, Vault, VaultOptions};

use super::Numbers;
use super::disk::{Disk, Fate};
use super::images::{Backup, Tester, published};
use super::recorder::{Control, Event, durable, record};
use super::script::{Model, Op, Subject};
use super::state::State;
use super::works::{ENOSPC, FAULTS, Work, next, preparation, works};
use crate::children;
use crate::scratch::folder;

const TEST: &str = "reliability::faults::a_failing_call_leaves_a_whole_vault_and_an_honest_answer";

/// What a work's vault may hold, by name: before and behind the work, each also with the next operation.
fn states(work: &Work) -> BTreeMap<String, Option<State>> {
    let mut states = BTreeMap::new();
    match work {
        Work::Op(_) | Work::OpenAfterCrash => {
            let mut before = Model::new();
            preparation().iter().for_each(|op| before.perform(op));
            let mut behind = before.clone();
            if let Work::Op(op) = work {
                behind.perform(op);
            }
            for (name, mut model) in [("before", before), ("behind", behind)] {
                states.insert(name.to_owned(), Some(model.state.clone()));
                model.perform(&next());
                states.insert(format!("{name}-next"), Some(model.state));
            }
        }
        Work::Create => {
            states.insert("before".to_owned(), None);
            states.insert("behind".to_owned(), Some(State::default()));
        }
        Work::Migrate(version) => {
            let folder = folder();
            let path = folder.path().join("v");
            fs::write(&path, published(*version)).expect("a file");
            let state = State::read(&Vault::open(&path, VaultOptions::default()).expect("opens")).expect("reads");
            states.insert("before".to_owned(), Some(state.clone()));
            states.insert("behind".to_owned(), Some(state));
        }
    }
    states
}

#[test]
fn a_failing_call_leaves_a_whole_vault_and_an_honest_answer() {
    if let Some(part) = children::part() {
        return perform(&part);
    }
    let all = std::env::var_os("FACEVAULT_FAULTS").is_some();
    let mut tester = Tester::new();
    let (mut injected, mut refused) = (0, 0);
    for (name, work) in works() {
        let folder = folder();
        let most = if all { usize::MAX } else { 1 };
        let (events, said) = record(TEST, &format!("{name} {most} {}", folder.path().display()));
        for line in said {
            match line.split_once(": ") {
                Some(("finding", what)) => {
                    tester.findings.push(what.to_owned());
                }
                Some(("done", counts)) => {
                    let (one, two) = counts.split_once(' ').expect("two numbers");
                    injected += one.parse::<usize>().expect("a number");
                    refused += two.parse::<usize>().expect("a number");
                }
                _ => panic!("the child said {line}"),
            }
        }
        crash(&mut tester, &events, &states(&work));
        if all {
            eprintln!(
                "{name}: {injected} faults and {} images so far, {} findings",
                tester.images,
                tester.findings.len()
            );
        }
    }
    eprintln!("{injected} faults, {refused} operations refused, {} images opened", tester.images);
    assert!(tester.findings.is_empty(), "{} findings: {:#?}", tester.findings.len(), tester.findings);
    assert!(refused > injected / 4, "{refused} of {injected} faults were noticed");
}

/// Opens what kill and power failure leave of each run: where something is said all, nothing and a part of what is
/// not certain, and now and then in between.
fn crash(tester: &mut Tester, events: &[Event], states: &BTreeMap<String, Option<State>>) {
    tester.begin();
    let mut numbers = Numbers(1);
    let (mut disk, mut allowed, mut run) = (Disk::default(), Vec::new(), String::new());
    let mut backup = None;
    for event in events {
        disk.apply(event);
        let mut tries = usize::from(numbers.one_in(20));
        if let Event::Mark(mark) = event {
            let (what, rest) = mark.split_once(' ').expect("two words");
            match what {
                "run" => {
                    (disk, run, backup) = (Disk::default(), rest.to_owned(), None);
                    allowed.clear();
                }
                "backup" => {
                    let state = states["before"].as_ref().expect("a vault");
                    backup = Some(Backup { name: "copy", state, is_acknowledged: rest == "done" });
                }
                "expect" => {
                    allowed = rest.split(' ').map(|name| states[name].as_ref()).collect();
                    tries = 4;
                }
                "told" => {}
                _ => panic!("an unknown mark: {mark}"),
            }
        }
        for attempt in 0..if allowed.is_empty() { 0 } else { tries } {
            let (namings, fate) = match (tries, attempt) {
                (4, 0) => (disk.namings(), Fate::Kept),
                (4, 1) => (0, Fate::Lost),
                _ => (numbers.below(disk.namings() + 1), Fate::Random(Numbers(numbers.next()))),
            };
            let image = disk.image(namings, &fate);
            if let Err(finding) = tester.examine(&image, &allowed, backup) {
                let what = if (tries, attempt) == (4, 0) { "killed" } else { "after a power failure" };
                tester.found_wrong(&image, &format!("{run}: {what}: {finding}"));
            }
        }
    }
}

/// In the recorded process: all faults of one work.
fn perform(part: &str) {
    let mut words = part.splitn(3, ' ');
    let mut word = || words.next().expect("three words");
    let (name, most, folder) = (word(), word().parse::<usize>().expect("a number"), Path::new(word()));
    let work = works().into_iter().find(|(known, _)| *known == name).expect("a known work").1;
    let mut bench = Bench { control: Control::new(), states: states(&work), work, run: 0 };
    let template = bench.template(folder);
    let (mut injected, mut refused) = (0, 0);
    let mut counted = BTreeMap::new();
    for (round, fault) in FAULTS.iter().enumerate() {
        // How often calls of this kind are made while none fails.
        let calls =
            *counted.entry(fault.0).or_insert_with(|| bench.attempt(folder, &template, name, *fault, usize::MAX).calls);
        let step = calls.div_ceil(most).max(1);
        for nth in (round % step + 1..=calls).step_by(step) {
            let told = bench.attempt(folder, &template, name, *fault, nth);
            injected += usize::from(told.fired > 0);
            refused += usize::from(told.is_refused);
        }
    }
    children::say(format!("done: {injected} {refused}"));
}

struct Bench {
    control: Control,
    work: Work,
    states: BTreeMap<String, Option<State>>,
    run: usize,
}

/// The files that a run starts with.
type Template = Vec<(&'static str, Vec<u8>)>;

struct Told {
    fired: usize,
    calls: usize,
    is_refused: bool,
}

impl Bench {
    fn template(&self, folder: &Path) -> Template {
        let folder = folder.join("template");
        fs::create_dir(&folder).expect("a folder");
        let path = folder.join("v");
        let read = |name: &'static str| (name, fs::read(folder.join(name)).expect("a file"));
        match &self.work {
            Work::Create => Vec::new(),
            Work::Migrate(version) => vec![("v", published(*version))],
            Work::Op(_) | Work::OpenAfterCrash => {
                let mut subject = Subject::create(&path).expect("a vault");
                preparation().iter().for_each(|op| subject.perform(op).expect("prepared"));
                if matches!(self.work, Work::OpenAfterCrash) {
                    return vec![read("v"), read("v-wal")];
                }
                drop(subject);
                vec![read("v")]
            }
        }
    }

    /// One fault, from a new vault to what is left of it.
    fn attempt(
        &mut self,
        folder: &Path,
        template: &Template,
        name: &str,
        (kind, error, mode): (&str, i32, &str),
        nth: usize,
    ) -> Told {
        self.run += 1;
        let folder = folder.join(self.run.to_string());
        fs::create_dir(&folder).expect("a folder");
        self.control.root(&folder);
        let run = format!("{name}: {kind} {nth} fails with error {error}, {mode}");
        self.control.mark(&format!("run {run}"));
        for (name, bytes) in template {
            durable(&folder.join(name), bytes);
        }
        let path = folder.join("v");
        let subject = match &self.work {
            Work::Op(_) => Some(Subject::open(&path).expect("opens")),
            _ => None,
        };
        self.control.mark("expect before behind");
        let is_backup = matches!(self.work, Work::Op(Op::Backup(_)));
        if is_backup {
            self.control.mark("backup begun");
        }
        self.control.arm(kind, nth.min(1_000_000_000), error, mode);
        let (outcome, subject) = self.work(&path, subject);
        let (fired, calls) = self.control.disarm();
        let subject = subject.and_then(|mut subject| match subject.revive() {
            Ok(()) => Some(subject),
            Err(error) => {
                finding(&run, &format!("afterwards it does not open: {error}"));
                None
            }
        });
        let told = match &outcome {
            Ok(()) => "behind",
            Err(error) if is_unknown(error) => "unknown",
            // The vault is there: what failed is opening it.
            Err(error) if error.to_string().contains("the vault was made") => "behind",
            Err(_) => "before",
        };
        // For whoever reads the record.
        self.control.mark(&format!("told {told}: {}", outcome.as_ref().err().map_or(String::new(), Error::to_string)));
        if let Err(error) = &outcome {
            self.judge(&run, error);
        } else if is_backup {
            self.control.mark("backup done");
        }
        if outcome.is_err() && fired == 0 {
            finding(&run, "it was refused although no call failed");
        }
        let shown = self.expect(&run, told, &path, subject.as_ref());
        self.afterwards(&run, shown, told == "unknown", &path, subject);
        fs::remove_dir_all(&folder).expect("removed");
        Told { fired, calls, is_refused: outcome.is_err() }
    }

    fn work(&self, path: &Path, subject: Option<Subject>) -> (Result<(), Error>, Option<Subject>) {
        match (&self.work, subject) {
            (Work::Op(op), Some(mut subject)) => (subject.perform(op), Some(subject)),
            (Work::Create, _) => (Vault::create(path, VaultOptions::default()).map(drop), None),
            (Work::OpenAfterCrash, _) => match Subject::open(path) {
                Ok(subject) => (Ok(()), Some(subject)),
                Err(error) => (Err(error), None),
            },
            _ => (Store::open(path).map(drop), None),
        }
    }

    /// An error says what it was.
    fn judge(&self, run: &str, error: &Error) {
        let text = error.to_string();
        let honest = matches!(error.kind(), ErrorKind::Io | ErrorKind::Busy) || is_unknown(error);
        if !honest {
            finding(run, &format!("the error is of kind {}: {text}", error.kind()));
        }
        let full = format!("error {ENOSPC},");
        if run.contains("write") && run.contains(&full) && !text.contains("full") {
            finding(run, &format!("the disk is full, and the error says {text:?}"));
        }
    }

    /// What the vault shows is what was said. Returns the name of its state.
    fn expect(&mut self, run: &str, told: &str, path: &Path, subject: Option<&Subject>) -> &'static str {
        let shown = match subject {
            Some(subject) => State::read(subject.vault()).map(Some),
            None if path.exists() => Vault::open(path, VaultOptions::default()).and_then(|v| State::read(&v)).map(Some),
            None => Ok(None),
        };
        let shown = match shown {
            Ok(shown) => shown,
            Err(error) => {
                finding(run, &format!("afterwards it cannot be read: {error}"));
                return "before";
            }
        };
        let is = |name: &str| shown == self.states[name];
        let shows = if told != "before" && is("behind") { "behind" } else { "before" };
        if !is(shows) || told != "unknown" && told != shows {
            let difference = match (&shown, &self.states[shows]) {
                (Some(shown), Some(told)) => told.difference(shown),
                _ => "a vault is there or not".to_owned(),
            };
            finding(run, &format!("it said {told}, and shows another state: {difference}"));
        }
        // From here on a crash may bring back nothing else, unless nobody knows.
        self.control.mark(&format!("expect {}", if told == "unknown" { "before behind" } else { shows }));
        shows
    }

    /// The next operation works, and all is there when the vault is opened again.
    fn afterwards(&mut self, run: &str, shown: &str, is_unknown: bool, path: &Path, subject: Option<Subject>) {
        let subject = match (&self.work, subject) {
            (Work::Op(_) | Work::OpenAfterCrash, None) => Subject::open(path).map(Some),
            (_, subject) => Ok(subject),
        };
        let mut last = shown.to_owned();
        match subject {
            Ok(None) => {}
            Ok(Some(mut subject)) => {
                let now = if is_unknown { "before behind" } else { shown };
                self.control.mark(&format!("expect {now} {shown}-next"));
                match subject.perform(&next()) {
                    Ok(()) => last = format!("{shown}-next"),
                    Err(error) => finding(run, &format!("the next operation is refused: {error}")),
                }
                // What was written after it says which it was.
                self.control.mark(&format!("expect {last}"));
                drop(subject);
            }
            Err(error) => finding(run, &format!("afterwards it does not open: {error}")),
        }
        let Some(state) = &self.states[&last] else { return };
        match Vault::open(path, VaultOptions::default()).and_then(|vault| Ok((State::read(&vault)?, vault.check()?))) {
            Ok((found, _)) if found != *state => {
                finding(run, &format!("opened again it differs: {}", state.difference(&found)));
            }
            Ok((_, report)) if !report.is_clean() => finding(run, &format!("it is damaged: {report:?}")),
            Ok(_) => {}
            Err(error) => finding(run, &format!("it does not open again: {error}")),
        }
        self.control.mark(&format!("expect {last}"));
    }
}

fn finding(run: &str, what: &str) {
    children::say(format!("finding: {run}: {what}"));
}

/// Whether the error says that nobody knows whether the operation took effect.
fn is_unknown(error: &Error) -> bool {
    error.kind().as_str() == "outcome_unknown"
}

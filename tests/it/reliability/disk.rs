//! What a disk may hold when the power fails.
//!
//! What a file was when it was last synced is certain. Of each later write and cut any may be lost, whatever became of
//! those after it, and a write may be torn at the sectors' bounds: some sectors old, others new. Where a write makes a
//! file longer, the length may be there without the bytes. Names come and go in the order in which they did, as file
//! systems with a journal keep it; those since the folder was last synced may be lost from some point on. What a sync
//! did not reach that failed stays uncertain for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Numbers;
use super::recorder::Event;

const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<u32, Content>,
    names: BTreeMap<String, u32>,
    /// Changes of names since the folder was synced.
    renamed: Vec<Naming>,
}

#[derive(Debug, Default)]
struct Content {
    /// What is certain.
    base: Vec<u8>,
    /// What came since, in its order.
    changes: Vec<(Change, Certainty)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Arc<[u8]> },
    Cut(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Certainty {
    /// Not synced yet.
    Open,
    /// A sync failed.
    Doubtful,
    /// On the disk, but something before it is not.
    Certain,
}

#[derive(Debug, Clone)]
enum Naming {
    Name(String, u32),
    Unname(String),
    Move(String, String),
    Link(String, String),
}

/// What became of the changes that are not certain.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    Lost,
    Kept,
    /// All but one.
    Without(usize),
    /// One alone.
    Only(usize),
    /// All before one.
    Before(usize),
    /// Each as it comes, torn or not.
    Random(Numbers),
}

impl Disk {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Create { file, name } => {
                self.files.insert(*file, Content::default());
                self.renamed.push(Naming::Name(name.clone(), *file));
            }
            Event::Write { file, offset, bytes } => {
                let offset = usize::try_from(*offset).expect("a small file");
                self.change(*file, Change::Write { offset, bytes: bytes.as_slice().into() });
            }
            Event::Truncate { file, size } => {
                self.change(*file, Change::Cut(usize::try_from(*size).expect("a small file")));
            }
            // A file that has lost its name for certain matters to nobody.
            Event::Sync(file) => self.files.get_mut(file).into_iter().for_each(Content::sync),
            Event::SyncFailed(file) => self.files.get_mut(file).into_iter().for_each(|it| it.turn(Certainty::Doubtful)),
            Event::SyncFolder => {
                for naming in self.renamed.drain(..) {
                    naming.apply(&mut self.names);
                }
                self.files.retain(|file, _| self.names.values().any(|named| named == file));
            }
            Event::Rename { from, to } => self.renamed.push(Naming::Move(from.clone(), to.clone())),
            Event::Link { from, to } => self.renamed.push(Naming::Link(from.clone(), to.clone())),
            Event::Unlink(name) => self.renamed.push(Naming::Unname(name.clone())),
            Event::Mark(_) => {}
        }
    }

    fn change(&mut self, file: u32, change: Change) {
        if let Some(content) = self.files.get_mut(&file) {
            content.changes.push((change, Certainty::Open));
        }
    }

    /// How many changes of names are not certain.
    pub(super) fn namings(&self) -> usize {
        self.renamed.len()
    }

    /// How many changes of the named files are not certain, with so many changes of names.
    pub(super) fn uncertain(&self, namings: usize) -> usize {
        let count = |file: &u32| {
            let changes = self.files[file].changes.iter();
            changes.filter(|(_, certainty)| *certainty != Certainty::Certain).count()
        };
        self.named(namings).values().map(count).sum()
    }

    fn named(&self, namings: usize) -> BTreeMap<String, u32> {
        let mut names = self.names.clone();
        for naming in &self.renamed[..namings] {
            naming.clone().apply(&mut names);
        }
        names.retain(|name, _| matters(name));
        names
    }

    /// The files as the disk may hold them, with so many of the last changes of names.
    pub(super) fn image(&self, namings: usize, fate: &Fate) -> Vec<(String, Vec<u8>)> {
        let mut fate = fate.clone();
        let mut number = 0;
        let read = |(name, file): (String, u32)| {
            let content = &self.files[&file];
            let mut bytes = content.base.clone();
            for (change, certainty) in &content.changes {
                if *certainty == Certainty::Certain {
                    change.apply(&mut bytes);
                } else {
                    fate.apply(number, change, &mut bytes);
                    number += 1;
                }
            }
            (name, bytes)
        };
        self.named(namings).into_iter().map(read).collect()
    }
}

/// Whether a crash leaves the file to anybody: SQLite makes its index of the log anew, and what has no name of its own
/// yet is looked at by nobody.
fn matters(name: &str) -> bool {
    !name.ends_with("-shm") && !name.starts_with('.')
}

impl Content {
    /// Makes something else of what is still open.
    fn turn(&mut self, into: Certainty) {
        for (_, certainty) in &mut self.changes {
            if *certainty == Certainty::Open {
                *certainty = into;
            }
        }
    }

    fn sync(&mut self) {
        self.turn(Certainty::Certain);
        let first = self.changes.iter().position(|(_, certainty)| *certainty != Certainty::Certain);
        for (change, _) in self.changes.drain(..first.unwrap_or(self.changes.len())) {
            change.apply(&mut self.base);
        }
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Cut(size) => file.resize(*size, 0),
            Self::Write { offset, bytes } => write(file, *offset, bytes),
        }
    }
}

fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

impl Naming {
    fn apply(self, names: &mut BTreeMap<String, u32>) {
        match self {
            Self::Name(name, file) => drop(names.insert(name, file)),
            Self::Unname(name) => drop(names.remove(&name)),
            Self::Move(from, to) => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
            Self::Link(from, to) => {
                if let Some(file) = names.get(&from) {
                    names.insert(to, *file);
                }
            }
        }
    }
}

impl Fate {
    fn apply(&mut self, number: usize, change: &Change, file: &mut Vec<u8>) {
        let numbers = match self {
            Self::Random(numbers) => numbers,
            Self::Lost => return,
            Self::Without(lost) if *lost == number => return,
            Self::Only(kept) if *kept != number => return,
            Self::Before(end) if *end <= number => return,
            _ => return change.apply(file),
        };
        let Change::Write { offset, bytes } = change else {
            if !numbers.one_in(2) {
                change.apply(file);
            }
            return;
        };
        match numbers.below(8) {
            0..3 => change.apply(file),
            3..5 => {}
            5 => {
                // The length without the bytes: zeros, or what was on the disk before.
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, *numbers.pick(&[0, 0xa5]));
                }
            }
            _ => torn(numbers, *offset, bytes, file),
        }
    }
}

/// Writes some sectors of a write.
fn torn(numbers: &mut Numbers, offset: usize, bytes: &[u8], file: &mut Vec<u8>) {
    let count = (offset + bytes.len()).div_ceil(SECTOR) - offset / SECTOR;
    let (kind, place, mask) = (numbers.below(4), numbers.below(count), numbers.next());
    let mut from = 0;
    for sector in 0..count {
        let end = ((offset / SECTOR + sector + 1) * SECTOR - offset).min(bytes.len());
        let kept = match kind {
            0 => sector < place,
            1 => sector > place,
            2 => sector != place,
            _ => mask >> (sector % 64) & 1 == 1,
        };
        if kept {
            write(file, offset + from, &bytes[from..end]);
        }
        from = end;
    }
}

#[test]
fn what_was_not_synced_is_lost_kept_or_torn() {
    let mut disk = Disk::default();
    let write = |offset, fill: u8, length| Event::Write { file: 1, offset, bytes: vec![fill; length] };
    let named = |disk: &Disk, namings, fate: &Fate| disk.image(namings, fate);
    disk.apply(&Event::Create { file: 1, name: "v".into() });
    disk.apply(&write(0, 1, 1024));
    assert!(named(&disk, 0, &Fate::Kept).is_empty(), "a name that was not synced may be lost");
    assert_eq!(named(&disk, 1, &Fate::Lost), [("v".to_owned(), Vec::new())]);
    disk.apply(&Event::Sync(1));
    disk.apply(&Event::SyncFolder);
    assert_eq!((disk.namings(), disk.uncertain(0)), (0, 0));

    disk.apply(&write(500, 2, 1000));
    disk.apply(&Event::Truncate { file: 1, size: 512 });
    assert_eq!(disk.uncertain(0), 2);
    let bytes = |disk: &Disk, fate: Fate| named(disk, 0, &fate).remove(0).1;
    let all = |runs: &[(u8, usize)]| -> Vec<u8> { runs.iter().flat_map(|(fill, n)| vec![*fill; *n]).collect() };
    assert_eq!(bytes(&disk, Fate::Lost), all(&[(1, 1024)]));
    assert_eq!(bytes(&disk, Fate::Kept), all(&[(1, 500), (2, 12)]));
    assert_eq!(bytes(&disk, Fate::Only(1)), all(&[(1, 512)]));
    assert_eq!(bytes(&disk, Fate::Without(1)), all(&[(1, 500), (2, 1000)]));
    let random: std::collections::BTreeSet<_> = (0..500).map(|n| bytes(&disk, Fate::Random(Numbers(n)))).collect();
    let torn = [all(&[(1, 512), (2, 512), (1, 0)]), all(&[(1, 500), (2, 12), (1, 512), (2, 476)])];
    assert!(torn.iter().all(|torn| random.contains(torn)), "{} kinds", random.len());
    assert!(random.iter().all(|bytes| bytes[..500] == [1; 500]), "what is certain stays");

    disk.apply(&Event::SyncFailed(1));
    disk.apply(&write(0, 3, 10));
    disk.apply(&Event::Sync(1));
    assert_eq!(disk.uncertain(0), 2, "a later sync does not bring back what a failed one may have dropped");
    assert_eq!(bytes(&disk, Fate::Lost), all(&[(3, 10), (1, 1014)]));
}

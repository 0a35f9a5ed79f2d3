//! Records what a child process does to its files, and reads the record.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::children;
use crate::scratch::folder;

const TRACE: &str = "FACEVAULT_TRACE";
const CONTROL: &str = "FACEVAULT_CONTROL";

/// The library of `syscalls.c`, compiled.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/reliability/syscalls.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Other test processes may do the same at the same time.
    let unfinished = folder.join(format!("syscalls-{}.so", std::process::id()));
    let mut compile = Command::new("cc");
    compile.args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&unfinished).arg(source);
    assert!(compile.status().expect("a C compiler named cc").success(), "syscalls.c does not compile");
    let library = folder.join("syscalls.so");
    fs::rename(&unfinished, &library).expect("renamed");
    library
});

/// What a process did, in its order.
#[derive(Debug)]
pub(super) enum Event {
    /// A file came, empty, under this name.
    Create {
        file: u32,
        name: String,
    },
    Write {
        file: u32,
        offset: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: u32,
        size: u64,
    },
    Sync(u32),
    /// A sync failed: what it should have made durable may be lost whatever comes later.
    SyncFailed(u32),
    SyncFolder,
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Unlink(String),
    /// What the process says about itself.
    Mark(String),
}

/// Runs `test` as a child that does `part`, and returns what it did to the files of the folders that it names, and
/// the lines that it said.
pub(super) fn record(test: &str, part: &str) -> (Vec<Event>, Vec<String>) {
    let folder = folder();
    let (trace, control) = (folder.path().join("trace"), folder.path().join("control"));
    let mut command = children::command(test, part);
    command.env("LD_PRELOAD", &*LIBRARY).env(TRACE, &trace).env(CONTROL, &control);
    let (said, passed) = children::start_command(command).finish();
    assert!(passed, "the recorded process failed: its output says why");
    let bytes = fs::read(&trace).expect("a trace");
    (events(&bytes), said)
}

fn events(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at(24);
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let (kind, file, offset, length) = (word(0), word(4), long(8), long(16));
        let (payload, rest) = rest.split_at(usize::try_from(length).expect("a length"));
        bytes = rest;
        let text = || String::from_utf8(payload.to_vec()).expect("a text");
        let names = || {
            let both = text();
            let (from, to) = both.split_once('\0').expect("two names");
            (from.to_owned(), to.to_owned())
        };
        events.push(match kind {
            1 => Event::Create { file, name: text() },
            2 => Event::Write { file, offset, bytes: payload.to_vec() },
            3 => Event::Truncate { file, size: offset },
            4 => Event::Sync(file),
            5 => Event::SyncFolder,
            6 => {
                let (from, to) = names();
                Event::Rename { from, to }
            }
            7 => {
                let (from, to) = names();
                Event::Link { from, to }
            }
            8 => Event::Unlink(names().0),
            9 => Event::Mark(text()),
            // A call that was made to fail: for whoever reads the record.
            10 => continue,
            11 => Event::SyncFailed(file),
            _ => panic!("the process used {}, which the record cannot tell", text()),
        });
    }
    events
}

/// In a recorded process: what commands the library.
pub(super) struct Control {
    file: File,
    path: PathBuf,
}

impl Control {
    pub(super) fn new() -> Self {
        let path = PathBuf::from(std::env::var_os(CONTROL).expect("a recorded process"));
        let file = OpenOptions::new().write(true).open(&path).expect("the library has made it");
        Self { file, path }
    }

    fn command(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).expect("taken");
    }

    /// From now on the files in this folder are recorded.
    pub(super) fn root(&mut self, folder: &Path) {
        self.command(&format!("root {}", folder.display()));
    }

    pub(super) fn mark(&mut self, text: &str) {
        self.command(&format!("mark {text}"));
    }

    /// Makes the `nth` call of a kind fail.
    pub(super) fn arm(&mut self, kind: &str, nth: usize, error: i32, mode: &str) {
        self.command(&format!("arm {kind} {nth} {error} {mode}"));
    }

    /// Ends that. Returns how many calls failed, and how many of the kind there were.
    pub(super) fn disarm(&mut self) -> (usize, usize) {
        self.command("disarm");
        let text = fs::read_to_string(&self.path).expect("an answer");
        let (fired, calls) = text.split_once(' ').expect("two numbers");
        (fired.parse().expect("a number"), calls.parse().expect("a number"))
    }
}

/// Makes a file that is on the disk as a whole, its name included.
pub(super) fn durable(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).expect("a file");
    file.write_all(bytes).expect("written");
    file.sync_all().expect("synced");
    File::open(path.parent().expect("a folder")).expect("a folder").sync_all().expect("synced");
}

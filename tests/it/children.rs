//! Child processes that are this test binary, run for one test alone.
//!
//! A test that runs a child calls [`part`] first. In a child it returns what the child must do, in
//! an ordinary run `None`. The child sends lines to its parent with [`say`]; other output of the test
//! harness is ignored.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

const PART: &str = "FACEVAULT_TEST_CHILD";
const MARK: &str = "child: ";

/// What this process is to do as a child; `None` in the parent.
pub(crate) fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// Sends a line to the parent. It is in the pipe when this returns, whatever becomes of the child.
pub(crate) fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{MARK}{line}\n").as_bytes()).expect("a parent that listens");
    out.flush().expect("a parent that listens");
}

/// A child; dropping it ends it.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// The command that runs `test` (its path inside the binary) as a child.
pub(crate) fn command(test: &str, part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(PART, part);
    command
}

/// Starts `test` as a child that does `part`.
pub(crate) fn start(test: &str, part: &str) -> Running {
    start_command(command(test, part))
}

/// Starts a command that runs a child in the end.
pub(crate) fn start_command(mut command: Command) -> Running {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("a pipe"));
    Running { child, lines }
}

impl Running {
    /// The next line that the child says; `None` when it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            // A killed child may leave half a line: that was never said.
            if self.lines.read_until(b'\n', &mut bytes).expect("a pipe") == 0 || bytes.pop() != Some(b'\n') {
                return None;
            }
            let text = String::from_utf8_lossy(&bytes);
            // The harness ends its own line only after the test.
            if let Some((_, said)) = text.split_once(MARK) {
                return Some(said.to_owned());
            }
        }
    }

    /// All lines that are still to come.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Ends the child at once, in the middle of whatever it does, and returns what it had said.
    pub(crate) fn kill(&mut self) -> Vec<String> {
        self.child.kill().expect("a child to end");
        let rest = self.rest();
        self.child.wait().expect("a child that ended");
        rest
    }

    /// Waits for the child to end by itself and says whether its test passed.
    pub(crate) fn finish(mut self) -> (Vec<String>, bool) {
        let rest = self.rest();
        let passed = self.child.wait().expect("a child that ends").success();
        (rest, passed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `test` as a child, lets it work for a random time once it has said its first line, and
/// kills it. Returns the lines that it said.
pub(crate) fn killed_at_random(test: &str, part: &str, longest: Duration) -> Vec<String> {
    let mut child = start(test, part);
    let mut lines = vec![child.line().expect("a child that starts")];
    let share = RandomState::new().hash_one(()) as f64 / u64::MAX as f64;
    std::thread::sleep(longest.mul_f64(share));
    lines.extend(child.kill());
    lines
}

/// How often children are killed: `$FACEVAULT_KILLS`, else `usually`.
pub(crate) fn kills(usually: usize) -> usize {
    std::env::var("FACEVAULT_KILLS").map_or(usually, |kills| kills.parse().expect("a number of kills"))
}

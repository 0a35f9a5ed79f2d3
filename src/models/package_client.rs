//! A package client, such as pip, as a process of its own.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::home::cannot;
use super::install::Failure;
use crate::error::{Error, ErrorKind};

/// How often a running client is checked.
const INTERVAL: Duration = Duration::from_millis(100);

/// How much of what a client said is read, from the end.
const MAX_LOG: u64 = 1 << 17;

/// How a client ended.
pub(super) enum Ended {
    /// It did what it was asked.
    Well,
    /// It did not. This is the end of what it said.
    Badly(String),
    /// It could not be started.
    NotStarted(io::Error),
}

/// Runs `command`, with all that it says in the file `log`, until it ends. `watch` is called several times a second. If
/// it fails, because the work was cancelled, the client and all processes that it started are killed.
pub(super) fn run(
    mut command: Command,
    log: &Path,
    watch: &mut dyn FnMut() -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    let output = File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
    let (stdout, stderr) = output.map_err(|error| cannot("write", log, error))?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    // A client starts others; a group of their own lets them all be ended together.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut attempts = 0;
    let mut client = loop {
        match command.spawn() {
            Ok(client) => break Running(client),
            // The program was just unpacked: a child process that another thread forks meanwhile inherits the file open
            // for writing, until that child executes its own program.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && attempts < 10 => attempts += 1,
            Err(error) => return Ok(Ended::NotStarted(error)),
        }
        std::thread::sleep(INTERVAL);
    };
    let status = loop {
        if let Some(status) = client.0.try_wait().map_err(|error| waiting(&command, &error))? {
            break status;
        }
        watch()?;
        std::thread::sleep(INTERVAL);
    };
    if status.success() {
        return Ok(Ended::Well);
    }
    Ok(Ended::Badly(tail(log).map_err(|error| cannot("read", log, error))?))
}

fn waiting(command: &Command, error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot wait for {}: {error}", command.get_program().display()))
}

/// The end of the file at `path`.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(MAX_LOG);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MAX_LOG).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A running client. Dropping this kills it and all processes that it started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        #[cfg(unix)]
        {
            // The group's id is the client's process id. If there is no program `kill`, only the client itself is
            // killed, below.
            let group = format!("-{}", self.0.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        }
        #[cfg(windows)]
        {
            // Windows has no process groups; it knows which process started which.
            let tree = ["/T", "/F", "/PID", &self.0.id().to_string()];
            let _ = Command::new("taskkill").args(tree).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The size of the largest file up to `depth` folders below `folder` whose name `counts`: what a
/// client has downloaded so far.
pub(super) fn largest(folder: &Path, depth: usize, counts: &dyn Fn(&str) -> bool) -> u64 {
    let mut largest = 0;
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, level)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() && level < depth => folders.push((entry.path(), level + 1)),
                Ok(data) if data.is_file() && counts(&entry.file_name().to_string_lossy()) => {
                    largest = largest.max(data.len());
                }
                _ => {}
            }
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_growing_file_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = |depth| largest(folder.path(), depth, &|name| name.starts_with('a'));
        assert_eq!(found(2), 0);
        let inner = folder.path().join("pip-unpack-x");
        fs::create_dir(&inner).expect("a folder");
        fs::write(inner.join("a-1.0.tar.gz"), [0; 7]).expect("written");
        fs::write(inner.join("setuptools.whl"), [0; 70]).expect("written");
        assert_eq!((found(1), found(0)), (7, 0));
    }

    #[test]
    fn the_end_of_a_long_log_is_read() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let long = "x".repeat(MAX_LOG as usize) + "the end";
        fs::write(file.path(), &long).expect("written");
        let read = tail(file.path()).expect("read");
        assert!(read.len() as u64 == MAX_LOG && read.ends_with("the end"));
    }
}

//! ffmpeg, which reads cameras and writes films, as a process of its own.

use std::io::Read;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use facevault::{Error, ErrorKind, Result};

/// How many bytes of its error output are kept: the last ones.
const KEPT: usize = 2_000;

/// A running ffmpeg. It is ended when this value is dropped.
pub(super) struct Ffmpeg {
    what: String,
    child: Mutex<Child>,
    said: Arc<Mutex<Vec<u8>>>,
    listens: Mutex<Option<JoinHandle<()>>>,
}

impl Ffmpeg {
    /// Starts ffmpeg. `what` says in error messages what it is for, such as "which reads /dev/video0"; `with` adds
    /// arguments and pipes.
    pub(super) fn start(what: &str, with: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-loglevel", "error"]);
        with(&mut command);
        // In a process group of its own ffmpeg does not get Ctrl-C; facevault ends it when the work is done.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| {
            let message = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("ffmpeg, {what}, is not installed: install it, for example with `apt-get install ffmpeg`")
                }
                _ => format!("ffmpeg, {what}, cannot be started: {error}"),
            };
            Error::new(ErrorKind::Unsupported, message).caused_by(error)
        })?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let (errors, heard) = (child.stderr.take(), Arc::clone(&said));
        let listen = move || {
            let (Some(mut errors), mut part) = (errors, [0; 512]) else { return };
            while let Ok(count @ 1..) = errors.read(&mut part) {
                let mut said = heard.lock().unwrap_or_else(PoisonError::into_inner);
                said.extend_from_slice(&part[..count]);
                let old = said.len().saturating_sub(KEPT);
                said.drain(..old);
            }
        };
        let listens = std::thread::Builder::new().name("facevault-ffmpeg".to_owned()).spawn(listen).ok();
        Ok(Self { what: what.to_owned(), child: Mutex::new(child), said, listens: Mutex::new(listens) })
    }

    pub(super) fn take_stdout(&self) -> Option<ChildStdout> {
        self.child().stdout.take()
    }

    pub(super) fn take_stdin(&self) -> Option<ChildStdin> {
        self.child().stdin.take()
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        // It may have ended by itself.
        let _ = self.child().kill();
    }

    /// Waits until it has ended; the caller has closed its input. An error if it failed.
    pub(super) fn finish(&self) -> Result<()> {
        let status = self.wait()?;
        if status.success() { Ok(()) } else { Err(self.error(Some(status))) }
    }

    /// Why its output ended; `None` if it reported no error.
    pub(super) fn failed(&self) -> Option<Error> {
        // ffmpeg ends soon after it has closed its output; if it does not, it hangs.
        self.kill_if_it_hangs();
        let status = self.wait().ok();
        (!self.said().is_empty()).then(|| self.error(status))
    }

    fn kill_if_it_hangs(&self) {
        for _ in 0..20 {
            if !matches!(self.child().try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        self.kill();
    }

    fn wait(&self) -> Result<ExitStatus> {
        let status = self.child().wait().map_err(|error| {
            Error::new(ErrorKind::Io, format!("ffmpeg, {}, cannot be waited for: {error}", self.what)).caused_by(error)
        })?;
        if let Some(listens) = self.listens.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It does nothing that could fail.
            let _ = listens.join();
        }
        Ok(status)
    }

    /// The last line that it said.
    fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        last.chars().filter(|letter| !letter.is_control()).collect()
    }

    fn error(&self, status: Option<ExitStatus>) -> Error {
        let status = status.map_or("it was ended".to_owned(), |status| status.to_string());
        let said = match self.said() {
            said if said.is_empty() => String::new(),
            said => format!(": {said}"),
        };
        Error::new(ErrorKind::Io, format!("ffmpeg, {}, failed ({status}){said}", self.what))
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        self.kill();
        let _ = self.wait();
    }
}

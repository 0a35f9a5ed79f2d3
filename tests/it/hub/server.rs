//! A PostgreSQL server with pgvector, one for all tests of this process (`tests/hub/postgres`).

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use facevault::Hub;

/// The server's programs, if they are here: `FACEVAULT_POSTGRES` names their folder. Where files for tests may not be
/// missing, neither may it.
pub(super) fn programs() -> Option<PathBuf> {
    match std::env::var_os("FACEVAULT_POSTGRES") {
        Some(folder) => Some(folder.into()),
        None if std::env::var_os("FACEVAULT_REQUIRE_DATA").is_some() => {
            panic!("FACEVAULT_POSTGRES must name the folder of PostgreSQL's programs")
        }
        None => {
            eprintln!("skipped: FACEVAULT_POSTGRES does not name the folder of PostgreSQL's programs");
            None
        }
    }
}

/// A server that runs until this is dropped or the process ends.
pub(crate) struct Server {
    port: u16,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    child: Mutex<Child>,
    /// A hub that nobody uses, to be copied.
    template: OnceLock<String>,
}

impl Server {
    /// A server of its own.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&programs()?, None)
    }

    /// A server with these programs, with its data on a disk of this size if one is named. `None` where there can be no
    /// such disk.
    pub(crate) fn start_with(programs: &Path, disk: Option<&str>) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hub/postgres");
        let mut child = Command::new(script)
            .arg(programs)
            .args(disk)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/hub/postgres runs");
        let input = child.stdin.take().expect("an input");
        let mut output = BufReader::new(child.stdout.take().expect("an output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        if line.trim() == "not mounted" {
            child.wait().expect("it ended");
            return None;
        }
        let port = line.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("the server did not start: {line}"));
        let port = port.parse().expect("a port");
        let (pipes, child) = (Mutex::new(Some((input, output))), Mutex::new(child));
        Some(Self { port, pipes, child, template: OnceLock::new() })
    }

    /// The one that tests share.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Tells the script something and waits until it is done.
    pub(crate) fn tell(&self, what: &str) {
        let mut pipes = self.pipes.lock().expect("no panic");
        let pipes = pipes.as_mut().expect("it runs");
        writeln!(pipes.0, "{what}").expect("written");
        let mut line = String::new();
        pipes.1.read_line(&mut line).expect("a line");
        assert_eq!(line.trim(), "done", "{what}");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of a database, for the owner.
    pub(crate) fn address(&self, database: &str) -> String {
        format!("postgres://owner:secret@127.0.0.1:{}/{database}", self.port)
    }

    /// An empty database that nobody else uses.
    pub(crate) fn database(&self) -> String {
        let name = unused_name();
        self.run("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// A hub that nobody else uses. It is a copy, which takes a fraction of the time in which one is made.
    pub(crate) fn hub(&self) -> String {
        let template = self.template.get_or_init(|| {
            let name = self.database();
            Hub::init(&self.address(&name)).expect("a hub");
            name
        });
        let name = unused_name();
        self.run("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        name
    }

    /// Removes a database, whoever is connected to it. Nothing is said where that fails: the server goes soon.
    pub(crate) fn remove(&self, database: &str) {
        if let Ok(mut client) = postgres::Client::connect(&self.address("postgres"), postgres::NoTls) {
            let _ = client.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)"));
        }
    }

    /// Carries out statements as the owner.
    pub(crate) fn run(&self, database: &str, statements: &str) {
        self.client(database).batch_execute(statements).unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    pub(crate) fn client(&self, database: &str) -> postgres::Client {
        postgres::Client::connect(&self.address(database), postgres::NoTls).expect("connects")
    }

    /// Keeps a copy of a database as it is now.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        self.run("postgres", &format!("DROP DATABASE IF EXISTS {to} WITH (FORCE)"));
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()";
        self.client("postgres").query(end, &[&from]).expect("ended");
        self.run("postgres", &format!("CREATE DATABASE {to} TEMPLATE {from}"));
    }

    /// Puts a copy in place of a database.
    pub(crate) fn restore(&self, database: &str, from: &str) {
        self.run("postgres", &format!("DROP DATABASE {database} WITH (FORCE)"));
        self.copy(from, database);
    }
}

/// A name that no database has.
fn unused_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("hub_{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Drop for Server {
    fn drop(&mut self) {
        // The script ends when its input does, and takes the server and its folder along.
        drop(self.pipes.get_mut().map(Option::take));
        let _ = self.child.get_mut().map(Child::wait);
    }
}

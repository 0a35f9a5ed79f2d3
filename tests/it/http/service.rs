//! What `facevault serve` tells systemd, on a socket of the test's own.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::harness::Facevault;

/// A server, killed when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(server: &Server, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &server.0.id().to_string()]).status();
    assert!(sent.expect("kill").success());
}

#[test]
fn systemd_is_told_of_the_start_of_work_and_of_the_end() {
    let test = Facevault::in_any_place();
    let path = test.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let told = || {
        let mut line = [0; 64];
        let length = socket.recv(&mut line).expect("told");
        String::from_utf8(line[..length].to_vec()).expect("text")
    };
    let mut command = test.command(["serve", test.vault(), "--listen", "127.0.0.1:0", "--without-models"]);
    // A time that is long enough for a busy machine.
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000").stdin(Stdio::null()).stdout(Stdio::null());
    let mut server = Server(command.spawn().expect("a server"));
    assert_eq!(told(), "READY=1");
    for _ in 0..3 {
        assert_eq!(told(), "WATCHDOG=1");
    }
    signal(&server, "-TERM");
    let end = std::iter::repeat_with(told).find(|line| line != "WATCHDOG=1");
    assert_eq!(end.as_deref(), Some("STOPPING=1"));
    assert!(server.0.wait().expect("ended").success());
}

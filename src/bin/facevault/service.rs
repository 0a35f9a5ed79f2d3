//! Messages to systemd: the service is ready, is stopping, or still works.
//!
//! The protocol is that of sd_notify(3): datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names.
//! Without that variable nothing is sent. If systemd watches the service (`WATCHDOG_USEC`), a message is sent each time
//! the server has answered a request, not by a timer: a server that hangs sends none, and systemd starts it again.

use std::time::Duration;

/// The socket of systemd, and how often systemd wants to hear that the service works.
#[derive(Debug, Default)]
pub(crate) struct Service {
    #[cfg(unix)]
    socket: Option<(std::os::unix::net::UnixDatagram, std::os::unix::net::SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Service {
    /// Reads `NOTIFY_SOCKET` and the watchdog's variables.
    pub(crate) fn from_env() -> Self {
        Self {
            #[cfg(unix)]
            socket: unix::socket(),
            watchdog: watchdog(|name| std::env::var(name).ok(), std::process::id()),
        }
    }

    /// Whether systemd listens.
    pub(crate) fn is_asked(&self) -> bool {
        #[cfg(unix)]
        return self.socket.is_some();
        #[cfg(not(unix))]
        false
    }

    /// How often [`Self::works`] must be called: half of the time after which systemd ends the service. `None` without
    /// a watchdog.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// The server answers requests.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// The server takes no more requests.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// The server has answered a request.
    pub(crate) fn works(&self) {
        self.tell("WATCHDOG=1");
    }

    #[cfg(unix)]
    fn tell(&self, line: &str) {
        let Some((socket, whom)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(line.as_bytes(), whom) {
            tracing::warn!(%error, "the message {line} could not be sent to systemd");
        }
    }

    #[cfg(not(unix))]
    #[allow(clippy::unused_self)]
    fn tell(&self, _: &str) {}
}

/// The time after which systemd ends this process, unless it gets a message.
fn watchdog(variable: impl Fn(&str) -> Option<String>, process: u32) -> Option<Duration> {
    let is_meant = variable("WATCHDOG_PID").is_none_or(|id| id.parse() == Ok(process));
    let time: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    (is_meant && time > 0).then(|| Duration::from_micros(time))
}

#[cfg(unix)]
mod unix {
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    /// A socket to send from, and the one that `NOTIFY_SOCKET` names: a path, or `@` and an abstract name.
    pub(super) fn socket() -> Option<(UnixDatagram, SocketAddr)> {
        let name = std::env::var_os("NOTIFY_SOCKET")?;
        let found =
            address(name.as_encoded_bytes()).and_then(|address| Ok((UnixDatagram::unbound()?, address))).map_err(
                |error| tracing::warn!(%error, "systemd gets no messages: the socket in NOTIFY_SOCKET cannot be used"),
            );
        found.ok()
    }

    fn address(name: &[u8]) -> std::io::Result<SocketAddr> {
        #[cfg(target_os = "linux")]
        if let Some(name) = name.strip_prefix(b"@") {
            return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
        }
        SocketAddr::from_pathname(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name))
    }
}

#[cfg(feature = "http")]
pub(crate) mod answering {
    //! Whether a server answers.

    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
    use std::sync::mpsc::{Receiver, RecvTimeoutError};
    use std::time::Duration;

    use super::Service;

    /// The pause between two requests until the server has answered for the first time.
    const STARTING: Duration = Duration::from_millis(50);

    /// Sends requests to the server at `address` until it answers, and then tells systemd that it is ready. With a
    /// watchdog it goes on sending requests and tells systemd of each answer. Ends when the other end of `stopped` is
    /// dropped.
    pub(crate) fn watch(service: &Service, address: SocketAddr, stopped: &Receiver<()>) {
        let goes_on = |pause| stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout);
        while answers(address, Duration::from_secs(1)).is_err() {
            if !goes_on(STARTING) {
                return;
            }
        }
        service.ready();
        let Some(interval) = service.interval() else { return };
        while goes_on(interval / 2) {
            match answers(address, interval / 2) {
                Ok(()) => service.works(),
                Err(error) => tracing::warn!(%error, "the server did not answer the watchdog's request"),
            }
        }
    }

    /// Asks for `/healthz`. Any answer shows that connections are accepted and requests are looked at, and so does a
    /// connection that the server closes: it does that where it speaks TLS, or has as many connections as it may.
    fn answers(address: SocketAddr, patience: Duration) -> std::io::Result<()> {
        let host = match address {
            SocketAddr::V4(at) if at.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, at.port()).into(),
            SocketAddr::V6(at) if at.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, at.port()).into(),
            at => at,
        };
        let mut connection = TcpStream::connect_timeout(&host, patience)?;
        connection.set_read_timeout(Some(patience))?;
        connection.set_write_timeout(Some(patience))?;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let closed = |error: &std::io::Error| {
            use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        };
        let answered = connection.write_all(request.as_bytes()).and_then(|()| connection.read(&mut [0; 64]));
        match answered {
            Ok(_) => Ok(()),
            Err(error) if closed(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    #[cfg(test)]
    mod tests {
        use std::net::TcpListener;

        use super::*;

        #[test]
        fn a_server_that_accepts_and_is_silent_does_not_answer() {
            let patience = Duration::from_millis(200);
            let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = silent.local_addr().expect("an address");
            assert!(answers(address, patience).is_err());
            let closing = std::thread::spawn(move || {
                // The connection of the silent time, and the next one.
                drop(silent.accept());
                drop(silent.accept());
            });
            assert!(answers(address, Duration::from_secs(10)).is_ok());
            closing.join().expect("closed");
            assert!(answers(address, patience).is_err(), "nobody listens any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_that_of_this_process() {
        let time = |usec: Option<&str>, pid: Option<&str>| {
            watchdog(|name| if name == "WATCHDOG_USEC" { usec } else { pid }.map(str::to_owned), 7)
        };
        let ten = Some(Duration::from_secs(10));
        for (usec, pid, expected) in [
            (Some("10000000"), None, ten),
            (Some("10000000"), Some("7"), ten),
            (Some("10000000"), Some("8"), None),
            (Some("10000000"), Some("seven"), None),
            (Some("0"), None, None),
            (Some("-1"), None, None),
            (None, Some("7"), None),
        ] {
            assert_eq!(time(usec, pid), expected, "{usec:?} {pid:?}");
        }
    }
}

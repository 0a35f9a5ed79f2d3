//! A network between vaults and their hub that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// When connections are cut.
pub(super) struct Cut {
    /// After so many bytes from the server.
    pub(super) bytes: AtomicUsize,
    /// In place of so manieth answer that a change is on the disk, 1 for the next one.
    pub(super) confirmations: AtomicUsize,
}

impl Cut {
    /// Never, until something else is said.
    pub(super) fn never() -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(usize::MAX), confirmations: AtomicUsize::new(usize::MAX) })
    }

    /// From now on all goes through.
    pub(super) fn mend(&self) {
        self.bytes.store(usize::MAX, Ordering::Relaxed);
        self.confirmations.store(usize::MAX, Ordering::Relaxed);
    }

    /// How many bytes of these from the server go through; fewer than there are cut the connection.
    fn passes(&self, bytes: &[u8]) -> usize {
        let left = self.bytes.load(Ordering::Relaxed);
        self.bytes.fetch_sub(bytes.len().min(left), Ordering::Relaxed);
        // The length of the message, and what it says.
        if bytes.windows(8).any(|window| window == b"\x0bCOMMIT\0")
            && self.confirmations.fetch_sub(1, Ordering::Relaxed) == 1
        {
            self.bytes.store(0, Ordering::Relaxed);
            return 0;
        }
        if left <= bytes.len() { left.saturating_sub(1) } else { bytes.len() }
    }
}

/// Hands connections on to a server, and cuts them when `cut` says so. Returns the port to connect to.
pub(super) fn cutting(server: u16, cut: Arc<Cut>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(upstream) = TcpStream::connect(("127.0.0.1", server)) else { continue };
            let (mut from, mut to) = (client.try_clone().expect("a copy"), upstream.try_clone().expect("a copy"));
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let cut = Arc::clone(&cut);
            thread::spawn(move || {
                let (mut from, mut to, mut buffer) = (upstream, client, [0; 512]);
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    let passing = cut.passes(&buffer[..count]);
                    if to.write_all(&buffer[..passing]).is_err() || passing < count {
                        break;
                    }
                }
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
        }
    });
    port
}

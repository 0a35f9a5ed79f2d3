//! Bytes on a connection to the server: whatever they are, it answers or closes, and no request makes it fail.
//!
//! In the input `%TOKEN%` stands for a valid token.

#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use facevault::http::{Server, ServerOptions};
use facevault::{CollectionId, NewCollection, NewPerson, PersonId, Vault, VaultOptions};
use libfuzzer_sys::fuzz_target;

/// How long the server may leave a client that has sent everything without an answer and without an end.
const PATIENCE: Duration = Duration::from_secs(5);

const PLACEHOLDER: &[u8] = b"%TOKEN%";

struct Target {
    address: SocketAddr,
    token: String,
}

static TARGET: OnceLock<Target> = OnceLock::new();

/// Starts a server without models.
fn start() -> Target {
    let vault = Vault::in_memory(VaultOptions::default()).expect("a vault");
    let ada = NewPerson { id: PersonId::new("ada").ok(), ..NewPerson::named("Ada") };
    vault.create_person(&ada).expect("a person");
    vault
        .create_collection(&NewCollection { id: CollectionId::new("staff").ok(), ..NewCollection::named("Staff") })
        .expect("one");
    let (token, _) = vault.create_token(None).expect("a token");
    let options = ServerOptions {
        listen: "127.0.0.1:0".parse().expect("an address"),
        console: true,
        max_body: 1 << 20,
        patience: Duration::from_secs(2),
        longest: Duration::from_secs(2),
        ..ServerOptions::default()
    };
    let server = Server::bind(vault, options).expect("a server");
    let address = server.address();
    std::thread::spawn(move || server.run().expect("it runs"));
    Target { address, token: token.reveal() }
}

fuzz_target!(|data: &[u8]| {
    let Target { address, token } = TARGET.get_or_init(start);
    let mut sent = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some(at) = rest.windows(PLACEHOLDER.len()).position(|part| part == PLACEHOLDER) {
        sent.extend_from_slice(&rest[..at]);
        sent.extend_from_slice(token.as_bytes());
        rest = &rest[at + PLACEHOLDER.len()..];
    }
    sent.extend_from_slice(rest);

    let mut connection = TcpStream::connect(address).expect("it accepts");
    connection.set_read_timeout(Some(Duration::from_millis(3))).expect("set");
    // The server may close before it has read everything.
    let _ = connection.write_all(&sent);
    let mut answer = Vec::new();
    // Requests that are whole are answered before this end of the connection is closed.
    read(&mut connection, &mut answer);
    let _ = connection.shutdown(Shutdown::Write);
    connection.set_read_timeout(Some(PATIENCE)).expect("set");
    assert!(read(&mut connection, &mut answer), "the connection stays open: {}", answer.escape_ascii());
    let text = String::from_utf8_lossy(&answer);
    assert!(!text.contains("HTTP/1.1 500") && !text.contains("HTTP/1.0 500"), "the server failed: {text}");
    assert!(answer.is_empty() || text.starts_with("HTTP/1.") || !is_http_1(&sent), "no answer: {text}");
});

/// Reads until the end, or until nothing comes for a while; whether the end was reached.
fn read(connection: &mut TcpStream, answer: &mut Vec<u8>) -> bool {
    let mut part = [0; 4_096];
    loop {
        match connection.read(&mut part) {
            Ok(0) => return true,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return false;
            }
            Err(_) => return true,
        }
    }
}

/// Whether this is not the start of HTTP/2, which is answered in frames.
fn is_http_1(sent: &[u8]) -> bool {
    !sent.starts_with(b"PRI ")
}

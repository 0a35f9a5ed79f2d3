//! A web server on loopback that answers as told, honestly or not.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is answered for one path.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) path: &'static str,
    pub(super) status: &'static str,
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
    /// Whether the connection stays open, silent, after the body.
    pub(super) hangs: bool,
}

impl Answer {
    /// An honest answer.
    pub(super) fn file(path: &'static str, body: &[u8]) -> Self {
        let headers = format!("Content-Length: {}\r\n", body.len());
        Self { path, status: "200 OK", headers, body: body.to_vec(), hangs: false }
    }
}

pub(super) struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        listener.set_nonblocking(true).expect("not blocking");
        let (asked, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (asked, stop) = (Arc::clone(&asked), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Ok((stream, _)) => serve(stream, &answers, &asked, &stop),
                        Err(_) => std::thread::sleep(Duration::from_millis(2)),
                    }
                }
            }
        });
        Self { url, asked, stop, thread: Some(thread) }
    }

    /// The `source` of a manifest for `path`, with more keys.
    pub(super) fn source(&self, path: &str, keys: &str) -> String {
        format!("source = {{ url = \"{}{path}\"{keys} }}", self.url)
    }

    /// The paths asked for so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(stream: TcpStream, answers: &[Answer], asked: &Mutex<Vec<String>>, stop: &AtomicBool) {
    stream.set_nonblocking(false).expect("blocking");
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    if reader.read_line(&mut request).is_err() {
        return;
    }
    let mut header = String::new();
    while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
        header.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().expect("no panic").push(path.clone());
    let unknown = Answer { status: "404 Not Found", ..Answer::file("", b"nothing here") };
    let answer = answers.iter().find(|answer| answer.path == path).unwrap_or(&unknown);
    let mut stream = &stream;
    // The client may have gone: that is its right.
    let _ = write!(stream, "HTTP/1.1 {}\r\n{}Connection: close\r\n\r\n", answer.status, answer.headers)
        .and_then(|()| stream.write_all(&answer.body));
    while answer.hangs && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

//! Damaged files: does decoding them ever end the process, take long, or take much memory?
//!
//! ```sh
//! cargo bench --features avif --bench hostile -- --count 100000 tests/data/avif
//! cargo bench --bench hostile -- --count 100000 --heic
//! ```
//!
//! Each file is damaged at random (bits or bytes changed; parts cut off, removed, doubled or taken from
//! another file) and decoded in a child process. If the child ends, that is counted, and a new child
//! continues with the next file. The same files, count and `--seed` give the same damage. `--heic` adds
//! pictures made with the encoder of the crate `heifer`. Files that cannot be decoded undamaged are
//! skipped. The benchmark fails if a child ended or used more memory than `--memory` MiB.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use facevault::vision::{DecodeLimits, decode};

const USAGE: &str = "usage: hostile [--count N] [--seed N] [--memory MIB] [--heic] FILE|FOLDER...";

struct Arguments {
    count: u64,
    seed: u64,
    memory: u64,
    heic: bool,
    paths: Vec<PathBuf>,
    /// In a child: the number of the first file to damage.
    from: Option<u64>,
}

fn arguments() -> Arguments {
    let mut found = Arguments { count: 10_000, seed: 1, memory: u64::MAX, heic: false, paths: Vec::new(), from: None };
    let mut words = env::args().skip(1);
    let number = |word: Option<String>| word.and_then(|word| word.parse().ok()).expect(USAGE);
    while let Some(word) = words.next() {
        match word.as_str() {
            // What `cargo bench` adds.
            "--bench" => {}
            "--count" => found.count = number(words.next()),
            "--seed" => found.seed = number(words.next()),
            "--memory" => found.memory = number(words.next()),
            "--from" => found.from = Some(number(words.next())),
            "--heic" => found.heic = true,
            path if !path.starts_with("--") => found.paths.push(path.into()),
            _ => panic!("{USAGE}"),
        }
    }
    found
}

fn main() -> ExitCode {
    let arguments = arguments();
    let files = files(&arguments);
    if files.is_empty() {
        // `cargo bench` runs every benchmark without arguments.
        println!("nothing to damage; {USAGE}");
        return ExitCode::SUCCESS;
    }
    match arguments.from {
        Some(from) => child(&files, &arguments, from),
        None => return parent(files.len(), &arguments),
    }
    ExitCode::SUCCESS
}

/// The undamaged files that can be decoded.
fn files(arguments: &Arguments) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    arguments.paths.iter().for_each(|path| below(path, &mut paths));
    paths.sort();
    let mut files: Vec<Vec<u8>> = paths.iter().filter_map(|path| fs::read(path).ok()).collect();
    if arguments.heic {
        files.extend(heic_files());
    }
    files.retain(|file| decode(file, &DecodeLimits::default()).is_ok());
    files
}

fn below(path: &Path, found: &mut Vec<PathBuf>) {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| below(&entry.path(), found)),
        Err(_) => found.push(path.to_owned()),
    }
}

#[cfg(feature = "heic")]
fn heic_files() -> Vec<Vec<u8>> {
    let options = |quality| heifer::EncodeOptions { quality, max_threads: 1 };
    [(64, 48, 90), (97, 130, 60), (300, 200, 75), (520, 530, 40), (700, 530, 85)]
        .into_iter()
        .map(|(width, height, quality)| {
            let pixels: Vec<u8> = (0..width * height * 3).map(|i: u32| (i / 3 % width * 7 + i / 311) as u8).collect();
            heifer::encode_rgb8(width, height, &pixels, &options(quality)).expect("encodes")
        })
        .collect()
}

#[cfg(not(feature = "heic"))]
fn heic_files() -> Vec<Vec<u8>> {
    Vec::new()
}

/// Decodes damaged files from the number `from` on and prints the outcome of each.
fn child(files: &[Vec<u8>], arguments: &Arguments, from: u64) {
    let mut out = std::io::stdout().lock();
    let mut line = String::new();
    for number in from..arguments.count {
        let file = damaged(files, &mut Numbers::new(arguments.seed, number));
        let started = Instant::now();
        let decoded = decode(&file, &DecodeLimits::default()).is_ok();
        line.clear();
        let _ = writeln!(line, "{} {}", u8::from(decoded), started.elapsed().as_micros());
        out.write_all(line.as_bytes()).expect("written");
    }
    writeln!(out, "memory {}", peak_memory()).expect("written");
}

/// The most memory of this process in KiB, 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn parent(files: usize, arguments: &Arguments) -> ExitCode {
    let (mut done, mut decoded, mut ended, mut memory) = (0, 0, Vec::new(), 0);
    let mut slowest = (Duration::ZERO, 0);
    while done < arguments.count {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.args(env::args().skip(1)).args(["--from", &done.to_string()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
            let line = line.expect("read");
            let (kind, number) = line.split_once(' ').expect("two words");
            let number: u64 = number.parse().expect("a number");
            if kind == "memory" {
                memory = memory.max(number);
                continue;
            }
            decoded += u64::from(kind == "1");
            slowest = slowest.max((Duration::from_micros(number), done));
            done += 1;
        }
        if !child.wait().expect("ended").success() && done < arguments.count {
            ended.push(done);
            done += 1;
        }
    }
    println!("{files} files, {done} damaged: {decoded} decoded, {} refused", done - decoded - ended.len() as u64);
    println!("the process ended {} times {:?}", ended.len(), &ended[..ended.len().min(20)]);
    let milliseconds = slowest.0.as_secs_f64() * 1e3;
    println!("the slowest (number {}) took {milliseconds:.1} ms; memory at most {} MiB", slowest.1, memory / 1024);
    if ended.is_empty() && memory / 1024 <= arguments.memory { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One of the files with one to three changes; every other one in its second half, where the pixels are.
fn damaged(files: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut file = files[numbers.below(files.len())].clone();
    for _ in 0..=numbers.below(3) {
        if file.is_empty() {
            break;
        }
        let first = numbers.below(2) * (file.len() / 2);
        let at = first + numbers.below(file.len() - first);
        let length = 1 + numbers.below((file.len() - at).min(64));
        match numbers.below(7) {
            0 => file[at] ^= 1 << numbers.below(8),
            1 => file[at] = [0, 0xff, 0x80, 0x7f, numbers.below(256) as u8][numbers.below(5)],
            2 => file[at..at + length].iter_mut().for_each(|byte| *byte = numbers.below(256) as u8),
            3 => file.truncate(at),
            4 => drop(file.drain(at..at + length)),
            5 => {
                let part = file[at..at + length].to_vec();
                file.splice(at..at, part);
            }
            _ => {
                let other = &files[numbers.below(files.len())];
                let from = numbers.below(other.len());
                let part = &other[from..(from + length * 16).min(other.len())];
                file.splice(at..at + length, part.iter().copied());
            }
        }
    }
    file
}

/// Numbers that are always the same (SplitMix64, Steele, Lea and Flood 2014).
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64, number: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

//! The inference runtime: what cannot be one is reported or passed over, and never hangs or crashes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Facevault, Run};

/// A shared library that states a version of ONNX Runtime and has nothing else, made by the
/// compiler that built this test.
fn library(folder: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (source_path, path) = (folder.join(format!("{name}.rs")), folder.join(name));
    std::fs::write(&source_path, source).expect("written");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let made = Command::new(compiler)
        .args(["--edition", "2024", "--crate-type", "cdylib", "-C", "panic=abort", "-o"])
        .args([&path, &source_path])
        .output();
    if made.is_ok_and(|output| output.status.success()) {
        return Some(path);
    }
    eprintln!("skipped: a library that states another version: no compiler");
    None
}

const OLD: &str = r#"
#[repr(C)]
pub struct Base { api: extern "C" fn(u32) -> *const u8, version: extern "C" fn() -> *const u8 }
extern "C" fn api(_: u32) -> *const u8 { std::ptr::null() }
extern "C" fn version() -> *const u8 { c"1.14.1".as_ptr().cast() }
static BASE: Base = Base { api, version };
#[unsafe(no_mangle)]
pub extern "C" fn OrtGetApiBase() -> *const Base { &BASE }
"#;

const EMPTY: &str = "#[unsafe(no_mangle)] pub extern \"C\" fn something_else() {}";

/// Paths that are no usable ONNX Runtime, and what is said of them.
fn unusable(test: &Facevault) -> Vec<(PathBuf, &'static str)> {
    let mut found = vec![
        (test.path().join("none.so"), "No such file"),
        (test.write("text.so", "I am a text, not a library"), "not a shared library"),
        (test.write("cut.so", &b"\x7fELF\x02\x01\x01"[..]), "cannot be used as ONNX Runtime"),
        (test.path().to_owned(), "not a regular file"),
    ];
    if cfg!(unix) {
        let fifo = test.path().join("fifo.so");
        match Command::new("mkfifo").arg(&fifo).status() {
            Ok(status) if status.success() => found.push((fifo, "not a regular file")),
            _ => eprintln!("skipped: a FIFO as runtime: no mkfifo"),
        }
    }
    found.extend(library(test.path(), "old.so", OLD).map(|path| (path, "its version is 1.14.1")));
    found.extend(library(test.path(), "empty.so", EMPTY).map(|path| (path, "it has no function OrtGetApiBase")));
    found
}

fn doctor(test: &Facevault, arguments: &[&str]) -> Run {
    test.run([&["doctor"], arguments].concat())
}

#[test]
fn a_runtime_that_is_asked_for_and_cannot_be_used_is_an_error() {
    let test = Facevault::new();
    for (path, said) in unusable(&test) {
        let run = doctor(&test, &["--runtime", &path.display().to_string()]);
        assert!(run.code == 3 && run.stdout.contains("BAD  runtime"), "{run:#?}");
        assert!(run.stdout.contains(said), "{said:?} of {}: {run:#?}", path.display());
        assert!(!run.stderr.contains("panicked"), "{run:#?}");
    }
}

#[test]
fn a_runtime_of_the_environment_that_cannot_be_used_is_passed_over_with_a_notice() {
    let Some(_) =
        crate::networks::runtime_for("a_runtime_of_the_environment_that_cannot_be_used_is_passed_over_with_a_notice")
    else {
        return;
    };
    let test = Facevault::new().with_runtime();
    for (path, said) in unusable(&test) {
        let mut command = test.command(["doctor", "--json"]);
        let output = command.env("ORT_DYLIB_PATH", &path).output().expect("run");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let checks: Vec<_> = answer["data"]["checks"].as_array().expect("a list").clone();
        let runtime: Vec<_> = checks.iter().filter(|check| check["check"] == "runtime").collect();
        let noted = |check: &serde_json::Value| {
            check["status"] == "note" && check["message"].as_str().is_some_and(|text| text.contains(said))
        };
        assert!(runtime.iter().any(|check| noted(check)), "{said:?} of {}: {runtime:#?}", path.display());
        assert!(runtime.iter().all(|check| check["status"] != "bad") && runtime.len() > 1, "{runtime:#?}");
    }
}

#[test]
fn a_photo_command_says_that_a_runtime_was_passed_over() {
    let name = "a_photo_command_says_that_a_runtime_was_passed_over";
    let Some(pack) = crate::packs::pack(name, "yunet_640", "espdl_mbf") else { return };
    let test = Facevault::new().with_runtime();
    let text = test.write("text.so", "I am a text, not a library");
    let photo = crate::data::folder(name).expect("data").join("images/formats/blank_640x480.jpg");
    let detect = |arguments: &[&str]| {
        let mut command = test.command(["detect"]);
        command.arg(&photo).arg("--pack").arg(pack.path()).args(arguments);
        command.env("ORT_DYLIB_PATH", &text).output().expect("run")
    };
    let output = detect(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.starts_with("notice: ") && said.contains("text.so cannot be used as ONNX Runtime"), "{said}");
    assert!(detect(&["--quiet"]).stderr.is_empty());
    let notice: serde_json::Value = serde_json::from_slice(&detect(&["--json"]).stderr).expect("one JSON object");
    assert!(notice["notice"].as_str().is_some_and(|text| text.contains("cannot be used")), "{notice}");

    let mut command = test.command(["detect"]);
    let asked = command.arg(&photo).arg("--pack").arg(pack.path()).arg("--runtime").arg(&text).output().expect("run");
    assert_eq!(asked.status.code(), Some(3), "{}", String::from_utf8_lossy(&asked.stderr));
}

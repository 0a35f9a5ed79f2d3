//! Standard output, standard error and Ctrl-C.

use std::process::Stdio;

use super::Facevault;

#[test]
fn nothing_but_the_answer_is_on_standard_output_and_no_colour() {
    let test = Facevault::with_ada();
    for arguments in [
        vec!["person", "show", "v", "ada"],
        vec!["person", "list", "v"],
        vec!["models", "list"],
        vec!["--help"],
        vec!["person", "update", "--help"],
    ] {
        let run = test.run(&arguments).ok();
        assert!(!run.stdout.contains('\u{1b}') && run.stderr.is_empty(), "{run:#?}");
        assert!(run.stdout.lines().all(|line| line == line.trim_end() || line.trim().is_empty()), "{run:#?}");
    }
    let run = test.run(["person", "show", "v", "nobody"]);
    assert!(run.stdout.is_empty() && !run.stderr.contains('\u{1b}'), "{run:#?}");
}

#[test]
fn help_is_found_in_every_way_that_people_try() {
    let test = Facevault::new();
    let whole = test.run(["--help"]).ok().stdout;
    for part in ["Exit codes:", "Environment:", "Begin here:", "facevault person add people.vault"] {
        assert!(whole.contains(part), "{part:?} in {whole}");
    }
    let update = test.run(["person", "update", "--help"]).ok().stdout;
    assert!(update.contains("--expect-version") && update.contains("Examples:"), "{update}");
    assert_eq!(test.run(["help", "person", "update"]).ok().stdout, update);
    assert!(test.run(["--version"]).ok().stdout.starts_with("facevault "));
    test.run([""; 0]).fails(2, "Usage: facevault");
}

#[test]
fn a_log_never_shows_what_describes_a_person() {
    let test = Facevault::new().with("FACEVAULT_LOG", "trace");
    test.run(["init", "v"]).ok();
    let run = test.run(["person", "add", "v", "--name", "Ada Lovelace", "--notes", "a secret", "-vv"]);
    assert!(run.code == 0 && run.stderr.contains("listening for Ctrl-C"), "{run:#?}");
    assert!(!run.stderr.contains("Lovelace") && !run.stderr.contains("a secret"), "{run:#?}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_enough_is_no_error() {
    let test = Facevault::with_ada();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = test.command(["person", "list", "v"]).stdout(writer).output().expect("run");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let test = Facevault::with_ada();
    let full = std::fs::File::options().write(true).open("/dev/full").expect("the device");
    let output = test.command(["person", "list", "v"]).stdout(full).output().expect("run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("the answer cannot be written"), "{said}");
}

/// Starts a command, presses Ctrl-C when it says that it listens and `ready` holds, and gives exit
/// code and standard error.
#[cfg(unix)]
pub(super) fn interrupted(test: &Facevault, arguments: &[&str], ready: impl Fn() -> bool) -> (Option<i32>, String) {
    use std::io::{BufRead, BufReader, Read};
    use std::time::{Duration, Instant};

    let mut command = test.command(arguments);
    command.env("FACEVAULT_LOG", "facevault=debug").stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("started");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains("listening for Ctrl-C") {
        assert!(stderr.read_line(&mut said).expect("read") > 0, "ended early: {said}");
    }
    let started = Instant::now();
    while !ready() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill").success());
    stderr.read_to_string(&mut said).expect("read");
    (child.wait().expect("ended").code(), said)
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_command_that_waits() {
    let test = Facevault::with_ada();
    let (code, said) = interrupted(&test, &["person", "update", "v", "ada", "--json-file", "-"], || true);
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(test.version_of_ada(), 1);
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_networks_run_ends_the_command_and_nothing_else() {
    const TEST: &str = "cli::streams::ctrl_c_while_networks_run_ends_the_command_and_nothing_else";
    let Some(pack) = crate::packs::pack(TEST, "scrfd_500m", "espdl_mbf") else { return };
    let Some(runtime) = facevault::models::Home::from_env().ok().and_then(|home| home.runtime_library()) else {
        eprintln!("skipped: {TEST}: no ONNX Runtime is installed");
        return;
    };
    let folder = crate::data::folder(TEST).expect("test data").join("faces/deepface/unit/dataset");
    let photos = std::fs::read_dir(folder).expect("photos").map(|file| file.expect("a file").path());
    let photos = photos.filter(|file| file.extension().is_some_and(|end| end == "jpg")).take(40);
    let photos: Vec<String> = photos.map(|file| file.display().to_string()).collect();
    let test = Facevault::new().with("FACEVAULT_RUNTIME", runtime);
    let arguments =
        [&["detect".to_owned(), "--pack".to_owned(), pack.path().display().to_string()], &photos[..]].concat();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for wait in (0..300).step_by(15) {
        let (code, said) = interrupted(&test, &arguments, || {
            std::thread::sleep(std::time::Duration::from_millis(wait));
            true
        });
        // A signal would leave no code.
        assert!(code.is_some_and(|code| [0, 130].contains(&code)), "after {wait} ms: {code:?} {said}");
        assert!(!said.contains("error"), "after {wait} ms: {said}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_during_an_installation_leaves_nothing_half_done() {
    use std::os::unix::fs::PermissionsExt;

    let test = Facevault::new();
    // A pip that never ends; written by another process, so that nothing holds it open for writing.
    let script = "printf '#!/bin/sh\\ntouch started\\nsleep 60\\n' > python; chmod 755 python";
    assert!(
        std::process::Command::new("sh").args(["-c", script]).current_dir(test.path()).status().expect("sh").success()
    );
    let python = test.path().join("python");
    assert_eq!(std::fs::metadata(&python).expect("a script").permissions().mode() & 0o777, 0o755);
    let started = test.path().join("started");
    let test = test.with("FACEVAULT_PYTHON", python);
    let (code, said) = interrupted(&test, &["setup"], || started.exists());
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    let left = crate::data::files_below(&test.path().join("home"));
    assert!(left.iter().all(|path| path.ends_with(".lock")), "{left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn file_names_need_not_be_utf_8() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStringExt;

    let test = Facevault::new();
    let name = OsString::from_vec(b"v\xff".to_vec());
    for (before, after) in [("init", "--json"), ("check", "--quiet"), ("check", "--json")] {
        test.run([OsStr::new(before), &name, OsStr::new(after)]).ok();
    }
    let run = test.run([OsStr::new("backup"), &name, OsStr::new("copy"), OsStr::new("--json")]).ok();
    assert!(run.json()["data"]["bytes"].as_u64() > Some(0));
    let run = test.run([OsStr::new("init"), &name, OsStr::new("--json")]).fails(2, "");
    assert_eq!(run.error_json()["error"], "already_exists");
}

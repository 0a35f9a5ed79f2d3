//! `facevault watch` with cameras that go and come back, sources that never end, films that are written, and liveness.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[cfg(unix)]
use image::RgbImage;
use serde_json::Value;

#[cfg(unix)]
use super::photos::Photos;
use super::watch::{WATCH, enrolled, events, film, kinds};
use crate::{data, liveness};

/// A camera that shows somebody for a second, is gone, comes back, shows him again, and then hangs.
const CAMERA: &str = "#!/bin/sh
runs=$(cat runs 2>/dev/null || echo 0)
echo $((runs + 1)) > runs
cat header
for frame in 1 2 3 4 5 6 7 8; do cat frame; sleep 0.15; done
[ $runs -lt 1 ] || exec sleep 600
echo 'Cannot read: No such device' >&2
exit 1
";

fn interrupt(child: &Child) {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill").success());
}

/// The path with a folder of programs before all others.
fn path_with(folder: &std::path::Path) -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let all = [folder.to_path_buf()].into_iter().chain(std::env::split_paths(&paths));
    std::env::join_paths(all).expect("a path").into()
}

/// Writes a film of one frame as the files `header` and `frame`, and a script as ffmpeg; the folder with the script.
#[cfg(unix)]
fn in_place_of_ffmpeg(test: &Photos, shown: &RgbImage, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;

    let stream = film(&[shown]);
    let header = stream.iter().position(|byte| *byte == b'\n').expect("a first line") + 1;
    test.test.write("header", &stream[..header]);
    test.test.write("frame", &stream[header..]);
    std::fs::create_dir(test.test.path().join("bin")).expect("a folder");
    let program = test.test.write("bin/ffmpeg", script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    program.parent().expect("a folder").to_path_buf()
}

/// The arguments of a unit's command, with the variables that it sets and others, as systemd.service(5) says.
#[cfg(unix)]
fn arguments_of(unit: &str, instance: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let setting = |name: &'static str| unit.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='));
    let set: Vec<(&str, &str)> =
        setting("Environment").filter_map(|set| set.trim_matches('"').split_once('=')).collect();
    let value = |name: &str| {
        let found = variables.iter().chain(&set).find(|(other, _)| *other == name);
        found.unwrap_or_else(|| panic!("nothing sets {name}")).1
    };
    let command = setting("ExecStart").next().expect("a command");
    let mut words = command.split_whitespace().map(|word| word.replace("%I", instance));
    assert_eq!(words.next().as_deref(), Some("/usr/bin/facevault"));
    let expanded = words.flat_map(|word| match word.strip_prefix('$') {
        Some(name) if name.starts_with('{') => vec![value(name.trim_matches(['{', '}'])).to_owned()],
        Some(name) => value(name).split_whitespace().map(str::to_owned).collect(),
        None => vec![word],
    });
    expanded.collect()
}

#[cfg(unix)]
#[test]
fn the_unit_watches_its_camera() {
    let Some((test, shown)) = enrolled("the_unit_watches_its_camera") else { return };
    let camera = "#!/bin/sh
echo \"$@\" > asked
cat header
while cat frame; do sleep 0.1; done
";
    let bin = in_place_of_ffmpeg(&test, &shown, camera);
    let unit = include_str!("../../../packaging/facevault-watch@.service");
    let variables = [("FACEVAULT_VAULT", "v"), ("FACEVAULT_WATCH", "--similarity 0.3")];
    let arguments = arguments_of(unit, "facevault_camera", &variables);
    let mut command = test.test.command(&arguments);
    command.env("PATH", path_with(&bin)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("\"recognized\"") {
        line.clear();
        let read = stdout.read_line(&mut line).expect("a line");
        if read == 0 {
            panic!("he is recognised: {:?}", child.wait_with_output());
        }
    }
    // As systemd stops it.
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    stdout.read_to_string(&mut line).expect("the rest");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let asked = std::fs::read_to_string(test.test.path().join("asked")).expect("it was asked");
    assert!(asked.contains("-f v4l2 -video_size 1280x720 -framerate 15 -i /dev/facevault_camera -pix_fmt"), "{asked}");
}

#[cfg(unix)]
#[test]
fn a_camera_that_was_gone_is_connected_again() {
    let Some((test, shown)) = enrolled("a_camera_that_was_gone_is_connected_again") else { return };
    let bin = in_place_of_ffmpeg(&test, &shown, CAMERA);

    let mut command =
        test.test.command(["watch", "v", "/dev/video9", "--similarity", "0.3", "--json", "--timeout", "30"]);
    command.env("PATH", path_with(&bin)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut lines: Vec<String> = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        lines.push(line.expect("a line"));
        let appeared = lines.iter().filter(|line| line.contains("\"appeared\"")).count();
        if appeared == 2 && lines.last().is_some_and(|line| line.contains("\"appeared\"")) {
            interrupt(&child);
        }
    }
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{lines:?} {}", String::from_utf8_lossy(&output.stderr));
    let events = events(&lines.join("\n"));
    let kinds = kinds(&events);
    let place =
        |kind: &str| kinds.iter().position(|other| *other == kind).unwrap_or_else(|| panic!("{kind}: {kinds:?}"));
    assert!(place("left") < place("gone") && place("gone") < place("back"), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "gone").count(), 1, "{kinds:?}");
    let reason = events[place("gone")]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("/dev/video9") && reason.ends_with("Cannot read: No such device"), "{reason}");
    assert_eq!(kinds.last(), Some(&"ended"));

    // One that never was there ends the command.
    test.test.write("bin/ffmpeg", "#!/bin/sh\necho 'Cannot open: No such file' >&2\nexit 1\n");
    let camera = ["watch", "v", "/dev/video9", "--similarity", "0.3"];
    let run = test.test.command(camera).env("PATH", path_with(&bin)).output().expect("run");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.code() == Some(4) && said.contains("Cannot open: No such file"), "{run:?}");
    let empty = test.test.path().join("empty");
    for arguments in [camera.to_vec(), [&WATCH[..], &["--draw", "out.mp4"]].concat()] {
        let run = test.test.command(arguments).env("PATH", &empty).stdin(Stdio::null()).output().expect("run");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && said.contains("ffmpeg") && said.contains("install "), "{run:?}");
    }
}

#[test]
fn frames_that_are_all_damaged_end_the_command() {
    let Some((test, _)) = enrolled("frames_that_are_all_damaged_end_the_command") else { return };
    let mut command = test.test.command([&WATCH[..], &["--json", "--timeout", "1"]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    let camera = std::thread::spawn(move || while stdin.write_all(b"\xff\xd8no picture\xff\xd9").is_ok() {});
    let output = child.wait_with_output().expect("ended");
    camera.join().expect("it ends with the command");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("damaged frames and no good one came for 1 second"), "{said}");
    assert!(said.lines().count() < 10, "not a line for each: {said}");
    let last: Value = events(&String::from_utf8_lossy(&output.stdout)).pop().expect("a last line");
    assert!(last["error"].as_str().is_some_and(|error| error.contains("damaged frames")), "{last}");
}

#[test]
fn a_film_plays_also_when_its_writing_is_interrupted() {
    let name = "a_film_plays_also_when_its_writing_is_interrupted";
    let ffmpeg = |arguments: &[&str]| Command::new("ffmpeg").args(arguments).stdin(Stdio::null()).output();
    if !data::has_ffmpeg(name) {
        return;
    }
    let Some((test, shown)) = enrolled(name) else { return };
    let mut command = test.test.command([&WATCH[..], &["--json", "--draw", "out.mp4"]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    let stream = film(&[&shown; 60]);
    let camera = std::thread::spawn(move || {
        for part in stream.chunks(stream.len().div_ceil(60)) {
            if stdin.write_all(part).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("\"recognized\"") {
        line.clear();
        assert!(stdout.read_line(&mut line).expect("a line") > 0, "he is recognised");
    }
    interrupt(&child);
    stdout.read_to_string(&mut line).expect("the rest");
    let output = child.wait_with_output().expect("ended");
    camera.join().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let path = test.test.path().join("out.mp4").display().to_string();
    let read = ffmpeg(&["-v", "error", "-i", &path, "-f", "rawvideo", "-pix_fmt", "gray", "-"]).expect("it runs");
    assert!(read.status.success() && read.stderr.is_empty(), "{}", String::from_utf8_lossy(&read.stderr));
    let size = (shown.width() * shown.height()) as usize;
    assert!(read.stdout.len() >= size && read.stdout.len() % size == 0, "{} bytes", read.stdout.len());
    test.run(&[&WATCH[..], &["--draw", "out.mp4"]].concat())
        .fails(2, "there is a file out.mp4 already: choose another name");
}

#[test]
fn liveness_is_reported_or_missed_before_a_frame_is_read() {
    let name = "liveness_is_reported_or_missed_before_a_frame_is_read";
    let Some((test, shown)) = enrolled(name) else { return };
    let mut missing = test.test.command([&WATCH[..], &["--liveness", "require"]].concat());
    // Standard input stays open, and nothing comes.
    missing.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = missing.spawn().expect("started");
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("ended");
    drop(stdin);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && said.contains("facevault models install liveness"), "{said}");
    let Some(models) = liveness::models(name, false) else { return };
    let models = models.path().display().to_string();
    let options = ["--recorded", "--json", "--liveness-models", &models, "--liveness", "report"];
    let run = test.test.pipe([&WATCH[..], &options].concat(), &film(&[&shown; 3])).ok();
    let events = events(&run.stdout);
    let recognized = events.iter().find(|event| event["event"] == "recognized").expect("he is recognised");
    assert!(recognized["liveness"]["score"].as_f64().is_some(), "{recognized}");
    test.run(&[&WATCH[..], &["--liveness-min-score", "0.5"]].concat()).fails(2, "--liveness");
}

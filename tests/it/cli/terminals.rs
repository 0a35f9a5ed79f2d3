//! Nothing from outside reaches a terminal as it is: neither what it would obey nor what nobody would see.

use std::fs;

use super::{Facevault, Run};
use crate::graphs::Net;
use crate::packs;

/// An escape sequence, a bell, its like in one character of C1, DEL, an order to write from right to left, and
/// characters without width.
const HOSTILE: &str = "x\u{1b}[31m\u{7}\u{9b}2J\u{7f}\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}y";

/// Nothing of it is in what the command wrote.
#[track_caller]
fn is_safe(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let obeyed = text
            .chars()
            .find(|c| *c != '\n' && (facevault::wire::is_invisible(*c) || matches!(c, '\u{2028}' | '\u{2029}')));
        assert_eq!(obeyed, None, "{run:#?}");
    }
    assert!(!run.stderr.contains("panicked"), "{run:#?}");
}

/// Runs a command as people and as programs do, and once with everything logged.
#[track_caller]
fn all(test: &Facevault, words: &[&str]) {
    is_safe(&test.run(words));
    is_safe(&test.run(words.iter().chain(&["--json"])));
    is_safe(&test.run(["--json", "-vv"].iter().chain(words)));
    let mut logged = test.command(words);
    let output = logged.env("FACEVAULT_LOG", "trace").output().expect("the command ends");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let obeyed = |text: &str| text.chars().any(|c| c != '\n' && facevault::wire::is_invisible(c));
    for text in [text(&output.stdout), text(&output.stderr)] {
        assert!(!obeyed(&text), "{words:?}: {text:?}");
    }
}

#[test]
fn hostile_arguments_are_shown_and_not_obeyed() {
    let test = Facevault::with_ada();
    let option = format!("--{HOSTILE}");
    let two_lines = format!("a\nerror: {HOSTILE}");
    for words in [
        &[HOSTILE][..],
        &[&option],
        &["--pack"],
        &["person", HOSTILE],
        &["person", "list", "v", &option],
        &["person", "list", "v", HOSTILE],
        &["person", "list", HOSTILE],
        &["person", "list", "v", "--status", HOSTILE],
        &["person", "list", "v", "--collection", HOSTILE],
        &["person", "show", "v", HOSTILE],
        &["person", "add", "v", "--name", "x", "--gender", HOSTILE],
        &["person", "add", "v", "--name", "x", "--born", HOSTILE],
        &["person", "add", "v", "--name", "x", "--image", HOSTILE],
        &["person", "import", "v", HOSTILE],
        &["collection", "remove", "v", HOSTILE],
        &["audit", "list", "v", "--kind", HOSTILE],
        &["audit", "list", "v", "--since", HOSTILE],
        &["audit", "verify", "v", "--head", HOSTILE],
        &["audit", "policy", "v", "--keep-days", HOSTILE],
        &["audit", "receipt", "v", HOSTILE],
        &["purge", HOSTILE],
        &["purge", "v", "--unseen", HOSTILE],
        &["init", HOSTILE],
        &["check", HOSTILE],
        &["backup", "v", HOSTILE],
        &["backup", HOSTILE, "v"],
        &["detect", HOSTILE],
        &["detect", HOSTILE, "--min-face", HOSTILE],
        &["detect", HOSTILE, "--face", &two_lines],
        &["detect", HOSTILE, "--threads", HOSTILE],
        &["detect", HOSTILE, "--runtime", HOSTILE],
        &["encode", HOSTILE, "--pack", HOSTILE],
        &["encode", HOSTILE, "--pack", "./"],
        &["verify", "v", HOSTILE, HOSTILE],
        &["identify", "v", HOSTILE, "--client", HOSTILE],
        &["models", "show", HOSTILE],
        &["models", "verify", HOSTILE],
        &["models", "remove", HOSTILE],
        &["token", "create", "v", "--client", HOSTILE],
        &["token", "revoke", "v", HOSTILE],
        &["evaluate", HOSTILE],
        &["doctor", "--pack", HOSTILE],
        &["help", HOSTILE],
    ] {
        all(&test, words);
    }
}

#[test]
fn hostile_names_are_shown_and_not_obeyed() {
    let test = Facevault::with_ada();
    test.run(["person", "add", "v", "--name", HOSTILE, "--id", "eve", "--notes", HOSTILE]).ok();
    test.run(["collection", "add", "v", "--name", HOSTILE, "--id", "others"]).ok();
    test.write(HOSTILE, "no photo");
    test.write("people.csv", format!("name,images\n{HOSTILE},{HOSTILE}\n"));
    fs::create_dir_all(test.path().join("people").join(HOSTILE)).expect("a folder");
    for words in [
        &["person", "list", "v"][..],
        &["person", "show", "v", "eve"],
        &["person", "update", "v", "eve", "--nationality", HOSTILE],
        &["person", "import", "v", "people.csv"],
        &["person", "import", "v", "people"],
        &["collection", "list", "v"],
        &["collection", "update", "v", "others", "--description", HOSTILE],
        &["audit", "list", "v"],
        &["detect", HOSTILE],
        &["encode", HOSTILE],
        &["backup", "v", HOSTILE],
        &["evaluate", "people"],
        &["duplicates", "v"],
        &["check", "v"],
    ] {
        all(&test, words);
    }
    let listed = test.run(["person", "list", "v", "--json"]).ok().json();
    assert!(listed["data"].as_array().expect("a list").iter().any(|person| person["name"] == HOSTILE));
}

#[test]
fn names_that_nobody_can_see_are_refused() {
    let test = Facevault::with_ada();
    for name in ["\u{1b}\u{9b}", "\u{200b}\u{feff}", "\u{202e}\u{3164}"] {
        test.run(["person", "add", "v", "--name", name]).fails(2, "must have a character that can be seen");
        test.run(["collection", "add", "v", "--name", name]).fails(2, "must have a character that can be seen");
    }
}

#[cfg(unix)]
#[test]
fn the_name_of_the_program_is_not_obeyed() {
    use std::os::unix::process::CommandExt;
    let test = Facevault::new();
    for words in [&["--help"][..], &["person"], &["nothing"], &["--version"]] {
        let output = test.command(words).arg0(HOSTILE).output().expect("the command ends");
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).expect("UTF-8");
            assert!(!text.chars().any(|c| c != '\n' && facevault::wire::is_invisible(c)), "{text:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn words_that_are_no_text_are_shown_too() {
    use std::os::unix::ffi::OsStrExt;
    let test = Facevault::with_ada();
    let word = std::ffi::OsStr::from_bytes(b"\x1b[31m\xff\x9b");
    for words in [[word].as_slice(), &["person".as_ref(), "show".as_ref(), "v".as_ref(), word]] {
        is_safe(&test.run(words));
        is_safe(&test.run(words.iter().copied().chain(["--json".as_ref()])));
    }
}

/// ONNX Runtime names a network's parts in its own messages.
#[test]
fn the_parts_of_a_network_are_not_obeyed() {
    let test = Facevault::new().with_runtime();
    let mut net = Net::new([Some(1), Some(3), Some(640), Some(640)]);
    let target = net.integers(&[7, 11]);
    let output = net.node("Reshape", &["input", &target], vec![]);
    for node in &mut net.graph.node {
        node.name = HOSTILE.to_owned();
    }
    let network = net.finish(&[(&output, 2)], 13);
    let folder = test.path().join("pack");
    packs::made_of(&folder, &network, &network);
    let manifest = folder.join("manifest.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let title = "yunet_640 and espdl_mbf";
    assert!(text.contains(title));
    fs::write(&manifest, text.replace(title, "x\\u001b[31m\\u009b2Jy")).expect("written");
    test.write("photo.png", "no photo");
    for words in [
        &["models", "show", "./pack"][..],
        &["models", "verify", "./pack"],
        &["detect", "photo.png", "--pack", "./pack"],
        &["doctor", "--pack", "./pack"],
        &["models", "optimize", "--pack", "./pack"],
    ] {
        all(&test, words);
    }
    let run = test.run(["detect", "photo.png", "--pack", "./pack"]);
    assert!(run.code == 3 && !run.stderr.contains("[E:onnxruntime"), "{run:#?}");
}

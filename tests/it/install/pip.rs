//! By way of pip: a shell script stands in for Python, so that no network is needed.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use facevault::models::{Artifact, Installer, Sha256, Source, Wheel};

use super::{DETECTOR, TestHome, Watch, contents, manifest, program, tar};

/// A program that finds `--dest` and `--requirement` among its arguments, then does as told.
fn python(folder: &Path, does: &str) -> PathBuf {
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > {0}/arguments\n\
         while [ $# -gt 0 ]; do case \"$1\" in --dest) dest=$2;; --requirement) list=$2;; esac; shift; done\n\
         cp \"$list\" {0}/requirements; cp \"$PIP_CONFIG_FILE\" {0}/settings; env > {0}/environment; mkdir -p \"$dest\"\n{does}\n",
        folder.display()
    );
    program(&folder.join("python"), &script)
}

fn packaged() -> (Vec<u8>, Vec<Artifact>) {
    let (detector, embedder) = contents();
    let archive = tar(&[("made_up-1.0/made_up/d", &detector), ("made_up-1.0/made_up/e", &embedder)]);
    let source = |member: &str| {
        format!(
            "source = {{ pip = \"made_up==1.0\", archive_sha256 = \"{}\", archive_size = {}, member = \"made_up/{member}\" }}",
            Sha256::of(&archive),
            archive.len()
        )
    };
    let artifacts = Artifact::of_pack(&manifest(&source("d"), &source("e")));
    (archive, artifacts)
}

#[test]
fn pip_is_asked_once_for_the_pinned_package() {
    let test = TestHome::new();
    let (archive, artifacts) = packaged();
    let tools = test.beside("tools");
    fs::write(tools.join("archive"), &archive).expect("written");
    let does = format!(
        "echo once >> {0}/runs; mkdir $TMPDIR/unpack; head -c 1000 {0}/archive > $TMPDIR/unpack/made_up-1.0.tar.gz\n\
         sleep 0.8; cp {0}/archive \"$dest\"/made_up-1.0.tar.gz",
        tools.display()
    );
    let mut watch = Watch::default();
    Installer::new(&test.home).python(python(&tools, &does)).install(&artifacts, &mut watch).expect("installed");
    assert!(test.all_present(&artifacts));
    assert_eq!(test.files().len(), 3);
    assert_eq!(fs::read_to_string(tools.join("runs")).expect("read"), "once\n");
    let asked = fs::read_to_string(tools.join("requirements")).expect("read");
    assert_eq!(asked, format!("made_up==1.0 --hash=sha256:{}\n", Sha256::of(&archive)));
    let arguments = fs::read_to_string(tools.join("arguments")).expect("read");
    assert!(arguments.starts_with("-m\npip\ndownload\n"), "{arguments}");
    for option in ["--no-deps", "--require-hashes", "--no-binary\nmade_up"] {
        assert!(arguments.contains(&format!("\n{option}\n")), "{option}: {arguments}");
    }
    let environment = fs::read_to_string(tools.join("environment")).expect("read");
    for setting in ["PIP_REQUIRE_VIRTUALENV=0", "PIP_REQUIRE_HASHES=0", "PIP_USER=0", "PIP_QUIET=0"] {
        assert!(environment.lines().any(|line| line == setting), "{setting}: {environment}");
    }
    if std::env::var_os("PIP_CONFIG_FILE").is_none() {
        let settings = fs::read_to_string(tools.join("settings")).expect("read");
        let cleared = settings.split('[').filter(|section| section.contains("\ntarget =\n")).count();
        assert_eq!(cleared, 3, "{settings}");
    }
    let total = Some(archive.len() as u64);
    assert!(watch.seen.contains(&("made_up 1.0".into(), 1000, total)), "{:?}", watch.seen);
}

#[test]
fn a_wheel_is_asked_for_by_its_tags() {
    for artifact in Artifact::runtime() {
        let Some(Source::Pip { wheel: Some(Wheel { python: version, platform, .. }), .. }) = artifact.source().cloned()
        else {
            panic!("a wheel");
        };
        let test = TestHome::new();
        let tools = test.beside("tools");
        let result = Installer::new(&test.home).python(python(&tools, "exit 1")).install(&[artifact], &mut ());
        assert!(result.is_err());
        let arguments = fs::read_to_string(tools.join("arguments")).expect("read");
        let tags = format!(
            "--only-binary\n:all:\n--implementation\ncp\n--python-version\n{version}\n--platform\n{platform}\n"
        );
        assert!(arguments.contains(&tags), "{arguments}");
    }
}

#[test]
fn what_pip_says_stands_in_the_paragraph_and_nothing_is_left() {
    let test = TestHome::new();
    let (_, artifacts) = packaged();
    let tools = test.beside("tools");
    for (interpreter, reason) in [
        (
            python(&tools, "echo Looking; echo 'ERROR: No matching distribution' >&2; exit 1"),
            "says: ERROR: No matching",
        ),
        (
            python(
                &test.beside("others"),
                "echo 'WARNING: Retrying (Retry(total=0)) after connection broken by x: http://me:secret@host/'\n\
                 printf 'ERROR: \\033[31mNo matching distribution\\n' >&2; exit 1",
            ),
            "says: WARNING: connection broken by x: http://***@host/; ERROR: \\u{1b}[31mNo matching distribution. ",
        ),
        (tools.join("nobody"), "cannot be started"),
    ] {
        let error = Installer::new(&test.home).python(interpreter).install(&artifacts, &mut ()).expect_err(reason);
        let message = error.to_string();
        for part in [reason, DETECTOR, "the package made_up==1.0", "put made_up-1.0.tar.gz, or the files themselves"] {
            assert!(message.contains(part), "{part:?} in {message}");
        }
        test.assert_empty();
    }
    let error =
        Installer::new(&test.home).python(python(&tools, "true")).install(&artifacts, &mut ()).expect_err("none");
    assert!(error.to_string().contains("gave not exactly one file"), "{error}");
    let wrong = "echo other > \"$dest\"/made_up-1.0.tar.gz";
    let error =
        Installer::new(&test.home).python(python(&tools, wrong)).install(&artifacts, &mut ()).expect_err("other");
    assert!(error.to_string().contains("is neither a zip nor a gzipped tar"), "{error}");
    test.assert_empty();
}

#[test]
fn a_cancelled_pip_is_ended_with_all_that_it_started() {
    let test = TestHome::new();
    let (_, artifacts) = packaged();
    let tools = test.beside("tools");
    // The child would write its mark a second after pip has been ended.
    let does = format!("(sleep 1; touch {}/mark) &\nsleep 30", tools.display());
    let mut watch = Watch { stop_after: Some(Duration::from_millis(200)), ..Watch::default() };
    let start = Instant::now();
    let error = Installer::new(&test.home).python(python(&tools, &does)).install(&artifacts, &mut watch);
    assert!(error.expect_err("cancelled").to_string().contains("interrupted"));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    test.assert_empty();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!tools.join("mark").exists());
}

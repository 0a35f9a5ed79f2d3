//! From a server on loopback.

use std::fs;
use std::time::{Duration, Instant};

use facevault::ErrorKind;
use facevault::models::{Artifact, Installer, LivenessPack, Manifest, Sha256, State};

use super::server::{Answer, Server};
use super::{DETECTOR, EMBEDDER, TestHome, Watch, contents, liveness, manifest, zip};

/// A server with both files, one of them answered in another way, and a manifest that names it.
fn served(change: impl FnOnce(&mut Answer)) -> (Server, Vec<Artifact>) {
    let (detector, embedder) = contents();
    let mut answers = vec![Answer::file("/detector.onnx", &detector), Answer::file("/embedder.onnx", &embedder)];
    change(&mut answers[0]);
    let server = Server::start(answers);
    let manifest = manifest(&server.source("/detector.onnx", ""), &server.source("/embedder.onnx", ""));
    (server, Artifact::of_pack(&manifest))
}

#[test]
fn files_are_fetched_once_and_a_second_run_asks_nobody() {
    let test = TestHome::new();
    let (server, artifacts) = served(|_| ());
    let mut watch = Watch::default();
    let installed = Installer::new(&test.home).install(&artifacts, &mut watch).expect("installed");
    assert_eq!(installed.len(), 3);
    assert!(test.all_present(&artifacts));
    let files = [DETECTOR, EMBEDDER, "manifest.toml"].map(|file| format!("packs/test/{file}"));
    assert_eq!(test.files(), files);
    assert_eq!(server.asked(), ["/detector.onnx", "/embedder.onnx"]);
    assert!(watch.seen.contains(&("detector.onnx".into(), 300_000, Some(300_000))), "{:?}", watch.seen.last());
    assert!(watch.seen.iter().all(|(_, done, total)| total.is_none_or(|total| *done <= total)));

    let again = Installer::new(&test.home).install(&artifacts, &mut ()).expect("nothing to do");
    assert!(again.is_empty());
    assert_eq!(server.asked().len(), 2);

    fs::write(artifacts[1].location(&test.home), "damaged").expect("written");
    let repaired = Installer::new(&test.home).install(&artifacts, &mut ()).expect("repaired");
    assert_eq!(repaired, [artifacts[1].location(&test.home)]);
    assert!(test.all_present(&artifacts));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn liveness_networks_are_fetched_beside_the_packs() {
    let test = TestHome::new();
    let (first, second) = contents();
    let server = Server::start(vec![Answer::file("/first.onnx", &first), Answer::file("/second.onnx", &second)]);
    let manifest = liveness([&server.source("/first.onnx", ""), &server.source("/second.onnx", "")]);
    let artifacts = Artifact::of_liveness(&manifest);
    Installer::new(&test.home).install(&artifacts, &mut ()).expect("installed");
    let files = ["MiniFASNetV1SE.onnx", "MiniFASNetV2.onnx", "manifest.toml"];
    assert_eq!(test.files(), files.map(|file| format!("liveness/liveness/{file}")));
    assert_eq!(server.asked(), ["/first.onnx", "/second.onnx"]);
    assert_eq!(LivenessPack::installed(&test.home, "liveness").expect("installed").manifest(), &manifest);
    assert!(test.home.packs().expect("read").is_empty());

    let damaged = Server::start(vec![Answer::file("/first.onnx", &second)]);
    let artifacts = Artifact::of_liveness(&liveness([&damaged.source("/first.onnx", ""), ""]));
    let test = TestHome::new();
    let error = Installer::new(&test.home).install(&artifacts, &mut ()).expect_err("another file");
    assert!(error.to_string().contains("has 200000 bytes, expected 300000"), "{error}");
    test.assert_empty();
}

#[test]
fn what_is_not_the_file_leaves_nothing_behind() {
    type Change = fn(&mut Answer);
    let cases: [(Change, &str); 8] = [
        (|answer| answer.body[150_000] ^= 1, "has SHA-256"),
        (|answer| answer.body.truncate(100_000), "Fetching failed: http"),
        (|answer| *answer = Answer::file("/detector.onnx", &answer.body[1..]), "has 299999 bytes, expected 300000"),
        (|answer| *answer = Answer::file("/detector.onnx", &[0; 300_001]), "has 300001 bytes, expected at most 300000"),
        (
            |answer| {
                answer.headers.clear();
                answer.body.push(0)
            },
            "has more than the 300000 bytes expected",
        ),
        (|answer| answer.path = "/elsewhere", "the server answers with status 404"),
        (|answer| answer.status = "500 Internal Server Error", "the server answers with status 500"),
        (
            |answer| {
                answer.status = "302 Found";
                answer.headers = "Location: /embedder.onnx\r\n".into()
            },
            "the server answers with status 302",
        ),
    ];
    for (change, reason) in cases {
        let test = TestHome::new();
        let (server, artifacts) = served(change);
        let error = Installer::new(&test.home).install(&artifacts, &mut ()).expect_err(reason);
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable, "{error}");
        assert!(error.to_string().contains(reason), "{reason:?} in {error}");
        test.assert_empty();
        assert_eq!(server.asked(), ["/detector.onnx"]);
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_named_with_what_is_missing() {
    let test = TestHome::new();
    let (server, artifacts) = served(|_| ());
    drop(server);
    let error = Installer::new(&test.home).install(&artifacts, &mut ()).expect_err("nobody answers").to_string();
    for part in
        [DETECTOR, EMBEDDER, "Fetching failed: http://127.0.0.1", "`facevault models install test --from FOLDER`"]
    {
        assert!(error.contains(part), "{part:?} in {error}");
    }
    test.assert_empty();
}

#[test]
fn what_came_whole_stays_and_the_next_run_fetches_the_rest() {
    let test = TestHome::new();
    let (_, embedder) = contents();
    let (server, artifacts) = served(|_| ());
    let half = Manifest::parse("test", &artifacts_text(&artifacts).replace("/embedder.onnx", "/nothing"));
    let error = Installer::new(&test.home)
        .install(&Artifact::of_pack(&half.expect("a manifest")), &mut ())
        .expect_err("one is not there");
    assert!(error.to_string().contains("status 404"), "{error}");
    assert_eq!(test.files(), [format!("packs/test/{DETECTOR}")]);
    assert!(test.home.packs().expect("read").is_empty());

    Installer::new(&test.home).install(&artifacts, &mut ()).expect("installed");
    assert_eq!(server.asked(), ["/detector.onnx", "/nothing", "/embedder.onnx"]);
    assert_eq!(Sha256::of_file(&artifacts[1].location(&test.home)).expect("read"), Sha256::of(&embedder));
    assert_eq!(test.home.packs().expect("read"), ["test"]);
}

/// The manifest that these artifacts were made from.
fn artifacts_text(artifacts: &[Artifact]) -> String {
    let test = TestHome::new();
    let manifest = artifacts.last().expect("the manifest");
    Installer::new(&test.home).install(std::slice::from_ref(manifest), &mut ()).expect("needs no network");
    fs::read_to_string(manifest.location(&test.home)).expect("read")
}

#[test]
fn a_cancelled_download_leaves_nothing_even_where_the_server_is_silent() {
    type Change = fn(&mut Answer);
    let cases: [(Change, Watch); 2] = [
        (|_| (), Watch { stop_at: Some(60_000), ..Watch::default() }),
        (
            |answer| {
                answer.body.truncate(10_000);
                answer.hangs = true;
            },
            Watch { stop_after: Some(Duration::from_millis(300)), ..Watch::default() },
        ),
    ];
    for (change, mut watch) in cases {
        let test = TestHome::new();
        let (_server, artifacts) = served(change);
        let start = Instant::now();
        let error = Installer::new(&test.home).install(&artifacts, &mut watch).expect_err("cancelled");
        assert!(error.to_string().contains("interrupted"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        test.assert_empty();
    }
}

#[test]
fn leftovers_of_a_killed_run_are_cleared_and_other_files_stay() {
    let test = TestHome::new();
    let (_server, artifacts) = served(|_| ());
    for folder in [".partial-a/inner", "runtime", "samples", "packs/test", "packs/other"] {
        fs::create_dir_all(test.home.path().join(folder)).expect("a folder");
    }
    for file in [
        ".partial-a/inner/x",
        "runtime/.partial-b",
        "samples/.partial-c",
        "packs/test/.partial-d",
        "packs/other/.partial-e",
    ] {
        fs::write(test.home.path().join(file), "half").expect("written");
    }
    fs::write(test.home.path().join("samples/mine.jpg"), "mine").expect("written");
    Installer::new(&test.home).install(&artifacts, &mut ()).expect("installed");
    let mut files = [DETECTOR, EMBEDDER, "manifest.toml"].map(|file| format!("packs/test/{file}")).to_vec();
    files.push("samples/mine.jpg".into());
    assert_eq!(test.files(), files);
    assert!(!test.home.path().join(".partial-a").exists());
}

#[test]
fn one_installation_waits_for_another() {
    let test = TestHome::new();
    let (server, artifacts) = served(|_| ());
    fs::create_dir_all(test.home.path()).expect("a folder");
    let lock = fs::File::create(test.home.path().join(".lock")).expect("a file");
    lock.lock().expect("locked");
    let mut watch = Watch { stop_after: Some(Duration::from_millis(150)), ..Watch::default() };
    let error = Installer::new(&test.home).install(&artifacts, &mut watch).expect_err("cancelled");
    assert!(error.to_string().contains("interrupted"), "{error}");
    assert!(watch.seen.iter().all(|(what, _, _)| what == "waiting for another installation"), "{:?}", watch.seen);
    assert_eq!(server.asked(), [""; 0]);
    lock.unlock().expect("unlocked");
    Installer::new(&test.home).install(&artifacts, &mut ()).expect("installed");
}

#[test]
fn members_of_an_archive_come_with_one_download() {
    let (detector, embedder) = contents();
    let good = zip(&[("top/embedder.onnx", &embedder), ("top/other.onnx", b"x"), ("top/detector.onnx", &detector)]);
    let swapped = zip(&[("embedder.onnx", &detector), ("detector.onnx", &embedder)]);
    let short = zip(&[("embedder.onnx", &embedder)]);
    let other = Sha256::of(b"another archive");
    for (archive, sha256, reason) in [
        (&good, Sha256::of(&good), None),
        (&good, other, Some("has SHA-256")),
        (&swapped, Sha256::of(&swapped), Some("bytes")),
        (&short, Sha256::of(&short), Some("has no file detector.onnx")),
        (&embedder, Sha256::of(&embedder), Some("is neither a zip nor a gzipped tar")),
    ] {
        let test = TestHome::new();
        let server = Server::start(vec![Answer::file("/models.zip", archive)]);
        let source =
            |member| server.source("/models.zip", &format!(", archive_sha256 = \"{sha256}\", member = \"{member}\""));
        let artifacts = Artifact::of_pack(&manifest(&source("detector.onnx"), &source("embedder.onnx")));
        let result = Installer::new(&test.home).install(&artifacts, &mut ());
        assert_eq!(server.asked(), ["/models.zip"]);
        match (result, reason) {
            (Ok(installed), None) => assert!(installed.len() == 3 && test.all_present(&artifacts)),
            (Err(error), Some(reason)) => {
                assert!(error.to_string().contains(reason), "{reason:?} in {error}");
                // The other member is right in one of these archives, and was verified.
                let whole = artifacts[1].state(&test.home).expect("readable") == State::Present;
                assert_eq!(test.files().len(), usize::from(whole));
            }
            (result, reason) => panic!("{reason:?}: {result:?}"),
        }
    }
}

#[test]
fn a_licence_that_must_be_accepted_is_asked_for_before_anything_is_fetched() {
    let test = TestHome::new();
    let (server, artifacts) = served(|_| ());
    let text = artifacts_text(&artifacts).replace("schema = 1", "schema = 1\naccept_licence = true");
    let artifacts = Artifact::of_pack(&Manifest::parse("test", &text).expect("a manifest"));
    let error = Installer::new(&test.home).install(&artifacts, &mut ()).expect_err("not accepted");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains(&artifacts[0].terms().terms), "{error}");
    assert!(server.asked().is_empty() && !test.home.path().exists());
    Installer::new(&test.home).accept_licence(true).install(&artifacts, &mut ()).expect("installed");
    // What is there already needs no second consent.
    Installer::new(&test.home).install(&artifacts, &mut ()).expect("nothing to do");
}

//! The rewritten networks that are stored beside a pack's models.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use facevault::models::{OptimizedNetwork, Pack, Role};
use facevault::onnx::rewrite::{RewritingRule, RewritingRules};
use facevault::vision::FacePolicy;
use facevault::{Engine, EngineOptions, ErrorKind, FaceEncoding, PhotoRules};

use crate::{data, packs};

fn files(pack: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(pack.join("rewritten")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn flip(file: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = fs::read(file).expect("a file");
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("written");
}

#[test]
fn what_is_kept_comes_back_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("manifest.toml"), packs::manifest_text("yunet_640", "foamliu")).expect("written");
    let pack = Pack::open_dir(folder.path()).expect("a pack");
    let rules = RewritingRules::default();
    let (detector, embedder) =
        (OptimizedNetwork::new(&pack, Role::Detector, &rules), OptimizedNetwork::new(&pack, Role::Embedder, &rules));
    assert!(!embedder.is_there() && embedder.read().is_none());
    let network: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    embedder.write(&network);
    detector.write(b"small");
    assert_eq!((embedder.read(), detector.read()), (Some(network.clone()), Some(b"small".to_vec())));

    // Another way of making it, or another manifest, is another network.
    let fewer = RewritingRules::default().without(RewritingRule::FoldScales);
    let other = OptimizedNetwork::new(&pack, Role::Embedder, &fewer);
    assert!(other.read().is_none());
    other.write(b"other");
    assert_eq!((other.read(), embedder.read()), (Some(b"other".to_vec()), Some(network.clone())));
    // Only the last few of a role are kept, and what a killed writer left behind goes in time.
    let left = |name: &str, hours: u64| {
        let file = fs::File::create(folder.path().join("rewritten").join(name)).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).expect("a time");
    };
    left(".unfinished-new", 0);
    left(".unfinished-old", 2);
    for rule in RewritingRule::ALL {
        OptimizedNetwork::new(&pack, Role::Embedder, &RewritingRules::default().without(rule)).write(b"more");
    }
    assert!(!embedder.is_there());
    assert_eq!(detector.read(), Some(b"small".to_vec()));
    assert_eq!(files(folder.path()).len(), 1 + 1 + 2);
    fs::remove_file(folder.path().join("rewritten/.unfinished-new")).expect("removed");
    other.write(b"other");
    let text = packs::manifest_text("yunet_640", "foamliu").replace("for tests", "for other tests");
    fs::write(folder.path().join("manifest.toml"), text).expect("written");
    let changed = Pack::open_dir(folder.path()).expect("a pack");
    assert!(!OptimizedNetwork::new(&changed, Role::Embedder, &fewer).is_there());

    // Every byte counts, and so does their number.
    embedder.write(&network);
    let before = files(folder.path());
    fs::remove_dir_all(folder.path().join("rewritten")).expect("removed");
    embedder.write(&network);
    let file = files(folder.path()).pop().expect("it");
    assert!(before.contains(&file));
    for at in [0, 25, 60, 200, 99_999] {
        flip(&file, |_| at);
        assert!(embedder.is_there() && embedder.read().is_none(), "{at}");
        flip(&file, |_| at);
        assert!(embedder.read().is_some());
    }
    let bytes = fs::read(&file).expect("a file");
    for length in [0, 10, 50, bytes.len() - 1] {
        fs::write(&file, &bytes[..length]).expect("written");
        assert!(embedder.read().is_none(), "{length}");
    }
    fs::write(&file, [&bytes[..], b"1"].concat()).expect("written");
    assert!(embedder.read().is_none());
}

#[test]
fn an_engine_of_kept_networks_is_the_same_engine() {
    const TEST: &str = "optimized::an_engine_of_kept_networks_is_the_same_engine";
    let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
    let shared = data::folder(TEST).expect("test data");
    let photo = fs::read(shared.join("images/formats/einstein.png")).expect("a photo");
    let open = || {
        let rules = PhotoRules::default().with_face(FacePolicy::Largest);
        Engine::open(&EngineOptions::default().with_pack(pack.path()).with_rules(rules))
    };
    let encode = |engine: &Engine| -> FaceEncoding { engine.encode(&photo).expect("a face").encoding };
    let engine = open().expect("an engine");
    let encoding = encode(&engine);
    let kept = files(pack.path());
    assert_eq!(kept.len(), 2, "{kept:?}");
    let written = |file: &PathBuf| fs::metadata(file).expect("a file").modified().expect("a time");
    let times: Vec<_> = kept.iter().map(written).collect();
    assert_eq!(encode(&open().expect("an engine")), encoding);
    assert_eq!(kept.iter().map(written).collect::<Vec<_>>(), times, "made once");

    // Damage is mended.
    for file in &kept {
        flip(file, |length| length / 2);
    }
    assert_eq!(encode(&open().expect("an engine")), encoding);
    assert!(kept.iter().map(written).zip(times).all(|(now, before)| now > before));
    // Where nothing can be kept, nothing is.
    fs::remove_dir_all(pack.path().join("rewritten")).expect("removed");
    fs::write(pack.path().join("rewritten"), b"in the way").expect("written");
    assert_eq!(encode(&open().expect("an engine")), encoding);
    fs::remove_file(pack.path().join("rewritten")).expect("removed");
    assert_eq!(encode(&open().expect("an engine")), encoding);

    // A model that is not the manifest's is refused whatever was kept of the one before it.
    let model = pack.path().join("espdl_mbf.onnx");
    let mut bytes = fs::read(&model).expect("a model");
    fs::remove_file(&model).expect("the link goes");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&model, bytes).expect("written");
    let error = open().expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    assert!(error.to_string().contains("espdl_mbf.onnx has SHA-256"), "{error}");
}

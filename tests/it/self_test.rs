//! The self-test: networks give what is stated, and a network that does not is noticed.

use facevault::models::{Home, Manifest, Pack, Role, self_test_section};
use facevault::onnx::rewrite::RewritingRules;
use facevault::vision::detect::open_size;
use facevault::vision::{CenterFace, Detector, Embedder, Network, NetworkEmbedder, NetworkOptions};
use facevault::{Engine, EngineOptions, EngineParts, ErrorKind, SelfTest, SelfTestValues, TestOutcome, TestedNetwork};

use crate::data;
use crate::fakes::{CountingDetector, FirstPixel, MeanEmbedder};
use crate::networks::runtime;

fn parts() -> EngineParts {
    EngineParts::new("fake", Box::new(OneFace), Box::new(MeanEmbedder::new(1))).with_threads(1)
}

/// A face in every picture.
struct OneFace;

impl Detector for OneFace {
    fn detect(&self, _: &image::RgbImage) -> facevault::Result<Vec<facevault::vision::Face>> {
        CountingDetector.detect(&image::RgbImage::from_pixel(96, 96, image::Rgb([1, 0, 0])))
    }
}

fn outcomes(found: &SelfTest) -> Vec<(TestedNetwork, Option<bool>)> {
    let agrees = |outcome| match outcome {
        TestOutcome::Agrees { difference, limit } => {
            assert!(difference <= limit);
            Some(true)
        }
        TestOutcome::Differs { .. } => Some(false),
        _ => None,
    };
    found.networks.iter().map(|test| (test.network, agrees(test.outcome))).collect()
}

#[test]
fn a_hosts_networks_are_compared_with_what_it_states() {
    use TestedNetwork::{Detector, Embedder, Liveness};
    let engine = Engine::from_parts(parts()).expect("threads");
    let found = engine.self_test().expect("a test");
    assert_eq!(outcomes(&found), [(Detector, None), (Embedder, None)]);
    assert!(!found.has_failed() && found.require().is_ok());

    let values = engine.self_test_values().expect("values");
    assert!(values.vector.is_some() && values.face.is_some() && values.live.is_none(), "{values:?}");
    let test = |values: SelfTestValues| {
        let model: Box<dyn facevault::vision::LivenessModel> = Box::new(FirstPixel);
        let parts = parts().with_self_test(values).with_liveness(model);
        Engine::from_parts(parts).expect("threads").self_test().expect("a test")
    };
    let found = test(values.clone());
    assert_eq!(outcomes(&found), [(Detector, Some(true)), (Embedder, Some(true)), (Liveness, None)]);

    let mut other = values.clone();
    let vector = other.vector.as_mut().expect("a vector");
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector[0] += 1.5e-4 * length;
    let found = test(other);
    assert_eq!(outcomes(&found), [(Detector, Some(true)), (Embedder, Some(false)), (Liveness, None)]);
    let error = found.require().expect_err("it failed");
    assert_eq!(error.kind(), ErrorKind::Runtime);
    assert!(error.to_string().contains("embedder") && error.to_string().contains("1e-4"), "{error}");

    let mut other = values.clone();
    other.face.as_mut().expect("a face").score += 0.01;
    assert_eq!(outcomes(&test(other.with_live(vec![0.5, 0.5])))[0], (Detector, Some(false)));
    // What is of other drawings says nothing.
    let mut other = values.clone();
    other.drawing += 1;
    assert_eq!(outcomes(&test(other)), [(Detector, None), (Embedder, None), (Liveness, None)]);
    let live = test(values.clone().with_live(vec![0.5]));
    assert_eq!(outcomes(&live)[2], (Liveness, Some(false)));
}

/// The pack `standard` as it is installed on this machine.
fn standard(test: &str) -> Option<Pack> {
    crate::networks::runtime_for(test)?;
    let pack = Home::from_env().ok().and_then(|home| Pack::installed(&home, Manifest::BUILTIN[0]).ok());
    if pack.is_none() {
        data::skip(test, "the pack standard is not installed");
    }
    pack
}

#[test]
fn installed_packs_give_what_their_manifests_state_however_they_are_rewritten() {
    const TEST: &str = "installed_packs_give_what_their_manifests_state_however_they_are_rewritten";
    if standard(TEST).is_none() {
        return;
    }
    let home = Home::from_env().expect("a data folder");
    for name in ["standard", "espdl", "dlib"] {
        if Pack::installed(&home, name).is_err() {
            data::skip(TEST, &format!("the pack {name} is not installed"));
            continue;
        }
        for rules in [RewritingRules::default(), RewritingRules::none()] {
            let options = EngineOptions::default().with_pack(name).with_threads(1).with_rewriting(rules.clone());
            let found = Engine::open(&options).expect("an engine").self_test().expect("a test");
            found.require().unwrap_or_else(|error| panic!("{name}, {rules:?}: {error}"));
            assert_eq!(found.not_stated().count(), 0, "{name}: {found:?}");
            println!("{name}: {:?}", found.networks);
        }
    }
}

/// `standard` with these networks in memory, tested against its own manifest.
fn tested(pack: &Pack, detector: Vec<u8>, embedder: Vec<u8>) -> facevault::Result<SelfTest> {
    let manifest = pack.manifest();
    let load = |onnx| Network::load(&runtime(), NetworkOptions::new("test"), onnx);
    let detector = CenterFace::new(load(detector)?, manifest.detector.spec.clone())?;
    let embedder = NetworkEmbedder::new(load(embedder)?, manifest.embedder.spec.clone(), manifest.model_id())?;
    let values = Manifest::builtin("standard").expect("a manifest").self_test.expect("values");
    let parts =
        EngineParts::new("test", Box::new(detector) as Box<dyn Detector>, Box::new(embedder) as Box<dyn Embedder>);
    Engine::from_parts(parts.with_threads(1).with_self_test(values))?.self_test()
}

/// A copy of a network in which some bits of one weight are turned over: the largest of 64 that follow each other about
/// `share` of the way through the file.
fn damaged(onnx: &[u8], share: f64, bits: u32) -> Vec<u8> {
    let float = |at: usize| f32::from_le_bytes(onnx[at..at + 4].try_into().expect("four bytes"));
    let is_weight = |at: usize| (1e-7..4.0).contains(&float(at).abs());
    let start = (share * onnx.len() as f64) as usize;
    let window = (start..onnx.len() - 256).find(|at| (0..64).all(|i| is_weight(at + 4 * i))).expect("weights");
    let at = (0..64).map(|i| window + 4 * i).max_by(|a, b| float(*a).abs().total_cmp(&float(*b).abs())).expect("64");
    let mut copy = onnx.to_vec();
    copy[at..at + 4].copy_from_slice(&(float(at).to_bits() ^ bits).to_le_bytes());
    copy
}

#[test]
fn one_wrong_weight_is_noticed() {
    let Some(pack) = standard("one_wrong_weight_is_noticed") else { return };
    let spec = &pack.manifest().detector.spec;
    let detector = open_size(pack.network(Role::Detector).expect("a network"), spec).expect("of any size");
    let embedder = pack.network(Role::Embedder).expect("a network");
    let whole = tested(&pack, detector.clone(), embedder.clone()).expect("a test");
    assert_eq!(outcomes(&whole), [(TestedNetwork::Detector, Some(true)), (TestedNetwork::Embedder, Some(true))]);

    // Some weights have no effect on what is looked at: the detector is compared by one face.
    let notices = |found: facevault::Result<SelfTest>| match found {
        Ok(found) => found.has_failed(),
        Err(error) => error.kind() == ErrorKind::Runtime,
    };
    let places = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9];
    let embedders =
        places.iter().filter(|share| notices(tested(&pack, detector.clone(), damaged(&embedder, **share, 1 << 31))));
    assert!(embedders.count() >= 5);
    let detectors =
        places.iter().filter(|share| notices(tested(&pack, damaged(&detector, **share, 1 << 31), embedder.clone())));
    assert!(detectors.count() >= 2);
}

/// What `facevault doctor --self-test --output` writes can be pasted into the manifest.
#[cfg(feature = "cli")]
#[test]
fn the_command_tests_writes_and_refuses() {
    const TEST: &str = "the_command_tests_writes_and_refuses";
    let Some(folder) = crate::packs::pack(TEST, "yunet_640", "espdl_mbf") else { return };
    let test = crate::harness::Facevault::new().with_runtime();
    let pack = format!("{}/", folder.path().display());
    let manifest = folder.path().join("manifest.toml");
    let doctor = |more: &[&str]| test.run([&["doctor", "--pack", &pack, "--self-test", "--json"], more].concat());
    let network = |run: &serde_json::Value, name: &str| {
        let networks = run["data"]["self_test"]["networks"].as_array().expect("networks").clone();
        networks.into_iter().find(|network| network["network"] == name).expect("the network")
    };

    let section = test.path().join("section.toml");
    let run = doctor(&["--output", &section.display().to_string()]).ok().json();
    assert_eq!(network(&run, "embedder")["outcome"], "not_stated", "{run}");
    let section = std::fs::read_to_string(section).expect("written");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, format!("{text}\n{section}")).expect("written");
    let run = doctor(&[]).ok().json();
    assert_eq!(run["data"]["self_test"]["passed"], true, "{run}");
    for name in ["detector", "embedder"] {
        assert_eq!(network(&run, name)["outcome"], "agrees", "{run}");
    }

    let mut values = Pack::open_dir(folder.path()).expect("a pack").manifest().self_test.clone().expect("values");
    let vector = values.vector.as_mut().expect("a vector");
    vector.iter_mut().for_each(|value| *value *= 1.01);
    let wrong = self_test_section(&values, &[]);
    std::fs::write(&manifest, format!("{text}\n{wrong}")).expect("written");
    let run = doctor(&[]);
    assert_eq!(run.code, 5, "{run:?}");
    let run = run.json();
    assert_eq!((&run["data"]["self_test"]["passed"], &run["data"]["healthy"]), (&false.into(), &false.into()));
    let embedder = network(&run, "embedder");
    let difference = embedder["difference"].as_f64().expect("a number");
    assert!(embedder["outcome"] == "differs" && (1e-4..1e-2).contains(&difference), "{embedder}");

    test.run(["init", "v"]).ok();
    let film = test.path().join("film");
    std::fs::create_dir_all(&film).expect("a folder");
    test.run(["watch", "v", &film.display().to_string(), "--pack", &pack]).fails(5, "the self-test failed");
    #[cfg(feature = "http")]
    test.run(["serve", "v", "--listen", "127.0.0.1:0", "--pack", &pack]).fails(5, "the self-test failed");

    // Liveness networks are tested where they are installed (serve) or asked for (watch).
    std::fs::write(&manifest, format!("{text}\n{section}")).expect("written");
    let Some(models) = crate::liveness::models(TEST, false) else { return };
    let manifest = models.path().join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let wrong = SelfTestValues::new(SelfTestValues::DRAWING).with_live(vec![0.0, 1.0]);
    std::fs::write(&manifest, format!("{text}\n{}", self_test_section(&wrong, &[]))).expect("written");
    let networks = models.path().display().to_string();
    let film = film.display().to_string();
    let watch = ["watch", "v", &film, "--similarity", "0.3", "--pack", &pack, "--liveness-models", &networks];
    let run = test.run(watch);
    assert!(run.code != 5 && !run.stderr.contains("self-test"), "nobody asks for liveness: {run:?}");
    let failed = "the self-test failed: the liveness scores differ";
    test.run([&watch[..], &["--liveness", "report"]].concat()).fails(5, failed);
    #[cfg(feature = "http")]
    test.run(["serve", "v", "--listen", "127.0.0.1:0", "--pack", &pack, "--liveness-models", &networks])
        .fails(5, failed);
}

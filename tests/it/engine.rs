//! The engine on real photos: every format gives the same encoding, and different people differ.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use facevault::vision::FacePolicy;
use facevault::{Engine, EngineOptions, FaceEncoding, PackSource, PhotoRules};

use crate::{data, packs};

/// YuNet and `espdl_mbf`, whatever the runtime is.
fn engine(test: &str) -> Option<(tempfile::TempDir, Engine)> {
    let pack = packs::pack(test, "yunet_dynamic", "espdl_mbf")?;
    let rules = PhotoRules::default().with_face(FacePolicy::Largest);
    let options = EngineOptions::default().with_pack(pack.path()).with_rules(rules);
    Some((pack, Engine::open(&options).expect("an engine")))
}

fn cosine(a: &FaceEncoding, b: &FaceEncoding) -> f64 {
    facevault::index::similarity(facevault::Metric::Cosine, a.vector(), b.vector())
}

/// The lowest cosine between the PNG's encoding and that of the same picture in another format.
fn lowest_between_formats(engine: &Engine, folder: &Path) -> (f64, String) {
    let encode = |path: &Path| engine.encode(&fs::read(path).expect("a file")).map(|face| face.encoding);
    let png = encode(&folder.join("einstein.png")).expect("a face");
    let mut cosines = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What has lost its colours to one bit or has too few pixels need only decode.
        if name.starts_with("einstein") && !name.contains("1bit") && !name.contains("small") {
            let encoding = encode(&entry.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
            cosines.push((cosine(&png, &encoding), name));
        }
    }
    assert!(cosines.len() >= 25, "only {} files were compared", cosines.len());
    cosines.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("files")
}

#[test]
fn every_format_gives_the_encoding_of_the_png() {
    const TEST: &str = "engine::every_format_gives_the_encoding_of_the_png";
    let Some(folder) = data::folder(TEST) else { return };
    // The lowest was that of 16 bits of grey with `standard`, and of a WebP with `dlib`.
    for (name, limit) in [("standard", 0.985), ("dlib", 0.99)] {
        match Engine::open(&EngineOptions::default().with_pack(name)) {
            Ok(engine) => {
                let (lowest, file) = lowest_between_formats(&engine, &folder.join("images/formats"));
                assert!(lowest >= limit, "{name}, {file}: {lowest}");
            }
            Err(error) => data::skip(TEST, &error.to_string()),
        }
    }
}

#[test]
fn every_format_gives_nearly_the_encoding_of_the_png_with_yunet() {
    const TEST: &str = "engine::every_format_gives_nearly_the_encoding_of_the_png_with_yunet";
    let Some((_pack, engine)) = engine(TEST) else { return };
    let folder = data::folder(TEST).expect("test data").join("images/formats");
    // YuNet's landmarks of a face that fills the picture move by up to 7 pixels with compression:
    // the lowest cosine is 0.963.
    let (lowest, name) = lowest_between_formats(&engine, &folder);
    assert!(lowest >= 0.96, "{name}: {lowest}");
}

#[test]
fn one_threshold_tells_all_labelled_pairs_apart() {
    const TEST: &str = "engine::one_threshold_tells_all_labelled_pairs_apart";
    let Some((_pack, engine)) = engine(TEST) else { return };
    let folder = data::folder(TEST).expect("test data").join("faces/deepface/unit/dataset");
    let list = fs::read_to_string(folder.join("master.csv")).expect("a list of pairs");
    let mut encodings: HashMap<String, FaceEncoding> = HashMap::new();
    let (mut lowest_mated, mut highest_non_mated, mut pairs) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    for line in list.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.trim().split(',').collect();
        let [a, b, decision] = fields[..] else { panic!("{line:?} has not three columns") };
        for name in [a, b] {
            encodings.entry(name.to_owned()).or_insert_with(|| {
                let photo = fs::read(folder.join(name)).expect("a photo");
                engine.encode(&photo).unwrap_or_else(|error| panic!("{name}: {error}")).encoding
            });
        }
        let similarity = cosine(&encodings[a], &encodings[b]);
        match decision {
            "Yes" => lowest_mated = lowest_mated.min(similarity),
            "No" => highest_non_mated = highest_non_mated.max(similarity),
            other => panic!("{other:?} is no decision"),
        }
        pairs += 1;
    }
    assert!(pairs >= 300, "only {pairs} pairs");
    assert!(lowest_mated > highest_non_mated, "mated from {lowest_mated}, non-mated to {highest_non_mated}");
}

#[test]
fn many_photos_give_what_they_give_one_by_one() {
    const TEST: &str = "engine::many_photos_give_what_they_give_one_by_one";
    let Some((_pack, engine)) = engine(TEST) else { return };
    let folder = data::folder(TEST).expect("test data").join("images/formats");
    let names = ["einstein_420.jpg", "blank_640x480.jpg", "einstein_gray.jpg", "bad_empty.jpg", "einstein_exif6.png"];
    let photos: Vec<Vec<u8>> = names.iter().map(|name| fs::read(folder.join(name)).expect("a file")).collect();
    let together = engine.encode_all(&photos).expect("the networks run");
    assert_eq!(together.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
    for (photo, together) in photos.iter().zip(together) {
        match (engine.encode(photo), together) {
            (Ok(alone), Ok(together)) => assert_eq!(alone.encoding, together.encoding),
            (Err(error), Err(refusal)) => assert_eq!(error.images()[0].refusal.as_ref(), Some(&refusal)),
            (alone, together) => panic!("alone {alone:?}, together {together:?}"),
        }
    }
}

/// A photo that is alone has all threads; its encoding is the same to the last bit.
#[test]
fn a_photo_alone_gives_what_it_gives_among_others() {
    const TEST: &str = "engine::a_photo_alone_gives_what_it_gives_among_others";
    let Some(pack) = packs::pack(TEST, "scrfd_500m", "espdl_mbf") else { return };
    let folder = data::folder(TEST).expect("test data").join("faces/deepface/unit/dataset");
    let photos: Vec<Vec<u8>> =
        ["img1.jpg", "img5.jpg", "img6.jpg"].iter().map(|name| fs::read(folder.join(name)).expect("a photo")).collect();
    let mut packs = vec![PackSource::Folder(pack.path().into())];
    if Engine::open(&EngineOptions::default()).is_ok() {
        packs.push(PackSource::default());
    }
    for pack in packs {
        let rules = PhotoRules::default().with_face(FacePolicy::Largest);
        let options = EngineOptions::default().with_pack(pack).with_rules(rules).with_threads(4);
        let engine = Engine::open(&options).expect("an engine");
        let together = engine.encode_all(&photos).expect("the networks run");
        // Enough times for the sessions of several threads to be worth making.
        for round in 0..6 {
            for (photo, among_others) in photos.iter().zip(&together) {
                let alone = engine.encode(photo).expect("a face");
                assert_eq!(Ok(&alone), among_others.as_ref(), "{} round {round}", engine.name());
            }
        }
    }
}

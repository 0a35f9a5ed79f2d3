//! The coarse first search chooses the same main face as a search of the whole picture, and its
//! encodings tell people apart as well.

use std::path::Path;

use facevault::vision::{DecodeLimits, Detector, Embedder, Face, FacePolicy, align, decode, main_face};
use rayon::prelude::*;

use crate::data;
use crate::networks::{cosine, embedder, espdl_spec, scrfd};

/// A photo looked at both ways.
struct Both {
    name: String,
    whole: Vec<f32>,
    coarse: Vec<f32>,
}

/// Nothing where both ways agree that there is no main face.
fn look(detector: &dyn Detector, embedder: &dyn Embedder, path: &Path) -> Option<Both> {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let picture = decode(&std::fs::read(path).expect("a file"), &DecodeLimits::default()).ok()?;
    let policy = FacePolicy::default();
    let whole =
        main_face(&detector.detect(&picture).expect("a run"), picture.dimensions(), policy).map(|main| main.face);
    let coarse = detector.detect_main(&picture, policy).expect("a run");
    let (whole, coarse) = match (whole, coarse) {
        (Ok(whole), Ok(coarse)) => (whole, coarse),
        (Err(whole), Err(coarse)) => {
            assert_eq!(whole.code, coarse.code, "{name}");
            return None;
        }
        (whole, coarse) => panic!("{name}: {whole:?}, coarsely {coarse:?}"),
    };
    let coarse = coarse.face;
    assert!(whole.bounds.iou(&coarse.bounds) > 0.6, "{name}: {whole:?}, coarsely {coarse:?}");
    let vector = |face: &Face| {
        let aligned = align(&picture, &face.landmarks, &embedder.spec().template).expect("a crop");
        embedder.embed(&[aligned]).expect("a run").remove(0)
    };
    Some(Both { name, whole: vector(&whole), coarse: vector(&coarse) })
}

#[test]
fn the_main_face_is_the_same_looked_at_coarsely() {
    let Some(folder) = crate::networks::folder("coarse::the_main_face_is_the_same_looked_at_coarsely") else { return };
    compare(&folder, &scrfd(&folder, "scrfd_500m_kps.onnx", 640), 38);
}

#[test]
fn centerface_needs_few_pixels() {
    const TEST: &str = "coarse::centerface_needs_few_pixels";
    let Some(folder) = crate::networks::folder(TEST) else { return };
    let Some(detector) = crate::centerface_parity::installed(TEST, 640) else { return };
    compare(&folder, &detector, 38);
}

/// Photos of one person are as much alike whether the face was found coarsely or on the whole picture.
fn compare(folder: &Path, detector: &dyn Detector, pairs: usize) {
    let embedder = embedder(folder, "espdl_mbf.onnx", espdl_spec());
    let faces = folder.join("faces/deepface/unit/dataset");
    let mut photos = data::files_below(&faces);
    photos.extend(data::files_below(&folder.join("faces/group")));
    photos.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    let both: Vec<Both> = photos.par_iter().filter_map(|path| look(detector, &embedder, path)).collect();
    assert!(both.len() > 55, "{} photos have a main face", both.len());

    // The mean similarity of the pairs of one person, and of different people.
    let list = std::fs::read_to_string(faces.join("master.csv")).expect("pairs");
    let of = |name: &str| both.iter().find(|one| one.name == name);
    let mean = |wanted: &str| {
        let pairs = list.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|pair| pair[2] == wanted);
        let pairs: Vec<_> = pairs.filter_map(|pair| Some((of(pair[0])?, of(pair[1])?))).collect();
        let mean =
            |value: fn(&Both, &Both) -> f64| pairs.iter().map(|(a, b)| value(a, b)).sum::<f64>() / pairs.len() as f64;
        (pairs.len(), mean(|a, b| cosine(&a.whole, &b.whole)), mean(|a, b| cosine(&a.coarse, &b.coarse)))
    };
    let (mated, non_mated) = (mean("Yes"), mean("No"));
    eprintln!("mated {mated:?}, non-mated {non_mated:?}");
    assert!(mated.0 >= pairs, "{} pairs of one person", mated.0);
    assert!(mated.2 > mated.1 - 0.005, "one person's photos are as much alike: {mated:?}");
    assert!(non_mated.2 < non_mated.1 + 0.005, "different people's are not more alike: {non_mated:?}");
}

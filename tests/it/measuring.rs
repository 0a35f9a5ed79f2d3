//! Measuring a model on real photos, by the library and by the commands.

use std::fs;
use std::path::Path;

use facevault::evaluation::{self, Dataset, DatasetEncodings, EncodingCache};
use facevault::statistics::Comparisons;
use facevault::statistics::open_set::OpenSet;
use facevault::vision::FacePolicy;
use facevault::{
    EncodingMode, Engine, EngineOptions, FaceEncoding, Metric, OperatingPoint, PhotoRules, Refusal, RefusalCode,
};

use crate::{data, packs};

/// The photos at these places of a data set, and their encodings.
fn part(
    whole: &Dataset,
    encodings: &[Option<FaceEncoding>],
    takes: impl Fn(u32) -> bool,
) -> (Dataset, Vec<Option<FaceEncoding>>) {
    let places: Vec<usize> = (0..whole.photos.len()).filter(|place| takes(whole.people[*place])).collect();
    let dataset = Dataset {
        photos: places.iter().map(|place| whole.photos[*place].clone()).collect(),
        people: places.iter().map(|place| whole.people[*place]).collect(),
        ..whole.clone()
    };
    (dataset, places.iter().map(|place| encodings[*place].clone()).collect())
}

/// What a table promises holds on people it was not made of: half of the people of `faces/lfw-dev`
/// make it, the others are compared and searched, for several ways to halve them.
#[test]
fn rates_hold_on_people_who_were_left_out() {
    const TEST: &str = "measuring::rates_hold_on_people_who_were_left_out";
    const SPLITS: u32 = 4;
    const FPIR: f64 = 0.01;
    let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
    let rules = PhotoRules::default().with_face(FacePolicy::Central);
    let options = EngineOptions::default().with_pack(pack.path()).with_rules(rules);
    let engine = Engine::open(&options).expect("an engine");
    let folder = data::folder(TEST).expect("test data").join("faces/lfw-dev");
    let whole = Dataset::open(&folder, None).expect("people");
    let encoded = DatasetEncodings::compute(&engine, &whole, None, &mut ()).expect("encodings");
    // Three photos in a thousand are not sharp enough for the limits.
    let few = whole.photos.len() * 4 / 1_000;
    let is_blurred = |(_, refusal): &(usize, Refusal)| refusal.code == RefusalCode::Blurred;
    assert!(encoded.refusals.len() <= few && encoded.refusals.iter().all(is_blurred), "{:?}", encoded.refusals);

    let (mut alarms, mut searches) = (0, 0);
    for split in 0..SPLITS {
        for side in 0..2 {
            // Multiplying by an odd number shuffles the bits that decide.
            let is_left_out = |person: u32| (person.wrapping_mul(0x9e37_79b1 + 2 * split) >> 31) == side;
            let (known, known_encodings) = part(&whole, &encoded.encodings, |person| !is_left_out(person));
            let (others, encodings) = part(&whole, &encoded.encodings, is_left_out);
            let hash = "0".repeat(64);
            let table =
                evaluation::calibrate(&known, &known_encodings, Metric::Cosine, "half", &hash).expect("a table");
            let similarity = |a: usize, b: usize| {
                let (a, b) = (encodings[a].as_ref()?, encodings[b].as_ref()?);
                Some(facevault::index::similarity(Metric::Cosine, a.vector(), b.vector()))
            };
            let asked = OperatingPoint::fmr(1e-3).expect("a rate");
            let threshold = table.threshold_for(asked, 1).expect("carried").similarity.get();
            let compared = Comparisons::all_against_all(&others.people, similarity).expect("both kinds");
            let factor = compared.scores().at(threshold).fmr / 1e-3;
            assert!((0.5..2.0).contains(&factor), "split {split}.{side}: FMR 1e-3 is {factor} times as much");

            let open_set = OpenSet::run(&others.people, similarity).expect("people with two photos");
            let asked = OperatingPoint::fpir(FPIR).expect("a rate");
            let threshold = table.threshold_for(asked, open_set.gallery() as u64).expect("carried").similarity.get();
            let found = open_set.at(threshold).fpir;
            alarms += found.errors;
            searches += found.trials;
        }
    }
    let factor = alarms as f64 / searches as f64 / FPIR;
    assert!((0.5..2.0).contains(&factor), "FPIR {FPIR}: {alarms} alarms in {searches}, {factor} times as many");
}

/// A second run takes every photo's outcome, refusals too, from what the first one kept.
#[test]
fn what_was_encoded_before_is_not_encoded_again() {
    const TEST: &str = "measuring::what_was_encoded_before_is_not_encoded_again";
    let Some(shared) = data::folder(TEST) else { return };
    let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
    let rules = PhotoRules::default().with_face(FacePolicy::Central);
    let options = EngineOptions::default().with_pack(pack.path()).with_rules(rules);
    let engine = Engine::open(&options).expect("an engine");
    let root = tempfile::tempdir().expect("a folder");
    let mut people: Vec<_> =
        fs::read_dir(shared.join("faces/lfw-dev")).expect("people").flatten().map(|entry| entry.path()).collect();
    people.retain(|path| path.is_dir());
    people.sort();
    for person in &people[..3] {
        let folder = root.path().join(person.file_name().expect("a name"));
        fs::create_dir(&folder).expect("a folder");
        let photo = fs::read_dir(person).expect("photos").flatten().next().expect("a photo");
        fs::copy(photo.path(), folder.join("photo.jpg")).expect("copied");
        fs::write(folder.join("no picture.jpg"), person.as_os_str().as_encoded_bytes()).expect("a file");
    }
    let dataset = Dataset::of_people(root.path()).expect("people");
    let kept = tempfile::tempdir().expect("a folder");
    let run = |engine: &Engine| {
        let mut cache = EncodingCache::open(kept.path(), engine).expect("an engine of a pack");
        let before = engine.encoded();
        let outcome = DatasetEncodings::compute(engine, &dataset, Some(&mut cache), &mut ()).expect("encodings");
        (outcome, engine.encoded() - before)
    };
    let (first, encoded) = run(&engine);
    assert_eq!((first.cached, first.refusals.len(), encoded), (0, 3, 3));
    let (second, encoded) = run(&engine);
    assert_eq!((second.cached, encoded), (6, 0));
    assert_eq!(second, DatasetEncodings { cached: 6, ..first.clone() });

    // Another way of encoding knows nothing of it, and a photo that is new is encoded.
    assert_eq!(run(&engine.in_mode(EncodingMode::Accurate)).0.cached, 0);
    fs::write(root.path().join(&dataset.photos[0]), b"another").expect("a file");
    let (third, encoded) = run(&engine);
    assert_eq!((third.cached, encoded), (5, 0));
    // A damaged file is as good as none.
    for file in fs::read_dir(kept.path()).expect("files").flatten() {
        let mut bytes = fs::read(file.path()).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file.path(), bytes).expect("a file");
    }
    assert_eq!(run(&engine).0.cached, 0);
}

#[cfg(feature = "cli")]
mod command {
    use super::*;
    use crate::harness::Facevault;

    /// A folder of the first photos of `people` people of `faces/lfw-dev`, and of all photos of those
    /// that have two or more.
    fn people(test: &Facevault, shared: &Path, people: usize) {
        people_into(test, "people", shared, people);
    }

    fn people_into(test: &Facevault, folder: &str, shared: &Path, people: usize) {
        let from = shared.join("faces/lfw-dev");
        let mut names: Vec<_> = fs::read_dir(&from).expect("people").flatten().map(|entry| entry.path()).collect();
        // With YuNet's landmarks one of these photos is not sharp enough.
        names.retain(|path| path.is_dir() && !path.ends_with("Abdullatif_Sener"));
        names.sort_by_key(|path| (std::cmp::Reverse(fs::read_dir(path).expect("photos").count()), path.clone()));
        for person in names.iter().take(people) {
            let to = test.path().join(folder).join(person.file_name().expect("a name"));
            fs::create_dir_all(&to).expect("a folder");
            for photo in fs::read_dir(person).expect("photos").flatten().take(2) {
                fs::copy(photo.path(), to.join(photo.file_name())).expect("copied");
            }
        }
    }

    #[test]
    fn a_table_is_measured_kept_and_used() {
        const TEST: &str = "measuring::command::a_table_is_measured_kept_and_used";
        let Some(shared) = data::folder(TEST) else { return };
        let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
        let mut test = Facevault::new().with("FACEVAULT_PACK", pack.path());
        if let Ok(Some(runtime)) = facevault::models::Home::from_env().map(|home| home.runtime_library()) {
            test = test.with("FACEVAULT_RUNTIME", runtime);
        }
        people(&test, &shared, 40);
        let open_set = ["evaluate", "--protocol", "open-set", "--images", "people", "--json"];
        let before = test.run(open_set).ok().json();
        let rows = |answer: &serde_json::Value| answer["data"]["open_set"]["rows"].as_array().expect("rows").clone();
        assert!(rows(&before).iter().all(|row| row["source"] == "data"), "{before}");

        let made = test.run(["calibrate", "people", "--save", "--output", "table.toml", "--json"]).ok().json();
        let table = &made["data"]["table"];
        assert_eq!(table["measured_on"]["name"], "people");
        assert_eq!(table["measured_on"]["people"], 40);
        // 80 photos of 40 people, two each.
        assert_eq!(table["measured_on"]["non_mated_pairs"], 80 * 79 / 2 - 40);
        let section = fs::read_to_string(test.path().join("table.toml")).expect("written");
        assert!(
            section.starts_with("# facevault calibrate people --save") && section.contains("[calibration.measured_on]")
        );

        let after = test.run(open_set).ok().json();
        assert!(rows(&after).iter().any(|row| row["source"] == "table"), "{after}");
        // Of 40 people too little is learned of what cannot be recognised.
        assert!(made["data"]["recognizability"].is_null() && !section.contains("[recognizability]"), "{made}");
        people_into(&test, "few", &shared, 3);
        let damage = ["evaluate", "--protocol", "damage", "--images", "few", "--markdown", "damage.md", "--json"];
        let found = test.run(damage).ok().json();
        let kinds = found["data"]["rows"].as_array().expect("rows");
        assert_eq!((&kinds[0]["damage"], &kinds[0]["accepted"]), (&"none".into(), &3.into()), "{found}");
        assert_eq!((kinds.len(), &found["data"]["asked_fmr"], &found["data"]["limit"]), (27, &0.01.into(), &().into()));
        let page = fs::read_to_string(test.path().join("damage.md")).expect("written");
        assert!(page.contains("`facevault evaluate --protocol damage --images few --markdown damage.md --json`"));
        assert!(page.contains("| undamaged | 3 | 3 | 0.0000 | 3 | 0.0 (0.0 to "), "{page}");

        let text =
            test.run(["evaluate", "--protocol", "all", "--images", "people", "--report", "page.html"]).ok().stdout;
        assert!(text.contains("80 photos of 40 people") && text.contains("written: page.html"), "{text}");
        let page = fs::read_to_string(test.path().join("page.html")).expect("written");
        assert!(page.contains("facevault evaluate --protocol all --images people"), "the page names its command");
        assert!(page.matches("data:image/jpeg;base64,/9j/").count() >= 20, "the worst pairs are shown");

        // A photo that is none counts as an error, with its reason on the page.
        fs::write(test.path().join("people/AAA.txt"), "").expect("written");
        fs::create_dir(test.path().join("people/Nobody")).expect("a folder");
        fs::write(test.path().join("people/Nobody/none.jpg"), "no photo").expect("written");
        let found = test.run(["evaluate", "--protocol", "all", "--images", "people", "--json"]).ok().json();
        assert_eq!(found["data"]["photos_without_encoding"], 1);
        assert_eq!(found["data"]["pairs"]["non_mated_failures"], 80);
    }

    #[test]
    fn what_cannot_be_measured_is_told_before_models_are_loaded() {
        let test = Facevault::new();
        test.write("bad.csv", "a,b\n1,2\n");
        test.write("missing.csv", "image_a,image_b,same\nx.jpg,y.jpg,1\n");
        test.write("odd.csv", "image_a,image_b,same\nbad.csv,missing.csv,perhaps\n");
        fs::create_dir_all(test.path().join("one/Ada")).expect("a folder");
        test.write("one/Ada/1.jpg", "x");
        for (arguments, said) in [
            (vec!["evaluate", "--protocol", "pairs"], "\"pairs\" is required"),
            (vec!["evaluate", "--protocol", "all"], "\"images\" is required"),
            (
                vec!["evaluate", "--protocol", "all", "--images", "one", "--pairs", "bad.csv"],
                "takes a folder of people",
            ),
            (vec!["evaluate", "--protocol", "pairs", "--pairs", "none.csv"], "there is no file none.csv"),
            (vec!["evaluate", "--protocol", "pairs", "--pairs", "bad.csv"], "image_a, image_b and same are needed"),
            (vec!["evaluate", "--protocol", "pairs", "--pairs", "missing.csv"], "there is no photo x.jpg"),
            (vec!["evaluate", "--protocol", "pairs", "--pairs", "odd.csv"], "line 2, column same"),
            (vec!["evaluate", "--protocol", "lfw", "--pairs", "bad.csv"], "bad.csv"),
            (vec!["evaluate", "--protocol", "damage"], "\"images\" is required"),
            (vec!["evaluate", "--protocol", "damage", "--report", "x.html"], "is not for the protocol damage"),
            (vec!["evaluate", "--protocol", "all", "--markdown", "x.md"], "is for the protocol damage"),
            (vec!["calibrate", "one", "--refuse", "0.5"], "0.5 is not from 0 to 0.1"),
            (vec!["calibrate", "none"], "there is no folder or file none"),
            (vec!["calibrate", "one"], "two people or more"),
            (vec!["calibrate", "one", "--images", "one"], "is a folder of people"),
        ] {
            test.run(arguments).fails(2, said);
        }
        // The data is right; the models are not there.
        fs::create_dir_all(test.path().join("one/Bob")).expect("a folder");
        test.write("one/Bob/1.jpg", "x");
        test.run(["calibrate", "one"]).fails(3, "facevault");
    }

    #[test]
    fn too_few_people_make_no_table() {
        const TEST: &str = "measuring::command::too_few_people_make_no_table";
        let Some(shared) = data::folder(TEST) else { return };
        let Some(pack) = packs::pack(TEST, "yunet_dynamic", "espdl_mbf") else { return };
        let test = Facevault::new().with("FACEVAULT_PACK", pack.path());
        people(&test, &shared, 3);
        test.run(["calibrate", "people", "--save"]).fails(2, "a table needs 1000 pairs of different people");
        assert!(!test.path().join("home/calibrations").exists(), "nothing is kept");
        test.run(["evaluate", "--protocol", "open-set", "--images", "people"]).fails(2, "4 people or more");
    }
}

//! `facevault export` and `facevault import`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use facevault::store::{CreateOptions, ModelInfo, PreparedImage, PreparedImages, Store};
use facevault::{FaceEncoding, ImageBytes, Metric, ModelId, NewPerson, PersonId, PersonQuery, Vault, VaultOptions};
use serde_json::{Value, json};

use super::{Facevault, Run};
use crate::scratch::Numbers;

const MODEL: ModelId = ModelId::from_bytes([9; 16]);
const DIMENSION: usize = 512;

/// Makes a vault of so many people, each with a photo of so many bytes that no network has seen, and its encoding.
fn vault_of(path: &Path, people: usize, photo_bytes: usize) {
    let model =
        ModelInfo { id: MODEL, name: "made up".into(), dimension: DIMENSION, metric: Metric::Cosine, mode: None };
    let store = Store::create(path, &CreateOptions::default().with_model(model)).expect("a vault");
    let client = store.default_client().expect("a client");
    let mut numbers = Numbers(3);
    let mut done = 0;
    while done < people {
        let batch: Vec<(NewPerson, PreparedImages)> = (done..people.min(done + 250))
            .map(|at| {
                let vector: Vec<f32> = (0..DIMENSION).map(|_| numbers.below(2_001) as f32 - 1_000.5).collect();
                let photo: Vec<u8> = (0..photo_bytes / 8).flat_map(|_| numbers.next().to_le_bytes()).collect();
                let mut image = PreparedImage::new(&photo);
                image.encoding = Some(FaceEncoding::new(MODEL, vector).expect("finite"));
                let new = NewPerson {
                    id: Some(PersonId::new(format!("p{at:07}")).expect("an id")),
                    images: vec![ImageBytes::from(photo)],
                    notes: Some(format!("number {at}")),
                    ..NewPerson::named(format!("Person {at}"))
                };
                (new, PreparedImages { images: vec![image], ..PreparedImages::default() })
            })
            .collect();
        let people: Vec<_> = batch.iter().map(|(new, prepared)| (new, prepared)).collect();
        for outcome in store.insert_persons_if(&client, &people, |_, _| Ok(())).expect("written") {
            outcome.expect("added");
        }
        done += batch.len();
    }
}

/// How many people a vault has.
fn total(path: &Path) -> u64 {
    let vault = Vault::open_read_only(path, VaultOptions::default()).expect("a vault");
    vault.persons(&PersonQuery::default()).expect("a list").total
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Names of partial exports.
fn left(test: &Facevault) -> Vec<String> {
    names(test.path()).into_iter().filter(|name| name.starts_with('.')).collect()
}

fn lines(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The same with a key for bundles in the environment.
fn with_key(test: Facevault) -> Facevault {
    test.run(["key", "b.key"]).ok();
    let key = test.path().join("b.key");
    test.with("FACEVAULT_BUNDLE_KEY_FILE", key)
}

#[test]
fn a_bundle_is_encrypted_and_read_with_its_key_alone() {
    let test = Facevault::new();
    vault_of(&test.path().join("v"), 12, 600);
    test.run(["export", "v", "people.bundle"]).fails(4, "name the file with the key of the bundle");
    test.run(["key", "b.key"]).ok();
    test.run(["key", "other.key"]).ok();
    test.write("phrase.key", "correct horse battery\n");
    test.run(["export", "v", "p.bundle", "--bundle-key-file", "phrase.key"]).fails(4, "chmod 600");
    #[cfg(unix)]
    fs::set_permissions(test.path().join("phrase.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("set");
    test.run(["export", "v", "out", "--bundle-key-file", "b.key"]).fails(2, "is for bundles");
    let answer = test.run(["export", "v", "people.bundle", "--bundle-key-file", "b.key", "--json"]).ok().json();
    assert_eq!(answer["data"], json!({"destination": "people.bundle", "people": 12, "photos": 12, "encodings": 12}));
    test.run(["export", "v", "phrase.bundle", "--bundle-key-file", "phrase.key"]).ok();
    let bundle = fs::read(test.path().join("people.bundle")).expect("read");
    for plain in [&b"Person 3"[..], b"p0000003", b"number 3"] {
        assert!(!bundle.windows(plain.len()).any(|window| window == plain));
    }
    test.run(["init", "w"]).ok();
    let import = |bundle: &str, key: &str| test.run(["import", "w", bundle, "--bundle-key-file", key]);
    test.run(["import", "w", "people.bundle"]).fails(4, "name the file with the key of the bundle");
    import("people.bundle", "other.key").fails(4, "the key is not the one");
    import("people.bundle", "phrase.key").fails(4, "has 256 bits, and a passphrase was given");
    import("b.key", "b.key").fails(2, "is for encrypted bundles, and b.key is none");
    // The last person is damaged, and the first is not imported either.
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bundle.clone();
        change(&mut bytes);
        test.write("damaged.bundle", bytes);
        import("damaged.bundle", "b.key").fails(4, "the bundle is damaged");
        assert_eq!(total(&test.path().join("w")), 0);
    };
    damaged(&|bytes| *bytes.last_mut().expect("bytes") ^= 1);
    damaged(&|bytes| bytes.truncate(bytes.len() - 1));
    damaged(&|bytes| bytes.truncate(96));
    damaged(&|bytes| bytes.truncate(50));
    damaged(&|bytes| bytes.push(0));
    let random: Vec<u8> = (0..5_000u32).map(|at| (at * at / 7) as u8).collect();
    test.write("random.bundle", &random);
    test.run(["import", "w", "random.bundle"]).fails(2, "cannot read random.bundle as CSV");
    test.write("random.bundle", [&bundle[..96], &random].concat());
    import("random.bundle", "b.key").fails(4, "the bundle is damaged");
    let run = import("people.bundle", "b.key").ok();
    assert!(run.stdout.starts_with("12 people added in "), "{run:?}");
    let run =
        test.run(["import", "w", "phrase.bundle", "--bundle-key-file", "phrase.key", "--skip-existing", "--json"]).ok();
    assert_eq!(lines(&run)[11], json!({"from": "person 12", "status": "exists"}));
    test.run(["check", "w"]).ok();
    assert_eq!(left(&test), Vec::<String>::new());
}

#[test]
fn what_was_exported_is_imported() {
    let test = Facevault::new();
    vault_of(&test.path().join("v"), 12, 600);
    let answer = test.run(["export", "v", "out", "--json"]).ok().json();
    let expected = json!({"destination": "out", "people": 12, "photos": 12, "encodings": 12});
    assert_eq!(answer["data"], expected);
    let said = test.run(["export", "v", "staff.csv"]).ok().stdout;
    assert!(said.starts_with("exported 12 people with 0 photos and 0 face encodings to staff.csv in "), "{said}");
    assert_eq!(
        names(&test.path().join("out")),
        ["collections.csv", "encodings.bin", "facevault-export.json", "people", "people.csv"]
    );
    test.run(["init", "w"]).ok();
    let run = test.run(["import", "w", "out", "--json"]).ok();
    assert_eq!(lines(&run)[11], json!({"from": "line 13", "status": "added", "_id": "p0000011", "image_count": 1}));
    let show = |vault: &str| {
        let mut person = test.run(["person", "show", vault, "p0000003", "--json"]).ok().json()["data"].clone();
        for field in ["client", "createdAt", "updatedAt"] {
            person.as_object_mut().expect("an object").remove(field);
        }
        person
    };
    assert_eq!(show("v"), show("w"));
    test.run(["check", "w"]).ok();
    let run = test.run(["person", "import", "w", "out", "--skip-existing"]).ok();
    assert!(run.stdout.starts_with("0 people added, 12 passed over in "), "{run:?}");
    let run = test.run(["import", "w", "staff.csv"]).fails(2, "");
    assert!(run.stdout.contains("line 2: ") && run.stdout.contains("12 not added"), "{run:?}");
    test.run(["import", "w", "out", "--ids"]).fails(2, "is for folders of photos");
    test.run(["import", "w", "out/people.csv"]).fails(2, "import that folder instead");
}

#[cfg(unix)]
#[test]
fn nobody_but_the_owner_can_read_an_export() {
    use std::os::unix::fs::PermissionsExt as _;
    let test = Facevault::new();
    vault_of(&test.path().join("v"), 2, 64);
    let mut command = std::process::Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_facevault");
    command
        .arg("-c")
        .arg(format!("umask 0; {binary} export v out && {binary} export v out.csv"))
        .current_dir(test.path());
    assert!(command.status().expect("sh").success());
    let mut open = vec![test.path().join("out"), test.path().join("out.csv")];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("listed").map(|entry| entry.expect("an entry").path()));
        }
        seen += 1;
    }
    assert_eq!(seen, 11);
}

#[test]
fn what_is_there_is_replaced_only_on_demand_and_only_if_it_is_an_export() {
    let test = Facevault::with_ada();
    test.run(["export", "v", "out"]).ok();
    test.run(["export", "v", "out.csv"]).ok();
    test.run(["person", "add", "v", "--name", "Bob", "--id", "bob"]).ok();
    for name in ["out", "out.csv"] {
        let people = || match fs::read_to_string(test.path().join(name).join("people.csv")) {
            Ok(text) => text,
            Err(_) => fs::read_to_string(test.path().join(name)).expect("a table"),
        };
        test.run(["export", "v", name]).fails(2, &format!("{name} exists already"));
        assert!(!people().contains("Bob"));
        test.run(["export", "v", name, "--force"]).ok();
        assert!(people().contains("Bob"));
    }
    fs::create_dir(test.path().join("letters")).expect("a folder");
    test.write("letters/letter", "Dear Ada");
    test.write("letter.csv", "Dear Ada");
    for (destination, form) in [
        ("letters", "folder"),
        ("letter.csv", "csv"),
        ("v", "csv"),
        ("v", "folder"),
        ("out", "csv"),
        ("out.csv", "folder"),
    ] {
        test.run(["export", "v", destination, "--force", "--as", form]).fails(2, "so it is not replaced");
    }
    assert_eq!(fs::read_to_string(test.path().join("letters/letter")).expect("read"), "Dear Ada");
    assert_eq!(test.version_of_ada(), 1);
    assert_eq!(left(&test), Vec::<String>::new());
    test.run(["export", "v", "..", "--force"]).fails(2, "is no name");
    test.run(["export", "v", "nowhere/out"]).fails(2, "cannot write nowhere");
}

#[test]
fn a_report_says_why_somebody_was_not_added() {
    let test = Facevault::with_ada();
    let csv = "_id,name,gender,notes\nada,Ada,,\nbob,\"'=Bob\",,fine\neve,Eve,X,\n,\"=cmd\",Y,\n";
    test.write("people.csv", csv);
    let import = ["import", "v", "people.csv", "--refusals", "refused.csv"];
    test.run(import).fails(2, "");
    let report = fs::read_to_string(test.path().join("refused.csv")).expect("a report");
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[0], "from,_id,name,photo,code,value,limit,message");
    assert!(lines[1].starts_with("line 2,ada,Ada,,already_exists,,,"), "{report}");
    assert!(lines[2].starts_with("line 4,eve,Eve,,invalid,,,\"\"\"gender\"\" must be one of"), "{report}");
    assert!(lines[3].starts_with("line 5,,'=cmd,,invalid,,,"), "{report}");
    assert_eq!(lines.len(), 4);
    assert_eq!(test.run(["person", "show", "v", "bob", "--json"]).ok().json()["data"]["name"], "=Bob");
    // The report of an earlier run is replaced, and nothing else.
    test.run(import).fails(2, "");
    assert_eq!(fs::read_to_string(test.path().join("refused.csv")).expect("a report").lines().count(), 5);
    for name in ["people.csv", "v"] {
        test.run(["import", "v", "people.csv", "--refusals", name]).fails(2, "so it is not replaced");
    }
    assert_eq!(fs::read_to_string(test.path().join("people.csv")).expect("read"), csv);
    assert_eq!(left(&test), Vec::<String>::new());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(test.path().join("refused.csv")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// Starts a command and kills it when `ready` holds.
#[cfg(unix)]
fn killed(test: &Facevault, arguments: &[&str], ready: impl Fn() -> bool) {
    use std::process::Stdio;
    let mut command = test.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let started = Instant::now();
    while !ready() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never came so far");
        assert!(child.try_wait().expect("asked").is_none(), "it was done before it was killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("killed");
    assert!(!child.wait().expect("ended").success());
}

/// The bytes of all files below.
#[cfg(unix)]
fn size(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| size(&entry.path())).sum(),
        Err(_) => fs::metadata(path).map_or(0, |file| file.len()),
    }
}

#[cfg(unix)]
#[test]
fn a_killed_export_has_no_name_and_the_next_one_clears_it_away() {
    let test = Facevault::new();
    let test = with_key(test);
    vault_of(&test.path().join("v"), 4_000, 8_192);
    for name in ["out", "out.csv", "out.bundle"] {
        let partial = test.path().join(format!(".{name}.partial"));
        killed(&test, &["export", "v", name], || size(&partial) > 30_000);
        assert_eq!(left(&test), [format!(".{name}.partial")]);
        assert!(!test.path().join(name).exists());
        test.run(["export", "v", name]).ok();
        assert_eq!(left(&test), Vec::<String>::new());
    }
    test.run(["init", "w"]).ok();
    assert!(test.run(["import", "w", "out"]).ok().stdout.starts_with("4000 people added in "));
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_of_an_export() {
    let test = Facevault::new();
    let test = with_key(test);
    vault_of(&test.path().join("v"), 4_000, 8_192);
    for name in ["out", "out.csv", "out.bundle"] {
        let partial = test.path().join(format!(".{name}.partial"));
        let (code, said) = super::streams::interrupted(&test, &["export", "v", name], || size(&partial) > 30_000);
        assert_eq!(code, Some(130), "{said}");
        assert!(said.contains("the export was stopped; nothing of it is left"), "{said}");
        assert!(left(&test).is_empty() && !test.path().join(name).exists());
    }
}

#[cfg(unix)]
#[test]
fn a_killed_import_goes_on_where_it_was() {
    let test = Facevault::new();
    vault_of(&test.path().join("v"), 4_000, 8_192);
    test.run(["export", "v", "out"]).ok();
    test.run(["init", "w"]).ok();
    let path = test.path().join("w");
    killed(&test, &["import", "w", "out", "--refusals", "refused.csv"], || total(&path) > 500);
    let before = total(&path);
    assert!(before < 4_000, "it was done before it was killed");
    let run = test.run(["import", "w", "out", "--skip-existing", "--refusals", "refused.csv"]).ok();
    let expected = format!("{} people added, {before} passed over in ", 4_000 - before);
    assert!(run.stdout.starts_with(&expected), "{expected}: {run:?}");
    assert_eq!((total(&path), left(&test)), (4_000, Vec::new()));
    test.run(["check", "w"]).ok();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_an_export_and_leaves_nothing_of_it() {
    let test = Facevault::new();
    let Some(disk) = super::full_disk::SmallBlocks::mounted(test.path()) else {
        eprintln!("not tried: this system does not let the test mount a file system");
        return;
    };
    vault_of(&test.path().join("v"), 400, 16_384);
    let free = || names(&test.path().join("disk")).into_iter().filter(|name| name != "lost+found").collect::<Vec<_>>();
    let run = test.run(["export", "v", "disk/out"]).fails(4, "cannot write");
    assert!(run.stderr.contains("No space left"), "{run:?}");
    assert_eq!(free(), Vec::<String>::new());
    test.run(["export", "v", "disk/out", "--without-photos"]).ok();
    test.run(["export", "v", "disk/out", "--force"]).fails(4, "No space left");
    assert_eq!(free(), ["out"], "the export before is still there");
    assert!(test.run(["init", "w"]).ok().stderr.is_empty());
    assert!(test.run(["import", "w", "disk/out"]).ok().stdout.starts_with("400 people added"));

    // Into a vault on a full disk.
    fs::remove_dir_all(test.path().join("disk/out")).expect("removed");
    let ballast = test.path().join("disk/ballast");
    fs::write(&ballast, vec![1; 1 << 20]).expect("written");
    test.run(["init", "disk/w"]).ok();
    test.run(["export", "v", "out"]).ok();
    let import = ["import", "disk/w", "out", "--skip-existing", "--refusals", "refused.csv"];
    let run = test.run(import);
    assert_eq!(run.code, 4, "{run:?}");
    let report = fs::read_to_string(test.path().join("refused.csv")).expect("a report");
    assert!(report.lines().count() > 1 && report.contains(",io,"), "{report}");
    fs::remove_file(ballast).expect("removed");
    let added = total(&test.path().join("disk/w"));
    assert!(added < 400);
    test.run(["check", "disk/w"]).ok();
    drop(disk);
}

/// Runs a command, and gives how long it took and the most memory that it had, in KiB.
#[cfg(target_os = "linux")]
fn measured(test: &Facevault, arguments: &[&str]) -> (Duration, u64) {
    let started = Instant::now();
    let mut child = test.command(arguments).stdout(std::process::Stdio::null()).spawn().expect("started");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        // What the system notes of the process is gone when it ends, so the last look may be a little early.
        if let Ok(text) = fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            most = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(most).max(most);
        }
        if let Some(ended) = child.try_wait().expect("asked") {
            assert!(ended.success(), "{arguments:?}");
            return (started.elapsed(), most);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `FACEVAULT_PEOPLE=100000 cargo test --test it -- --nocapture memory_does_not_grow` does it with so many and says
/// what it took.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_number_of_people() {
    let asked = std::env::var("FACEVAULT_PEOPLE").ok().and_then(|number| number.parse().ok());
    let many: usize = asked.unwrap_or(4_000);
    let mut memory: Vec<Vec<u64>> = Vec::new();
    for people in [1_000, many] {
        let test = Facevault::new();
        let test = with_key(test);
        vault_of(&test.path().join("v"), people, 1_024);
        let mut of_this = Vec::new();
        for (step, name) in FORMS.iter().enumerate() {
            let vault = format!("w{step}");
            test.run(["init", &vault]).ok();
            for (what, arguments) in [("export", vec!["export", "v", name]), ("import", vec!["import", &vault, name])] {
                let (took, most) = measured(&test, &arguments);
                if asked.is_some() {
                    eprintln!("{what} of {people} people, {name}: {:.1} s, {} MiB", took.as_secs_f64(), most >> 10);
                }
                of_this.push(most);
            }
            assert_eq!(total(&test.path().join(&vault)), people as u64);
        }
        memory.push(of_this);
    }
    for (few, many) in memory[0].iter().zip(&memory[1]) {
        assert!(*few > 1_000 && *many < few + few / 4 + (8 << 10), "{memory:?} KiB");
    }
}

/// One of each form.
#[cfg(target_os = "linux")]
const FORMS: [&str; 3] = ["out", "out.csv", "out.bundle"];

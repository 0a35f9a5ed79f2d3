//! Exports that somebody made to do harm, or that were damaged.

use std::fs;

use super::photos::csv::Table;
use super::*;

/// An export of so many people.
fn exported(people: u32) -> (tempfile::TempDir, PathBuf) {
    let vault = with_engine();
    some_people(&vault, people);
    let (folder, path) = folder();
    export(&vault, &path, &Form::Folder);
    (folder, path)
}

fn opened(path: &Path) -> Result<Source, Error> {
    Source::open(path, &SourceOptions::default(), &mut ())
}

#[test]
fn a_table_reads_nothing_outside_its_folder() {
    let (_folder, path) = exported(2);
    let secret = path.with_extension("secret");
    fs::write(&secret, &photo(5)[..]).expect("written");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, path.join("people/link.png")).expect("a link");
        std::os::unix::fs::symlink(path.parent().expect("a folder"), path.join("people/up")).expect("a link");
    }
    let absolute = secret.display().to_string();
    for named in [
        "../out.secret",
        &absolute,
        "people/../../out.secret",
        "people/link.png",
        "people/up/out.secret",
        "/dev/zero",
        ".",
        "people",
    ] {
        let mut people = Table::read(&path.join("people.csv"));
        people.change("images", |_| format!("{named};none"));
        let table = path.join("people.csv");
        let before = fs::read(&table).expect("read");
        people.write(&table);
        let vault = with_engine();
        let (imported, refused) = import(&vault, &path, &ImportOptions::default());
        assert_eq!((imported.added, refused), (0, vec![ErrorKind::Invalid; 2]), "{named}");
        fs::write(&table, before).expect("written");
    }
}

#[cfg(unix)]
#[test]
fn the_tables_themselves_may_not_be_links() {
    for name in ["people.csv", "collections.csv", "encodings.bin"] {
        let (_folder, path) = exported(1);
        let moved = path.with_extension("moved");
        fs::rename(path.join(name), &moved).expect("moved");
        std::os::unix::fs::symlink(&moved, path.join(name)).expect("a link");
        assert_eq!(opened(&path).expect_err(name).kind(), ErrorKind::Invalid);
    }
    let (_folder, path) = exported(1);
    fs::remove_file(path.join("people.csv")).expect("removed");
    assert!(std::process::Command::new("mkfifo").arg(path.join("people.csv")).status().expect("mkfifo runs").success());
    assert_eq!(opened(&path).expect_err("a pipe").kind(), ErrorKind::Invalid);
}

#[test]
fn what_is_no_whole_export_adds_nobody() {
    type Change = fn(&Path);
    let changes: [(&str, Change, ErrorKind); 8] = [
        ("no table", |path| fs::remove_file(path.join("people.csv")).expect("removed"), ErrorKind::NotFound),
        ("no collections", |path| fs::remove_file(path.join("collections.csv")).expect("removed"), ErrorKind::NotFound),
        ("no encodings", |path| fs::remove_file(path.join("encodings.bin")).expect("removed"), ErrorKind::NotFound),
        (
            "cut encodings",
            |path| {
                let bytes = fs::read(path.join("encodings.bin")).expect("read");
                fs::write(path.join("encodings.bin"), &bytes[..bytes.len() - 1]).expect("written");
            },
            ErrorKind::Corrupt,
        ),
        (
            "a huge cell",
            |path| {
                let cell = "x".repeat(5 << 20);
                fs::write(path.join("people.csv"), format!("_id,name\na,{cell}\n")).expect("written");
            },
            ErrorKind::Invalid,
        ),
        (
            "a huge first line",
            |path| fs::write(path.join("people.csv"), "a,".repeat(5_000)).expect("written"),
            ErrorKind::Invalid,
        ),
        (
            "a column twice",
            |path| fs::write(path.join("people.csv"), "name,name\na,b\n").expect("written"),
            ErrorKind::Invalid,
        ),
        (
            "another version",
            |path| {
                let text = fs::read_to_string(path.join("facevault-export.json")).expect("read");
                fs::write(path.join("facevault-export.json"), text.replace("\"version\": 1", "\"version\": 9"))
                    .expect("written");
            },
            ErrorKind::Unsupported,
        ),
    ];
    for (what, change, kind) in changes {
        let (_folder, path) = exported(2);
        change(&path);
        assert_eq!(opened(&path).expect_err(what).kind(), kind, "{what}");
    }
}

#[test]
fn a_person_who_is_wrong_stops_nobody_else() {
    let (_folder, path) = exported(3);
    let table = path.join("people.csv");
    let before = fs::read_to_string(&table).expect("read");
    let columns: Vec<String> = before.lines().next().expect("a line").split(',').map(str::to_owned).collect();
    let at = |name: &str| columns.iter().position(|column| column == name).expect("a column");
    let (images, encodings, id) = (at("images"), at("encodings"), at("_id"));
    let cases: [(usize, &str, Option<ErrorKind>); 9] = [
        (encodings, "999;1", Some(ErrorKind::Corrupt)),
        (encodings, "0", Some(ErrorKind::Invalid)),
        (encodings, "x;y", Some(ErrorKind::Invalid)),
        (encodings, "99999999999999999999999;1", Some(ErrorKind::Invalid)),
        (images, "people/-P_1/9.png;none", Some(ErrorKind::NotFound)),
        (id, "'-P_0", Some(ErrorKind::AlreadyExists)),
        (id, "a/b", Some(ErrorKind::Invalid)),
        // A photo that is named twice is there twice.
        (images, "people/-P_1/1.png;people/-P_1/1.png", None),
        (id, "other", None),
    ];
    for (column, cell, kind) in cases {
        let mut lines: Vec<Vec<String>> =
            before.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
        cell.clone_into(&mut lines[2][column]);
        let text: Vec<String> = lines.iter().map(|line| line.join(",")).collect();
        fs::write(&table, text.join("\n") + "\n").expect("written");
        let vault = with_engine();
        let (imported, refused) = import(&vault, &path, &ImportOptions::default());
        assert_eq!((imported.added, refused.first().copied()), (if kind.is_some() { 2 } else { 3 }, kind), "{cell}");
        assert!(vault.check().expect("a check").is_clean());
        if cell.starts_with("people/-P_1/1.png;p") {
            let twice = vault.person(&PersonId::new("-P_1").expect("an id")).expect("a person");
            assert_eq!(twice.images.len(), 2);
            assert!(twice.images.iter().all(|image| image.encoding.is_some() && image.bytes.is_some()));
        }
    }
}

#[test]
fn damaged_tables_never_end_the_process() {
    let (_folder, path) = exported(3);
    let mut numbers = Numbers(11);
    for name in ["people.csv", "collections.csv", "facevault-export.json", "encodings.bin"] {
        let before = fs::read(path.join(name)).expect("read");
        for _ in 0..60 {
            let mut bytes = before.clone();
            for _ in 0..1 + numbers.below(3) {
                let at = numbers.below(bytes.len());
                match numbers.below(3) {
                    0 => bytes[at] = numbers.below(256) as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, b"\",;\n'=-0"[numbers.below(8)]),
                }
            }
            fs::write(path.join(name), &bytes).expect("written");
            let vault = with_engine();
            if let Ok(source) = opened(&path) {
                // What is told may be anything, but the vault is whole.
                let _ =
                    transfer::import(&vault, source, &ImportOptions::default(), &mut (), |_| ControlFlow::Continue(()));
                assert!(vault.check().expect("a check").is_clean());
            }
        }
        fs::write(path.join(name), &before).expect("written");
    }
    assert_eq!(import_all(&in_memory(), &path).added, 3);
}

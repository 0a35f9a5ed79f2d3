//! Which photos are encoded when an export is imported.

use super::*;
use crate::fakes::{engine_judging, engine_of};

fn exported(people: u32) -> (tempfile::TempDir, PathBuf, Vec<Known>) {
    let vault = with_engine();
    some_people(&vault, people);
    let (folder, path) = folder();
    export(&vault, &path, &Form::Folder);
    (folder, path, everybody(&vault))
}

#[test]
fn encodings_of_another_model_are_made_anew_and_those_without_a_photo_refused() {
    let (_folder, path, expected) = exported(3);
    let engine = engine_of(2);
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    assert_eq!(source(&path).photos_to_encode(&vault, false).expect("read"), 3);
    let (imported, refused) = import(&vault, &path, &ImportOptions::default());
    // Each has an encoding without a photo.
    assert_eq!((imported.added, refused), (0, vec![ErrorKind::ModelMismatch; 3]));
    let mut people = csv::Table::read(&path.join("people.csv"));
    people.change("images", |cell| cell.trim_end_matches(";none").to_owned());
    people.change("encodings", |cell| cell.split(';').next().expect("a number").to_owned());
    people.write(&path.join("people.csv"));
    assert_eq!(import_all(&vault, &path).added, 3);
    assert_eq!(engine.encoded(), 3);
    let photos = |known: &[Known]| known.iter().map(|known| known.images[0].0.clone()).collect::<Vec<_>>();
    assert_eq!(photos(&everybody(&vault)), photos(&expected));
}

#[test]
fn a_photo_that_was_replaced_is_encoded_and_others_are_not() {
    let (_folder, path, mut expected) = exported(3);
    let file = path.join("people/-P_1/1.png");
    std::fs::write(&file, &photo(77)[..]).expect("written");
    let (imported, refused) = import(&in_memory(), &path, &ImportOptions::default());
    assert_eq!((imported.added, refused), (2, vec![ErrorKind::ModelUnavailable]), "there is no engine");
    let engine = engine();
    let vault = Vault::in_memory(VaultOptions::default().with_engine(engine.clone())).expect("a vault");
    assert_eq!(import_all(&vault, &path).added, 3);
    assert_eq!(engine.encoded(), 1);
    expected[1].images[0] = (Some(photo(77)), Some(engine.encode(&photo(77)).expect("a face").encoding));
    let mut found = everybody(&vault);
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, expected);
}

#[test]
fn photos_are_encoded_where_that_is_asked_and_where_they_have_to_be_judged() {
    let (_folder, path, expected) = exported(3);
    for (engine, anew, least, encoded) in
        [(engine(), true, None, 3), (engine_judging(), false, Some(0.5), 3), (engine(), false, None, 0)]
    {
        let options = VaultOptions::default().with_engine(engine.clone()).with_min_liveness(least);
        let vault = Vault::in_memory(options).expect("a vault");
        let (imported, refused) = import(&vault, &path, &ImportOptions::default().with_encode_anew(anew));
        assert_eq!((imported.added, refused), (3, Vec::new()));
        assert_eq!(engine.encoded(), encoded);
        assert_eq!(everybody(&vault).len(), expected.len());
    }
}

#[test]
fn a_vault_keeps_its_collections_and_people() {
    let (_folder, path, expected) = exported(2);
    let vault = in_memory();
    let id = Some(facevault::CollectionId::new("staff").expect("an id"));
    vault.create_collection(&NewCollection { id, ..NewCollection::named("Ours") }).expect("created");
    let ours = NewPerson { id: Some(PersonId::new("-P_0").expect("an id")), ..NewPerson::named("Ours") };
    vault.create_person(&ours).expect("a person");
    let (imported, refused) = import(&vault, &path, &ImportOptions::default());
    assert_eq!((imported.added, refused), (1, vec![ErrorKind::AlreadyExists]));
    let (imported, refused) = import(&vault, &path, &ImportOptions::default().with_skip_existing(true));
    assert_eq!((imported.added, imported.passed_over, refused), (0, 2, Vec::new()));
    assert_eq!(vault.person(&PersonId::new("-P_0").expect("an id")).expect("a person").name, "Ours");
    assert_eq!(vault.collection("staff").expect("there").name, "Ours");
    assert_eq!(everybody(&vault)[1], expected[1]);
    let mut ids = Vec::new();
    let both = transfer::import(&in_memory(), source(&path), &ImportOptions::default(), &mut (), |arrival| {
        if let Ok(Arrived::Added { id, images, .. }) = &arrival.outcome {
            ids.push((id.to_string(), *images));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(both.expect("imported").added, 2);
    assert_eq!(ids, [("-P_0".to_owned(), 2), ("-P_1".to_owned(), 2)]);
}

/// A table that tests change.
pub(super) mod csv {
    use std::path::Path;

    /// Lines of cells; no cell may have a quote, a comma or a new line.
    pub(crate) struct Table(Vec<Vec<String>>);

    impl Table {
        pub(crate) fn read(path: &Path) -> Self {
            let text = std::fs::read_to_string(path).expect("a table");
            assert!(!text.contains('"'), "{text}");
            Self(text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect())
        }

        pub(crate) fn change(&mut self, column: &str, change: impl Fn(&str) -> String) {
            let at = self.0[0].iter().position(|name| name == column).expect("the column");
            for line in &mut self.0[1..] {
                line[at] = change(&line[at]);
            }
        }

        pub(crate) fn write(&self, path: &Path) {
            let lines: Vec<String> = self.0.iter().map(|line| line.join(",")).collect();
            std::fs::write(path, lines.join("\n") + "\n").expect("written");
        }
    }
}

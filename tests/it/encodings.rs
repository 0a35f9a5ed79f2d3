//! All encodings of a client, one by one and as a matrix.

use std::collections::BTreeMap;

use facevault::{
    ClientId, EncodingMatrix, ErrorKind, ImageId, ImagesUpdate, NewPerson, PersonId, PersonUpdate, Status, Vault,
    VaultOptions,
};

use super::fakes::{DIMENSION, engine, photo};

type All = BTreeMap<(PersonId, ImageId), Vec<f32>>;

fn enroll(vault: &Vault, seeds: &[u32]) -> PersonId {
    let images = seeds.iter().map(|seed| photo(*seed)).collect();
    vault.create_person(&NewPerson { images, ..NewPerson::named("P") }).expect("a person").id
}

/// What the persons themselves say, by reading each.
fn expected(vault: &Vault) -> All {
    let mut all = All::new();
    for person in vault.persons(&Default::default()).expect("a list").items {
        if person.status == Status::Active {
            for image in vault.person(&person.id).expect("a person").images {
                let vector = image.encoding.expect("an encoding").vector().to_vec();
                all.insert((person.id.clone(), image.id), vector);
            }
        }
    }
    all
}

fn one_by_one(vault: &Vault) -> All {
    let encodings = vault.encodings().expect("encodings");
    let all: All =
        encodings.iter().map(|entry| ((entry.person, entry.image), entry.encoding.vector().to_vec())).collect();
    assert_eq!((all.len(), encodings.dimension()), (encodings.len(), DIMENSION), "each comes once");
    assert_eq!(encodings.is_empty(), all.is_empty());
    all
}

fn of_matrix(matrix: &EncodingMatrix) -> All {
    assert_eq!(matrix.data.len(), matrix.rows.len() * matrix.dimension);
    assert_eq!((matrix.row(matrix.rows.len()), matrix.row(usize::MAX)), (None, None));
    let rows = matrix.rows.iter().enumerate();
    rows.map(|(index, row)| (row.clone(), matrix.row(index).expect("a row").to_vec())).collect()
}

#[test]
fn both_forms_hold_what_the_persons_hold_whatever_happened() {
    for searched_before in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = VaultOptions::default().with_engine(engine());
        let vault = Vault::create(folder.path().join("v"), options).expect("a vault");
        let other = vault.add_client(&ClientId::new("other").expect("an id")).expect("a client");
        assert!(vault.encoding_matrix().expect("a matrix").rows.is_empty());
        if searched_before {
            assert_eq!(one_by_one(&vault), All::new());
        }
        enroll(&other, &[50]);
        let (ada, bob, eve) = (enroll(&vault, &[1, 2]), enroll(&vault, &[3]), enroll(&vault, &[4, 5]));
        vault.create_person(&NewPerson::named("without photos")).expect("a person");
        let images = ImagesUpdate::Edit { remove: vec![], add: vec![photo(6)] };
        vault.update_person(&ada, &PersonUpdate { images, ..PersonUpdate::default() }).expect("updated");
        vault.remove_person(&bob).expect("removed");
        let hide = PersonUpdate { status: Some(Status::Inactive), ..PersonUpdate::default() };
        vault.update_person(&eve, &hide).expect("hidden");

        let all = expected(&vault);
        assert_eq!(all.len(), 3);
        assert_eq!(one_by_one(&vault), all);
        let matrix = vault.encoding_matrix().expect("a matrix");
        assert_eq!(of_matrix(&matrix), all);
        assert_eq!(matrix.generation, vault.encodings().expect("encodings").generation());
        let shown = format!("{matrix:?} {:?}", vault.encodings().expect("encodings"));
        assert!(!shown.contains("0."), "no component is shown: {shown}");
        assert_eq!(of_matrix(&other.encoding_matrix().expect("a matrix")).len(), 1);

        // What was taken stays as it was.
        let before = vault.encodings().expect("encodings");
        vault.remove_person(&ada).expect("removed");
        assert_eq!((before.iter().count(), vault.encodings().expect("encodings").len()), (3, 0));
    }
}

#[test]
fn without_an_engine_the_vaults_own_model_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("v");
    let vault = Vault::create(&path, VaultOptions::default()).expect("a vault");
    for error in [vault.encodings().err(), vault.encoding_matrix().err()] {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::NotFound), "it has no model yet");
    }
    enroll(&Vault::open(&path, VaultOptions::default().with_engine(engine())).expect("opened"), &[1]);
    assert_eq!(of_matrix(&vault.encoding_matrix().expect("a matrix")), one_by_one(&vault));
    assert_eq!(vault.encodings().expect("encodings").len(), 1);
}

//! What is removed leaves no byte behind, neither in the file nor in the log.

use std::path::Path;

use facevault::store::{Erasure, PreparedImages, Written};
use facevault::{FaceEncoding, ImageBytes, ImagesUpdate, NewPerson, PersonId, PersonUpdate, Result};

use super::{MODEL, Vault, without_encodings};

/// Texts and vectors that give person `n` away, in sizes from a few bytes to many pages.
struct Marked {
    name: String,
    nationality: String,
    notes: String,
    photos: Vec<Vec<u8>>,
    vectors: Vec<FaceEncoding>,
}

impl Marked {
    fn new(n: usize) -> Self {
        let text = |what: &str| format!("{what}-of-{n:05}");
        let photo = |i: usize| text(&format!("photo{i}")).repeat([1, 40, 700, 9_000][(n + i) % 4]).into_bytes();
        let vector = |i: usize| {
            let components = [n as f32 + 0.123_456, i as f32 + 0.654_321, 0.111_111 * n as f32, 3.333_333 + i as f32];
            FaceEncoding::new(MODEL, components.to_vec()).expect("finite")
        };
        Self {
            name: text("name"),
            nationality: text("nationality"),
            notes: text("notes").repeat(1 + n % 7 * 30),
            photos: (0..1 + n % 3).map(photo).collect(),
            vectors: (0..1 + n % 3).map(vector).collect(),
        }
    }

    fn images(&self) -> Vec<ImageBytes> {
        self.photos.iter().map(|photo| photo.clone().into()).collect()
    }

    fn prepared(&self) -> PreparedImages {
        let mut prepared = without_encodings(&self.images());
        for (image, vector) in prepared.images.iter_mut().zip(&self.vectors) {
            image.encoding = Some(vector.clone());
        }
        prepared
    }

    fn insert(&self, vault: &Vault) -> Result<Written> {
        let new = NewPerson {
            name: self.name.clone(),
            nationality: Some(self.nationality.clone()),
            notes: Some(self.notes.clone()),
            images: self.images(),
            ..NewPerson::default()
        };
        vault.store.insert_person(&vault.client, &new, &self.prepared())
    }

    fn of_photos(&self) -> Vec<Vec<u8>> {
        let vectors = self.vectors.iter().map(FaceEncoding::to_bytes);
        // A photo may be cut by the end of a page: its beginning is whole.
        self.photos.iter().map(|photo| photo[..15].to_vec()).chain(vectors).collect()
    }

    fn all(&self) -> Vec<Vec<u8>> {
        let texts = [&self.name[..], &self.nationality, &self.notes[..14]].map(|text| text.as_bytes().to_vec());
        texts.into_iter().chain(self.of_photos()).collect()
    }
}

/// How many of `markers` the file and the log beside it hold.
fn found(path: &Path, markers: &[Vec<u8>]) -> usize {
    let log = path.with_extension("facevault-wal");
    let bytes: Vec<u8> = [path, &log].into_iter().filter_map(|path| std::fs::read(path).ok()).flatten().collect();
    let starts: std::collections::HashSet<[u8; 4]> =
        markers.iter().map(|marker| marker[..4].try_into().expect("four bytes")).collect();
    let mut found = std::collections::HashSet::new();
    for place in 0..bytes.len().saturating_sub(4) {
        let start: [u8; 4] = bytes[place..place + 4].try_into().expect("four bytes");
        if starts.contains(&start) {
            found.extend(markers.iter().filter(|marker| bytes[place..].starts_with(marker)));
        }
    }
    found.len()
}

#[test]
fn a_removed_person_leaves_no_byte_in_the_file_or_the_log() -> Result<()> {
    // Looks for what people wrote in the file's bytes.
    if crate::data::vaults_are_encrypted() {
        return Ok(());
    }
    let vault = Vault::new();
    let marked: Vec<_> = (0..60).map(Marked::new).collect();
    let ids: Vec<PersonId> =
        marked.iter().map(|marked| marked.insert(&vault).map(|written| written.person.id)).collect::<Result<_>>()?;
    let all: Vec<_> = marked.iter().flat_map(Marked::all).collect();
    assert_eq!(found(&vault.path(), &all), all.len(), "the search does not find what is there");

    let gone = |n: usize| !n.is_multiple_of(5);
    for n in (0..60).rev().filter(|n| gone(*n)) {
        let removed = vault.store.remove_person(&vault.client, &ids[n], None)?;
        assert_eq!(removed.erasure, Erasure::Done);
        if n % 8 == 0 {
            assert_eq!(found(&vault.path(), &marked[n].all()), 0, "person {n}");
        }
    }
    let markers = |wanted: bool| -> Vec<Vec<u8>> {
        (0..60).filter(|n| gone(*n) == wanted).flat_map(|n| marked[n].all()).chain(ids_of(&ids, gone, wanted)).collect()
    };
    assert_eq!(found(&vault.path(), &markers(true)), 0);
    assert_eq!(found(&vault.path(), &markers(false)), markers(false).len());
    assert!(vault.store.check()?.is_clean());
    Ok(())
}

fn ids_of(ids: &[PersonId], gone: impl Fn(usize) -> bool, wanted: bool) -> Vec<Vec<u8>> {
    (0..ids.len()).filter(|n| gone(*n) == wanted).map(|n| ids[n].as_str().as_bytes().to_vec()).collect()
}

#[test]
fn replaced_and_cleared_photos_leave_no_byte() -> Result<()> {
    // Looks for what people wrote in the file's bytes.
    if crate::data::vaults_are_encrypted() {
        return Ok(());
    }
    let vault = Vault::new();
    let marked: Vec<_> = (0..12).map(Marked::new).collect();
    for (n, person) in marked.iter().enumerate() {
        let written = person.insert(&vault)?.person;
        let new = Marked::new(1_000 + n);
        let (images, prepared) = match n % 3 {
            0 => (ImagesUpdate::Replace(new.images()), new.prepared()),
            1 => (ImagesUpdate::Clear, PreparedImages::default()),
            _ => {
                let remove = written.images.iter().map(|image| image.id.clone()).collect();
                (ImagesUpdate::Edit { remove, add: new.images() }, new.prepared())
            }
        };
        let update = PersonUpdate { images, ..PersonUpdate::default() };
        let updated = vault.store.update_person(&vault.client, &written.id, &update, &prepared)?;
        assert_eq!(updated.erasure, Erasure::Done);
        assert_eq!(found(&vault.path(), &person.of_photos()), 0, "person {n}");
        let kept = if n % 3 == 1 { 0 } else { new.of_photos().len() };
        assert_eq!(found(&vault.path(), &new.of_photos()), kept);
    }
    let texts: Vec<_> = marked.iter().map(|person| person.name.as_bytes().to_vec()).collect();
    assert_eq!(found(&vault.path(), &texts), texts.len());
    Ok(())
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_vault() {
    use std::os::unix::fs::PermissionsExt;
    let vault = Vault::new();
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", vault.path().display());
        let mode = std::fs::metadata(&path).unwrap_or_else(|error| panic!("{path}: {error}")).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

//! The cost of a durable update beyond encoding: without a photo, with a photo that the person already
//! has, with emptying the log each time instead of once a second, with and without the audit trail, and the disk's own
//! sync for comparison.

use std::fs::File;
use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write};

use criterion::{Criterion, criterion_group, criterion_main};
use facevault::store::{CreateOptions, ModelInfo, PreparedImage, PreparedImages, Store};
use facevault::{
    AuditScope, ClientId, FaceEncoding, ImageBytes, ImagesUpdate, Metric, ModelId, NewPerson, Patch, PersonId,
    PersonUpdate,
};

/// Bytes of the photo.
const PHOTO: usize = 100_000;
/// Components of the encoding.
const DIMENSION: usize = 512;
/// Persons who are in the vault beside the one that is updated.
const OTHERS: usize = 1_000;

struct Fixture {
    folder: tempfile::TempDir,
    store: Store,
    client: ClientId,
    person: PersonId,
    photo: ImageBytes,
    prepared: PreparedImages,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let id = ModelId::from_bytes([1; 16]);
    let model = ModelInfo { id, name: "bench".into(), dimension: DIMENSION, metric: Metric::Cosine, mode: None };
    let options = CreateOptions::default().with_model(model);
    let store = Store::create(folder.path().join("bench.vault"), &options).expect("a vault");
    let client = store.default_client().expect("a client");
    let bytes: Vec<u8> = (0..PHOTO).map(|i| i.wrapping_mul(2_654_435_761) as u8).collect();
    let vector: Vec<f32> = (0..DIMENSION).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
    let photo = ImageBytes::from(bytes);
    let mut image = PreparedImage::new(&photo);
    image.encoding = Some(FaceEncoding::new(id, vector).expect("finite"));
    let prepared = PreparedImages { images: vec![image], ..PreparedImages::default() };
    let add = |name: String, images: Vec<ImageBytes>, prepared: &PreparedImages| {
        let new = NewPerson { name, images, ..NewPerson::default() };
        store.insert_person(&client, &new, prepared).expect("a person").person.id
    };
    (0..OTHERS).for_each(|number| drop(add(format!("person {number}"), Vec::new(), &PreparedImages::default())));
    let person = add("the one".into(), vec![photo.clone()], &prepared);
    Fixture { folder, photo, prepared, store, client, person }
}

fn update(criterion: &mut Criterion) {
    let fixture = fixture();
    let Fixture { store, client, person, .. } = &fixture;
    let mut count = 0u64;
    let none = PreparedImages::default();
    let apply = |update: &PersonUpdate, prepared: &PreparedImages| {
        black_box(store.update_person(client, person, update, prepared).expect("updated"));
    };
    let mut group = criterion.benchmark_group("update");
    group.bench_function("notes, durable", |bencher| {
        bencher.iter(|| {
            count += 1;
            apply(&PersonUpdate { notes: Patch::Set(format!("note {count}")), ..PersonUpdate::default() }, &none);
        });
    });
    let policy = store.audit_policy().expect("a policy");
    for (scope, what) in [(AuditScope::Off, "off"), (AuditScope::Changes, "of changes"), (AuditScope::All, "of all")] {
        store.set_audit_policy(&policy.with_scope(scope)).expect("set");
        group.bench_function(format!("notes, durable, audit trail {what}"), |bencher| {
            bencher.iter(|| {
                count += 1;
                apply(&PersonUpdate { notes: Patch::Set(format!("note {count}")), ..PersonUpdate::default() }, &none);
            });
        });
    }
    store.set_audit_policy(&policy).expect("set");
    group.bench_function("a photo already known, 100 kB, durable", |bencher| {
        bencher.iter(|| {
            count += 1;
            let images = ImagesUpdate::Replace(vec![fixture.photo.clone()]);
            let notes = Patch::Set(format!("note {count}"));
            apply(&PersonUpdate { notes, images, ..PersonUpdate::default() }, &fixture.prepared);
        });
    });
    group.bench_function("notes, the old ones erased each time", |bencher| {
        bencher.iter(|| {
            count += 1;
            apply(&PersonUpdate { notes: Patch::Set(format!("note {count}")), ..PersonUpdate::default() }, &none);
            black_box(store.finish_erasure().expect("erased"));
        });
    });
    group.bench_function("nothing", |bencher| bencher.iter(|| apply(&PersonUpdate::default(), &none)));
    group.finish();

    let mut file = File::create(fixture.folder.path().join("floor")).expect("a file");
    criterion.bench_function("floor/write 8 kB and sync", |bencher| {
        bencher.iter(|| {
            file.seek(SeekFrom::Start(0)).expect("a seek");
            file.write_all(&[7u8; 8192]).and_then(|()| file.sync_data()).expect("a write and a sync");
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = update
}
criterion_main!(benches);

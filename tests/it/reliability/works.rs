//! What is done while calls fail, and how calls fail.

use facevault::Patch;

use super::script::{Fields, NewOne, Op, Photos};

/// What is done while calls fail.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Op(Op),
    /// A vault is opened after a crash, with a log beside it.
    OpenAfterCrash,
    Create,
    Migrate(u32),
}

/// All of it, by name.
pub(super) fn works() -> Vec<(&'static str, Work)> {
    let new = |person, photos: &[u32]| NewOne {
        person,
        name: format!("New {person}"),
        notes: Some("word ".repeat(50)),
        photos: photos.to_vec(),
        given: vec![7],
        groups: vec![1],
    };
    let fields = || Fields { name: Some("Changed".into()), notes: Patch::Set("new ".repeat(200)), ..Fields::default() };
    let update = |fields, photos| Op::Update { person: 0, fields, photos };
    vec![
        ("fields", Work::Op(update(fields(), Photos::Keep))),
        ("photos", Work::Op(update(fields(), Photos::Replace(vec![10, 11])))),
        ("add-photo", Work::Op(update(Fields::default(), Photos::Edit(0, vec![12])))),
        ("create", Work::Op(Op::Create(new(5, &[15, 16])))),
        ("create-many", Work::Op(Op::CreateMany(vec![new(6, &[17]), new(7, &[20]), new(8, &[21])]))),
        ("remove", Work::Op(Op::Remove(0))),
        ("group", Work::Op(Op::UpdateGroup { group: 1, name: "Renamed".into(), people: Some(vec![1, 2]) })),
        ("token", Work::Op(Op::CreateToken)),
        ("revoke", Work::Op(Op::RevokeToken)),
        ("reencode", Work::Op(Op::Reencode)),
        ("backup", Work::Op(Op::Backup("copy".into()))),
        ("reopen", Work::Op(Op::Reopen)),
        ("open-after-crash", Work::OpenAfterCrash),
        ("create-vault", Work::Create),
        ("migrate", Work::Migrate(3)),
    ]
}

/// What the vault holds before.
pub(super) fn preparation() -> Vec<Op> {
    let new = |person, photos: Vec<u32>, given: Vec<u32>| {
        let (name, notes) = (format!("Person {person}"), Some("old ".repeat(100)));
        Op::Create(NewOne { person, name, notes, photos, given, groups: Vec::new() })
    };
    vec![
        Op::CreateGroup(1),
        new(0, vec![1, 2], vec![3]),
        new(1, vec![5], Vec::new()),
        new(2, Vec::new(), vec![4]),
        Op::CreateToken,
        Op::Update { person: 0, fields: Fields { groups: Some(vec![1]), ..Fields::default() }, photos: Photos::Keep },
    ]
}

/// What is done when the fault has gone.
pub(super) fn next() -> Op {
    let fields = Fields { name: Some("Next".into()), ..Fields::default() };
    Op::Update { person: 1, fields, photos: Photos::Keep }
}

const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const EMFILE: i32 = 24;
pub(super) const ENOSPC: i32 = 28;
const ENOLCK: i32 = 37;

/// Kinds of calls and how they fail; `folder` is a folder's sync, `disk` all that changes something.
pub(super) const FAULTS: &[(&str, i32, &str)] = &[
    ("write", EIO, "once"),
    ("write", EIO, "on"),
    ("write", ENOSPC, "once"),
    ("write", ENOSPC, "on"),
    ("write", ENOSPC, "short"),
    ("write", EINTR, "once"),
    ("sync", EIO, "once"),
    ("sync", EIO, "on"),
    ("folder", EIO, "once"),
    ("folder", EIO, "on"),
    ("truncate", EIO, "once"),
    ("truncate", EIO, "on"),
    ("open", EMFILE, "once"),
    ("open", EMFILE, "on"),
    ("open", EACCES, "once"),
    ("read", EIO, "once"),
    ("read", EIO, "on"),
    ("unlink", EIO, "once"),
    ("rename", EIO, "once"),
    ("rename", ENOSPC, "once"),
    ("lock", ENOLCK, "once"),
    ("shm", ENOSPC, "once"),
    ("shm", ENOMEM, "once"),
    ("disk", EIO, "on"),
];

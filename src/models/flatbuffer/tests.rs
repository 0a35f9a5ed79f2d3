//! What is built is read; what leads out of a file is refused.

use proptest::prelude::*;

use super::builder::{Field, build, table};
use super::*;

fn sample() -> Vec<u8> {
    let inner = |number| table([(1, Field::I32(number))]);
    let root = table([
        (0, Field::Byte(200)),
        (1, Field::I32(-7)),
        (3, Field::I64(1 << 40)),
        (4, Field::F32(0.25)),
        (5, Field::Text("eyes".to_owned())),
        (6, Field::Vector(4, vec![1, 2, 3, 4, 5, 6, 7, 8])),
        (7, Field::Table(inner(1))),
        (8, Field::Tables(vec![inner(2), inner(3)])),
        (9, Field::Texts(vec!["a".to_owned(), String::new()])),
    ]);
    build(*b"TEST", &root)
}

/// All that can be read of a file, whatever it is.
fn everything(bytes: &[u8], start: usize) -> Result<()> {
    let root = Table::root("a file", bytes, start)?;
    for slot in 0..12 {
        let reads: [fn(&Table<'_>, usize) -> Result<()>; 9] = [
            |table, slot| table.u8(slot).map(drop),
            |table, slot| table.u32(slot).map(drop),
            |table, slot| table.i64(slot).map(drop),
            |table, slot| table.f32(slot).map(drop),
            |table, slot| table.text(slot).map(drop),
            |table, slot| table.items::<16>(slot).map(drop),
            |table, slot| table.table(slot)?.map_or(Ok(()), |inner| inner.i32(1, 0).map(drop)),
            |table, slot| table.tables(slot, "tables", 9)?.try_for_each(|inner| inner?.i32(1, 0).map(drop)),
            |table, slot| table.texts(slot, "texts", 9)?.try_for_each(|text| text.map(drop)),
        ];
        for read in reads {
            drop(read(&root, slot));
        }
    }
    Ok(())
}

#[test]
fn what_is_built_is_read() -> Result<()> {
    let bytes = sample();
    let root = Table::root("a file", &bytes, 0)?;
    assert_eq!((root.u8(0)?, root.i32(1, 5)?, root.i64(3)?, root.f32(4)?), (200, -7, 1 << 40, 0.25));
    assert_eq!((root.u32(1)?, root.text(5)?), ((-7i32).cast_unsigned(), "eyes"));
    assert_eq!(root.items::<4>(6)?, [[1, 2, 3, 4], [5, 6, 7, 8]]);
    assert_eq!(root.needed(7, "a table")?.i32(1, 0)?, 1);
    let numbers: Vec<i32> = root.tables(8, "tables", 2)?.map(|inner| inner?.i32(1, 0)).collect::<Result<_>>()?;
    assert_eq!(numbers, [2, 3]);
    assert_eq!(root.texts(9, "texts", 2)?.collect::<Result<Vec<_>>>()?, ["a", ""]);
    Ok(())
}

#[test]
fn what_is_missing_has_its_default() -> Result<()> {
    let bytes = sample();
    let root = Table::root("a file", &bytes, 0)?;
    for slot in [2, 10, 60_000] {
        assert_eq!((root.u8(slot)?, root.i32(slot, 5)?, root.i64(slot)?, root.f32(slot)?), (0, 5, 0, 0.0));
        assert_eq!((root.text(slot)?, root.items::<4>(slot)?.len(), root.table(slot)?.is_none()), ("", 0, true));
        assert_eq!((root.tables(slot, "tables", 0)?.len(), root.texts(slot, "texts", 0)?.len()), (0, 0));
        let error = root.needed(slot, "a graph").expect_err("it is missing");
        assert!(error.to_string().starts_with("a file: expected a graph, found none at byte "), "{error}");
    }
    Ok(())
}

#[test]
fn what_leads_out_of_the_file_is_refused() {
    // A root at 8 with a vtable at 4 of 4 bytes, and what is wrong with it.
    let cases: [(&str, &[u8]); 8] = [
        ("no root", &[8, 0, 0]),
        ("a root outside", &[12, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0]),
        ("a root at the end", &[10, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0]),
        ("a vtable before the file", &[8, 0, 0, 0, 4, 0, 4, 0, 9, 0, 0, 0]),
        ("a vtable behind the file", &[8, 0, 0, 0, 4, 0, 4, 0, 0xfc, 0xff, 0xff, 0xff]),
        ("a short vtable", &[8, 0, 0, 0, 2, 0, 4, 0, 4, 0, 0, 0]),
        ("a long vtable", &[8, 0, 0, 0, 40, 0, 4, 0, 4, 0, 0, 0]),
        ("a long table", &[8, 0, 0, 0, 4, 0, 5, 0, 4, 0, 0, 0]),
    ];
    for (what, bytes) in cases {
        let error = Table::root("a file", bytes, 0).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::ModelUnavailable);
    }
    let whole = [8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0];
    assert!(Table::root("a file", &whole, 0).is_ok());
    assert!(Table::root("a file", &whole, usize::MAX - 2).is_err());
    let root = sample();
    let root = Table::root("a file", &root, 0).expect("a whole file");
    assert!(root.tables(8, "tables", 1).is_err(), "more than the most");
    // A table of eight bytes whose one field lies at its fifth byte, or in its head.
    let small = |offset| [12, 0, 0, 0, 6, 0, 8, 0, offset, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
    for (offset, four, eight) in [(4, true, false), (0, true, true), (5, false, false), (2, false, false)] {
        let bytes = small(offset);
        let table = Table::root("a file", &bytes, 0).expect("a whole file");
        assert_eq!((table.i32(0, 0).is_ok(), table.i64(0).is_ok()), (four, eight), "from {offset}");
    }
}

#[test]
fn a_file_that_is_cut_short_never_reads_whole() {
    let bytes = sample();
    for end in 0..bytes.len() {
        let read = || -> Result<()> {
            let root = Table::root("a file", &bytes[..end], 0)?;
            root.text(5)?;
            root.items::<4>(6)?;
            root.needed(7, "a table")?.i32(1, 0)?;
            root.tables(8, "tables", 9)?.try_for_each(|inner| inner?.i32(1, 0).map(drop))?;
            root.texts(9, "texts", 9)?.try_for_each(|text| text.map(drop))
        };
        assert!(read().is_err(), "{end} of {} bytes were taken", bytes.len());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), start in 0usize..90) {
        drop(everything(&bytes, start));
    }

    #[test]
    fn no_changed_bytes_make_it_panic(changes in proptest::collection::vec((0usize..400, any::<u8>()), 1..6)) {
        let mut bytes = sample();
        let length = bytes.len();
        changes.iter().for_each(|(at, value)| bytes[at % length] = *value);
        drop(everything(&bytes, 0));
    }
}

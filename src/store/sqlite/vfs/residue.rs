//! What a page of the file holds beside its rows.
//!
//! SQLite's `secure_delete` overwrites a row that is removed, but not the copies of rows that it leaves in the
//! unused space of a page when rows move to another one. Here that space is found: the gap between the
//! pointers to a page's cells and the cells, the free blocks between cells, and the fragments of up to three
//! bytes. A page whose parts do not add up to the last byte is left as it is.
//!
//! The layout is that of <https://www.sqlite.org/fileformat2.html>.

use std::ops::Range;

/// Bytes of the file's header, which comes before the first page's own.
pub(super) const FILE_HEADER: usize = 100;

/// How far a file may grow in one checkpoint, in pages: 128 GiB in pages of 8 KiB.
const GROWTH: u64 = 1 << 24;

/// How the file is divided into pages, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) page_size: usize,
    /// Bytes of a page without those that are reserved at its end.
    usable: usize,
}

impl Layout {
    /// How vaults are divided.
    pub(super) fn of_new_file(page_size: usize) -> Self {
        Self { page_size, usable: page_size }
    }

    /// `None` for a header that is none, and for a file with pages of pointers (auto-vacuum), which vaults do
    /// not have.
    pub(super) fn of_header(header: &[u8]) -> Option<Self> {
        let header = header.get(..FILE_HEADER)?;
        if !header.starts_with(b"SQLite format 3\0") || header[52..56] != [0; 4] {
            return None;
        }
        let page_size = match be16(header, 16)? {
            1 => 65_536,
            size => size,
        };
        let usable = page_size.checked_sub(usize::from(header[20]))?;
        (page_size.is_power_of_two() && page_size >= 512 && usable >= 480).then_some(Self { page_size, usable })
    }
}

/// Finds unused bytes. Keeps its memory from page to page.
#[derive(Debug, Default)]
pub(super) struct Residue {
    /// Where cells and free blocks lie.
    taken: Vec<Range<usize>>,
    /// Unused bytes that are not zero.
    unused: Vec<Range<usize>>,
    page: Vec<u8>,
}

impl Residue {
    /// The page without what its unused bytes hold, or `None` where there is nothing to be cleaned. `number`
    /// is the page's, from 1, `pages` the number of pages of the file.
    pub(super) fn cleaned(&mut self, page: &[u8], number: u64, pages: u64, layout: Layout) -> Option<&[u8]> {
        self.find(page, number, pages, layout)?;
        if self.unused.is_empty() {
            return None;
        }
        self.page.clear();
        self.page.extend_from_slice(page);
        for range in &self.unused {
            self.page[range.clone()].fill(0);
        }
        Some(&self.page)
    }

    /// `None` for a page that is none of a table or index.
    fn find(&mut self, page: &[u8], number: u64, pages: u64, layout: Layout) -> Option<()> {
        self.unused.clear();
        self.taken.clear();
        if page.len() != layout.page_size {
            return None;
        }
        let page = &page[..layout.usable];
        let start = if number == 1 { FILE_HEADER } else { 0 };
        let kind = Kind::of(page[start])?;
        // Pages of long values and of the list of free pages begin with the number of another page.
        if number != 1 && u64::from(be32(page, 0)?) <= pages + GROWTH {
            return None;
        }
        let cells = be16(page, start + 3)?;
        let content = match be16(page, start + 5)? {
            0 => 65_536,
            content => content,
        };
        let pointers = start + kind.header()..start + kind.header() + 2 * cells;
        if pointers.end > content || content > page.len() {
            return None;
        }
        for cell in 0..cells {
            let place = be16(page, pointers.start + 2 * cell)?;
            if place < content {
                return None;
            }
            let size = kind.cell(page, place)?;
            self.taken.push(place..place + size);
        }
        let unused = &mut self.unused;
        let mut is_dirty = |range: Range<usize>| -> Option<()> {
            let bytes = page.get(range.clone())?;
            if bytes.iter().any(|byte| *byte != 0) {
                unused.push(range);
            }
            Some(())
        };
        let mut block = be16(page, start + 1)?;
        while block != 0 {
            let (next, size) = (be16(page, block)?, be16(page, block + 2)?);
            if block < content || size < 4 || (next != 0 && next <= block + size + 3) {
                return None;
            }
            self.taken.push(block..block + size);
            is_dirty(block + 4..block + size)?;
            block = next;
        }
        is_dirty(pointers.end..content)?;
        self.taken.sort_unstable_by_key(|range| range.start);
        let (mut reached, mut fragments) = (content, 0);
        for range in &self.taken {
            let fragment = range.start.checked_sub(reached)?;
            fragments += fragment;
            is_dirty(reached..range.start)?;
            reached = range.end;
        }
        fragments += page.len().checked_sub(reached)?;
        is_dirty(reached..page.len())?;
        (fragments == usize::from(page[start + 7])).then_some(())
    }
}

/// The four kinds of pages that hold rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    IndexInterior,
    TableInterior,
    IndexLeaf,
    TableLeaf,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        match byte {
            2 => Some(Self::IndexInterior),
            5 => Some(Self::TableInterior),
            10 => Some(Self::IndexLeaf),
            13 => Some(Self::TableLeaf),
            _ => None,
        }
    }

    fn header(self) -> usize {
        match self {
            Self::IndexInterior | Self::TableInterior => 12,
            Self::IndexLeaf | Self::TableLeaf => 8,
        }
    }

    /// The bytes that the cell at `place` takes.
    fn cell(self, page: &[u8], place: usize) -> Option<usize> {
        let mut reached = place;
        if matches!(self, Self::IndexInterior | Self::TableInterior) {
            reached += 4;
        }
        if self == Self::TableInterior {
            varint(page, &mut reached)?;
            return Some((reached - place).max(4)).filter(|size| place + size <= page.len());
        }
        let payload = varint(page, &mut reached)?;
        if self == Self::TableLeaf {
            varint(page, &mut reached)?;
        }
        let usable = page.len() as u64;
        let most = if self == Self::TableLeaf { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        let local = if payload <= most {
            payload
        } else {
            let least = (usable - 12) * 32 / 255 - 23;
            let wanted = least + (payload - least) % (usable - 4);
            // The number of the page on which the value goes on.
            (if wanted <= most { wanted } else { least }) + 4
        };
        let size = (reached - place + usize::try_from(local).ok()?).max(4);
        (place + size <= page.len()).then_some(size)
    }
}

fn be16(bytes: &[u8], place: usize) -> Option<usize> {
    let bytes = bytes.get(place..place + 2)?;
    Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
}

fn be32(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(place..place + 4)?.try_into().ok()?))
}

/// SQLite's number of one to nine bytes at `place`, which is moved behind it.
fn varint(bytes: &[u8], place: &mut usize) -> Option<u64> {
    let mut value = 0;
    for n in 0..9 {
        let byte = *bytes.get(*place)?;
        *place += 1;
        if n == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params};

    use super::*;

    /// A file with rows of many sizes in tables and indexes of all kinds, after changes that leave free blocks,
    /// fragments, gaps, long values and free pages.
    fn busy_file(page_size: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let connection = Connection::open(&path).expect("opens");
        connection.pragma_update(None, "page_size", page_size as i64).expect("sets");
        connection
            .execute_batch(
                "CREATE TABLE a (key INTEGER PRIMARY KEY, name TEXT, value BLOB);
                 CREATE INDEX a_by_name ON a (name, key);
                 CREATE TABLE b (name TEXT, number INTEGER, PRIMARY KEY (name, number)) WITHOUT ROWID;
                 CREATE TABLE empty (x);
                 BEGIN",
            )
            .expect("tables");
        let mut seed = 7u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for step in 0..3_000u64 {
            let text = |n: u64| format!("{step}-").repeat(1 + n as usize);
            let name = text(random(12));
            match random(4) {
                0 | 1 => {
                    let size = [3, 40, 400, 4_000][random(4) as usize];
                    let value = vec![step as u8 | 1; random(size) as usize];
                    connection
                        .execute("INSERT INTO a (name, value) VALUES (?1, ?2)", params![name, value])
                        .and_then(|_| connection.execute("INSERT INTO b VALUES (?1, ?2)", params![name, step as i64]))
                        .expect("added");
                }
                2 => {
                    let (key, value) = (random(1 + step / 2) as i64, vec![step as u8 | 1; random(300) as usize]);
                    connection
                        .execute("UPDATE a SET name = ?2, value = ?3 WHERE key = ?1", params![key, name, value])
                        .expect("changed");
                }
                _ => {
                    let key = random(1 + step / 2) as i64;
                    connection
                        .execute("DELETE FROM b WHERE name = (SELECT name FROM a WHERE key = ?1)", [key])
                        .and_then(|_| connection.execute("DELETE FROM a WHERE key = ?1", [key]))
                        .expect("removed");
                }
            }
        }
        connection.execute_batch("COMMIT").expect("written");
        drop(connection);
        std::fs::read(&path).expect("a file")
    }

    /// What SQLite says of a file, and the rows of both tables.
    #[derive(PartialEq)]
    struct Contents {
        whole: String,
        a: Vec<(i64, String, Vec<u8>)>,
        b: Vec<(String, i64)>,
    }

    fn contents(file: &[u8]) -> Contents {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, file).expect("a file");
        let connection = Connection::open(&path).expect("opens");
        let whole = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
        let mut a = connection.prepare("SELECT key, name, value FROM a ORDER BY key").expect("a statement");
        let a = a.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
        let mut b = connection.prepare("SELECT name, number FROM b ORDER BY name, number").expect("a statement");
        let b = b.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        let (a, b) = (a.map(|row| row.expect("a row")), b.map(|row| row.expect("a row")));
        Contents { whole, a: a.collect(), b: b.collect() }
    }

    #[test]
    fn a_cleaned_file_holds_the_same_rows() {
        for page_size in [512, 1024, 8192, 65_536] {
            let file = busy_file(page_size);
            let layout = Layout::of_header(&file).expect("a header");
            assert_eq!(layout, Layout { page_size, usable: page_size });
            let mut residue = Residue::default();
            let (mut clean, mut cleaned, mut known) = (file.clone(), 0, 0);
            let pages = (file.len() / page_size) as u64;
            for (number, page) in (1..).zip(clean.chunks_mut(page_size)) {
                known += u64::from(residue.find(page, number, pages, layout).is_some());
                if let Some(changed) = residue.cleaned(page, number, pages, layout) {
                    page.copy_from_slice(changed);
                    cleaned += 1;
                }
                assert!(residue.cleaned(page, number, pages, layout).is_none(), "cleaned twice");
            }
            assert!(cleaned > 0 && known > cleaned, "{page_size}: {cleaned} of {known} pages");
            let (before, after) = (contents(&file), contents(&clean));
            assert_eq!(after.whole, "ok");
            assert!(before == after, "{page_size}: other rows");
            assert!(before.a.len() > 100 && before.b.len() > 100);
        }
    }

    #[test]
    fn of_a_damaged_page_nothing_but_zeros_is_written() {
        let page_size = 1024;
        let file = busy_file(page_size);
        let layout = Layout::of_header(&file).expect("a header");
        let (mut residue, mut refused, mut seed) = (Residue::default(), 0, 1u64);
        let pages = (file.len() / page_size) as u64;
        for (number, page) in (1..).zip(file.chunks(page_size)) {
            for _ in 0..200 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let mut damaged = page.to_vec();
                damaged[(seed >> 20) as usize % if seed & 1 == 0 { 40 } else { page_size }] = (seed >> 50) as u8;
                match residue.cleaned(&damaged, number, pages, layout) {
                    Some(clean) => {
                        assert!(clean.iter().zip(&damaged).all(|(clean, damaged)| clean == damaged || *clean == 0));
                    }
                    None => refused += 1,
                }
            }
        }
        assert!(refused > 1_000, "only {refused} pages were left as they are");
    }

    #[test]
    fn other_pages_are_left_alone() {
        let layout = Layout { page_size: 512, usable: 512 };
        let mut residue = Residue::default();
        // An empty leaf of a table, with a byte in its gap.
        let mut page = vec![0; 512];
        page[0] = 13;
        page[5] = 2;
        page[100] = 1;
        assert!(residue.cleaned(&page, 2, 10, layout).is_some_and(|page| page[100] == 0));
        // The same bytes could be the number of another page in a file that has so many.
        assert!(residue.cleaned(&page, 2, 0x0D00_0000, layout).is_none());
        page[7] = 1;
        assert!(residue.cleaned(&page, 2, 10, layout).is_none(), "a fragment that is not there");
        page[7] = 0;
        page[0] = 3;
        assert!(residue.cleaned(&page, 2, 10, layout).is_none(), "no kind of page");
        let mut header = vec![0; 100];
        header[..16].copy_from_slice(b"SQLite format 3\0");
        header[16..18].copy_from_slice(&[0x20, 0]);
        assert_eq!(Layout::of_header(&header), Some(Layout { page_size: 8192, usable: 8192 }));
        header[20] = 80;
        assert_eq!(Layout::of_header(&header), Some(Layout { page_size: 8192, usable: 8112 }));
        header[55] = 1;
        assert_eq!(Layout::of_header(&header), None, "pages of pointers");
    }
}

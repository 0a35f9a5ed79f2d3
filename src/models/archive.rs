//! Single files out of zips, wheels and gzipped tars.
//!
//! No path of an archive ever becomes a path on the disk: a member is asked for by name and its
//! bytes are handed to the caller, who knows their size and checksum. Members that are links are
//! refused.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use flate2::read::GzDecoder;

use super::home::cannot;
use super::install::Failure;
use crate::error::{Error, ErrorKind};
use crate::files;

/// The most bytes that a gzipped tar is unpacked to in search of its members. Only the headers and
/// the members themselves are kept.
const MAX_UNPACKED: u64 = 8 << 30;

/// Receives the index of a member and its content.
pub(super) type Sink<'a> = &'a mut dyn FnMut(usize, &mut dyn Read) -> Result<(), Failure>;

/// Hands the content of each of `members` to `sink`, in the archive's order. A member is a path
/// in the archive or below its one top folder.
pub(super) fn extract(path: &Path, members: &[&str], sink: Sink<'_>) -> Result<(), Failure> {
    let mut file = BufReader::new(files::open(path).map_err(|error| cannot("open", path, error))?);
    let mut magic = [0; 2];
    let read = file.read(&mut magic).and_then(|read| file.rewind().map(|()| read));
    read.map_err(|error| cannot("read", path, error))?;
    let mut archive = Wanted { path, members, found: vec![false; members.len()] };
    match &magic {
        b"PK" => archive.zip(file, sink)?,
        [0x1f, 0x8b] => archive.tar(file, sink)?,
        _ => return Err(archive.wrong("is neither a zip nor a gzipped tar")),
    }
    match archive.found.iter().position(|found| !found) {
        Some(missing) => Err(archive.wrong(&format!("has no file {}", members[missing]))),
        None => Ok(()),
    }
}

struct Wanted<'a> {
    path: &'a Path,
    members: &'a [&'a str],
    found: Vec<bool>,
}

impl Wanted<'_> {
    fn zip(&mut self, file: BufReader<File>, sink: Sink<'_>) -> Result<(), Failure> {
        let damaged = |error: zip::result::ZipError| damaged(self.path, &error);
        let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(|error| self::damaged(self.path, &error))?;
            let Some(member) = self.next(&String::from_utf8_lossy(entry.name_raw())) else { continue };
            self.regular(member, entry.is_file() && !entry.is_symlink())?;
            sink(member, &mut entry)?;
        }
        Ok(())
    }

    fn tar(&mut self, file: BufReader<File>, sink: Sink<'_>) -> Result<(), Failure> {
        let mut archive = tar::Archive::new(GzDecoder::new(file).take(MAX_UNPACKED));
        for entry in archive.entries().map_err(|error| damaged(self.path, &error))? {
            if self.found.iter().all(|found| *found) {
                break;
            }
            let mut entry = entry.map_err(|error| damaged(self.path, &error))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let Some(member) = self.next(&name) else { continue };
            self.regular(member, entry.header().entry_type().is_file())?;
            sink(member, &mut entry)?;
        }
        Ok(())
    }

    /// The index of the member that the entry `name` matches, if that member was not found yet.
    fn next(&mut self, name: &str) -> Option<usize> {
        let below = name.split_once('/').map(|(_, below)| below);
        let wanted = |member: &&str| *member == name || Some(*member) == below;
        let index = (0..self.members.len()).find(|index| !self.found[*index] && wanted(&self.members[*index]))?;
        self.found[index] = true;
        Some(index)
    }

    fn regular(&self, member: usize, regular: bool) -> Result<(), Failure> {
        if regular { Ok(()) } else { Err(self.wrong(&format!("has {} not as a regular file", self.members[member]))) }
    }

    fn wrong(&self, what: &str) -> Failure {
        Error::new(ErrorKind::ModelUnavailable, format!("{} {what}", self.path.display())).into()
    }
}

fn damaged(path: &Path, error: &dyn std::error::Error) -> Failure {
    Error::new(ErrorKind::ModelUnavailable, format!("{} is damaged: {error}", path.display())).into()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};
    use std::path::PathBuf;

    use super::*;

    fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, kind, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            // Written by hand: the builder itself refuses paths that climb.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name("/etc/passwd").expect("a link name");
            }
            header.set_cksum();
            builder.append(&header, *bytes).expect("appended");
        }
        builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("a tar")
    }

    fn zip(entries: &[(&str, &[u8])], link: Option<&str>) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        if let Some(name) = link {
            writer.add_symlink(name, "/etc/passwd", options).expect("a link");
        }
        for (name, bytes) in entries {
            writer.start_file(*name, options).expect("started");
            writer.write_all(bytes).expect("written");
        }
        writer.finish().expect("a zip").into_inner()
    }

    /// The members' contents, or the error's message; the folder must hold only the archive after.
    fn extracted(archive: &[u8], members: &[&str]) -> Result<Vec<Vec<u8>>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path: PathBuf = folder.path().join("archive");
        std::fs::write(&path, archive).expect("written");
        let mut contents = vec![Vec::new(); members.len()];
        let result = extract(&path, members, &mut |index, reader| {
            reader.read_to_end(&mut contents[index]).map_err(|error| damaged(&path, &error))?;
            Ok(())
        });
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1);
        result.map(|()| contents).map_err(|failure| match failure {
            Failure::Wrong(error) => error.to_string(),
            _ => panic!("an archive is right or wrong"),
        })
    }

    const FILE: tar::EntryType = tar::EntryType::Regular;

    #[test]
    fn members_come_out_of_both_kinds_in_any_order() {
        let wanted = ["m/b", "a"];
        let contents = Ok(vec![b"two".to_vec(), b"one".to_vec()]);
        assert_eq!(extracted(&zip(&[("a", b"one"), ("c", b"no"), ("m/b", b"two")], None), &wanted), contents);
        assert_eq!(extracted(&zip(&[("top/m/b", b"two"), ("top/a", b"one")], None), &wanted), contents);
        assert_eq!(extracted(&tar(&[("top-1/a", FILE, b"one"), ("top-1/m/b", FILE, b"two")]), &wanted), contents);
    }

    #[test]
    fn a_path_that_climbs_is_not_the_member_and_goes_nowhere() {
        for name in ["../../a", "x/../a", "/x/a", "x/y/a"] {
            let error = extracted(&tar(&[(name, FILE, b"one")]), &["a"]).expect_err(name);
            assert!(error.ends_with("has no file a"), "{error}");
            let error = extracted(&zip(&[(name, b"one")], None), &["a"]).expect_err(name);
            assert!(error.ends_with("has no file a"), "{error}");
        }
    }

    #[test]
    fn links_and_folders_are_refused() {
        for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Directory, tar::EntryType::Fifo] {
            let error = extracted(&tar(&[("top/a", kind, b"")]), &["a"]).expect_err("a link");
            assert!(error.ends_with("has a not as a regular file"), "{error}");
        }
        let error = extracted(&zip(&[("b", b"two")], Some("a")), &["a"]).expect_err("a link");
        assert!(error.ends_with("has a not as a regular file"), "{error}");
    }

    #[test]
    fn what_is_cut_short_is_damaged() {
        let zip = zip(&[("a", &[7; 5000])], None);
        let noise: Vec<u8> = (0..40_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let tar = tar(&[("a", FILE, &noise)]);
        for (whole, cut) in [(&zip, zip.len() - 30), (&tar, tar.len() / 2), (&tar, 20), (&zip, 3), (&zip, 0)] {
            let error = extracted(&whole[..cut], &["a"]).expect_err("cut short");
            assert!(error.contains("is damaged") || error.contains("is neither"), "{error}");
        }
    }
}

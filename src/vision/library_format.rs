//! Whether a file is a whole shared library for this machine, by its headers.
//!
//! A loader maps what the headers name. Where the file ends earlier, the process is killed when it
//! touches a missing page, so every segment has to lie inside the file.
//!
//! | system | format | reference |
//! |---|---|---|
//! | macOS | Mach-O, also several in one ("fat") file | `mach-o/loader.h`, `mach-o/fat.h` |
//! | Windows | PE | "PE Format", Microsoft |
//! | other Unix | ELF | System V ABI, chapters 4 and 5 |

use std::io::{Read, Seek, SeekFrom};

/// Load commands of a Mach-O file take less than this in any library.
const MAX_COMMANDS: u64 = 1 << 20;
/// Architectures in a fat file: Apple has shipped up to four.
const MAX_ARCHITECTURES: u64 = 64;

/// The shared libraries that a machine loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    format: Format,
    /// As [`std::env::consts::ARCH`] names it.
    arch: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Elf,
    MachO,
    Pe,
}

impl Machine {
    /// This one; `None` where its format is none of those known here.
    pub(super) fn this() -> Option<Self> {
        let format = if cfg!(target_vendor = "apple") {
            Format::MachO
        } else if cfg!(windows) {
            Format::Pe
        } else if cfg!(unix) {
            Format::Elf
        } else {
            return None;
        };
        Some(Self { format, arch: std::env::consts::ARCH })
    }

    /// Checks the headers of a file of `length` bytes.
    ///
    /// # Errors
    /// What is wrong with it, to stand after the file's name and a colon.
    pub(super) fn check(self, file: impl Read + Seek, length: u64) -> Result<(), String> {
        let mut file = Headers { file, length };
        match self.format {
            Format::Elf => elf(&mut file, self.arch),
            Format::MachO => mach_o(&mut file, self.arch),
            Format::Pe => pe(&mut file, self.arch),
        }
    }
}

fn not_a_library() -> String {
    "it is not a shared library".to_owned()
}

fn another_machine() -> String {
    "it is a library for another kind of machine".to_owned()
}

fn cut_short() -> String {
    "it is cut short".to_owned()
}

/// A file of which single fields are read.
struct Headers<F> {
    file: F,
    length: u64,
}

impl<F: Read + Seek> Headers<F> {
    /// The `N` bytes at `offset`.
    fn bytes<const N: usize>(&mut self, offset: u64) -> Result<[u8; N], String> {
        self.inside(offset, N as u64)?;
        let mut bytes = [0; N];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| format!("it cannot be read: {error}"))?;
        Ok(bytes)
    }

    fn u16(&mut self, offset: u64) -> Result<u64, String> {
        self.bytes(offset).map(u16::from_le_bytes).map(u64::from)
    }

    fn u32(&mut self, offset: u64) -> Result<u64, String> {
        self.bytes(offset).map(u32::from_le_bytes).map(u64::from)
    }

    fn u64(&mut self, offset: u64) -> Result<u64, String> {
        self.bytes(offset).map(u64::from_le_bytes)
    }

    /// Checks that so many bytes at `offset` are in the file.
    fn inside(&self, offset: u64, bytes: u64) -> Result<(), String> {
        match offset.checked_add(bytes) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(cut_short()),
        }
    }
}

/// Whether the file starts with one of these; a file that is too short does not.
fn starts_with<const N: usize>(file: &mut Headers<impl Read + Seek>, magics: &[[u8; N]]) -> Result<bool, String> {
    if file.length < N as u64 {
        return Ok(false);
    }
    Ok(magics.contains(&file.bytes(0)?))
}

fn elf(file: &mut Headers<impl Read + Seek>, arch: &str) -> Result<(), String> {
    const LITTLE_ENDIAN_64: [u8; 2] = [2, 1];
    const SHARED_OBJECT: u64 = 3;
    let machine = match arch {
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        "riscv64" => Some(243),
        "loongarch64" => Some(258),
        _ => None,
    };
    if !starts_with(file, &[*b"\x7fELF"])? {
        return Err(not_a_library());
    }
    // Only the layout of 64 bits, the smaller byte first, is known here.
    let Some(machine) = machine else { return Ok(()) };
    if file.bytes(4)? != LITTLE_ENDIAN_64 || file.u16(18)? != machine {
        return Err(another_machine());
    }
    if file.u16(16)? != SHARED_OBJECT {
        return Err(not_a_library());
    }
    let (table, size, count) = (file.u64(32)?, file.u16(54)?, file.u16(56)?);
    for header in (0..count).map(|index| table.saturating_add(index * size)) {
        let (offset, bytes) = (file.u64(header.saturating_add(8))?, file.u64(header.saturating_add(32))?);
        file.inside(offset, bytes)?;
    }
    Ok(())
}

fn mach_o(file: &mut Headers<impl Read + Seek>, arch: &str) -> Result<(), String> {
    const THIN_64: [u8; 4] = *b"\xcf\xfa\xed\xfe";
    const FAT: [u8; 4] = *b"\xca\xfe\xba\xbe";
    const FAT_64: [u8; 4] = *b"\xca\xfe\xba\xbf";
    let cpu: u32 = match arch {
        "x86_64" => 0x0100_0007,
        "aarch64" => 0x0100_000c,
        _ => return Err(another_machine()),
    };
    if starts_with(file, &[THIN_64])? {
        return thin_mach_o(file, cpu, 0);
    }
    if !starts_with(file, &[FAT, FAT_64])? {
        return Err(not_a_library());
    }
    // A fat file's own numbers have the larger byte first.
    let wide = file.bytes(0)? == FAT_64;
    let count = u64::from(u32::from_be_bytes(file.bytes(4)?)).min(MAX_ARCHITECTURES);
    for entry in (0..count).map(|index| 8 + index * if wide { 32 } else { 20 }) {
        if u32::from_be_bytes(file.bytes(entry)?) != cpu {
            continue;
        }
        let (start, bytes) = if wide {
            (u64::from_be_bytes(file.bytes(entry + 8)?), u64::from_be_bytes(file.bytes(entry + 16)?))
        } else {
            (u32::from_be_bytes(file.bytes(entry + 8)?).into(), u32::from_be_bytes(file.bytes(entry + 12)?).into())
        };
        file.inside(start, bytes)?;
        if file.bytes(start)? != THIN_64 {
            return Err(not_a_library());
        }
        return thin_mach_o(file, cpu, start);
    }
    Err(another_machine())
}

/// The library for one architecture, which starts at `start`.
fn thin_mach_o(file: &mut Headers<impl Read + Seek>, cpu: u32, start: u64) -> Result<(), String> {
    /// `MH_DYLIB` and `MH_BUNDLE`: what can be loaded by name.
    const LOADABLE: [u64; 2] = [6, 8];
    const HEADER: u64 = 32;
    const SEGMENT_64: u64 = 0x19;
    if file.u32(start + 4)? != u64::from(cpu) {
        return Err(another_machine());
    }
    if !LOADABLE.contains(&file.u32(start + 12)?) {
        return Err(not_a_library());
    }
    let (count, bytes) = (file.u32(start + 16)?, file.u32(start + 20)?);
    if bytes > MAX_COMMANDS {
        return Err(not_a_library());
    }
    file.inside(start + HEADER, bytes)?;
    let (mut command, end) = (start + HEADER, start + HEADER + bytes);
    for _ in 0..count {
        if command >= end {
            return Err(not_a_library());
        }
        let (kind, size) = (file.u32(command)?, file.u32(command + 4)?);
        if size < 8 {
            return Err(not_a_library());
        }
        if kind == SEGMENT_64 {
            let (offset, bytes) = (file.u64(command + 40)?, file.u64(command + 48)?);
            file.inside(start.saturating_add(offset), bytes)?;
        }
        command += size;
    }
    Ok(())
}

fn pe(file: &mut Headers<impl Read + Seek>, arch: &str) -> Result<(), String> {
    const LIBRARY: u64 = 0x2000;
    const SECTION: u64 = 40;
    let machine = match arch {
        "x86_64" => 0x8664,
        "aarch64" => 0xaa64,
        "x86" => 0x014c,
        _ => return Err(another_machine()),
    };
    if !starts_with(file, &[*b"MZ"])? {
        return Err(not_a_library());
    }
    let header = file.u32(0x3c)?;
    if file.bytes(header)? != *b"PE\0\0" {
        return Err(not_a_library());
    }
    if file.u16(header + 4)? != machine {
        return Err(another_machine());
    }
    if file.u16(header + 22)? & LIBRARY == 0 {
        return Err(not_a_library());
    }
    let (count, optional) = (file.u16(header + 6)?, file.u16(header + 20)?);
    for section in (0..count).map(|index| header + 24 + optional + index * SECTION) {
        let (bytes, offset) = (file.u32(section + 16)?, file.u32(section + 20)?);
        file.inside(offset, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn checked(format: Format, arch: &'static str, file: &[u8], length: u64) -> Result<(), String> {
        // A file that is said to be longer than it is has zeros behind what is given.
        let mut whole = file.to_vec();
        whole.resize(length.max(file.len() as u64) as usize, 0);
        Machine { format, arch }.check(Cursor::new(whole), length)
    }

    fn put(file: &mut [u8], offset: usize, bytes: &[u8]) {
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    /// A header and one segment up to byte 120.
    fn elf_file(machine: u8) -> Vec<u8> {
        let mut file = vec![0; 64 + 56];
        put(&mut file, 0, b"\x7fELF\x02\x01");
        put(&mut file, 16, &[3, 0, machine]);
        put(&mut file, 32, &[64]);
        put(&mut file, 54, &[56, 0, 1]);
        put(&mut file, 64 + 32, &[120]);
        file
    }

    /// A header and one segment up to byte 200.
    fn mach_o_file(cpu: u8) -> Vec<u8> {
        let mut file = vec![0; 32 + 72];
        put(&mut file, 0, b"\xcf\xfa\xed\xfe");
        put(&mut file, 4, &[cpu, 0, 0, 1]);
        put(&mut file, 12, &[6, 0, 0, 0, 1, 0, 0, 0, 72]);
        put(&mut file, 32, &[0x19, 0, 0, 0, 72]);
        put(&mut file, 32 + 48, &[200]);
        file
    }

    /// `mach_o_file` for arm64 at byte 64 of a fat file.
    fn fat_file() -> Vec<u8> {
        let mut file = vec![0; 64];
        put(&mut file, 0, b"\xca\xfe\xba\xbe\0\0\0\x01");
        put(&mut file, 8, &[1, 0, 0, 0x0c]);
        put(&mut file, 8 + 8, &[0, 0, 0, 64, 0, 0, 0, 200]);
        file.extend(mach_o_file(0x0c));
        file
    }

    /// A header at byte 64 and one section of 16 bytes from byte 160 on.
    fn pe_file(machine: [u8; 2]) -> Vec<u8> {
        let mut file = vec![0; 64 + 24 + 40];
        put(&mut file, 0, b"MZ");
        put(&mut file, 0x3c, &[64]);
        put(&mut file, 64, b"PE\0\0");
        put(&mut file, 68, &[machine[0], machine[1], 1]);
        put(&mut file, 64 + 22, &[0, 0x20]);
        put(&mut file, 64 + 24 + 16, &[16, 0, 0, 0, 160]);
        file
    }

    #[test]
    fn whole_libraries_pass_and_cut_ones_do_not() {
        for (format, arch, file, end) in [
            (Format::Elf, "x86_64", elf_file(62), 120),
            (Format::Elf, "aarch64", elf_file(183), 120),
            (Format::MachO, "x86_64", mach_o_file(7), 200),
            (Format::MachO, "aarch64", mach_o_file(0x0c), 200),
            (Format::MachO, "aarch64", fat_file(), 264),
            (Format::Pe, "x86_64", pe_file([0x64, 0x86]), 176),
            (Format::Pe, "aarch64", pe_file([0x64, 0xaa]), 176),
        ] {
            assert_eq!(checked(format, arch, &file, end), Ok(()), "{format:?} {arch}");
            for length in 8..end {
                let wrong = checked(format, arch, &file[..file.len().min(length as usize)], length);
                assert_eq!(wrong, Err(cut_short()), "{format:?} {arch}: {length} of {end} bytes");
            }
        }
    }

    #[test]
    fn what_is_no_library_and_what_is_for_another_machine_is_told_apart() {
        for format in [Format::Elf, Format::MachO, Format::Pe] {
            for file in [&b"#!/bin/sh\n"[..], b"", b"M", b"\x7fEL"] {
                let length = file.len() as u64;
                assert_eq!(checked(format, "x86_64", file, length), Err(not_a_library()), "{format:?} {file:?}");
            }
        }
        let file = |format| match format {
            Format::Elf => elf_file(62),
            Format::MachO => mach_o_file(7),
            Format::Pe => pe_file([0x64, 0x86]),
        };
        for format in [Format::Elf, Format::MachO, Format::Pe] {
            assert_eq!(checked(format, "aarch64", &file(format), 300), Err(another_machine()), "{format:?}");
            for other in [Format::Elf, Format::MachO, Format::Pe] {
                let answer = checked(format, "x86_64", &file(other), 300);
                assert_eq!(answer, if other == format { Ok(()) } else { Err(not_a_library()) }, "{format:?} {other:?}");
            }
        }
        assert_eq!(checked(Format::MachO, "x86_64", &fat_file(), 300), Err(another_machine()));
        // A program, which is of the same format.
        for (format, at, program) in [(Format::Elf, 16, 2), (Format::MachO, 12, 2), (Format::Pe, 87, 0)] {
            let mut file = file(format);
            file[at] = program;
            assert_eq!(checked(format, "x86_64", &file, 300), Err(not_a_library()), "{format:?}");
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let mut file = elf_file(62);
        file[64 + 8..64 + 16].fill(0xff);
        assert_eq!(checked(Format::Elf, "x86_64", &file, 120), Err(cut_short()));
        let mut file = elf_file(62);
        file[32..40].fill(0xff);
        assert_eq!(checked(Format::Elf, "x86_64", &file, 120), Err(cut_short()));

        let mut file = mach_o_file(7);
        file[32 + 40..32 + 48].fill(0xff);
        assert_eq!(checked(Format::MachO, "x86_64", &file, 200), Err(cut_short()));
        for (at, value) in [(36, 0), (16, 9), (22, 0xff)] {
            let mut file = mach_o_file(7);
            file[at] = value;
            assert_eq!(checked(Format::MachO, "x86_64", &file, 200), Err(not_a_library()), "byte {at}");
        }
        let mut file = fat_file();
        file[16..20].fill(0xff);
        assert_eq!(checked(Format::MachO, "aarch64", &file, 264), Err(cut_short()));

        let mut file = pe_file([0x64, 0x86]);
        file[0x3c..0x40].fill(0xff);
        assert_eq!(checked(Format::Pe, "x86_64", &file, 176), Err(cut_short()));
    }
}

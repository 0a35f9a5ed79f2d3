//! What hostile files and the largest pictures cost: each is decoded in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::decoded;
use crate::data;

/// Set in the child process to the folder whose files it decodes.
const CHILD: &str = "FACEVAULT_TEST_DECODE_FOLDER";

/// The body of the child process: decodes every file and says how long each took.
#[test]
fn child_decodes_a_folder() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    for path in data::files_below(&folder) {
        let bytes = std::fs::read(&path).expect("readable");
        let start = Instant::now();
        let result = decoded(&bytes);
        println!("file {} {} {}", start.elapsed().as_millis(), result.is_ok(), path.display());
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        println!("peak {}", peak.trim().trim_end_matches(" kB"));
    }
}

fn decode_in_child(folder: &Path) -> String {
    let child = Command::new(std::env::current_exe().expect("a path"))
        .args(["decode::hostile::child_decodes_a_folder", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .output()
        .expect("a child process");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    String::from_utf8_lossy(&child.stdout).into_owned()
}

#[test]
fn hostile_files_cost_neither_time_nor_memory() {
    let Some(folder) = data::folder("hostile_files_cost_neither_time_nor_memory") else { return };
    let report = decode_in_child(&folder.join("images/hostile"));
    let mut files = 0;
    for line in report.lines() {
        if let Some((milliseconds, rest)) = line.strip_prefix("file ").and_then(|rest| rest.split_once(' ')) {
            files += 1;
            assert!(milliseconds.parse::<u64>().expect("a number") < 1_000, "{milliseconds} ms: {rest}");
        }
        if let Some(kib) = line.strip_prefix("peak ") {
            assert!(kib.parse::<u64>().expect("a number") < 256 << 10, "{kib} KiB");
        }
    }
    assert!(files > 250, "only {files} files were tried:\n{report}");
}

/// The file with this signature and these chunks, each of which has its checksum.
fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in chunks {
        let body = [&name[..], content].concat();
        file.extend_from_slice(&(content.len() as u32).to_be_bytes());
        file.extend_from_slice(&body);
        let mut crc = flate2::Crc::new();
        crc.update(&body);
        file.extend_from_slice(&crc.sum().to_be_bytes());
    }
    file
}

fn zlib(bytes: impl std::io::Read) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = flate2::read::ZlibEncoder::new(bytes, flate2::Compression::best());
    std::io::Read::read_to_end(&mut encoder, &mut packed).expect("packed");
    packed
}

/// Files of a megabyte at most that claim much: a profile and texts of a gigabyte, and pictures of 49 megapixels.
fn claims() -> Vec<(&'static str, Vec<u8>, bool)> {
    let head = |side: u32| [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let pixel = zlib(&[0; 4][..]);
    let gigabyte = zlib(std::io::Read::take(std::io::repeat(0), 1 << 30));
    let with = |name: &[u8; 4], start: &[u8]| {
        let content = [start, &gigabyte].concat();
        png(&[(b"IHDR", &head(1)), (name, &content), (b"IDAT", &pixel), (b"IEND", b"")])
    };
    let side = 7_000u16.to_le_bytes();
    let sides = [side, side].concat();
    let gif = |frame: [u8; 4]| {
        let code = b"\x02\x02\x4c\x01\x00;";
        [b"GIF89a", &sides[..], b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0", &frame, b"\0", code].concat()
    };
    let mut bmp = b"BM\x38\x04\0\0\0\0\0\0\x36\x04\0\0\x28\0\0\0".to_vec();
    for number in [7_000_u32, 7_000, 1 | 8 << 16, 1, 2, 0, 0, 256, 0] {
        bmp.extend_from_slice(&number.to_le_bytes());
    }
    bmp.extend_from_slice(&[0; 1024]);
    bmp.extend_from_slice(&[0, 1]);
    // One colour, and no bit for any pixel.
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: u32, count: u32| bits.extend((0..count).map(|bit| value >> bit & 1 == 1));
    for (value, count) in [(0x2f, 8), (6_999, 14), (6_999, 14), (0, 4), (0, 3)] {
        put(value, count);
    }
    for symbol in [128, 128, 128, 255] {
        put(0b101, 3);
        put(symbol, 8);
    }
    put(0b0001, 4);
    let mut lossless: Vec<u8> =
        bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect();
    lossless.resize(lossless.len().next_multiple_of(2), 0);
    let length = |bytes: usize| (bytes as u32).to_le_bytes();
    let webp = [b"RIFF", &length(lossless.len() + 12)[..], b"WEBPVP8L", &length(lossless.len()), &lossless].concat();
    vec![
        ("profile.png", with(b"iCCP", b"x\0\0"), true),
        ("text.png", with(b"zTXt", b"Raw profile type exif\0\0"), true),
        ("xmp.png", with(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"), true),
        ("short.png", png(&[(b"IHDR", &head(7_000)), (b"IDAT", &pixel), (b"IEND", b"")]), false),
        ("canvas.gif", gif([1, 0, 1, 0]), false),
        ("frame.gif", gif([side[0], side[1], side[0], side[1]]), false),
        ("flat.bmp", bmp, false),
        ("flat.webp", webp, false),
        ("short.ppm", b"P6 7000 7000 255\n\0\0\0".to_vec(), false),
        ("plain.ppm", b"P3 7000 7000 255\n0 0 0 ".to_vec(), false),
    ]
}

#[test]
fn small_files_take_little_memory_whatever_they_claim() {
    for (name, bytes, is_taken) in claims() {
        assert!(bytes.len() < 1_100_000, "{name}: {} bytes", bytes.len());
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), &bytes).expect("written");
        let report = decode_in_child(folder.path());
        assert!(report.contains(if is_taken { " true " } else { " false " }), "{report}");
        if let Some(kib) = report.lines().find_map(|line| line.strip_prefix("peak ")) {
            let mebibytes = kib.parse::<u64>().expect("a number") >> 10;
            assert!(mebibytes < 96, "{name}: {mebibytes} MiB");
            eprintln!("{name} of {} bytes: {mebibytes} MiB", bytes.len());
        }
    }
}

/// The largest pictures that are taken by default, in the forms that take most to unpack.
#[test]
fn the_largest_pictures_take_a_known_amount_of_memory() {
    use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};
    const SIZE: (usize, usize) = (8000, 6250);
    let grain = |i: usize| (i.wrapping_mul(2_654_435_761) >> 24) as u8;
    for (what, format, progressive, most) in [
        ("baseline", PixelFormat::Rgb, false, 384),
        ("progressive", PixelFormat::Rgb, true, 512),
        ("of four inks", PixelFormat::Cmyk, false, 512),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let row: Vec<u8> = (0..SIZE.0 * format.bytes_per_pixel()).map(|i| 96 + grain(i) / 8).collect();
        let pixels = row.repeat(SIZE.1);
        let file = Encoder::new(&pixels, SIZE.0, SIZE.1, format)
            .subsampling(Subsampling::S444)
            .quality(50)
            .progressive(progressive)
            .encode();
        std::fs::write(folder.path().join("largest.jpg"), file.expect("a JPEG")).expect("written");
        drop(pixels);
        let report = decode_in_child(folder.path());
        assert!(report.contains("true"), "{what}: {report}");
        if let Some(kib) = report.lines().find_map(|line| line.strip_prefix("peak ")) {
            let mebibytes = kib.parse::<u64>().expect("a number") >> 10;
            assert!(mebibytes < most, "{what}: {mebibytes} MiB");
            eprintln!("the largest picture, {what}: {mebibytes} MiB");
        }
    }
}

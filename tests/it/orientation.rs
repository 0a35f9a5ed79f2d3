//! A picture is decoded upright, wherever in its file the orientation is stored.

use std::io::Write as _;

use facevault::vision::{DecodeLimits, decode};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, RgbImage};

fn upright() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| image::Rgb([x as u8 * 5, y as u8 * 7, if x < 24 && y < 16 { 250 } else { 20 }]))
}

/// The picture as a camera stores it that was held so that `number` turns it upright.
fn stored(number: u8) -> RgbImage {
    let back = match Orientation::from_exif(number).expect("1 to 8") {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        other => other,
    };
    let mut image = DynamicImage::ImageRgb8(upright());
    image.apply_orientation(back);
    image.into_rgb8()
}

fn encoded(number: u8, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    stored(number).write_to(&mut std::io::Cursor::new(&mut bytes), format).expect("encodes");
    bytes
}

fn is_upright(bytes: &[u8]) -> bool {
    let picture = decode(bytes, &DecodeLimits::default()).expect("decodes");
    let expected = upright();
    let pairs = picture.as_raw().iter().zip(expected.as_raw());
    let off: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    // A JPEG of high quality is off by 3 on average, a picture that lies the wrong way by 30 and more.
    picture.dimensions() == expected.dimensions() && off < 6 * expected.as_raw().len() as u64
}

/// How EXIF may store the number: the entry's kind and width in bytes.
const KINDS: [(u16, usize); 3] = [(1, 1), (3, 2), (4, 4)];

/// A number of `width` bytes in the low or the high end of a field of four.
fn field(big_endian: bool, value: u32, width: usize) -> [u8; 4] {
    let mut field = [0; 4];
    if big_endian {
        field[..width].copy_from_slice(&value.to_be_bytes()[4 - width..]);
    } else {
        field[..width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    field
}

fn exif(big_endian: bool, kind: (u16, usize), number: u8) -> Vec<u8> {
    tiff(big_endian, &[(274, kind.0, 1, field(big_endian, u32::from(number), kind.1))], &[])
}

/// A TIFF structure of one directory at the start and `rest` behind it.
fn tiff(big_endian: bool, entries: &[(u16, u16, u32, [u8; 4])], rest: &[u8]) -> Vec<u8> {
    let two = |n: u16| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let four = |n: u32| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    bytes.extend(four(8));
    bytes.extend(two(entries.len() as u16));
    for (tag, kind, count, value) in entries {
        bytes.extend([&two(*tag)[..], &two(*kind), &four(*count), value].concat());
    }
    bytes.extend([0; 4]);
    bytes.extend(rest);
    bytes
}

fn xmp(number: u8, element: bool) -> Vec<u8> {
    let start = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/""#;
    let property = if element {
        format!("><tiff:Orientation>{number}</tiff:Orientation></rdf:Description>")
    } else {
        format!(" tiff:Orientation=\"{number}\"/>")
    };
    format!("{start}{property}</rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>").into_bytes()
}

/// A file whose picture is stored as the number says, with a block of EXIF or XMP.
type WithBlock = fn(u8, &[u8]) -> Vec<u8>;

fn jpeg(number: u8, content: &[u8]) -> Vec<u8> {
    let file = encoded(number, ImageFormat::Jpeg);
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, content, &file[2..]].concat()
}

fn jpeg_exif(number: u8, tiff: &[u8]) -> Vec<u8> {
    jpeg(number, &[b"Exif\0\0", tiff].concat())
}

fn jpeg_xmp(number: u8, packet: &[u8]) -> Vec<u8> {
    jpeg(number, &[b"http://ns.adobe.com/xap/1.0/\0", packet].concat())
}

fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
    let checked = [name, content].concat();
    let crc = crc32fast::hash(&checked).to_be_bytes();
    [&(content.len() as u32).to_be_bytes()[..], &checked, &crc].concat()
}

/// A PNG file with a chunk in front of the pixels, where `first`, or behind them.
fn png(number: u8, chunk: &[u8], first: bool) -> Vec<u8> {
    let file = encoded(number, ImageFormat::Png);
    // Signature and header are of 33 bytes, the last chunk of 12.
    let at = if first { 33 } else { file.len() - 12 };
    [&file[..at], chunk, &file[at..]].concat()
}

fn png_exif(number: u8, tiff: &[u8]) -> Vec<u8> {
    png(number, &chunk(b"eXIf", tiff), true)
}

fn png_xmp(number: u8, packet: &[u8]) -> Vec<u8> {
    png(number, &chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", packet].concat()), true)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("packed")
}

/// As ImageMagick writes a profile into a text.
fn raw_profile(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut text = format!("\n{name}\n{:8}\n", bytes.len());
    for line in bytes.chunks(36) {
        line.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
        text.push('\n');
    }
    text.into_bytes()
}

fn webp(number: u8, name: &[u8], content: &[u8]) -> Vec<u8> {
    let file = encoded(number, ImageFormat::WebP);
    let size = stored(number);
    let side = |pixels: u32| (pixels - 1).to_le_bytes()[..3].to_vec();
    let flags = [if name == b"EXIF" { 8 } else { 4 }, 0, 0, 0];
    let canvas = [&flags[..], &side(size.width()), &side(size.height())].concat();
    let part = |name: &[u8], content: &[u8]| {
        let mut part = [name, &(content.len() as u32).to_le_bytes(), content].concat();
        part.resize(part.len().next_multiple_of(2), 0);
        part
    };
    let body = [b"WEBP", &part(b"VP8X", &canvas)[..], &file[12..], &part(name, content)].concat();
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

fn webp_exif(number: u8, tiff: &[u8]) -> Vec<u8> {
    webp(number, b"EXIF", tiff)
}

fn webp_xmp(number: u8, packet: &[u8]) -> Vec<u8> {
    webp(number, b"XMP ", packet)
}

#[test]
fn exif_in_both_byte_orders_and_every_kind_of_number() {
    let files: [(&str, WithBlock); 3] = [("JPEG", jpeg_exif), ("PNG", png_exif), ("WebP", webp_exif)];
    for (name, file) in files {
        for number in 1..=8 {
            for big_endian in [false, true] {
                for kind in KINDS {
                    let bytes = file(number, &exif(big_endian, kind, number));
                    assert!(is_upright(&bytes), "{name}: {number} as kind {}, big-endian: {big_endian}", kind.0);
                }
            }
        }
    }
}

#[test]
fn xmp_alone_and_beside_exif() {
    let files: [(&str, WithBlock); 3] = [("JPEG", jpeg_xmp), ("PNG", png_xmp), ("WebP", webp_xmp)];
    for (name, file) in files {
        for number in 1..=8 {
            for element in [false, true] {
                assert!(is_upright(&file(number, &xmp(number, element))), "{name}: {number}, element: {element}");
            }
        }
    }
    // Whichever stands first in the file, EXIF counts.
    for number in 1..=8 {
        let other = number % 8 + 1;
        let block = [b"Exif\0\0", &exif(true, KINDS[1], number)[..]].concat();
        let (file, length) = (jpeg_xmp(number, &xmp(other, true)), (block.len() as u16 + 2).to_be_bytes());
        let segment = [&[0xff, 0xe1][..], &length, &block].concat();
        assert!(is_upright(&[&file[..2], &segment, &file[2..]].concat()), "EXIF first: {number}");
        let behind = 4 + usize::from(u16::from_be_bytes([file[4], file[5]]));
        assert!(is_upright(&[&file[..behind], &segment, &file[behind..]].concat()), "XMP first: {number}");
    }
}

#[test]
fn what_imagemagick_writes_into_png() {
    for number in 1..=8 {
        let block = [b"Exif\0\0", &exif(number % 2 == 0, KINDS[1], number)[..]].concat();
        let packet = [b"http://ns.adobe.com/xap/1.0/\0", &xmp(number, true)[..]].concat();
        for (name, content) in [("exif", &block), ("APP1", &block), ("APP1", &packet)] {
            let text = raw_profile(name, content);
            let keyword = format!("Raw profile type {name}\0");
            for chunk in [
                chunk(b"tEXt", &[keyword.as_bytes(), &text].concat()),
                chunk(b"zTXt", &[keyword.as_bytes(), &[0], &packed(&text)].concat()),
                chunk(b"iTXt", &[keyword.as_bytes(), &[1, 0, 0, 0], &packed(&text)].concat()),
            ] {
                for first in [true, false] {
                    assert!(is_upright(&png(number, &chunk, first)), "{name}: {number}, in front: {first}");
                }
            }
        }
    }
}

#[test]
fn tiff_in_its_directory_or_its_packet() {
    for number in 1..=8 {
        for big_endian in [false, true] {
            let picture = stored(number);
            let short = |value: u32| field(big_endian, value, 2);
            let long = |value: u32| field(big_endian, value, 4);
            let file = |own: Option<(u16, usize)>, packet: &[u8]| {
                let count = 9 + u32::from(own.is_some()) + u32::from(!packet.is_empty());
                let behind = 8 + 2 + 12 * count + 4;
                let depths = [8u16; 3].map(|n| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() }).concat();
                let mut entries = vec![
                    (256, 4, 1, long(picture.width())),
                    (257, 4, 1, long(picture.height())),
                    (258, 3, 3, long(behind)),
                    (259, 3, 1, short(1)),
                    (262, 3, 1, short(2)),
                    (273, 4, 1, long(behind + 6)),
                ];
                entries.extend(own.map(|(kind, width)| (274, kind, 1, field(big_endian, u32::from(number), width))));
                entries.push((277, 3, 1, short(3)));
                entries.push((278, 4, 1, long(picture.height())));
                entries.push((279, 4, 1, long(picture.as_raw().len() as u32)));
                if !packet.is_empty() {
                    let at = behind + 6 + picture.as_raw().len() as u32;
                    entries.push((700, 1, packet.len() as u32, long(at)));
                }
                tiff(big_endian, &entries, &[&depths, picture.as_raw(), packet].concat())
            };
            for kind in KINDS {
                assert!(is_upright(&file(Some(kind), &[])), "{number} as kind {}, big-endian: {big_endian}", kind.0);
            }
            assert!(is_upright(&file(None, &xmp(number, true))), "{number} in a packet, big-endian: {big_endian}");
            assert!(is_upright(&file(Some(KINDS[1]), &xmp(number % 8 + 1, true))), "{number} in both");
        }
    }
}

#[test]
fn texts_that_unpack_to_much_cost_little() {
    // 64 texts of 16 MiB each.
    let bomb = packed(&vec![b' '; 16 << 20]);
    let text = chunk(b"zTXt", &[b"Raw profile type exif\0\0", &bomb[..]].concat());
    let start = std::time::Instant::now();
    let bytes = png(6, &text.repeat(64), false);
    let picture = decode(&bytes, &DecodeLimits::default()).expect("decodes");
    assert_eq!(picture.dimensions(), (32, 48), "no orientation is found");
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    // What stands in front of them is found all the same.
    let good = chunk(b"eXIf", &exif(true, KINDS[1], 6));
    assert!(is_upright(&png(6, &[good, text.repeat(4)].concat(), false)));
}

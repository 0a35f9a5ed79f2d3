//! How a picture is to be turned, as EXIF or XMP says it.
//!
//! The number is the same in both, 1 to 8. Where both have one, EXIF's counts, as in the guidelines
//! of the Metadata Working Group; what is no number from 1 to 8 counts as absent. Programs write
//! the tag in more forms than EXIF 2.32 allows (a SHORT): as LONG or BYTE, in XMP only, or inside
//! the text that ImageMagick puts into PNG files, so all of these are read.

use image::metadata::Orientation;

const TIFF_ORIENTATION: u16 = 0x0112;
const TIFF_XMP: u16 = 700;
/// How the content of a JPEG's APP1 segment starts where it is EXIF.
const EXIF_START: &[u8] = b"Exif\0";
/// How it starts where it is XMP.
const XMP_START: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const XMP_TIFF_NAMESPACE: &[u8] = b"http://ns.adobe.com/tiff/1.0/";

/// What the blocks of one file say. Of several of a kind, the first that says something counts.
#[derive(Debug, Default)]
pub(super) struct Stated {
    exif: Option<Orientation>,
    xmp: Option<Orientation>,
}

impl Stated {
    /// Looks at an EXIF block, with or without the six bytes that precede it in a JPEG.
    pub(super) fn exif(&mut self, block: &[u8]) {
        let tiff = if block.starts_with(EXIF_START) { block.get(6..).unwrap_or_default() } else { block };
        self.exif = self.exif.or_else(|| Directory::first(tiff)?.orientation());
    }

    /// Looks at an XMP packet.
    pub(super) fn xmp(&mut self, packet: &[u8]) {
        self.xmp = self.xmp.or_else(|| from_xmp(packet));
    }

    /// Looks at the content of a JPEG's APP1 segment, which is EXIF, XMP or something else.
    pub(super) fn app1(&mut self, content: &[u8]) {
        if content.starts_with(EXIF_START) {
            self.exif(content);
        } else if let Some(packet) = content.strip_prefix(XMP_START) {
            self.xmp(packet);
        }
    }

    /// Looks at a whole TIFF file: its first directory, and the XMP packet that it may name.
    #[cfg_attr(not(feature = "more-formats"), allow(dead_code))]
    pub(super) fn tiff(&mut self, file: &[u8]) {
        self.exif(file);
        if let Some(packet) = Directory::first(file).and_then(|directory| directory.bytes(TIFF_XMP)) {
            self.xmp(packet);
        }
    }

    /// What counts; `None` where nothing is said.
    pub(super) fn orientation(&self) -> Option<Orientation> {
        self.exif.or(self.xmp)
    }
}

/// The first directory of a TIFF structure. Layout: TIFF 6.0, section 2.
struct Directory<'a> {
    tiff: &'a [u8],
    big_endian: bool,
    entries: &'a [[u8; 12]],
}

impl<'a> Directory<'a> {
    fn first(tiff: &'a [u8]) -> Option<Self> {
        let big_endian = match tiff.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let mut directory = Self { tiff, big_endian, entries: &[] };
        let at = directory.number(tiff.get(4..8)?) as usize;
        let count = directory.number(tiff.get(at..at.checked_add(2)?)?) as usize;
        // A directory that is cut short still has its first entries.
        let entries = tiff[at + 2..].as_chunks::<12>().0;
        directory.entries = &entries[..count.min(entries.len())];
        Some(directory)
    }

    /// A number of one, two or four bytes.
    fn number(&self, bytes: &[u8]) -> u32 {
        let add = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
        if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    fn entry(&self, tag: u16) -> Option<&'a [u8; 12]> {
        self.entries.iter().find(|entry| self.number(&entry[..2]) == u32::from(tag))
    }

    /// The orientation, stored as any kind of whole number: BYTE, SHORT, LONG or their signed forms.
    fn orientation(&self) -> Option<Orientation> {
        let entry = self.entry(TIFF_ORIENTATION)?;
        let width = match self.number(&entry[2..4]) {
            1 | 6 => 1,
            3 | 8 => 2,
            4 | 9 => 4,
            _ => return None,
        };
        let number = self.number(&entry[8..8 + width]);
        Orientation::from_exif(u8::try_from(number).ok()?)
    }

    /// What the entry of bytes (BYTE or UNDEFINED) points to.
    fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        let entry = self.entry(tag).filter(|entry| matches!(self.number(&entry[2..4]), 1 | 7))?;
        let (length, at) = (self.number(&entry[4..8]) as usize, self.number(&entry[8..12]) as usize);
        self.tiff.get(at..at.checked_add(length)?)
    }
}

/// The orientation of an XMP packet: the property `Orientation` of the TIFF namespace, as an
/// attribute or an element. Grammar: ISO 16684-1 (RDF/XML). Goes over the packet twice, first for the prefixes of the
/// namespace, since a prefix may be bound to it anywhere.
fn from_xmp(packet: &[u8]) -> Option<Orientation> {
    // The usual name counts even where a damaged packet does not bind it.
    let mut prefixes = vec![&b"tiff"[..]];
    for (tag, _) in Tags(packet) {
        for (name, value) in Attributes::of(tag) {
            if let Some(prefix) = name.strip_prefix(b"xmlns:")
                && value == XMP_TIFF_NAMESPACE
                && prefixes.len() < 8
            {
                prefixes.push(prefix);
            }
        }
    }
    let is_orientation =
        |name: &[u8]| name.strip_suffix(b":Orientation").is_some_and(|prefix| prefixes.contains(&prefix));
    let number = |text: &[u8]| match text.trim_ascii() {
        [digit @ b'1'..=b'8'] => Orientation::from_exif(digit - b'0'),
        _ => None,
    };
    Tags(packet).find_map(|(tag, behind)| {
        let text = || number(behind.split(|byte| *byte == b'<').next().unwrap_or_default());
        let own = if is_orientation(name_of(tag)) { text() } else { None };
        own.or_else(|| Attributes::of(tag).find_map(|(name, value)| is_orientation(name).then(|| number(value))?))
    })
}

/// The tags of an XML text, each without its angle brackets and with the text behind it; comments,
/// instructions and CDATA are stepped over.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.0.iter().position(|byte| *byte == b'<')?;
            let inside = &self.0[start + 1..];
            let skipped = [(&b"!--"[..], &b"-->"[..]), (b"![CDATA[", b"]]>"), (b"?", b"?>")];
            let Some((opening, closing)) = skipped.into_iter().find(|(opening, _)| inside.starts_with(opening)) else {
                let end = end_of_tag(inside)?;
                self.0 = &inside[end + 1..];
                return Some((&inside[..end], self.0));
            };
            let content = &inside[opening.len()..];
            let end = content.windows(closing.len()).position(|window| window == closing)?;
            self.0 = &content[end + closing.len()..];
        }
    }
}

/// The position of the bracket that ends a tag; a bracket inside quotes does not.
fn end_of_tag(inside: &[u8]) -> Option<usize> {
    let mut quote = None;
    inside.iter().position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(*byte);
            false
        }
        (Some(open), close) if open == *close => {
            quote = None;
            false
        }
        _ => false,
    })
}

fn name_of(tag: &[u8]) -> &[u8] {
    tag.split(|byte| byte.is_ascii_whitespace() || *byte == b'/').next().unwrap_or_default()
}

/// The attributes of a tag: names and values.
struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    fn of(tag: &'a [u8]) -> Self {
        Self(&tag[name_of(tag).len()..])
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let equals = self.0.iter().position(|byte| *byte == b'=')?;
        let name = self.0[..equals].trim_ascii();
        let (quote, rest) = self.0[equals + 1..].trim_ascii_start().split_first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let end = rest.iter().position(|byte| byte == quote)?;
        self.0 = &rest[end + 1..];
        Some((name, &rest[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(big_endian: bool, entries: &[(u16, u16, u32, [u8; 4])]) -> Vec<u8> {
        let two = |n: u16| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
        let four = |n: u32| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut tiff = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        tiff.extend(four(8));
        tiff.extend(two(entries.len() as u16));
        for (tag, kind, count, value) in entries {
            tiff.extend([&two(*tag)[..], &two(*kind), &four(*count), value].concat());
        }
        tiff
    }

    #[test]
    fn every_kind_of_whole_number_is_read() {
        for number in 0..=9u8 {
            let n = u32::from(number);
            for (kind, big, little) in [
                (1, [number, 0, 0, 0], [number, 9, 9, 9]),
                (3, [0, number, 0, 0], [number, 0, 9, 9]),
                (4, n.to_be_bytes(), n.to_le_bytes()),
                (9, n.to_be_bytes(), n.to_le_bytes()),
            ] {
                for (big_endian, value) in [(true, big), (false, little)] {
                    let tiff = directory(big_endian, &[(271, 2, 1, [0; 4]), (TIFF_ORIENTATION, kind, 1, value)]);
                    let mut stated = Stated::default();
                    stated.exif(&tiff);
                    assert_eq!(stated.orientation(), Orientation::from_exif(number), "{kind} {number} {big_endian}");
                    let mut prefixed = Stated::default();
                    prefixed.app1(&[b"Exif\0\0", &tiff[..]].concat());
                    assert_eq!(prefixed.orientation(), stated.orientation());
                }
            }
        }
    }

    #[test]
    fn damaged_directories_say_nothing() {
        let good = directory(true, &[(TIFF_ORIENTATION, 4, 1, [0, 0, 0, 6])]);
        for cut in 0..good.len() {
            assert!(Directory::first(&good[..cut]).and_then(|directory| directory.orientation()).is_none(), "{cut}");
        }
        for (what, entry) in [
            ("a ratio", (TIFF_ORIENTATION, 5, 1, [0, 0, 0, 6])),
            ("a large number", (TIFF_ORIENTATION, 4, 1, [0, 0, 1, 6])),
            ("another tag", (TIFF_ORIENTATION + 1, 3, 1, [0, 6, 0, 0])),
        ] {
            let tiff = directory(true, &[entry]);
            assert_eq!(Directory::first(&tiff).and_then(|directory| directory.orientation()), None, "{what}");
        }
        let mut far = good;
        far[4..8].copy_from_slice(&[0xff; 4]);
        assert!(Directory::first(&far).is_none());
    }

    #[test]
    fn xmp_says_it_as_attribute_or_element() {
        let bound = r#"xmlns:tiff="http://ns.adobe.com/tiff/1.0/""#;
        for (what, packet, expected) in [
            ("attribute", format!(r#"<?xpacket begin=""?><x><rdf:D {bound} tiff:Orientation="6"/></x>"#), Some(6)),
            ("single quotes", format!("<rdf:D {bound} tiff:Orientation\n = '3' >"), Some(3)),
            ("element", format!("<rdf:D {bound}><tiff:Orientation> 8\n</tiff:Orientation></rdf:D>"), Some(8)),
            ("other name", r#"<d t:Orientation="5" xmlns:t="http://ns.adobe.com/tiff/1.0/"/>"#.into(), Some(5)),
            ("unbound", r#"<d tiff:Orientation="7"/>"#.into(), Some(7)),
            ("other namespace", r#"<d t:Orientation="5" xmlns:t="http://example/"/>"#.into(), None),
            ("in a comment", r#"<!-- <d tiff:Orientation="6"/> --><d tiff:Orientation="2"/>"#.into(), Some(2)),
            ("in CDATA", r#"<![CDATA[<d tiff:Orientation="6"/>]]>"#.into(), None),
            ("in quotes", r#"<d a="<e tiff:Orientation='6'>" tiff:Orientation="4"/>"#.into(), Some(4)),
            ("no number", r#"<d tiff:Orientation="six"/>"#.into(), None),
            ("zero, then one", r#"<d tiff:Orientation="0"/><d tiff:Orientation="1"/>"#.into(), Some(1)),
            ("two digits", r#"<d tiff:Orientation="16"/>"#.into(), None),
            ("cut short", r#"<d tiff:Orientation="6"#.into(), None),
            ("empty", String::new(), None),
        ] {
            assert_eq!(from_xmp(packet.as_bytes()).map(Orientation::to_exif), expected, "{what}");
        }
    }

    #[test]
    fn exif_counts_before_xmp_and_the_first_before_the_second() {
        let exif = |number| directory(false, &[(TIFF_ORIENTATION, 3, 1, [number, 0, 0, 0])]);
        let mut stated = Stated::default();
        stated.app1(b"http://ns.adobe.com/xap/1.0/\0<d tiff:Orientation='3'/>");
        assert_eq!(stated.orientation().map(Orientation::to_exif), Some(3));
        stated.exif(&exif(0));
        assert_eq!(stated.orientation().map(Orientation::to_exif), Some(3));
        stated.exif(&exif(6));
        stated.exif(&exif(8));
        assert_eq!(stated.orientation().map(Orientation::to_exif), Some(6));
    }

    #[test]
    fn a_tiff_file_may_say_it_in_its_packet() {
        let packet = b"<d tiff:Orientation='8'/>";
        let at = 8 + 2 + 12;
        let mut file = directory(false, &[(TIFF_XMP, 1, packet.len() as u32, [at, 0, 0, 0])]);
        file.extend(packet);
        let mut stated = Stated::default();
        stated.tiff(&file);
        assert_eq!(stated.orientation().map(Orientation::to_exif), Some(8));
        file.pop();
        let mut cut = Stated::default();
        cut.tiff(&file);
        assert!(cut.orientation().is_none());
    }
}

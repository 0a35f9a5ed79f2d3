//! What a JPEG's markers say about where its picture ends.
//!
//! Method: ITU-T T.81, annex B: a segment states its length; after a scan's header the compressed
//! data runs to the next `FF` that is followed by neither `00` nor a restart marker.

use super::super::orientation::Stated;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
const APP1: u8 = 0xe1;

/// A marker, with the content of its segment where it has one.
struct Segment<'a> {
    marker: u8,
    content: &'a [u8],
    /// Where the segment ends and a scan's data starts.
    data: usize,
    /// Where the next marker is looked for: behind the segment, and behind a scan's data.
    end: usize,
}

/// The segments from the file's start on, up to what is cut short. Thumbnails inside segments are
/// stepped over.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let marker = next_marker(self.bytes, &mut self.at)?;
        // Markers without a segment: restarts, start and end of image, temporary.
        if matches!(marker, 0xd0..=0xd9 | 0x01) {
            return Some(Segment { marker, content: &[], data: self.at, end: self.at });
        }
        let length = self.bytes.get(self.at..self.at + 2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        let content = self.bytes.get(self.at + 2..self.at + length)?;
        self.at += length;
        let data = self.at;
        if marker == START_OF_SCAN {
            skip_scan(self.bytes, &mut self.at);
        }
        Some(Segment { marker, content, data, end: self.at })
    }
}

/// The code of the next marker at or after `at`, which moves behind it.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xff)?;
    *at += bytes[*at..].iter().position(|byte| *byte != 0xff)?;
    *at += 1;
    Some(bytes[*at - 1])
}

/// Moves `at` over compressed data to the marker behind it.
fn skip_scan(bytes: &[u8], at: &mut usize) {
    while let Some(rest) = bytes.get(*at..) {
        let Some(found) = rest.iter().position(|byte| *byte == 0xff) else { break };
        match rest.get(found + 1) {
            Some(0x00 | 0xd0..=0xd7) => *at += found + 2,
            // A fill byte: the next one may start a marker.
            Some(0xff) => *at += found + 1,
            Some(_) => {
                *at += found;
                return;
            }
            None => break,
        }
    }
    *at = bytes.len();
}

/// Whether the markers lead from the file's start to the end of its picture. What follows the end
/// does not matter.
pub(super) fn reaches_end(bytes: &[u8]) -> bool {
    Segments::of(bytes).any(|segment| segment.marker == END_OF_IMAGE[1])
}

/// Width and height as the first frame's header states them.
pub(in crate::vision::decode) fn stated_size(bytes: &[u8]) -> Option<(u32, u32)> {
    // Start of frame: all of this range but the tables of Huffman and arithmetic codes, and an extension.
    let is_frame = |marker: u8| matches!(marker, 0xc0..=0xcf) && ![0xc4, 0xc8, 0xcc].contains(&marker);
    let frame = Segments::of(bytes)
        .take_while(|segment| segment.marker != START_OF_SCAN)
        .find(|segment| is_frame(segment.marker))?;
    // One byte of precision, then height and width.
    let side = |at: usize| Some(u32::from(u16::from_be_bytes([*frame.content.get(at)?, *frame.content.get(at + 1)?])));
    Some((side(3)?, side(1)?))
}

/// What the segments before the first scan say about the orientation.
pub(super) fn stated(bytes: &[u8]) -> Stated {
    let mut stated = Stated::default();
    Segments::of(bytes)
        .take_while(|segment| segment.marker != START_OF_SCAN)
        .filter(|segment| segment.marker == APP1)
        .for_each(|segment| stated.app1(segment.content));
    stated
}

/// The file with an end marker in place of what follows its last scan; `None` where its scans do not carry every
/// coefficient of the picture. Only a decoder can tell whether the last scan's data is complete: it is if
/// [`Mended::shortened`] does not decode.
///
/// Zeros behind the data come from a file system or an interrupted download. They would be read as compressed data, so
/// they are removed, as is the start of a marker.
pub(super) fn mend(bytes: &[u8]) -> Option<Mended> {
    let mut scans = Scans::default();
    for segment in Segments::of(bytes) {
        match segment.marker {
            0xc0..=0xc2 => scans.frame(segment.content)?,
            START_OF_SCAN => {
                scans.scan(segment.content)?;
                if scans.are_complete() {
                    return Some(Mended::new(&bytes[..segment.end], segment.data));
                }
            }
            _ => {}
        }
    }
    None
}

/// A file whose end was missing, with an end.
pub(super) struct Mended {
    file: Vec<u8>,
    /// Where the data of the last scan starts.
    scan: usize,
}

impl Mended {
    /// How many bytes longer than the picture needs the data may be. More would be the rest of another file, or a
    /// picture for which the decoder took such a rest for data.
    const SLACK: usize = 256;

    fn new(bytes: &[u8], scan: usize) -> Self {
        // Only data is shortened: the scan's header may end with the same bytes.
        let (head, data) = bytes.split_at(scan);
        // In data, an `FF` has a zero behind it.
        let fills = data.iter().rev().take_while(|byte| **byte == 0xff).count();
        let data = &data[..data.len() - fills];
        let zeros = data.iter().rev().take_while(|byte| **byte == 0).count();
        let without = data.len() - zeros;
        let end = match (zeros, data[..without].last()) {
            (0..=2, _) => data.len(),
            (_, Some(0xff)) => without + 1,
            _ => without,
        };
        Self { file: [head, &data[..end], &END_OF_IMAGE].concat(), scan }
    }

    pub(super) fn file(&self) -> &[u8] {
        &self.file
    }

    /// The file without the last bytes of its data. If it decodes, the data is not what it seems.
    pub(super) fn shortened(&self) -> Vec<u8> {
        let data = &self.file[..self.file.len() - END_OF_IMAGE.len()];
        let end = data.len().saturating_sub(Self::SLACK).max(self.scan);
        [&data[..end], &END_OF_IMAGE].concat()
    }
}

/// Which coefficients the scans have carried so far.
#[derive(Default)]
struct Scans {
    /// For each component its name and, of each coefficient, the bits that are missing.
    components: Vec<(u8, [u8; 64])>,
}

impl Scans {
    /// Takes a frame's header: depth, height, width, then three bytes for each component.
    fn frame(&mut self, content: &[u8]) -> Option<()> {
        let components = content.get(6..)?.as_chunks::<3>().0;
        self.components = components.iter().map(|component| (component[0], [u8::MAX; 64])).collect();
        Some(())
    }

    /// Takes a scan's header: two bytes for each component, then the first and the last coefficient
    /// and the bits that it leaves out.
    fn scan(&mut self, content: &[u8]) -> Option<()> {
        let count = usize::from(*content.first()?);
        let (names, rest) = content[1..].split_at_checked(2 * count)?;
        let [first, last, bits] = *rest.first_chunk::<3>()?;
        for name in names.as_chunks::<2>().0 {
            let (_, missing) = self.components.iter_mut().find(|(known, _)| *known == name[0])?;
            missing.get_mut(usize::from(first)..=usize::from(last))?.fill(bits & 0x0f);
        }
        Some(())
    }

    fn are_complete(&self) -> bool {
        self.components.iter().all(|(_, missing)| *missing == [0; 64])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_followed_to_the_end() {
        const APP_WITH_END_INSIDE: [u8; 8] = [0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xd9];
        const SCAN: [u8; 10] = [0xff, 0xda, 0, 2, 7, 0xff, 0x00, 0xff, 0xd3, 7];
        for (what, parts, reaches) in [
            ("nothing", vec![], false),
            ("end only", vec![&[0xff, 0xd9][..]], true),
            ("fill bytes", vec![&[0xff, 0xff, 0xff, 0xd9][..]], true),
            ("end in a segment", vec![&APP_WITH_END_INSIDE[..]], false),
            ("scan without end", vec![&APP_WITH_END_INSIDE[..], &SCAN], false),
            ("scan with end", vec![&APP_WITH_END_INSIDE[..], &SCAN, &[0xff, 0xd9]], true),
            ("two scans", vec![&SCAN[..], &SCAN, &[0xff, 0xd9, 1, 2, 3]], true),
            ("half an end", vec![&SCAN[..], &[0xff]], false),
            ("half a segment", vec![&[0xff, 0xe0, 0][..]], false),
            ("segment beyond the file", vec![&[0xff, 0xe0, 0xff, 0xff, 0xff, 0xd9][..]], false),
        ] {
            assert_eq!(reaches_end(&file(&parts)), reaches, "{what}");
        }
    }

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        [&[0xff, 0xd8][..]].iter().chain(parts).flat_map(|part| part.iter().copied()).collect()
    }

    #[test]
    fn an_end_is_put_behind_the_scan_that_completes_the_picture() {
        const FRAME: [u8; 16] = [0xff, 0xc2, 0, 14, 8, 0, 8, 0, 8, 2, 1, 0x11, 0, 2, 0x11, 0];
        const FIRST: [u8; 13] = [0xff, 0xda, 0, 10, 2, 1, 0, 2, 0, 0, 0, 0, 1];
        const REST_OF_ONE: [u8; 11] = [0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 2];
        const ROUGH_REST_OF_TWO: [u8; 11] = [0xff, 0xda, 0, 8, 1, 2, 0, 1, 63, 1, 3];
        const FINE_REST_OF_TWO: [u8; 11] = [0xff, 0xda, 0, 8, 1, 2, 0, 1, 63, 0x10, 4];
        let whole = [&FRAME[..], &FIRST, &REST_OF_ONE, &ROUGH_REST_OF_TWO, &FINE_REST_OF_TWO];
        for left_out in 1..whole.len() {
            let mut parts = whole.to_vec();
            parts.remove(left_out);
            let complete = left_out == 3;
            assert_eq!(mend(&file(&parts)).is_some(), complete, "without part {left_out}");
        }
        let expected = file(&[&whole.concat(), &END_OF_IMAGE]);
        let shortened = file(&[&whole.concat()[..whole.concat().len() - 1], &END_OF_IMAGE]);
        for (what, tail) in [
            ("nothing", &[][..]),
            ("half an end", &[0xff]),
            ("zeros", &[0; 500]),
            ("erased memory", &[0xff; 500]),
            ("a marker", &[0xff, 0xe0, 0, 9]),
        ] {
            let mended = mend(&file(&[&whole.concat(), tail])).expect(what);
            assert_eq!((mended.file(), mended.shortened()), (&expected[..], shortened.clone()), "{what}");
        }
        assert!(mend(&file(&[&FIRST[..]])).is_none(), "a scan before the frame");
        // A header that ends with bytes that are left out of data, and no data, or nothing else.
        let mut long = FINE_REST_OF_TWO.to_vec();
        long.pop();
        (long[3], long[9]) = (14, 0);
        for ending in [[0xff; 6], [0; 6]] {
            let header = [&long[..], &ending].concat();
            let whole = [&FRAME[..], &FIRST, &REST_OF_ONE, &ROUGH_REST_OF_TWO, &header];
            for tail in [&[][..], &[0xff; 9], &[0; 9]] {
                let mended = mend(&file(&[&whole.concat(), tail])).expect("all scans are there");
                assert_eq!(mended.file(), file(&[&whole.concat(), &END_OF_IMAGE]), "{ending:?} {tail:?}");
                assert_eq!(mended.shortened(), mended.file());
            }
        }
    }
}

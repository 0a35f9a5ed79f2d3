//! MJPEG: JPEG pictures one after the other.
//!
//! Where a picture ends follows from its markers (ITU-T T.81, annex B): a segment states its length, and after a scan's
//! header data runs to the next `FF` that is followed by neither `00` nor a restart marker. A damaged picture is passed
//! over: reading goes on at the next start of a picture.

use std::io::{BufRead, Read};

use facevault::vision::DecodeLimits;
use facevault::{Error, ErrorKind, PixelFormat, Result, YuvMatrix, YuvRange};

use super::shot::{Shot, Source, cannot_read, damaged, wrong};

/// What a picture begins with.
pub(super) const START: &[u8] = &[0xff, START_OF_IMAGE];

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// The most zeros behind a picture: cameras fill up their buffers.
const MAX_PADDING: u64 = 1 << 20;

/// The pictures of a stream.
pub(super) struct Mjpeg<R> {
    input: R,
    max_bytes: u64,
    /// How many pictures were read.
    count: u64,
    place: Place,
}

/// Where the stream stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// Where a picture should begin.
    Between,
    /// Behind the start of a picture.
    Begun,
    /// Somewhere in a damaged picture, or behind it.
    Lost,
}

impl<R: BufRead> Mjpeg<R> {
    pub(super) fn new(input: R, limits: &DecodeLimits) -> Self {
        Self { input, max_bytes: limits.max_bytes, count: 0, place: Place::Between }
    }

    /// Steps over zeros; whether anything follows.
    fn skip_padding(&mut self) -> Result<bool> {
        let mut skipped = 0;
        loop {
            let waiting = self.input.fill_buf().map_err(cannot_read)?;
            if waiting.is_empty() {
                return Ok(false);
            }
            let zeros = waiting.iter().take_while(|byte| **byte == 0).count();
            let is_all = zeros == waiting.len();
            self.input.consume(zeros);
            skipped += zeros as u64;
            if !is_all {
                return Ok(true);
            }
            if skipped > MAX_PADDING {
                return Err(wrong(format!("behind picture {} come more than {MAX_PADDING} zeros", self.count)));
            }
        }
    }
}

impl<R: BufRead> Mjpeg<R> {
    /// Reads on to behind the next start of a picture; `false` at the end of the stream.
    fn find_start(&mut self) -> Result<bool> {
        let mut is_marker = false;
        loop {
            let waiting = self.input.fill_buf().map_err(cannot_read)?;
            if waiting.is_empty() {
                return Ok(false);
            }
            let (mut read, mut found) = (0, false);
            while read < waiting.len() && !found {
                let byte = waiting[read];
                found = is_marker && byte == START_OF_IMAGE;
                is_marker = byte == 0xff;
                read += 1;
            }
            self.input.consume(read);
            if found {
                return Ok(true);
            }
        }
    }
}

impl<R: BufRead> Source for Mjpeg<R> {
    fn next(&mut self) -> Result<Option<Shot>> {
        let there = match self.place {
            Place::Between => self.skip_padding()?,
            Place::Begun => true,
            Place::Lost => self.find_start()?,
        };
        if !there {
            return Ok(None);
        }
        let number = self.count + 1;
        let bytes = if self.place == Place::Between { Vec::new() } else { START.to_vec() };
        let mut picture = Picture { input: (&mut self.input).take(self.max_bytes), bytes, number, follows: false };
        let read = picture.read();
        self.place = match (&read, picture.follows) {
            (Ok(_), _) => Place::Between,
            (Err(_), true) => Place::Begun,
            (Err(_), false) => Place::Lost,
        };
        let (width, height) = read?;
        let bytes = picture.bytes;
        self.count = number;
        let color = (YuvRange::Full, YuvMatrix::Bt601);
        Ok(Some(Shot { format: PixelFormat::Mjpeg, width, height, bytes, color }))
    }
}

/// A picture that is being read.
struct Picture<R> {
    input: R,
    bytes: Vec<u8>,
    number: u64,
    /// Whether it ended with the start of the next picture.
    follows: bool,
}

impl<R: BufRead> Picture<std::io::Take<R>> {
    /// Reads to the end marker; width and height as the frame's header states them.
    fn read(&mut self) -> Result<(u32, u32)> {
        let mut size = None;
        if self.bytes.is_empty() {
            let start = [self.byte()?, self.byte()?];
            if start != START {
                let [a, b] = start;
                return Err(damaged(format!(
                    "picture {} of the stream should begin with FF D8, not with {a:02X} {b:02X}",
                    self.number
                )));
            }
        }
        let mut marker = self.marker()?;
        while marker != END_OF_IMAGE {
            if marker == START_OF_IMAGE {
                self.follows = true;
                return Err(damaged(format!("picture {} of the stream ends without an end marker", self.number)));
            }
            // Restarts and the temporary marker have no segment.
            if matches!(marker, 0xd0..=0xd7 | 0x01) {
                marker = self.marker()?;
                continue;
            }
            let segment = self.segment()?;
            // Start of frame: all of this range but the tables of Huffman and arithmetic codes, and an extension.
            if matches!(marker, 0xc0..=0xcf) && ![0xc4, 0xc8, 0xcc].contains(&marker) {
                // One byte of precision, then height and width.
                let side = |at: usize| Some(u32::from(u16::from_be_bytes([*segment.get(at)?, *segment.get(at + 1)?])));
                size = size.or(side(3).zip(side(1)));
            }
            marker = if marker == START_OF_SCAN { self.marker_behind_scan()? } else { self.marker()? };
        }
        size.ok_or_else(|| damaged(format!("picture {} of the stream has no frame header", self.number)))
    }

    /// The next marker, which has to follow at once; it may be filled up with `FF`.
    fn marker(&mut self) -> Result<u8> {
        let first = self.byte()?;
        if first != 0xff {
            return Err(damaged(format!(
                "picture {} of the stream has {first:02X} at byte {} where a marker is expected",
                self.number,
                self.bytes.len() - 1
            )));
        }
        loop {
            match self.byte()? {
                0xff => {}
                marker => return Ok(marker),
            }
        }
    }

    /// The marker behind a scan's data.
    fn marker_behind_scan(&mut self) -> Result<u8> {
        loop {
            self.input.read_until(0xff, &mut self.bytes).map_err(cannot_read)?;
            if self.bytes.last() != Some(&0xff) {
                return Err(self.ended());
            }
            let mut next = self.byte()?;
            while next == 0xff {
                next = self.byte()?;
            }
            if !matches!(next, 0x00 | 0xd0..=0xd7) {
                return Ok(next);
            }
        }
    }

    /// The content of a segment.
    fn segment(&mut self) -> Result<Vec<u8>> {
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let start = self.bytes.len();
        let left = (length.max(2) - 2) as u64;
        let read = self.input.by_ref().take(left).read_to_end(&mut self.bytes).map_err(cannot_read)?;
        if (read as u64) < left {
            return Err(self.ended());
        }
        Ok(self.bytes[start..].to_vec())
    }

    fn byte(&mut self) -> Result<u8> {
        let waiting = self.input.fill_buf().map_err(cannot_read)?;
        let Some(byte) = waiting.first().copied() else { return Err(self.ended()) };
        self.input.consume(1);
        self.bytes.push(byte);
        Ok(byte)
    }

    /// Why there is no more of the picture.
    fn ended(&self) -> Error {
        if self.input.limit() == 0 {
            let bytes = self.bytes.len();
            return damaged(format!("picture {} of the stream does not end within {bytes} bytes", self.number));
        }
        Error::new(ErrorKind::Io, format!("the stream ends within picture {}", self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [u8; 13] = [0xff, 0xc0, 0, 11, 8, 0, 3, 0, 5, 1, 1, 0x11, 0];
    /// An end marker inside a segment and inside data does not end a picture.
    const SCAN: [u8; 15] = [0xff, 0xe1, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 2, 7, 0xff, 0x00, 0xff, 0xd3];

    fn picture() -> Vec<u8> {
        [START, &SIZE, &SCAN, &[0xff, 0xff, 0xd9]].concat()
    }

    fn read(stream: &[u8]) -> Result<Vec<Shot>> {
        let mut pictures = Mjpeg::new(stream, &DecodeLimits::default().with_max_bytes(100));
        let mut shots = Vec::new();
        while let Some(shot) = pictures.next()? {
            shots.push(shot);
        }
        Ok(shots)
    }

    #[test]
    fn pictures_end_where_their_markers_say() {
        let shots = read(&[&picture()[..], &[0; 50], &picture(), &picture()].concat()).expect("three pictures");
        assert_eq!(shots.len(), 3);
        assert!(shots.iter().all(|shot| shot.bytes == picture() && (shot.width, shot.height) == (5, 3)));
        assert!(read(&[]).expect("nothing").is_empty());
    }

    #[test]
    fn a_damaged_picture_is_told_and_passed_over() {
        let whole = picture();
        let endless = [START, &SIZE, &[0xff, 0xda, 0, 2], &[7; 500]].concat();
        for (damaged, said) in [
            (b"--boundary".to_vec(), "picture 1 of the stream should begin with FF D8, not with 2D 2D"),
            ([START, b"GIF"].concat(), "has 47 at byte 2 where a marker is expected"),
            ([START, &SCAN, &[0xff, 0xd9]].concat(), "picture 1 of the stream has no frame header"),
            (endless, "does not end within 100 bytes"),
            ([START, &[0xff, 0xe1, 0xff, 0xff], &[7; 500]].concat(), "does not end within 100 bytes"),
            // Without its end, in data and between segments.
            ([START, &SIZE, &SCAN, &[5, 6]].concat(), "picture 1 of the stream ends without an end marker"),
            ([START, &SIZE[..]].concat(), "picture 1 of the stream ends without an end marker"),
        ] {
            let stream = [&damaged[..], &whole, &whole].concat();
            let mut pictures = Mjpeg::new(&stream[..], &DecodeLimits::default().with_max_bytes(100));
            let error = pictures.next().map(drop).expect_err(said);
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert!(error.to_string().contains(said), "{error}");
            for _ in 0..2 {
                let shot = pictures.next().expect("a picture").expect("a picture");
                assert_eq!((shot.bytes == whole, shot.width, shot.height), (true, 5, 3), "behind {said:?}");
            }
            assert!(pictures.next().expect("the end").is_none());
        }
        for cut in 1..whole.len() {
            let error = read(&whole[..cut]).map(|shots| shots.len()).expect_err("cut short");
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Io, "the stream ends within picture 1"));
        }
    }

    #[test]
    fn garbage_is_read_to_its_end_and_padding_is_not_endless() {
        let garbage: Vec<u8> = (0..5_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 & 0xfe).collect();
        let stream = [&b"?"[..], &garbage].concat();
        let mut pictures = Mjpeg::new(&stream[..], &DecodeLimits::default());
        assert_eq!(pictures.next().map(drop).expect_err("garbage").kind(), ErrorKind::Refused);
        assert!(pictures.next().expect("the end").is_none());
        let zeros = vec![0; 3 << 20];
        assert_eq!(read(&zeros).map(|shots| shots.len()).expect_err("zeros").kind(), ErrorKind::Invalid);
    }
}

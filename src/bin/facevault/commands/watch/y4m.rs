//! YUV4MPEG2: a line that describes the stream, then for each frame a line and its pixels.
//!
//! Format: the manual page `yuv4mpeg(5)` of MJPEG tools, with `XCOLORRANGE` as ffmpeg writes it.

use std::io::{BufRead, Read};

use facevault::vision::DecodeLimits;
use facevault::{Error, ErrorKind, PixelFormat, Result, YuvMatrix, YuvRange};

use super::shot::{Shot, Source, cannot_read, wrong};

/// What a stream begins with.
pub(super) const START: &[u8] = b"YUV4MPEG2 ";

/// The most bytes of a line. Streams have fewer than 100.
const MAX_LINE: u64 = 1_024;

/// Films of more rows are of BT.709, as players take it where a film does not say.
const MAX_ROWS_OF_BT601: u32 = 576;

/// The frames of a stream.
pub(super) struct Y4m<R> {
    input: R,
    description: Description,
    /// How many frames were read.
    count: u64,
}

/// What the first line says.
#[derive(Debug, PartialEq)]
struct Description {
    width: u32,
    height: u32,
    /// Frames a second, where it is known.
    rate: Option<f64>,
    /// Whether there are no planes of colour.
    is_grey: bool,
    range: YuvRange,
}

impl<R: BufRead> Y4m<R> {
    /// Reads the first line.
    pub(super) fn open(mut input: R, limits: &DecodeLimits) -> Result<Self> {
        let line = line(&mut input)?.unwrap_or_default();
        let description = Description::parse(&line)?;
        let (width, height) = (description.width, description.height);
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > limits.max_side || pixels > limits.max_pixels {
            return Err(wrong(format!(
                "the stream's frames have {width} x {height} pixels, at most {} a side and {} in all are taken; let \
                 ffmpeg reduce them: -vf scale=1280:-2",
                limits.max_side, limits.max_pixels
            )));
        }
        Ok(Self { input, description, count: 0 })
    }
}

impl<R: BufRead> Source for Y4m<R> {
    fn rate(&self) -> Option<f64> {
        self.description.rate
    }

    fn next(&mut self) -> Result<Option<Shot>> {
        let Description { width, height, is_grey, range, .. } = self.description;
        let number = self.count + 1;
        let Some(header) = line(&mut self.input)? else { return Ok(None) };
        if header.split(|byte| *byte == b' ').next() != Some(b"FRAME") {
            let begin = String::from_utf8_lossy(&header[..header.len().min(16)]).escape_debug().to_string();
            return Err(wrong(format!("frame {number} of the stream should begin with FRAME, not with \"{begin}\"")));
        }
        let size = PixelFormat::I420.packed_size(width, height).unwrap_or_default();
        // Where there is no colour, it is that of grey.
        let mut bytes = vec![128; size];
        let luma = width as usize * height as usize;
        let pixels = if is_grey { &mut bytes[..luma] } else { &mut bytes[..] };
        let read = fill(&mut self.input, pixels)?;
        if read < pixels.len() {
            let message = format!("the stream ends within frame {number}: it has {read} of {} bytes", pixels.len());
            return Err(Error::new(ErrorKind::Io, message));
        }
        self.count = number;
        let matrix = if height > MAX_ROWS_OF_BT601 { YuvMatrix::Bt709 } else { YuvMatrix::Bt601 };
        Ok(Some(Shot { format: PixelFormat::I420, width, height, bytes, color: (range, matrix) }))
    }
}

impl Description {
    fn parse(line: &[u8]) -> Result<Self> {
        let text = str::from_utf8(line).map_err(|_| wrong("the stream's first line is not text".into()))?;
        let (mut width, mut height, mut rate, mut pixels, mut range) = (None, None, None, "420", None);
        for word in text.split(' ').skip(1).filter(|word| !word.is_empty()) {
            let (name, value) = word.split_at_checked(1).unwrap_or((word, ""));
            match name {
                "W" => width = Some(side("width", value)?),
                "H" => height = Some(side("height", value)?),
                "F" => rate = Self::rate(value)?,
                "C" => pixels = value,
                "X" => range = Self::range(value).or(range),
                // Interlacing, shape of pixels, and what later versions say.
                _ => {}
            }
        }
        let is_grey = match pixels {
            "420" | "420jpeg" | "420mpeg2" | "420paldv" => false,
            "mono" => true,
            other => {
                let message = format!(
                    "the stream's pixels are {other:?}; 420 and mono are read: ask ffmpeg for -pix_fmt yuv420p"
                );
                return Err(wrong(message));
            }
        };
        let missing = |name: &str| wrong(format!("the stream's first line lacks the {name} of its frames"));
        Ok(Self {
            width: width.ok_or_else(|| missing("width (W)"))?,
            height: height.ok_or_else(|| missing("height (H)"))?,
            rate,
            is_grey,
            range: range.unwrap_or(if is_grey { YuvRange::Full } else { YuvRange::Video }),
        })
    }

    /// Frames a second as a fraction; `0:0` means that they are not known.
    fn rate(value: &str) -> Result<Option<f64>> {
        let parts = value.split_once(':').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
        match parts {
            Some((0, 0)) => Ok(None),
            Some((frames, seconds)) if frames > 0 && seconds > 0 => Ok(Some(f64::from(frames) / f64::from(seconds))),
            _ => Err(wrong(format!("the stream's rate {value:?} is not a fraction such as 30:1"))),
        }
    }

    fn range(value: &str) -> Option<YuvRange> {
        match value {
            "COLORRANGE=FULL" => Some(YuvRange::Full),
            "COLORRANGE=LIMITED" => Some(YuvRange::Video),
            _ => None,
        }
    }
}

fn side(name: &str, value: &str) -> Result<u32> {
    let side = value.parse().ok().filter(|side| (1..=65_535).contains(side));
    side.ok_or_else(|| wrong(format!("the stream's {name} {value:?} is not a number from 1 to 65535")))
}

/// The next line without its end; `None` at the end of the input.
fn line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    input.take(MAX_LINE).read_until(b'\n', &mut line).map_err(cannot_read)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if line.len() as u64 + 1 == MAX_LINE => {
            Err(wrong(format!("a line of the stream has no end within {MAX_LINE} bytes: this is not YUV4MPEG2")))
        }
        Some(_) => Err(Error::new(ErrorKind::Io, "the stream ends within a line")),
    }
}

/// Reads until `bytes` is full or the input ends; how many were read.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match input.read(&mut bytes[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot_read(error)),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(stream: &[u8]) -> Result<Y4m<&[u8]>> {
        Y4m::open(stream, &DecodeLimits::default())
    }

    #[test]
    fn the_first_line_describes_the_frames() {
        let plain = |rate| Description { width: 640, height: 480, rate, is_grey: false, range: YuvRange::Video };
        for (line, expected) in [
            ("YUV4MPEG2 W640 H480", plain(None)),
            ("YUV4MPEG2 W640 H480 F30000:1001 Ip A1:1 C420jpeg XYSCSS=420JPEG", plain(Some(30_000.0 / 1_001.0))),
            ("YUV4MPEG2 H480 W640 F0:0 C420mpeg2 XCOLORRANGE=LIMITED", plain(None)),
            ("YUV4MPEG2 W640 H480 XCOLORRANGE=FULL C420", Description { range: YuvRange::Full, ..plain(None) }),
            ("YUV4MPEG2 W640 H480 Cmono", Description { is_grey: true, range: YuvRange::Full, ..plain(None) }),
        ] {
            assert_eq!(Description::parse(line.as_bytes()).expect(line), expected, "{line}");
        }
        for (line, said) in [
            ("YUV4MPEG2 W640", "lacks the height (H)"),
            ("YUV4MPEG2 H480 F1:1", "lacks the width (W)"),
            ("YUV4MPEG2 W0 H480", "width \"0\" is not a number from 1 to 65535"),
            ("YUV4MPEG2 W640 H99999999999", "height \"99999999999\" is not a number"),
            ("YUV4MPEG2 W640 H480 F30", "rate \"30\" is not a fraction"),
            ("YUV4MPEG2 W640 H480 C422", "pixels are \"422\"; 420 and mono are read"),
        ] {
            let error = Description::parse(line.as_bytes()).expect_err(line).to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn frames_follow_until_the_end() {
        let stream = [&b"YUV4MPEG2 W3 H1 F25:1\nFRAME\n"[..], &[1, 2, 3, 4, 5, 6, 7], b"FRAME Ip\n", &[7; 7]].concat();
        let mut film = opened(&stream).expect("a stream");
        assert_eq!(film.next().expect("a frame").expect("a frame").bytes, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(film.next().expect("a frame").expect("a frame").bytes, [7; 7]);
        assert!(film.next().expect("the end").is_none());
        let mut grey = opened(b"YUV4MPEG2 W2 H1 Cmono\nFRAME\n\x05\x06").expect("a stream");
        assert_eq!(grey.next().expect("a frame").expect("a frame").bytes, [5, 6, 128, 128]);
    }

    #[test]
    fn what_is_no_frame_is_told() {
        let long = [START, &vec![b'X'; 5_000]].concat();
        for (stream, said) in [
            (&b"YUV4MPEG2 W2 H1\nFRAME\n\x01\x02\x03"[..], "ends within frame 1: it has 3 of 4 bytes"),
            (b"YUV4MPEG2 W2 H1\nFRAME\n\x01\x02\x03\x04FRA", "the stream ends within a line"),
            (b"YUV4MPEG2 W2 H1\nFRAMED\n", "frame 1 of the stream should begin with FRAME, not with \"FRAMED\""),
            (b"YUV4MPEG2 W2 H1\n\x00\x1b[31m\n", "not with \"\\0\\u{1b}[31m\""),
            (b"YUV4MPEG2 W60000 H60000\n", "60000 x 60000 pixels, at most 12000 a side"),
            (&long, "has no end within 1024 bytes"),
        ] {
            let error = opened(stream).and_then(|mut film| {
                while film.next()?.is_some() {}
                Ok(())
            });
            let error = error.expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}

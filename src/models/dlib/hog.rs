//! dlib's HOG face detector, whose weights stand as text in dlib's own source.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Result;
use crate::spec::hog_model::{CELL, HogFilter, HogModel, HogRules, PLANES};

use super::ppm;
use super::reader::{Reader, fault};

const FILE: &str = "dlib's HOG detector";
/// Bytes that an integer and a float take at least.
const INTEGER: usize = 2;
const FLOAT: usize = 2 * INTEGER;
/// The largest detector that is unpacked; dlib's has 200 KB.
const MAX_UNPACKED: usize = 4 << 20;
/// The largest side of a window, in pixels.
const MAX_WINDOW: usize = 512;
/// The largest number that only bounds something.
const MAX_COUNT: usize = 1 << 30;
/// What stands before each line of the weights in the source, and behind it.
const LINE: (&[u8], &[u8]) = (b"sout << \"", b"\";");

/// The detector in `file`: the bytes of dlib's source file `dlib/image_processing/frontal_face_detector.h`, or of a
/// detector as dlib's `object_detector` over `scan_fhog_pyramid` is serialised.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short or holds no such detector.
pub fn hog_model(file: &[u8]) -> Result<HogModel> {
    // A serialised detector starts with the version 2; a source is text.
    if file.starts_with(&[1, 2]) { read(file) } else { read(&unpack(file)?) }
}

/// The serialised detector in dlib's source.
fn unpack(source: &[u8]) -> Result<Vec<u8>> {
    let mut text = Vec::with_capacity(source.len());
    let lines = source.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    for line in lines.filter_map(|line| line.strip_prefix(LINE.0)?.strip_suffix(LINE.1)) {
        text.extend_from_slice(line);
    }
    if text.is_empty() {
        let why = "expected dlib's source frontal_face_detector.h or a serialised detector, found neither";
        return Err(fault(FILE, why, 0));
    }
    let packed = STANDARD.decode(&text).map_err(|error| {
        fault(FILE, format_args!("expected weights in base64: {error}, of the lines' {} characters", text.len()), 0)
    })?;
    ppm::decompress(FILE, &packed, MAX_UNPACKED)
}

/// A detector is its scanner, then by how much boxes may overlap, then its filters.
fn read(file: &[u8]) -> Result<HogModel> {
    let mut reader = Reader::new(FILE, file);
    reader.expect("a detector of version", 2)?;
    reader.expect("a scanner of version", 1)?;
    // Room for, and number of, the levels of a picture: a detector at rest has none.
    reader.size("room for levels", MAX_COUNT)?;
    reader.expect("levels:", 0)?;
    reader.expect("cells of a side in pixels of", CELL as i64)?;
    let padding = reader.size("a padding", MAX_WINDOW)?;
    let window = [reader.size("a window's width", MAX_WINDOW)?, reader.size("a window's height", MAX_WINDOW)?];
    let max_levels = reader.size("levels of a pyramid", MAX_COUNT)?;
    let least_level = [reader.size("a level's width", MAX_COUNT)?, reader.size("a level's height", MAX_COUNT)?];
    let _training = reader.float()?;
    let size = window.map(|side| cells(side) + 2 * padding);
    let weights = PLANES * size[0] * size[1];
    reader.expect("weights of a filter:", weights as i64)?;
    let (overlap, coverage) = (reader.float()?, reader.float()?);
    let count = reader.length("filters", weights.max(1) * FLOAT)?;
    let mut filters = Vec::new();
    for _ in 0..count {
        reader.expect("numbers of a filter (negative):", -(weights as i64) - 1)?;
        reader.expect("columns (negative):", -1)?;
        let mut numbers = Vec::with_capacity(weights);
        for _ in 0..weights {
            numbers.push(reader.float()?);
        }
        filters.push(HogFilter { weights: numbers, threshold: reader.float()? });
    }
    reader.end()?;
    HogModel::new(HogRules { size, padding, least_level, max_levels, overlap, coverage }, filters)
}

/// How many cells a side of a window has, without the border around each picture.
fn cells(side: usize) -> usize {
    let (side, cell) = (side as i64, CELL as i64);
    let first = -(side / 2);
    let last = first + side - 1;
    // The pixels of a picture's border have no gradient, and divisions round towards 0.
    let cells = (last - 1) / cell - (first - 1) / cell + 1;
    cells.max(0) as usize
}

#[cfg(test)]
mod tests {
    use super::super::writer::{Writer, assert_damage_is_refused};
    use super::*;

    /// A detector of two filters of 2 x 2 cells; `change` changes the numbers before the filters.
    fn written(change: impl Fn(&mut [i64])) -> Vec<u8> {
        let mut head = [2, 1, 0, 0, 8, 0, 16, 16, 10, 16, 16, 0, 0, 4 * PLANES as i64, 1, -2, 1, 0, 2];
        change(&mut head);
        let mut writer = Writer::default();
        writer.integers(&head);
        for threshold in [1.0, 1.5] {
            writer.integers(&[-4 * PLANES as i64 - 1, -1]);
            (0..4 * PLANES).fold(&mut writer, |writer, weight| writer.float(weight as f32 - 7.5)).float(threshold);
        }
        writer.0
    }

    #[test]
    fn a_written_detector_is_read() {
        let model = hog_model(&written(|_| {})).expect("a detector");
        let rules =
            HogRules { size: [2, 2], padding: 0, least_level: [16, 16], max_levels: 10, overlap: 0.25, coverage: 1.0 };
        assert_eq!(*model.rules(), rules);
        let read: Vec<_> = model.filters().iter().map(|filter| (filter.weights[9], filter.threshold)).collect();
        assert_eq!(read, [(1.5, 1.0), (1.5, 1.5)]);
        assert_eq!(format!("{model:?}"), format!("HogModel(2 filters, {rules:?})"));
    }

    #[test]
    fn damage_is_refused() {
        assert_damage_is_refused(&written(|_| {}), hog_model);
    }

    #[test]
    fn what_is_no_such_detector_is_refused() {
        for (place, value, reason) in [
            (1, 2, "expected a scanner of version 1, found 2"),
            (3, 4, "expected levels: 0, found 4"),
            (4, 6, "expected cells of a side in pixels of 8, found 6"),
            (5, 1, "expected weights of a filter: 496, found 124"),
            (6, 600, "expected a window's width from 0 to 512, found 600"),
            (7, 0, "expected weights of a filter: 62, found 124"),
            (8, 0, "a pyramid must have at least one level"),
            (9, 3, "must have sides of 16 to 4096 pixels, has 3 x 16"),
            (14, 9, "boxes must overlap by a share from 0 to 1, not 2.25"),
            (16, -1, "boxes must overlap by a share from 0 to 1, not -1"),
            (18, 4, "expected filters from 0 to 3, found 4"),
        ] {
            let error = hog_model(&written(|head| head[place] = value)).expect_err(reason).to_string();
            assert!(error.contains(reason), "{place}: {error}");
        }
        let none = written(|head| head[18] = 0);
        assert!(hog_model(&none).is_err());
    }

    #[test]
    fn text_that_holds_no_weights_is_refused() {
        for (text, reason) in [
            ("", "expected dlib's source frontal_face_detector.h or a serialised detector, found neither"),
            ("sout << \"AEjb\" ;\n", "found neither"),
            ("  sout << \"AEjb!\";\n", "expected weights in base64"),
            ("  sout << \"AEjb\";\r\n", "in the compressed text"),
            (
                "sout << \"AEjbV3bMh1Z\";\n  sout << \"WbjW0NwA=\";\n",
                "expected an integer, found the byte 0x00 at byte 1",
            ),
        ] {
            let error = hog_model(text.as_bytes()).expect_err(reason).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_window_has_dlibs_number_of_cells() {
        for (side, expected) in [(80, 10), (72, 9), (96, 12), (64, 8), (16, 2), (17, 2), (1, 1)] {
            assert_eq!(cells(side), expected, "{side}");
        }
    }
}

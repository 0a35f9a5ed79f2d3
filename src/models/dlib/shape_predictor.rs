//! dlib's landmark models, of five points and of 68.

use crate::error::Result;
use crate::spec::shape_model::{ShapeModel, ShapePixel, Split, Stage};

use super::reader::Reader;

/// Bytes that an integer and a float take at least.
const INTEGER: usize = 2;
const FLOAT: usize = 2 * INTEGER;
/// The landmark model in `file`, the bytes of `shape_predictor_5_face_landmarks.dat`.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short or is no
/// landmark model of five points.
pub fn shape_model(file: &[u8]) -> Result<ShapeModel> {
    read(file)
}

/// The landmark model in `file`, the bytes of `shape_predictor_68_face_landmarks.dat`: 68 points in the order of the
/// iBUG 300-W annotation. Its licence excludes commercial use; no pack has it, and nothing installs it.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short or is no
/// landmark model of 68 points.
pub fn shape_model_68(file: &[u8]) -> Result<ShapeModel<68>> {
    read(file)
}

/// The file is the mean shape, then the stages' trees, then which landmark each pixel of a stage
/// belongs to, then where the pixels are relative to their landmarks.
fn read<const POINTS: usize>(file: &[u8]) -> Result<ShapeModel<POINTS>> {
    let mut reader = Reader::new("dlib's landmark model", file);
    reader.expect("a landmark model of version", 1)?;
    let mean = points(&mut reader)?;
    let count = reader.length("stages", INTEGER)?;
    let mut stages = Vec::new();
    for _ in 0..count {
        stages.push(read_trees(&mut reader)?);
    }
    reader.expect("lists of landmarks, one a stage:", count as i64)?;
    for stage in &mut stages {
        let pixels = reader.length("pixels", INTEGER)?;
        for _ in 0..pixels {
            stage.pixels.push(ShapePixel { landmark: reader.size("a landmark", POINTS - 1)?, offset: [0.0; 2] });
        }
    }
    reader.expect("lists of pixels, one a stage:", count as i64)?;
    for stage in &mut stages {
        reader.expect("pixels of a stage:", stage.pixels.len() as i64)?;
        for pixel in &mut stage.pixels {
            pixel.offset = [reader.single()?, reader.single()?];
        }
    }
    reader.end()?;
    ShapeModel::new(mean, stages)
}

/// A matrix of one column, x before y of each point; sizes are written as negative numbers.
fn points<const POINTS: usize>(reader: &mut Reader<'_>) -> Result<[[f32; 2]; POINTS]> {
    reader.expect("rows (negative), two coordinates for each landmark:", -2 * POINTS as i64)?;
    reader.expect("columns (negative):", -1)?;
    let mut values = [[0.0; 2]; POINTS];
    for value in values.as_flattened_mut() {
        *value = reader.single()?;
    }
    Ok(values)
}

fn read_trees<const POINTS: usize>(reader: &mut Reader<'_>) -> Result<Stage<POINTS>> {
    // Bytes that a leaf takes at least: its two sizes and its numbers.
    let leaf = 2 * INTEGER + 2 * POINTS * FLOAT;
    let trees = reader.length("trees", INTEGER)?;
    let mut stage = Stage { pixels: Vec::new(), splits_per_tree: 0, splits: Vec::new(), leaves: Vec::new() };
    for tree in 0..trees {
        let splits = reader.length("splits", 2 * INTEGER + FLOAT)?;
        if tree == 0 {
            stage.splits_per_tree = splits;
        } else if splits != stage.splits_per_tree {
            let expected = stage.splits_per_tree;
            return Err(reader.error(format_args!("expected trees of {expected} splits, found one of {splits}")));
        }
        for _ in 0..splits {
            let mut pixel = || Ok(reader.size("a pixel", u32::MAX as usize)? as u32);
            let (first, second) = (pixel()?, pixel()?);
            stage.splits.push(Split { first, second, threshold: reader.single()? });
        }
        let leaves = reader.length("leaves", leaf)?;
        for _ in 0..leaves {
            stage.leaves.push(points(reader)?);
        }
    }
    Ok(stage)
}

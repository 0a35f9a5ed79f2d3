//! dlib's five-point landmark model.

use crate::error::Result;
use crate::spec::shape_model::{ShapeModel, ShapePixel, Split, Stage};

use super::reader::Reader;

/// Bytes that an integer and a float take at least.
const INTEGER: usize = 2;
const FLOAT: usize = 2 * INTEGER;
/// Bytes that a leaf takes at least: its two sizes and ten numbers.
const LEAF: usize = 2 * INTEGER + 10 * FLOAT;

/// The landmark model in `file`, the bytes of `shape_predictor_5_face_landmarks.dat`.
///
/// The file is the mean shape, then the stages' trees, then which landmark each pixel of a stage
/// belongs to, then where the pixels are relative to their landmarks.
///
/// # Errors
/// [`ModelUnavailable`](crate::ErrorKind::ModelUnavailable) where the file is cut short or is no
/// landmark model of five points.
pub fn shape_model(file: &[u8]) -> Result<ShapeModel> {
    let mut reader = Reader::new("dlib's landmark model", file);
    reader.expect("a landmark model of version", 1)?;
    let mean = column(&mut reader)?;
    let count = reader.length("stages", INTEGER)?;
    let mut stages = Vec::new();
    for _ in 0..count {
        stages.push(read_trees(&mut reader)?);
    }
    reader.expect("lists of landmarks, one a stage:", count as i64)?;
    for stage in &mut stages {
        let pixels = reader.length("pixels", INTEGER)?;
        for _ in 0..pixels {
            stage.pixels.push(ShapePixel { landmark: reader.size("a landmark", 4)?, offset: [0.0; 2] });
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
    ShapeModel::new(
        [[mean[0], mean[1]], [mean[2], mean[3]], [mean[4], mean[5]], [mean[6], mean[7]], [mean[8], mean[9]]],
        stages,
    )
}

/// A matrix of one column and ten rows; sizes are written as negative numbers.
fn column(reader: &mut Reader<'_>) -> Result<[f32; 10]> {
    reader.expect("rows (negative) of two coordinates a landmark, five landmarks:", -10)?;
    reader.expect("columns (negative):", -1)?;
    let mut values = [0.0; 10];
    for value in &mut values {
        *value = reader.single()?;
    }
    Ok(values)
}

fn read_trees(reader: &mut Reader<'_>) -> Result<Stage> {
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
        let leaves = reader.length("leaves", LEAF)?;
        for _ in 0..leaves {
            stage.leaves.push(column(reader)?);
        }
    }
    Ok(stage)
}

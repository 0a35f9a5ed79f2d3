//! Weights of integers, put back into floats in ONNX's order.
//!
//! A number is its integer times two to the power of the tensor's exponent, which a float holds
//! exactly for 8-bit integers. The chip computes 16 outputs at once, so that filters stand in the
//! file as blocks of 16 outputs, each block as rows, columns, inputs and then the 16 outputs
//! (`N16HWC16` in the weight's documentation). The declared sizes are rows, columns, inputs and
//! outputs; of a depthwise convolution rows, columns, outputs and 1. A matrix is a filter of one
//! pixel. Biases are 32-bit integers in plain order.

use crate::error::Result;
use crate::models::flatbuffer::Table;

/// `espdl.fbs`, `TensorDataType`.
const INT8: i32 = 3;
const INT32: i32 = 6;
/// Far beyond what quantisation gives, within what a float's exponent holds.
const MAX_EXPONENT: i64 = 64;
/// How many outputs a block of filters has.
const BLOCK: usize = 16;

/// A tensor of weights whose content is still in the file.
#[derive(Debug)]
pub(super) struct Weight<'a> {
    pub(super) sizes: Vec<usize>,
    /// One integer after the other, without what fills the last 16 bytes.
    pub(super) content: &'a [u8],
    kind: i32,
    blocks: bool,
    exponent: i32,
}

/// Reads one weight and its name.
pub(super) fn read<'a>(tensor: &Table<'a>) -> Result<(&'a str, Weight<'a>)> {
    let name = tensor.text(6)?;
    let sizes = tensor.items::<8>(0)?;
    let blocks = match tensor.text(7)? {
        "layout ==> N16HWC16" => true,
        "" | "layout ==> UNK" => false,
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(tensor.error(format_args!("expected the layout N16HWC16 or UNK, found {other:?}")));
        }
    };
    let kind = tensor.i32(1, 0)?;
    let width: usize = match kind {
        INT8 => 1,
        INT32 => 4,
        other => {
            return Err(tensor.error(format_args!("expected integers of 8 or 32 bits, found numbers of type {other}")));
        }
    };
    let [exponent] = tensor.items::<8>(13)? else {
        let found = tensor.items::<8>(13)?.len();
        return Err(tensor.error(format_args!("expected one exponent for all numbers, found {found}")));
    };
    let exponent = i64::from_le_bytes(*exponent);
    if !(-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
        return Err(tensor.error(format_args!("expected an exponent within {MAX_EXPONENT}, found {exponent}")));
    }
    let sizes = if sizes.len() <= 4 {
        sizes.iter().map(|size| usize::try_from(i64::from_le_bytes(*size)).ok().filter(|size| *size > 0)).collect()
    } else {
        None
    };
    let stored = tensor.items::<16>(8)?.as_flattened();
    // What fills the last 16 bytes, and no more, may stand behind the numbers.
    let length = |sizes: &Vec<usize>| {
        let length = sizes.iter().try_fold(width, |product, size| product.checked_mul(*size))?;
        (length.checked_next_multiple_of(16)? == stored.len()).then_some(length)
    };
    let Some((sizes, length)) = sizes.and_then(|sizes: Vec<usize>| length(&sizes).map(|length| (sizes, length))) else {
        return Err(tensor.error(format_args!(
            "expected up to 4 sizes of {} bytes of numbers in blocks of 16 bytes, found others",
            stored.len()
        )));
    };
    Ok((name, Weight { sizes, content: &stored[..length], kind, blocks, exponent: exponent as i32 }))
}

impl Weight<'_> {
    /// The numbers of a weight in plain order, as little-endian floats; an error says why it is
    /// none.
    pub(super) fn plain(&self) -> Result<Vec<u8>, String> {
        if self.blocks {
            return Err("expected numbers in plain order, found blocks of 16".to_owned());
        }
        Ok(self.integers().flat_map(|integer| self.float(integer)).collect())
    }

    /// The filters in the order outputs, inputs, rows and columns, with those four sizes.
    pub(super) fn filters(&self, depthwise: bool) -> Result<([usize; 4], Vec<u8>), String> {
        let shape = match *self.sizes {
            [rows, columns, outputs, 1] if depthwise => [outputs, 1, rows, columns],
            [rows, columns, inputs, outputs] if !depthwise => [outputs, inputs, rows, columns],
            _ => return Err(format!("expected filters of four sizes, found {:?}", self.sizes)),
        };
        let [outputs, inputs, rows, columns] = shape;
        if !self.blocks || self.kind != INT8 || !outputs.is_multiple_of(BLOCK) {
            return Err(format!(
                "expected 8-bit filters in whole blocks of 16, found {outputs} filters in other order"
            ));
        }
        let pixels = rows * columns;
        let mut result = Vec::with_capacity(4 * self.content.len());
        for block in self.content.chunks_exact(pixels * inputs * BLOCK) {
            for output in 0..BLOCK {
                for input in 0..inputs {
                    for pixel in 0..pixels {
                        let integer = block[(pixel * inputs + input) * BLOCK + output].cast_signed();
                        result.extend(self.float(i32::from(integer)));
                    }
                }
            }
        }
        Ok((shape, result))
    }

    fn integers(&self) -> impl Iterator<Item = i32> {
        let width = if self.kind == INT8 { 1 } else { 4 };
        self.content.chunks_exact(width).map(|bytes| match *bytes {
            [one] => i32::from(one.cast_signed()),
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
            _ => 0,
        })
    }

    fn float(&self, integer: i32) -> [u8; 4] {
        ((f64::from(integer) * f64::from(self.exponent).exp2()) as f32).to_le_bytes()
    }
}

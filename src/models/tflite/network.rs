//! What stands in a `.tflite` file: tensors and the operators between them.
//!
//! Slots are those of TensorFlow's `schema.fbs`, version 3.

use crate::error::{Error, ErrorKind, Result};
use crate::models::flatbuffer::Table;

use super::operators::{self, Operator};

/// What errors call the file.
const FILE: &str = "the TFLite file";
/// Bytes 4 to 7 of the file.
const IDENTIFIER: &[u8] = b"TFL3";
const VERSION: u32 = 3;
/// The most tensors and the most operators; far above any embedder's.
const MAX_ITEMS: usize = 4096;
/// The most dimensions of a tensor, and the largest size of one.
const MAX_DIMENSIONS: usize = 4;
const MAX_SIZE: i32 = 1 << 16;
/// The type of tensors of 32-bit floats, and of those of 32-bit integers.
const FLOAT32: u8 = 0;
const INT32: u8 = 2;

/// A network: operators in the order in which they run.
pub(super) struct NetworkFile<'a> {
    pub(super) tensors: Vec<Tensor<'a>>,
    pub(super) operators: Vec<Operator<'a>>,
    pub(super) input: usize,
    pub(super) output: usize,
    /// How many bytes the file has.
    pub(super) length: usize,
}

/// A value between two operators, or constant numbers.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    pub(super) sizes: Vec<usize>,
    kind: u8,
    /// A constant's content; empty for a value.
    content: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// Whether its numbers are known before the network runs.
    pub(super) fn is_constant(&self) -> bool {
        !self.content.is_empty()
    }

    /// Whether it is a value of floats.
    pub(super) fn is_float(&self) -> bool {
        self.kind == FLOAT32
    }

    /// A constant's floats as little-endian bytes; an error says why there are none.
    pub(super) fn floats(&self) -> Result<&'a [u8], String> {
        self.numbers(FLOAT32, "32-bit floats")?;
        let numbers = self.content.as_chunks::<4>().0;
        if numbers.iter().any(|number| !f32::from_le_bytes(*number).is_finite()) {
            return Err("expected finite numbers".to_owned());
        }
        Ok(self.content)
    }

    /// A constant's integers.
    pub(super) fn integers(&self) -> Result<Vec<i32>, String> {
        self.numbers(INT32, "32-bit integers")?;
        Ok(self.content.as_chunks::<4>().0.iter().map(|number| i32::from_le_bytes(*number)).collect())
    }

    fn numbers(&self, kind: u8, what: &str) -> Result<(), String> {
        if self.kind != kind {
            return Err(format!("expected {what}, found numbers of type {}", self.kind));
        }
        // At most four sizes of 16 bits each: the product has at most 64 bits.
        let expected = self.sizes.iter().try_fold(4usize, |product, size| product.checked_mul(*size));
        if expected != Some(self.content.len()) {
            return Err(format!("expected {what} of shape {:?}, found {} bytes", self.sizes, self.content.len()));
        }
        Ok(())
    }
}

impl NetworkFile<'_> {
    /// Batch, rows, columns and channels of the input.
    pub(super) fn input_sizes(&self) -> Result<[usize; 4]> {
        let input = &self.tensors[self.input];
        if !input.is_float() || input.is_constant() {
            return Err(error("expected an input of 32-bit floats, found another tensor"));
        }
        <[usize; 4]>::try_from(input.sizes.as_slice()).map_err(|_| {
            error(format_args!("expected an input of batch, rows, columns and channels, found {:?}", input.sizes))
        })
    }
}

/// The error that the file is not what it should be.
pub(super) fn error(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::ModelUnavailable, format!("{FILE}: {why}"))
}

/// Reads the one network of a file.
pub(super) fn read(bytes: &[u8]) -> Result<NetworkFile<'_>> {
    let model = Table::root(FILE, bytes, 0)?;
    if bytes.get(4..8) != Some(IDENTIFIER) {
        return Err(error("expected the identifier TFL3 at byte 4, found another"));
    }
    let version = model.u32(0)?;
    if version != VERSION {
        return Err(error(format_args!("expected version {VERSION}, found {version}")));
    }
    let mut graphs = model.tables(2, "networks", 1)?;
    let graph = graphs.next().ok_or_else(|| model.error("expected a network, found none"))??;
    let buffers = model.tables(4, "buffers", MAX_ITEMS)?.map(|buffer| content(&buffer?)).collect::<Result<Vec<_>>>()?;
    let tensors = graph.tables(0, "tensors", MAX_ITEMS)?.map(|tensor| read_tensor(&tensor?, &buffers));
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    let codes = model.tables(1, "operator codes", MAX_ITEMS)?.map(|code| operators::name(&code?));
    let codes = codes.collect::<Result<Vec<_>>>()?;
    let operators = graph.tables(3, "operators", MAX_ITEMS)?.enumerate();
    let operators = operators.map(|(index, operator)| operators::read(index, &operator?, &codes, tensors.len()));
    Ok(NetworkFile {
        operators: operators.collect::<Result<_>>()?,
        input: the_one(&graph, 1, "an input", tensors.len())?,
        output: the_one(&graph, 2, "an output", tensors.len())?,
        tensors,
        length: bytes.len(),
    })
}

fn content<'a>(buffer: &Table<'a>) -> Result<&'a [u8]> {
    // An offset here says that the content stands behind the FlatBuffers, in files above 2 GB.
    if buffer.i64(1)? > 1 {
        return Err(buffer.error("expected a buffer with its content, found one that has it elsewhere"));
    }
    Ok(buffer.items::<1>(0)?.as_flattened())
}

fn read_tensor<'a>(tensor: &Table<'a>, buffers: &[&'a [u8]]) -> Result<Tensor<'a>> {
    let sizes = tensor.items::<4>(0)?;
    if sizes.len() > MAX_DIMENSIONS {
        return Err(tensor
            .error(format_args!("expected a tensor of at most {MAX_DIMENSIONS} dimensions, found {}", sizes.len())));
    }
    let size = |size: &[u8; 4]| match i32::from_le_bytes(*size) {
        size @ 1..=MAX_SIZE => Ok(size as usize),
        other => Err(tensor.error(format_args!("expected a size from 1 to {MAX_SIZE}, found {other}"))),
    };
    let buffer = tensor.u32(2)?;
    let content = buffers.get(buffer as usize).ok_or_else(|| {
        tensor.error(format_args!("expected one of {} buffers, found number {buffer}", buffers.len()))
    })?;
    // A sparse tensor's content is packed.
    if tensor.table(6)?.is_some() {
        return Err(tensor.error("expected a tensor with all its numbers, found a sparse one"));
    }
    Ok(Tensor { sizes: sizes.iter().map(size).collect::<Result<_>>()?, kind: tensor.u8(1)?, content })
}

/// The one tensor in a vector of numbers of tensors.
fn the_one(graph: &Table<'_>, slot: usize, what: &str, tensors: usize) -> Result<usize> {
    let [one] = graph.items::<4>(slot)? else {
        return Err(graph.error(format_args!("expected {what}, found {}", graph.items::<4>(slot)?.len())));
    };
    let one = u32::from_le_bytes(*one) as usize;
    if one >= tensors {
        return Err(graph.error(format_args!("expected {what} among {tensors} tensors, found number {one}")));
    }
    Ok(one)
}

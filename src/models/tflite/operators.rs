//! The operators of a `.tflite` file, and the settings of each.
//!
//! Slots, names and values are those of TensorFlow's `schema.fbs`, version 3.

use crate::error::{Error, Result};
use crate::models::flatbuffer::Table;

use super::network::error;

/// The schema's operators 0 to 126 in order, so that an error can name what is not supported.
const NAMES: &str = "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE \
    EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D \
    LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE \
    RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM \
    EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE \
    MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT \
    LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER \
    GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG \
    SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND \
    LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE \
    RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N \
    GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE \
    NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL";

/// The largest window and step.
const MAX_WINDOW: i32 = 4096;

/// One operator.
#[derive(Debug, Clone)]
pub(super) struct Operator<'a> {
    /// Its place in the file.
    pub(super) index: usize,
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// The numbers of the tensors it reads; an input that may be left out is missing.
    pub(super) inputs: Vec<Option<usize>>,
    /// The tensor it writes.
    pub(super) output: usize,
    pub(super) activation: Activation,
}

/// What an operator computes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Absolute,
    Add,
    AveragePool {
        moves: Moves,
        size: [usize; 2],
    },
    Convolution(Moves),
    Depthwise(Moves),
    FullyConnected,
    Mean {
        keeps_dimensions: bool,
    },
    Multiply,
    /// `max(0, x)` and a multiple of `min(0, x)`: the second input times the factor.
    Prelu {
        factor: f32,
    },
    Relu,
    Relu6,
    /// To a shape that is the second input, or this one.
    Reshape(Vec<i32>),
    Subtract,
    UnitLength,
}

/// How a window moves over rows and columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moves {
    /// Whether there are as many results as steps, with zeros around the input, or only those of
    /// windows that lie within it.
    pub(super) same: bool,
    pub(super) stride: [usize; 2],
}

/// What is done to the result at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Activation {
    None,
    Relu,
    Relu6,
}

impl Operator<'_> {
    /// The error that names this operator.
    pub(super) fn error(&self, why: impl std::fmt::Display) -> Error {
        named(self.index, self.name, why)
    }
}

fn named(index: usize, name: &str, why: impl std::fmt::Display) -> Error {
    error(format_args!("operator {index} ({name:.40}): {why}"))
}

/// The name of an operator code: the schema's, a custom operator's own, or nothing for one that
/// came later.
pub(super) fn name<'a>(code: &Table<'a>) -> Result<&'a str> {
    // Codes above 126 did not fit into the first field; the larger of both counts.
    let number = code.i32(3, 0)?.max(i32::from(code.u8(0)?.cast_signed()));
    let name = usize::try_from(number).ok().and_then(|number| NAMES.split_ascii_whitespace().nth(number));
    Ok(match name {
        Some("CUSTOM") => code.text(1)?,
        name => name.unwrap_or_default(),
    })
}

/// Reads the operator at place `index`.
pub(super) fn read<'a>(index: usize, table: &Table<'a>, codes: &[&'a str], tensors: usize) -> Result<Operator<'a>> {
    let code = table.u32(0)? as usize;
    let name = *codes
        .get(code)
        .ok_or_else(|| table.error(format_args!("expected one of {} operator codes, found {code}", codes.len())))?;
    let options = Options { index, name, kind: table.u8(3)?, table: table.table(4)? };
    let (kind, activation) = options.read()?;
    let (inputs, outputs) = (table.items::<4>(1)?, table.items::<4>(2)?);
    if !(1..=3).contains(&inputs.len()) || outputs.len() != 1 {
        let found = format_args!("expected 1 to 3 inputs and 1 output, found {} and {}", inputs.len(), outputs.len());
        return Err(named(index, name, found));
    }
    let tensor = |number: &[u8; 4]| match i32::from_le_bytes(*number) {
        -1 => Ok(None),
        number if usize::try_from(number).is_ok_and(|number| number < tensors) => Ok(Some(number as usize)),
        other => Err(named(index, name, format_args!("expected one of {tensors} tensors, found number {other}"))),
    };
    let output = tensor(&outputs[0])?.ok_or_else(|| named(index, name, "expected an output, found none"))?;
    let inputs = inputs.iter().map(tensor).collect::<Result<_>>()?;
    Ok(Operator { index, name, kind, inputs, output, activation })
}

/// An operator's options, whose table depends on the operator.
struct Options<'a> {
    index: usize,
    name: &'a str,
    /// Which of the schema's tables of options it is; 0 for none.
    kind: u8,
    table: Option<Table<'a>>,
}

impl Options<'_> {
    fn read(&self) -> Result<(Kind, Activation)> {
        Ok(match self.name {
            "ABS" => (Kind::Absolute, Activation::None),
            "ADD" => (Kind::Add, self.activation(11, 0)?),
            "AVERAGE_POOL_2D" => {
                let size = [self.size(5, 4, "a window's rows")?, self.size(5, 3, "a window's columns")?];
                (Kind::AveragePool { moves: self.moves(5)?, size }, self.activation(5, 5)?)
            }
            "CONV_2D" => {
                self.undilated(1, [5, 4])?;
                (Kind::Convolution(self.moves(1)?), self.activation(1, 3)?)
            }
            "DEPTHWISE_CONV_2D" => {
                self.undilated(2, [6, 5])?;
                (Kind::Depthwise(self.moves(2)?), self.activation(2, 4)?)
            }
            "FULLY_CONNECTED" => {
                if self.of(8)?.is_some_and(|options| !matches!(options.u8(1), Ok(0))) {
                    return Err(self.error("expected weights in plain order, found them shuffled"));
                }
                (Kind::FullyConnected, self.activation(8, 0)?)
            }
            "L2_NORMALIZATION" => (Kind::UnitLength, self.activation(12, 0)?),
            "MEAN" => {
                let keeps = self.of(27)?.map_or(Ok(0), |options| options.u8(0))?;
                (Kind::Mean { keeps_dimensions: keeps != 0 }, Activation::None)
            }
            "MUL" => (Kind::Multiply, self.activation(21, 0)?),
            "PRELU" => (Kind::Prelu { factor: 1.0 }, Activation::None),
            "RELU" => (Kind::Relu, Activation::None),
            "RELU6" => (Kind::Relu6, Activation::None),
            "RESHAPE" => {
                let sizes = self.of(17)?.map_or(Ok(&[][..]), |options| options.items::<4>(0))?;
                let sizes = sizes.iter().take(8).map(|size| i32::from_le_bytes(*size));
                (Kind::Reshape(sizes.collect()), Activation::None)
            }
            "SUB" => (Kind::Subtract, self.activation(28, 0)?),
            "" => return Err(self.error("it is newer than this reader and not supported")),
            _ => return Err(self.error("it is not supported")),
        })
    }

    fn error(&self, why: impl std::fmt::Display) -> Error {
        named(self.index, self.name, why)
    }

    /// The options, which must be of the kind `kind` where there are any.
    fn of(&self, kind: u8) -> Result<Option<&Table<'_>>> {
        match &self.table {
            Some(_) if self.kind != kind => {
                Err(self.error(format_args!("expected options of kind {kind}, found kind {}", self.kind)))
            }
            table => Ok(table.as_ref()),
        }
    }

    fn activation(&self, kind: u8, slot: usize) -> Result<Activation> {
        match self.of(kind)?.map_or(Ok(0), |options| options.u8(slot))? {
            0 => Ok(Activation::None),
            1 => Ok(Activation::Relu),
            3 => Ok(Activation::Relu6),
            other => Err(self.error(format_args!("expected no activation, RELU or RELU6, found number {other}"))),
        }
    }

    fn size(&self, kind: u8, slot: usize, what: &str) -> Result<usize> {
        match self.of(kind)?.map_or(Ok(0), |options| options.i32(slot, 0))? {
            size @ 1..=MAX_WINDOW => Ok(size as usize),
            other => Err(self.error(format_args!("expected {what} from 1 to {MAX_WINDOW}, found {other}"))),
        }
    }

    /// Padding and steps, which have the same slots in all tables.
    fn moves(&self, kind: u8) -> Result<Moves> {
        let padding = self.of(kind)?.map_or(Ok(0), |options| options.u8(0))?;
        if padding > 1 {
            return Err(self.error(format_args!("expected the padding SAME or VALID, found number {padding}")));
        }
        Ok(Moves { same: padding == 0, stride: [self.size(kind, 2, "a step")?, self.size(kind, 1, "a step")?] })
    }

    fn undilated(&self, kind: u8, slots: [usize; 2]) -> Result<()> {
        for slot in slots {
            let factor = self.of(kind)?.map_or(Ok(1), |options| options.i32(slot, 1))?;
            if factor != 1 {
                return Err(self.error(format_args!("expected no dilation, found a factor of {factor}")));
            }
        }
        Ok(())
    }
}

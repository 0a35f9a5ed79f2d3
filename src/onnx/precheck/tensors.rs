//! Whether a tensor's data is what its type and shape say.

use crate::onnx::proto::tensor_proto::{DataLocation, DataType};
use crate::onnx::proto::{SparseTensorProto, TensorProto};

use super::MAX_ELEMENTS;

/// Checks `tensor` and answers how many elements it has.
pub(super) fn check(tensor: &TensorProto) -> Result<u64, String> {
    let refused = |why: &str| format!("the tensor {:?} {why}", tensor.name);
    if tensor.data_location == Some(DataLocation::External as i32) || !tensor.external_data.is_empty() {
        return Err(refused("keeps its data in another file, which is not taken"));
    }
    if tensor.segment.is_some() {
        return Err(refused("is one part of several, which is not taken"));
    }
    let elements = elements(&tensor.dims).ok_or_else(|| refused(&format!("claims the shape {:?}", tensor.dims)))?;
    let kind = DataType::try_from(tensor.data_type)
        .ok()
        .filter(|kind| *kind != DataType::Undefined)
        .ok_or_else(|| refused(&format!("is of the unknown type {}", tensor.data_type)))?;
    let (found, expected, unit) = match bits(kind) {
        Some(bits) if !tensor.raw_data.is_empty() => {
            (tensor.raw_data.len() as u64, (elements * bits).div_ceil(8), "bytes")
        }
        _ => (listed(tensor, kind) as u64, listed_for(kind, elements), "numbers"),
    };
    if found == expected {
        Ok(elements)
    } else {
        Err(refused(&format!("has {found} {unit} of data, its shape {:?} asks for {expected}", tensor.dims)))
    }
}

/// Checks both parts of a sparse tensor and answers how many elements it stands for.
pub(super) fn check_sparse(tensor: &SparseTensorProto) -> Result<u64, String> {
    for part in tensor.values.iter().chain(&tensor.indices) {
        check(part)?;
    }
    elements(&tensor.dims).ok_or_else(|| format!("a sparse tensor claims the shape {:?}", tensor.dims))
}

fn elements(dims: &[i64]) -> Option<u64> {
    let product = dims.iter().try_fold(1_u64, |product, side| product.checked_mul(u64::try_from(*side).ok()?))?;
    (product <= MAX_ELEMENTS).then_some(product)
}

/// Bits of an element in `raw_data`; texts have no such form.
fn bits(kind: DataType) -> Option<u64> {
    use DataType as T;
    match kind {
        T::Undefined | T::String => None,
        T::Uint4 | T::Int4 | T::Float4e2m1 => Some(4),
        T::Uint8 | T::Int8 | T::Bool | T::Float8e4m3fn | T::Float8e4m3fnuz | T::Float8e5m2 | T::Float8e5m2fnuz => {
            Some(8)
        }
        T::Uint16 | T::Int16 | T::Float16 | T::Bfloat16 => Some(16),
        T::Float | T::Int32 | T::Uint32 => Some(32),
        T::Int64 | T::Uint64 | T::Double | T::Complex64 => Some(64),
        T::Complex128 => Some(128),
    }
}

/// How many numbers the list that `kind` uses has, by the comments of `onnx.proto`.
fn listed(tensor: &TensorProto, kind: DataType) -> usize {
    use DataType as T;
    match kind {
        T::Float | T::Complex64 => tensor.float_data.len(),
        T::Double | T::Complex128 => tensor.double_data.len(),
        T::Int64 => tensor.int64_data.len(),
        T::Uint32 | T::Uint64 => tensor.uint64_data.len(),
        T::String => tensor.string_data.len(),
        _ => tensor.int32_data.len(),
    }
}

/// How many numbers that list must have for `elements`.
fn listed_for(kind: DataType, elements: u64) -> u64 {
    match kind {
        DataType::Complex64 | DataType::Complex128 => elements * 2,
        // Two elements share a number.
        DataType::Uint4 | DataType::Int4 | DataType::Float4e2m1 => elements.div_ceil(2),
        _ => elements,
    }
}

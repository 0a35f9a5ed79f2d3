//! The sizes of what each operator makes, from those of what it reads.

use super::bounds::{Known, Node, constant};
use super::spatial::{blocks, convolution, global, pad, resize, transposed, window};

/// Operators whose output has the sides of their first input.
const KEEPING: &str = "\
    Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization Bernoulli BiasGelu Cast CastLike Ceil Celu Clip Cos Cosh \
    CumSum DequantizeLinear Dropout Elu Erf Exp FastGelu Floor Gelu GroupNormalization HardSigmoid HardSwish Hardmax \
    Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization \
    MeanVarianceNormalization Mish Neg Not PRelu QuantizeLinear QuickGelu RMSNormalization Reciprocal Relu \
    ReverseSequence Round Scatter ScatterElements ScatterND Selu Shrink Sigmoid Sign SimplifiedLayerNormalization \
    Sin Sinh SkipLayerNormalization Softmax Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu";

/// Operators that combine inputs element by element, repeating sides of one.
const COMBINING: &str = "\
    Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min \
    Mod Mul Or Pow Sub Sum Where Xor";

/// Operators whose outputs have no more elements than their first input, whatever their sides.
const SHRINKING: &str = "\
    Compress Det TopK Unique";

/// Operators that reduce sides.
const REDUCING: &str = "\
    ArgMax ArgMin ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum \
    ReduceSumSquare";

/// What is known of a node's outputs.
pub(super) fn outputs(node: &Node<'_>) -> Result<Vec<Known>, String> {
    let kind = node.proto.op_type.as_str();
    // Quantised operators of ONNX Runtime can have channels last, which is not followed here.
    if node.int("channels_last", 0) != 0 {
        return Err(unknown(node));
    }
    let first = || node.input(0).ok_or_else(|| format!("{} has no input", node.name()));
    if is_one_of(KEEPING, kind) {
        return Ok(vec![keep(kind, first()?)]);
    }
    if is_one_of(COMBINING, kind) {
        return Ok(vec![combine(kind, &node.inputs.iter().copied().flatten().collect::<Vec<_>>())]);
    }
    if is_one_of(SHRINKING, kind) {
        return Ok(vec![Known::at_most(first()?.elements)]);
    }
    if is_one_of(REDUCING, kind) {
        return Ok(vec![reduce(node, first()?)]);
    }
    Ok(match kind {
        "Constant" => vec![constant(node)],
        "Shape" => vec![shape(node, first()?)],
        "Size" => vec![
            Known::of(Vec::new())
                .with(first()?.dims.as_ref().map(|_| vec![first().map_or(0.0, |x| x.elements as f64)])),
        ],
        "Conv" | "FusedConv" | "ConvInteger" => vec![convolution(node, first()?, node.input(1))],
        "QLinearConv" => vec![convolution(node, first()?, node.input(3))],
        "ConvTranspose" => vec![transposed(node, first()?)?],
        "AveragePool" | "LpPool" | "MaxPool" | "QLinearAveragePool" => vec![window(node, first()?, None)],
        "GlobalAveragePool" | "GlobalLpPool" | "GlobalMaxPool" | "QLinearGlobalAveragePool" => vec![global(first()?)],
        "Gemm" | "FusedGemm" => vec![gemm(node, first()?)],
        "MatMul" | "MatMulInteger" | "FusedMatMul" => vec![matmul(node, first()?, node.input(1))],
        "QLinearMatMul" => vec![matmul(node, first()?, node.input(3))],
        "QLinearAdd" | "QLinearMul" => vec![combine("", &[first()?, node.input(3).unwrap_or(first()?)])],
        "QLinearSigmoid" | "QLinearLeakyRelu" | "QLinearSoftmax" => vec![keep("", first()?)],
        "DynamicQuantizeLinear" => vec![keep("", first()?), Known::of(Vec::new()), Known::of(Vec::new())],
        "Transpose" => vec![transpose(node, first()?)],
        "Reshape" => vec![reshape(node, first()?)],
        "Flatten" => vec![flatten(node, first()?)],
        "Squeeze" => vec![squeeze(node, first()?)],
        "Unsqueeze" => vec![unsqueeze(node, first()?)],
        "Concat" => vec![concat(node)],
        "Split" => split(node, first()?),
        "Slice" => vec![slice(node, first()?)],
        "Gather" => vec![gather(node, first()?)],
        "GatherElements" => vec![node.input(1).map_or_else(Known::default, |indices| keep("", indices))],
        "GatherND" => {
            vec![Known::at_most(first()?.elements.saturating_mul(node.input(1).map_or(1, |indices| indices.elements)))]
        }
        "DepthToSpace" | "SpaceToDepth" => vec![blocks(node, first()?)],
        "NonZero" => vec![Known::at_most(
            first()?.elements.saturating_mul(first()?.dims.as_ref().map_or(8, |dims| dims.len() as u64)),
        )],
        "NonMaxSuppression" => {
            vec![Known::at_most(node.input(1).map_or(0, |scores| scores.elements.saturating_mul(3)))]
        }
        "Expand" => vec![expand(node, first()?)?],
        "Tile" => vec![tile(node, first()?)?],
        "Resize" | "Upsample" => vec![resize(node, first()?)?],
        "ConstantOfShape" => vec![constant_of_shape(node)?],
        "Pad" => vec![pad(node, first()?)?],
        "Range" => vec![range(node)?],
        "OneHot" => vec![one_hot(node, first()?)?],
        _ => return Err(unknown(node)),
    })
}

fn unknown(node: &Node<'_>) -> String {
    format!("{} is not supported: facevault cannot tell how large its output gets", node.name())
}

fn is_one_of(names: &str, kind: &str) -> bool {
    names.split_whitespace().any(|name| name == kind)
}

fn keep(kind: &str, input: &Known) -> Known {
    let numbers = input.numbers.as_ref().and_then(|numbers| {
        let change: fn(f64) -> f64 = match kind {
            "Identity" | "CastLike" => |x| x,
            // To whole numbers or not: what is asked for as a size is cut in either case.
            "Cast" => |x| x,
            "Floor" => f64::floor,
            "Ceil" => f64::ceil,
            "Round" => f64::round,
            "Neg" => |x| -x,
            "Abs" => f64::abs,
            "Sqrt" => f64::sqrt,
            _ => return None,
        };
        Some(numbers.iter().copied().map(change).collect())
    });
    Known { numbers, ..input.clone() }
}

fn combine(kind: &str, inputs: &[&Known]) -> Known {
    let dims = inputs.iter().try_fold(Vec::new(), |dims, input| broadcast(&dims, input.dims.as_ref()?));
    let known = match dims {
        Some(dims) => Known::of(dims),
        // Sides of 1 may meet each other.
        None => Known::at_most(inputs.iter().fold(1_u64, |all, input| all.saturating_mul(input.elements.max(1)))),
    };
    let numbers = match inputs {
        [left, right] => left.numbers.as_ref().zip(right.numbers.as_ref()).and_then(|(left, right)| {
            let join: fn(f64, f64) -> f64 = match kind {
                "Add" => |x, y| x + y,
                "Sub" => |x, y| x - y,
                "Mul" => |x, y| x * y,
                // Whole numbers are divided without a rest; a size is cut at its end in any case.
                "Div" => |x, y| x / y,
                "Max" => f64::max,
                "Min" => f64::min,
                _ => return None,
            };
            let at = |numbers: &[f64], place: usize| numbers.get(if numbers.len() == 1 { 0 } else { place }).copied();
            (0..left.len().max(right.len())).map(|place| Some(join(at(left, place)?, at(right, place)?))).collect()
        }),
        _ => None,
    };
    known.with(numbers)
}

/// The sides of two values that are combined, if they fit.
fn broadcast(left: &[u64], right: &[u64]) -> Option<Vec<u64>> {
    let rank = left.len().max(right.len());
    let side = |dims: &[u64], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |place| dims[place]);
    let sides = (0..rank).map(|axis| match (side(left, axis), side(right, axis)) {
        (1, side) | (side, 1) => Some(side),
        (one, other) => (one == other).then_some(one),
    });
    sides.collect()
}

/// A side of a value by an axis that may count from the end.
pub(super) fn place(axis: i64, rank: usize) -> Option<usize> {
    let rank = rank as i64;
    usize::try_from(if axis < 0 { axis + rank } else { axis }).ok().filter(|axis| (*axis as i64) < rank)
}

/// A number as a size: none that is negative or not a number.
pub(super) fn size(number: f64) -> u64 {
    // Converting cuts, and saturates.
    number as u64
}

fn reduce(node: &Node<'_>, input: &Known) -> Known {
    let keeps = node.int("keepdims", 1) != 0;
    let is_arg = node.proto.op_type.starts_with("Arg");
    let axes = if is_arg { Some(vec![node.int("axis", 0) as f64]) } else { node.given("axes", 1).ok().flatten() };
    let all = axes.is_none() && (node.input(1).is_none() || node.input(1).is_some_and(|axes| axes.elements == 0));
    let dims = input.dims.as_ref().and_then(|dims| {
        let mut reduced = vec![all && node.int("noop_with_empty_axes", 0) == 0; dims.len()];
        if axes.is_none() && !all {
            return None;
        }
        for axis in axes.iter().flatten() {
            reduced[place(*axis as i64, dims.len())?] = true;
        }
        let sides = dims.iter().zip(&reduced).filter(|(_, reduced)| keeps || !**reduced);
        Some(sides.map(|(side, reduced)| if *reduced { 1 } else { *side }).collect())
    });
    dims.map_or_else(|| Known::at_most(input.elements), Known::of)
}

fn shape(node: &Node<'_>, input: &Known) -> Known {
    let Some(dims) = &input.dims else { return Known::at_most(16) };
    let rank = dims.len() as i64;
    let clamp = |place: i64| (if place < 0 { place + rank } else { place }).clamp(0, rank) as usize;
    let (start, end) = (clamp(node.int("start", 0)), clamp(node.int("end", rank)));
    Known::list(dims.get(start..end.max(start)).unwrap_or_default().iter().map(|side| *side as f64).collect())
}

fn gemm(node: &Node<'_>, left: &Known) -> Known {
    let right = node.input(1);
    let sides = left.dims.as_deref().zip(right.and_then(|right| right.dims.as_deref()));
    match sides {
        Some(([a, b], [c, d])) => {
            let rows = if node.int("transA", 0) == 0 { *a } else { *b };
            Known::of(vec![rows, if node.int("transB", 0) == 0 { *d } else { *c }])
        }
        // A row of the left for each column of the right, if the left is one row.
        _ => matmul(node, left, right),
    }
}

fn matmul(node: &Node<'_>, left: &Known, right: Option<&Known>) -> Known {
    let Some(right) = right else { return Known::at_most(left.elements) };
    let is_set = |name: &str| node.int(name, 0) != 0;
    let follows = !is_set("transBatchA") && !is_set("transBatchB");
    let known = left.dims.as_ref().zip(right.dims.as_ref()).filter(|_| follows).and_then(|(left, right)| {
        let (one, other) = (left.len().checked_sub(2)?, right.len().checked_sub(2)?);
        let mut dims = broadcast(&left[..one], &right[..other])?;
        let rows = if is_set("transA") { left[one + 1] } else { left[one] };
        dims.extend([rows, if is_set("transB") { right[other] } else { right[other + 1] }]);
        Some(Known::of(dims))
    });
    // At most a row for each element and a column for each.
    known.unwrap_or_else(|| Known::at_most(left.elements.saturating_mul(right.elements)))
}

fn transpose(node: &Node<'_>, input: &Known) -> Known {
    let dims = input.dims.as_ref().and_then(|dims| match node.ints("perm") {
        None => Some(dims.iter().rev().copied().collect()),
        Some(order) => order.iter().map(|axis| dims.get(usize::try_from(*axis).ok()?).copied()).collect(),
    });
    Known { dims, elements: input.elements, numbers: None }
}

fn reshape(node: &Node<'_>, input: &Known) -> Known {
    let target = node.given("shape", 1).ok().flatten();
    let dims = target.zip(input.dims.as_ref()).and_then(|(target, from)| {
        let copies = node.int("allowzero", 0) == 0;
        let sides = target.iter().enumerate().map(|(axis, side)| match *side as i64 {
            0 if copies => from.get(axis).copied().map(Some),
            -1 => Some(None),
            side => u64::try_from(side).ok().map(Some),
        });
        let sides: Vec<Option<u64>> = sides.collect::<Option<_>>()?;
        let stated = sides.iter().flatten().fold(1_u64, |product, side| product.saturating_mul(*side));
        let rest = input.elements.checked_div(stated).unwrap_or_default();
        let dims: Vec<u64> = sides.into_iter().map(|side| side.unwrap_or(rest)).collect();
        // Anything else fails in the runtime.
        (Known::of(dims.clone()).elements == input.elements).then_some(dims)
    });
    Known { dims, elements: input.elements, numbers: input.numbers.clone() }
}

fn flatten(node: &Node<'_>, input: &Known) -> Known {
    let dims = input.dims.as_ref().and_then(|dims| {
        let axis = node.int("axis", 1);
        let axis = usize::try_from(if axis < 0 { axis + dims.len() as i64 } else { axis }).ok()?;
        let (rows, columns) = dims.split_at_checked(axis)?;
        Some([rows, columns].map(|sides| Known::of(sides.to_vec()).elements).to_vec())
    });
    Known { dims, elements: input.elements, numbers: None }
}

fn squeeze(node: &Node<'_>, input: &Known) -> Known {
    let axes = node.given("axes", 1);
    let dims = input.dims.as_ref().zip(axes.ok()).and_then(|(dims, axes)| {
        let gone: Option<Vec<usize>> = match axes {
            Some(axes) => axes.iter().map(|axis| place(*axis as i64, dims.len())).collect(),
            None => Some((0..dims.len()).filter(|axis| dims[*axis] == 1).collect()),
        };
        let gone = gone?;
        Some(dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis)).map(|(_, side)| *side).collect())
    });
    Known { dims, elements: input.elements, numbers: input.numbers.clone() }
}

fn unsqueeze(node: &Node<'_>, input: &Known) -> Known {
    let axes = node.given("axes", 1).ok().flatten();
    let dims = input.dims.as_ref().zip(axes).and_then(|(dims, axes)| {
        let rank = dims.len() + axes.len();
        let come: Vec<usize> = axes.iter().map(|axis| place(*axis as i64, rank)).collect::<Option<_>>()?;
        let mut stay = dims.iter().copied();
        (0..rank).map(|axis| if come.contains(&axis) { Some(1) } else { stay.next() }).collect()
    });
    Known { dims, elements: input.elements, numbers: input.numbers.clone() }
}

fn concat(node: &Node<'_>) -> Known {
    let parts: Vec<&Known> = node.inputs.iter().copied().flatten().collect();
    let elements = parts.iter().fold(0_u64, |all, part| all.saturating_add(part.elements));
    let dims = parts.first().and_then(|first| first.dims.clone()).and_then(|mut dims| {
        let axis = place(node.int("axis", 0), dims.len())?;
        let sides: Option<Vec<u64>> =
            parts.iter().map(|part| part.dims.as_ref().and_then(|dims| dims.get(axis)).copied()).collect();
        dims[axis] = sides?.into_iter().fold(0, u64::saturating_add);
        Some(dims)
    });
    let numbers: Option<Vec<Vec<f64>>> = parts.iter().map(|part| part.numbers.clone()).collect();
    let is_list = dims.as_ref().is_some_and(|dims| dims.len() == 1);
    Known { dims, elements, numbers: None }.with(numbers.filter(|_| is_list).map(|parts| parts.concat()))
}

fn split(node: &Node<'_>, input: &Known) -> Vec<Known> {
    let count = node.proto.output.len();
    let parts = input.dims.as_ref().and_then(|dims| {
        let axis = place(node.int("axis", 0), dims.len())?;
        let sides: Vec<u64> = match node.given("split", 1).ok()? {
            Some(sides) => sides.into_iter().map(size).collect(),
            None => {
                // Equal parts; the last one is smaller where the side is no multiple.
                let part = dims[axis].div_ceil(count.max(1) as u64);
                (0..count as u64).map(|i| dims[axis].saturating_sub(part.saturating_mul(i)).min(part)).collect()
            }
        };
        let part = |side: u64| {
            let mut dims = dims.clone();
            dims[axis] = side;
            Known::of(dims)
        };
        (sides.len() == count).then(|| sides.into_iter().map(part).collect())
    });
    parts.unwrap_or_else(|| vec![Known::at_most(input.elements); count])
}

fn slice(node: &Node<'_>, input: &Known) -> Known {
    let otherwise = || Known::at_most(input.elements);
    let lists = [("starts", 1), ("ends", 2), ("axes", 3), ("steps", 4)].map(|(name, place)| node.given(name, place));
    let [Ok(Some(starts)), Ok(Some(ends)), Ok(axes), Ok(steps)] = lists else { return otherwise() };
    let Some(mut dims) = input.dims.clone() else { return otherwise() };
    let mut numbers = input.numbers.clone();
    for (i, (start, end)) in starts.iter().zip(&ends).enumerate() {
        let axis = axes.as_ref().map_or(i as i64, |axes| axes.get(i).copied().unwrap_or_default() as i64);
        let step = steps.as_ref().map_or(1, |steps| steps.get(i).copied().unwrap_or(1.0) as i64);
        let Some(axis) = place(axis, dims.len()) else { return otherwise() };
        let side = i64::try_from(dims[axis]).unwrap_or(i64::MAX);
        if step < 1 {
            // Backwards: as many at most.
            numbers = None;
            continue;
        }
        let clamp = |place: f64| {
            let place = place as i64;
            (if place < 0 { place.saturating_add(side) } else { place }).clamp(0, side)
        };
        let (from, to) = (clamp(*start), clamp(*end));
        let taken = (to - from).max(0).unsigned_abs().div_ceil(step.unsigned_abs());
        numbers = numbers.filter(|_| dims.len() == 1).map(|numbers| {
            numbers.into_iter().skip(from as usize).step_by(step as usize).take(taken as usize).collect()
        });
        dims[axis] = taken;
    }
    Known::of(dims).with(numbers)
}

fn gather(node: &Node<'_>, input: &Known) -> Known {
    let Some(indices) = node.input(1) else { return Known::at_most(input.elements) };
    let dims = input.dims.as_ref().zip(indices.dims.as_ref()).and_then(|(from, indices)| {
        let axis = place(node.int("axis", 0), from.len())?;
        Some([&from[..axis], indices, &from[axis + 1..]].concat())
    });
    let numbers = input.numbers.as_ref().zip(indices.numbers.as_ref()).and_then(|(from, indices)| {
        indices.iter().map(|index| place(*index as i64, from.len()).map(|at| from[at])).collect()
    });
    let is_list = input.dims.as_ref().is_some_and(|dims| dims.len() == 1);
    match dims {
        Some(dims) => Known::of(dims).with(numbers.filter(|_| is_list)),
        None => Known::at_most(input.elements.saturating_mul(indices.elements)),
    }
}

fn expand(node: &Node<'_>, input: &Known) -> Result<Known, String> {
    let target: Vec<u64> = node.given("shape", 1)?.ok_or_else(|| node.undecided())?.into_iter().map(size).collect();
    let dims = input.dims.as_ref().and_then(|dims| broadcast(dims, &target));
    let most = Known::of(target.clone()).elements.saturating_mul(input.elements.max(1));
    Ok(dims.map_or_else(|| Known::at_most(most), Known::of))
}

fn tile(node: &Node<'_>, input: &Known) -> Result<Known, String> {
    let repeats: Vec<u64> = node.given("repeats", 1)?.ok_or_else(|| node.undecided())?.into_iter().map(size).collect();
    let times = repeats.iter().fold(1_u64, |product, times| product.saturating_mul(*times));
    Ok(match &input.dims {
        Some(dims) if dims.len() == repeats.len() => {
            Known::of(dims.iter().zip(&repeats).map(|(side, times)| side.saturating_mul(*times)).collect())
        }
        _ => Known::at_most(input.elements.saturating_mul(times)),
    })
}

fn constant_of_shape(node: &Node<'_>) -> Result<Known, String> {
    let dims: Vec<u64> = node.given("shape", 0)?.ok_or_else(|| node.undecided())?.into_iter().map(size).collect();
    let known = Known::of(dims);
    // Zeros where no value is named.
    let is_zero = node.attribute("value").is_none();
    let zeros = (is_zero && known.elements <= 64).then(|| vec![0.0; known.elements as usize]);
    Ok(known.with(zeros))
}

fn range(node: &Node<'_>) -> Result<Known, String> {
    let number = |place: usize| {
        let numbers = node.input(place).and_then(|known| known.numbers.as_ref());
        numbers.and_then(|numbers| numbers.first()).copied().ok_or_else(|| node.undecided())
    };
    let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
    let count = size(((limit - start) / delta).ceil());
    let numbers = (count <= 64).then(|| (0..count).map(|i| start + i as f64 * delta).collect());
    Ok(Known::of(vec![count]).with(numbers))
}

fn one_hot(node: &Node<'_>, input: &Known) -> Result<Known, String> {
    let depth = node.input(1).and_then(|depth| depth.numbers.as_ref()).and_then(|numbers| numbers.first());
    let depth = depth.ok_or_else(|| node.undecided())?;
    Ok(Known::at_most(input.elements.saturating_mul(size(*depth))))
}

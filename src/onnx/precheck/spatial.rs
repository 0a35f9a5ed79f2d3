//! Operators that look at rows and columns: convolutions, windows, other resolutions, borders.

use super::bounds::{Known, Node};
use super::operators::{place, size};

/// A convolution by `filters`: output channels, input channels of a group, then the window.
pub(super) fn convolution(node: &Node<'_>, input: &Known, filters: Option<&Known>) -> Known {
    let Some(filters) = filters.and_then(|filters| filters.dims.as_ref()).filter(|dims| dims.len() > 2) else {
        return Known::at_most(u64::MAX);
    };
    match &input.dims {
        Some(_) => window(node, input, Some(filters)),
        None => Known::at_most(input.elements.saturating_mul(filters[0])),
    }
}

/// What a window makes that moves over the input.
pub(super) fn window(node: &Node<'_>, input: &Known, filters: Option<&Vec<u64>>) -> Known {
    let kernel = match filters {
        Some(filters) => Some(filters[2..].to_vec()),
        None => node.ints("kernel_shape").map(|sides| sides.iter().map(|side| side.unsigned_abs()).collect()),
    };
    let Some((dims, kernel)) = input.dims.as_ref().zip(kernel).filter(|(dims, kernel)| dims.len() == kernel.len() + 2)
    else {
        return Known::at_most(input.elements);
    };
    let count = kernel.len();
    let at = |name: &str, place: usize, otherwise: i64| {
        node.ints(name).and_then(|list| list.get(place)).copied().unwrap_or(otherwise).unsigned_abs()
    };
    let same = node.text("auto_pad").is_some_and(|kind| kind.starts_with(b"SAME"));
    let mut sides = vec![dims[0], filters.map_or(dims[1], |filters| filters[0])];
    for axis in 0..count {
        let side = dims[axis + 2];
        let stride = at("strides", axis, 1).max(1);
        let reach = kernel[axis].saturating_sub(1).saturating_mul(at("dilations", axis, 1)).saturating_add(1);
        let padded = side.saturating_add(at("pads", axis, 0)).saturating_add(at("pads", axis + count, 0));
        let moved = padded.saturating_sub(reach);
        let steps = if node.int("ceil_mode", 0) == 0 { moved / stride } else { moved.div_ceil(stride) };
        sides.push(if same { side.div_ceil(stride) } else { steps + 1 });
    }
    Known::of(sides)
}

pub(super) fn transposed(node: &Node<'_>, input: &Known) -> Result<Known, String> {
    let filters = node.input(1).and_then(|filters| filters.dims.as_ref());
    let Some((dims, filters)) =
        input.dims.as_ref().zip(filters).filter(|(dims, filters)| dims.len() == filters.len() && dims.len() > 2)
    else {
        return Err(node.undecided());
    };
    let count = dims.len() - 2;
    let at = |name: &str, place: usize, otherwise: i64| {
        node.ints(name).and_then(|list| list.get(place)).copied().unwrap_or(otherwise).unsigned_abs()
    };
    let mut sides = vec![dims[0], filters[1].saturating_mul(node.int("group", 1).unsigned_abs())];
    for axis in 0..count {
        let reach = (filters[axis + 2].saturating_sub(1)).saturating_mul(at("dilations", axis, 1)).saturating_add(1);
        let moved = at("strides", axis, 1).saturating_mul(dims[axis + 2].saturating_sub(1));
        let largest = moved.saturating_add(reach).saturating_add(at("output_padding", axis, 0));
        let pad = |place: usize| {
            let pad = node.ints("pads").and_then(|pads| pads.get(place)).copied().unwrap_or_default();
            u64::try_from(pad).unwrap_or_default()
        };
        let cut = pad(axis).saturating_add(pad(axis + count));
        // The sides alone, or batch and channels before them.
        let stated = node.ints("output_shape").filter(|sides| !sides.is_empty());
        sides.push(match stated.map(|sides| sides.get((sides.len() + axis).checked_sub(count)?)) {
            None => largest.saturating_sub(cut),
            Some(side) => side.map_or(u64::MAX, |side| side.unsigned_abs()),
        });
    }
    Ok(Known::of(sides))
}

pub(super) fn global(input: &Known) -> Known {
    match input.dims.as_deref() {
        Some([batch, channels, rest @ ..]) => Known::of([&[*batch, *channels][..], &vec![1; rest.len()]].concat()),
        _ => Known::at_most(input.elements),
    }
}

pub(super) fn blocks(node: &Node<'_>, input: &Known) -> Known {
    let block = node.int("blocksize", 1).unsigned_abs().max(1);
    let dims = match input.dims.as_deref() {
        Some([batch, channels, rows, columns]) if node.proto.op_type == "DepthToSpace" => {
            Some(vec![*batch, channels / block / block, rows.saturating_mul(block), columns.saturating_mul(block)])
        }
        Some([batch, channels, rows, columns]) => {
            Some(vec![*batch, channels.saturating_mul(block).saturating_mul(block), rows / block, columns / block])
        }
        _ => None,
    };
    Known {
        dims: dims.filter(|dims| Known::of(dims.clone()).elements == input.elements),
        elements: input.elements,
        numbers: None,
    }
}

pub(super) fn resize(node: &Node<'_>, input: &Known) -> Result<Known, String> {
    let scales_at = if node.proto.op_type == "Upsample" || node.opset < 11 { 1 } else { 2 };
    let sizes = match node.input(3) {
        Some(sizes) if sizes.elements > 0 => Some(sizes.numbers.as_ref().ok_or_else(|| node.undecided())?),
        _ => None,
    };
    // A crop changes the size by numbers of its own.
    let crops = node.text("coordinate_transformation_mode").is_some_and(|mode| mode == b"tf_crop_and_resize");
    let Some(dims) = input.dims.as_ref().filter(|_| !crops) else { return Err(node.undecided()) };
    let axes: Vec<usize> = match node.ints("axes") {
        Some(axes) => axes.iter().filter_map(|axis| place(*axis, dims.len())).collect(),
        None => (0..dims.len()).collect(),
    };
    let mut made = dims.clone();
    if let Some(sizes) = sizes {
        axes.iter().zip(sizes).for_each(|(axis, side)| made[*axis] = size(*side));
        // A policy keeps the ratio of the sides: none gets larger than the longest that is asked for.
        if node.text("keep_aspect_ratio_policy").is_some_and(|policy| policy != b"stretch") {
            let factor =
                axes.iter().zip(sizes).map(|(axis, side)| side / dims[*axis].max(1) as f64).fold(0.0, f64::max);
            axes.iter().for_each(|axis| made[*axis] = size((dims[*axis] as f64 * factor).ceil()));
        }
        return Ok(Known::of(made));
    }
    let scales = node.given("scales", scales_at)?.ok_or_else(|| node.undecided())?;
    axes.iter().zip(&scales).for_each(|(axis, scale)| made[*axis] = size((dims[*axis] as f64 * scale).ceil()));
    Ok(Known::of(made))
}

pub(super) fn pad(node: &Node<'_>, input: &Known) -> Result<Known, String> {
    let name = if node.attribute("paddings").is_some() { "paddings" } else { "pads" };
    let pads = node.given(name, 1)?.ok_or_else(|| node.undecided())?;
    let Some(dims) = &input.dims else { return Err(node.undecided()) };
    let axes: Vec<usize> = match node.given("axes", 3)? {
        Some(axes) => axes.iter().filter_map(|axis| place(*axis as i64, dims.len())).collect(),
        None => (0..dims.len()).collect(),
    };
    let mut made = dims.clone();
    for (i, axis) in axes.iter().enumerate() {
        for pad in [pads.get(i), pads.get(i + axes.len())].into_iter().flatten() {
            made[*axis] = if *pad < 0.0 {
                made[*axis].saturating_sub(size(-pad))
            } else {
                made[*axis].saturating_add(size(*pad))
            };
        }
    }
    Ok(Known::of(made))
}

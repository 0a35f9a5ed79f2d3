//! Euclidean distances of many vectors to one.

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The most components of a vector: up to here numpy adds squares up in the order of [`sum_of_squares`].
const MOST: usize = 128;

/// The distance of each row of `rows` to `one`, with the bits that `numpy.linalg.norm(rows - one, axis=1)` gives.
/// Both are C-contiguous and have at most 128 columns.
#[pyfunction]
pub(crate) fn distances<'py>(
    py: Python<'py>,
    rows: PyReadonlyArray2<'py, f64>,
    one: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let [count, width] = *rows.shape() else { return Err(PyValueError::new_err("rows must have two dimensions")) };
    if one.len() != width || width > MOST {
        return Err(PyValueError::new_err("vectors must have as many components as rows have columns, at most 128"));
    }
    let (rows, one) = (rows.as_slice()?, one.as_slice()?);
    let found: Vec<f64> = py.detach(|| match width {
        0 => vec![0.0; count],
        _ => rows.chunks_exact(width).map(|row| sum_of_squares(row, one).sqrt()).collect(),
    });
    Ok(PyArray1::from_vec(py, found))
}

/// The squares of the differences, added up as numpy adds up to 128 numbers: fewer than eight one after the other;
/// more in eight sums side by side, these in pairs, and then what is left over.
fn sum_of_squares(row: &[f64], one: &[f64]) -> f64 {
    let square = |(a, b): (&f64, &f64)| {
        let difference = a - b;
        difference * difference
    };
    if row.len() < 8 {
        // numpy starts from -0.0, which shows in no square.
        return row.iter().zip(one).map(square).fold(0.0, |sum, square| sum + square);
    }
    let (eights, rest) = row.as_chunks::<8>();
    let (other_eights, other_rest) = one.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (eight, other) in eights.iter().zip(other_eights) {
        for ((sum, a), b) in sums.iter_mut().zip(eight).zip(other) {
            let difference = a - b;
            *sum += difference * difference;
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let paired = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().zip(other_rest).map(square).fold(paired, |sum, square| sum + square)
}

//! Singular values of small matrices.

/// Sweeps over all pairs of columns; a handful are enough.
const MAX_SWEEPS: usize = 60;

/// A matrix as a sum of products of a column and a row.
pub(super) struct Part {
    /// The product's size, at least 0.
    pub(super) value: f64,
    /// A column of length 1.
    pub(super) column: Vec<f64>,
    /// A row of length 1.
    pub(super) row: Vec<f64>,
}

/// The singular value decomposition of a matrix of rows of `width` finite numbers, largest value first; values of 0 are
/// left out.
///
/// Columns are turned towards each other in pairs until all are at right angles ("one-sided Jacobi": Hestenes, 1958).
pub(super) fn decompose(matrix: &[f64], width: usize) -> Vec<Part> {
    let height = matrix.len() / width;
    let mut columns: Vec<Vec<f64>> = (0..width).map(|x| (0..height).map(|y| matrix[y * width + x]).collect()).collect();
    let mut turns: Vec<Vec<f64>> =
        (0..width).map(|x| (0..width).map(|y| if x == y { 1.0 } else { 0.0 }).collect()).collect();
    for _ in 0..MAX_SWEEPS {
        let mut turned = false;
        for left in 0..width {
            for right in left + 1..width {
                let (a, b) = (dot(&columns[left], &columns[left]), dot(&columns[right], &columns[right]));
                let shared = dot(&columns[left], &columns[right]);
                // Not so for what is not a number.
                if !(shared.abs() > f64::EPSILON * (a * b).sqrt()) {
                    continue;
                }
                turned = true;
                let zeta = (b - a) / (2.0 * shared);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let turn = (cosine, cosine * tangent);
                rotate(&mut columns, left, right, turn);
                rotate(&mut turns, left, right, turn);
            }
        }
        if !turned {
            break;
        }
    }
    let mut parts: Vec<Part> = columns
        .into_iter()
        .zip(turns)
        .filter_map(|(mut column, row)| {
            let value = dot(&column, &column).sqrt();
            if !(value > 0.0) {
                return None;
            }
            column.iter_mut().for_each(|number| *number /= value);
            Some(Part { value, column, row })
        })
        .collect();
    parts.sort_by(|a, b| b.value.total_cmp(&a.value));
    parts
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn rotate(columns: &mut [Vec<f64>], left: usize, right: usize, (cosine, sine): (f64, f64)) {
    let (before, after) = columns.split_at_mut(right);
    for (a, b) in before[left].iter_mut().zip(&mut after[0]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn product(parts: &[Part], width: usize, height: usize) -> Vec<f64> {
        let mut sum = vec![0.0; width * height];
        for part in parts {
            for (y, column) in part.column.iter().enumerate() {
                for (x, row) in part.row.iter().enumerate() {
                    sum[y * width + x] += part.value * column * row;
                }
            }
        }
        sum
    }

    #[test]
    fn values_of_a_known_matrix() {
        // Its singular values are the square roots of 45 and 5.
        let parts = decompose(&[3.0, 0.0, 4.0, 5.0], 2);
        let values: Vec<f64> = parts.iter().map(|part| part.value).collect();
        assert!((values[0] - 45f64.sqrt()).abs() < 1e-14 && (values[1] - 5f64.sqrt()).abs() < 1e-14, "{values:?}");
        assert!(decompose(&[0.0; 6], 3).is_empty());
        assert_eq!(decompose(&[1.0, 2.0, 2.0, 2.0, 4.0, 4.0], 3).iter().filter(|part| part.value > 1e-14).count(), 1);
    }

    proptest! {
        #[test]
        fn parts_are_at_right_angles_and_sum_up(
            (width, matrix) in (1usize..8, 1usize..8).prop_flat_map(|(width, height)| {
                (Just(width), proptest::collection::vec(-10.0f64..10.0, width * height))
            }),
        ) {
            let parts = decompose(&matrix, width);
            prop_assert!(parts.is_sorted_by(|a, b| a.value >= b.value));
            let sum = product(&parts, width, matrix.len() / width);
            for (sum, number) in sum.iter().zip(&matrix) {
                prop_assert!((sum - number).abs() < 1e-12, "{sum} {number}");
            }
            for (index, part) in parts.iter().enumerate().filter(|(_, part)| part.value > 1e-9) {
                prop_assert!((dot(&part.row, &part.row) - 1.0).abs() < 1e-12);
                for other in parts[..index].iter().filter(|part| part.value > 1e-9) {
                    prop_assert!(dot(&part.row, &other.row).abs() < 1e-12);
                    prop_assert!(dot(&part.column, &other.column).abs() < 1e-6);
                }
            }
        }
    }
}

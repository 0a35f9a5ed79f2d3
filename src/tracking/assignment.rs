//! Which track gets which box: the assignment of least cost.
//!
//! The Hungarian method (Kuhn, "The Hungarian method for the assignment problem", 1955) with shortest augmenting paths,
//! as Jonker and Volgenant (1987) and, for matrices that are not square, Crouse ("On implementing 2D rectangular
//! assignment algorithms", IEEE TAES 52(4), 2016) give it: rows are added one at a time, each by the shortest path in
//! the reduced costs, so n rows and m columns take n²m steps.

/// The pairs of a row and a column, in the order of rows, that have the least cost in all: a pair costs `cost(row,
/// column)`, a row or column without a partner costs half of `limit`. No pair costs `limit` or more. What is not a
/// number is no pair.
///
/// This is what ByteTrack asks of its solver (`lapjv` with a cost limit). Equal inputs give equal pairs.
pub(super) fn assign(
    rows: usize,
    columns: usize,
    limit: f64,
    cost: impl Fn(usize, usize) -> f64,
) -> Vec<(usize, usize)> {
    // A pair saves `limit` less its cost; a pair that saves nothing is as good as none.
    let spent = |row: usize, column: usize| (cost(row, column) - limit).min(0.0);
    let turned = rows > columns;
    let (few, many) = if turned { (columns, rows) } else { (rows, columns) };
    let least = least(few, many, |few, many| if turned { spent(many, few) } else { spent(few, many) });
    let pairs = least.into_iter().enumerate().map(|(few, many)| if turned { (many, few) } else { (few, many) });
    let mut pairs: Vec<(usize, usize)> = pairs.filter(|(row, column)| cost(*row, *column) < limit).collect();
    pairs.sort_unstable();
    pairs
}

/// The column of each row, all of them different, with the least sum of costs. `rows` must not exceed `columns`, and
/// costs must be finite.
fn least(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Column 0 and row 0 stand for "none", so that a path has a place to start.
    let (mut of_row, mut of_column) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let mut row_of = vec![0usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut distance = vec![f64::INFINITY; columns + 1];
        let mut before = vec![0usize; columns + 1];
        let mut done = vec![false; columns + 1];
        while row_of[column] != 0 {
            done[column] = true;
            let from = row_of[column];
            let (mut shortest, mut next) = (f64::INFINITY, 0);
            for other in (1..=columns).filter(|other| !done[*other]) {
                let reduced = cost(from - 1, other - 1) - of_row[from] - of_column[other];
                if reduced < distance[other] {
                    (distance[other], before[other]) = (reduced, column);
                }
                if distance[other] < shortest {
                    (shortest, next) = (distance[other], other);
                }
            }
            for other in 0..=columns {
                if done[other] {
                    of_row[row_of[other]] += shortest;
                    of_column[other] -= shortest;
                } else {
                    distance[other] -= shortest;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[before[column]];
            column = before[column];
        }
    }
    let mut found = vec![0; rows];
    for (column, row) in row_of[1..].iter().enumerate().filter(|(_, row)| **row > 0) {
        found[row - 1] = column;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(costs: &[&[f64]], limit: f64) -> Vec<(usize, usize)> {
        let columns = costs.first().map_or(0, |row| row.len());
        assign(costs.len(), columns, limit, |row, column| costs[row][column])
    }

    #[test]
    fn the_sum_counts_and_not_the_nearest_pair() {
        let none = f64::NAN;
        for (costs, limit, expected) in [
            (&[][..], 1.0, vec![]),
            (&[&[][..], &[]], 1.0, vec![]),
            (&[&[0.2]], 1.0, vec![(0, 0)]),
            (&[&[1.0]], 1.0, vec![]),
            (&[&[none]], 1.0, vec![]),
            // The best pair alone would leave 0.9 for the others.
            (&[&[0.1, 0.2], &[0.2, 0.9]], 1.0, vec![(0, 1), (1, 0)]),
            (&[&[0.1, 0.2], &[0.2, 0.25]], 1.0, vec![(0, 0), (1, 1)]),
            // One pair that saves 0.9 is better than two that save 0.2 each.
            (&[&[0.1, 0.8], &[0.8, 1.5]], 1.0, vec![(0, 0)]),
            (&[&[0.5, 0.4, 0.3]], 1.0, vec![(0, 2)]),
            (&[&[0.5], &[0.4], &[0.3]], 1.0, vec![(2, 0)]),
            (&[&[none, 0.3], &[0.1, none]], 0.5, vec![(0, 1), (1, 0)]),
        ] {
            assert_eq!(pairs(costs, limit), expected, "{costs:?}");
        }
    }

    /// What is spent at best, by trying all.
    fn cheapest(costs: &[Vec<f64>], limit: f64, row: usize, taken: &mut Vec<bool>) -> f64 {
        let Some(of_row) = costs.get(row) else { return 0.0 };
        let mut best = cheapest(costs, limit, row + 1, taken);
        for (column, cost) in of_row.iter().enumerate() {
            if !taken[column] && *cost < limit {
                taken[column] = true;
                best = best.min(cost - limit + cheapest(costs, limit, row + 1, taken));
                taken[column] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_other_assignment_costs_less(
            (rows, columns, costs) in (0usize..6, 0usize..6).prop_flat_map(|(rows, columns)| {
                (Just(rows), Just(columns), proptest::collection::vec(0.0f64..1.5, rows * columns))
            })
        ) {
            let costs: Vec<Vec<f64>> = (0..rows).map(|row| costs[row * columns..(row + 1) * columns].to_vec()).collect();
            let found = assign(rows, columns, 1.0, |row, column| costs[row][column]);
            let spent: f64 = found.iter().map(|(row, column)| costs[*row][*column] - 1.0).sum();
            prop_assert!((spent - cheapest(&costs, 1.0, 0, &mut vec![false; columns])).abs() < 1e-9);
            let mut taken: Vec<usize> = found.iter().map(|(_, column)| *column).collect();
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), found.len());
            prop_assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}

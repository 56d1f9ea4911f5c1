//! Rows of two matrices side by side, and apart again.

use rayon::prelude::*;

use crate::blocks::ROWS;

/// Rows `[n, m]` and `[n, k]` to `[n, m + k]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn join_rows(m: usize, left: &[f32], right: &[f32], joined: &mut [f32]) {
    let (width, k) = widths(m, left, right, joined);
    let inputs = left.par_chunks(ROWS * m).zip(right.par_chunks(ROWS * k));
    joined.par_chunks_mut(ROWS * width).zip(inputs).for_each(|(joined, (left, right))| {
        let rows = left.chunks_exact(m).zip(right.chunks_exact(k));
        for (joined, (left, right)) in joined.chunks_exact_mut(width).zip(rows) {
            let (to_left, to_right) = joined.split_at_mut(m);
            to_left.copy_from_slice(left);
            to_right.copy_from_slice(right);
        }
    });
}

/// Rows `[n, m + k]` to `[n, m]` and `[n, k]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn split_rows(m: usize, joined: &[f32], left: &mut [f32], right: &mut [f32]) {
    let (width, k) = widths(m, left, right, joined);
    let outputs = left.par_chunks_mut(ROWS * m).zip(right.par_chunks_mut(ROWS * k));
    joined.par_chunks(ROWS * width).zip(outputs).for_each(|(joined, (left, right))| {
        let rows = left.chunks_exact_mut(m).zip(right.chunks_exact_mut(k));
        for (joined, (left, right)) in joined.chunks_exact(width).zip(rows) {
            let (from_left, from_right) = joined.split_at(m);
            left.copy_from_slice(from_left);
            right.copy_from_slice(from_right);
        }
    });
}

/// That of a joined row, and of its right part.
fn widths(m: usize, left: &[f32], right: &[f32], joined: &[f32]) -> (usize, usize) {
    let n = left.len() / m.max(1);
    let k = right.len() / n.max(1);
    assert!(m > 0 && k > 0 && left.len() == n * m && right.len() == n * k, "rows: uneven");
    assert_eq!(joined.len(), n * (m + k), "rows: joined is not [n, m + k]");
    (m + k, k)
}

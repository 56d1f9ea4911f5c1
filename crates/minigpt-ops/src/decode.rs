//! One token at a time: matrix-vector products, which memory bandwidth bounds.

use rayon::prelude::*;

use crate::simd::{add_scaled, dot, vectorized};

/// Columns that one task computes: 1 KiB of each row.
const COLUMNS: usize = 256;

/// Rows of a transposed matrix that one task multiplies.
const ROWS: usize = 256;

/// `y = x · weight + bias`: `x` `[k]`, `weight` `[k, m]`, `bias` and `y` `[m]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn linear_vector(x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let m = y.len();
    assert_eq!(bias.len(), m, "linear_vector: bias and y have one length");
    assert_eq!(weight.len(), x.len() * m, "linear_vector: the weight is not [k, m]");
    y.copy_from_slice(bias);
    y.par_chunks_mut(COLUMNS).enumerate().for_each(|(chunk, y)| {
        let first = chunk * COLUMNS;
        let columns = first..first + y.len();
        vectorized!({
            for (&x, row) in x.iter().zip(weight.chunks_exact(m)) {
                add_scaled(y, x, &row[columns.clone()]);
            }
        });
    });
}

/// `y = x · headᵀ`: `x` `[d]`, `head` `[v, d]`, `y` `[v]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn head_vector(x: &[f32], head: &[f32], y: &mut [f32]) {
    let d = x.len();
    assert_eq!(head.len(), y.len() * d, "head_vector: the head is not [v, d]");
    y.par_chunks_mut(ROWS).zip(head.par_chunks((ROWS * d).max(1))).for_each(|(y, head)| {
        vectorized!({
            for (y, row) in y.iter_mut().zip(head.chunks_exact(d)) {
                *y = dot(x, row);
            }
        });
    });
}

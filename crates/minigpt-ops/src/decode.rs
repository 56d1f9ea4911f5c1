//! A token of each of a few texts at a time: products of vectors and a matrix, which memory bandwidth bounds.
//! Each part of the matrix is read once for all vectors, and the numbers of one do not depend on the others.

use rayon::prelude::*;

use crate::simd::{add_scaled, dot, vectorized};

/// Columns that one task computes: 1 KiB of each row.
const COLUMNS: usize = 256;

/// Rows of a transposed matrix that one task multiplies.
const ROWS: usize = 256;

/// `y = x · weight + bias`: `x` `[n, k]`, `weight` `[k, m]`, `bias` `[m]`, `y` `[n, m]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn linear_vectors(x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let m = bias.len();
    assert!(y.len().is_multiple_of(m.max(1)), "linear_vectors: y is not [n, m]");
    y.chunks_exact_mut(m.max(1)).for_each(|y| y.copy_from_slice(bias));
    add_product(y.len() / m.max(1), x, weight, y);
}

/// `y = x · weight` for `n` rows: `x` `[n, k]`, `weight` `[k, m]`, `y` `[n, m]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn project_vectors(n: usize, x: &[f32], weight: &[f32], y: &mut [f32]) {
    y.fill(0.0);
    add_product(n, x, weight, y);
}

/// `y += x · weight`.
fn add_product(n: usize, x: &[f32], weight: &[f32], y: &mut [f32]) {
    let (k, m) = (x.len() / n.max(1), y.len() / n.max(1));
    assert_eq!(weight.len(), k * m, "vectors: the weight is not [k, m]");
    parts(y, m, COLUMNS).into_par_iter().enumerate().for_each(|(task, mut y)| {
        let first = task * COLUMNS;
        let columns = first..(first + COLUMNS).min(m);
        vectorized!({
            for (at, row) in weight.chunks_exact(m).enumerate() {
                for (y, x) in y.iter_mut().zip(x.chunks_exact(k)) {
                    add_scaled(y, x[at], &row[columns.clone()]);
                }
            }
        });
    });
}

/// `y = x · headᵀ`: `x` `[n, d]`, `head` `[v, d]`, `y` `[n, v]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn head_vectors(x: &[f32], head: &[f32], d: usize, y: &mut [f32]) {
    let v = head.len() / d.max(1);
    let n = x.len() / d.max(1);
    assert_eq!(head.len(), v * d, "head_vectors: the head is not [v, d]");
    assert_eq!(y.len(), n * v, "head_vectors: y is not [n, v]");
    parts(y, v, ROWS).into_par_iter().zip(head.par_chunks((ROWS * d).max(1))).for_each(
        |(mut y, head)| {
            vectorized!({
                for (at, row) in head.chunks_exact(d).enumerate() {
                    for (y, x) in y.iter_mut().zip(x.chunks_exact(d)) {
                        y[at] = dot(x, row);
                    }
                }
            });
        },
    );
}

/// Stretches of `size` of every row of `y` `[n, m]`: for each task the same stretch of all rows.
fn parts(y: &mut [f32], m: usize, size: usize) -> Vec<Vec<&mut [f32]>> {
    let mut tasks: Vec<Vec<&mut [f32]>> = (0..m.div_ceil(size)).map(|_| Vec::new()).collect();
    for row in y.chunks_exact_mut(m.max(1)) {
        tasks.iter_mut().zip(row.chunks_mut(size)).for_each(|(task, part)| task.push(part));
    }
    tasks
}

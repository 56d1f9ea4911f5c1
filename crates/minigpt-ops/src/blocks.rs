//! How work is divided: by fixed sizes, never by the number of threads, so that sums over blocks are
//! the same on any machine.

use rayon::prelude::*;

use crate::simd::{add, vectorized};

/// Elements that one task of an elementwise operation works on: 64 KiB.
pub(crate) const ELEMENTS: usize = 1 << 14;

/// Rows that one task of an operation on rows works on, and that a partial sum over rows covers.
pub(crate) const ROWS: usize = 32;

/// `sums = Σ partials` in their order, column by column.
pub(crate) fn add_up<'a>(partials: impl Iterator<Item = &'a [f32]>, sums: &mut [f32]) {
    sums.fill(0.0);
    for partial in partials {
        vectorized!(add(sums, partial));
    }
}

/// `x *= factor`, any shape. Nothing is done for a factor of one.
///
/// For gradients that were made before the factor was known, as those of
/// [`linear_cross_entropy_with_gradients`](crate::linear_cross_entropy_with_gradients).
pub fn scale(x: &mut [f32], factor: f32) {
    if factor != 1.0 {
        x.par_chunks_mut(ELEMENTS)
            .for_each(|x| vectorized!(x.iter_mut().for_each(|x| *x *= factor)));
    }
}

/// Sums over rows: `x` `[n, m]` to `sums` `[m]`, replaced. The gradient of a bias, or of position
/// embeddings with `[batch, time * n_embd]`.
///
/// # Panics
///
/// If `x` is not whole rows.
pub(crate) fn sum_rows(x: &[f32], sums: &mut [f32]) {
    let m = sums.len();
    if m == 0 {
        return;
    }
    assert_eq!(x.len() % m, 0, "sum_rows: {} elements are not whole rows of {m}", x.len());
    let partials: Vec<Vec<f32>> = x
        .par_chunks(ROWS * m)
        .map(|rows| {
            let mut partial = vec![0.0; m];
            vectorized!(rows.chunks_exact(m).for_each(|row| add(&mut partial, row)));
            partial
        })
        .collect();
    add_up(partials.iter().map(Vec::as_slice), sums);
}

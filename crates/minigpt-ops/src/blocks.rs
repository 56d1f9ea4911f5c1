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

/// Sums over rows: `x` `[n, m]` to `sums` `[m]`, replaced. The gradient of a bias, or of position
/// embeddings with `[batch, time * n_embd]`.
///
/// # Panics
///
/// If `x` is not whole rows.
pub fn sum_rows(x: &[f32], sums: &mut [f32]) {
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

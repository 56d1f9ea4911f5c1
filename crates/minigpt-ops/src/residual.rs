//! What a branch adds to the residual stream.

use rayon::prelude::*;

use crate::Dropout;
use crate::blocks::{ROWS, add_up};
use crate::simd::vectorized;

/// `y = x + dropout(a + bias)`: `x`, `a` and `y` `[n, d]`, `bias` `[d]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn residual_dropout(x: &[f32], a: &[f32], bias: &[f32], dropout: Dropout, y: &mut [f32]) {
    let d = bias.len();
    assert!(x.len() == y.len() && a.len() == y.len(), "residual_dropout: lengths differ");
    assert!(y.len().is_multiple_of(d), "residual_dropout: x is not [n, d]");
    let size = (ROWS * d).max(1);
    let blocks = y.par_chunks_mut(size).zip(x.par_chunks(size).zip(a.par_chunks(size)));
    blocks.enumerate().for_each(|(block, (y, (x, a)))| {
        vectorized!({
            let rows = y.chunks_exact_mut(d).zip(x.chunks_exact(d).zip(a.chunks_exact(d)));
            for (row, (y, (x, a))) in rows.enumerate() {
                row_forward(x, a, bias, dropout, block * size + row * d, y);
            }
        });
    });
}

#[inline(always)]
fn row_forward(x: &[f32], a: &[f32], bias: &[f32], dropout: Dropout, first: usize, y: &mut [f32]) {
    for (i, (((y, &x), &a), &bias)) in (first as u32..).zip(y.iter_mut().zip(x).zip(a).zip(bias)) {
        *y = (a + bias).mul_add(dropout.multiplier(i), x);
    }
}

/// Gradients of [`residual_dropout`] from `dy` `[n, d]`: `da` `[n, d]` and `d_bias` `[d]`, both
/// replaced. That of `x` is `dy` itself.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn residual_dropout_backward(dy: &[f32], dropout: Dropout, da: &mut [f32], d_bias: &mut [f32]) {
    let d = d_bias.len();
    assert_eq!(da.len(), dy.len(), "residual_dropout_backward: lengths differ");
    assert!(dy.len().is_multiple_of(d), "residual_dropout_backward: dy is not [n, d]");
    let size = (ROWS * d).max(1);
    let blocks = da.par_chunks_mut(size).zip(dy.par_chunks(size)).enumerate();
    let partials: Vec<Vec<f32>> = blocks
        .map(|(block, (da, dy))| {
            let mut partial = vec![0.0; d];
            vectorized!({
                for (row, (da, dy)) in da.chunks_exact_mut(d).zip(dy.chunks_exact(d)).enumerate() {
                    row_backward(dy, dropout, block * size + row * d, da, &mut partial);
                }
            });
            partial
        })
        .collect();
    add_up(partials.iter().map(Vec::as_slice), d_bias);
}

#[inline(always)]
fn row_backward(dy: &[f32], dropout: Dropout, first: usize, da: &mut [f32], d_bias: &mut [f32]) {
    for (i, ((da, &dy), sum)) in (first as u32..).zip(da.iter_mut().zip(dy).zip(d_bias)) {
        *da = dy * dropout.multiplier(i);
        *sum += *da;
    }
}

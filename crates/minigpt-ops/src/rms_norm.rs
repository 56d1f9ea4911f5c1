//! Root mean square normalisation over rows.

use rayon::prelude::*;

use crate::blocks::{ROWS, add_up};
use crate::simd::{sum_of, sum_of_pairs, vectorized};

/// `y = x / √(mean(x²) + ε) · weight` for each row
/// ([Zhang and Sennrich, 2019](https://arxiv.org/abs/1910.07467)): `x` and `y` `[n, d]`, `weight` `[d]`.
/// `reciprocals` `[n]` gets what each row was multiplied by, which the backward pass needs.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, y: &mut [f32], reciprocals: &mut [f32]) {
    let d = weight.len();
    assert!(d > 0, "rms_norm: rows are empty");
    assert_eq!(x.len(), reciprocals.len() * d, "rms_norm: x is not [n, d]");
    assert_eq!(y.len(), x.len(), "rms_norm: x and y have one length");
    let blocks = y.par_chunks_mut(ROWS * d).zip(x.par_chunks(ROWS * d));
    blocks.zip(reciprocals.par_chunks_mut(ROWS)).for_each(|((y, x), reciprocals)| {
        vectorized!({
            let rows = y.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(reciprocals);
            for ((y, x), reciprocal) in rows {
                *reciprocal = reciprocal_of(x, epsilon);
                row_forward(x, weight, *reciprocal, y);
            }
        });
    });
}

/// What a row is multiplied by, but for the weight.
#[inline(always)]
pub(crate) fn reciprocal_of(x: &[f32], epsilon: f32) -> f32 {
    1.0 / (sum_of(x, |x| x * x) / x.len() as f32 + epsilon).sqrt()
}

#[inline(always)]
pub(crate) fn row_forward(x: &[f32], weight: &[f32], reciprocal: f32, y: &mut [f32]) {
    for ((y, &x), &weight) in y.iter_mut().zip(x).zip(weight) {
        *y = x * reciprocal * weight;
    }
}

/// Gradients of [`rms_norm`] from `dy` `[n, d]`: `dx` `[n, d]` and `d_weight` `[d]`, both replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn rms_norm_backward(
    x: &[f32],
    weight: &[f32],
    reciprocals: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    d_weight: &mut [f32],
) {
    let d = weight.len();
    assert!(d > 0, "rms_norm_backward: rows are empty");
    assert_eq!(x.len(), reciprocals.len() * d, "rms_norm_backward: x is not [n, d]");
    assert!(dy.len() == x.len() && dx.len() == x.len(), "rms_norm_backward: dx, dy are not [n, d]");
    assert_eq!(d_weight.len(), d, "rms_norm_backward: d_weight is not [d]");
    let inputs = x.par_chunks(ROWS * d).zip(dy.par_chunks(ROWS * d));
    let blocks = dx.par_chunks_mut(ROWS * d).zip(inputs).zip(reciprocals.par_chunks(ROWS));
    let partials: Vec<Vec<f32>> = blocks
        .map(|((dx, (x, dy)), reciprocals)| {
            let mut partial = vec![0.0; d];
            vectorized!({
                let rows = x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d));
                for (((x, dy), dx), &reciprocal) in rows.zip(reciprocals) {
                    row_backward(x, weight, reciprocal, dy, dx, &mut partial);
                }
            });
            partial
        })
        .collect();
    add_up(partials.iter().map(Vec::as_slice), d_weight);
}

/// `dx` of one row, and its share added to `d_weight`.
#[inline(always)]
pub(crate) fn row_backward(
    x: &[f32],
    weight: &[f32],
    reciprocal: f32,
    dy: &[f32],
    dx: &mut [f32],
    d_weight: &mut [f32],
) {
    // dx holds the gradient of the normalised row until it is complete.
    for (((dx, &dy), &weight), (d_weight, &x)) in
        dx.iter_mut().zip(dy).zip(weight).zip(d_weight.iter_mut().zip(x))
    {
        *dx = dy * weight;
        *d_weight = dy.mul_add(x * reciprocal, *d_weight);
    }
    let along = sum_of_pairs(dx, x, |g, x| g * x) * reciprocal * reciprocal / x.len() as f32;
    for (dx, &x) in dx.iter_mut().zip(x) {
        *dx = reciprocal * (*dx - x * along);
    }
}

//! Layer normalisation over rows.

use rayon::prelude::*;

use crate::blocks::{ROWS, add_up};
use crate::simd::{add, sum_of, sum_of_pairs, vectorized};

/// Mean and reciprocal standard deviation of a row, which the backward pass needs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowStatistics {
    /// Mean of the row.
    pub mean: f32,
    /// `1 / √(variance + ε)`.
    pub reciprocal_deviation: f32,
}

/// `y = (x - mean) / √(variance + ε) · weight + bias` for each row
/// ([Ba et al., 2016](https://arxiv.org/abs/1607.06450)): `x` and `y` `[n, d]`, `weight` and `bias`
/// `[d]`, `statistics` `[n]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn layer_norm(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
    y: &mut [f32],
    statistics: &mut [RowStatistics],
) {
    let d = weight.len();
    assert!(d > 0, "layer_norm: rows are empty");
    assert_eq!(bias.len(), d, "layer_norm: weight and bias have one length");
    assert_eq!(x.len(), statistics.len() * d, "layer_norm: x is not [n, d]");
    assert_eq!(y.len(), x.len(), "layer_norm: x and y have one length");
    let blocks = y.par_chunks_mut(ROWS * d).zip(x.par_chunks(ROWS * d));
    blocks.zip(statistics.par_chunks_mut(ROWS)).for_each(|((y, x), statistics)| {
        vectorized!({
            let rows = y.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(statistics);
            for ((y, x), statistics) in rows {
                *statistics = row_statistics(x, epsilon);
                row_forward(x, weight, bias, *statistics, y);
            }
        });
    });
}

#[inline(always)]
fn row_forward(x: &[f32], weight: &[f32], bias: &[f32], statistics: RowStatistics, y: &mut [f32]) {
    let RowStatistics { mean, reciprocal_deviation } = statistics;
    for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
        *y = ((x - mean) * reciprocal_deviation).mul_add(weight, bias);
    }
}

#[inline(always)]
fn row_statistics(x: &[f32], epsilon: f32) -> RowStatistics {
    let d = x.len() as f32;
    let mean = sum_of(x, |x| x) / d;
    let variance = sum_of(x, |x| (x - mean) * (x - mean)) / d;
    RowStatistics { mean, reciprocal_deviation: 1.0 / (variance + epsilon).sqrt() }
}

/// Gradients of [`layer_norm`] from `dy` `[n, d]`: `dx` `[n, d]`, `d_weight` and `d_bias` `[d]`, all
/// replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn layer_norm_backward(
    x: &[f32],
    weight: &[f32],
    statistics: &[RowStatistics],
    dy: &[f32],
    dx: &mut [f32],
    d_weight: &mut [f32],
    d_bias: &mut [f32],
) {
    let d = weight.len();
    assert!(d > 0, "layer_norm_backward: rows are empty");
    assert_eq!(x.len(), statistics.len() * d, "layer_norm_backward: x is not [n, d]");
    assert!(
        dy.len() == x.len() && dx.len() == x.len(),
        "layer_norm_backward: dx, dy are not [n, d]"
    );
    assert!(d_weight.len() == d && d_bias.len() == d, "layer_norm_backward: gradients are not [d]");
    let inputs = x.par_chunks(ROWS * d).zip(dy.par_chunks(ROWS * d));
    let blocks = dx.par_chunks_mut(ROWS * d).zip(inputs).zip(statistics.par_chunks(ROWS));
    let partials: Vec<Vec<f32>> = blocks
        .map(|((dx, (x, dy)), statistics)| {
            let mut partial = vec![0.0; 2 * d];
            let (d_weight, d_bias) = partial.split_at_mut(d);
            vectorized!({
                let rows = x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d));
                for (((x, dy), dx), &statistics) in rows.zip(statistics) {
                    row_backward(x, weight, statistics, dy, dx, d_weight);
                    add(d_bias, dy);
                }
            });
            partial
        })
        .collect();
    add_up(partials.iter().map(|partial| &partial[..d]), d_weight);
    add_up(partials.iter().map(|partial| &partial[d..]), d_bias);
}

/// `dx` of one row, and its share added to `d_weight`.
#[inline(always)]
fn row_backward(
    x: &[f32],
    weight: &[f32],
    statistics: RowStatistics,
    dy: &[f32],
    dx: &mut [f32],
    d_weight: &mut [f32],
) {
    let d = x.len() as f32;
    let RowStatistics { mean, reciprocal_deviation } = statistics;
    // dx holds the gradient of the normalised row until it is complete.
    for (((dx, &dy), &weight), (d_weight, &x)) in
        dx.iter_mut().zip(dy).zip(weight).zip(d_weight.iter_mut().zip(x))
    {
        *dx = dy * weight;
        *d_weight = dy.mul_add((x - mean) * reciprocal_deviation, *d_weight);
    }
    let mean_gradient = sum_of(dx, |g| g) / d;
    let along = sum_of_pairs(dx, x, |g, x| g * (x - mean)) * reciprocal_deviation / d;
    for (dx, &x) in dx.iter_mut().zip(x) {
        let normal = (x - mean) * reciprocal_deviation;
        *dx = reciprocal_deviation * (*dx - mean_gradient - normal * along);
    }
}

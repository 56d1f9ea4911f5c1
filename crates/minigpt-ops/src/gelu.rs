//! GELU, alone and after a bias.

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::blocks::{ELEMENTS, ROWS, add_up};
use crate::simd::{sigmoid, vectorized};

const TWICE_ROOT_OF_2_OVER_PI: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

/// `y = gelu(x + bias)` in its tanh form
/// ([Hendrycks and Gimpel, 2016](https://arxiv.org/abs/1606.08415)): `x` and `y` `[n, m]`, `bias` `[m]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn bias_gelu(x: &[f32], bias: &[f32], y: &mut [f32]) {
    let m = bias.len();
    assert_eq!(x.len(), y.len(), "bias_gelu: x and y have one length");
    assert!(x.len().is_multiple_of(m), "bias_gelu: x is not [n, m]");
    let blocks = y.par_chunks_mut((ROWS * m).max(1)).zip(x.par_chunks((ROWS * m).max(1)));
    blocks.for_each(|(y, x)| {
        vectorized!({
            let rows = y.chunks_exact_mut(m).zip(x.chunks_exact(m));
            rows.for_each(|(y, x)| row_forward(x, bias, y));
        });
    });
}

#[inline(always)]
fn row_forward(x: &[f32], bias: &[f32], y: &mut [f32]) {
    for ((y, &x), &bias) in y.iter_mut().zip(x).zip(bias) {
        *y = value(x + bias);
    }
}

/// `y = gelu(x)` in its tanh form, any shape.
///
/// # Panics
///
/// If the lengths differ.
pub fn gelu(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "gelu: x and y have one length");
    y.par_chunks_mut(ELEMENTS).zip(x.par_chunks(ELEMENTS)).for_each(|(y, x)| {
        vectorized!(y.iter_mut().zip(x).for_each(|(y, &x)| *y = value(x)));
    });
}

/// `x = x · Φ(x)`, GELU with the error function, in place, any shape.
pub fn exact_gelu(x: &mut [f32]) {
    x.par_chunks_mut(ELEMENTS).for_each(|x| {
        for x in x {
            *x *= 0.5 * (1.0 + libm::erff(*x * std::f32::consts::FRAC_1_SQRT_2));
        }
    });
}

/// The gradient of [`gelu()`] from `dy`: `dx`, replaced.
///
/// # Panics
///
/// If the lengths differ.
pub fn gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(x.len() == dy.len() && x.len() == dx.len(), "gelu_backward: lengths differ");
    let inputs = x.par_chunks(ELEMENTS).zip(dy.par_chunks(ELEMENTS));
    dx.par_chunks_mut(ELEMENTS).zip(inputs).for_each(|(dx, (x, dy))| {
        vectorized!({
            let pairs = x.iter().zip(dy);
            dx.iter_mut().zip(pairs).for_each(|(dx, (&x, &dy))| *dx = dy * derivative(x));
        });
    });
}

/// Gradients of [`bias_gelu`] from `dy` `[n, m]`: `dx` `[n, m]` and `d_bias` `[m]`, both replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn bias_gelu_backward(x: &[f32], bias: &[f32], dy: &[f32], dx: &mut [f32], d_bias: &mut [f32]) {
    let m = bias.len();
    assert!(x.len() == dy.len() && x.len() == dx.len(), "bias_gelu_backward: lengths differ");
    assert!(x.len().is_multiple_of(m), "bias_gelu_backward: x is not [n, m]");
    let size = (ROWS * m).max(1);
    let blocks = dx.par_chunks_mut(size).zip(x.par_chunks(size).zip(dy.par_chunks(size)));
    let partials: Vec<Vec<f32>> = blocks
        .map(|(dx, (x, dy))| {
            let mut partial = vec![0.0; m];
            vectorized!({
                let rows = x.chunks_exact(m).zip(dy.chunks_exact(m)).zip(dx.chunks_exact_mut(m));
                rows.for_each(|((x, dy), dx)| row_backward(x, bias, dy, dx, &mut partial));
            });
            partial
        })
        .collect();
    add_up(partials.iter().map(Vec::as_slice), d_bias);
}

#[inline(always)]
fn row_backward(x: &[f32], bias: &[f32], dy: &[f32], dx: &mut [f32], d_bias: &mut [f32]) {
    for (((&x, &bias), &dy), (dx, sum)) in x.iter().zip(bias).zip(dy).zip(dx.iter_mut().zip(d_bias))
    {
        *dx = dy * derivative(x + bias);
        *sum += *dx;
    }
}

/// `x · (1 + tanh(u)) / 2` with `u = √(2/π) · (x + 0.044715 x³)`, written as `x · sigmoid(2u)`.
#[inline(always)]
fn value(x: f32) -> f32 {
    x * sigmoid(TWICE_ROOT_OF_2_OVER_PI * x * (x * x).mul_add(CUBIC, 1.0))
}

/// With s the sigmoid above and v = 2u: `s + x · s · (1 - s) · v'`.
#[inline(always)]
fn derivative(x: f32) -> f32 {
    let square = x * x;
    let s = sigmoid(TWICE_ROOT_OF_2_OVER_PI * x * square.mul_add(CUBIC, 1.0));
    let slope = TWICE_ROOT_OF_2_OVER_PI * square.mul_add(3.0 * CUBIC, 1.0);
    (x * s * (1.0 - s)).mul_add(slope, s)
}

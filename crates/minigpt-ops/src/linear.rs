//! Linear layers with weights as GPT-2 stores them, `[n_in, n_out]`.

use rayon::prelude::*;

use crate::Precision;
use crate::blocks::{ROWS, sum_rows};
use crate::matrix::{Matrix, Operand, Output, product, product_of_transposed};

/// `y = x · weight + bias`: `x` `[n, k]`, `weight` `[k, m]`, `bias` `[m]`, `y` `[n, m]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn linear(precision: Precision, x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let m = bias.len();
    let n = y.len() / m.max(1);
    y.par_chunks_mut((ROWS * m).max(1))
        .for_each(|rows| rows.chunks_mut(m).for_each(|row| row.copy_from_slice(bias)));
    let x = Matrix::new(x, n, x.len() / n.max(1));
    product(x, &Operand::new(precision, weight_matrix(weight, m)), y, Output::Add);
}

/// `y = x · weight` for `n` rows: `x` `[n, k]`, `weight` `[k, m]`, `y` `[n, m]`.
///
/// For a layer without a bias, or with one that the following operation adds, as
/// [`bias_gelu`](crate::bias_gelu) does.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn project(precision: Precision, n: usize, x: &[f32], weight: &[f32], y: &mut [f32]) {
    let n_or_1 = n.max(1);
    let x = Matrix::new(x, n, x.len() / n_or_1);
    let weight = weight_matrix(weight, y.len() / n_or_1);
    product(x, &Operand::new(precision, weight), y, Output::Replace);
}

/// Gradients of [`linear`]: `dx` `[n, k]`, `d_weight` `[k, m]` and `d_bias` `[m]`, all replaced, from
/// `dy` `[n, m]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn linear_backward(
    precision: Precision,
    x: &[f32],
    weight: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    d_weight: &mut [f32],
    d_bias: &mut [f32],
) {
    project_backward(precision, dy.len() / d_bias.len().max(1), x, weight, dy, dx, d_weight);
    sum_rows(dy, d_bias);
}

/// Gradients of [`project`] for `n` rows: `dx = dy · weightᵀ` and `d_weight = xᵀ · dy`, both replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn project_backward(
    precision: Precision,
    n: usize,
    x: &[f32],
    weight: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    d_weight: &mut [f32],
) {
    project_backward_input(precision, n, weight, dy, dx);
    let (k, m) = (x.len() / n.max(1), dy.len() / n.max(1));
    product_of_transposed(precision, Matrix::new(x, n, k), Matrix::new(dy, n, m), d_weight);
}

/// The gradient of [`project`] by its input alone, for a weight that is not trained: `dx = dy · weightᵀ`,
/// replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn project_backward_input(
    precision: Precision,
    n: usize,
    weight: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let m = dy.len() / n.max(1);
    let dy = Matrix::new(dy, n, m);
    let weight = Operand::new(precision, weight_matrix(weight, m).transposed());
    product(dy, &weight, dx, Output::Replace);
}

fn weight_matrix(weight: &[f32], m: usize) -> Matrix<'_> {
    Matrix::new(weight, weight.len() / m.max(1), m)
}

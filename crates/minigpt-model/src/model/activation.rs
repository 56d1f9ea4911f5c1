//! What stands between the two layers of the position-wise network.

use std::f64::consts::FRAC_2_PI;

use burn::tensor::{Tensor, activation};

use crate::ops;

/// GELU in its tanh form, `x · (1 + tanh(u)) / 2` with `u = √(2/π) · (x + 0.044715 x³)` ([Hendrycks and
/// Gimpel, 2016](https://arxiv.org/abs/1606.08415)).
///
/// Written as `x · sigmoid(2u)`, which is the same function: a profile of burn's own on a CPU showed
/// half of a small model's training step in tanh and powers.
pub(crate) fn tanh_gelu(x: Tensor<3>) -> Tensor<3> {
    if let Some(y) = ops::tanh_gelu(&x) {
        return y;
    }
    let u = (x.clone().square() * 0.044715 + 1.0) * x.clone() * FRAC_2_PI.sqrt();
    x * activation::sigmoid(u * 2.0)
}

/// `silu(gate) · up` of the two halves of `[batch, time, 2 * n_inner]`, with `silu(x) = x · sigmoid(x)`
/// ([Shazeer, 2020](https://arxiv.org/abs/2002.05202)).
pub(crate) fn swiglu(x: Tensor<3>) -> Tensor<3> {
    if let Some(y) = ops::swiglu(&x) {
        return y;
    }
    let n_inner = x.dims()[2] / 2;
    let (gate, up) = (x.clone().narrow(2, 0, n_inner), x.narrow(2, n_inner, n_inner));
    gate.clone() * activation::sigmoid(gate) * up
}

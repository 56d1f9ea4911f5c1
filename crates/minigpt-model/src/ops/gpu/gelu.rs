//! GELU in its tanh form, whose gradient is made of the input alone.

use std::f64::consts::FRAC_2_PI;

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::{a_unit_each, empty};

/// Of every element of `x`, any shape.
pub(super) fn forward(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let y = empty(&x, x.shape());
    let client = x.client.clone();
    let (count, dim) = a_unit_each(&x);
    let (from, to) = (x.into_tensor_arg(), y.clone().into_tensor_arg());
    gelu_kernel::launch(&client, count, dim, from, to, FRAC_2_PI.sqrt() as f32);
    y
}

/// The gradient of `x`.
pub(super) fn backward(x: CubeTensor, dy: CubeTensor) -> CubeTensor {
    let [x, dy] = [x, dy].map(into_contiguous);
    let dx = empty(&x, x.shape());
    let client = x.client.clone();
    let (count, dim) = a_unit_each(&x);
    gelu_backward_kernel::launch(
        &client,
        count,
        dim,
        x.into_tensor_arg(),
        dy.into_tensor_arg(),
        dx.clone().into_tensor_arg(),
        FRAC_2_PI.sqrt() as f32,
    );
    dx
}

#[cube(launch)]
fn gelu_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>, root: f32) {
    if ABSOLUTE_POS < y.len() {
        let x = x[ABSOLUTE_POS];
        y[ABSOLUTE_POS] = x * gate(x, root);
    }
}

#[cube(launch)]
fn gelu_backward_kernel(x: &Tensor<f32>, dy: &Tensor<f32>, dx: &mut Tensor<f32>, root: f32) {
    if ABSOLUTE_POS < dx.len() {
        let x = x[ABSOLUTE_POS];
        let gate = gate(x, root);
        let slope = 2.0f32 * root * (1.0f32 + 0.134145f32 * x * x);
        dx[ABSOLUTE_POS] = dy[ABSOLUTE_POS] * (gate + x * gate * (1.0f32 - gate) * slope);
    }
}

/// What `x` is multiplied by, of `root` `√(2/π)`: `(1 + tanh(u)) / 2` as the logistic function of `2u`, which
/// is the same.
#[cube]
fn gate(x: f32, root: f32) -> f32 {
    let u = root * x * (1.0f32 + 0.044715f32 * x * x);
    // Far from zero the exponential would be infinite, which not every shader can hold.
    let exponent = clamp(-2.0f32 * u, f32::new(-80.0), f32::new(80.0));
    1.0f32 / (1.0f32 + exponent.exp())
}

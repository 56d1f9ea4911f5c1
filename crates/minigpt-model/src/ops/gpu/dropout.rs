//! Dropout whose mask is computed where it is needed: `minigpt_ops::Dropout` as a kernel computes it.

use burn::backend::TensorMetadata;
use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use minigpt_ops::Dropout;

use super::{a_unit_each, empty};

/// `x`, any shape, with some of its elements dropped.
pub(super) fn masked(x: CubeTensor, dropout: Dropout) -> CubeTensor {
    let x = into_contiguous(x);
    let client = x.client.clone();
    let y = empty(&x, x.shape());
    let (count, dim) = a_unit_each(&x);
    let (from, to) = (x.into_tensor_arg(), y.clone().into_tensor_arg());
    let [low, high] = dropout.key();
    dropout_kernel::launch(
        &client,
        count,
        dim,
        from,
        to,
        low,
        high,
        dropout.threshold(),
        dropout.scale(),
    );
    y
}

#[cube(launch)]
fn dropout_kernel(
    x: &Tensor<f32>,
    y: &mut Tensor<f32>,
    low: u32,
    high: u32,
    threshold: u32,
    scale: f32,
) {
    if ABSOLUTE_POS < y.len() {
        let kept = multiplier(ABSOLUTE_POS as u32, low, high, threshold, scale);
        y[ABSOLUTE_POS] = x[ABSOLUTE_POS] * kept;
    }
}

/// What element `index` is multiplied by: zero or `scale`.
#[cube]
pub(super) fn multiplier(index: u32, low: u32, high: u32, threshold: u32, scale: f32) -> f32 {
    let mut bits = index + low;
    bits ^= bits >> 16u32;
    bits *= 0x21f0_aaadu32;
    bits ^= bits >> 15u32;
    bits += high;
    bits *= 0xd35a_2d97u32;
    bits ^= bits >> 15u32;
    let mut kept = 0.0f32;
    if bits >= threshold {
        kept = scale;
    }
    kept
}

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
    dropout_kernel::launch(&client, count, dim, from, to, mask(dropout));
    y
}

/// What a mask follows from, as a kernel gets it.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Mask {
    /// The key's lower half.
    low: u32,
    /// Its upper half.
    high: u32,
    /// Random bits below this drop an element.
    threshold: u32,
    /// What a kept element is multiplied by.
    scale: f32,
}

pub(super) fn mask(dropout: Dropout) -> MaskLaunch {
    let [low, high] = dropout.key();
    MaskLaunch::new(low, high, dropout.threshold(), dropout.scale())
}

#[cube(launch)]
fn dropout_kernel(x: &Tensor<f32>, y: &mut Tensor<f32>, mask: &Mask) {
    if ABSOLUTE_POS < y.len() {
        y[ABSOLUTE_POS] = x[ABSOLUTE_POS] * multiplier(ABSOLUTE_POS as u32, mask);
    }
}

/// What element `index` is multiplied by: zero or the scale.
#[cube]
pub(super) fn multiplier(index: u32, mask: &Mask) -> f32 {
    let mut bits = index + mask.low;
    bits ^= bits >> 16u32;
    bits *= 0x21f0_aaadu32;
    bits ^= bits >> 15u32;
    bits += mask.high;
    bits *= 0xd35a_2d97u32;
    bits ^= bits >> 15u32;
    let mut kept = 0.0f32;
    if bits >= mask.threshold {
        kept = mask.scale;
    }
    kept
}

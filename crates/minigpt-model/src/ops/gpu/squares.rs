//! The sum of squares, of which the global norm of gradients is made.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::{UNITS, empty, sum_over_units};

/// Parts of a sum, a cube for each: enough of them to fill a large card.
pub(in crate::ops) const PARTS: usize = 256;

/// `sums` `[PARTS]` and the squares of what is in `x`, any shape.
pub(super) fn add(sums: CubeTensor, x: CubeTensor) -> CubeTensor {
    let sums = into_contiguous(sums);
    // Their order does not matter, so that a transposed tensor need not be copied.
    let x = if x.is_contiguous_buffer() { x } else { into_contiguous(x) };
    let added = empty(&sums, sums.meta.shape().clone());
    squares_kernel::launch(
        &x.client.clone(),
        CubeCount::Static(PARTS as u32, 1, 1),
        CubeDim::new_1d(UNITS as u32),
        sums.into_tensor_arg(),
        x.into_tensor_arg(),
        added.clone().into_tensor_arg(),
    );
    added
}

#[cube(launch)]
fn squares_kernel(sums: &Tensor<f32>, x: &Tensor<f32>, added: &mut Tensor<f32>) {
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    let mut sum = f32::new(0.0);
    for i in range_stepped(ABSOLUTE_POS, x.len(), PARTS * UNITS) {
        sum += x[i] * x[i];
    }
    let sum = sum_over_units(sum, &mut shared);
    if UNIT_POS_X == 0 {
        let part = CUBE_POS_X as usize;
        added[part] = sums[part] + sum;
    }
}

//! The formula. In lane `r` for row `r` of a panel, block after block:
//!
//! ```text
//! dot  = Σ w · q                  of 32 integers, exactly
//! sum += (d_w · d_x) · dot        one rounding for the product of the scales, one for the sum
//! sum += m_w · (d_x · Σ q)        where the format has minimums
//! ```
//!
//! Integers are multiplied as `f32`, which any processor does well, and which are exact up to 2²⁴: a block's sum is
//! at most 2¹⁹.

use std::hint::black_box;

use super::activations::{self, GROUP, GROUPS};
use super::panel;
use crate::simd::add_scaled;

/// `sums = x · panelᵀ` of the tile's rows.
#[inline(always)]
pub(super) fn multiply(
    has_minimums: bool,
    panel: &[panel::Block],
    tile: &[activations::Block],
    sums: &mut [[f32; panel::ROWS]],
) {
    sums.as_flattened_mut().fill(0.0);
    for (w, tile) in panel.iter().zip(tile.chunks_exact(sums.len())) {
        let integers = as_floats(w, if has_minimums { 0.0 } else { 128.0 });
        for (x, sums) in tile.iter().zip(sums.iter_mut()) {
            // As in `simd`: the compiler must not see how they are added, or it would not keep them in whole
            // registers.
            add(&black_box(partial_dots(&integers, x)), w, x, sums);
            if has_minimums {
                add_scaled(sums, x.sum, &w.minimums);
            }
        }
    }
}

#[inline(always)]
fn add(
    [a, b, c, d]: &[[f32; panel::ROWS]; GROUP],
    w: &panel::Block,
    x: &activations::Block,
    sums: &mut [f32; panel::ROWS],
) {
    for row in 0..panel::ROWS {
        let dot = (a[row] + b[row]) + (c[row] + d[row]);
        sums[row] = dot.mul_add(w.scales[row] * x.scale, sums[row]);
    }
}

/// The integers of a panel's block, less what they are too large: for each byte of a group, that of each group and row.
type Integers = [[[f32; panel::ROWS]; GROUPS]; GROUP];

#[inline(always)]
fn as_floats(w: &panel::Block, offset: f32) -> Integers {
    let mut integers = [[[0.0; panel::ROWS]; GROUPS]; GROUP];
    for (byte, integers) in integers.iter_mut().enumerate() {
        // Not a constant: the compiler would load bytes one by one.
        let shift = black_box(8 * byte as u32);
        let fours = w.integers.as_flattened();
        for (integer, four) in integers.as_flattened_mut().iter_mut().zip(fours) {
            *integer = (four >> shift & 255) as i32 as f32 - offset;
        }
    }
    integers
}

/// For each byte of a group, the sums of a block with each row of the panel.
#[inline(always)]
fn partial_dots(w: &Integers, x: &activations::Block) -> [[f32; panel::ROWS]; GROUP] {
    let mut floats = [[0.0; GROUP]; GROUPS];
    for (float, &integer) in floats.as_flattened_mut().iter_mut().zip(x.integers.as_flattened()) {
        *float = f32::from(integer);
    }
    let mut dots = [[0.0f32; panel::ROWS]; GROUP];
    for (group, x) in black_box(floats).iter().enumerate() {
        for ((dots, w), &x) in dots.iter_mut().zip(w).zip(x) {
            add_scaled(dots, x, &w[group]);
        }
    }
    dots
}

//! The formula. In lane `r` for row `r` of a panel, block after block:
//!
//! ```text
//! dot  = Σ w · q                  of 32 integers, exactly; less 128 · Σ q where the weights are 128 too large
//! sum += (d_w · d_x) · dot        one rounding for the product of the scales, one for the sum
//! sum += m_w · (d_x · Σ q)        where the format has minimums
//! ```

use super::{activations, panel};

/// `sums = x · panelᵀ` of the tile's rows.
#[inline(always)]
pub(super) fn multiply(
    has_minimums: bool,
    panel: &[panel::Block],
    tile: &[activations::Block],
    sums: &mut [[f32; panel::ROWS]],
) {
    let rows = sums.len();
    for (row, sums) in sums.iter_mut().enumerate() {
        *sums = [0.0; panel::ROWS];
        for (w, x) in panel.iter().zip(tile.chunks_exact(rows)) {
            block(has_minimums, w, &x[row], sums);
        }
    }
}

#[inline(always)]
fn block(
    has_minimums: bool,
    w: &panel::Block,
    x: &activations::Block,
    sums: &mut [f32; panel::ROWS],
) {
    let mut dots = [if has_minimums { 0 } else { x.correction }; panel::ROWS];
    for (w, x) in w.integers.iter().zip(&x.integers) {
        let [x0, x1, x2, x3] = x.map(i32::from);
        for (dot, w) in dots.iter_mut().zip(w) {
            let [w0, w1, w2, w3] = w.to_le_bytes().map(i32::from);
            *dot += w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3;
        }
    }
    for (sum, (dot, scale)) in sums.iter_mut().zip(dots.into_iter().zip(w.scales)) {
        *sum = (dot as f32).mul_add(scale * x.scale, *sum);
    }
    if has_minimums {
        for (sum, minimum) in sums.iter_mut().zip(w.minimums) {
            *sum = minimum.mul_add(x.sum, *sum);
        }
    }
}

//! SwiGLU: one half of a row, through SiLU, gates the other.

use rayon::prelude::*;

use crate::blocks::{ELEMENTS, ROWS};
use crate::simd::{sigmoid, vectorized};

/// `y = silu(gate) · up` with `silu(x) = x · sigmoid(x)` ([Shazeer,
/// 2020](https://arxiv.org/abs/2002.05202)): of rows `[n, 2 * m]` whose first half is the gate, `y`
/// `[n, m]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn swiglu(m: usize, x: &[f32], y: &mut [f32]) {
    check(m, x, y);
    let size = (ROWS * m).max(1);
    y.par_chunks_mut(size).zip(x.par_chunks(2 * size)).for_each(|(y, x)| {
        vectorized!({
            for (y, x) in y.chunks_exact_mut(m).zip(x.chunks_exact(2 * m)) {
                let (gate, up) = x.split_at(m);
                y.iter_mut().zip(gate.iter().zip(up)).for_each(|(y, (&gate, &up))| {
                    *y = gate * sigmoid(gate) * up;
                });
            }
        });
    });
}

/// The gradient of [`swiglu`] from `dy` `[n, m]`: `dx` `[n, 2 * m]`, replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn swiglu_backward(m: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    check(m, x, dy);
    assert_eq!(dx.len(), x.len(), "swiglu_backward: x and dx have one length");
    let size = (ROWS * m).max(1);
    let inputs = x.par_chunks(2 * size).zip(dy.par_chunks(size));
    dx.par_chunks_mut(2 * size).zip(inputs).for_each(|(dx, (x, dy))| {
        vectorized!({
            let rows = x.chunks_exact(2 * m).zip(dy.chunks_exact(m));
            for (dx, (x, dy)) in dx.chunks_exact_mut(2 * m).zip(rows) {
                row_backward(m, x, dy, dx);
            }
        });
    });
}

#[inline(always)]
fn row_backward(m: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    let ((gate, up), (d_gate, d_up)) = (x.split_at(m), dx.split_at_mut(m));
    let inputs = gate.iter().zip(up).zip(dy);
    for ((d_gate, d_up), ((&gate, &up), &dy)) in d_gate.iter_mut().zip(d_up).zip(inputs) {
        let s = sigmoid(gate);
        *d_up = dy * gate * s;
        *d_gate = dy * up * (gate * s).mul_add(1.0 - s, s);
    }
}

/// `up = silu(gate) · up`, as [`swiglu`] where the two are not side by side.
///
/// # Panics
///
/// If the lengths differ.
pub fn silu_gate(gate: &[f32], up: &mut [f32]) {
    assert_eq!(gate.len(), up.len(), "silu_gate: gate and up have one length");
    up.par_chunks_mut(ELEMENTS).zip(gate.par_chunks(ELEMENTS)).for_each(|(up, gate)| {
        vectorized!({
            up.iter_mut().zip(gate).for_each(|(up, &gate)| *up *= gate * sigmoid(gate));
        });
    });
}

fn check(m: usize, x: &[f32], y: &[f32]) {
    assert!(m > 0 && y.len().is_multiple_of(m), "swiglu: y is not [n, m]");
    assert_eq!(x.len(), 2 * y.len(), "swiglu: x is not [n, 2 * m]");
}

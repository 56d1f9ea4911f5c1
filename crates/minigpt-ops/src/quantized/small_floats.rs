//! Products with floats of 16 bits, in `f32`: a few rows of the weight are widened and multiplied with all of `x`.

use super::Task;
use super::format::{Format, bf16, f16, floats};
use crate::simd::{dots, vectorized};

/// Rows of the weight that are widened at a time.
const ROWS: usize = 4;

/// Rows of `x` that are read at a time.
const TILE: usize = 4;

/// Fills the task's part of the output from its rows of `x`.
pub(super) fn multiply(x: &[f32], mut task: Task) {
    let k = task.weight.columns();
    let mut rows = vec![0.0; ROWS * k];
    for first in (0..task.y.column_count()).step_by(ROWS) {
        let count = ROWS.min(task.y.column_count() - first);
        for (row, values) in rows.chunks_exact_mut(k).take(count).enumerate() {
            let bytes = task.weight.row(task.first + first + row);
            match task.weight.format() {
                Format::Bf16 => vectorized!(floats(bytes, values, bf16)),
                Format::F16 => vectorized!(floats(bytes, values, f16)),
                _ => unreachable!("blocks are multiplied as integers"),
            }
        }
        let bias = task.bias.map(|bias| &bias[task.first + first..]);
        let at = |row: usize| bias.map_or(0.0, |bias| bias[row]);
        let mut from = 0;
        for x in x.chunks(TILE * k) {
            for (row, w) in rows.chunks_exact(k).take(count).enumerate() {
                if x.len() == TILE * k {
                    let sums = vectorized!(tile::<TILE>(w, x));
                    for (i, sum) in sums.into_iter().enumerate() {
                        task.y.row_mut(from + i)[first + row] = sum + at(row);
                    }
                } else {
                    for (i, x) in x.chunks_exact(k).enumerate() {
                        let [sum] = vectorized!(tile::<1>(w, x));
                        task.y.row_mut(from + i)[first + row] = sum + at(row);
                    }
                }
            }
            from += TILE;
        }
    }
}

#[inline(always)]
fn tile<const N: usize>(w: &[f32], x: &[f32]) -> [f32; N] {
    let k = w.len();
    dots(w, std::array::from_fn(|row| &x[row * k..][..k]))
}

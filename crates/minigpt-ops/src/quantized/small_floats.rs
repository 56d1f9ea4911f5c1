//! Products with floats of 16 or 32 bits, in `f32`: some rows of the weight are widened and multiplied with all rows
//! of `x`. An element is what [`dot`](crate::simd::dot) gives, whatever the processor.

#[cfg(target_arch = "x86_64")]
mod avx512;

use super::Task;
use super::format::{Format, floats};
use crate::half_floats::{bf16, f16};
use crate::scratch::Scratch;
use crate::simd::{dots, vectorized};

/// Rows of the weight that are widened at a time.
const ROWS: usize = 4;

/// Instructions that the products are computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Body {
    /// What the compiler makes of the formula.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Body {
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            return Self::Avx512;
        }
        Self::Portable
    }
}

/// Fills the task's part of the output from its rows of `x`.
pub(super) fn multiply(body: Body, x: &[f32], mut task: Task) {
    let k = task.weight.columns();
    #[cfg(target_arch = "x86_64")]
    if body == Body::Avx512 && avx512::is_for_few(x.len() / k.max(1), k) {
        // SAFETY: the processor has the instructions, or there would be no such body.
        unsafe { avx512::multiply_few(x, &mut task) };
        return;
    }
    let mut widened = Scratch::new(ROWS * k);
    for first in (0..task.y.column_count()).step_by(ROWS) {
        let columns = first..(first + ROWS).min(task.y.column_count());
        for (column, values) in columns.clone().zip(widened.chunks_exact_mut(k)) {
            widen(task.weight.format(), task.weight.row(task.first + column), values);
        }
        let mut put = |row: usize, sums: &[f32; ROWS]| {
            let y = &mut task.y.row_mut(row)[columns.clone()];
            for (i, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
                *y = sum + task.bias.map_or(0.0, |bias| bias[task.first + first + i]);
            }
        };
        match body {
            Body::Portable => portable(&widened, x, &mut put),
            // SAFETY: the processor has the instructions, or there would be no such body.
            #[cfg(target_arch = "x86_64")]
            Body::Avx512 => unsafe { avx512::multiply(&widened, x, &mut put) },
        }
    }
}

fn widen(format: Format, bytes: &[u8], values: &mut [f32]) {
    match format {
        Format::Bf16 => vectorized!(floats(bytes, values, bf16)),
        Format::F16 => vectorized!(floats(bytes, values, f16)),
        Format::F32 => vectorized!(floats(bytes, values, f32::from_le_bytes)),
        _ => unreachable!("blocks are multiplied as integers"),
    }
}

/// Of each row of `x`, the sums with all rows of the weight.
fn portable(widened: &[f32], x: &[f32], put: &mut impl FnMut(usize, &[f32; ROWS])) {
    let k = widened.len() / ROWS;
    for (row, x) in x.chunks_exact(k).enumerate() {
        let mut sums = [0.0; ROWS];
        for (sums, w) in sums.chunks_exact_mut(2).zip(widened.chunks_exact(2 * k)) {
            let (first, second) = w.split_at(k);
            sums.copy_from_slice(&vectorized!(dots(x, [first, second])));
        }
        put(row, &sums);
    }
}

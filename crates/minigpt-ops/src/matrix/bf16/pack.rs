//! Numbers rounded to bfloat16 in the order that the kernel reads them in.

use std::arch::x86_64::*;

use super::registers::{LANES, load, store, transposed};
use super::tile::ROWS;
use crate::matrix::Matrix;

/// Numbers that one step of the loops below reads from a row: two registers, rounded into one.
const TAKEN: usize = 2 * LANES;

/// Rows `first..` of a matrix whose rows are in one piece, at most [`ROWS`] of them, rounded, a row `STRIDE` after the
/// one before.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn pack_rows<const STRIDE: usize>(matrix: Matrix, first: usize, packed: &mut [f32]) {
    let last = (first + ROWS).min(matrix.row_count());
    for (row, packed) in (first..last).zip(packed.chunks_exact_mut(STRIDE)) {
        let (values, rest) = matrix.row(row).as_chunks::<TAKEN>();
        let (packed, _) = packed.as_chunks_mut::<LANES>();
        for (values, packed) in values.iter().zip(packed.iter_mut()) {
            store(rounded(values), packed);
        }
        if !rest.is_empty() {
            store(rounded(rest), &mut packed[values.len()]);
        }
    }
}

/// Columns `first..` of `matrix` in panels of `WIDTH`, each `panel` after the one before, rounded: for each two rows, what
/// stands in them in one column side by side, column after column; zeros where there is no such row or column.
///
/// The pairs of bfloat16 are kept in the memory of `f32`, which they fill.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn pack_columns<const WIDTH: usize>(
    matrix: Matrix,
    first: usize,
    packed: &mut [f32],
    panel: usize,
) {
    let (k, pairs) = (matrix.row_count(), matrix.row_count().div_ceil(2));
    if matrix.is_row_major() {
        // All panels of two rows: memory is read as it lies.
        for pair in 0..pairs {
            let even = &matrix.row(2 * pair)[first..];
            let odd = if 2 * pair + 1 < k { &matrix.row(2 * pair + 1)[first..] } else { &[] };
            for (index, packed) in packed.chunks_exact_mut(panel).enumerate() {
                let packed = &mut packed[pair * WIDTH..][..WIDTH];
                for (lane, packed) in packed.chunks_mut(LANES).enumerate() {
                    let start = index * WIDTH + lane * LANES;
                    // A whole register needs no mask.
                    let whole = (even.get(start..start + LANES), odd.get(start..start + LANES));
                    let pairs = if let (Some(even), Some(odd)) = whole {
                        interleave(load(even), load(odd))
                    } else {
                        let even = even.get(start..).unwrap_or_default();
                        interleave(load(even), load(odd.get(start..).unwrap_or_default()))
                    };
                    store(pairs, packed);
                }
            }
        }
        return;
    }
    let columns = matrix.transposed();
    for (index, packed) in packed.chunks_exact_mut(panel).enumerate() {
        let (packed, _) = packed[..pairs * WIDTH].as_chunks_mut::<WIDTH>();
        let first = first + index * WIDTH;
        let width = columns.row_count().saturating_sub(first).min(WIDTH);
        for (block, packed) in packed.chunks_mut(LANES).enumerate() {
            let start = TAKEN * block;
            for group in (0..WIDTH).step_by(LANES) {
                let mut pairs = [_mm512_setzero_si512(); LANES];
                for (lane, pairs) in pairs.iter_mut().enumerate().take(width.saturating_sub(group))
                {
                    let values = columns.row(first + group + lane);
                    *pairs = match values.get(start..start + TAKEN) {
                        Some(values) => rounded(values),
                        None => rounded(&values[start..]),
                    };
                }
                for (packed, pairs) in packed.iter_mut().zip(transposed(pairs)) {
                    store(pairs, &mut packed[group..WIDTH.min(group + LANES)]);
                }
            }
        }
    }
}

/// The first [`TAKEN`] values, zeros after the last.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn rounded(values: &[f32]) -> __m512i {
    round(load(values), load(values.get(LANES..).unwrap_or_default()))
}

/// Rounded to nearest, ties to even: `lower`, then `upper`.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn round(lower: __m512, upper: __m512) -> __m512i {
    // SAFETY: both types are 64 bytes of numbers.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(upper, lower)) }
}

/// Rounded, an element of each in turn.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn interleave(even: __m512, odd: __m512) -> __m512i {
    const ORDER: [u16; 2 * LANES] = {
        let mut order = [0; 2 * LANES];
        let mut i = 0;
        while i < LANES {
            order[2 * i] = i as u16;
            order[2 * i + 1] = (LANES + i) as u16;
            i += 1;
        }
        order
    };
    // SAFETY: as long as a register.
    let order = unsafe { _mm512_loadu_si512(ORDER.as_ptr().cast()) };
    _mm512_permutexvar_epi16(order, round(even, odd))
}

//! One tile of the output, in registers.

use std::arch::x86_64::*;

use super::registers::{LANES, load, store, transposed};
use crate::matrix::{Kept, MatrixMut, Output};

/// Rows of a tile of the output: 28 of the 32 registers hold it.
pub(super) const ROWS: usize = Kept::ROWS;

/// Columns of a tile: two registers of [`LANES`].
pub(super) const COLUMNS: usize = 2 * LANES;

/// One tile of the output: the product of a panel of each operand times `scale`, to [`COLUMNS`] columns from `first` on
/// of `rows`, as many as there are.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn tile<const PAIR: usize, const ROW: usize>(
    scale: f32,
    a: &[f32],
    b: &[[f32; COLUMNS]],
    mut rows: MatrixMut,
    first: usize,
    output: Output,
) {
    assert!((ROWS - 1) * ROW + b.len() * PAIR < a.len() + PAIR, "a panel of other sizes");
    let last = (first + COLUMNS).min(rows.column_count());
    if !rows.is_row_major() {
        // SAFETY: the assertion above.
        let sums = unsafe { tile_sums::<PAIR, ROW>(a, b) };
        for group in [0, 1] {
            let mut half = [_mm512_setzero_si512(); LANES];
            for (half, sums) in half.iter_mut().zip(&sums) {
                *half = _mm512_castps_si512(sums[group]);
            }
            for (column, &sum) in (first + group * LANES..last).zip(&transposed(half)) {
                put(scale, _mm512_castsi512_ps(sum), rows.column_mut(column), output);
            }
        }
        return;
    }
    if output == Output::Add {
        (0..rows.row_count()).for_each(|row| fetch::<_MM_HINT_T0>(&rows.row_mut(row)[first..last]));
    }
    // SAFETY: the assertion above.
    let sums = unsafe { tile_sums::<PAIR, ROW>(a, b) };
    // By reference: they would be moved through memory twice.
    for (row, sums) in (0..rows.row_count()).zip(&sums) {
        for (part, &sum) in rows.row_mut(row)[first..last].chunks_mut(LANES).zip(sums) {
            put(scale, sum, part, output);
        }
    }
}

/// `scale · sums` to the output or added to it.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn put(scale: f32, sums: __m512, to: &mut [f32], output: Output) {
    let scale = _mm512_set1_ps(scale);
    let sums = match output {
        Output::Replace => _mm512_mul_ps(scale, sums),
        Output::Add => _mm512_fmadd_ps(scale, sums, load(to)),
    };
    store(_mm512_castps_si512(sums), to);
}

/// The tile in registers. A function of its own without a panic inside: else each sum goes to memory and
/// back at every pair, in half the speed.
///
/// # Safety
///
/// `a` has more than `(ROWS - 1) * ROW + (b.len() - 1) * PAIR` numbers, unless `b` is empty.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
unsafe fn tile_sums<const PAIR: usize, const ROW: usize>(
    a: &[f32],
    b: &[[f32; COLUMNS]],
) -> [[__m512; 2]; ROWS] {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    for (pair, b) in b.iter().enumerate() {
        let b = [pairs(load(&b[..LANES])), pairs(load(&b[LANES..]))];
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: as the caller promises.
            let a = pairs(_mm512_set1_ps(unsafe { *a.get_unchecked(pair * PAIR + row * ROW) }));
            sums[0] = _mm512_dpbf16_ps(sums[0], a, b[0]);
            sums[1] = _mm512_dpbf16_ps(sums[1], a, b[1]);
        }
    }
    sums
}

/// The same bits as pairs of bfloat16.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn pairs(bits: __m512) -> __m512bh {
    // SAFETY: both types are 64 bytes of numbers.
    unsafe { std::mem::transmute::<__m512, __m512bh>(bits) }
}

/// Asks memory for what will be read, a line of [`LANES`] at a time: into the cache that `HINT` names.
#[inline(always)]
pub(super) fn fetch<const HINT: i32>(values: &[f32]) {
    for line in values.chunks(LANES) {
        // SAFETY: within the slice, and nothing is read.
        unsafe { _mm_prefetch::<HINT>(line.as_ptr().cast()) };
    }
}

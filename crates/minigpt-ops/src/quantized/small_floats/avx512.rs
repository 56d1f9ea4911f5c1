//! Inner products on AVX-512, the sums of several at a time in registers.

use std::arch::x86_64::*;

use super::ROWS;
use crate::quantized::Task;
use crate::quantized::format::Format;
use crate::simd::LANES;

/// Rows of `x` that are read at a time: 24 of the 32 registers hold the sums.
const TILE: usize = 3;

/// Of each row of `x`, the sums with all rows of the weight.
#[target_feature(enable = "avx512f")]
pub(super) fn multiply(widened: &[f32], x: &[f32], put: &mut impl FnMut(usize, &[f32; ROWS])) {
    let k = widened.len() / ROWS;
    for (tile, x) in x.chunks(TILE * k).enumerate() {
        match x.len() / k {
            1 => some_rows::<1>(widened, x, tile, put),
            2 => some_rows::<2>(widened, x, tile, put),
            _ => some_rows::<TILE>(widened, x, tile, put),
        }
    }
}

#[target_feature(enable = "avx512f")]
fn some_rows<const N: usize>(
    widened: &[f32],
    x: &[f32],
    tile: usize,
    put: &mut impl FnMut(usize, &[f32; ROWS]),
) {
    let k = widened.len() / ROWS;
    let whole = k / LANES * LANES;
    // SAFETY: each float is four bytes.
    let bytes: &[u8] =
        unsafe { std::slice::from_raw_parts(widened.as_ptr().cast(), size_of_val(widened)) };
    let registers = in_registers::<N, ROWS, F32>(bytes, x, k);
    for (row, (registers, x)) in registers.iter().zip(x.chunks_exact(k)).enumerate() {
        let mut sums = [0.0; ROWS];
        for (sum, (&lanes, w)) in sums.iter_mut().zip(registers.iter().zip(widened.chunks_exact(k)))
        {
            let rest = x[whole..].iter().zip(&w[whole..]);
            *sum = rest.fold(sum_lanes(lanes), |sum, (&x, &w)| x.mul_add(w, sum));
        }
        put(TILE * tile + row, &sums);
    }
}

/// In the order of [`simd`](crate::simd)'s: halves are added until one is left, of the last four the outer ones first.
#[target_feature(enable = "avx512f")]
#[inline]
fn sum_lanes([lower, upper]: [__m512; 2]) -> f32 {
    let lanes = _mm512_castps_pd(_mm512_add_ps(lower, upper));
    let [lower, upper] = [_mm512_castpd512_pd256(lanes), _mm512_extractf64x4_pd::<1>(lanes)];
    let lanes = _mm256_add_ps(_mm256_castpd_ps(lower), _mm256_castpd_ps(upper));
    let lanes = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let lanes = _mm_add_ps(lanes, _mm_movehl_ps(lanes, lanes)); // 0 and 2, 1 and 3
    _mm_cvtss_f32(_mm_add_ss(lanes, _mm_movehdup_ps(lanes)))
}

/// True for few rows of `x`, for which widening the weights first costs more than widening them each time, and whose
/// `k` numbers are whole registers.
pub(super) fn is_for_few(rows: usize, k: usize) -> bool {
    rows <= TILE && k > 0 && k.is_multiple_of(LANES)
}

/// Fills the task's part of the output, for rows of `x` for which [`is_for_few`] says so. The same bits as
/// [`multiply`].
#[target_feature(enable = "avx512f")]
pub(super) fn multiply_few(x: &[f32], task: &mut Task) {
    match task.weight.format() {
        Format::Bf16 => of_format::<Bf16>(x, task),
        Format::F16 => of_format::<F16>(x, task),
        Format::F32 => of_format::<F32>(x, task),
        Format::Q8_0 | Format::Q4_0 | Format::Q4_1 => {
            unreachable!("blocks are multiplied as integers")
        }
    }
}

/// How 16 numbers become a register.
trait Widen {
    const BYTES: usize;

    /// # Safety
    ///
    /// There must be 16 numbers at `start`, and AVX-512.
    unsafe fn widen(start: *const u8) -> __m512;
}

struct Bf16;
struct F16;
struct F32;

impl Widen for Bf16 {
    const BYTES: usize = 2;

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn widen(start: *const u8) -> __m512 {
        // SAFETY: the caller says so.
        let halves = unsafe { _mm256_loadu_si256(start.cast()) };
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
    }
}

impl Widen for F16 {
    const BYTES: usize = 2;

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn widen(start: *const u8) -> __m512 {
        // SAFETY: the caller says so.
        _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(start.cast()) })
    }
}

impl Widen for F32 {
    const BYTES: usize = 4;

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn widen(start: *const u8) -> __m512 {
        // SAFETY: the caller says so.
        unsafe { _mm512_loadu_ps(start.cast()) }
    }
}

#[target_feature(enable = "avx512f")]
fn of_format<W: Widen>(x: &[f32], task: &mut Task) {
    let k = task.weight.columns();
    match x.len() / k {
        1 => few_rows::<1, W>(x, task),
        2 => few_rows::<2, W>(x, task),
        _ => few_rows::<TILE, W>(x, task),
    }
}

#[target_feature(enable = "avx512f")]
fn few_rows<const N: usize, W: Widen>(x: &[f32], task: &mut Task) {
    let (columns, bias) = (task.y.column_count(), task.bias);
    let mut first = 0;
    while first < columns {
        let count = if columns - first >= ROWS { ROWS } else { 1 };
        let weight = task.weight.some_rows(task.first + first, count);
        let sums = match count {
            ROWS => in_registers::<N, ROWS, W>(weight, x, task.weight.columns()),
            _ => in_registers::<N, 1, W>(weight, x, task.weight.columns()).map(|[one]| [one; ROWS]),
        };
        for (row, sums) in sums.iter().enumerate() {
            let y = &mut task.y.row_mut(row)[first..first + count];
            for (i, (y, &lanes)) in y.iter_mut().zip(sums).enumerate() {
                *y = sum_lanes(lanes) + bias.map_or(0.0, |bias| bias[task.first + first + i]);
            }
        }
        first += count;
    }
}

/// The sums of rows of weights, which are widened as they are read, stay in registers. A function of its own without a
/// panic inside: else each goes to memory and back at every step.
#[target_feature(enable = "avx512f")]
#[inline]
fn in_registers<const N: usize, const COLUMNS: usize, W: Widen>(
    weight: &[u8],
    x: &[f32],
    k: usize,
) -> [[[__m512; 2]; COLUMNS]; N] {
    const { assert!(LANES == 2 * 16) }
    assert!(weight.len() >= COLUMNS * k * W::BYTES && x.len() >= N * k, "rows of other lengths");
    let mut sums = [[[_mm512_setzero_ps(); 2]; COLUMNS]; N];
    for step in 0..k / LANES {
        for half in 0..2 {
            let at = step * LANES + half * (LANES / 2);
            let mut own = [_mm512_setzero_ps(); N];
            for (row, own) in own.iter_mut().enumerate() {
                // SAFETY: `at` is in a row of `k`, with the 16 values of a register from there on, as a step has twice as
                // many; and there are as many rows as asserted.
                *own = unsafe { _mm512_loadu_ps(x.as_ptr().add(row * k + at)) };
            }
            for column in 0..COLUMNS {
                // SAFETY: the same.
                let w = unsafe { W::widen(weight.as_ptr().add((column * k + at) * W::BYTES)) };
                for (sums, &x) in sums.iter_mut().zip(&own) {
                    sums[column][half] = _mm512_fmadd_ps(x, w, sums[column][half]);
                }
            }
        }
    }
    sums
}

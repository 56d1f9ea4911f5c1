//! Inner products on AVX-512, the sums of several at a time in registers.

use std::arch::x86_64::*;

use super::ROWS;
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
    let registers = in_registers::<N>(widened, x, k);
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

/// The sums stay in registers. A function of its own without a panic inside: else each goes to memory and back at
/// every step.
#[target_feature(enable = "avx512f")]
#[inline]
fn in_registers<const N: usize>(widened: &[f32], x: &[f32], k: usize) -> [[[__m512; 2]; ROWS]; N] {
    const { assert!(LANES == 2 * 16) }
    assert!(widened.len() >= ROWS * k && x.len() >= N * k, "rows of other lengths");
    let mut sums = [[[_mm512_setzero_ps(); 2]; ROWS]; N];
    let load = |values: &[f32], at: usize| {
        // SAFETY: `at` is in a row of `k`, with the 16 values of a register from there on, as a step has twice as
        // many; and there are as many rows as asserted.
        unsafe { _mm512_loadu_ps(values.as_ptr().add(at)) }
    };
    for step in 0..k / LANES {
        for half in 0..2 {
            let at = step * LANES + half * (LANES / 2);
            let mut own = [_mm512_setzero_ps(); N];
            for (row, own) in own.iter_mut().enumerate() {
                *own = load(x, row * k + at);
            }
            for column in 0..ROWS {
                let w = load(widened, column * k + at);
                for (sums, &x) in sums.iter_mut().zip(&own) {
                    sums[column][half] = _mm512_fmadd_ps(x, w, sums[column][half]);
                }
            }
        }
    }
    sums
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

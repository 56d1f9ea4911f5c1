//! Registers of sixteen numbers.

use std::arch::x86_64::*;

/// `f32` in a register.
pub(super) const LANES: usize = 16;

/// The first [`LANES`] values, zeros after the last.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load(values: &[f32]) -> __m512 {
    // SAFETY: the mask leaves out what is not in the slice.
    unsafe { _mm512_maskz_loadu_ps(first_lanes(values.len()), values.as_ptr()) }
}

/// Into the first [`LANES`] values, as many as there are.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store(register: __m512i, values: &mut [f32]) {
    // SAFETY: the mask leaves out what is not in the slice.
    unsafe {
        _mm512_mask_storeu_epi32(values.as_mut_ptr().cast(), first_lanes(values.len()), register);
    }
}

/// A bit for each of the first `count` lanes.
#[inline]
fn first_lanes(count: usize) -> __mmask16 {
    if count < LANES { (1 << count) - 1 } else { __mmask16::MAX }
}

/// Rows of 32-bit numbers to columns.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn transposed(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    let mut pairs = rows;
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    let mut fours = pairs;
    for i in (0..LANES).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    let mut eights = fours;
    for i in (0..LANES).step_by(8) {
        for j in 0..4 {
            eights[i + j] = _mm512_shuffle_i32x4::<0x88>(fours[i + j], fours[i + j + 4]);
            eights[i + j + 4] = _mm512_shuffle_i32x4::<0xdd>(fours[i + j], fours[i + j + 4]);
        }
    }
    let mut columns = eights;
    for i in 0..8 {
        columns[i] = _mm512_shuffle_i32x4::<0x88>(eights[i], eights[i + 8]);
        columns[i + 8] = _mm512_shuffle_i32x4::<0xdd>(eights[i], eights[i + 8]);
    }
    columns
}

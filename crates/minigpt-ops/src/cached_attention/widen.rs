//! How numbers of a cache become 32-bit floats to multiply.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::key_values::LANES;
use crate::half_floats::{bf16, f16};

/// How a row becomes 32-bit floats.
pub(super) trait Widen<N> {
    fn widen(row: &[N; LANES]) -> [f32; LANES];
}

/// Of 32-bit floats.
pub(super) struct Exact;

/// Of the upper halves of 32-bit floats, by a shift.
pub(super) struct UpperHalf;

/// Of IEEE halves, on any processor.
pub(super) struct Formula;

/// Of IEEE halves, on processors that have F16C and AVX2: no other may use it.
#[cfg(target_arch = "x86_64")]
pub(super) struct F16c;

/// Of IEEE halves, on processors that have AVX-512: no other may use it.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx512;

impl Widen<f32> for Exact {
    #[inline(always)]
    fn widen(row: &[f32; LANES]) -> [f32; LANES] {
        *row
    }
}

impl Widen<u16> for UpperHalf {
    #[inline(always)]
    fn widen(row: &[u16; LANES]) -> [f32; LANES] {
        let mut wide = [0.0; LANES];
        wide.iter_mut().zip(row).for_each(|(wide, half)| *wide = bf16(half.to_le_bytes()));
        wide
    }
}

impl Widen<u16> for Formula {
    #[inline(always)]
    fn widen(row: &[u16; LANES]) -> [f32; LANES] {
        let mut wide = [0.0; LANES];
        wide.iter_mut().zip(row).for_each(|(wide, half)| *wide = f16(half.to_le_bytes()));
        wide
    }
}

#[cfg(target_arch = "x86_64")]
impl Widen<u16> for F16c {
    #[inline(always)]
    fn widen(row: &[u16; LANES]) -> [f32; LANES] {
        let mut wide = [0.0; LANES];
        for (wide, row) in wide.as_chunks_mut::<8>().0.iter_mut().zip(row.as_chunks::<8>().0) {
            // SAFETY: half of a row is as long as a register, and only a body that has F16C widens so.
            unsafe {
                let halves = _mm_loadu_si128(row.as_ptr().cast());
                _mm256_storeu_ps(wide.as_mut_ptr(), _mm256_cvtph_ps(halves));
            }
        }
        wide
    }
}

#[cfg(target_arch = "x86_64")]
impl Widen<u16> for Avx512 {
    #[inline(always)]
    fn widen(row: &[u16; LANES]) -> [f32; LANES] {
        let mut wide = [0.0; LANES];
        // SAFETY: a row is as long as a register, and only a body that has AVX-512 widens so.
        unsafe {
            let halves = _mm256_loadu_si256(row.as_ptr().cast());
            _mm512_storeu_ps(wide.as_mut_ptr(), _mm512_cvtph_ps(halves));
        }
        wide
    }
}

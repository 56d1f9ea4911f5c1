//! [`portable`](super::portable) on AVX2: `vpmaddubsw` multiplies integers without and with a sign and adds two
//! products in 16 bits, which saturate. Weights of 4 bits leave room for a block. Those of 8 bits give their sign
//! to the other factor, and their pairs are widened one by one: 128 · 127 · 2 just fits.

use std::arch::x86_64::*;

use super::{activations, panel};

/// Lanes of a register: half a panel.
const LANES: usize = panel::ROWS / 2;

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// `sums = x · panelᵀ` of the tile's rows.
#[target_feature(enable = "avx2,fma")]
pub(super) fn multiply(
    has_minimums: bool,
    panel: &[panel::Block],
    tile: &[activations::Block],
    sums: &mut [[f32; panel::ROWS]],
) {
    for half in [0, LANES] {
        if has_minimums {
            multiply_rows::<true>(panel, half, tile, sums);
        } else {
            multiply_rows::<false>(panel, half, tile, sums);
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn multiply_rows<const HAS_MINIMUMS: bool>(
    panel: &[panel::Block],
    half: usize,
    tile: &[activations::Block],
    sums: &mut [[f32; panel::ROWS]],
) {
    let mut first = 0;
    while first < sums.len() {
        first += match sums.len() - first {
            4.. => some_rows::<HAS_MINIMUMS, 4>(panel, half, tile, first, sums),
            2.. => some_rows::<HAS_MINIMUMS, 2>(panel, half, tile, first, sums),
            _ => some_rows::<HAS_MINIMUMS, 1>(panel, half, tile, first, sums),
        }
    }
}

/// `ROWS` rows of a tile, from `first` on, with half of the panel.
#[target_feature(enable = "avx2,fma")]
fn some_rows<const HAS_MINIMUMS: bool, const ROWS: usize>(
    panel: &[panel::Block],
    half: usize,
    tile: &[activations::Block],
    first: usize,
    sums: &mut [[f32; panel::ROWS]],
) -> usize {
    let registers = in_registers::<HAS_MINIMUMS, ROWS>(panel, half, tile, first, sums.len());
    for (sums, &register) in sums[first..].iter_mut().zip(&registers) {
        // SAFETY: half of the lanes are as long as a register.
        unsafe { _mm256_storeu_ps(sums[half..half + LANES].as_mut_ptr(), register) };
    }
    ROWS
}

/// The sums stay in registers, as they do in [`vnni`](super::vnni).
#[target_feature(enable = "avx2,fma")]
#[inline]
fn in_registers<const HAS_MINIMUMS: bool, const ROWS: usize>(
    panel: &[panel::Block],
    half: usize,
    tile: &[activations::Block],
    first: usize,
    tile_rows: usize,
) -> [__m256; ROWS] {
    let mut sums = [_mm256_setzero_ps(); ROWS];
    for (w, x) in panel.iter().zip(tile.chunks_exact(tile_rows)) {
        let Some(x) = x.get(first..).and_then(|x| x.first_chunk::<ROWS>()) else { break };
        let dots = if HAS_MINIMUMS { unsigned_dots(w, half, x) } else { signed_dots(w, half, x) };
        let [scales, minimums] = [&w.scales, &w.minimums].map(|lanes| {
            // SAFETY: half of the lanes are as long as a register.
            unsafe { _mm256_loadu_ps(lanes[half..half + LANES].as_ptr()) }
        });
        for (sum, (&dot, x)) in sums.iter_mut().zip(dots.iter().zip(x)) {
            let scales = _mm256_mul_ps(scales, _mm256_set1_ps(x.scale));
            *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scales, *sum);
            if HAS_MINIMUMS {
                *sum = _mm256_fmadd_ps(minimums, _mm256_set1_ps(x.sum), *sum);
            }
        }
    }
    sums
}

/// With weights of 4 bits: the sum of 16 products is at most 30480.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn unsigned_dots<const ROWS: usize>(
    w: &panel::Block,
    half: usize,
    x: &[activations::Block; ROWS],
) -> [__m256i; ROWS] {
    let mut dots = [_mm256_setzero_si256(); ROWS];
    for (group, w) in w.integers.iter().enumerate() {
        let w = load(w, half);
        for (dot, x) in dots.iter_mut().zip(x) {
            let pairs = _mm256_maddubs_epi16(w, repeat(x.integers[group]));
            *dot = _mm256_add_epi16(*dot, pairs);
        }
    }
    for dot in &mut dots {
        *dot = _mm256_madd_epi16(*dot, _mm256_set1_epi16(1));
    }
    dots
}

/// With weights that are 128 too large.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn signed_dots<const ROWS: usize>(
    w: &panel::Block,
    half: usize,
    x: &[activations::Block; ROWS],
) -> [__m256i; ROWS] {
    let mut dots = [_mm256_setzero_si256(); ROWS];
    for (group, w) in w.integers.iter().enumerate() {
        let w = _mm256_xor_si256(load(w, half), _mm256_set1_epi8(-128));
        let magnitudes = _mm256_abs_epi8(w);
        for (dot, x) in dots.iter_mut().zip(x) {
            let x = _mm256_sign_epi8(repeat(x.integers[group]), w);
            let pairs = _mm256_maddubs_epi16(magnitudes, x);
            *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        }
    }
    dots
}

/// Four bytes of each row of half a panel.
#[target_feature(enable = "avx2")]
#[inline]
fn load(lanes: &[u32; panel::ROWS], half: usize) -> __m256i {
    // SAFETY: half of the lanes are as long as a register.
    unsafe { _mm256_loadu_si256(lanes[half..half + LANES].as_ptr().cast()) }
}

/// Four bytes in each lane.
#[target_feature(enable = "avx2")]
#[inline]
fn repeat(group: [i8; activations::GROUP]) -> __m256i {
    _mm256_set1_epi32(i32::from_ne_bytes(group.map(i8::cast_unsigned)))
}

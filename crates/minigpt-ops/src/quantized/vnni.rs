//! [`portable`](super::portable) on AVX-512 VNNI's `vpdpbusd`: in each of 16 lanes, four products of an integer
//! without and one with a sign, added.

use std::arch::x86_64::*;

use super::{activations, panel};

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

/// `sums = x · panelᵀ` of the tile's rows.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn multiply(
    has_minimums: bool,
    panel: &[panel::Block],
    tile: &[activations::Block],
    sums: &mut [[f32; panel::ROWS]],
) {
    if has_minimums {
        multiply_rows::<true>(panel, tile, sums);
    } else {
        multiply_rows::<false>(panel, tile, sums);
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn multiply_rows<const HAS_MINIMUMS: bool>(
    panel: &[panel::Block],
    tile: &[activations::Block],
    sums: &mut [[f32; panel::ROWS]],
) {
    let mut first = 0;
    while first < sums.len() {
        first += match sums.len() - first {
            12.. => some_rows::<HAS_MINIMUMS, 12>(panel, tile, first, sums),
            8.. => some_rows::<HAS_MINIMUMS, 8>(panel, tile, first, sums),
            4.. => some_rows::<HAS_MINIMUMS, 4>(panel, tile, first, sums),
            2.. => some_rows::<HAS_MINIMUMS, 2>(panel, tile, first, sums),
            _ => some_rows::<HAS_MINIMUMS, 1>(panel, tile, first, sums),
        }
    }
}

/// `ROWS` rows of a tile, from `first` on.
#[target_feature(enable = "avx512f,avx512vnni")]
fn some_rows<const HAS_MINIMUMS: bool, const ROWS: usize>(
    panel: &[panel::Block],
    tile: &[activations::Block],
    first: usize,
    sums: &mut [[f32; panel::ROWS]],
) -> usize {
    let registers = in_registers::<HAS_MINIMUMS, ROWS>(panel, tile, first, sums.len());
    for (sums, &register) in sums[first..].iter_mut().zip(&registers) {
        // SAFETY: as long as a register.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), register) };
    }
    ROWS
}

/// The sums stay in registers. A function of its own without a panic inside: else each goes to memory and back at
/// every block.
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn in_registers<const HAS_MINIMUMS: bool, const ROWS: usize>(
    panel: &[panel::Block],
    tile: &[activations::Block],
    first: usize,
    tile_rows: usize,
) -> [__m512; ROWS] {
    const { assert!(align_of::<panel::Block>() == size_of::<__m512>()) }
    let mut sums = [_mm512_setzero_ps(); ROWS];
    for (w, x) in panel.iter().zip(tile.chunks_exact(tile_rows)) {
        let Some(x) = x.get(first..).and_then(|x| x.first_chunk::<ROWS>()) else { break };
        let mut dots = [_mm512_setzero_si512(); ROWS];
        if !HAS_MINIMUMS {
            for (dot, x) in dots.iter_mut().zip(x) {
                *dot = _mm512_set1_epi32(x.correction);
            }
        }
        for (group, w) in w.integers.iter().enumerate() {
            // SAFETY: as long as a register and aligned as one, as `panel::Block` is.
            let w = unsafe { _mm512_load_si512(w.as_ptr().cast()) };
            for (dot, x) in dots.iter_mut().zip(x) {
                let x = i32::from_ne_bytes(x.integers[group].map(i8::cast_unsigned));
                *dot = _mm512_dpbusd_epi32(*dot, w, _mm512_set1_epi32(x));
            }
        }
        // SAFETY: as long as a register and aligned as one, as `panel::Block` is.
        let [scales, minimums] =
            [&w.scales, &w.minimums].map(|lanes| unsafe { _mm512_load_ps(lanes.as_ptr()) });
        for (sum, (&dot, x)) in sums.iter_mut().zip(dots.iter().zip(x)) {
            let scales = _mm512_mul_ps(scales, _mm512_set1_ps(x.scale));
            *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scales, *sum);
            if HAS_MINIMUMS {
                *sum = _mm512_fmadd_ps(minimums, _mm512_set1_ps(x.sum), *sum);
            }
        }
    }
    sums
}

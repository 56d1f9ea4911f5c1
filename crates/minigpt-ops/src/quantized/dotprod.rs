//! [`portable`](super::portable) on NEON's `sdot`: in each of four lanes, four products of integers with signs, added.
//! It is an extension of ARMv8.2: Apple's M1 and a Raspberry Pi 5 have it, a Raspberry Pi 4 has not.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::{activations, panel};

/// Lanes of a register: a quarter of a panel.
const LANES: usize = 4;

pub(super) fn is_available() -> bool {
    // A panel's groups of four bytes are numbers, which other processors have the other way round.
    cfg!(target_endian = "little") && is_aarch64_feature_detected!("dotprod")
}

/// `sums = x · panelᵀ` of the tile's rows.
#[target_feature(enable = "neon,dotprod")]
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

/// Of the 32 registers, up to 16 hold sums of integers and of floats: four rows with half of the panel, or two with
/// all of it.
#[target_feature(enable = "neon,dotprod")]
fn multiply_rows<const HAS_MINIMUMS: bool>(
    panel: &[panel::Block],
    tile: &[activations::Block],
    sums: &mut [[f32; panel::ROWS]],
) {
    let mut first = 0;
    while first < sums.len() {
        first += match sums.len() - first {
            4.. => some_rows::<HAS_MINIMUMS, 4, 2>(panel, tile, first, sums),
            2.. => some_rows::<HAS_MINIMUMS, 2, 4>(panel, tile, first, sums),
            _ => some_rows::<HAS_MINIMUMS, 1, 4>(panel, tile, first, sums),
        }
    }
}

/// `ROWS` rows of a tile, from `first` on, with as much of the panel at a time as `REGISTERS` hold.
#[target_feature(enable = "neon,dotprod")]
fn some_rows<const HAS_MINIMUMS: bool, const ROWS: usize, const REGISTERS: usize>(
    panel: &[panel::Block],
    tile: &[activations::Block],
    first: usize,
    sums: &mut [[f32; panel::ROWS]],
) -> usize {
    for at in (0..panel::ROWS).step_by(REGISTERS * LANES) {
        let registers =
            in_registers::<HAS_MINIMUMS, ROWS, REGISTERS>(panel, at, tile, first, sums.len());
        for (sums, registers) in sums[first..].iter_mut().zip(&registers) {
            for (sums, &register) in sums[at..].as_chunks_mut::<LANES>().0.iter_mut().zip(registers)
            {
                // SAFETY: as long as a register.
                unsafe { vst1q_f32(sums.as_mut_ptr(), register) };
            }
        }
    }
    ROWS
}

/// With the panel's rows from `at` on. The sums stay in registers, as they do in `vnni`.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn in_registers<const HAS_MINIMUMS: bool, const ROWS: usize, const REGISTERS: usize>(
    panel: &[panel::Block],
    at: usize,
    tile: &[activations::Block],
    first: usize,
    tile_rows: usize,
) -> [[float32x4_t; REGISTERS]; ROWS] {
    assert!(at + REGISTERS * LANES <= panel::ROWS, "more rows than a panel has");
    let mut sums = [[vdupq_n_f32(0.0); REGISTERS]; ROWS];
    for (w, x) in panel.iter().zip(tile.chunks_exact(tile_rows)) {
        let Some(x) = x.get(first..).and_then(|x| x.first_chunk::<ROWS>()) else { break };
        // SAFETY: the panel has these rows, as asserted.
        let dots = unsafe { dots::<HAS_MINIMUMS, ROWS, REGISTERS>(w, at, x) };
        for register in 0..REGISTERS {
            let at = at + register * LANES;
            // SAFETY: the same.
            let [scales, minimums] =
                [&w.scales, &w.minimums].map(|lanes| unsafe { vld1q_f32(lanes.as_ptr().add(at)) });
            for ((sums, dots), x) in sums.iter_mut().zip(&dots).zip(x) {
                let (sum, dot) = (&mut sums[register], vcvtq_f32_s32(dots[register]));
                *sum = vfmaq_f32(*sum, dot, vmulq_n_f32(scales, x.scale));
                if HAS_MINIMUMS {
                    *sum = vfmaq_n_f32(*sum, minimums, x.sum);
                }
            }
        }
    }
    sums
}

/// A block's integers, multiplied and added.
///
/// # Safety
///
/// The panel must have `REGISTERS * LANES` rows from `at` on.
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn dots<const HAS_MINIMUMS: bool, const ROWS: usize, const REGISTERS: usize>(
    w: &panel::Block,
    at: usize,
    x: &[activations::Block; ROWS],
) -> [[int32x4_t; REGISTERS]; ROWS] {
    let mut dots = [[vdupq_n_s32(0); REGISTERS]; ROWS];
    for (half, w) in w.integers.as_chunks::<4>().0.iter().enumerate() {
        let mut fours = [vdupq_n_s8(0); ROWS];
        for (fours, x) in fours.iter_mut().zip(x) {
            // SAFETY: half of the block's 32 integers are as long as a register.
            *fours = unsafe { vld1q_s8(x.integers.as_flattened().as_ptr().add(half * 16)) };
        }
        for register in 0..REGISTERS {
            // SAFETY: the caller says that the panel has these rows.
            let [a, b, c, d] = w.each_ref().map(|lanes| unsafe {
                signed::<HAS_MINIMUMS>(lanes.as_ptr().add(at + register * LANES))
            });
            for (dots, &fours) in dots.iter_mut().zip(&fours) {
                let dot = &mut dots[register];
                *dot = add_products::<0>(*dot, a, fours);
                *dot = add_products::<1>(*dot, b, fours);
                *dot = add_products::<2>(*dot, c, fours);
                *dot = add_products::<3>(*dot, d, fours);
            }
        }
    }
    dots
}

/// Four bytes of each of four rows. Without minimums they are 128 too large, so that the highest bit makes them what
/// they are; with minimums they have 4 bits.
///
/// # Safety
///
/// There must be four numbers.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn signed<const HAS_MINIMUMS: bool>(lanes: *const u32) -> int8x16_t {
    // SAFETY: the caller says so.
    let bytes = vreinterpretq_s8_u32(unsafe { vld1q_u32(lanes) });
    if HAS_MINIMUMS { bytes } else { veorq_s8(bytes, vdupq_n_s8(-128)) }
}

/// To each lane, the products of its four bytes of `w` with the four of `x` that `GROUP` chooses.
///
/// `vdotq_laneq_s32`, which the standard library does not have for stable compilers in Rust 1.95.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn add_products<const GROUP: i32>(sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    let mut result = sums;
    // SAFETY: it changes nothing but the register of the sums, and the function's feature has the instruction.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {w:v}.16b, {x:v}.4b[{group}]",
            sums = inout(vreg) result,
            w = in(vreg) w,
            x = in(vreg) x,
            group = const GROUP,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    result
}

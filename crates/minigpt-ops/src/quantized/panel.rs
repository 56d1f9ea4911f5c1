//! The right operand as kernels read it: some rows of the weight side by side, integers of 8 bits whatever the
//! format.
//!
//! A sum per lane, a row per lane: the sums of a block are never added across lanes, and its scales are one vector.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;

use super::activations::GROUPS;
use super::format::{Format, Q4_0, Q4_1, Q8_0, QuantizedMatrix};
use crate::half_floats::f16;

/// Rows of a panel: lanes of AVX-512.
pub(super) const ROWS: usize = 16;

/// One block of each row of a panel.
///
/// Integers have no sign. Those of formats without a minimum are 128 too large: products with the block's
/// activations are corrected by their [`correction`](super::activations::Block::correction).
///
/// Aligned for `vnni`'s loads: each array of lanes is a register.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Block {
    /// For each four columns, of each row four bytes.
    pub(super) integers: [[u32; ROWS]; GROUPS],
    pub(super) scales: [f32; ROWS],
    /// Nothing of use where the format has no minimums.
    pub(super) minimums: [f32; ROWS],
}

impl Block {
    pub(super) const ZERO: Self =
        Self { integers: [[0; ROWS]; GROUPS], scales: [0.0; ROWS], minimums: [0.0; ROWS] };
}

/// Rows `first..` of a matrix of blocks. Where it has no more rows, its last one again.
#[inline(always)]
pub(super) fn unpack(weight: QuantizedMatrix, first: usize, panel: &mut [Block]) {
    let row = |row: usize| weight.row((first + row).min(weight.rows() - 1));
    match weight.format() {
        Format::Q8_0 => {
            copy::<Q8_0, 2, GROUPS>(row, panel);
            panel.iter_mut().for_each(|block| {
                lift(&mut block.integers, |four| four ^ 0x8080_8080); // + 128
                widen(&mut block.scales);
            });
        }
        Format::Q4_0 => {
            copy::<Q4_0, 2, NIBBLES>(row, panel);
            panel.iter_mut().for_each(|block| {
                split(&mut block.integers);
                lift(&mut block.integers, |four| four + 0x7878_7878); // − 8 + 128
                widen(&mut block.scales);
            });
        }
        Format::Q4_1 => {
            copy::<Q4_1, 4, NIBBLES>(row, panel);
            panel.iter_mut().for_each(|block| {
                split(&mut block.integers);
                widen(&mut block.scales);
                widen(&mut block.minimums);
            });
        }
        Format::Bf16 | Format::F16 | Format::F32 => unreachable!("floats have no blocks"),
    }
}

/// Groups of four bytes of a block of integers of 4 bits.
const NIBBLES: usize = GROUPS / 2;

/// The bytes of each block, from `at` on, to the first groups. Halves as they are, the second being the minimum if
/// there is one.
#[inline(always)]
fn copy<'a, const BYTES: usize, const AT: usize, const COUNT: usize>(
    row: impl Fn(usize) -> &'a [u8],
    panel: &mut [Block],
) {
    for lane in 0..ROWS {
        let blocks = row(lane).as_chunks::<BYTES>().0;
        for (bytes, block) in blocks.iter().zip(panel.iter_mut()) {
            let half = |at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
            block.scales[lane] = f32::from_bits(half(0));
            block.minimums[lane] = f32::from_bits(half(2));
            for (group, lanes) in block.integers.iter_mut().take(COUNT).enumerate() {
                let at = AT + 4 * group;
                let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
                lanes[lane] = u32::from_le_bytes(four);
            }
        }
    }
}

/// The lower halves of all bytes, then the upper ones.
#[inline(always)]
fn split(integers: &mut [[u32; ROWS]; GROUPS]) {
    let (lower, upper) = integers.split_at_mut(NIBBLES);
    for (lower, upper) in lower.iter_mut().zip(upper) {
        for (lower, upper) in lower.iter_mut().zip(upper) {
            (*lower, *upper) = (*lower & 0x0f0f_0f0f, *lower >> 4 & 0x0f0f_0f0f);
        }
    }
}

/// Changes each four bytes.
#[inline(always)]
fn lift(integers: &mut [[u32; ROWS]; GROUPS], by: impl Fn(u32) -> u32) {
    integers.as_flattened_mut().iter_mut().for_each(|four| *four = by(*four));
}

/// Values of the halves that are in their place.
#[inline(always)]
fn widen(halves: &mut [f32; ROWS]) {
    halves.iter_mut().for_each(|half| *half = f16((half.to_bits() as u16).to_le_bytes()));
}

//! The right operand as kernels read it: some rows of the weight side by side, integers of 8 bits whatever the
//! format.
//!
//! A sum per lane, a row per lane: the sums of a block are never added across lanes, and its scales are one vector.

use std::array;

use super::activations::GROUPS;
use super::format::{Format, Q4_0, Q4_1, Q8_0, QuantizedMatrix, f16};

/// Rows of a panel: lanes of AVX-512.
pub(super) const ROWS: usize = 16;

/// One block of each row of a panel.
///
/// Integers have no sign. Those of formats without a minimum are 128 too large: products with the block's
/// activations are corrected by their [`correction`](super::activations::Block::correction).
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Block {
    /// For each four columns, of each row four bytes.
    pub(super) integers: [[u32; ROWS]; GROUPS],
    pub(super) scales: [f32; ROWS],
    /// Zero where the format has no minimums.
    pub(super) minimums: [f32; ROWS],
}

impl Block {
    pub(super) const ZERO: Self =
        Self { integers: [[0; ROWS]; GROUPS], scales: [0.0; ROWS], minimums: [0.0; ROWS] };
}

/// Rows `first..` of a matrix of blocks. Where it has no more rows, its last one again.
#[inline(always)]
pub(super) fn unpack(weight: QuantizedMatrix, first: usize, panel: &mut [Block]) {
    let rows = array::from_fn(|row| weight.row((first + row).min(weight.rows() - 1)));
    match weight.format() {
        Format::Q8_0 => unpack_blocks(rows, panel, q8_0),
        Format::Q4_0 => unpack_blocks(rows, panel, q4_0),
        Format::Q4_1 => unpack_blocks(rows, panel, q4_1),
        Format::Bf16 | Format::F16 => unreachable!("floats have no blocks"),
    }
}

#[inline(always)]
fn unpack_blocks<const BYTES: usize>(
    rows: [&[u8]; ROWS],
    panel: &mut [Block],
    unpack: impl Fn([&[u8; BYTES]; ROWS]) -> Block,
) {
    let rows = rows.map(|row| row.as_chunks().0);
    for (index, block) in panel.iter_mut().enumerate() {
        *block = unpack(rows.map(|row| &row[index]));
    }
}

#[inline(always)]
fn q8_0(rows: [&[u8; Q8_0]; ROWS]) -> Block {
    let integers = array::from_fn(|group| {
        rows.map(|row| four(&row[2..], group) ^ 0x8080_8080) // + 128
    });
    Block { integers, scales: halves(rows, 0), minimums: [0.0; ROWS] }
}

#[inline(always)]
fn q4_0(rows: [&[u8; Q4_0]; ROWS]) -> Block {
    let nibbles = nibbles(rows.map(|row| &row[2..]));
    let integers = nibbles.map(|rows| rows.map(|four| four + 0x7878_7878)); // − 8 + 128
    Block { integers, scales: halves(rows, 0), minimums: [0.0; ROWS] }
}

#[inline(always)]
fn q4_1(rows: [&[u8; Q4_1]; ROWS]) -> Block {
    let integers = nibbles(rows.map(|row| &row[4..]));
    Block { integers, scales: halves(rows, 0), minimums: halves(rows, 2) }
}

/// The lower halves of all bytes, then the upper ones.
#[inline(always)]
fn nibbles(rows: [&[u8]; ROWS]) -> [[u32; ROWS]; GROUPS] {
    let bytes: [[u32; ROWS]; GROUPS / 2] = array::from_fn(|group| rows.map(|row| four(row, group)));
    array::from_fn(|group| {
        let shift = group / (GROUPS / 2) * 4;
        bytes[group % (GROUPS / 2)].map(|bytes| bytes >> shift & 0x0f0f_0f0f)
    })
}

/// Four bytes.
#[inline(always)]
fn four(bytes: &[u8], group: usize) -> u32 {
    let bytes = &bytes[4 * group..];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Of each row the half that begins at a byte.
#[inline(always)]
fn halves<const BYTES: usize>(rows: [&[u8; BYTES]; ROWS], at: usize) -> [f32; ROWS] {
    rows.map(|row| f16([row[at], row[at + 1]]))
}

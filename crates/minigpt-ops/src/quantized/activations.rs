//! The left operand: rows of `f32` rounded to 8 bits, in blocks of 32 with a scale.

use rayon::prelude::*;

use super::CHUNK;
use super::format::VALUES;
use crate::simd::vectorized;

/// Rows whose blocks lie side by side: as many as a kernel multiplies at a time.
pub(super) const TILE: usize = 12;

/// Integers that an instruction multiplies and adds to one sum.
pub(super) const GROUP: usize = 4;

/// Groups of a block.
pub(super) const GROUPS: usize = VALUES / GROUP;

/// Integers `q` of 32 values `scale · q`, and what weights that are not integers around zero need of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// In ±127.
    pub(super) integers: [[i8; GROUP]; GROUPS],
    pub(super) scale: f32,
    /// `scale · Σ q`: what a minimum of the weights is multiplied by.
    pub(super) sum: f32,
    /// `−128 · Σ q`: what weights that are 128 too large give too much.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "VNNI's alone"))]
    pub(super) correction: i32,
}

/// Rows of `f32` `[n, k]`, rounded.
///
/// For each [`TILE`] of rows, or what is left of them: for each block of the columns, those of the rows. Thus a
/// kernel reads one after the other what it multiplies one after the other.
pub(super) struct Activations {
    blocks: Vec<Block>,
    row_blocks: usize,
}

impl Activations {
    /// Of rows of `k`, which are whole blocks.
    pub(super) fn new(x: &[f32], k: usize) -> Self {
        let row_blocks = k / VALUES;
        let mut blocks = vec![Block::ZERO; x.len() / VALUES];
        let tiles = blocks.par_chunks_mut((TILE * row_blocks).max(1));
        tiles.zip(x.par_chunks((TILE * k).max(1))).for_each(|(blocks, x)| {
            vectorized!(round_tile(x, k, blocks));
        });
        Self { blocks, row_blocks }
    }

    /// The tiles of [`CHUNK`] rows: of each the number of rows, and their blocks.
    pub(super) fn chunk(&self, index: usize) -> impl Iterator<Item = (usize, &[Block])> {
        let chunk = &self.blocks[index * CHUNK * self.row_blocks..];
        let tiles = chunk.chunks((TILE * self.row_blocks).max(1)).take(CHUNK / TILE);
        tiles.map(|blocks| (blocks.len() / self.row_blocks, blocks))
    }
}

#[inline(always)]
fn round_tile(x: &[f32], k: usize, blocks: &mut [Block]) {
    let rows = x.len() / k;
    for (row, x) in x.chunks_exact(k).enumerate() {
        for (at, values) in x.as_chunks().0.iter().enumerate() {
            blocks[at * rows + row] = Block::new(values);
        }
    }
}

impl Block {
    const ZERO: Self = Self { integers: [[0; GROUP]; GROUPS], scale: 0.0, sum: 0.0, correction: 0 };

    /// The largest magnitude becomes 127. Blocks below 1e-36 become zero; with a value that is not finite, all are
    /// NaN.
    #[inline(always)]
    fn new(values: &[f32; VALUES]) -> Self {
        // Adding it rounds to an integer, ties to even, which the lowest bits then hold.
        const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
        // As integers, magnitudes have the same order, with infinity and then NaN last.
        let largest = values.iter().fold(0, |max, value| value.abs().to_bits().max(max));
        let largest = f32::from_bits(largest);
        if !largest.is_finite() {
            return Self { scale: f32::NAN, sum: f32::NAN, ..Self::ZERO };
        }
        let scale = largest * (1.0 / 127.0);
        if scale < f32::MIN_POSITIVE {
            return Self::ZERO;
        }
        let inverse = 127.0 / largest;
        let mut integers = [0i8; VALUES];
        for (integer, &value) in integers.iter_mut().zip(values) {
            *integer = (value * inverse + ROUND).to_bits() as i8;
        }
        let sum: i32 = integers.iter().map(|&integer| i32::from(integer)).sum();
        let mut block =
            Self { scale, sum: scale * sum as f32, correction: -128 * sum, ..Self::ZERO };
        block.integers.as_flattened_mut().copy_from_slice(&integers);
        block
    }
}

//! Tiles of logits, read once: to exponentials, their sums and products with the head.

use std::ops::Range;

use super::head::Head;
use super::{Problem, Tokens};
use crate::matrix::{Kept, Matrix, Operand, Output, product_here};
use crate::scratch::Scratch;
use crate::simd::{exp, vectorized};

/// How far a logit may be above its token's reference: its exponential, 9 million, is far from overflow, and the
/// reference rarely moves.
const RISE: f32 = 16.0;

/// What some adjacent tiles say of [`TOKENS`] tokens.
pub(super) struct Read {
    /// How many tiles.
    tiles: usize,
    /// What exponentials are relative to, from a tile of these on.
    pub(super) references: Vec<(usize, Vec<f32>)>,
    /// Of exponentials, relative to the last references.
    sums: Vec<f64>,
    /// Of the logits themselves.
    pub(super) totals: Vec<f64>,
    /// Tokens whose targets are here, with these and their logits.
    pub(super) targets: Vec<(usize, usize, f32)>,
    /// Exponentials times head, targets left out, `[tokens, d]`, relative to the last references; or nothing.
    pub(super) d_hidden: Scratch,
}

/// The head of one tile.
#[derive(Clone, Copy)]
struct TileHead<'a> {
    /// Of its rows, the first one's place in the whole.
    first: usize,
    rows: Matrix<'a>,
    /// What the tile after it reads.
    next: Matrix<'a>,
}

impl Problem {
    /// Adjacent tiles, those of some rows of the head; `hidden` is transposed.
    pub(super) fn read_tiles(
        &self,
        chunk: Tokens,
        hidden: &Operand,
        head: Head,
        rows: Range<usize>,
        has_gradient: bool,
        kept: Option<&mut [f32]>,
    ) -> Read {
        let n = chunk.targets.len();
        let mut read = Read {
            tiles: 0,
            references: vec![(0, vec![f32::NEG_INFINITY; n])],
            sums: vec![0.0; n],
            totals: vec![0.0; n],
            targets: Vec::new(),
            d_hidden: Scratch::new(if has_gradient { n * self.d } else { 0 }),
        };
        let is_made_where_kept = kept.is_some() && !Kept::is_packed(self.precision);
        let mut scratch = Scratch::new(if is_made_where_kept { 0 } else { self.tile * n });
        let mut rooms = kept.map(|kept| kept.chunks_mut(self.tile * Kept::row_len(self.precision)));
        let mut numbers = None;
        for first in rows.clone().step_by(self.tile) {
            let end = rows.end.min(first + self.tile);
            let next = end..rows.end.min(end + self.tile);
            let own = head.rows(first..end, self.d, &mut numbers);
            let rows = end - first;
            let head = TileHead {
                first,
                rows: Matrix::new(own, rows, self.d),
                next: head.in_memory(next, self.d),
            };
            let mut read_tile =
                |tile: &mut [f32]| self.read_tile(chunk, hidden, head, tile, &mut read);
            match rooms.as_mut().and_then(Iterator::next) {
                Some(room) if is_made_where_kept => {
                    read_tile(&mut room[..rows * n]);
                }
                room => {
                    let tile = &mut scratch[..rows * n];
                    read_tile(tile);
                    if let Some(room) = room {
                        Kept::pack(Matrix::new(tile, rows, n), room);
                    }
                }
            }
        }
        read
    }

    /// One tile: `exp(head · hiddenᵀ - references)`, `[rows of the head, tokens]`, targets left out, and what it adds.
    fn read_tile(
        &self,
        chunk: Tokens,
        hidden: &Operand,
        head: TileHead,
        tile: &mut [f32],
        read: &mut Read,
    ) {
        let (n, first) = (chunk.targets.len(), head.first);
        let half = head.next.row_count().div_ceil(2);
        let (next, then) = (head.next.rows_at(0, half), head.next.rows_at(half, half));
        product_here(head.rows, hidden, tile, Output::Replace, next);
        let known = read.targets.len();
        for (token, &target) in chunk.targets.iter().enumerate() {
            let row = usize::try_from(target).ok().and_then(|id| id.checked_sub(first));
            if let Some(logit) = row.and_then(|row| tile.get(row * n + token)) {
                read.targets.push((token, target as usize, *logit));
            }
        }
        read.exponentials(tile, self.d);
        if read.d_hidden.is_empty() {
            return;
        }
        for &(token, id, _) in &read.targets[known..] {
            tile[(id - first) * n + token] = 0.0;
        }
        let tile = Matrix::new(tile, tile.len() / n, n);
        let head = Operand::new_here(self.precision, head.rows);
        let output = if read.tiles == 1 { Output::Replace } else { Output::Add };
        product_here(tile.transposed(), &head, &mut read.d_hidden, output, then);
    }
}

impl Read {
    /// What exponentials are relative to at the end.
    pub(super) fn last_references(&self) -> &[f32] {
        self.references.last().map_or(&[], |(_, references)| references)
    }

    /// One more tile's logits to exponentials; what was added up before follows where references rise.
    fn exponentials(&mut self, tile: &mut [f32], d: usize) {
        let n = self.sums.len();
        let mut largest = vec![f32::NEG_INFINITY; n];
        let (mut sums, mut totals) = (vec![0.0; n], vec![0.0; n]);
        vectorized!(tile.chunks_exact(n).for_each(|row| keep_largest(
            row,
            &mut largest,
            &mut totals
        )));
        self.raise_references(&largest, d);
        let references = self.last_references();
        vectorized!(
            tile.chunks_exact_mut(n).for_each(|row| exponentials(row, references, &mut sums))
        );
        self.sums.iter_mut().zip(&sums).for_each(|(sum, &tile)| *sum += f64::from(tile));
        self.totals.iter_mut().zip(&totals).for_each(|(total, &tile)| *total += f64::from(tile));
        self.tiles += 1;
    }

    /// References that are far below the next tile's largest logits become these.
    fn raise_references(&mut self, largest: &[f32], d: usize) {
        let mut references = self.last_references().to_vec();
        for (token, (reference, &largest)) in references.iter_mut().zip(largest).enumerate() {
            if largest > *reference + RISE {
                let factor = (*reference - largest).exp();
                *reference = largest;
                self.sums[token] *= f64::from(factor);
                // Before the first tile nothing is there.
                if let Some(d_hidden) = self.d_hidden.get_mut(token * d..(token + 1) * d)
                    && self.tiles > 0
                {
                    d_hidden.iter_mut().for_each(|x| *x *= factor);
                }
            }
        }
        match self.references.last_mut() {
            Some((_, last)) if *last == references => {}
            Some((first, last)) if *first == self.tiles => *last = references,
            _ => self.references.push((self.tiles, references)),
        }
    }
}

/// The logits of one id for each token, into what is known of the tokens.
#[inline(always)]
fn keep_largest(logits: &[f32], largest: &mut [f32], totals: &mut [f32]) {
    for ((&logit, largest), total) in logits.iter().zip(largest).zip(totals) {
        *largest = if logit > *largest { logit } else { *largest };
        *total += logit;
    }
}

#[inline(always)]
fn exponentials(logits: &mut [f32], references: &[f32], sums: &mut [f32]) {
    for ((logit, &reference), sum) in logits.iter_mut().zip(references).zip(sums) {
        *logit = exp(*logit - reference);
        *sum += *logit;
    }
}

/// Logarithm of the sum of one token's exponentials over all tiles.
pub(super) fn log_sum(token: usize, read: &[Read]) -> f64 {
    let parts =
        read.iter().map(|read| (f64::from(read.last_references()[token]), read.sums[token]));
    let largest = parts.clone().map(|(reference, _)| reference).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = parts.map(|(reference, sum)| sum * (reference - largest).exp()).sum();
    largest + sum.ln()
}

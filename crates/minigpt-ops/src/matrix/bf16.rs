//! Matrix products of operands rounded to bfloat16, their products summed in `f32`, on AVX-512's
//! `vdpbf16ps`: two multiply-adds where `f32` has one.
//!
//! Both operands are packed into panels as they are rounded: of some adjacent rows of the left, or columns
//! of the right matrix, two steps of the inner dimension side by side, as the instruction wants them. The
//! kernel keeps a tile of [`ROWS`] by [`COLUMNS`] in registers ([Goto and van de Geijn,
//! 2008](https://doi.org/10.1145/1356052.1356053)). An element is summed in the same order whatever the
//! number of threads.

mod ahead;
mod pack;
mod registers;
#[cfg(test)]
mod tests;
mod tile;

use std::ops::Range;

use gemm::Parallelism;
use rayon::prelude::*;

use self::ahead::Ahead;
use self::pack::{pack_columns, pack_rows};
use self::registers::LANES;
use self::tile::{COLUMNS, ROWS, tile};
use super::{Kept, Matrix, MatrixMut, Output, Part};
use crate::precision::Precision;
use crate::scratch::Scratch;

/// Pairs of the inner dimension taken at a time, so many that an output is seldom added to. A panel of each operand then
/// fits the second cache, which is fast enough.
const PAIRS: usize = 384;

/// From one packed row to the next: an odd number of cache lines, or the rows would share a few sets of the first cache.
const STRIDE: usize = PAIRS + LANES;

/// The same of rows that are [kept](keep).
const KEPT: usize = Kept::COLUMNS / 2;

/// Rows that a thread takes at a time: their panels fit the second cache, beside what will be read next.
const BLOCK: usize = 11 * ROWS;

/// Multiply-adds above which a block is split between threads: they take some 10 to 20 microseconds.
const WORTH_SPLITTING: usize = 1 << 22;

/// Left operands of at least so many numbers are fetched ahead, block by block. Smaller ones are still in the second cache.
const WORTH_FETCHING: usize = 1 << 18;

/// Panels of columns that are packed at a time, so that memory is read in long pieces.
const PACKED: usize = 4;

/// The right operand of products, rounded and packed: once for all of them.
pub(crate) struct Columns {
    packed: Scratch,
    rows: usize,
    columns: usize,
}

impl Columns {
    pub(crate) fn column_count(&self) -> usize {
        self.columns
    }

    /// Packs on all threads of the current rayon pool, or on the calling one alone.
    ///
    /// # Panics
    ///
    /// Where the processor lacks the instructions.
    pub(crate) fn new(matrix: Matrix, parallelism: Parallelism) -> Self {
        assert!(Precision::Bf16.is_native(), "the processor has no bf16 instructions");
        let (rows, columns) = (matrix.row_count(), matrix.column_count());
        let panel = (rows.div_ceil(2) * COLUMNS).max(1);
        let mut packed = Scratch::new(columns.div_ceil(COLUMNS) * panel);
        let pack = |(index, packed): (usize, &mut [f32])| {
            // SAFETY: the processor has the instructions.
            unsafe { pack_columns::<COLUMNS>(matrix, index * PACKED * COLUMNS, packed, panel) }
        };
        let group = PACKED * panel;
        match parallelism {
            Parallelism::None => packed.chunks_mut(group).enumerate().for_each(pack),
            Parallelism::Rayon(_) => packed.par_chunks_mut(group).enumerate().for_each(pack),
        }
        Self { packed, rows, columns }
    }

    /// Of a matrix that is written as it is packed, on all threads of the current rayon pool: `fill` writes columns
    /// `columns` one after the other.
    ///
    /// # Panics
    ///
    /// Where the processor lacks the instructions.
    pub(crate) fn of_columns(
        rows: usize,
        columns: usize,
        fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        Self::written(rows, columns, |width, first, packed| {
            let mut values = Scratch::new(width * rows);
            fill(first..first + width, &mut values);
            // SAFETY: the processor has the instructions, as checked there.
            unsafe {
                let matrix = Matrix::new(&values, width, rows).transposed();
                pack_columns::<COLUMNS>(matrix, 0, packed, packed.len());
            }
        })
    }

    /// The same of rows: `fill` writes the part of each row that stands in the columns `columns`, row after row.
    ///
    /// # Panics
    ///
    /// Where the processor lacks the instructions.
    pub(crate) fn of_rows(
        rows: usize,
        columns: usize,
        fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        Self::written(rows, columns, |width, first, packed| {
            let mut values = Scratch::new(width * rows);
            fill(first..first + width, &mut values);
            // SAFETY: the processor has the instructions, as checked there.
            unsafe {
                let matrix = Matrix::new(&values, rows, width);
                pack_columns::<COLUMNS>(matrix, 0, packed, packed.len());
            }
        })
    }

    /// Panel after panel, each with its width and its first column.
    fn written(
        rows: usize,
        columns: usize,
        pack: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> Self {
        assert!(Precision::Bf16.is_native(), "the processor has no bf16 instructions");
        let panel = (rows.div_ceil(2) * COLUMNS).max(1);
        let mut packed = Scratch::new(columns.div_ceil(COLUMNS) * panel);
        packed.par_chunks_mut(panel).enumerate().for_each(|(index, packed)| {
            let first = index * COLUMNS;
            pack(COLUMNS.min(columns - first), first, packed);
        });
        Self { packed, rows, columns }
    }
}

/// `c = a · b` or `c += a · b`, on all threads of the current rayon pool or on the calling one alone. Meanwhile
/// `next_operand` is fetched from memory, what the next product reads first.
///
/// # Panics
///
/// Where the sizes do not fit together.
pub(crate) fn product(
    a: Matrix,
    b: &Columns,
    mut c: MatrixMut,
    output: Output,
    part: Part,
    parallelism: Parallelism,
    next_operand: Matrix,
) {
    assert_eq!(a.column_count(), b.rows, "inner dimensions differ");
    let size = [c.row_count(), c.column_count()];
    assert_eq!(size, [a.row_count(), b.columns], "the product has another size");
    if b.rows == 0 && output == Output::Replace {
        c.fill(0.0);
    }
    if size.contains(&0) || b.rows == 0 {
        return;
    }
    let looks_ahead = a.row_count() * a.column_count() >= WORTH_FETCHING;
    Product { b, output, part, parallelism, looks_ahead }.multiply(a, c, 0, next_operand);
}

/// What all rows of a product share.
struct Product<'a> {
    b: &'a Columns,
    output: Output,
    part: Part,
    parallelism: Parallelism,
    /// Whether the rows of the next block are fetched while a block is multiplied.
    looks_ahead: bool,
}

impl Product<'_> {
    /// The rows `a` of the left operand, the first of which is row `first`: each half by itself, until a block is left that
    /// is not worth another thread.
    fn multiply(&self, a: Matrix, c: MatrixMut, first: usize, next_operand: Matrix) {
        let m = a.row_count();
        let is_parallel = matches!(self.parallelism, Parallelism::Rayon(_));
        let work = m * self.b.rows * self.b.columns;
        // A single panel of rows cannot be split.
        let is_split = is_parallel && m > ROWS && work > WORTH_SPLITTING;
        if m <= BLOCK && !is_split {
            let diagonal = (self.part == Part::Upper).then_some(first);
            // SAFETY: the processor has the instructions, or there would be no `Columns`.
            unsafe { multiply_rows(1.0, a, self.b, c, self.output, diagonal, next_operand) };
            return;
        }
        let half = (m / 2).next_multiple_of(ROWS);
        let (upper, lower) = (a.rows_at(0, half), a.rows_at(half, m));
        let [c_upper, c_lower] = c.split_rows(half);
        let begin = match self.looks_ahead {
            true => lower.rows_at(0, BLOCK).columns_at(0, 2 * chunk(a.column_count().div_ceil(2))),
            false => Matrix::empty(),
        };
        let multiply_upper = || self.multiply(upper, c_upper, first, begin);
        let multiply_lower = || self.multiply(lower, c_lower, first + half, next_operand);
        if is_parallel {
            rayon::join(multiply_upper, multiply_lower);
        } else {
            multiply_upper();
            multiply_lower();
        }
    }
}

/// `c = scale · a · b` or `c += scale · a · b` on the calling thread alone, `b` being the first rows and columns of `of`,
/// as many as `a` and `c` have columns.
///
/// # Panics
///
/// Where the sizes do not fit together.
pub(crate) fn scaled_product_here(
    scale: f32,
    a: Matrix,
    of: &Columns,
    mut c: MatrixMut,
    output: Output,
) {
    assert!(a.column_count() <= of.rows && c.column_count() <= of.columns, "no such part");
    assert_eq!(c.row_count(), a.row_count(), "the product has another size");
    if a.column_count() == 0 {
        if output == Output::Replace {
            c.fill(0.0);
        }
        return;
    }
    for first in (0..a.row_count()).step_by(BLOCK) {
        let a = a.rows_at(first, BLOCK);
        let c = c.some_rows(first..first + a.row_count());
        // SAFETY: the processor has the instructions, or there would be no `Columns`.
        unsafe { multiply_rows(scale, a, of, c, output, None, Matrix::empty()) };
    }
}

/// Rows of `matrix`, which has at most [`Kept::COLUMNS`] columns, as a product's left operand.
pub(crate) fn keep(matrix: Matrix, room: &mut [f32]) {
    assert!(Precision::Bf16.is_native(), "the processor has no bf16 instructions");
    for (panel, packed) in room.chunks_exact_mut(ROWS * KEPT).enumerate() {
        // SAFETY: the processor has the instructions.
        unsafe { pack_rows::<KEPT>(matrix, panel * ROWS, packed) };
    }
}

/// `c = a · b` or `c += a · b` for rows that [`keep`] wrote, of `columns` columns.
///
/// # Panics
///
/// Where the sizes do not fit together.
pub(crate) fn product_of_kept(
    a: &[f32],
    columns: usize,
    b: &Columns,
    c: &mut [f32],
    output: Output,
) {
    assert_eq!(columns, b.rows, "inner dimensions differ");
    let panels = a.chunks_exact(ROWS * KEPT);
    assert_eq!(c.len().div_ceil(b.columns * ROWS), panels.len(), "the product has another size");
    for (j, columns) in b.packed.chunks_exact(b.rows.div_ceil(2) * COLUMNS).enumerate() {
        let columns = columns.as_chunks::<COLUMNS>().0;
        for (a, rows) in panels.clone().zip(c.chunks_mut(ROWS * b.columns)) {
            let rows = MatrixMut::new(rows, rows.len() / b.columns, b.columns);
            // SAFETY: the processor has the instructions, or there would be no `Columns`.
            unsafe { tile::<1, KEPT>(1.0, a, columns, rows, j * COLUMNS, output) };
        }
    }
}

/// `c = scale · a · b` or `c += scale · a · b` for all rows of `a`, `b` having more rows and columns where they are not asked
/// for. With a `diagonal`, the column where the first row meets it, tiles that lie below it are left out.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn multiply_rows(
    scale: f32,
    a: Matrix,
    b: &Columns,
    c: MatrixMut,
    output: Output,
    diagonal: Option<usize>,
    next_operand: Matrix,
) {
    if a.is_row_major() {
        multiply_panels::<1, STRIDE>(scale, a, b, c, output, diagonal, next_operand);
    } else {
        multiply_panels::<ROWS, 1>(scale, a, b, c, output, diagonal, next_operand);
    }
}

/// Pairs of each chunk but the last, of so many in all.
fn chunk(pairs: usize) -> usize {
    pairs.div_ceil(pairs.div_ceil(PAIRS).max(1)).next_multiple_of(LANES)
}

/// In a packed panel of rows, the next pair is `PAIR` further on and the next row `ROW`.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn multiply_panels<const PAIR: usize, const ROW: usize>(
    scale: f32,
    a: Matrix,
    b: &Columns,
    mut c: MatrixMut,
    output: Output,
    diagonal: Option<usize>,
    next_operand: Matrix,
) {
    let (m, n, pairs) = (a.row_count(), c.column_count(), a.column_count().div_ceil(2));
    let chunk = chunk(pairs);
    let panel_len = if PAIR == 1 { ROWS * ROW } else { chunk * PAIR };
    let mut packed = Scratch::new(m.div_ceil(ROWS) * panel_len);
    let panels = n.div_ceil(COLUMNS);
    // Rows of a panel of columns that are in a tile on or above the diagonal.
    let rows_of = |panel: usize| {
        diagonal.map_or(m, |first| m.min(((panel + 1) * COLUMNS).saturating_sub(first)))
    };
    let tiles = (0..panels).map(|panel| rows_of(panel).div_ceil(ROWS)).sum();
    for start in (0..pairs).step_by(chunk) {
        let end = pairs.min(start + chunk);
        let taken = a.columns_at(2 * start, 2 * (end - start));
        if PAIR == 1 {
            for (panel, packed) in packed.chunks_exact_mut(panel_len).enumerate() {
                pack_rows::<ROW>(taken, panel * ROWS, packed);
            }
        } else {
            pack_columns::<ROWS>(taken.transposed(), 0, &mut packed, panel_len);
        }
        let next = if end < pairs { a.columns_at(2 * end, 2 * chunk) } else { next_operand };
        let mut ahead = Ahead::new(next, tiles);
        let output = if start > 0 { Output::Add } else { output };
        let columns = b.packed.chunks_exact(b.rows.div_ceil(2) * COLUMNS).enumerate();
        for (j, b) in columns.take(panels) {
            let b = &b.as_chunks::<COLUMNS>().0[start..end];
            for (a, top) in packed.chunks_exact(panel_len).zip((0..rows_of(j)).step_by(ROWS)) {
                ahead.fetch();
                let rows = c.some_rows(top..m.min(top + ROWS));
                tile::<PAIR, ROW>(scale, a, b, rows, j * COLUMNS, output);
            }
        }
    }
}

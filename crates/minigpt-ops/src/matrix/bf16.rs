//! Matrix products of operands rounded to bfloat16, their products summed in `f32`, on AVX-512's
//! `vdpbf16ps`: two multiply-adds where `f32` has one.
//!
//! Both operands are packed into panels as they are rounded: of some adjacent rows of the left, or columns
//! of the right matrix, two steps of the inner dimension side by side, as the instruction wants them. The
//! kernel keeps a tile of [`ROWS`] by [`COLUMNS`] in registers ([Goto and van de Geijn,
//! 2008](https://doi.org/10.1145/1356052.1356053)). An element is summed in the same order whatever the
//! number of threads.

mod pack;
#[cfg(test)]
mod tests;

use std::arch::x86_64::*;
use std::ops::Range;

use gemm::Parallelism;
use rayon::prelude::*;

use self::pack::{pack_columns, pack_rows};
use super::{Kept, Matrix, MatrixMut, Output, Part};
use crate::precision::Precision;
use crate::scratch::Scratch;

/// Rows of a tile of the output: 28 of the 32 registers hold it.
const ROWS: usize = Kept::ROWS;

/// Columns of a tile: two registers of [`LANES`].
const COLUMNS: usize = 2 * LANES;

/// `f32` in a register.
const LANES: usize = 16;

/// Pairs of the inner dimension taken at a time: a panel of each operand then fits the first cache.
const PAIRS: usize = Kept::COLUMNS / 2;

/// Chunks of [`PAIRS`] for which the rows of a thread are packed at a time, where its output is larger than [`CACHED`].
const CHUNKS: usize = 4;

/// Numbers of an output that the second cache surely holds beside the operands.
const CACHED: usize = 1 << 17;

/// Rows that a thread takes at a time: their panels fit the second cache.
const BLOCK: usize = 8 * ROWS;

/// The right operand of products, rounded and packed: once for all of them.
pub(crate) struct Columns {
    packed: Scratch,
    rows: usize,
    columns: usize,
}

impl Columns {
    /// Packs on all threads of the current rayon pool, or on the calling one alone.
    ///
    /// # Panics
    ///
    /// Where the processor lacks the instructions.
    pub(crate) fn new(matrix: Matrix, parallelism: Parallelism) -> Self {
        assert!(Precision::Bf16.is_native(), "the processor has no bf16 instructions");
        let (rows, columns) = (matrix.row_count(), matrix.column_count());
        let panel = rows.div_ceil(2) * COLUMNS;
        let mut packed = Scratch::new(columns.div_ceil(COLUMNS) * panel);
        let pack = |(index, packed): (usize, &mut [f32])| {
            // SAFETY: the processor has the instructions.
            unsafe { pack_columns::<COLUMNS>(matrix, index * COLUMNS, packed) }
        };
        match parallelism {
            Parallelism::None => packed.chunks_mut(panel.max(1)).enumerate().for_each(pack),
            Parallelism::Rayon(_) => packed.par_chunks_mut(panel.max(1)).enumerate().for_each(pack),
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
                pack_columns::<COLUMNS>(matrix, 0, packed);
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
            unsafe { pack_columns::<COLUMNS>(Matrix::new(&values, rows, width), 0, packed) }
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

/// `c = a · b` or `c += a · b`, on all threads of the current rayon pool or on the calling one alone. `c` is
/// row-major. Meanwhile `next` is fetched from memory, what the next product begins with.
///
/// # Panics
///
/// Where the sizes do not fit together.
pub(crate) fn product(
    a: Matrix,
    b: &Columns,
    c: &mut [f32],
    output: Output,
    part: Part,
    parallelism: Parallelism,
    next: &[f32],
) {
    let (m, n) = (a.row_count(), b.columns);
    assert_eq!(a.column_count(), b.rows, "inner dimensions differ");
    assert_eq!(c.len(), m * n, "the product has another size");
    if b.rows == 0 && output == Output::Replace {
        c.fill(0.0);
    }
    if m * n * b.rows == 0 {
        return;
    }
    // As many blocks for each of some threads, so that none waits long for another.
    let blocks = m.div_ceil(BLOCK).next_multiple_of(4);
    let block = m.div_ceil(blocks).next_multiple_of(ROWS);
    let multiply = |(index, c): (usize, &mut [f32])| {
        let a = a.rows_at(index * block, block);
        let c = MatrixMut::new(c, a.row_count(), n);
        let share = next.len().div_ceil(m.div_ceil(block)).max(1);
        let next = next.chunks(share).nth(index).unwrap_or_default();
        // SAFETY: the processor has the instructions, or there would be no `Columns`.
        unsafe {
            let first = if part == Part::Upper { index * block } else { 0 };
            multiply_rows(1.0, a, b, c, output, first, next);
        }
    };
    match parallelism {
        Parallelism::None => c.chunks_mut(block * n).enumerate().for_each(multiply),
        Parallelism::Rayon(_) => c.par_chunks_mut(block * n).enumerate().for_each(multiply),
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
    for first in (0..a.row_count()).step_by(BLOCK) {
        let a = a.rows_at(first, BLOCK);
        let c = c.some_rows(first..first + a.row_count());
        // SAFETY: the processor has the instructions, or there would be no `Columns`.
        unsafe { multiply_rows(scale, a, of, c, output, 0, &[]) };
    }
}

/// Rows of `matrix`, of at most two times [`PAIRS`] columns, as a product's left operand.
pub(crate) fn keep(matrix: Matrix, room: &mut [f32]) {
    assert!(Precision::Bf16.is_native(), "the processor has no bf16 instructions");
    for (panel, packed) in room.chunks_exact_mut(ROWS * PAIRS).enumerate() {
        // SAFETY: the processor has the instructions.
        unsafe { pack_rows(matrix, panel * ROWS, 0, packed) };
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
    let panels = a.as_chunks::<{ ROWS * PAIRS }>().0;
    assert_eq!(c.len().div_ceil(b.columns * ROWS), panels.len(), "the product has another size");
    for (j, columns) in b.packed.chunks_exact(b.rows.div_ceil(2) * COLUMNS).enumerate() {
        let columns = columns.as_chunks::<COLUMNS>().0;
        for (a, rows) in panels.iter().zip(c.chunks_mut(ROWS * b.columns)) {
            let rows = MatrixMut::new(rows, rows.len() / b.columns, b.columns);
            // SAFETY: the processor has the instructions, or there would be no `Columns`.
            unsafe { tile::<1, PAIRS>(1.0, a, columns, rows, j * COLUMNS, output) };
        }
    }
}

/// `c = scale · a · b` or `c += scale · a · b` for all rows of `a`, from the panel of column `from` on, `b` having more
/// rows and columns where they are not asked for.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn multiply_rows(
    scale: f32,
    a: Matrix,
    b: &Columns,
    c: MatrixMut,
    output: Output,
    from: usize,
    next: &[f32],
) {
    if a.is_row_major() {
        multiply_panels::<1, PAIRS>(scale, a, b, c, output, from, next);
    } else {
        multiply_panels::<ROWS, 1>(scale, a, b, c, output, from, next);
    }
}

/// In a packed panel of rows, the next pair is `PAIR` further on and the next row `ROW`.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn multiply_panels<const PAIR: usize, const ROW: usize>(
    scale: f32,
    a: Matrix,
    b: &Columns,
    mut c: MatrixMut,
    output: Output,
    from: usize,
    next: &[f32],
) {
    let (m, n, pairs) = (a.row_count(), c.column_count(), a.column_count().div_ceil(2));
    let chunks = pairs.div_ceil(PAIRS);
    // What the second cache holds can be added to there, and one chunk's panels stay in the first.
    let at_once = if m * n > CACHED { CHUNKS.min(chunks) } else { 1 };
    // All panels of rows of a chunk, chunk after chunk.
    let panels_of_chunk = m.div_ceil(ROWS) * ROWS * PAIRS;
    let mut packed = Scratch::new(at_once * panels_of_chunk);
    let tiles = chunks * n.div_ceil(COLUMNS) * m.div_ceil(ROWS);
    let mut next = next.chunks(next.len().div_ceil(tiles.max(1)).max(1));
    for first in (0..pairs).step_by(at_once * PAIRS) {
        let chunk_starts = || (first..pairs).step_by(PAIRS).take(at_once);
        for (start, panels) in chunk_starts().zip(packed.chunks_exact_mut(panels_of_chunk)) {
            let count = PAIRS.min(pairs - start);
            for (panel, packed) in panels.chunks_exact_mut(ROWS * PAIRS).enumerate() {
                if PAIR == 1 {
                    pack_rows(a, panel * ROWS, start, packed);
                } else {
                    let rest = a.columns_at(2 * start, 2 * count).transposed();
                    pack_columns::<ROWS>(rest, panel * ROWS, &mut packed[..count * ROWS]);
                }
            }
        }
        let columns = b.packed.chunks_exact(b.rows.div_ceil(2) * COLUMNS).enumerate();
        for (j, b) in columns.take(n.div_ceil(COLUMNS)).skip(from / COLUMNS) {
            // Chunk after chunk for the same columns: what is added to stays in the first cache.
            for (start, panels) in chunk_starts().zip(packed.chunks_exact(panels_of_chunk)) {
                let b = &b.as_chunks::<COLUMNS>().0[start..start + PAIRS.min(pairs - start)];
                let output = if start > 0 { Output::Add } else { output };
                let panels = panels.as_chunks::<{ ROWS * PAIRS }>().0;
                for (a, top) in panels.iter().zip((0..m).step_by(ROWS)) {
                    fetch::<_MM_HINT_T1>(next.next().unwrap_or_default());
                    let rows = c.some_rows(top..m.min(top + ROWS));
                    tile::<PAIR, ROW>(scale, a, b, rows, j * COLUMNS, output);
                }
            }
        }
    }
}

/// The first [`LANES`] values, zeros after the last.
#[target_feature(enable = "avx512f")]
#[inline]
fn load(values: &[f32]) -> __m512 {
    // SAFETY: the mask leaves out what is not in the slice.
    unsafe { _mm512_maskz_loadu_ps(first_lanes(values.len()), values.as_ptr()) }
}

/// Into the first [`LANES`] values, as many as there are.
#[target_feature(enable = "avx512f")]
#[inline]
fn store(register: __m512i, values: &mut [f32]) {
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

/// One tile of the output: the product of a panel of each operand times `scale`, to [`COLUMNS`] columns from `first` on
/// of `rows`, as many as there are.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn tile<const PAIR: usize, const ROW: usize>(
    scale: f32,
    a: &[f32; ROWS * PAIRS],
    b: &[[f32; COLUMNS]],
    mut rows: MatrixMut,
    first: usize,
    output: Output,
) {
    let last = (first + COLUMNS).min(rows.column_count());
    if output == Output::Add {
        (0..rows.row_count()).for_each(|row| fetch::<_MM_HINT_T0>(&rows.row_mut(row)[first..last]));
    }
    let sums = sums::<PAIR, ROW>(a, b);
    let scale = _mm512_set1_ps(scale);
    // By reference: they would be moved through memory twice.
    for (row, sums) in (0..rows.row_count()).zip(&sums) {
        for (part, &sum) in rows.row_mut(row)[first..last].chunks_mut(LANES).zip(sums) {
            let sum = match output {
                Output::Replace => _mm512_mul_ps(scale, sum),
                Output::Add => _mm512_fmadd_ps(scale, sum, load(part)),
            };
            store(_mm512_castps_si512(sum), part);
        }
    }
}

/// Asks memory for what will be read, a line of [`LANES`] at a time: into the cache that `HINT` names.
#[inline(always)]
fn fetch<const HINT: i32>(values: &[f32]) {
    for line in values.chunks(LANES) {
        // SAFETY: within the slice, and nothing is read.
        unsafe { _mm_prefetch::<HINT>(line.as_ptr().cast()) };
    }
}

/// The tile in registers. A function of its own without a panic inside: else each sum goes to memory and
/// back at every pair, in half the speed.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn sums<const PAIR: usize, const ROW: usize>(
    a: &[f32; ROWS * PAIRS],
    b: &[[f32; COLUMNS]],
) -> [[__m512; 2]; ROWS] {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    for (pair, b) in b.iter().enumerate().take(PAIRS) {
        let b = [pairs(load(&b[..LANES])), pairs(load(&b[LANES..]))];
        for (row, sums) in sums.iter_mut().enumerate() {
            let a = pairs(_mm512_set1_ps(a[pair * PAIR + row * ROW]));
            sums[0] = _mm512_dpbf16_ps(sums[0], a, b[0]);
            sums[1] = _mm512_dpbf16_ps(sums[1], a, b[1]);
        }
    }
    sums
}

/// The same bits as pairs of bfloat16.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn pairs(bits: __m512) -> __m512bh {
    // SAFETY: both types are 64 bytes of numbers.
    unsafe { std::mem::transmute::<__m512, __m512bh>(bits) }
}

//! Matrix products of operands rounded to bfloat16, their products summed in `f32`, on AVX-512's
//! `vdpbf16ps`: two multiply-adds where `f32` has one.
//!
//! Both operands are packed into panels as they are rounded: of some adjacent rows of the left, or columns
//! of the right matrix, two steps of the inner dimension side by side, as the instruction wants them. The
//! kernel keeps a tile of [`ROWS`] by [`COLUMNS`] in registers ([Goto and van de Geijn,
//! 2008](https://doi.org/10.1145/1356052.1356053)). An element is summed in the same order whatever the
//! number of threads.

#[cfg(test)]
mod tests;

use std::arch::x86_64::*;
use std::ops::Range;

use gemm::Parallelism;
use rayon::prelude::*;

use super::{Kept, Matrix, Output, Part};
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
        let share = next.len().div_ceil(m.div_ceil(block)).max(1);
        let next = next.chunks(share).nth(index).unwrap_or_default();
        // SAFETY: the processor has the instructions, or there would be no `Columns`.
        unsafe {
            let first = if part == Part::Upper { index * block } else { 0 };
            if a.is_row_major() {
                multiply_rows::<1, PAIRS>(a, b, c, output, first, next);
            } else {
                multiply_rows::<ROWS, 1>(a, b, c, output, first, next);
            }
        }
    };
    match parallelism {
        Parallelism::None => c.chunks_mut(block * n).enumerate().for_each(multiply),
        Parallelism::Rayon(_) => c.par_chunks_mut(block * n).enumerate().for_each(multiply),
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
            // SAFETY: the processor has the instructions, or there would be no `Columns`.
            unsafe { tile::<1, PAIRS>(a, columns, rows, b.columns, j * COLUMNS, output) };
        }
    }
}

/// `c = a · b` or `c += a · b` for all rows of `a`, from the panel of column `from` on. In a packed panel of rows, the
/// next pair is `PAIR` further on and the next row `ROW`.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn multiply_rows<const PAIR: usize, const ROW: usize>(
    a: Matrix,
    b: &Columns,
    c: &mut [f32],
    output: Output,
    from: usize,
    next: &[f32],
) {
    let (m, n, pairs) = (a.row_count(), b.columns, b.rows.div_ceil(2));
    let mut panels = Scratch::new(m.div_ceil(ROWS) * ROWS * PAIRS);
    let tiles = pairs.div_ceil(PAIRS) * n.div_ceil(COLUMNS) * m.div_ceil(ROWS);
    let mut next = next.chunks(next.len().div_ceil(tiles.max(1)).max(1));
    for first in (0..pairs).step_by(PAIRS) {
        let count = PAIRS.min(pairs - first);
        for (panel, packed) in panels.chunks_exact_mut(ROWS * PAIRS).enumerate() {
            if PAIR == 1 {
                pack_rows(a, panel * ROWS, first, packed);
            } else {
                let rest = a.columns_at(2 * first, 2 * count).transposed();
                pack_columns::<ROWS>(rest, panel * ROWS, &mut packed[..count * ROWS]);
            }
        }
        let output = if first > 0 { Output::Add } else { output };
        let columns = b.packed.chunks_exact(pairs * COLUMNS).enumerate();
        for (j, b) in columns.skip(from / COLUMNS) {
            let b = &b.as_chunks::<COLUMNS>().0[first..first + count];
            let panels = panels.as_chunks::<{ ROWS * PAIRS }>().0;
            for (a, rows) in panels.iter().zip(c.chunks_mut(ROWS * n)) {
                fetch::<_MM_HINT_T1>(next.next().unwrap_or_default());
                tile::<PAIR, ROW>(a, b, rows, n, j * COLUMNS, output);
            }
        }
    }
}

/// Rows `first..` of a matrix whose rows are in one piece, at most [`ROWS`] of them, rounded: of each, up to
/// [`PAIRS`] pairs from `pair` on.
#[target_feature(enable = "avx512f,avx512bf16")]
fn pack_rows(matrix: Matrix, first: usize, pair: usize, packed: &mut [f32]) {
    let last = (first + ROWS).min(matrix.row_count());
    for (row, packed) in (first..last).zip(packed.chunks_exact_mut(PAIRS)) {
        let row = &matrix.row(row)[2 * pair..];
        for (values, packed) in row.chunks(2 * LANES).zip(packed.chunks_exact_mut(LANES)) {
            store(round(load(values), load(values.get(LANES..).unwrap_or_default())), packed);
        }
    }
}

/// Columns `first..` of `matrix`, at most `WIDTH` of them, rounded: for each two rows, what stands in them in
/// one column side by side, column after column; zeros where there is no such row or column.
///
/// The pairs of bfloat16 are kept in the memory of `f32`, which they fill.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pack_columns<const WIDTH: usize>(matrix: Matrix, first: usize, packed: &mut [f32]) {
    let (k, width) = (matrix.row_count(), (matrix.column_count() - first).min(WIDTH));
    let (packed, _) = packed.as_chunks_mut::<WIDTH>();
    if matrix.is_row_major() {
        let row = |row: usize| if row < k { &matrix.row(row)[first..first + width] } else { &[] };
        for (pair, packed) in packed.iter_mut().enumerate() {
            let (even, odd) = (row(2 * pair), row(2 * pair + 1));
            for (lane, packed) in packed.chunks_mut(LANES).enumerate() {
                let own = |row: &[f32]| load(row.get(lane * LANES..).unwrap_or_default());
                store(interleave(own(even), own(odd)), packed);
            }
        }
        return;
    }
    let columns = matrix.transposed();
    for (block, packed) in packed.chunks_mut(LANES).enumerate() {
        for group in (0..WIDTH).step_by(LANES) {
            let mut pairs = [_mm512_setzero_si512(); LANES];
            for (lane, pairs) in pairs.iter_mut().enumerate().take(width.saturating_sub(group)) {
                let values = &columns.row(first + group + lane)[2 * LANES * block..];
                *pairs = round(load(values), load(values.get(LANES..).unwrap_or_default()));
            }
            for (packed, pairs) in packed.iter_mut().zip(transposed(pairs)) {
                store(pairs, &mut packed[group..WIDTH.min(group + LANES)]);
            }
        }
    }
}

/// Rows of 32-bit numbers to columns.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed(rows: [__m512i; LANES]) -> [__m512i; LANES] {
    let mut pairs = rows;
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    let mut fours = pairs;
    for i in (0..LANES).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    let mut eights = fours;
    for i in (0..LANES).step_by(8) {
        for j in 0..4 {
            eights[i + j] = _mm512_shuffle_i32x4::<0x88>(fours[i + j], fours[i + j + 4]);
            eights[i + j + 4] = _mm512_shuffle_i32x4::<0xdd>(fours[i + j], fours[i + j + 4]);
        }
    }
    let mut columns = eights;
    for i in 0..8 {
        columns[i] = _mm512_shuffle_i32x4::<0x88>(eights[i], eights[i + 8]);
        columns[i + 8] = _mm512_shuffle_i32x4::<0xdd>(eights[i], eights[i + 8]);
    }
    columns
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

/// Rounded to nearest, ties to even: `lower`, then `upper`.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn round(lower: __m512, upper: __m512) -> __m512i {
    // SAFETY: both types are 64 bytes of numbers.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(upper, lower)) }
}

/// Rounded, an element of each in turn.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn interleave(even: __m512, odd: __m512) -> __m512i {
    const ORDER: [u16; 2 * LANES] = {
        let mut order = [0; 2 * LANES];
        let mut i = 0;
        while i < LANES {
            order[2 * i] = i as u16;
            order[2 * i + 1] = (LANES + i) as u16;
            i += 1;
        }
        order
    };
    // SAFETY: as long as a register.
    let order = unsafe { _mm512_loadu_si512(ORDER.as_ptr().cast()) };
    _mm512_permutexvar_epi16(order, round(even, odd))
}

/// One tile of the output: the product of a panel of each operand, to [`COLUMNS`] columns from `first` on of `rows`,
/// `n` wide, as many as there are.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn tile<const PAIR: usize, const ROW: usize>(
    a: &[f32; ROWS * PAIRS],
    b: &[[f32; COLUMNS]],
    rows: &mut [f32],
    n: usize,
    first: usize,
    output: Output,
) {
    let last = (first + COLUMNS).min(n);
    if output == Output::Add {
        rows.chunks_exact(n).for_each(|row| fetch::<_MM_HINT_T0>(&row[first..last]));
    }
    let sums = sums::<PAIR, ROW>(a, b);
    // By reference: they would be moved through memory twice.
    for (row, sums) in rows.chunks_exact_mut(n).zip(&sums) {
        for (part, &sum) in row[first..last].chunks_mut(LANES).zip(sums) {
            let sum = match output {
                Output::Replace => sum,
                Output::Add => _mm512_add_ps(load(part), sum),
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

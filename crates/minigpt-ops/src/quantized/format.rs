//! What the bytes of a matrix are, and what they stand for: the formats of
//! [ggml-quants.c](https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c), little-endian.

use rayon::prelude::*;

use crate::half_floats::{bf16, f16};

/// Values of a block of integers.
pub(super) const VALUES: usize = 32;

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Blocks of 32 values `d · q`: `d` in 2 bytes, integers of 8 bits.
    Q8_0,
    /// Blocks of 32 values `d · (q − 8)`: `d` in 2 bytes, integers of 4 bits, the first 16 in the lower halves of
    /// the bytes.
    Q4_0,
    /// Blocks of 32 values `d · q + m`: `d` and `m` in 2 bytes each, integers of 4 bits as those of `Q4_0`.
    Q4_1,
    /// The upper halves of `f32`.
    Bf16,
    /// IEEE halves.
    F16,
    /// `f32`, which is not rounded at all.
    F32,
}

impl Format {
    /// Values and bytes of a block.
    const fn block(self) -> (usize, usize) {
        match self {
            Self::Q8_0 => (VALUES, Q8_0),
            Self::Q4_0 => (VALUES, Q4_0),
            Self::Q4_1 => (VALUES, Q4_1),
            Self::Bf16 | Self::F16 => (1, 2),
            Self::F32 => (1, 4),
        }
    }

    /// Bytes of a row of so many values. `None` where they are not whole blocks, or the bytes more than a `usize`
    /// can count.
    #[must_use]
    pub fn row_bytes(self, columns: usize) -> Option<usize> {
        let (values, bytes) = self.block();
        columns.is_multiple_of(values).then(|| columns / values)?.checked_mul(bytes)
    }

    /// Values of a block, 1 of floats.
    #[must_use]
    pub fn block_values(self) -> usize {
        self.block().0
    }

    pub(super) fn has_blocks(self) -> bool {
        self.block().0 > 1
    }
}

/// Bytes of a block.
pub(super) const Q8_0: usize = 2 + 32;
/// Bytes of a block.
pub(super) const Q4_0: usize = 2 + 16;
/// Bytes of a block.
pub(super) const Q4_1: usize = 2 + 2 + 16;

/// A matrix `[rows, columns]` as it lies in a file.
#[derive(Clone, Copy)]
pub struct QuantizedMatrix<'a> {
    format: Format,
    rows: usize,
    columns: usize,
    row_bytes: usize,
    bytes: &'a [u8],
}

impl std::fmt::Debug for QuantizedMatrix<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:?} [{}, {}]", self.format, self.rows, self.columns)
    }
}

impl<'a> QuantizedMatrix<'a> {
    /// All of `bytes`, row after row.
    ///
    /// # Panics
    ///
    /// If the columns are not whole blocks or too many, which [`Format::row_bytes`] tells, or the bytes not as many
    /// as the rows have.
    #[must_use]
    pub fn new(format: Format, rows: usize, columns: usize, bytes: &'a [u8]) -> Self {
        let row_bytes = format.row_bytes(columns);
        let row_bytes = row_bytes.unwrap_or_else(|| {
            panic!("{columns} columns are not whole blocks of {format:?}, or too many")
        });
        let expected = rows.checked_mul(row_bytes);
        assert_eq!(Some(bytes.len()), expected, "bytes of {format:?} [{rows}, {columns}]");
        Self { format, rows, columns, row_bytes, bytes }
    }

    /// The format.
    #[must_use]
    pub fn format(self) -> Format {
        self.format
    }

    /// Rows: the width of a product's output.
    #[must_use]
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Columns: the width of a product's input.
    #[must_use]
    pub fn columns(self) -> usize {
        self.columns
    }

    /// The bytes of a row.
    pub(super) fn row(self, index: usize) -> &'a [u8] {
        self.some_rows(index, 1)
    }

    /// The bytes of `count` rows from `first` on.
    pub(super) fn some_rows(self, first: usize, count: usize) -> &'a [u8] {
        &self.bytes[first * self.row_bytes..][..count * self.row_bytes]
    }
}

/// The values of one row: of a table of embeddings, that of a token.
///
/// # Panics
///
/// If there is no such row, or `values` is not `[columns]`.
pub fn dequantize_row(weight: QuantizedMatrix, row: usize, values: &mut [f32]) {
    assert!(row < weight.rows, "row {row} of {}", weight.rows);
    assert_eq!(values.len(), weight.columns, "dequantize_row: the values are not [columns]");
    dequantize(weight.format, weight.row(row), values);
}

/// The values of columns `first..` of row `row`, as many as there is room for, of whole blocks.
#[inline(always)]
pub(crate) fn dequantize_part(
    weight: QuantizedMatrix,
    row: usize,
    first: usize,
    values: &mut [f32],
) {
    let (block, bytes) = weight.format.block();
    let row = &weight.row(row)[first / block * bytes..][..values.len() / block * bytes];
    dequantize(weight.format, row, values);
}

#[inline(always)]
fn dequantize(format: Format, bytes: &[u8], values: &mut [f32]) {
    match format {
        Format::Q8_0 => blocks(bytes, values, |[d0, d1, q @ ..]: &[u8; Q8_0], values| {
            let d = f16([*d0, *d1]);
            values.iter_mut().zip(q).for_each(|(v, q)| *v = d * f32::from(q.cast_signed()));
        }),
        Format::Q4_0 => blocks(bytes, values, |[d0, d1, q @ ..]: &[u8; Q4_0], values| {
            let d = f16([*d0, *d1]);
            nibbles(q, values, |q| d * (q - 8.0));
        }),
        Format::Q4_1 => blocks(bytes, values, |[d0, d1, m0, m1, q @ ..]: &[u8; Q4_1], values| {
            let (d, m) = (f16([*d0, *d1]), f16([*m0, *m1]));
            nibbles(q, values, |q| d * q + m);
        }),
        Format::Bf16 => floats(bytes, values, bf16),
        Format::F16 => floats(bytes, values, f16),
        Format::F32 => floats(bytes, values, f32::from_le_bytes),
    }
}

/// The first value that is not finite, by its place in the matrix. Looks at scales and minimums where there are such.
#[must_use]
pub fn find_not_finite(weight: QuantizedMatrix) -> Option<(usize, f32)> {
    let row = (0..weight.rows).into_par_iter().find_first(|row| !is_finite(weight, *row))?;
    let mut values = vec![0.0; weight.columns];
    dequantize_row(weight, row, &mut values);
    let column = values.iter().position(|value| !value.is_finite())?;
    Some((row * weight.columns + column, values[column]))
}

fn is_finite(weight: QuantizedMatrix, row: usize) -> bool {
    let bytes = weight.row(row);
    let half = |at: &[u8]| f16([at[0], at[1]]).is_finite();
    match weight.format {
        Format::Q8_0 => bytes.chunks_exact(Q8_0).all(half),
        Format::Q4_0 => bytes.chunks_exact(Q4_0).all(half),
        Format::Q4_1 => bytes.chunks_exact(Q4_1).all(|block| half(block) && half(&block[2..])),
        Format::F16 => bytes.chunks_exact(2).all(half),
        Format::Bf16 => bytes.as_chunks().0.iter().all(|bytes| bf16(*bytes).is_finite()),
        Format::F32 => {
            bytes.as_chunks().0.iter().all(|bytes| f32::from_le_bytes(*bytes).is_finite())
        }
    }
}

#[inline(always)]
fn blocks<const BYTES: usize>(
    bytes: &[u8],
    values: &mut [f32],
    block: impl Fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let values = values.as_chunks_mut().0;
    bytes.as_chunks().0.iter().zip(values).for_each(|(bytes, values)| block(bytes, values));
}

/// Of the lower halves of all bytes, then of the upper ones.
#[inline(always)]
fn nibbles(bytes: &[u8; 16], values: &mut [f32; VALUES], value: impl Fn(f32) -> f32) {
    let (lower, upper) = values.split_at_mut(16);
    for ((lower, upper), byte) in lower.iter_mut().zip(upper).zip(bytes) {
        *lower = value(f32::from(byte & 15));
        *upper = value(f32::from(byte >> 4));
    }
}

/// A float from each few bytes.
#[inline(always)]
pub(super) fn floats<const BYTES: usize>(
    bytes: &[u8],
    values: &mut [f32],
    float: impl Fn([u8; BYTES]) -> f32,
) {
    let bytes = bytes.as_chunks().0;
    values.iter_mut().zip(bytes).for_each(|(value, &bytes)| *value = float(bytes));
}

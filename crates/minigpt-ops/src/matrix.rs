//! Matrix products: in `f32` through the gemm crate, in bfloat16 by a kernel of our own.

#[cfg(target_arch = "x86_64")]
mod bf16;
mod view;

use std::marker::PhantomData;
use std::ops::Range;

use gemm::Parallelism;
use rayon::prelude::*;

pub(crate) use self::view::{Matrix, MatrixMut};
use crate::precision::Precision;
use crate::scratch::Scratch;

/// Whether a product replaces what is in its output or is added to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Output {
    Replace,
    Add,
}

/// Rows or columns that one thread writes at a time.
const WRITTEN: usize = 32;

/// The right operand of products in one precision.
pub(crate) enum Operand<'a> {
    /// As it is.
    F32(Matrix<'a>),
    /// Rounded and packed.
    #[cfg(target_arch = "x86_64")]
    Bf16(bf16::Columns),
}

impl<'a> Operand<'a> {
    /// Made on all threads of the current rayon pool.
    pub(crate) fn new(precision: Precision, matrix: Matrix<'a>) -> Self {
        Self::made(precision, matrix, Parallelism::Rayon(0))
    }

    /// Made on the calling thread alone.
    pub(crate) fn new_here(precision: Precision, matrix: Matrix<'a>) -> Self {
        Self::made(precision, matrix, Parallelism::None)
    }

    /// Of a matrix that is written when it is needed, in bfloat16 packed piece by piece: `fill` writes columns one after
    /// the other. `room` may be taken for the whole.
    pub(crate) fn of_columns(
        precision: Precision,
        [rows, columns]: [usize; 2],
        room: &'a mut Option<Scratch>,
        fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        #[cfg(target_arch = "x86_64")]
        if Kept::is_packed(precision) {
            return Self::Bf16(bf16::Columns::of_columns(rows, columns, fill));
        }
        let _ = precision;
        let room = room.insert(Scratch::new(rows * columns));
        room.par_chunks_mut((WRITTEN * rows).max(1)).enumerate().for_each(|(index, room)| {
            let first = index * WRITTEN;
            fill(first..columns.min(first + WRITTEN), room);
        });
        Self::F32(Matrix::new(room, columns, rows).transposed())
    }

    /// The same of rows: `fill` writes of each row, row after row, the part that stands in some columns. `whole` writes
    /// all of some rows.
    pub(crate) fn of_rows(
        precision: Precision,
        [rows, columns]: [usize; 2],
        room: &'a mut Option<Scratch>,
        fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
        whole: impl Fn(Range<usize>, &mut [f32]) + Sync,
    ) -> Self {
        #[cfg(target_arch = "x86_64")]
        if Kept::is_packed(precision) {
            return Self::Bf16(bf16::Columns::of_rows(rows, columns, fill));
        }
        let _ = (precision, fill);
        let room = room.insert(Scratch::new(rows * columns));
        room.par_chunks_mut((WRITTEN * columns).max(1)).enumerate().for_each(|(index, room)| {
            let first = index * WRITTEN;
            whole(first..rows.min(first + WRITTEN), room);
        });
        Self::F32(Matrix::new(room, rows, columns))
    }

    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "nothing is packed"))]
    fn made(precision: Precision, matrix: Matrix<'a>, parallelism: Parallelism) -> Self {
        #[cfg(target_arch = "x86_64")]
        if Kept::is_packed(precision) {
            return Self::Bf16(bf16::Columns::new(matrix, parallelism));
        }
        Self::F32(matrix)
    }
}

/// A matrix of up to [`Kept::COLUMNS`] columns that is kept as the left operand of a product to come: as it is, or
/// rounded and packed.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
}

impl<'a> Kept<'a> {
    /// Rows are kept in groups of so many, the last one filled up.
    pub(crate) const ROWS: usize = 14;

    pub(crate) const COLUMNS: usize = 256;

    /// Numbers whose memory a row takes.
    pub(crate) fn row_len(precision: Precision) -> usize {
        if Kept::is_packed(precision) { Self::COLUMNS / 2 } else { Self::COLUMNS }
    }

    /// Writes `matrix`, rounded and packed, to `room` of [`row_len`](Self::row_len) numbers for each row. Only where
    /// matrices [are packed](Self::is_packed): others are kept as they are.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "nothing is packed"))]
    pub(crate) fn pack(matrix: Matrix, room: &mut [f32]) {
        assert!(matrix.columns <= Self::COLUMNS, "too many columns to be kept");
        #[cfg(target_arch = "x86_64")]
        bf16::keep(matrix, room);
    }

    /// Whether operands are rounded and packed.
    pub(crate) fn is_packed(precision: Precision) -> bool {
        cfg!(target_arch = "x86_64") && precision == Precision::Bf16 && precision.is_native()
    }

    /// What was kept at the beginning of `data`.
    pub(crate) fn new(precision: Precision, data: &'a [f32], rows: usize, columns: usize) -> Self {
        let len = if Kept::is_packed(precision) {
            rows.next_multiple_of(Self::ROWS) * Self::row_len(precision)
        } else {
            rows * columns
        };
        Self { data: &data[..len], rows, columns }
    }
}

/// `c = a · b` or `c += a · b` on the calling thread alone, both of one precision.
pub(crate) fn product_of_kept_here(a: Kept, b: &Operand, c: &mut [f32], output: Output) {
    match b {
        Operand::F32(_) => {
            product_here(Matrix::new(a.data, a.rows, a.columns), b, c, output, Matrix::empty())
        }
        #[cfg(target_arch = "x86_64")]
        Operand::Bf16(b) => bf16::product_of_kept(a.data, a.columns, b, c, output),
    }
}

/// `c = a · b` or `c += a · b` on all threads of the current rayon pool. `c` is row-major.
///
/// An element is summed in the same order whatever the number of threads.
pub(crate) fn product(a: Matrix, b: &Operand, c: &mut [f32], output: Output) {
    match b {
        Operand::F32(b) => {
            let c = MatrixMut::new(c, a.rows, b.columns);
            gemm(1.0, a, *b, c, output, Parallelism::Rayon(0));
        }
        #[cfg(target_arch = "x86_64")]
        Operand::Bf16(b) => {
            let c = MatrixMut::new(c, a.rows, b.column_count());
            bf16::product(a, b, c, output, Part::Whole, Parallelism::Rayon(0), Matrix::empty());
        }
    }
}

/// `c = aᵀ · b` on all threads of the current rayon pool, of matrices that are not transposed. `c` is row-major.
pub(crate) fn product_of_transposed(precision: Precision, a: Matrix, b: Matrix, c: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if Kept::is_packed(precision) && b.columns > a.columns {
        // The wider one is read once, where it is multiplied; the other one is packed for all threads.
        let c = MatrixMut::new(c, a.columns, b.columns).transposed();
        let a = bf16::Columns::new(a, Parallelism::Rayon(0));
        let (b, empty) = (b.transposed(), Matrix::empty());
        bf16::product(b, &a, c, Output::Replace, Part::Whole, Parallelism::Rayon(0), empty);
        return;
    }
    product(a.transposed(), &Operand::new(precision, b), c, Output::Replace);
}

/// Which elements of a product are computed.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    Whole,
    /// Those on and above the diagonal, and some others.
    Upper,
}

/// `c = a · b` on and above the diagonal, for a product that is symmetric, on all threads of the current rayon pool.
/// What stands below has no meaning.
pub(crate) fn upper_product(a: Matrix, b: &Operand, c: &mut [f32]) {
    /// Rows whose part begins at the same column.
    const ROWS: usize = 64;
    match b {
        Operand::F32(b) => {
            let n = b.columns;
            assert!(a.rows == n && c.len() == n * n, "the product is not square");
            c.par_chunks_mut((ROWS * n).max(1)).enumerate().for_each(|(index, c)| {
                let first = index * ROWS;
                let (a, b) = (a.rows_at(first, ROWS), b.columns_at(first, n));
                let start = c[first..].as_mut_ptr();
                let c = MatrixMut {
                    start,
                    rows: a.rows,
                    columns: b.columns,
                    row_stride: n,
                    column_stride: 1,
                    data: PhantomData,
                };
                gemm(1.0, a, b, c, Output::Replace, Parallelism::None);
            });
        }
        #[cfg(target_arch = "x86_64")]
        Operand::Bf16(b) => {
            let (c, empty) = (MatrixMut::new(c, a.rows, b.column_count()), Matrix::empty());
            bf16::product(a, b, c, Output::Replace, Part::Upper, Parallelism::Rayon(0), empty);
        }
    }
}

/// [`product`] on the calling thread alone, which meanwhile fetches `next_operand` from memory where it is our own
/// kernel: what the next product reads first.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "nothing is fetched"))]
pub(crate) fn product_here(
    a: Matrix,
    b: &Operand,
    c: &mut [f32],
    output: Output,
    next_operand: Matrix,
) {
    match b {
        Operand::F32(b) => {
            let c = MatrixMut::new(c, a.rows, b.columns);
            gemm(1.0, a, *b, c, output, Parallelism::None);
        }
        #[cfg(target_arch = "x86_64")]
        Operand::Bf16(b) => {
            let c = MatrixMut::new(c, a.rows, b.column_count());
            bf16::product(a, b, c, output, Part::Whole, Parallelism::None, next_operand);
        }
    }
}

/// `c = scale · a · b` or `c += scale · a · b` on the calling thread alone, `b` being the first rows and columns of `of`,
/// as many as `a` and `c` have columns.
pub(crate) fn scaled_product_here(
    scale: f32,
    a: Matrix,
    of: &Operand,
    c: MatrixMut,
    output: Output,
) {
    match of {
        Operand::F32(of) => {
            let b = of.rows_at(0, a.columns).columns_at(0, c.columns);
            gemm(scale, a, b, c, output, Parallelism::None);
        }
        #[cfg(target_arch = "x86_64")]
        Operand::Bf16(of) => bf16::scaled_product_here(scale, a, of, c, output),
    }
}

fn gemm(scale: f32, a: Matrix, b: Matrix, c: MatrixMut, output: Output, parallelism: Parallelism) {
    assert_eq!(a.columns, b.rows, "inner dimensions differ");
    assert!(c.rows == a.rows && c.columns == b.columns, "the product has another size");
    // SAFETY: the constructors of `Matrix` have checked that its rows and columns are within `data`, and
    // `rows` and `transposed` keep that. Those of `MatrixMut` have checked the same, and that no other
    // matrix or slice shares its elements. The sizes fit together, as checked above.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c.start,
            c.column_stride as isize,
            c.row_stride as isize,
            output == Output::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

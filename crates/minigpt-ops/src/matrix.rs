//! Matrix products, through the gemm crate.

use gemm::Parallelism;

/// A matrix to read: any strides, so that a transpose or a range of columns is free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix of all of `data`.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a matrix of {rows} by {columns} has other data");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Whether a product replaces what is in its output or is added to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Output {
    Replace,
    Add,
}

/// `c = a · b` or `c += a · b` on all threads of the current rayon pool. `c` is row-major.
///
/// An element is summed in the same order whatever the number of threads.
pub(crate) fn product(a: Matrix, b: Matrix, c: &mut [f32], output: Output) {
    gemm(a, b, c, output, Parallelism::Rayon(0));
}

/// [`product`] on the calling thread alone.
pub(crate) fn product_here(a: Matrix, b: Matrix, c: &mut [f32], output: Output) {
    gemm(a, b, c, output, Parallelism::None);
}

fn gemm(a: Matrix, b: Matrix, c: &mut [f32], output: Output, parallelism: Parallelism) {
    assert_eq!(a.columns, b.rows, "inner dimensions differ");
    assert_eq!(c.len(), a.rows * b.columns, "the product has another size than its output");
    // SAFETY: `Matrix::new` has checked that rows and columns cover `data` and nothing beyond it, and
    // `transposed` keeps that; `c` is row-major, of the size checked above, and, being a unique
    // borrow, overlaps neither operand.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c.as_mut_ptr(),
            1,
            b.columns as isize,
            output == Output::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

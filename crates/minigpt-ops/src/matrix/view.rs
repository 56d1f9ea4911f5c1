//! Matrices that lie in slices, to read and to write.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix to read: any strides, so that a transpose or some of the columns of another are free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    pub(super) data: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix of all of `data`.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a matrix of {rows} by {columns} has other data");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// A matrix without elements.
    pub(crate) fn empty() -> Self {
        Self::new(&[], 0, 0)
    }

    /// Some columns of the row-major matrix of all of `data`, whose rows have `width` elements.
    pub(crate) fn of_columns(data: &'a [f32], width: usize, columns: Range<usize>) -> Self {
        assert!(columns.start <= columns.end && columns.end <= width, "no such columns");
        assert!(data.len().is_multiple_of(width), "a matrix of rows of {width} has other data");
        Self {
            rows: data.len() / width,
            columns: columns.len(),
            data: data.get(columns.start..).unwrap_or_default(),
            row_stride: width,
            column_stride: 1,
        }
    }

    /// Some rows of a matrix that is not transposed.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "no such rows");
        let data = self.data.get(rows.start * self.row_stride..).unwrap_or_default();
        Self { data, rows: rows.len(), ..self }
    }

    /// Row `i` of a matrix that is not transposed.
    #[inline(always)]
    pub(crate) fn row(self, i: usize) -> &'a [f32] {
        &self.data[i * self.row_stride..][..self.columns]
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

impl Matrix<'_> {
    pub(crate) fn row_count(self) -> usize {
        self.rows
    }

    /// Up to `count` rows from `first` on, of a matrix that may be transposed.
    pub(crate) fn rows_at(self, first: usize, count: usize) -> Self {
        self.transposed().columns_at(first, count).transposed()
    }

    /// Up to `count` columns from `first` on.
    pub(crate) fn columns_at(self, first: usize, count: usize) -> Self {
        assert!(first <= self.columns, "no such columns");
        let data = self.data.get(first * self.column_stride..).unwrap_or_default();
        Self { data, columns: count.min(self.columns - first), ..self }
    }
}

/// What packing needs to know.
#[cfg(target_arch = "x86_64")]
impl Matrix<'_> {
    pub(crate) fn column_count(self) -> usize {
        self.columns
    }

    /// True where the elements of a row are adjacent.
    pub(crate) fn is_row_major(self) -> bool {
        self.column_stride == 1
    }
}

/// A matrix to write: rows of adjacent elements, some way apart, or columns.
#[derive(Debug)]
pub(crate) struct MatrixMut<'a> {
    pub(super) start: *mut f32,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
    pub(super) data: PhantomData<&'a mut [f32]>,
}

// SAFETY: as a `&mut [f32]`, it is the only way to its elements while it lives.
unsafe impl Send for MatrixMut<'_> {}

impl<'a> MatrixMut<'a> {
    /// A row-major matrix of all of `data`.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a matrix of {rows} by {columns} has other data");
        let start = data.as_mut_ptr();
        Self { start, rows, columns, row_stride: columns, column_stride: 1, data: PhantomData }
    }

    /// The row-major matrix of all of `data`, whose rows have `width` elements, split into blocks of
    /// columns, the last of what is left: what `chunks_mut` is for rows.
    pub(crate) fn split_columns(
        data: &'a mut [f32],
        width: usize,
        columns: usize,
    ) -> impl Iterator<Item = Self> {
        assert!(data.len().is_multiple_of(width), "a matrix of rows of {width} has other data");
        let (start, rows) = (data.as_mut_ptr(), data.len() / width);
        (0..width).step_by(columns).map(move |first| Self {
            start: start.wrapping_add(first),
            rows,
            columns: columns.min(width - first),
            row_stride: width,
            column_stride: 1,
            data: PhantomData,
        })
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn row_count(&self) -> usize {
        self.rows
    }

    pub(crate) fn column_count(&self) -> usize {
        self.columns
    }

    /// Row `i` of a matrix that is not transposed.
    pub(crate) fn row_mut(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows && self.column_stride == 1, "no such row");
        // SAFETY: the constructors have checked that the rows and columns are within the data, and no other
        // matrix or slice shares them.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.row_stride), self.columns) }
    }

    /// The first rows.
    pub(crate) fn first_rows(&mut self, rows: usize) -> MatrixMut<'_> {
        self.some_rows(0..rows)
    }

    /// Some rows, of a matrix that may be transposed.
    pub(crate) fn some_rows(&mut self, rows: Range<usize>) -> MatrixMut<'_> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "no such rows");
        let start = self.start.wrapping_add(rows.start * self.row_stride);
        MatrixMut { start, rows: rows.len(), data: PhantomData, ..*self }
    }
}

/// What our own kernel needs.
#[cfg(target_arch = "x86_64")]
impl<'a> MatrixMut<'a> {
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// True where the elements of a row are adjacent.
    pub(crate) fn is_row_major(&self) -> bool {
        self.column_stride == 1
    }

    /// Column `i` of a matrix that is transposed.
    pub(crate) fn column_mut(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.columns && self.row_stride == 1, "no such column");
        // SAFETY: as of a row.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.column_stride), self.rows) }
    }

    /// The rows before row `at`, and the others, of a matrix that may be transposed.
    pub(crate) fn split_rows(self, at: usize) -> [MatrixMut<'a>; 2] {
        assert!(at <= self.rows, "no such row");
        let start = self.start.wrapping_add(at * self.row_stride);
        [Self { rows: at, ..self }, Self { start, rows: self.rows - at, ..self }]
    }

    pub(crate) fn fill(&mut self, value: f32) {
        if self.is_row_major() {
            (0..self.rows).for_each(|row| self.row_mut(row).fill(value));
        } else {
            (0..self.columns).for_each(|column| self.column_mut(column).fill(value));
        }
    }
}

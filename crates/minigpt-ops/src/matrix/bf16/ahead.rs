//! Memory that is read next, asked for while something else is computed.

use std::arch::x86_64::*;

use super::registers::LANES;
use crate::matrix::Matrix;

/// The numbers of a matrix, line by line.
pub(super) struct Ahead<'a> {
    /// As it lies in memory: the numbers of a row are adjacent.
    rows: Matrix<'a>,
    /// Lines to ask for at a time.
    count: usize,
    row: usize,
    column: usize,
}

impl<'a> Ahead<'a> {
    /// All of `matrix`, in `times` parts.
    pub(super) fn new(matrix: Matrix<'a>, times: usize) -> Self {
        let rows = if matrix.is_row_major() { matrix } else { matrix.transposed() };
        let lines = rows.row_count() * rows.column_count().div_ceil(LANES);
        Self { rows, count: lines.div_ceil(times.max(1)), row: 0, column: 0 }
    }

    /// Asks for the next part, into the second cache.
    #[inline]
    pub(super) fn fetch(&mut self) {
        for _ in 0..self.count {
            if self.row >= self.rows.row_count() {
                return;
            }
            if let Some(line) = self.rows.row(self.row).get(self.column..) {
                // SAFETY: a prefetch reads nothing and cannot fault.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
            }
            self.column += LANES;
            if self.column >= self.rows.column_count() {
                (self.row, self.column) = (self.row + 1, 0);
            }
        }
    }
}

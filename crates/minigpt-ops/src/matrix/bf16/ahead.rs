//! Memory that is read next, asked for while something else is computed.

use std::arch::x86_64::*;

use super::registers::LANES;
use crate::matrix::Matrix;

/// The numbers of a matrix, line by line.
pub(super) struct Ahead<'a> {
    /// As it lies in memory: the numbers of a row are adjacent.
    rows: Matrix<'a>,
    /// Numbers of its first line before a row begins.
    before: usize,
    /// Lines that a row touches.
    lines: usize,
    /// Lines to ask for at a time.
    count: usize,
    row: usize,
    line: usize,
}

impl<'a> Ahead<'a> {
    /// All of `matrix`, in `times` parts.
    pub(super) fn new(matrix: Matrix<'a>, times: usize) -> Self {
        let rows = if matrix.is_row_major() { matrix } else { matrix.transposed() };
        // A row that begins within a line touches one more; all rows begin alike where a stride is whole lines.
        let before = match rows.row_count() {
            0 => 0,
            _ => rows.row(0).as_ptr().addr() / size_of::<f32>() % LANES,
        };
        let lines = (before + rows.column_count()).div_ceil(LANES);
        let count = (rows.row_count() * lines).div_ceil(times.max(1));
        Self { rows, before, lines, count, row: 0, line: 0 }
    }

    /// Asks for the next part, into the second cache.
    #[inline]
    pub(super) fn fetch(&mut self) {
        for _ in 0..self.count {
            if self.row >= self.rows.row_count() {
                return;
            }
            let column = (self.line * LANES).saturating_sub(self.before);
            if let Some(line) = self.rows.row(self.row).get(column..) {
                // SAFETY: a prefetch reads nothing and cannot fault.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
            }
            self.line += 1;
            if self.line >= self.lines {
                (self.row, self.line) = (self.row + 1, 0);
            }
        }
    }
}

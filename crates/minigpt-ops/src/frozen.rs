//! Products of training with weights that are not trained: they stay as a GGUF file has them, or in 16 bits, and are
//! made numbers piece by piece as a product packs them. What an adapter adds is part of the same product: its inner
//! vectors stand beside the inputs, and its second factor below the weight.

#[cfg(test)]
mod tests;

use std::ops::Range;

use rayon::prelude::*;

use crate::matrix::{Matrix, Operand, Output, product};
use crate::quantized::{QuantizedMatrix, dequantize_part};
use crate::scratch::Scratch;
use crate::simd::{dot, vectorized};
use crate::{CrossEntropy, Precision};

/// Rows of `x` up to which a product takes one row of the weight after the other.
const FEW: usize = 8;

/// A weight `[to, from]` of one matrix or several, one below the other, and what an adapter adds to it.
#[derive(Clone, Copy, Debug)]
pub struct FrozenWeight<'a> {
    parts: &'a [QuantizedMatrix<'a>],
    from: usize,
    to: usize,
    adapter: Option<Adapter<'a>>,
}

/// The second factor of an adapter, `[rank, the parts' columns]`. Part `i` takes inner numbers `i · rank ..` to its
/// columns of the output.
#[derive(Clone, Copy, Debug)]
pub struct Adapter<'a> {
    /// `[rank, columns of all parts]`.
    pub b: &'a [f32],
    /// The columns of the output that have factors, in order.
    pub parts: &'a [Range<usize>],
}

impl Adapter<'_> {
    fn width(self) -> usize {
        self.parts.iter().map(ExactSizeIterator::len).sum()
    }

    fn rank(self) -> usize {
        self.b.len() / self.width().max(1)
    }

    /// Inner numbers of all parts.
    fn inner(self) -> usize {
        self.rank() * self.parts.len()
    }

    /// What goes into output `column` of each inner number.
    fn column(self, column: usize, values: &mut [f32]) {
        values.fill(0.0);
        let (rank, width) = (self.rank(), self.width());
        let mut start = 0;
        for (values, part) in values.chunks_exact_mut(rank.max(1)).zip(self.parts) {
            if part.contains(&column) {
                let place = start + column - part.start;
                let column = self.b.iter().skip(place).step_by(width);
                values.iter_mut().zip(column).for_each(|(value, b)| *value = *b);
            }
            start += part.len();
        }
    }
}

impl<'a> FrozenWeight<'a> {
    /// Matrices of one width.
    ///
    /// # Panics
    ///
    /// If there is none, or their widths differ.
    #[must_use]
    pub fn new(parts: &'a [QuantizedMatrix<'a>]) -> Self {
        let from = parts.first().expect("a weight has a matrix").columns();
        assert!(parts.iter().all(|part| part.columns() == from), "matrices of different widths");
        let to = parts.iter().map(|part| part.rows()).sum();
        Self { parts, from, to, adapter: None }
    }

    /// The same with an adapter.
    ///
    /// # Panics
    ///
    /// If its columns are not those of the weight.
    #[must_use]
    pub fn with_adapter(self, adapter: Adapter<'a>) -> Self {
        let is_within = adapter.parts.iter().all(|part| part.end <= self.to);
        assert!(is_within && adapter.b.len() == adapter.rank() * adapter.width(), "another weight");
        Self { adapter: Some(adapter), ..self }
    }

    /// Width of the inputs.
    #[must_use]
    pub fn from(self) -> usize {
        self.from
    }

    /// Width of the outputs.
    #[must_use]
    pub fn to(self) -> usize {
        self.to
    }

    /// Width of the inputs and of the adapter's inner vectors.
    fn width(self) -> usize {
        self.from + self.adapter.map_or(0, Adapter::inner)
    }

    /// Columns `first..` of row `row`, the adapter's after the weight's.
    #[inline(always)]
    fn read(self, row: usize, first: usize, values: &mut [f32]) {
        let (mut part, mut place) = (0, row);
        while place >= self.parts[part].rows() {
            place -= self.parts[part].rows();
            part += 1;
        }
        let own = values.len().min(self.from.saturating_sub(first));
        let (own, rest) = values.split_at_mut(own);
        if !own.is_empty() {
            dequantize_part(self.parts[part], place, first, own);
        }
        if let Some(adapter) = self.adapter.filter(|_| !rest.is_empty()) {
            let skipped = first.saturating_sub(self.from);
            let mut column = vec![0.0; adapter.inner()];
            adapter.column(row, &mut column);
            rest.copy_from_slice(&column[skipped..][..rest.len()]);
        }
    }

    /// The values of some rows, `[rows, width]`, as `f32`.
    pub fn rows(self, rows: Range<usize>, values: &mut [f32]) {
        let width = self.width();
        vectorized!({
            for (row, values) in rows.zip(values.chunks_exact_mut(width)) {
                self.read(row, 0, values);
            }
        });
    }

    /// Its transpose, as the right operand.
    fn transposed_operand<'s>(
        self,
        precision: Precision,
        room: &'s mut Option<Scratch>,
    ) -> Operand<'s> {
        Operand::of_columns(precision, [self.width(), self.to], room, |rows, values| {
            self.rows(rows, values);
        })
    }

    /// Itself, as the right operand.
    fn operand<'s>(self, precision: Precision, room: &'s mut Option<Scratch>) -> Operand<'s> {
        // Panels are as wide as a block, or blocks would be cut.
        let columns = |columns: Range<usize>, values: &mut [f32]| {
            let width = columns.len();
            vectorized!({
                for (row, values) in values.chunks_exact_mut(width).enumerate() {
                    self.read(row, columns.start, values);
                }
            });
        };
        let whole = |rows: Range<usize>, values: &mut [f32]| self.rows(rows, values);
        Operand::of_rows(precision, [self.to, self.width()], room, columns, whole)
    }
}

/// `y = x · weightᵀ` for `n` rows: `x` `[n, from]`, with an adapter `[n, from + inner]`, its inner vectors beside the
/// inputs; `y` `[n, to]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn frozen_project(
    precision: Precision,
    n: usize,
    x: &[f32],
    weight: FrozenWeight,
    y: &mut [f32],
) {
    assert_eq!(x.len(), n * weight.width(), "frozen_project: x is not [n, from + inner]");
    assert_eq!(y.len(), n * weight.to, "frozen_project: y is not [n, to]");
    if n <= FEW {
        return few(x, weight, y);
    }
    let mut room = None;
    let operand = weight.transposed_operand(precision, &mut room);
    product(Matrix::new(x, n, weight.width()), &operand, y, Output::Replace);
}

/// The same where making numbers of the weight is most of the work, in `f32`.
fn few(x: &[f32], weight: FrozenWeight, y: &mut [f32]) {
    let (width, n) = (weight.width(), y.len() / weight.to.max(1));
    let mut columns = Scratch::new(y.len());
    columns.par_chunks_mut((32 * n).max(1)).enumerate().for_each(|(index, columns)| {
        let mut row = Scratch::new(width);
        for (place, column) in columns.chunks_exact_mut(n).enumerate() {
            weight.rows(index * 32 + place..index * 32 + place + 1, &mut row);
            for (y, x) in column.iter_mut().zip(x.chunks_exact(width)) {
                *y = vectorized!(dot(x, &row));
            }
        }
    });
    for (column, values) in columns.chunks_exact(n.max(1)).enumerate() {
        for (row, value) in values.iter().enumerate() {
            y[row * weight.to + column] = *value;
        }
    }
}

/// The gradient of [`frozen_project`] by `x`: `dx` as wide as `x`, replaced, from `dy` `[n, to]`.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn frozen_project_backward(
    precision: Precision,
    n: usize,
    weight: FrozenWeight,
    dy: &[f32],
    dx: &mut [f32],
) {
    assert_eq!(dy.len(), n * weight.to, "frozen_project_backward: dy is not [n, to]");
    assert_eq!(
        dx.len(),
        n * weight.width(),
        "frozen_project_backward: dx is not [n, from + inner]"
    );
    let mut room = None;
    let operand = weight.operand(precision, &mut room);
    product(Matrix::new(dy, n, weight.to), &operand, dx, Output::Replace);
}

/// The gradients of an adapter's factors from `dy` `[n, to]`: `d_b`, as its `b`, from the inner vectors `inner` `[n,
/// parts · rank]`; and `d_a` `[from, parts · rank]` from the inputs `x` `[n, from]` and the inner vectors' gradient
/// `d_inner`. Both are replaced.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn adapter_backward(
    precision: Precision,
    n: usize,
    [x, inner]: [&[f32]; 2],
    parts: &[Range<usize>],
    [dy, d_inner]: [&[f32]; 2],
    [d_a, d_b]: [&mut [f32]; 2],
) {
    let (from, all) = (x.len() / n.max(1), inner.len() / n.max(1));
    let (to, rank) = (dy.len() / n.max(1), all / parts.len().max(1));
    let d_inner = Matrix::new(d_inner, n, all);
    let x = Matrix::new(x, n, from);
    product(x.transposed(), &Operand::new(precision, d_inner), d_a, Output::Replace);

    let width = d_b.len() / rank.max(1);
    let mut start = 0;
    for (index, part) in parts.iter().enumerate() {
        let columns = index * rank..(index + 1) * rank;
        let inner = Operand::new(precision, Matrix::of_columns(inner, all, columns));
        let dy = Matrix::of_columns(dy, to, part.clone());
        let mut found = Scratch::new(part.len() * rank);
        product(dy.transposed(), &inner, &mut found, Output::Replace);
        for (column, values) in found.chunks_exact(rank).enumerate() {
            for (row, value) in values.iter().enumerate() {
                d_b[row * width + start + column] = *value;
            }
        }
        start += part.len();
    }
}

/// As [`linear_cross_entropy`](crate::linear_cross_entropy) with a frozen head; with `d_hidden`, also the gradient of
/// the hidden states.
///
/// # Panics
///
/// If the lengths do not fit together or a target is not in the vocabulary.
#[must_use]
pub fn frozen_cross_entropy(
    precision: Precision,
    hidden: &[f32],
    head: FrozenWeight,
    targets: &[i32],
    smoothing: f32,
    d_hidden: Option<&mut [f32]>,
) -> CrossEntropy {
    crate::cross_entropy::of_frozen(precision, hidden, head, targets, smoothing, d_hidden)
}

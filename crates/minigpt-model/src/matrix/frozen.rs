//! Weights that are not trained: kept as a GGUF file has them, or in 16 bits, in place of a parameter.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use minigpt_gguf::TensorError;
use minigpt_ops::FrozenWeight;

use super::weight_type::WeightType;
use super::{Matrix, transposed};

/// Types that may hold the numbers of a matrix as they are, the smallest first.
const SMALLER: [WeightType; 5] =
    [WeightType::Q4_0, WeightType::Q4_1, WeightType::Q8_0, WeightType::Bf16, WeightType::F16];

/// Rows that are looked at before all of a matrix is.
const FIRST: usize = 4;

/// How the weights of a model are kept that an adapter is trained beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrozenType {
    /// Matrices are kept as this type, or as a smaller one that has the same numbers, as those of a quantised file.
    pub weight_type: WeightType,
    /// Whether the vectors of the tokens stay a parameter, for an adapter of them.
    pub keeps_embedding: bool,
}

/// A matrix, rows being outputs of a layer or vectors of tokens.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    matrix: Arc<Matrix>,
    from: usize,
}

impl Frozen {
    /// Values `[rows, columns]` in the model's order, of the matrix of a layer or of a table, as `weight_type` or as a
    /// smaller type that has the same numbers: those of a quantised file stay as they were.
    ///
    /// # Errors
    /// [`TensorError`] where a value is too large for the type.
    pub(crate) fn of(
        [rows, columns]: [usize; 2],
        is_layer: bool,
        values: Vec<f32>,
        weight_type: WeightType,
    ) -> Result<Self, TensorError> {
        let (values, from) = match is_layer {
            true => (transposed(&values, rows, columns), rows),
            false => (values, columns),
        };
        let most = bytes(weight_type);
        let exact = SMALLER.into_iter().filter(|smaller| bytes(*smaller) < most);
        let exact = exact.filter_map(|smaller| exactly(&values, from, smaller)).next();
        let matrix = match exact {
            Some(matrix) => matrix,
            None => Matrix::of_values(&values, from, weight_type.of_row(from))?,
        };
        Ok(Self::of_matrix(matrix, from))
    }

    /// A matrix with rows of `from` numbers.
    pub(crate) fn of_matrix(matrix: Matrix, from: usize) -> Self {
        Self { matrix: Arc::new(matrix), from }
    }

    /// Its rows in the blocks that they are kept in.
    pub(crate) fn blocks(&self) -> &[u8] {
        self.matrix.blocks()
    }

    /// Its shape as the parameter has it.
    pub(crate) fn to(&self) -> usize {
        self.matrix.rows()
    }

    /// Width of its rows.
    pub(crate) fn from(&self) -> usize {
        self.from
    }

    /// What the numbers are kept as.
    pub(crate) fn weight_type(&self) -> WeightType {
        self.matrix.weight_type()
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.matrix.bytes()
    }

    /// For the kernels: some of its rows.
    pub(crate) fn with_rows<R>(
        &self,
        rows: Range<usize>,
        work: impl FnOnce(FrozenWeight<'_>) -> R,
    ) -> R {
        let part = self.matrix.some_rows(rows);
        work(FrozenWeight::new(&[part.view()]))
    }

    /// For the kernels: the whole.
    pub(crate) fn with<R>(&self, work: impl FnOnce(FrozenWeight<'_>) -> R) -> R {
        work(FrozenWeight::new(&[self.matrix.view()]))
    }

    /// The values of some rows, one after the other.
    pub(crate) fn read_rows(&self, rows: impl IntoIterator<Item = usize>) -> Vec<f32> {
        let mut values = Vec::new();
        for row in rows {
            let start = values.len();
            values.resize(start + self.from, 0.0);
            self.matrix.read_row(row, &mut values[start..]);
        }
        values
    }

    /// The values in the model's order, those of the matrix of a layer `[from, to]`.
    pub(crate) fn values(&self, is_layer: bool) -> Vec<f32> {
        let values = self.read_rows(0..self.to());
        if is_layer { transposed(&values, self.to(), self.from) } else { values }
    }
}

/// Bytes of a block of 32 numbers.
fn bytes(weight_type: WeightType) -> usize {
    let tensor_type = weight_type.of_ggml();
    32 / tensor_type.block_values() * tensor_type.block_bytes()
}

/// The matrix in that type, if all its numbers stay as they are.
fn exactly(values: &[f32], columns: usize, weight_type: WeightType) -> Option<Matrix> {
    if weight_type.has_blocks() && !columns.is_multiple_of(weight_type.block_values()) {
        return None;
    }
    let same = |values: &[f32]| {
        let matrix = Matrix::of_values(values, columns, weight_type.of_ggml()).ok()?;
        let mut row = vec![0.0; columns];
        let is_same = values.chunks_exact(columns).enumerate().all(|(index, values)| {
            matrix.read_row(index, &mut row);
            row == values
        });
        is_same.then_some(matrix)
    };
    same(&values[..values.len().min(FIRST * columns)])?;
    same(values)
}

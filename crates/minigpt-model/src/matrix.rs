//! A matrix as it lies in a file, or in memory after the same fashion.

pub(crate) mod frozen;
pub(crate) mod weight_type;

use std::ops::{Deref, Range};
use std::sync::Arc;

use minigpt_gguf::{SharedBlocks, TensorError, TensorType};
use minigpt_ops::quantized::{Format, QuantizedMatrix, dequantize_row, find_not_finite};

use self::weight_type::WeightType;

/// Columns of a transposed matrix that are copied together: as many as a line of a processor's cache has.
pub(crate) const TOGETHER: usize = 16;

/// `[rows, columns]`, rows being outputs of a layer or vectors of tokens.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    storage: Storage,
    /// Its bytes in there.
    range: Range<usize>,
    format: Format,
    rows: usize,
    columns: usize,
}

/// Where bytes are.
#[derive(Clone, Debug)]
enum Storage {
    File(SharedBlocks),
    Memory(Arc<Vec<u8>>),
}

impl Deref for Storage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(bytes) => bytes,
            Self::Memory(bytes) => bytes,
        }
    }
}

impl Matrix {
    /// The tensor of a file as it is stored; nothing for a type that no product is implemented for.
    pub(crate) fn of_file(
        tensor_type: TensorType,
        rows: usize,
        columns: usize,
        blocks: &SharedBlocks,
    ) -> Option<Self> {
        let format = format(tensor_type)?;
        let (storage, range) = (Storage::File(blocks.clone()), 0..blocks.len());
        Some(Self { storage, range, format, rows, columns })
    }

    /// Of values `[rows, columns]`, whose rows are whole blocks of a type that is written.
    pub(crate) fn of_values(
        values: &[f32],
        columns: usize,
        tensor_type: TensorType,
    ) -> Result<Self, TensorError> {
        let format = format(tensor_type).expect("products with written types are done");
        let rows = values.len() / columns;
        let length = rows * format.row_bytes(columns).expect("rows are whole blocks");
        let mut bytes = Vec::with_capacity(length);
        tensor_type.quantize(values, &mut bytes)?;
        let storage = Storage::Memory(Arc::new(bytes));
        Ok(Self { storage, range: 0..length, format, rows, columns })
    }

    /// Some of its rows.
    pub(crate) fn some_rows(&self, rows: Range<usize>) -> Self {
        let row_bytes = self.range.len() / self.rows.max(1);
        let start = self.range.start + rows.start * row_bytes;
        let range = start..start + rows.len() * row_bytes;
        Self { range, rows: rows.len(), storage: self.storage.clone(), ..*self }
    }

    pub(crate) fn view(&self) -> QuantizedMatrix<'_> {
        QuantizedMatrix::new(self.format, self.rows, self.columns, self.blocks())
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Its rows of blocks.
    pub(crate) fn blocks(&self) -> &[u8] {
        &self.storage[self.range.clone()]
    }

    /// Bytes that it takes, in memory or in the file.
    pub(crate) fn bytes(&self) -> usize {
        self.range.len()
    }

    /// What its values are kept as.
    pub(crate) fn weight_type(&self) -> WeightType {
        match self.format {
            Format::F32 => WeightType::F32,
            Format::F16 => WeightType::F16,
            Format::Bf16 => WeightType::Bf16,
            Format::Q8_0 => WeightType::Q8_0,
            Format::Q4_0 => WeightType::Q4_0,
            Format::Q4_1 => WeightType::Q4_1,
        }
    }

    /// The first value that is not finite, and its place.
    pub(crate) fn find_not_finite(&self) -> Option<(usize, f32)> {
        find_not_finite(self.view())
    }

    /// The values of one row.
    pub(crate) fn read_row(&self, row: usize, values: &mut [f32]) {
        dequantize_row(self.view(), row, values);
    }
}

/// True for types that matrices stay in as they are.
pub(crate) fn has_products(tensor_type: TensorType) -> bool {
    format(tensor_type).is_some()
}

/// That of a type with which products are done.
fn format(tensor_type: TensorType) -> Option<Format> {
    Some(match tensor_type {
        TensorType::F32 => Format::F32,
        TensorType::F16 => Format::F16,
        TensorType::Bf16 => Format::Bf16,
        TensorType::Q8_0 => Format::Q8_0,
        TensorType::Q4_0 => Format::Q4_0,
        TensorType::Q4_1 => Format::Q4_1,
        _ => return None,
    })
}

/// `[rows, columns]` to `[columns, rows]`.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut transposed = vec![0.0; values.len()];
    for first in (0..columns).step_by(TOGETHER) {
        for row in 0..rows {
            for column in first..columns.min(first + TOGETHER) {
                transposed[column * rows + row] = values[row * columns + column];
            }
        }
    }
    transposed
}

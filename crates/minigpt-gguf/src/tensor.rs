//! A tensor's name, shape and type.

use minigpt_files::excerpt;

use crate::tensor_type::TensorType;
use crate::tensor_type::error::TensorError;

/// Most dimensions that ggml knows.
pub(crate) const MAX_DIMENSIONS: usize = 4;

/// A tensor's name, shape and type, of which a file can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    name: String,
    shape: Vec<usize>,
    tensor_type: TensorType,
    values: usize,
}

impl TensorInfo {
    /// A tensor of this shape, which has the innermost size first: a matrix of 3 rows with 64 columns is
    /// `[64, 3]`. No size at all is one value.
    ///
    /// # Errors
    /// [`TensorError::Dimensions`], [`TensorError::Size`], [`TensorError::Row`].
    pub fn new(
        name: impl Into<String>,
        shape: &[usize],
        tensor_type: TensorType,
    ) -> Result<Self, TensorError> {
        let name = name.into();
        if shape.len() > MAX_DIMENSIONS {
            let found = shape.len() as u64;
            return Err(TensorError::Dimensions { name: excerpt(&name), found });
        }
        // A size of zero must not hide others whose product is beyond numbers. The limit leaves room for
        // four bytes a value and for an alignment.
        let product = |sizes: &[usize]| {
            let product =
                sizes.iter().try_fold(1_usize, |all, size| all.checked_mul(*size.max(&1)));
            product.filter(|product| *product <= isize::MAX as usize / 8)
        };
        if product(shape).is_none() {
            let shape = shape.iter().map(|size| *size as u64).collect();
            return Err(TensorError::Size { name: excerpt(&name), shape });
        }
        let row = shape.first().copied().unwrap_or(1);
        if !row.is_multiple_of(tensor_type.block_values()) {
            return Err(TensorError::Row { name: excerpt(&name), row, tensor_type });
        }
        let values = shape.iter().product();
        Ok(Self { name, shape: shape.to_vec(), tensor_type, values })
    }

    /// The name, as `blk.0.attn_q.weight`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sizes, the innermost first, which is the reverse of PyTorch's and burn's order.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How the values are stored: as floats, or in blocks of quantised values.
    #[must_use]
    pub fn tensor_type(&self) -> TensorType {
        self.tensor_type
    }

    /// The number of values, the product of the shape.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values
    }

    /// The number of values of a row, the innermost size.
    #[must_use]
    pub fn row_values(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The number of rows: the product of all sizes but the innermost, which is the length of a row.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// The number of bytes.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.values / self.tensor_type.block_values() * self.tensor_type.block_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_has_rows_of_whole_blocks() {
        let tensor = TensorInfo::new("w", &[64, 3, 2], TensorType::Q8_0).unwrap();
        assert_eq!((tensor.values(), tensor.row_values(), tensor.rows()), (384, 64, 6));
        assert_eq!(tensor.bytes(), 12 * 34);
        let scalar = TensorInfo::new("s", &[], TensorType::F32).unwrap();
        assert_eq!((scalar.values(), scalar.rows(), scalar.bytes()), (1, 1, 4));
        let empty = TensorInfo::new("e", &[32, 0], TensorType::Q4_0).unwrap();
        assert_eq!((empty.values(), empty.rows(), empty.bytes()), (0, 0, 0));
    }

    #[test]
    fn shapes_that_cannot_be_are_refused_by_name() {
        let error = |shape: &[usize], tensor_type| {
            TensorInfo::new("w", shape, tensor_type).unwrap_err().to_string()
        };
        assert_eq!(
            error(&[33, 2], TensorType::Q4_1),
            "tensor w has rows of 33 values; expected a multiple of 32, the block size of Q4_1"
        );
        assert_eq!(
            error(&[1; 5], TensorType::F32),
            "tensor w has 5 dimensions; expected at most 4"
        );
        for shape in [&[usize::MAX, 2][..], &[0, usize::MAX, 2], &[usize::MAX / 2]] {
            let error = error(shape, TensorType::F32);
            assert!(error.ends_with("more than memory can hold"), "{error}");
        }
    }
}

//! The types of numbers that weights are written as.

use std::fmt;
use std::str::FromStr;

use burn::store::burn_pack::{Error, Tensor as StoredTensor};
use burn::tensor::{Bytes, DType};
use minigpt_gguf::TensorType;

/// The type of a model's weights, in files and in a [`PackedGpt`](crate::PackedGpt).
///
/// ```
/// use minigpt_model::WeightType;
///
/// assert_eq!("bf16".parse(), Ok(WeightType::Bf16));
/// assert_eq!("Q4_0".parse(), Ok(WeightType::Q4_0));
/// assert_eq!(WeightType::Q8_0.to_string(), "q8_0");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightType {
    /// 32-bit floats, as the model has them.
    #[default]
    F32,
    /// 16-bit floats.
    F16,
    /// The upper halves of 32-bit floats.
    Bf16,
    /// 8-bit integers, 32 of them with one scale; no type of safetensors.
    Q8_0,
    /// 4-bit integers, 32 of them with one scale; no type of safetensors.
    Q4_0,
    /// 4-bit integers, 32 of them with a scale and a minimum; no type of safetensors.
    Q4_1,
}

/// A name that no [`WeightType`] has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown weight type `{name}`: expected f32, f16, bf16, q8_0, q4_0 or q4_1")]
pub struct UnknownWeightType {
    /// The name given.
    pub name: String,
}

impl WeightType {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0, Self::Q4_1];

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
        }
    }

    pub(crate) fn of_ggml(self) -> TensorType {
        match self {
            Self::F32 => TensorType::F32,
            Self::F16 => TensorType::F16,
            Self::Bf16 => TensorType::Bf16,
            Self::Q8_0 => TensorType::Q8_0,
            Self::Q4_0 => TensorType::Q4_0,
            Self::Q4_1 => TensorType::Q4_1,
        }
    }

    /// Numbers that share a scale; 1 for floats, which have none.
    #[must_use]
    pub fn block_values(self) -> usize {
        self.of_ggml().block_values()
    }

    /// Bytes that so many values take, in whole blocks.
    #[must_use]
    pub fn of_values(self, values: usize) -> usize {
        let tensor_type = self.of_ggml();
        values.div_ceil(tensor_type.block_values()).saturating_mul(tensor_type.block_bytes())
    }

    /// True for integers with a scale, which only GGUF has.
    #[must_use]
    pub fn has_blocks(self) -> bool {
        self.of_burn().is_none()
    }

    /// llama.cpp's number for GGUF files of mostly this type.
    pub(crate) fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 7,
            Self::Bf16 => 32,
        }
    }

    /// What a tensor with rows of that many values is kept as, in GGUF and in memory: norms, biases and learned
    /// positions as 32-bit floats, and rows that are no whole blocks in 16 bits, as in llama.cpp's own files.
    pub(crate) fn of_tensor(self, is_matrix: bool, row: usize) -> TensorType {
        if is_matrix { self.of_row(row) } else { TensorType::F32 }
    }

    /// The same of a matrix that is multiplied.
    pub(crate) fn of_row(self, row: usize) -> TensorType {
        match row.is_multiple_of(self.block_values()) {
            true => self.of_ggml(),
            false => TensorType::F16,
        }
    }

    /// burn's type of the same numbers, if it has one.
    fn of_burn(self) -> Option<DType> {
        match self {
            Self::F32 => Some(DType::F32),
            Self::F16 => Some(DType::F16),
            Self::Bf16 => Some(DType::BF16),
            Self::Q8_0 | Self::Q4_0 | Self::Q4_1 => None,
        }
    }

    /// A tensor of 32-bit floats in this type, rounded when its bytes are asked for; nothing where tensors of
    /// burn's have no such type.
    pub(crate) fn rounded(self, tensor: StoredTensor) -> Option<StoredTensor> {
        let dtype = self.of_burn()?;
        if dtype == tensor.dtype {
            return Some(tensor);
        }
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let length = tensor.byte_len() / size_of::<f32>() * dtype.size();
        let bytes = move || {
            let mut rounded = Vec::with_capacity(length);
            let result = self.of_ggml().quantize(&floats(&tensor.to_bytes()?), &mut rounded);
            result.map_err(|error| Error::ValidationError(error.to_string()))?;
            Ok(Bytes::from_bytes_vec(rounded))
        };
        Some(StoredTensor::deferred(name, dtype, shape, None, length, bytes))
    }
}

/// The values of 32-bit floats.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

impl fmt::Display for WeightType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for WeightType {
    type Err = UnknownWeightType;

    fn from_str(name: &str) -> Result<Self, UnknownWeightType> {
        // GGUF's own names of types have capitals.
        let found = |weight_type: &Self| weight_type.name().eq_ignore_ascii_case(name);
        let found = Self::ALL.into_iter().find(found);
        found.ok_or_else(|| UnknownWeightType { name: minigpt_files::excerpt(name) })
    }
}

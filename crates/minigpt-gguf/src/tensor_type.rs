//! How tensors are stored: ggml's types, each a row of equal blocks.

pub(crate) mod error;
mod floats;
mod k_blocks;
mod legacy_blocks;
mod quantize;
#[cfg(test)]
mod tests;

use std::fmt;

use self::error::TensorError;

/// A type of ggml's that is read. A tensor is a sequence of blocks, and a row of it is whole blocks.
///
/// In the formulas `q` is a value's integer in the block, `d` and `m` are the block's scale and minimum,
/// 16-bit floats. A block of the K types is 256 values in parts of 16 or 32, with a scale each. The layouts
/// are those of [ggml-common.h](https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h), the
/// formulas those of [ggml-quants.c](https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// The upper halves of 32-bit floats.
    Bf16,
    /// `x = d · q`, `q` of 8 bits with sign.
    Q8_0,
    /// `x = d · (q − 8)`, `q` of 4 bits.
    Q4_0,
    /// `x = d · q + m`, `q` of 4 bits.
    Q4_1,
    /// `x = d · (q − 16)`, `q` of 5 bits.
    Q5_0,
    /// `x = d · q + m`, `q` of 5 bits.
    Q5_1,
    /// `x = d · s · q − m · t`, `q` of 2 bits; each 16 values have `s` and `t` of 4 bits.
    Q2K,
    /// `x = d · (s − 32) · (q − 4)`, `q` of 3 bits; each 16 values have `s` of 6 bits.
    Q3K,
    /// `x = d · s · q − m · t`, `q` of 4 bits; each 32 values have `s` and `t` of 6 bits.
    Q4K,
    /// `x = d · s · q − m · t`, `q` of 5 bits; each 32 values have `s` and `t` of 6 bits.
    Q5K,
    /// `x = d · s · (q − 32)`, `q` of 6 bits; each 16 values have `s` of 8 bits with sign.
    Q6K,
}

/// What the format says of a type.
struct Layout {
    number: u32,
    name: &'static str,
    values: usize,
    bytes: usize,
}

impl TensorType {
    /// All types that can be read.
    pub const ALL: [Self; 13] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    const fn layout(self) -> Layout {
        use {k_blocks as k, legacy_blocks as legacy};
        let (number, name, values, bytes) = match self {
            Self::F32 => (0, "F32", 1, 4),
            Self::F16 => (1, "F16", 1, 2),
            Self::Bf16 => (30, "BF16", 1, 2),
            Self::Q8_0 => (8, "Q8_0", legacy::VALUES, legacy::Q8_0),
            Self::Q4_0 => (2, "Q4_0", legacy::VALUES, legacy::Q4_0),
            Self::Q4_1 => (3, "Q4_1", legacy::VALUES, legacy::Q4_1),
            Self::Q5_0 => (6, "Q5_0", legacy::VALUES, legacy::Q5_0),
            Self::Q5_1 => (7, "Q5_1", legacy::VALUES, legacy::Q5_1),
            Self::Q2K => (10, "Q2_K", k::VALUES, k::Q2_K),
            Self::Q3K => (11, "Q3_K", k::VALUES, k::Q3_K),
            Self::Q4K => (12, "Q4_K", k::VALUES, k::Q4_K),
            Self::Q5K => (13, "Q5_K", k::VALUES, k::Q5_K),
            Self::Q6K => (14, "Q6_K", k::VALUES, k::Q6_K),
        };
        Layout { number, name, values, bytes }
    }

    /// ggml's number for the type.
    #[must_use]
    pub(crate) const fn number(self) -> u32 {
        self.layout().number
    }

    /// The type that ggml has this number for, if it is one that is read.
    #[must_use]
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|tensor_type| tensor_type.number() == number)
    }

    /// The number of values of a block.
    #[must_use]
    pub const fn block_values(self) -> usize {
        self.layout().values
    }

    /// The number of bytes of a block.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        self.layout().bytes
    }

    /// The values of whole blocks.
    ///
    /// # Panics
    /// Unless `blocks` is whole blocks and `values` as long as they say.
    pub fn dequantize(self, blocks: &[u8], values: &mut [f32]) {
        use {k_blocks as k, legacy_blocks as legacy};
        match self {
            Self::F32 => each(blocks, values, |bytes, [value]| *value = f32::from_le_bytes(*bytes)),
            Self::F16 => floats::f16s(blocks, values),
            Self::Bf16 => each(blocks, values, |bytes, [value]| *value = floats::bf16(*bytes)),
            Self::Q8_0 => each(blocks, values, legacy::q8_0),
            Self::Q4_0 => each(blocks, values, legacy::q4_0),
            Self::Q4_1 => each(blocks, values, legacy::q4_1),
            Self::Q5_0 => each(blocks, values, legacy::q5_0),
            Self::Q5_1 => each(blocks, values, legacy::q5_1),
            Self::Q2K => each(blocks, values, k::q2_k),
            Self::Q3K => each(blocks, values, k::q3_k),
            Self::Q4K => each(blocks, values, k::q4_k),
            Self::Q5K => each(blocks, values, k::q5_k),
            Self::Q6K => each(blocks, values, k::q6_k),
        }
    }

    /// Appends the blocks of `values` to `blocks`, rounded as ggml's reference code does it; see
    /// [`Self::is_written`].
    ///
    /// # Errors
    /// [`TensorError::OnlyRead`], and [`TensorError::Range`] for a value that is too large for the type;
    /// `blocks` then has those before it.
    ///
    /// # Panics
    /// Unless `values` is whole blocks.
    pub fn quantize(self, values: &[f32], blocks: &mut Vec<u8>) -> Result<(), TensorError> {
        let result = match self {
            Self::F32 => quantize::each(values, blocks, |[value]| Some(value.to_le_bytes())),
            Self::F16 => quantize::each(values, blocks, quantize::f16),
            Self::Bf16 => quantize::each(values, blocks, quantize::bf16),
            Self::Q8_0 => quantize::each(values, blocks, quantize::q8_0),
            Self::Q4_0 => quantize::each(values, blocks, quantize::q4_0),
            Self::Q4_1 => quantize::each(values, blocks, quantize::q4_1),
            _ => return Err(TensorError::OnlyRead(self)),
        };
        result.map_err(|value| TensorError::Range { value, tensor_type: self })
    }

    /// Whether tensors of this type can be written: F32, F16, BF16, Q8_0, Q4_0, Q4_1.
    #[must_use]
    pub fn is_written(self) -> bool {
        self.quantize(&[], &mut Vec::new()).is_ok()
    }

    /// All names, for a message.
    pub(crate) fn list() -> String {
        Self::ALL.map(|tensor_type| tensor_type.layout().name).join(", ")
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.layout().name)
    }
}

/// Gives each block of `BYTES` to `read`, with the place for its values.
fn each<const BYTES: usize, const VALUES: usize>(
    blocks: &[u8],
    values: &mut [f32],
    read: impl Fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let (blocks, partial_block) = blocks.as_chunks();
    let (values, partial_values) = values.as_chunks_mut();
    assert!(partial_block.is_empty() && partial_values.is_empty(), "whole blocks");
    assert_eq!(blocks.len(), values.len(), "blocks and places for their values");
    blocks.iter().zip(values).for_each(|(block, values)| read(block, values));
}

/// ggml's name for a type that is not read, or its number.
pub(crate) fn unread(number: u32) -> String {
    let name = match number {
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        40 => "NVFP4",
        41 => "Q1_0",
        _ => return format!("number {number}"),
    };
    name.to_owned()
}

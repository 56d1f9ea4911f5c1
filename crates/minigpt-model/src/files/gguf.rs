//! GGUF, the format of llama.cpp: weights and what must be known of them in one file
//! ([specification](https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), version 3).

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;

use burn::store::burn_pack::Tensor as StoredTensor;

use super::error::WeightsError;
use super::gpt2::check_layout;
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::parameters::Parameter;

/// Tensors start at multiples of this, the format's default.
const ALIGNMENT: usize = 32;

/// ggml's number for 32-bit floats.
const F32: u32 = 0;

/// A value of a GGUF file's metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum GgufValue {
    /// A number.
    U32(u32),
    /// A number.
    F32(f32),
    /// Yes or no.
    Bool(bool),
    /// A text.
    String(String),
    /// A list of texts.
    Strings(Vec<String>),
    /// A list of numbers.
    I32s(Vec<i32>),
}

impl GgufValue {
    /// The number that the format has for this type.
    fn kind(&self) -> u32 {
        match self {
            Self::U32(_) => 4,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) => 8,
            Self::Strings(_) | Self::I32s(_) => 9,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::U32(value) => out.extend(value.to_le_bytes()),
            Self::F32(value) => out.extend(value.to_le_bytes()),
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::String(value) => write_string(value, out),
            Self::Strings(values) => {
                write_array_head(8, values.len(), out);
                values.iter().for_each(|value| write_string(value, out));
            }
            Self::I32s(values) => {
                write_array_head(5, values.len(), out);
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
        }
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn write_array_head(kind: u32, length: usize, out: &mut Vec<u8>) {
    out.extend(kind.to_le_bytes());
    out.extend((length as u64).to_le_bytes());
}

impl Gpt {
    /// Writes the model as a GGUF file of the architecture `gpt2`, in 32-bit floats, with `metadata`
    /// besides what the shape says; llama.cpp wants the tokenizer there.
    ///
    /// Whoever opens `path`, now or after a crash, finds the old file or the whole new one.
    ///
    /// # Errors
    /// [`WeightsError::Layout`] where the model is no GPT-2, [`WeightsError::Io`], or
    /// [`WeightsError::Write`] where the device does not give the weights.
    pub fn save_gguf(
        &self,
        metadata: &[(String, GgufValue)],
        path: &Path,
    ) -> Result<(), WeightsError> {
        let config = self.config();
        check_layout(config, path)?;
        let failed = |reason: String| WeightsError::Write { path: path.to_owned(), reason };
        let tensors: Vec<(Parameter, StoredTensor)> =
            config.parameters().zip(self.stored_parameters()).collect();
        minigpt_files::write_with(path, |file| {
            file.write_all(&head(config, metadata, &tensors))?;
            for (Parameter { role, shape, .. }, tensor) in tensors {
                let bytes = tensor.into_bytes().map_err(|error| failed(error.to_string()))?;
                let length = bytes.len();
                if role.is_projection() {
                    file.write_all(&transposed(&bytes, [shape[0], shape[1]]))?;
                } else {
                    file.write_all(&bytes)?;
                }
                file.write_all(&vec![0; length.next_multiple_of(ALIGNMENT) - length])?;
            }
            Ok(())
        })
    }
}

/// All that stands before the first tensor.
fn head(
    config: &GptConfig,
    metadata: &[(String, GgufValue)],
    tensors: &[(Parameter, StoredTensor)],
) -> Vec<u8> {
    let shape = shape_metadata(config);
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(((shape.len() + metadata.len()) as u64).to_le_bytes());
    for (key, value) in shape.iter().chain(metadata) {
        write_string(key, &mut out);
        out.extend(value.kind().to_le_bytes());
        value.write(&mut out);
    }
    let mut offset = 0;
    for (parameter, tensor) in tensors {
        write_string(&parameter.gguf_name, &mut out);
        let mut sizes = parameter.shape.clone();
        // ggml counts the sizes from the innermost. GPT-2 stores projections `[in, out]`, ggml multiplies by
        // `[out, in]`: those are transposed besides.
        if !parameter.role.is_projection() {
            sizes.reverse();
        }
        out.extend((sizes.len() as u32).to_le_bytes());
        sizes.iter().for_each(|size| out.extend((*size as u64).to_le_bytes()));
        out.extend(F32.to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        offset += tensor.byte_len().next_multiple_of(ALIGNMENT);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    out
}

/// What llama.cpp must know of the shape.
fn shape_metadata(config: &GptConfig) -> Vec<(String, GgufValue)> {
    let size = |key: &str, size: usize| (format!("gpt2.{key}"), GgufValue::U32(size as u32));
    vec![
        ("general.architecture".to_owned(), GgufValue::String("gpt2".to_owned())),
        ("general.file_type".to_owned(), GgufValue::U32(F32)),
        size("block_count", config.n_layer),
        size("context_length", config.block_size),
        size("embedding_length", config.n_embd),
        size("feed_forward_length", config.n_inner),
        size("attention.head_count", config.n_head),
        (
            "gpt2.attention.layer_norm_epsilon".to_owned(),
            GgufValue::F32(config.norm.epsilon as f32),
        ),
    ]
}

/// The 32-bit values of a matrix `[rows, columns]` as `[columns, rows]`.
fn transposed(bytes: &[u8], [rows, columns]: [usize; 2]) -> Vec<u8> {
    let value = |row: usize, column: usize| &bytes[4 * (row * columns + column)..][..4];
    let mut out = Vec::with_capacity(bytes.len());
    for column in 0..columns {
        (0..rows).for_each(|row| out.extend(value(row, column)));
    }
    out
}

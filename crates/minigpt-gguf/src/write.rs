//! A file, written.

use std::collections::BTreeSet;
use std::io::{Error, Write};
use std::path::Path;

use minigpt_files::excerpt;

use crate::ALIGNMENT_KEY;
use crate::error::GgufError;
use crate::file::MAGIC;
use crate::metadata::alignment;
use crate::tensor::TensorInfo;
use crate::value::{Value, write_string};

/// The version that is written.
const VERSION: u32 = 3;

/// The longest name of a tensor, in bytes, that llama.cpp reads.
const MAX_NAME: usize = 63;

/// Writes a whole file of version 3: `metadata` in this order, then `tensors` in this order, of each of
/// which `contents` gives the values. One tensor need be in memory at a time.
///
/// Whoever opens `path`, now or after a crash, finds the old file or the whole new one. Where `metadata` has
/// `general.alignment`, tensors are aligned as it says.
///
/// # Errors
/// [`GgufError::Write`] for names that are there twice or too long, and for tensors that were given too
/// little; those of `contents`; [`GgufError::Io`].
pub fn write<E: From<Error> + From<GgufError>>(
    path: &Path,
    metadata: &[(String, Value)],
    tensors: &[TensorInfo],
    mut contents: impl FnMut(&TensorInfo, &mut TensorWriter<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let alignment = checked(path, metadata, tensors)?;
    minigpt_files::write_with(path, |file| {
        file.write_all(&header(metadata, tensors, alignment))?;
        for tensor in tensors {
            let blocks = Vec::new();
            let mut writer = TensorWriter { path, file, tensor, written: 0, blocks };
            contents(tensor, &mut writer)?;
            writer.finish()?;
            let padding = tensor.bytes().next_multiple_of(alignment) - tensor.bytes();
            file.write_all(&vec![0; padding])?;
        }
        Ok(())
    })
}

/// Takes the values of one tensor, in order.
pub struct TensorWriter<'a> {
    path: &'a Path,
    file: &'a mut dyn Write,
    tensor: &'a TensorInfo,
    written: usize,
    blocks: Vec<u8>,
}

impl TensorWriter<'_> {
    /// The next values, rounded to the tensor's type.
    ///
    /// # Errors
    /// [`GgufError::Tensor`] for values that do not fit, [`GgufError::Write`] where there are too many or
    /// no whole blocks of them, [`GgufError::Io`].
    pub fn values(&mut self, values: &[f32]) -> Result<(), GgufError> {
        let tensor_type = self.tensor.tensor_type();
        if !values.len().is_multiple_of(tensor_type.block_values()) {
            let block = tensor_type.block_values();
            let found = values.len();
            return Err(self.failed(format!(
                "was given {found} values; expected a multiple of {block}, the block of {tensor_type}"
            )));
        }
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.clear();
        tensor_type
            .quantize(values, &mut blocks)
            .map_err(|error| self.failed(error.to_string()))?;
        self.blocks(&blocks)?;
        self.blocks = blocks;
        Ok(())
    }

    /// The next blocks, in the tensor's type already.
    ///
    /// # Errors
    /// [`GgufError::Write`] where there are too many, [`GgufError::Io`].
    pub fn blocks(&mut self, blocks: &[u8]) -> Result<(), GgufError> {
        if blocks.len() > self.tensor.bytes() - self.written {
            let (found, expected) = (self.written + blocks.len(), self.tensor.bytes());
            return Err(self.failed(format!("was given {found} bytes; expected {expected}")));
        }
        self.file.write_all(blocks)?;
        self.written += blocks.len();
        Ok(())
    }

    fn finish(self) -> Result<(), GgufError> {
        let (found, expected) = (self.written, self.tensor.bytes());
        if found == expected {
            return Ok(());
        }
        Err(self.failed(format!("was given {found} bytes; expected {expected}")))
    }

    fn failed(&self, reason: String) -> GgufError {
        let reason = format!("tensor {}: {reason}", excerpt(self.tensor.name()));
        GgufError::Write { path: self.path.to_owned(), reason }
    }
}

/// The alignment of a file that can be written.
fn checked(
    path: &Path,
    metadata: &[(String, Value)],
    tensors: &[TensorInfo],
) -> Result<usize, GgufError> {
    let failed = |reason| GgufError::Write { path: path.to_owned(), reason };
    unique("metadata", metadata.iter().map(|(key, _)| key.as_str())).map_err(failed)?;
    unique("tensor", tensors.iter().map(TensorInfo::name)).map_err(failed)?;
    if let Some(long) = tensors.iter().find(|tensor| tensor.name().len() > MAX_NAME) {
        let (name, length) = (excerpt(long.name()), long.name().len());
        return Err(failed(format!(
            "the name of tensor {name} has {length} bytes; llama.cpp reads {MAX_NAME} at most"
        )));
    }
    let value = metadata.iter().find(|(key, _)| key == ALIGNMENT_KEY).map(|(_, value)| value);
    alignment(value).map_err(failed)
}

/// The error is a name that is there twice.
fn unique<'a>(what: &str, mut names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match names.find(|name| !seen.insert(*name)) {
        Some(name) => Err(format!("{what} {} is there twice", excerpt(name))),
        None => Ok(()),
    }
}

/// All that stands before the first tensor.
fn header(metadata: &[(String, Value)], tensors: &[TensorInfo], alignment: usize) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        write_string(key, &mut out);
        value.write(&mut out);
    }
    let mut offset = 0;
    for tensor in tensors {
        write_string(tensor.name(), &mut out);
        out.extend((tensor.shape().len() as u32).to_le_bytes());
        tensor.shape().iter().for_each(|size| out.extend((*size as u64).to_le_bytes()));
        out.extend(tensor.tensor_type().number().to_le_bytes());
        out.extend((offset as u64).to_le_bytes());
        offset += tensor.bytes().next_multiple_of(alignment);
    }
    out.resize(out.len().next_multiple_of(alignment), 0);
    out
}

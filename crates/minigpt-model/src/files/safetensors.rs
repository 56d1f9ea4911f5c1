//! The safetensors format, in and out.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use burn::store::burn_pack::{Error as StoredError, Tensor as StoredTensor};
use burn::tensor::{Bytes, DType};
use minigpt_files::{caught, excerpt};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};

use super::error::WeightsError;

/// The longest header that is read. GPT-2 XL's has 60 KB; a header of many megabytes would cost many
/// times its size in memory before anything in it could be checked.
const MAX_HEADER: u64 = 4 << 20;

/// Most dimensions of a tensor. GPT-2's have two, the causal masks of old versions four.
const MAX_DIMENSIONS: usize = 8;

/// Bytes of the number before the header.
const LENGTH: usize = size_of::<u64>();

/// The tensors of a safetensors file, each read when its bytes are asked for: not from a mapping, whose pages would stay
/// in memory beside what is made of them.
pub(crate) fn open(path: &Path) -> Result<Vec<StoredTensor>, WeightsError> {
    let (start, metadata) = header(path, &minigpt_files::map(path)?)?;
    let file = Arc::new(Mutex::new(fs_err::File::open(path)?));
    of_metadata(path, start, &metadata, move |range| {
        let mut bytes = vec![0; range.len()];
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(range.start as u64));
        read.and_then(|_| file.read_exact(&mut bytes)).map(|()| bytes)
    })
}

/// The tensors in the bytes of a safetensors file, called `path` where something is wrong with them.
pub(crate) fn tensors(
    path: &Path,
    map: impl Deref<Target = [u8]> + Send + Sync + 'static,
) -> Result<Vec<StoredTensor>, WeightsError> {
    let (start, metadata) = header(path, &map)?;
    of_metadata(path, start, &metadata, move |range| Ok(map[range].to_vec()))
}

/// The tensors whose bytes `read` gives.
fn of_metadata(
    path: &Path,
    start: usize,
    metadata: &Metadata,
    read: impl Fn(Range<usize>) -> std::io::Result<Vec<u8>> + Send + Sync + 'static,
) -> Result<Vec<StoredTensor>, WeightsError> {
    let read = Arc::new(read);
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let kind = dtype(info.dtype).ok_or_else(|| WeightsError::Kind {
            path: path.to_owned(),
            name: excerpt(&name),
            kind: info.dtype.to_string(),
        })?;
        let dimensions = info.shape.len();
        if dimensions > MAX_DIMENSIONS {
            return Err(damaged(path, format!("{} has {dimensions} dimensions", excerpt(&name))));
        }
        // Within the file, which the header was held against.
        let range = start + info.data_offsets.0..start + info.data_offsets.1;
        let (read, length) = (read.clone(), range.len());
        let bytes = move || {
            let bytes =
                read(range.clone()).map_err(|error| StoredError::IoError(error.to_string()));
            bytes.map(Bytes::from_bytes_vec)
        };
        Ok(StoredTensor::deferred(name, kind, info.shape.clone(), None, length, bytes))
    });
    tensors.collect()
}

/// Where the numbers begin, and what the file says of them.
fn header(path: &Path, file: &[u8]) -> Result<(usize, Metadata), WeightsError> {
    let length = file.first_chunk::<LENGTH>().map(|bytes| u64::from_le_bytes(*bytes));
    if let Some(length) = length.filter(|length| *length > MAX_HEADER) {
        return Err(damaged(path, format!("it claims a header of {length} bytes")));
    }
    let read = caught(|| SafeTensors::read_metadata(file).map_err(|error| error.to_string()));
    let (header, metadata) = read.flatten().map_err(|reason| damaged(path, excerpt(&reason)))?;
    Ok((LENGTH + header, metadata))
}

fn damaged(path: &Path, reason: String) -> WeightsError {
    WeightsError::Damaged { path: path.to_owned(), reason }
}

/// The kinds of numbers that burn has too.
fn dtype(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::U8 | Dtype::BOOL => DType::U8,
        Dtype::I64 => DType::I64,
        _ => return None,
    })
}

/// What a file says of itself besides its tensors.
pub(crate) fn metadata(path: &Path) -> Result<HashMap<String, String>, WeightsError> {
    let (_, metadata) = header(path, &minigpt_files::map(path)?)?;
    Ok(metadata.metadata().clone().unwrap_or_default())
}

/// safetensors' name for a type of burn's, of those that are written.
fn written(dtype: DType) -> Dtype {
    match dtype {
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        _ => Dtype::F32,
    }
}

/// Writes tensors of floats of 16 or 32 bits into a whole new file, one after the other.
pub(crate) fn write(
    path: &Path,
    tensors: Vec<StoredTensor>,
    mut metadata: HashMap<String, String>,
) -> Result<(), WeightsError> {
    let failed = |reason: String| WeightsError::Write { path: path.to_owned(), reason };
    let mut end = 0;
    let infos = tensors.iter().map(|tensor| {
        let start = end;
        end += tensor.byte_len();
        let (dtype, shape) = (written(tensor.dtype), tensor.shape.to_vec());
        (tensor.name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    });
    let infos = infos.collect();
    // Without this, transformers refuses the file.
    metadata.insert("format".to_owned(), "pt".to_owned());
    let metadata =
        Metadata::new(Some(metadata), infos).map_err(|error| failed(error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(std::io::Error::from)?;
    header.resize(header.len().next_multiple_of(LENGTH), b' ');

    minigpt_files::write_with(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        for tensor in tensors {
            file.write_all(&tensor.into_bytes().map_err(|error| failed(error.to_string()))?)?;
        }
        Ok(())
    })
}

//! PyTorch's files of tensors: an archive with a pickle and the numbers beside it, or, as before
//! PyTorch 1.6, pickles with the numbers after them.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Bytes, DType};
use memmap2::Mmap;

use crate::pickle::{self, Object, Pickle, PickleError, View};
use crate::weights::{WeightsError, map_file};
use crate::zip;

/// The longest pickle that is read; GPT-2 XL's has 80 KB, and each byte can cost a hundred in memory.
const MAX_PICKLE: usize = 1 << 20;

/// What stands before the number at the start of files before PyTorch 1.6.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Where each storage is in the file, by its key.
type Places = HashMap<String, Range<usize>>;

/// The tensors of a `pytorch_model.bin`, read from its mapping when their bytes are asked for.
pub(crate) fn open(path: &Path) -> Result<Vec<StoredTensor>, WeightsError> {
    let map = Arc::new(map_file(path)?);
    let tensors = tensors(&map).map_err(|error| match error {
        PickleError::Code(name) => WeightsError::Code { path: path.to_owned(), name },
        PickleError::Damaged(reason) => WeightsError::Damaged { path: path.to_owned(), reason },
    })?;
    Ok(tensors
        .into_iter()
        .map(|(name, view, range)| {
            let (map, length) = (map.clone(), range.len());
            let bytes = move || Ok(Bytes::from_bytes_vec(map[range.clone()].to_vec()));
            StoredTensor::deferred(name, view.storage.dtype, view.shape, None, length, bytes)
        })
        .collect())
}

/// Name, view, and place in the file of each tensor.
fn tensors(map: &Mmap) -> Result<Vec<(String, View, Range<usize>)>, PickleError> {
    let (pickle, places) =
        if map.starts_with(LEGACY_MAGIC) { read_legacy(map)? } else { read_archive(map)? };
    let Object::Dict(entries) = &pickle.objects[pickle.root] else {
        return damaged("it holds no dictionary of tensors");
    };
    let entry =
        |(key, value): &(usize, usize)| match (&pickle.objects[*key], &pickle.objects[*value]) {
            (Object::Text(name), Object::Tensor(view)) => {
                let range = range(view, &places).map_err(|reason| format!("{name} {reason}"));
                Ok((name.clone(), view.clone(), range.map_err(PickleError::Damaged)?))
            }
            (Object::Text(name), _) => damaged(format!("{name} is no tensor")),
            _ => damaged("it has a tensor without a name"),
        };
    entries.iter().map(entry).collect()
}

fn damaged<T>(reason: impl Into<String>) -> Result<T, PickleError> {
    Err(PickleError::Damaged(reason.into()))
}

/// Where the numbers of a tensor are in the file. The error is what the tensor does wrong.
fn range(view: &View, places: &Places) -> Result<Range<usize>, String> {
    let mut elements = 1_usize;
    for (size, stride) in view.shape.iter().zip(&view.strides).rev() {
        if *size != 1 && *stride != elements {
            return Err("is not stored row by row".to_owned());
        }
        elements = elements.checked_mul(*size).ok_or("is too large")?;
    }
    let size = view.storage.dtype.size();
    let place = places.get(&view.storage.key).ok_or("has no numbers in the file")?;
    let start = view.offset.checked_mul(size).and_then(|offset| place.start.checked_add(offset));
    let length = elements.checked_mul(size);
    let end = start.zip(length).and_then(|(start, length)| start.checked_add(length));
    match (start, end) {
        (Some(start), Some(end)) if end <= place.end && view.shape.len() == view.strides.len() => {
            Ok(start..end)
        }
        _ => Err("has more numbers than the file".to_owned()),
    }
}

/// An archive with `NAME/data.pkl`, and `NAME/data/KEY` for each storage.
fn read_archive(map: &Mmap) -> Result<(Pickle, Places), PickleError> {
    let files = zip::stored_files(map).map_err(PickleError::Damaged)?;
    let (folder, place) = files
        .iter()
        .find_map(|(name, place)| Some((name.strip_suffix("data.pkl")?, place.clone())))
        .ok_or(PickleError::Damaged("it is no archive of torch.save".to_owned()))?;
    if let Some(order) = files.get(&format!("{folder}byteorder"))
        && &map[order.clone()] != b"little"
    {
        return damaged("its numbers have their bytes in another order than this machine's");
    }
    if place.len() > MAX_PICKLE {
        return damaged(format!("it claims a pickle of {} bytes", place.len()));
    }
    let pickle = pickle::read(&mut &map[place])?;
    let prefix = format!("{folder}data/");
    let key = |(name, place): (&String, &Range<usize>)| {
        Some((name.strip_prefix(&prefix)?.to_owned(), place.clone()))
    };
    let places = files.iter().filter_map(key).collect();
    Ok((pickle, places))
}

/// Pickles of a magic number, a version, the system, the tensors and the storages' keys; then for each
/// storage its length and its numbers.
fn read_legacy(map: &Mmap) -> Result<(Pickle, Places), PickleError> {
    let mut rest = &map[LEGACY_MAGIC.len()..];
    let mut next = || {
        let mut pickled = &rest[..rest.len().min(MAX_PICKLE)];
        let before = pickled.len();
        let pickle = pickle::read(&mut pickled)?;
        rest = &rest[before - pickled.len()..];
        Ok(pickle)
    };
    let (_version, _system) = (next()?, next()?);
    let (pickle, keys) = (next()?, next()?);
    let dtypes: HashMap<&str, DType> = pickle
        .objects
        .iter()
        .filter_map(|object| match object {
            Object::Storage(storage) => Some((storage.key.as_str(), storage.dtype)),
            _ => None,
        })
        .collect();
    let Object::Sequence(listed) = &keys.objects[keys.root] else {
        return damaged("it has no list of its storages");
    };
    let mut places = HashMap::new();
    let mut at = map.len() - rest.len();
    for key in listed {
        let Object::Text(key) = &keys.objects[*key] else {
            return damaged("it has a nameless storage");
        };
        let size = dtypes.get(key.as_str()).map_or(0, |dtype| dtype.size());
        let length = map.get(at..).and_then(|rest| rest.first_chunk::<8>());
        let elements = length.map(|bytes| u64::from_le_bytes(*bytes) as usize);
        let end = elements
            .and_then(|elements| elements.checked_mul(size)?.checked_add(at + 8))
            .filter(|end| *end <= map.len());
        let Some(end) = end else { return damaged("it ends too early") };
        places.insert(key.clone(), at + 8..end);
        at = end;
    }
    Ok((pickle, places))
}

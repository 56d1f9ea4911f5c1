//! PyTorch's files of tensors: an archive with a pickle and the numbers beside it, or, as before
//! PyTorch 1.6, pickles with the numbers after them.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Bytes, DType};
use minigpt_files::excerpt;

use super::error::WeightsError;
use super::pickle::{self, Id, Object, Pickle, PickleError, View};
use super::zip;

/// The longest pickle that is read; GPT-2 XL's has 80 KB, and each byte can cost a hundred in memory.
const MAX_PICKLE: usize = 1 << 20;

/// How often each byte of a file may be part of a tensor. Of a tied model it is twice: in the token
/// embedding and in the head.
const MAX_SHARED: usize = 2;

/// Most settings of a model; nanoGPT has seven.
const MAX_SETTINGS: usize = 1000;

/// What stands before the number at the start of files before PyTorch 1.6.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Where each storage is in the file, by its key.
type Places = BTreeMap<String, Range<usize>>;

/// View, and place in the file, of each tensor by its name.
type Tensors = BTreeMap<String, (View, Range<usize>)>;

/// A value of a dictionary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Setting {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Anything else.
    Other,
}

/// The tensors of a `pytorch_model.bin`, read from its mapping when their bytes are asked for.
pub(crate) fn open(path: &Path) -> Result<Vec<StoredTensor>, WeightsError> {
    let map = Arc::new(minigpt_files::map(path)?);
    let tensors = tensors(&map).map_err(|error| named(path, error))?;
    Ok(stored(&map, tensors))
}

/// Of a file that holds a dictionary, the tensors of its dictionary `model` and the values of `settings`.
pub(crate) fn open_nested(
    path: &Path,
    model: &str,
    settings: &str,
) -> Result<(Vec<StoredTensor>, BTreeMap<String, Setting>), WeightsError> {
    let map = Arc::new(minigpt_files::map(path)?);
    let read = || {
        let (pickle, places) = read_pickle(&map)?;
        let [model, settings] = [entry(&pickle, model)?, entry(&pickle, settings)?];
        Ok((tensors_of(&map, &pickle, model, &places)?, settings_of(&pickle, settings)?))
    };
    let (tensors, settings) = read().map_err(|error| named(path, error))?;
    Ok((stored(&map, tensors), settings))
}

fn named(path: &Path, error: PickleError) -> WeightsError {
    match error {
        PickleError::Code(name) => WeightsError::Code { path: path.to_owned(), name },
        PickleError::Damaged(reason) => WeightsError::Damaged { path: path.to_owned(), reason },
    }
}

fn stored<M>(map: &Arc<M>, tensors: Tensors) -> Vec<StoredTensor>
where
    M: std::ops::Deref<Target = [u8]> + Send + Sync + 'static,
{
    let stored = |(name, (view, range)): (String, (View, Range<usize>))| {
        let (map, length) = (map.clone(), range.len());
        let bytes = move || Ok(Bytes::from_bytes_vec(map[range.clone()].to_vec()));
        StoredTensor::deferred(name, view.storage.dtype, view.shape, None, length, bytes)
    };
    tensors.into_iter().map(stored).collect()
}

fn read_pickle(file: &[u8]) -> Result<(Pickle, Places), PickleError> {
    if file.starts_with(LEGACY_MAGIC) { read_legacy(file) } else { read_archive(file) }
}

/// The value of a key of the dictionary that a file holds.
fn entry(pickle: &Pickle, key: &str) -> Result<Id, PickleError> {
    let Object::Dict(entries) = &pickle.objects[pickle.root] else {
        return damaged("it holds no dictionary");
    };
    match entries.iter().find(|(name, _)| pickle.text(*name) == Some(key)) {
        Some((_, value)) => Ok(*value),
        None => damaged(format!("its dictionary has no {key}")),
    }
}

/// The values of a dictionary by their names.
fn settings_of(pickle: &Pickle, id: Id) -> Result<BTreeMap<String, Setting>, PickleError> {
    let Object::Dict(entries) = &pickle.objects[id] else {
        return damaged("its settings are no dictionary");
    };
    if entries.len() > MAX_SETTINGS {
        return damaged(format!("it has {} settings", entries.len()));
    }
    let setting = |(key, value): &(Id, Id)| {
        let setting = match pickle.objects[*value] {
            Object::Bool(value) => Setting::Bool(value),
            Object::Int(value) => Setting::Int(value),
            Object::Float(value) => Setting::Float(value),
            _ => Setting::Other,
        };
        pickle.text(*key).map(|name| (name.to_owned(), setting))
    };
    let settings: Option<_> = entries.iter().map(setting).collect();
    settings.map_or_else(|| damaged("it has a setting without a name"), Ok)
}

/// The tensors of the dictionary that a file holds.
fn tensors(file: &[u8]) -> Result<Tensors, PickleError> {
    let (pickle, places) = read_pickle(file)?;
    tensors_of(file, &pickle, pickle.root, &places)
}

/// The tensors of a dictionary.
fn tensors_of(
    file: &[u8],
    pickle: &Pickle,
    id: Id,
    places: &Places,
) -> Result<Tensors, PickleError> {
    let Object::Dict(entries) = &pickle.objects[id] else {
        return damaged("it holds no dictionary of tensors");
    };
    let mut tensors = BTreeMap::new();
    let mut used = 0_usize;
    for (key, value) in entries {
        let Some(name) = pickle.text(*key) else {
            return damaged("it has a tensor without a name");
        };
        // Checked before the name is copied, which a file can repeat for a few bytes each time.
        if tensors.contains_key(name) {
            return damaged(format!("it has {} twice", excerpt(name)));
        }
        let Object::Tensor(view) = &pickle.objects[*value] else {
            return damaged(format!("{} is no tensor", excerpt(name)));
        };
        let range = range(view, pickle, places)
            .map_err(|reason| PickleError::Damaged(format!("{} {reason}", excerpt(name))))?;
        used = used.saturating_add(range.len());
        tensors.insert(name.to_owned(), (view.clone(), range));
    }
    // Else a small file of one storage could be a model of any size.
    if used > MAX_SHARED.saturating_mul(file.len()) {
        return damaged("its tensors have more numbers together than the file");
    }
    Ok(tensors)
}

fn damaged<T>(reason: impl Into<String>) -> Result<T, PickleError> {
    Err(PickleError::Damaged(reason.into()))
}

/// Where the numbers of a tensor are in the file. The error is what the tensor does wrong.
fn range(view: &View, pickle: &Pickle, places: &Places) -> Result<Range<usize>, String> {
    let mut elements = 1_usize;
    for (size, stride) in view.shape.iter().zip(&view.strides).rev() {
        if *size != 1 && *stride != elements {
            return Err("is not stored row by row".to_owned());
        }
        elements = elements.checked_mul(*size).ok_or("is too large")?;
    }
    let size = view.storage.dtype.size();
    let place = pickle.text(view.storage.key).and_then(|key| places.get(key));
    let place = place.ok_or("has no numbers in the file")?;
    let start = view.offset.checked_mul(size).and_then(|offset| place.start.checked_add(offset));
    let length = elements.checked_mul(size);
    let end = start.zip(length).and_then(|(start, length)| start.checked_add(length));
    match (start, end) {
        (Some(start), Some(end)) if end <= place.end => Ok(start..end),
        _ => Err("has more numbers than the file".to_owned()),
    }
}

/// An archive with `NAME/data.pkl`, and `NAME/data/KEY` for each storage.
fn read_archive(file: &[u8]) -> Result<(Pickle, Places), PickleError> {
    let files = zip::stored_files(file).map_err(PickleError::Damaged)?;
    let (folder, place) = files
        .iter()
        .find_map(|(name, place)| Some((name.strip_suffix("data.pkl")?, place.clone())))
        .ok_or(PickleError::Damaged("it is no archive of torch.save".to_owned()))?;
    if let Some(order) = files.get(&format!("{folder}byteorder"))
        && &file[order.clone()] != b"little"
    {
        return damaged("its numbers have their bytes in another order than this machine's");
    }
    if place.len() > MAX_PICKLE {
        return damaged(format!("it claims a pickle of {} bytes", place.len()));
    }
    let pickle = pickle::read(&mut &file[place])?;
    let prefix = format!("{folder}data/");
    let key = |(name, place): (&String, &Range<usize>)| {
        Some((name.strip_prefix(&prefix)?.to_owned(), place.clone()))
    };
    let places = files.iter().filter_map(key).collect();
    Ok((pickle, places))
}

/// Pickles of a magic number, a version, the system, the tensors and the storages' keys; then for each
/// storage its length and its numbers.
fn read_legacy(file: &[u8]) -> Result<(Pickle, Places), PickleError> {
    let mut rest = &file[LEGACY_MAGIC.len()..];
    let mut next = || {
        let mut pickled = &rest[..rest.len().min(MAX_PICKLE)];
        let before = pickled.len();
        let pickle = pickle::read(&mut pickled)?;
        rest = &rest[before - pickled.len()..];
        Ok(pickle)
    };
    let (_version, _system) = (next()?, next()?);
    let (pickle, keys) = (next()?, next()?);
    let storages = pickle.objects.iter().filter_map(|object| match object {
        Object::Storage(storage) => Some((pickle.text(storage.key)?, storage.dtype)),
        _ => None,
    });
    let dtypes: BTreeMap<&str, DType> = storages.collect();
    let Object::Sequence(listed) = &keys.objects[keys.root] else {
        return damaged("it has no list of its storages");
    };
    let mut places = Places::new();
    let mut at = file.len() - rest.len();
    for key in listed {
        let Some(key) = keys.text(*key) else {
            return damaged("it has a nameless storage");
        };
        if places.contains_key(key) {
            return damaged(format!("it has the storage {} twice", excerpt(key)));
        }
        let size = dtypes.get(key).map_or(0, |dtype| dtype.size());
        let place = storage(file, at, size).ok_or("it ends too early");
        let place = place.map_err(|reason| PickleError::Damaged(reason.to_owned()))?;
        at = place.end;
        places.insert(key.to_owned(), place);
    }
    Ok((pickle, places))
}

/// The numbers of `size` bytes each whose count stands at `at`.
fn storage(file: &[u8], at: usize, size: usize) -> Option<Range<usize>> {
    let start = at.checked_add(size_of::<u64>())?;
    let count = file.get(at..start)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
    let length = usize::try_from(count).ok()?.checked_mul(size)?;
    let end = start.checked_add(length)?;
    (end <= file.len()).then_some(start..end)
}

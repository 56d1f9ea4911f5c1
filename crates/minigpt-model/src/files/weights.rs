//! The weights in a model folder: found, checked by name and shape, and only then read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::store::burn_pack::{Reader, Tensor as StoredTensor};
use burn::tensor::{DType, Device, TensorData};
use minigpt_files::{Limit, caught, excerpt, is_file_name};
use serde::Deserialize;

use super::error::WeightsError;
use super::layout::Layout;
use super::{pytorch, safetensors};
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::parameters::Parameter;

/// What PyTorch puts before all names of a model that it compiled.
const COMPILED: &str = "_orig_mod.";

/// The head of transformers' `GPT2ForSequenceClassification`, which no logit of a token depends on.
const CLASSIFIER: &str = "score.weight";

/// The file of weights that needs no pickle.
const SAFETENSORS: &str = "model.safetensors";

/// An index names each tensor and its file: 100 bytes for each of the 580 tensors of GPT-2 XL.
const INDEX: Limit = Limit::new(4 << 20, "an index of weights");

/// The tensors of a file or a folder by their names, none of them read.
#[derive(Debug)]
pub(crate) struct Weights {
    /// The file, or with several their folder.
    path: PathBuf,
    layout: &'static Layout,
    tensors: BTreeMap<String, StoredTensor>,
}

/// An index of weights in several files.
#[derive(Deserialize)]
struct Index {
    /// Tensor to file.
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Finds the weights in a folder: of two formats the one that needs no pickle.
    pub(crate) fn open(folder: &Path, layout: &'static Layout) -> Result<Self, WeightsError> {
        for name in [SAFETENSORS, "pytorch_model.bin"] {
            let whole = folder.join(name);
            let index = folder.join(format!("{name}.index.json"));
            if whole.exists() {
                return Self::of_files(&whole, layout, std::slice::from_ref(&whole));
            }
            if index.exists() {
                return Self::of_files(folder, layout, &read_index(&index)?);
            }
        }
        Err(WeightsError::NoWeights { folder: folder.to_owned() })
    }

    /// The weights in the bytes of a safetensors file.
    pub(crate) fn of_bytes(bytes: Vec<u8>, layout: &'static Layout) -> Result<Self, WeightsError> {
        let path = Path::new(SAFETENSORS);
        Self::of_tensors(path, layout, safetensors::tensors(path, bytes)?)
    }

    fn of_files(
        path: &Path,
        layout: &'static Layout,
        files: &[PathBuf],
    ) -> Result<Self, WeightsError> {
        let mut tensors = Vec::new();
        for file in files {
            let is_pickle = file.extension().is_some_and(|extension| extension == "bin");
            tensors.extend(if is_pickle { pytorch::open(file)? } else { safetensors::open(file)? });
        }
        Self::of_tensors(path, layout, tensors)
    }

    /// The weights that are these tensors of `path`.
    pub(crate) fn of_tensors(
        path: &Path,
        layout: &'static Layout,
        found: Vec<StoredTensor>,
    ) -> Result<Self, WeightsError> {
        let mut tensors = BTreeMap::new();
        for tensor in found {
            let name = plain_name(&tensor.name, layout);
            if is_constant(name) || name == CLASSIFIER {
                continue;
            }
            let name = name.to_owned();
            if tensors.insert(name.clone(), tensor).is_some() {
                let reason = format!("it has {} twice", excerpt(&name));
                return Err(WeightsError::Damaged { path: path.to_owned(), reason });
            }
        }
        Ok(Self { path: path.to_owned(), layout, tensors })
    }

    /// The model that these are the weights of, if they are the ones that `config` asks for.
    ///
    /// One tensor at a time is in memory besides the model.
    pub(crate) fn into_model(
        self,
        config: &GptConfig,
        device: &Device,
    ) -> Result<Gpt, WeightsError> {
        let checked = self.checked(config)?;
        Gpt::assemble(config, device, |parameter| checked.values(config, parameter))
    }

    /// Makes sure that these are the weights that `config` asks for, and leaves out a head that is the embedding.
    pub(crate) fn checked(mut self, config: &GptConfig) -> Result<Self, WeightsError> {
        if config.tied {
            self.check_head()?;
        }
        self.check(config)?;
        Ok(self)
    }

    /// The file, or with several their folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the tensors of a parameter, which have been [checked](Self::check), are stored as, if it is one type.
    pub(crate) fn dtype(&self, config: &GptConfig, parameter: &Parameter) -> Option<DType> {
        let slices = self.layout.slices(config, parameter).into_iter();
        let mut types =
            slices.map(|slice| self.tensors[plain_name(&slice.name, self.layout)].dtype);
        let first = types.next()?;
        types.all(|dtype| dtype == first).then_some(first)
    }

    /// Bytes of all tensors, as they are stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| tensor.byte_len() as u64).sum()
    }

    /// The values of a parameter, whose tensors have been [checked](Self::check).
    pub(crate) fn values(
        &self,
        config: &GptConfig,
        parameter: &Parameter,
    ) -> Result<TensorData, WeightsError> {
        let slices = self.layout.slices(config, parameter);
        let read = |name: &str| finite(&self.path, &self.tensors[plain_name(name, self.layout)]);
        if let [slice] = &slices[..]
            && slice.is_whole()
        {
            return read(&slice.name);
        }
        let mut values = vec![0.0; parameter.shape.iter().product()];
        for slice in slices {
            let data = read(&slice.name)?;
            let tensor = data.as_slice::<f32>().expect("finite values have 32 bits");
            slice.put(tensor, &mut values);
        }
        Ok(TensorData::new(values, parameter.shape.clone()))
    }

    /// Fails at the first tensor that is missing, of another shape, not of floats, or too many.
    ///
    /// Parameters are asked for one by one, since the layers that a damaged configuration claims may
    /// be more than there is memory for their names.
    pub(crate) fn check(&self, config: &GptConfig) -> Result<(), WeightsError> {
        let mut expected = BTreeSet::new();
        for parameter in config.parameters() {
            for slice in self.layout.slices(config, &parameter) {
                let name = plain_name(&slice.name, self.layout).to_owned();
                self.check_tensor(&name, slice.shape)?;
                expected.insert(name);
            }
        }
        match self.tensors.keys().find(|name| !expected.contains(*name)) {
            Some(name) => {
                let (path, name) = (self.path.clone(), excerpt(name));
                Err(WeightsError::Unexpected { path, name })
            }
            None => Ok(()),
        }
    }

    fn check_tensor(&self, name: &str, expected: Vec<usize>) -> Result<(), WeightsError> {
        let (path, name) = (self.path.clone(), name.to_owned());
        let Some(tensor) = self.tensors.get(&name) else {
            return Err(WeightsError::Missing { path, name, expected });
        };
        let found = tensor.shape.to_vec();
        if found != expected {
            return Err(WeightsError::Misshapen { path, name, found, expected });
        }
        if !matches!(tensor.dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
            let kind = format!("{:?}", tensor.dtype);
            return Err(WeightsError::Kind { path, name, kind });
        }
        Ok(())
    }

    /// Leaves the head out, if it is what it should be.
    fn check_head(&mut self) -> Result<(), WeightsError> {
        let name = self.layout.head();
        let Some(head) = self.tensors.remove(&name) else { return Ok(()) };
        let embedding = self.layout.embedding();
        let Some(wte) = self.tensors.get(&embedding) else { return Ok(()) };
        let is_like = head.shape == wte.shape && head.dtype == wte.dtype;
        if is_like && self.bytes(&head)? == self.bytes(wte)? {
            return Ok(());
        }
        Err(WeightsError::UntiedHead { path: self.path.clone(), head: name })
    }

    fn bytes(&self, tensor: &StoredTensor) -> Result<burn::tensor::Bytes, WeightsError> {
        let bytes = tensor.to_bytes();
        bytes.map_err(|error| damaged(&self.path, &tensor.name, error.to_string()))
    }
}

fn damaged(path: &Path, name: &str, reason: String) -> WeightsError {
    let reason = format!("{}: {}", excerpt(name), excerpt(&reason));
    WeightsError::Damaged { path: path.to_owned(), reason }
}

/// The 32-bit numbers of a tensor of `path`, none of them NaN or infinite. This is one pass over
/// memory, for numbers that have just come from a disk.
pub(crate) fn finite(path: &Path, tensor: &StoredTensor) -> Result<TensorData, WeightsError> {
    let failed = |reason: String| damaged(path, &tensor.name, reason);
    let bytes = tensor.to_bytes().map_err(|error| failed(error.to_string()))?;
    let data = TensorData::try_from_bytes(bytes, tensor.shape.clone(), tensor.dtype)
        .and_then(|data| data.try_cast(DType::F32))
        .map_err(|error| failed(error.to_string()))?;
    let values = data.as_slice::<f32>().map_err(|error| failed(error.to_string()))?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let (name, value) = (excerpt(&tensor.name), values[index]);
            Err(WeightsError::NotFinite { path: path.to_owned(), name, value, index })
        }
        None => Ok(data),
    }
}

/// Makes sure that all parameters in a burnpack file, as burn saves a module's, are finite numbers: one
/// whose training diverged is no model. They are read from the file and not from a device, where they may
/// be far away.
///
/// # Errors
/// [`WeightsError::NotFinite`] with the first that is not, or [`WeightsError::Damaged`].
pub fn check_finite(path: &Path) -> Result<(), WeightsError> {
    let read = caught(|| {
        let tensors = Reader::from_file_exact(path).and_then(Reader::into_tensors);
        tensors.map_err(|error| error.to_string())
    });
    let tensors = read.flatten().map_err(|reason| WeightsError::Damaged {
        path: path.to_owned(),
        reason: excerpt(&reason),
    })?;
    tensors.iter().try_for_each(|tensor| finite(path, tensor).map(drop))
}

/// The name of a tensor without what programs put before it.
fn plain_name<'a>(name: &'a str, layout: &Layout) -> &'a str {
    let name = name.strip_prefix(COMPILED).unwrap_or(name);
    name.strip_prefix(layout.prefix).unwrap_or(name)
}

/// True for what old versions of transformers saved with the weights and computes anew: the causal mask of each
/// block, and the speeds by which positions turn.
fn is_constant(name: &str) -> bool {
    let is_mask = name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
    name.starts_with("h.") && is_mask || name.ends_with(".rotary_emb.inv_freq")
}

/// The files that an index names, beside it.
fn read_index(path: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let damaged = |reason: String| WeightsError::Damaged { path: path.to_owned(), reason };
    let index: Index = serde_json::from_slice(&minigpt_files::read(path, INDEX)?)
        .map_err(|error| damaged(excerpt(&error.to_string())))?;
    let files: BTreeSet<String> = index.weight_map.into_values().collect();
    if let Some(file) = files.iter().find(|file| !is_file_name(file)) {
        let file = excerpt(file);
        return Err(damaged(format!("it names \"{file}\", which is no file beside it")));
    }
    Ok(files.iter().map(|file| path.with_file_name(file)).collect())
}

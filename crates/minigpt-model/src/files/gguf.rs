//! Models in GGUF, the format of llama.cpp, in and out.

mod keys;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Bytes, DType};
use minigpt_gguf::{Gguf, Metadata, TensorInfo, Value, write};

use super::error::WeightsError;
use super::family::Family;
use super::layout::Layout;
use super::weights::Weights;
use crate::matrix::weight_type::{WeightType, floats};
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::parameters::Role;

/// What Llama 3's positions are slowed down by, pair by pair.
const ROPE_FREQS: &str = "rope_freqs.weight";

/// A GGUF file of a model that minigpt runs.
#[derive(Debug)]
pub(crate) struct GgufModel {
    /// The model's shape.
    pub(crate) config: GptConfig,
    family: Family,
    file: Arc<Gguf>,
}

impl GgufModel {
    /// Reads what stands before the tensors.
    ///
    /// # Errors
    /// [`WeightsError::Gguf`], [`WeightsError::Architecture`], or [`WeightsError::Config`] where the model
    /// computes something else, by the key's name.
    pub(crate) fn open(path: &Path) -> Result<Self, WeightsError> {
        Self::of(Gguf::open(path)?)
    }

    pub(super) fn of(file: Gguf) -> Result<Self, WeightsError> {
        let (family, config) = keys::read(&file)?;
        Ok(Self { config, family, file: Arc::new(file) })
    }

    /// All that the file says besides the tensors.
    pub(super) fn metadata(&self) -> &Metadata {
        self.file.metadata()
    }

    /// The file, and how it stores the parameters.
    pub(crate) fn stored(&self) -> (&Arc<Gguf>, &'static Layout) {
        (&self.file, self.family.gguf_layout())
    }

    /// The tensors, whose values are made when they are asked for.
    pub(crate) fn into_weights(self) -> Result<Weights, WeightsError> {
        let file = self.file;
        let infos = file.tensors().map(|tensor| tensor.info());
        let weights =
            infos.filter(|info| info.name() != ROPE_FREQS || self.family != Family::Llama);
        let stored = weights.map(|info| {
            let name = info.name().to_owned();
            let shape: Vec<usize> = info.shape().iter().rev().copied().collect();
            let length = size_of::<f32>() * info.values();
            let file = file.clone();
            let values = {
                let name = name.clone();
                move || {
                    let tensor = file.tensor(&name).expect("it is in the table");
                    let mut values = vec![0.0; tensor.info().values()];
                    tensor.read(&mut values);
                    Ok(Bytes::from_elems(values))
                }
            };
            StoredTensor::deferred(name, DType::F32, shape, None, length, values)
        });
        Weights::of_tensors(file.path(), self.family.gguf_layout(), stored.collect())
    }
}

impl Gpt {
    /// Writes the model as a GGUF file that llama.cpp runs, of the architecture `gpt2`, `llama`, `qwen2` or
    /// `qwen3`, with `metadata` besides what the shape says; llama.cpp wants the tokenizer there.
    ///
    /// Norms, biases and learned positions stay 32-bit floats, and matrices whose rows are no multiple of 32
    /// values have 16 bits where others have 8 or 4, as in llama.cpp's own files. Whoever opens `path`, now or after a
    /// crash, finds the old file or the whole new one.
    ///
    /// # Errors
    /// [`WeightsError::Layout`] where llama.cpp has no such model, [`WeightsError::Gguf`], or
    /// [`WeightsError::Write`] where the device does not give the weights.
    pub fn save_gguf(
        &self,
        metadata: &[(String, Value)],
        weight_type: WeightType,
        path: &Path,
    ) -> Result<(), WeightsError> {
        let config = self.config();
        let family = Family::of_gguf(config, path)?;
        let failed = |reason: String| WeightsError::Write { path: path.to_owned(), reason };
        let factors = keys::rope_freqs(config, path)?;
        let mut tensors = self.file_tensors(family.gguf_layout());
        tensors.extend(factors.map(|factors| {
            let shape = vec![factors.len()];
            let bytes = Bytes::from_elems(factors);
            let tensor = StoredTensor::new(ROPE_FREQS.to_owned(), DType::F32, shape, None, bytes);
            (Role::NormScale, tensor)
        }));
        let info = |(role, tensor): &(Role, StoredTensor)| {
            let shape: Vec<usize> = tensor.shape.iter().rev().copied().collect();
            let tensor_type = weight_type.of_tensor(role.is_matrix(), shape[0]);
            TensorInfo::new(&tensor.name, &shape, tensor_type)
        };
        let infos: Result<Vec<_>, _> = tensors.iter().map(info).collect();
        let infos = infos.map_err(|error| failed(error.to_string()))?;
        let mut all = keys::write(family, config, weight_type);
        all.extend_from_slice(metadata);
        let mut tensors = tensors.into_iter();
        write(path, &all, &infos, |_, out| {
            let Some((_, tensor)) = tensors.next() else { return Ok(()) };
            let bytes = tensor.into_bytes().map_err(|error| failed(error.to_string()))?;
            Ok(out.values(&floats(&bytes))?)
        })
    }
}

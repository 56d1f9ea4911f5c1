//! Models for an adapter: their own weights are kept as files have them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::nn::DropoutConfig;
use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Device, TensorData};
use minigpt_files::Checksum;

use crate::files::error::WeightsError;
use crate::files::pretrained::SavedModel;
use crate::files::safetensors;
use crate::files::weights::finite;
use crate::lora::{Factors, Lengths, LoraConfig};
use crate::matrix::frozen::{Frozen, FrozenType};
use crate::matrix::weight_type::{WeightType, floats};
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::linear::LowRank;
use crate::model::parameters::{Parameter, Role};

impl FrozenType {
    fn freeze(
        self,
        parameter: &Parameter,
        values: &TensorData,
    ) -> Result<Option<Frozen>, WeightsError> {
        if parameter.role == Role::TokenEmbedding && self.keeps_embedding {
            return Ok(None);
        }
        let Self { weight_type, .. } = self;
        let values = values.iter().collect();
        let shape = [parameter.shape[0], parameter.shape[1]];
        let frozen = Frozen::of(shape, parameter.role.is_projection(), values, weight_type);
        let name = || parameter.name.clone();
        let frozen =
            frozen.map_err(|error| WeightsError::Pack { name: name(), weight_type, error });
        frozen.map(Some)
    }
}

impl SavedModel {
    /// As [`load`](Self::load), for an adapter, on the processor: matrices become no parameters. One at a time is in
    /// memory as 32-bit floats.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`WeightsError::Pack`] where a weight is too large for the type.
    pub fn load_frozen(self, frozen: FrozenType, device: &Device) -> Result<Gpt, WeightsError> {
        let (config, weights) = self.into_weights()?;
        let weights = weights.checked(&config)?;
        frozen.model(&config, device, |parameter| weights.values(&config, parameter))
    }
}

impl FrozenType {
    /// The model of these values, asked for in its order.
    fn model(
        self,
        config: &GptConfig,
        device: &Device,
        mut values: impl FnMut(&Parameter) -> Result<TensorData, WeightsError>,
    ) -> Result<Gpt, WeightsError> {
        let mut checksum = Checksum::default();
        let source = |parameter: &Parameter| {
            let values = values(parameter)?;
            checksum.update(&values.bytes()[..]);
            Ok(values)
        };
        let freeze = |parameter: &Parameter, values: &TensorData| self.freeze(parameter, values);
        let mut model = Gpt::assemble_frozen(config, device, source, &freeze)?;
        model.tables.fingerprint = Some(checksum.finish());
        model.tables.frozen = Some(self);
        Ok(model)
    }
}

/// The values of a model's parameters, in their order.
fn in_order(
    stored: Vec<StoredTensor>,
) -> impl FnMut(&Parameter) -> Result<TensorData, WeightsError> {
    let mut stored = stored.into_iter().filter(|tensor| !tensor.name.contains(".lora."));
    move |parameter| {
        let name = parameter.name.clone();
        let failed = |reason: String| WeightsError::Device { name: name.clone(), reason };
        let tensor = stored.next().filter(|tensor| tensor.name == name);
        let tensor = tensor.ok_or_else(|| failed("it is missing".to_owned()))?;
        let bytes = tensor.into_bytes().map_err(|error| failed(error.to_string()))?;
        Ok(TensorData::new(floats(&bytes), parameter.shape.clone()))
    }
}

/// What a file of frozen weights says of them.
const WEIGHTS: &str = "weights";
const KEEPS_EMBEDDING: &str = "keeps_embedding";
const FINGERPRINT: &str = "fingerprint";
/// What they take in memory.
const BYTES: &str = "bytes";

impl Gpt {
    /// The model for an adapter, on the processor: its matrices become no parameters. It gives them up one after the
    /// other.
    ///
    /// # Errors
    /// [`WeightsError::Device`] where the device does not give the weights, [`WeightsError::Pack`] where one of them is
    /// too large for the type.
    pub fn freeze(self, frozen: FrozenType) -> Result<Self, WeightsError> {
        let (config, device) = (self.config().clone(), self.ln_f.weight.lazy_device());
        let (tokenizer_size, precision) = (self.tokenizer_size(), self.precision);
        let stored = self.stored_parameters();
        drop(self);
        let model = frozen.model(&config, &device, in_order(stored))?;
        Ok(model.with_tokenizer_size(tokenizer_size).with_precision(precision))
    }

    /// The model as it was before [`freeze`](Self::freeze), but for rounding, with the adapter that stands beside its
    /// matrices.
    ///
    /// # Errors
    /// [`WeightsError::Device`] where the device does not give the weights.
    pub fn thaw(self, lora: &LoraConfig) -> Result<Self, WeightsError> {
        if !self.is_frozen() {
            return Ok(self);
        }
        let (config, device) = (self.config().clone(), self.ln_f.weight.lazy_device());
        let mut factors: BTreeMap<String, Factors> =
            self.factors()
                .map(|(layer, LowRank { a, b, parts, magnitude, squares, .. })| {
                    let [a, b] = [a, b].map(|factor| factor.val().into_data());
                    let magnitude = magnitude.as_ref().map(|lengths| lengths.val().into_data());
                    let lengths = magnitude.zip(squares.clone()).map(|(magnitude, squares)| {
                        Lengths { magnitude: magnitude.iter().collect(), squares }
                    });
                    (layer, Factors { a, b, parts: parts.clone(), lengths })
                })
                .collect();
        let model = Self::assemble(&config, &device, in_order(self.stored_parameters()))?;
        let model = model.with_factors(lora, |layer| factors.remove(layer));
        Ok(model.with_tokenizer_size(self.tokenizer_size()).with_precision(self.precision))
    }

    /// Writes the weights of a frozen model, from which [`load_frozen`](Self::load_frozen) makes the same one again.
    ///
    /// # Errors
    /// [`WeightsError::Write`] where the file cannot be written.
    pub fn save_frozen(&self, frozen: FrozenType, path: &Path) -> Result<(), WeightsError> {
        let metadata = HashMap::from([
            (WEIGHTS.to_owned(), frozen.weight_type.to_string()),
            (KEEPS_EMBEDDING.to_owned(), frozen.keeps_embedding.to_string()),
            (FINGERPRINT.to_owned(), self.fingerprint()?),
            (BYTES.to_owned(), self.kept_bytes().unwrap_or_default().to_string()),
        ]);
        let stored = self.stored_parameters().into_iter();
        let stored = stored.filter(|tensor| !tensor.name.contains(".lora."));
        safetensors::write(path, stored.collect(), metadata)
    }

    /// What the model of a file of [`save_frozen`](Self::save_frozen) takes in memory, where the file says it.
    ///
    /// # Errors
    /// [`WeightsError`]: the file is missing or damaged.
    pub fn saved_frozen_bytes(path: &Path) -> Result<Option<u64>, WeightsError> {
        Ok(safetensors::metadata(path)?.get(BYTES).and_then(|bytes| bytes.parse().ok()))
    }

    /// The frozen model of a file of [`save_frozen`](Self::save_frozen).
    ///
    /// # Errors
    /// [`WeightsError`]: the file is missing, damaged, or another model's.
    pub fn load_frozen(
        path: &Path,
        config: &GptConfig,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let damaged = |reason: String| WeightsError::Damaged { path: path.to_owned(), reason };
        let metadata = safetensors::metadata(path)?;
        let said = |key: &str| {
            metadata.get(key).ok_or_else(|| damaged(format!("its metadata have no `{key}`")))
        };
        let weight_type = said(WEIGHTS)?.parse::<WeightType>();
        let weight_type = weight_type.map_err(|error| damaged(error.to_string()))?;
        let keeps_embedding = said(KEEPS_EMBEDDING)? == "true";
        let mut stored: BTreeMap<String, StoredTensor> = safetensors::open(path)?
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        let frozen = FrozenType { weight_type, keeps_embedding };
        let mut model = frozen.model(config, device, |parameter| {
            let (name, expected) = (parameter.name.clone(), parameter.shape.clone());
            let path = path.to_owned();
            let Some(tensor) = stored.remove(&name) else {
                return Err(WeightsError::Missing { path, name, expected });
            };
            let found = tensor.shape.to_vec();
            if found != expected {
                return Err(WeightsError::Misshapen { path, name, found, expected });
            }
            finite(&path, &tensor)
        })?;
        model.tables.fingerprint = Some(said(FINGERPRINT)?.clone());
        Ok(model)
    }

    /// The matrices that are no parameters, by the names of the parameters that they stand for.
    pub(crate) fn frozen_matrices(&self) -> BTreeMap<String, Arc<Frozen>> {
        let tables = [("wte.weight", &self.tables.wte), ("lm_head.weight", &self.tables.head)];
        let tables = tables
            .into_iter()
            .filter_map(|(name, frozen)| Some((name.to_owned(), frozen.clone()?)));
        let layers = self.h.iter().enumerate().flat_map(|(index, block)| {
            let layers = self.config().block_matrices().zip(block.matrices());
            layers.filter_map(move |(name, layer)| {
                Some((format!("h.{index}.{name}.weight"), layer.frozen.clone()?))
            })
        });
        tables.chain(layers).collect()
    }

    /// True where its matrices are kept for an adapter.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.tables.frozen.is_some()
    }

    /// How its matrices are kept, where they are.
    #[must_use]
    pub fn frozen_type(&self) -> Option<FrozenType> {
        self.tables.frozen
    }

    /// Bytes of the matrices that are kept for an adapter, and what those of the first perceptron are kept as.
    #[must_use]
    pub fn frozen_bytes(&self) -> Option<(usize, WeightType)> {
        let first = self.h.first()?.mlp.c_proj.frozen.as_ref()?.weight_type();
        Some((self.frozen_matrices().values().map(|frozen| frozen.bytes()).sum(), first))
    }

    /// Bytes of all weights where matrices are kept for an adapter: those of the matrices, and 32-bit floats.
    #[must_use]
    pub fn kept_bytes(&self) -> Option<u64> {
        let (frozen, _) = self.frozen_bytes()?;
        Some((frozen + size_of::<f32>() * self.num_params()) as u64)
    }

    /// The model with the dropout rates of `config`, and its weights as they are.
    #[must_use]
    pub fn with_dropout_of(mut self, config: &GptConfig) -> Self {
        let GptConfig { embd_pdrop, attn_pdrop, resid_pdrop, .. } = *config;
        let dropout = |rate| DropoutConfig::new(rate).init();
        self.dropout = dropout(embd_pdrop);
        for block in &mut self.h {
            block.dropout = dropout(resid_pdrop);
            block.attn.dropout = dropout(attn_pdrop);
        }
        self.config = GptConfig { embd_pdrop, attn_pdrop, resid_pdrop, ..self.config };
        self
    }
}

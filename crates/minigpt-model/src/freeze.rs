//! Models for an adapter: their own weights are kept as files have them.

mod base;

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::Module;
use burn::nn::DropoutConfig;
use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Device, TensorData};
use minigpt_files::Checksum;

use crate::files::error::WeightsError;
use crate::files::pretrained::SavedModel;
use crate::lora::{Factors, Lengths, LoraConfig};
use crate::matrix::frozen::{Frozen, FrozenType};
use crate::matrix::weight_type::{WeightType, floats};
use crate::model::assembly::Content;
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::linear::LowRank;
use crate::model::parameters::{Parameter, Role};

impl FrozenType {
    /// True for what is no parameter of a frozen model.
    fn freezes(self, parameter: &Parameter) -> bool {
        let is_kept = parameter.role == Role::TokenEmbedding && self.keeps_embedding;
        parameter.role.is_matrix() && !is_kept
    }

    fn freeze(self, parameter: &Parameter, values: TensorData) -> Result<Content, WeightsError> {
        if !self.freezes(parameter) {
            return Ok(Content::Values(values));
        }
        let Self { weight_type, .. } = self;
        let values = values.try_into_vec().expect("weights are read as 32-bit floats");
        let shape = [parameter.shape[0], parameter.shape[1]];
        let frozen = Frozen::of(shape, parameter.role.is_projection(), values, weight_type);
        let name = || parameter.name.clone();
        let frozen =
            frozen.map_err(|error| WeightsError::Pack { name: name(), weight_type, error });
        frozen.map(Content::Frozen)
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
            self.freeze(parameter, values)
        };
        let mut model = Gpt::assemble_frozen(config, device, self, source)?;
        model.tables.fingerprint = Some(checksum.finish());
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

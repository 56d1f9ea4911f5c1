//! An adapter alone, in the two files that Python's PEFT reads and writes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Bytes, DType, Tensor, TensorData};
use minigpt_files::excerpt;

use super::error::AdapterError;
use super::peft::{ADAPTER_CONFIG_FILE, HEAD};
use super::{EMBEDDING, Factors, LoraConfig};
use crate::files::safetensors;
use crate::files::weights::finite;
use crate::model::gpt::Gpt;

/// The same in a pickle, which old versions of PEFT wrote.
const PICKLED_FILE: &str = "adapter_model.bin";

/// The name of the factors in an adapter's folder.
pub const ADAPTER_FILE: &str = "adapter_model.safetensors";

/// What PEFT puts before the name of a layer of transformers' `GPT2LMHeadModel`.
const PREFIX: &str = "base_model.model.transformer.";

/// Names the base in the factors' file.
const BASE: &str = "base_sha256";

impl Gpt {
    /// Writes the factors beside the model's matrices into an empty folder, as PEFT writes them:
    /// `adapter_config.json`, which names the base, and `adapter_model.safetensors`.
    ///
    /// # Errors
    /// [`AdapterError::Io`], or [`AdapterError::Weights`] where the device does not give the factors.
    pub fn save_adapter(
        &self,
        lora: &LoraConfig,
        base: &str,
        folder: &Path,
    ) -> Result<(), AdapterError> {
        let (config, file) = (folder.join(ADAPTER_CONFIG_FILE), folder.join(ADAPTER_FILE));
        let tensors = self.factors().flat_map(|(layer, factors)| {
            let stored = |factor: &str, values: Tensor<2>| {
                // PyTorch's linear layers are `[out, in]`.
                let data = values.transpose().into_data();
                let name = stored_name(&layer, factor);
                let (shape, length) = (data.shape().to_vec(), data.bytes().len());
                let bytes = move || Ok(Bytes::from_bytes_vec(data.bytes().to_vec()));
                StoredTensor::deferred(name, DType::F32, shape, None, length, bytes)
            };
            [stored("A", factors.a.val().inner()), stored("B", factors.b.val().inner())]
        });
        let metadata = HashMap::from([(BASE.to_owned(), self.fingerprint()?)]);
        safetensors::write(&file, tensors.collect(), metadata)?;
        Ok(minigpt_files::write(&config, lora.to_peft(base).map_err(std::io::Error::from)?)?)
    }

    /// The model with its own weights frozen and the factors of an adapter's folder beside them;
    /// `materialize` merges the two.
    ///
    /// # Errors
    /// [`AdapterError`]: the folder's files are missing, damaged, or the adapter is another model's.
    pub fn with_adapter(self, folder: &Path) -> Result<Self, AdapterError> {
        let lora = LoraConfig::read_peft(folder)?;
        let refused = |error: AdapterError| AdapterError::Config {
            path: folder.join(ADAPTER_CONFIG_FILE),
            reason: error.to_string(),
        };
        lora.validate(self.config()).map_err(refused)?;
        let path = folder.join(ADAPTER_FILE);
        let pickled = folder.join(PICKLED_FILE);
        if !path.exists() && pickled.exists() {
            return Err(AdapterError::Pickled { path: pickled });
        }
        let other = |reason: String| AdapterError::OtherBase { path: path.clone(), reason };
        let mut tensors: BTreeMap<String, StoredTensor> = safetensors::open(&path)?
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        let mut factors: BTreeMap<String, Factors> = BTreeMap::new();
        for (layer, [from, to]) in lora.matrices(self.config()) {
            let mut read = |factor: &str, rows: usize, columns: usize| {
                let name = stored_name(&layer, factor);
                let tensor =
                    tensors.remove(&name).ok_or_else(|| other(format!("it has no {name}")))?;
                let found = tensor.shape.to_vec();
                if found != [rows, columns] {
                    let expected = [rows, columns];
                    return Err(other(format!("{name} is {found:?}, expected {expected:?}")));
                }
                Ok::<_, AdapterError>(transposed(&finite(&path, &tensor)?, rows, columns))
            };
            let pair = [read("A", lora.rank, from)?, read("B", to, lora.rank)?];
            factors.insert(layer, pair);
        }
        if lora.adapts(EMBEDDING) {
            // PEFT writes them a second time.
            tensors.retain(|name, _| !name.contains(&format!(".{HEAD}.lora_")));
        }
        if let Some(name) = tensors.keys().find(|name| is_embedding(name)) {
            return Err(AdapterError::WholeEmbedding { path, name: excerpt(name) });
        }
        if let Some(name) = tensors.keys().next() {
            return Err(other(format!("the base has no place for {}", excerpt(name))));
        }
        if let Some(base) = safetensors::metadata(&path)?.get(BASE)
            && *base != self.fingerprint()?
        {
            return Err(other(
                "the base's weights are not those that it was trained on".to_owned(),
            ));
        }
        Ok(self.with_factors(&lora, |layer, _| factors.remove(layer)))
    }
}

/// The name of a layer's `A` or `B` in PEFT's file.
fn stored_name(layer: &str, factor: &str) -> String {
    match layer == EMBEDDING {
        true => format!("{PREFIX}{layer}.lora_embedding_{factor}"),
        false => format!("{PREFIX}{layer}.lora_{factor}.weight"),
    }
}

/// True for the vectors of the tokens, or the head, as they are and not adapted.
fn is_embedding(name: &str) -> bool {
    let layer = name.strip_suffix(".weight").unwrap_or_default();
    let layer = layer.strip_suffix(".base_layer").unwrap_or(layer);
    layer.ends_with(".wte") || layer.ends_with(".lm_head")
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &TensorData, rows: usize, columns: usize) -> TensorData {
    let values: Vec<f32> = values.iter().collect();
    let order = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    let values: Vec<f32> = order.map(|index| values[index]).collect();
    TensorData::new(values, [columns, rows])
}

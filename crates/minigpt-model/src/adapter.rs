//! An adapter alone, in the two files that Python's PEFT reads and writes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::tensor::{Bytes, DType, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::lora::{EMBEDDING, Factors, LoraConfig};
use crate::safetensors;
use crate::weights::WeightsError;

/// The name of the configuration in an adapter's folder.
pub const ADAPTER_CONFIG_FILE: &str = "adapter_config.json";

/// The name of the factors in an adapter's folder.
pub const ADAPTER_FILE: &str = "adapter_model.safetensors";

/// What PEFT puts before the name of a layer of transformers' `GPT2LMHeadModel`.
const PREFIX: &str = "base_model.model.transformer.";

/// What PEFT calls the head where the vectors of the tokens are adapted in both of their places.
const HEAD: &str = "lm_head";

/// Names the base in the factors' file.
const BASE: &str = "base_sha256";

/// An adapter that is none, or of another model.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// A setting is out of its range.
    #[error("lora.{field} is out of range: expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// The range.
        expected: String,
    },
    /// A matrix that the model does not have.
    #[error(
        "lora.targets: no matrix is called `{name}`: expected c_attn, c_proj, c_fc, attn.c_proj, mlp.c_proj or wte"
    )]
    Target {
        /// The name given.
        name: String,
    },
    /// The configuration is damaged, or asks for what is not done here.
    #[error("{path} is no configuration of a LoRA adapter that minigpt runs: {reason}")]
    Config {
        /// The configuration.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The adapter was trained on another model.
    #[error(
        "{path} is an adapter for another base model: {reason}; use it with the model it was trained on"
    )]
    OtherBase {
        /// The factors' file.
        path: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// The factors cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The operating system failed; the message names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The fields of PEFT's `LoraConfig` that decide what an adapter computes.
#[derive(Debug, Serialize, Deserialize)]
struct PeftConfig {
    peft_type: String,
    task_type: Option<String>,
    base_model_name_or_path: Option<String>,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    target_modules: Value,
    /// GPT-2's projections are stored `[in, out]`.
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default = "none")]
    bias: String,
    #[serde(default)]
    inference_mode: bool,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    rank_pattern: Value,
    #[serde(default)]
    alpha_pattern: Value,
    #[serde(default)]
    modules_to_save: Value,
    #[serde(default)]
    layers_to_transform: Value,
    /// Adapts the head with `wte`, whose second use it is.
    #[serde(default)]
    ensure_weight_tying: bool,
}

fn none() -> String {
    "none".to_owned()
}

impl PeftConfig {
    fn of(lora: &LoraConfig, base: &str) -> Self {
        let empty = || Value::Object(serde_json::Map::new());
        Self {
            peft_type: "LORA".to_owned(),
            task_type: Some("CAUSAL_LM".to_owned()),
            base_model_name_or_path: Some(base.to_owned()),
            r: lora.rank,
            lora_alpha: lora.alpha,
            lora_dropout: lora.dropout,
            // PEFT ties the two where both are named.
            target_modules: match lora.adapts(EMBEDDING) {
                true => [lora.targets.clone(), vec![HEAD.to_owned()]].concat().into(),
                false => lora.targets.clone().into(),
            },
            fan_in_fan_out: true,
            bias: none(),
            inference_mode: true,
            use_rslora: false,
            use_dora: false,
            rank_pattern: empty(),
            alpha_pattern: empty(),
            modules_to_save: Value::Null,
            layers_to_transform: Value::Null,
            ensure_weight_tying: lora.adapts(EMBEDDING),
        }
    }

    /// The first setting under which PEFT would compute something else than is done here.
    fn unknown_setting(&self) -> Option<String> {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        let settings = [
            (
                self.peft_type == "LORA",
                format!("peft_type {:?}: expected \"LORA\"", self.peft_type),
            ),
            (self.bias == "none", format!("bias {:?}: expected \"none\"", self.bias)),
            (!self.use_rslora, "use_rslora true: expected false".to_owned()),
            (!self.use_dora, "use_dora true: expected false".to_owned()),
            (is_empty(&self.rank_pattern), "a rank_pattern: expected one rank".to_owned()),
            (is_empty(&self.alpha_pattern), "an alpha_pattern: expected one alpha".to_owned()),
            (is_empty(&self.modules_to_save), "modules_to_save: expected none".to_owned()),
            (is_empty(&self.layers_to_transform), {
                "layers_to_transform: expected all layers".to_owned()
            }),
        ];
        settings.into_iter().find(|(is_ours, _)| !is_ours).map(|(_, setting)| setting)
    }

    fn lora(&self) -> Result<LoraConfig, String> {
        let mut targets: Vec<String> = serde_json::from_value(self.target_modules.clone())
            .map_err(|_| "target_modules is no list of names".to_owned())?;
        // PEFT writes the one that it ties with its whole path.
        for target in &mut targets {
            *target = target.strip_prefix("transformer.").unwrap_or(target).to_owned();
        }
        if targets.iter().any(|target| target == EMBEDDING) {
            if !self.ensure_weight_tying {
                return Err("wte without ensure_weight_tying: expected true".to_owned());
            }
            targets.retain(|target| target != HEAD);
        }
        let (rank, alpha, dropout) = (self.r, self.lora_alpha, self.lora_dropout);
        Ok(LoraConfig { rank, alpha, dropout, targets })
    }
}

impl LoraConfig {
    /// Reads the `adapter_config.json` in an adapter's folder.
    ///
    /// # Errors
    /// [`AdapterError::Config`] where it is damaged or asks for what is not done here,
    /// [`AdapterError::Io`].
    pub fn read_peft(folder: &Path) -> Result<Self, AdapterError> {
        let path = folder.join(ADAPTER_CONFIG_FILE);
        let json = fs_err::read(&path)?;
        let refused = |reason: String| AdapterError::Config { path: path.clone(), reason };
        let config: PeftConfig =
            serde_json::from_slice(&json).map_err(|error| refused(error.to_string()))?;
        match config.unknown_setting() {
            Some(setting) => Err(refused(setting)),
            None => config.lora().map_err(refused),
        }
    }
}

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
        let json = serde_json::to_vec_pretty(&PeftConfig::of(lora, base));
        Ok(fs_err::write(config, json.map_err(std::io::Error::from)?)?)
    }

    /// The model with its own weights frozen and the factors of an adapter's folder beside them;
    /// `materialize` merges the two.
    ///
    /// # Errors
    /// [`AdapterError`]: the folder's files are missing, damaged, or the adapter is another model's.
    pub fn with_adapter(self, config: &GptConfig, folder: &Path) -> Result<Self, AdapterError> {
        let lora = LoraConfig::read_peft(folder)?;
        let refused = |error: AdapterError| AdapterError::Config {
            path: folder.join(ADAPTER_CONFIG_FILE),
            reason: error.to_string(),
        };
        lora.validate(config).map_err(refused)?;
        let path = folder.join(ADAPTER_FILE);
        let other = |reason: String| AdapterError::OtherBase { path: path.clone(), reason };
        let mut tensors: BTreeMap<String, StoredTensor> = safetensors::open(&path)?
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        let mut factors: BTreeMap<String, Factors> = BTreeMap::new();
        for (layer, [from, to]) in lora.matrices(config) {
            let mut read = |factor: &str, rows: usize, columns: usize| {
                let name = stored_name(&layer, factor);
                let tensor =
                    tensors.remove(&name).ok_or_else(|| other(format!("it has no {name}")))?;
                let found = tensor.shape.to_vec();
                if found != [rows, columns] {
                    let expected = [rows, columns];
                    return Err(other(format!("{name} is {found:?}, expected {expected:?}")));
                }
                Ok(transposed(safetensors::numbers(&path, &tensor)?, rows, columns))
            };
            let pair = [read("A", lora.rank, from)?, read("B", to, lora.rank)?];
            factors.insert(layer, pair);
        }
        if lora.adapts(EMBEDDING) {
            // PEFT writes them a second time.
            tensors.retain(|name, _| !name.contains(&format!(".{HEAD}.lora_")));
        }
        if let Some(name) = tensors.keys().next() {
            return Err(other(format!("the base has no place for {name}")));
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

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: Vec<f32>, rows: usize, columns: usize) -> TensorData {
    let order = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    let values: Vec<f32> = order.map(|index| values[index]).collect();
    TensorData::new(values, [columns, rows])
}

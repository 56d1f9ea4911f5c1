//! Hugging Face's `config.json` of a GPT-2, and the model in its folder.

use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::weights::{Weights, WeightsError};

/// The name of the configuration in a model folder.
pub const CONFIG_FILE: &str = "config.json";

/// The one value of `model_type` that this crate knows.
const MODEL_TYPE: &str = "gpt2";

/// GPT-2's activation under the two names that transformers has for it: GELU in its tanh form.
const ACTIVATIONS: [&str; 2] = ["gelu_new", "gelu_pytorch_tanh"];

/// The fields of Hugging Face's `GPT2Config` that decide what a model computes. Sizes are 32 bits
/// wide, so that no product of two overflows.
#[derive(Debug, Serialize, Deserialize)]
struct HuggingFaceConfig {
    architectures: Option<Vec<String>>,
    model_type: String,
    vocab_size: u32,
    n_positions: u32,
    n_layer: u32,
    n_head: u32,
    n_embd: u32,
    /// `4 * n_embd` where there is none.
    n_inner: Option<u32>,
    #[serde(default = "activation")]
    activation_function: String,
    #[serde(default = "dropout")]
    embd_pdrop: f64,
    #[serde(default = "dropout")]
    attn_pdrop: f64,
    #[serde(default = "dropout")]
    resid_pdrop: f64,
    #[serde(default = "epsilon")]
    layer_norm_epsilon: f64,
    #[serde(default = "yes")]
    scale_attn_weights: bool,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: bool,
    #[serde(default)]
    add_cross_attention: bool,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
    bos_token_id: Option<Value>,
    eos_token_id: Option<Value>,
    /// What the weights are stored as.
    #[serde(alias = "torch_dtype")]
    dtype: Option<String>,
}

// What transformers' GPT2Config has where its file says nothing.
fn activation() -> String {
    ACTIVATIONS[0].to_owned()
}

fn dropout() -> f64 {
    0.1
}

fn epsilon() -> f64 {
    1e-5
}

fn yes() -> bool {
    true
}

impl HuggingFaceConfig {
    fn of(config: &GptConfig, end_of_text: u32) -> Self {
        Self {
            architectures: Some(vec!["GPT2LMHeadModel".to_owned()]),
            model_type: MODEL_TYPE.to_owned(),
            vocab_size: config.vocab_size as u32,
            n_positions: config.block_size as u32,
            n_layer: config.n_layer as u32,
            n_head: config.n_head as u32,
            n_embd: config.n_embd as u32,
            n_inner: Some(config.n_inner as u32),
            activation_function: activation(),
            embd_pdrop: config.embd_pdrop,
            attn_pdrop: config.attn_pdrop,
            resid_pdrop: config.resid_pdrop,
            layer_norm_epsilon: epsilon(),
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            add_cross_attention: false,
            tie_word_embeddings: true,
            bos_token_id: Some(end_of_text.into()),
            eos_token_id: Some(end_of_text.into()),
            dtype: Some("float32".to_owned()),
        }
    }

    fn shape(&self) -> GptConfig {
        GptConfig {
            vocab_size: self.vocab_size as usize,
            block_size: self.n_positions as usize,
            n_layer: self.n_layer as usize,
            n_head: self.n_head as usize,
            n_embd: self.n_embd as usize,
            n_inner: self.n_inner.map_or(4 * self.n_embd as usize, |n_inner| n_inner as usize),
            embd_pdrop: self.embd_pdrop,
            attn_pdrop: self.attn_pdrop,
            resid_pdrop: self.resid_pdrop,
        }
    }

    /// The first setting under which transformers would compute something else than [`Gpt`] does.
    fn unknown_setting(&self) -> Option<String> {
        let settings = [
            (ACTIVATIONS.contains(&self.activation_function.as_str()), {
                format!("activation_function {:?}: expected \"gelu_new\"", self.activation_function)
            }),
            (self.layer_norm_epsilon == epsilon(), {
                format!("layer_norm_epsilon {}: expected 0.00001", self.layer_norm_epsilon)
            }),
            (self.scale_attn_weights, "scale_attn_weights false: expected true".to_owned()),
            (!self.scale_attn_by_inverse_layer_idx, {
                "scale_attn_by_inverse_layer_idx true: expected false".to_owned()
            }),
            (!self.add_cross_attention, "add_cross_attention true: expected false".to_owned()),
            (self.tie_word_embeddings, "tie_word_embeddings false: expected true".to_owned()),
        ];
        settings.into_iter().find(|(is_ours, _)| !is_ours).map(|(_, setting)| setting)
    }
}

impl GptConfig {
    /// Reads the `config.json` of a GPT-2 in Hugging Face's layout. Settings that do not change what
    /// the model computes are passed over.
    ///
    /// # Errors
    /// [`WeightsError::Architecture`] where it is of another model, [`WeightsError::Config`] where it
    /// is damaged or of a GPT-2 that computes something else, [`WeightsError::Io`].
    pub fn read_hugging_face(path: &Path) -> Result<Self, WeightsError> {
        Self::of_hugging_face(path, &fs_err::read(path)?)
    }

    /// The same, of the bytes of the file `path`.
    fn of_hugging_face(path: &Path, json: &[u8]) -> Result<Self, WeightsError> {
        let refused = |reason: String| WeightsError::Config { path: path.to_owned(), reason };
        let json: Value =
            serde_json::from_slice(json).map_err(|error| refused(error.to_string()))?;
        if json["model_type"] != MODEL_TYPE {
            let found = json["model_type"].as_str().unwrap_or("not named").to_owned();
            return Err(WeightsError::Architecture { path: path.to_owned(), found });
        }
        let config: HuggingFaceConfig =
            serde_json::from_value(json).map_err(|error| refused(error.to_string()))?;
        if let Some(setting) = config.unknown_setting() {
            return Err(refused(setting));
        }
        let config = config.shape();
        config.validate().map_err(|error| refused(error.to_string()))?;
        Ok(config)
    }

    /// The same as [`read_hugging_face`](Self::read_hugging_face) reads, as indented JSON, for a
    /// tokenizer whose texts begin and end with the token `end_of_text`.
    pub fn to_hugging_face(&self, end_of_text: u32) -> String {
        let config = HuggingFaceConfig::of(self, end_of_text);
        serde_json::to_string_pretty(&config).expect("numbers and strings are JSON")
    }
}

impl Gpt {
    /// The GPT-2 in a folder of Hugging Face's layout, on `device`, and its shape: `config.json`
    /// beside `model.safetensors` or `pytorch_model.bin`, each whole or in parts with an index.
    /// Weights of 16 and 64 bits become 32.
    ///
    /// One tensor at a time is in memory besides the model. Nothing in a pickle is run.
    ///
    /// # Errors
    /// [`WeightsError`]: the folder's files are missing, damaged, or of another model.
    pub fn from_pretrained(
        folder: &Path,
        device: &Device,
    ) -> Result<(Self, GptConfig), WeightsError> {
        let config = GptConfig::read_hugging_face(&folder.join(CONFIG_FILE))?;
        let model = Weights::open(folder)?.into_model(&config, device)?;
        Ok((model, config))
    }

    /// As [`from_pretrained`](Self::from_pretrained), of the bytes of a `config.json` and of a
    /// `model.safetensors`: for where there are no files, as in a browser.
    ///
    /// # Errors
    /// [`WeightsError`]: one of them is damaged, or of another model.
    pub fn from_bytes(
        config: &[u8],
        weights: Vec<u8>,
        device: &Device,
    ) -> Result<(Self, GptConfig), WeightsError> {
        let config = GptConfig::of_hugging_face(Path::new(CONFIG_FILE), config)?;
        let model = Weights::of_bytes(weights)?.into_model(&config, device)?;
        Ok((model, config))
    }
}

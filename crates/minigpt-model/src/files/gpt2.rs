//! The layout of `model_type` `gpt2`. Its `config.json`: each of its fields is honoured, known to be harmless, or
//! refused by name.

#[cfg(test)]
mod tests;

use std::path::Path;

use minigpt_files::{Limit, excerpt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::WeightsError;
use super::fields::{is_off, shown};
use crate::model::config::GptConfig;

/// transformers writes 2 KB, and a line for each label of a classifier.
const CONFIG: Limit = Limit::new(1 << 20, "a model's configuration");

/// The one value of `model_type` that this crate knows.
const MODEL_TYPE: &str = "gpt2";

/// GPT-2's activation under the two names that transformers has for it: GELU in its tanh form.
const ACTIVATIONS: [&str; 2] = ["gelu_new", "gelu_pytorch_tanh"];

/// Ends of the names of the classes that are GPT-2 with its tied head, or without any head:
/// transformers has them for PyTorch, and had them for TensorFlow and Flax.
const ARCHITECTURES: [&str; 2] = ["GPT2LMHeadModel", "GPT2Model"];

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
    /// `4 * n_embd` where it is missing.
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
    /// What the weights are stored as; they say so themselves.
    dtype: Option<Value>,
}

/// The fields of [`HuggingFaceConfig`].
const HONOURED: [&str; 20] = [
    "activation_function",
    "add_cross_attention",
    "architectures",
    "attn_pdrop",
    "bos_token_id",
    "dtype",
    "embd_pdrop",
    "eos_token_id",
    "layer_norm_epsilon",
    "model_type",
    "n_embd",
    "n_head",
    "n_inner",
    "n_layer",
    "n_positions",
    "resid_pdrop",
    "scale_attn_by_inverse_layer_idx",
    "scale_attn_weights",
    "tie_word_embeddings",
    "vocab_size",
];

/// Other names that transformers has for fields of a `GPT2Config`.
const ALIASES: [(&str, &str); 4] = [
    ("hidden_size", "n_embd"),
    ("max_position_embeddings", "n_positions"),
    ("num_attention_heads", "n_head"),
    ("num_hidden_layers", "n_layer"),
];

/// Fields that change nothing of the probabilities of tokens.
const HARMLESS: &[&str] = &[
    // Where the model is from, and what it is made with.
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "attn_implementation",
    "finetuning_task",
    "initializer_range",
    "name_or_path",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    // How it is computed: the same results in another order, memory or precision.
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "gradient_checkpointing",
    "is_decoder",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "reorder_and_upcast_attn",
    "return_dict",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "torchscript",
    "use_bfloat16",
    "use_cache",
    "xla_device",
    // Heads for other tasks, and special tokens, of which the tokenizer knows.
    "_num_labels",
    "decoder_start_token_id",
    "eos_token_ids",
    "id2label",
    "label2id",
    "n_ctx",
    "n_special",
    "num_labels",
    "pad_token_id",
    "predict_special_tokens",
    "prefix",
    "problem_type",
    "sep_token_id",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "task_specific_params",
    // How text is written with it.
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
];

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
            architectures: Some(vec![ARCHITECTURES[0].to_owned()]),
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
            dtype: Some("float32".into()),
        }
    }

    /// The configuration in these fields. The error names the first that is not done here.
    fn read(mut fields: Map<String, Value>) -> Result<Self, String> {
        rename_aliases(&mut fields)?;
        let is_known = |name: &str| HONOURED.contains(&name) || HARMLESS.contains(&name);
        let mut others = fields.iter().filter(|(name, _)| !is_known(name));
        if let Some((name, found)) = others.find(|(_, value)| !is_off(value)) {
            let (name, found) = (excerpt(name), shown(found));
            return Err(format!(
                "{name} {found}: expected null, false or nothing, for it may change what the model computes; remove the field where it does not"
            ));
        }
        let config: Self = serde_json::from_value(Value::Object(fields))
            .map_err(|error| excerpt(&error.to_string()))?;
        match config.unknown_setting() {
            Some(setting) => Err(setting),
            None => Ok(config),
        }
    }

    fn shape(&self) -> GptConfig {
        let [vocab_size, n_positions, n_layer, n_head, n_embd] =
            [self.vocab_size, self.n_positions, self.n_layer, self.n_head, self.n_embd]
                .map(|size| size as usize);
        GptConfig {
            n_inner: self.n_inner.map_or(n_embd.saturating_mul(4), |n_inner| n_inner as usize),
            embd_pdrop: self.embd_pdrop,
            attn_pdrop: self.attn_pdrop,
            resid_pdrop: self.resid_pdrop,
            ..GptConfig::new(vocab_size, n_positions, n_layer, n_head, n_embd)
        }
    }

    /// The first setting under which transformers would compute something else than
    /// [`Gpt`](crate::Gpt) does.
    fn unknown_setting(&self) -> Option<String> {
        let is_ours = |name: &String| ARCHITECTURES.iter().any(|ours| name.ends_with(ours));
        let mut architectures = self.architectures.iter().flatten();
        if let Some(other) = architectures.find(|name| !is_ours(name)) {
            let found = excerpt(other);
            return Some(format!("architectures \"{found}\": expected GPT2LMHeadModel"));
        }
        let settings = [
            (ACTIVATIONS.contains(&self.activation_function.as_str()), {
                let found = excerpt(&self.activation_function);
                format!("activation_function \"{found}\": expected \"gelu_new\"")
            }),
            (self.layer_norm_epsilon == epsilon(), {
                let found = excerpt(&self.layer_norm_epsilon.to_string());
                format!("layer_norm_epsilon {found}: expected 0.00001")
            }),
            (self.scale_attn_weights, "scale_attn_weights false: expected true".to_owned()),
            (!self.scale_attn_by_inverse_layer_idx, {
                "scale_attn_by_inverse_layer_idx true: expected false".to_owned()
            }),
            (!self.add_cross_attention, "add_cross_attention true: expected false".to_owned()),
            (self.tie_word_embeddings, {
                "tie_word_embeddings false: expected true, a head tied to the token embedding"
                    .to_owned()
            }),
        ];
        settings.into_iter().find(|(is_ours, _)| !is_ours).map(|(_, setting)| setting)
    }
}

/// Gives fields that stand under another name their own.
fn rename_aliases(fields: &mut Map<String, Value>) -> Result<(), String> {
    for (alias, name) in ALIASES {
        let Some(value) = fields.remove(alias) else { continue };
        let found = fields.entry(name).or_insert_with(|| value.clone());
        if *found != value {
            let (value, found) = (shown(&value), shown(found));
            return Err(format!("{alias} {value} and {name} {found}: expected the same number"));
        }
    }
    Ok(())
}

/// Makes sure that GPT-2's layout says all that there is to say of a model.
///
/// # Errors
/// [`WeightsError::Layout`] with the first setting that it has no place for.
pub(super) fn check_layout(config: &GptConfig, path: &Path) -> Result<(), WeightsError> {
    let GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, .. } = *config;
    let gpt2 = GptConfig::new(vocab_size, block_size, n_layer, n_head, n_embd);
    let settings = [
        ("n_kv_head", config.n_kv_head() == gpt2.n_kv_head()),
        ("head_size", config.head_size() == gpt2.head_size()),
        ("mlp", config.mlp == gpt2.mlp),
        ("qk_norm", config.qk_norm == gpt2.qk_norm),
        ("tied", config.tied == gpt2.tied),
        ("norm", config.norm == gpt2.norm),
        ("position", config.position == gpt2.position),
        ("bias", config.bias == gpt2.bias),
    ];
    match settings.into_iter().find(|(_, is_gpt2s)| !is_gpt2s) {
        Some((setting, _)) => Err(WeightsError::Layout { path: path.to_owned(), setting }),
        None => Ok(()),
    }
}

impl GptConfig {
    /// Reads the `config.json` of a GPT-2 in Hugging Face's layout. Fields that do not change what the
    /// model computes are passed over.
    ///
    /// # Errors
    /// [`WeightsError::Architecture`] where it is of another model, [`WeightsError::Config`] where it
    /// is damaged or of a GPT-2 that computes something else, by the field's name; [`WeightsError::Io`].
    pub fn read_hugging_face(path: &Path) -> Result<Self, WeightsError> {
        Self::of_hugging_face(path, &minigpt_files::read(path, CONFIG)?)
    }

    /// The same, of the bytes of the file `path`.
    pub(crate) fn of_hugging_face(path: &Path, json: &[u8]) -> Result<Self, WeightsError> {
        let refused = |reason: String| WeightsError::Config { path: path.to_owned(), reason };
        let fields: Map<String, Value> =
            serde_json::from_slice(json).map_err(|error| refused(excerpt(&error.to_string())))?;
        let model_type = fields.get("model_type").and_then(Value::as_str);
        if model_type != Some(MODEL_TYPE) {
            let found = excerpt(model_type.unwrap_or("not named"));
            return Err(WeightsError::Architecture { path: path.to_owned(), found });
        }
        let config = HuggingFaceConfig::read(fields).map_err(refused)?.shape();
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

//! The `config.json` of Llama, Mistral, Qwen 2 and Qwen 3: each of its fields is honoured, known to be harmless, or
//! refused by name.

pub(crate) mod rope;
#[cfg(test)]
mod tests;

use minigpt_files::excerpt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::family::Family;
use super::fields::{check_classes, check_known, typed};
use super::special_ids::SpecialIds;
use crate::model::config::{
    BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig,
};

/// The fields of Hugging Face's `LlamaConfig` and its relatives' that decide what a model computes. Sizes are 32
/// bits wide, so that no product of two overflows.
#[derive(Debug, Serialize, Deserialize)]
struct HuggingFaceConfig {
    architectures: Option<Vec<String>>,
    model_type: String,
    vocab_size: u32,
    hidden_size: u32,
    intermediate_size: u32,
    num_hidden_layers: u32,
    num_attention_heads: u32,
    /// `num_attention_heads` where it is null.
    num_key_value_heads: Option<u32>,
    /// `hidden_size / num_attention_heads` where it is null.
    head_dim: Option<u32>,
    #[serde(default = "silu")]
    hidden_act: String,
    max_position_embeddings: u32,
    #[serde(default = "epsilon")]
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    /// In version 4 of transformers; in version 5 `rope_parameters`, which has `rope_theta` too.
    rope_scaling: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rope_parameters: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_rotary_factor: Option<f64>,
    /// Of queries, keys, values and the projection back; Llama's and Qwen 3's.
    #[serde(skip_serializing_if = "Option::is_none")]
    attention_bias: Option<bool>,
    /// Llama's.
    #[serde(skip_serializing_if = "Option::is_none")]
    mlp_bias: Option<bool>,
    attention_dropout: Option<f64>,
    #[serde(default)]
    tie_word_embeddings: bool,
    /// Mistral's, and Qwen's with `use_sliding_window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sliding_window: Option<u32>,
    /// Qwen's.
    #[serde(skip_serializing_if = "Option::is_none")]
    use_sliding_window: Option<bool>,
    /// Which layers attend to all positions, and which to the window; Qwen's.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer_types: Option<Vec<String>>,
    bos_token_id: Option<Value>,
    eos_token_id: Option<Value>,
    /// What the weights are stored as; they say so themselves.
    dtype: Option<Value>,
}

/// The fields of [`HuggingFaceConfig`] that all families have.
const HONOURED: [&str; 19] = [
    "architectures",
    "attention_dropout",
    "bos_token_id",
    "dtype",
    "eos_token_id",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "partial_rotary_factor",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
];

/// Those that all have too, and fields of some tools that change nothing.
const MORE: [&str; 4] =
    ["is_llama_config", "max_sequence_length", "tie_word_embeddings", "vocab_size"];

/// The names that transformers has for `x · sigmoid(x)`.
const ACTIVATIONS: [&str; 2] = ["silu", "swish"];

// What transformers has where a file says nothing.
fn silu() -> String {
    ACTIVATIONS[0].to_owned()
}

fn epsilon() -> f64 {
    1e-6
}

/// The fields that not all families have.
fn own_fields(family: Family) -> &'static [&'static str] {
    match family {
        Family::Gpt2 => &[],
        Family::Llama => &["attention_bias", "mlp_bias"],
        Family::Mistral => &["sliding_window"],
        // From which layer on there would be a window.
        Family::Qwen2 => {
            &["layer_types", "max_window_layers", "sliding_window", "use_sliding_window"]
        }
        Family::Qwen3 => &[
            "attention_bias",
            "layer_types",
            "max_window_layers",
            "sliding_window",
            "use_sliding_window",
        ],
    }
}

/// What transformers has where a file of the family says nothing.
fn defaults(family: Family) -> &'static [(&'static str, u32)] {
    match family {
        Family::Gpt2 | Family::Llama => &[],
        Family::Mistral => &[("num_key_value_heads", 8), ("sliding_window", 4096)],
        Family::Qwen2 => &[("num_key_value_heads", 32), ("sliding_window", 4096)],
        Family::Qwen3 => {
            &[("num_key_value_heads", 32), ("head_dim", 128), ("sliding_window", 4096)]
        }
    }
}

/// The shape in the fields of a family's `config.json`. The error names the first that is not done here.
pub(super) fn read(family: Family, mut fields: Map<String, Value>) -> Result<GptConfig, String> {
    check_known(&fields, &[&HONOURED[..], &MORE, own_fields(family)].concat())?;
    for (name, value) in defaults(family) {
        fields.entry(*name).or_insert_with(|| (*value).into());
    }
    let config: HuggingFaceConfig = typed(fields)?;
    config.check_settings(family)?;
    config.shape(family)
}

/// The fields of a model's `config.json`, whose texts have these special tokens. What is no model of the family
/// becomes one that is like it.
pub(super) fn write(
    family: Family,
    config: &GptConfig,
    ids: &SpecialIds,
) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&HuggingFaceConfig::of(family, config, ids))
}

impl HuggingFaceConfig {
    fn of(family: Family, config: &GptConfig, ids: &SpecialIds) -> Self {
        let rotary = match config.position {
            Position::Rotary(rotary) => rotary,
            Position::Learned => RotaryConfig { base: rope::BASE, scaling: None },
        };
        let has = |field: &str| own_fields(family).contains(&field);
        Self {
            architectures: Some(vec![format!("{}ForCausalLM", family.class())]),
            model_type: family.model_type().to_owned(),
            vocab_size: config.vocab_size as u32,
            hidden_size: config.n_embd as u32,
            intermediate_size: config.n_inner as u32,
            num_hidden_layers: config.n_layer as u32,
            num_attention_heads: config.n_head as u32,
            num_key_value_heads: Some(config.n_kv_head() as u32),
            head_dim: Some(config.head_size() as u32),
            hidden_act: silu(),
            max_position_embeddings: config.block_size as u32,
            rms_norm_eps: config.norm.epsilon,
            rope_theta: Some(rotary.base),
            rope_scaling: rotary.scaling.map(rope::write),
            rope_parameters: None,
            partial_rotary_factor: None,
            attention_bias: has("attention_bias").then_some(config.bias.attention),
            mlp_bias: has("mlp_bias").then_some(config.bias.mlp),
            attention_dropout: Some(config.attn_pdrop),
            tie_word_embeddings: config.tied,
            sliding_window: None,
            use_sliding_window: has("use_sliding_window").then_some(false),
            layer_types: None,
            bos_token_id: ids.bos(),
            eos_token_id: ids.eos(),
            dtype: Some("float32".into()),
        }
    }

    fn shape(&self, family: Family) -> Result<GptConfig, String> {
        let [vocab_size, block_size, n_layer, n_head, n_embd, n_inner] = [
            self.vocab_size,
            self.max_position_embeddings,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.hidden_size,
            self.intermediate_size,
        ]
        .map(|size| size as usize);
        let n_kv_head = self.num_key_value_heads.map(|heads| heads as usize);
        let head_size = self.head_dim.map(|size| size as usize);
        let is_biased = self.attention_bias.unwrap_or(false);
        let bias = BiasConfig {
            attention: is_biased || family == Family::Qwen2,
            attention_output: is_biased,
            mlp: self.mlp_bias.unwrap_or(false),
            norm: false,
        };
        let rotary = rope::Fields {
            theta: self.rope_theta,
            scaling: self.rope_scaling.as_ref(),
            parameters: self.rope_parameters.as_ref(),
        };
        Ok(GptConfig {
            n_inner,
            attn_pdrop: self.attention_dropout.unwrap_or(0.0),
            n_kv_head: n_kv_head.filter(|heads| *heads != n_head),
            head_size: head_size.filter(|size| n_head.checked_mul(*size) != Some(n_embd)),
            mlp: MlpKind::Swiglu,
            qk_norm: family == Family::Qwen3,
            tied: self.tie_word_embeddings,
            norm: NormConfig { kind: NormKind::RmsNorm, epsilon: self.rms_norm_eps },
            position: Position::Rotary(rotary.read(block_size)?),
            bias,
            ..GptConfig::new(vocab_size, block_size, n_layer, n_head, n_embd)
        })
    }

    /// The error is the first setting under which transformers would compute something else than
    /// [`Gpt`](crate::Gpt) does.
    fn check_settings(&self, family: Family) -> Result<(), String> {
        check_classes(self.architectures.as_deref(), family.class(), "ForCausalLM")?;
        if !ACTIVATIONS.contains(&self.hidden_act.as_str()) {
            let found = excerpt(&self.hidden_act);
            return Err(format!("hidden_act \"{found}\": expected \"silu\""));
        }
        if let Some(factor) = self.partial_rotary_factor.filter(|factor| *factor != 1.0) {
            return Err(format!("partial_rotary_factor {factor}: expected 1"));
        }
        let is_on = family == Family::Mistral || self.use_sliding_window.unwrap_or(false);
        let window = self.sliding_window.filter(|_| is_on);
        let context = self.max_position_embeddings;
        if let Some(window) = window.filter(|window| *window < context) {
            return Err(format!(
                "sliding_window {window}: expected null, or at least max_position_embeddings {context}"
            ));
        }
        let is_done = |kind: &str| {
            kind == "full_attention" || kind == "sliding_attention" && window.is_some()
        };
        let kinds = self.layer_types.iter().flatten();
        match kinds.into_iter().find(|kind| !is_done(kind)) {
            Some(kind) => {
                let found = excerpt(kind);
                Err(format!("layer_types \"{found}\": expected \"full_attention\""))
            }
            None => Ok(()),
        }
    }
}

//! The `config.json` of `model_type` `gpt2`: each of its fields is honoured, known to be harmless, or refused by name.

#[cfg(test)]
mod tests;

use minigpt_files::excerpt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fields::{SIZE, check_classes, check_known, shown, typed};
use super::special_ids::SpecialIds;
use crate::model::config::{GptConfig, MlpKind, NormConfig, NormKind};

/// The names that transformers has for activations: `gelu_new` is the tanh form.
const ACTIVATIONS: [(&str, MlpKind); 4] = [
    ("gelu_new", MlpKind::GeluTanh),
    ("gelu_pytorch_tanh", MlpKind::GeluTanh),
    ("gelu", MlpKind::GeluExact),
    ("relu2", MlpKind::ReluSquared),
];

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

// What transformers' GPT2Config has where its file says nothing.
fn activation() -> String {
    ACTIVATIONS[0].0.to_owned()
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

/// The shape in the fields of a `config.json`. The error names the first that is not done here.
pub(super) fn read(mut fields: Map<String, Value>) -> Result<GptConfig, String> {
    rename_aliases(&mut fields)?;
    check_known(&fields, &HONOURED)?;
    let config: HuggingFaceConfig = typed(fields)?;
    config.check_settings()?;
    config.shape()
}

/// The fields of a model's `config.json`, whose texts have these special tokens.
pub(super) fn write(config: &GptConfig, ids: &SpecialIds) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&HuggingFaceConfig::of(config, ids))
}

impl HuggingFaceConfig {
    fn of(config: &GptConfig, ids: &SpecialIds) -> Self {
        let activation = ACTIVATIONS.into_iter().find(|(_, kind)| *kind == config.mlp);
        Self {
            architectures: Some(vec!["GPT2LMHeadModel".to_owned()]),
            model_type: "gpt2".to_owned(),
            vocab_size: config.vocab_size as u32,
            n_positions: config.block_size as u32,
            n_layer: config.n_layer as u32,
            n_head: config.n_head as u32,
            n_embd: config.n_embd as u32,
            n_inner: Some(config.n_inner as u32),
            activation_function: activation.map_or(ACTIVATIONS[0].0, |(name, _)| name).to_owned(),
            embd_pdrop: config.embd_pdrop,
            attn_pdrop: config.attn_pdrop,
            resid_pdrop: config.resid_pdrop,
            layer_norm_epsilon: config.norm.epsilon,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: config.scale_attn_by_inverse_layer_idx,
            add_cross_attention: false,
            tie_word_embeddings: config.tied,
            bos_token_id: ids.bos(),
            eos_token_id: ids.eos(),
            dtype: Some("float32".into()),
        }
    }

    fn shape(&self) -> Result<GptConfig, String> {
        let [vocab_size, n_positions, n_layer, n_head, n_embd] =
            [self.vocab_size, self.n_positions, self.n_layer, self.n_head, self.n_embd]
                .map(|size| size as usize);
        let activation = self.activation_function.as_str();
        let (_, mlp) =
            ACTIVATIONS.into_iter().find(|(name, _)| *name == activation).ok_or_else(|| {
                let found = excerpt(activation);
                format!(
                    "activation_function \"{found}\": expected \"gelu_new\", \"gelu\" or \"relu2\""
                )
            })?;
        Ok(GptConfig {
            n_inner: self.n_inner.map_or(n_embd.saturating_mul(4), |n_inner| n_inner as usize),
            embd_pdrop: self.embd_pdrop,
            attn_pdrop: self.attn_pdrop,
            resid_pdrop: self.resid_pdrop,
            mlp,
            scale_attn_by_inverse_layer_idx: self.scale_attn_by_inverse_layer_idx,
            tied: self.tie_word_embeddings,
            norm: NormConfig { kind: NormKind::LayerNorm, epsilon: self.layer_norm_epsilon },
            ..GptConfig::new(vocab_size, n_positions, n_layer, n_head, n_embd)
        })
    }

    /// The error is the first setting under which transformers would compute something else than
    /// [`Gpt`](crate::Gpt) does.
    fn check_settings(&self) -> Result<(), String> {
        check_classes(self.architectures.as_deref(), "GPT2", "LMHeadModel")?;
        let settings = [
            ("scale_attn_weights", self.scale_attn_weights, true),
            ("add_cross_attention", self.add_cross_attention, false),
        ];
        match settings.into_iter().find(|(_, found, expected)| found != expected) {
            Some((name, found, expected)) => Err(format!("{name} {found}: expected {expected}")),
            None => Ok(()),
        }
    }
}

/// Gives fields that stand under another name their own.
fn rename_aliases(fields: &mut Map<String, Value>) -> Result<(), String> {
    for (alias, name) in ALIASES {
        let Some(value) = fields.remove(alias) else { continue };
        if !value.is_u64() {
            return Err(format!("{alias} {}: expected {SIZE}", shown(&value)));
        }
        let found = fields.entry(name).or_insert_with(|| value.clone());
        if *found != value {
            let (value, found) = (shown(&value), shown(found));
            return Err(format!("{alias} {value} and {name} {found}: expected the same number"));
        }
    }
    Ok(())
}

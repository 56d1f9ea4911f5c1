//! The families of models that other programs know, and which of them a configuration is one of.

use std::path::Path;

use super::error::WeightsError;
use super::layout::{GGUF_GPT2, GGUF_LLAMA, GGUF_QWEN, GPT2, LLAMA, Layout};
use crate::model::config::{BiasConfig, GptConfig, MlpKind, NormKind, Position, RotaryScaling};

/// A family of models that other programs know, by the value of `model_type` in its `config.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// GPT-2: learned positions.
    Gpt2,
    /// Llama: rotary positions, root-mean-square norms, gated perceptrons.
    Llama,
    /// Llama's computation under other names.
    Mistral,
    /// Llama's, with biases of queries, keys and values.
    Qwen2,
    /// Llama's, with norms of queries and keys.
    Qwen3,
}

/// A setting, and whether a family has it as it is.
type Setting = (&'static str, bool);

impl Family {
    const ALL: [Self; 5] = [Self::Gpt2, Self::Llama, Self::Mistral, Self::Qwen2, Self::Qwen3];

    /// The family's name for people, as `GPT-2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "GPT-2",
            Self::Llama => "Llama",
            Self::Mistral => "Mistral",
            Self::Qwen2 => "Qwen 2",
            Self::Qwen3 => "Qwen 3",
        }
    }

    /// The value of `model_type` in Hugging Face's `config.json`, as `gpt2`.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    /// What the names of transformers' classes begin with.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Gpt2 => "GPT2",
            Self::Llama => "Llama",
            Self::Mistral => "Mistral",
            Self::Qwen2 => "Qwen2",
            Self::Qwen3 => "Qwen3",
        }
    }

    /// The family of that `model_type`.
    pub(crate) fn named(model_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.model_type() == model_type)
    }

    /// The family that a model is of, or the one that is most like it.
    pub(crate) fn nearest(config: &GptConfig) -> Self {
        match config.position {
            Position::Learned => Self::Gpt2,
            Position::Rotary(_) if config.qk_norm => Self::Qwen3,
            Position::Rotary(_) if config.bias.attention && !config.bias.attention_output => {
                Self::Qwen2
            }
            Position::Rotary(_) => Self::Llama,
        }
    }

    /// The family of that shape, or `None` where no family's `config.json` says all that there is to say of it.
    ///
    /// ```
    /// use minigpt_model::{Family, GptConfig};
    ///
    /// let gpt2 = GptConfig::tiny(260);
    /// assert_eq!(Family::of_shape(&gpt2), Some(Family::Gpt2));
    /// let odd = GptConfig { qk_norm: true, ..gpt2 };
    /// assert_eq!(Family::of_shape(&odd), None);
    /// ```
    #[must_use]
    pub fn of_shape(config: &GptConfig) -> Option<Self> {
        Self::exact(config).ok()
    }

    /// The family whose `config.json` says all that there is to say of a model. The error is the nearest, and the
    /// first setting that it has no place for.
    pub(crate) fn exact(config: &GptConfig) -> Result<Self, (Self, &'static str)> {
        let family = Self::nearest(config);
        family.if_all(family.settings(config))
    }

    /// The same, for a file that is to be written.
    ///
    /// # Errors
    /// [`WeightsError::Layout`].
    pub(crate) fn of(config: &GptConfig, path: &Path) -> Result<Self, WeightsError> {
        Self::exact(config).map_err(|unsaid| layout_error(unsaid, path))
    }

    /// As [`of`](Self::of), for llama.cpp, which has fewer choices within a family.
    pub(crate) fn of_gguf(config: &GptConfig, path: &Path) -> Result<Self, WeightsError> {
        let family = Self::of(config, path)?;
        let scaling = match config.position {
            Position::Learned => None,
            Position::Rotary(rotary) => rotary.scaling,
        };
        let is_like_llama3 = matches!(scaling, Some(RotaryScaling::Llama3 { .. }));
        let settings = match family {
            Self::Gpt2 => vec![("mlp", config.mlp == MlpKind::GeluTanh), undivided(config)],
            Self::Llama | Self::Mistral => vec![],
            Self::Qwen2 => vec![("position.rotary.scaling", !is_like_llama3)],
            Self::Qwen3 => vec![
                ("position.rotary.scaling", !is_like_llama3),
                ("bias", config.bias == BiasConfig::NONE),
            ],
        };
        family.if_all(settings).map_err(|unsaid| layout_error(unsaid, path))
    }

    fn if_all(self, settings: Vec<Setting>) -> Result<Self, (Self, &'static str)> {
        match settings.into_iter().find(|(_, is_said)| !is_said) {
            None => Ok(self),
            Some((setting, _)) => Err((self, setting)),
        }
    }

    /// What the family's files cannot all say.
    fn settings(self, config: &GptConfig) -> Vec<Setting> {
        let bias = config.bias;
        if self == Self::Gpt2 {
            let GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, .. } = *config;
            let gpt2 = GptConfig::new(vocab_size, block_size, n_layer, n_head, n_embd);
            return vec![
                ("n_kv_head", config.n_kv_head() == n_head),
                ("head_size", config.head_size() == gpt2.head_size()),
                ("mlp", config.mlp != MlpKind::Swiglu),
                ("qk_norm", !config.qk_norm),
                ("norm", config.norm.kind == NormKind::LayerNorm),
                ("bias", bias == gpt2.bias),
            ];
        }
        let is_bias = match self {
            Self::Qwen2 => bias == BiasConfig { attention: true, ..BiasConfig::NONE },
            Self::Qwen3 => bias.attention == bias.attention_output && !bias.mlp && !bias.norm,
            _ => bias.attention == bias.attention_output && !bias.norm,
        };
        vec![
            ("norm", config.norm.kind == NormKind::RmsNorm),
            ("mlp", config.mlp == MlpKind::Swiglu),
            undivided(config),
            ("bias", is_bias),
        ]
    }

    /// How transformers stores its parameters.
    pub(crate) fn layout(self) -> &'static Layout {
        match self {
            Self::Gpt2 => &GPT2,
            Self::Llama | Self::Mistral | Self::Qwen2 | Self::Qwen3 => &LLAMA,
        }
    }

    /// How llama.cpp does.
    pub(crate) fn gguf_layout(self) -> &'static Layout {
        match self {
            Self::Gpt2 => &GGUF_GPT2,
            Self::Llama | Self::Mistral => &GGUF_LLAMA,
            Self::Qwen2 | Self::Qwen3 => &GGUF_QWEN,
        }
    }
}

fn undivided(config: &GptConfig) -> Setting {
    ("scale_attn_by_inverse_layer_idx", !config.scale_attn_by_inverse_layer_idx)
}

fn layout_error((family, setting): (Family, &'static str), path: &Path) -> WeightsError {
    WeightsError::Layout { path: path.to_owned(), family: family.model_type(), setting }
}

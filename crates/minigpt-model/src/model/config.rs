//! The shape of a GPT as data: configuration, presets, validation.

mod parts;
mod presets;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use parts::{BiasConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig, RotaryScaling};

/// The shape of a GPT and its dropout rates.
///
/// The field names are GPT-2's. What comes after the dropout rates are the choices in which GPT-2's
/// relatives differ from it; their defaults are GPT-2's and are not written into files, so that a
/// GPT-2 of today is one of yesterday. A configuration that came from outside the program must pass
/// [`validate`](Self::validate); [`Gpt::init`](crate::Gpt::init) does it again.
///
/// ```
/// use minigpt_model::{BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig};
///
/// // As Llama: half as many keys and values as queries.
/// let config = GptConfig {
///     n_kv_head: Some(2),
///     n_inner: 172,
///     norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
///     position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
///     mlp: MlpKind::Swiglu,
///     bias: BiasConfig::NONE,
///     tied: false,
///     ..GptConfig::new(256, 32, 2, 4, 64)
/// };
/// config.validate()?;
/// # Ok::<(), minigpt_model::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GptConfig {
    /// Number of token ids the model knows, the width of its logits.
    pub vocab_size: usize,
    /// Longest context, in tokens (GPT-2's `n_positions`).
    pub block_size: usize,
    /// Number of transformer blocks.
    pub n_layer: usize,
    /// Number of attention heads in a block; divides `n_embd` where there is no `head_size`.
    pub n_head: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Width of the hidden layer of the multilayer perceptron, `4 * n_embd` in GPT-2.
    pub n_inner: usize,
    /// Probability that a value is dropped after the embeddings, while training. In `[0, 1)`.
    pub embd_pdrop: f64,
    /// Probability that an attention weight is dropped, while training. In `[0, 1)`.
    pub attn_pdrop: f64,
    /// Probability that a value of a residual branch is dropped, while training. In `[0, 1)`.
    pub resid_pdrop: f64,
    /// Number of heads of keys and values, each of which serves as many heads of queries ([Ainslie et al.,
    /// 2023](https://arxiv.org/abs/2305.13245)); divides `n_head`, which it is where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_kv_head: Option<usize>,
    /// Width of an attention head, `n_embd / n_head` where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_size: Option<usize>,
    /// What the perceptron does between its two matrices.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mlp: MlpKind,
    /// Whether queries and keys are normalised, head by head ([Henry et al.,
    /// 2020](https://arxiv.org/abs/2010.04245)).
    #[serde(default, skip_serializing_if = "is_default")]
    pub qk_norm: bool,
    /// Whether the scores of the attention are divided by the number of their block too, counted from 1, as in
    /// [Mistral's](https://github.com/stanford-crfm/mistral) GPT-2s.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether the head is the token embedding ([Press and Wolf, 2017](https://arxiv.org/abs/1608.05859)),
    /// or a matrix of its own, `lm_head`.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub tied: bool,
    /// How vectors are normalised.
    #[serde(default, skip_serializing_if = "is_default")]
    pub norm: NormConfig,
    /// How the model knows where a token is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub position: Position,
    /// Which layers have a bias.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bias: BiasConfig,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

/// Why a [`GptConfig`] is invalid: the field, what it says and what is expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A size that must be at least one is zero.
    #[error("{field} is 0: expected at least 1")]
    Zero {
        /// The field's name.
        field: &'static str,
    },
    /// The heads do not share the width evenly.
    #[error(
        "n_embd {n_embd} is not divisible by n_head {n_head}: choose a multiple of {n_head}, or another number of heads"
    )]
    UnevenHeads {
        /// Width of the residual stream.
        n_embd: usize,
        /// Number of heads.
        n_head: usize,
    },
    /// The heads of queries do not share those of keys and values evenly.
    #[error(
        "n_head {n_head} is not divisible by n_kv_head {n_kv_head}: choose a divisor of {n_head}"
    )]
    UnevenGroups {
        /// Number of heads of queries.
        n_head: usize,
        /// Number of heads of keys and values.
        n_kv_head: usize,
    },
    /// A dropout rate is no probability below one.
    #[error("{field} {rate} is out of range: expected 0 <= {field} < 1")]
    Dropout {
        /// The field's name.
        field: &'static str,
        /// The rate given.
        rate: f64,
    },
    /// A setting has no meaning, by itself or with another one.
    #[error("{field} {found}: expected {expected}")]
    Setting {
        /// The field's name.
        field: &'static str,
        /// What it is.
        found: String,
        /// What it could be.
        expected: &'static str,
    },
    /// A size is beyond what its kind can be.
    #[error("{field} {size} is too large: expected at most {max}")]
    TooLarge {
        /// The field's name.
        field: &'static str,
        /// The size given.
        size: usize,
        /// The largest there may be.
        max: u64,
    },
    /// The sizes together make a model that no single device holds.
    #[error(
        "the model would have more than {max} parameters: choose a smaller vocab_size, block_size, n_layer, n_embd or n_inner",
        max = GptConfig::MAX_PARAMETERS
    )]
    TooManyParameters,
    /// No preset has this name.
    #[error("unknown model preset `{name}`: expected one of {known}", known = GptConfig::PRESETS.join(", "))]
    UnknownPreset {
        /// The name given.
        name: String,
    },
}

impl GptConfig {
    /// Most parameters a model may have: ten billion, 160 GB of weights,
    /// gradients and AdamW's moments in `f32`. More trains on no single device, and a mistyped size
    /// is better refused than left to an allocator, which ends the program.
    pub const MAX_PARAMETERS: u64 = 10_000_000_000;

    /// Most blocks: the deepest published transformers have a thousand.
    const MAX_LAYERS: u64 = 10_000;

    /// A GPT-2 of these sizes, with its hidden width of `4 * n_embd` and no dropout.
    #[must_use]
    pub fn new(
        vocab_size: usize,
        block_size: usize,
        n_layer: usize,
        n_head: usize,
        n_embd: usize,
    ) -> Self {
        Self {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            n_inner: n_embd.saturating_mul(4),
            embd_pdrop: 0.0,
            attn_pdrop: 0.0,
            resid_pdrop: 0.0,
            n_kv_head: None,
            head_size: None,
            mlp: MlpKind::default(),
            qk_norm: false,
            scale_attn_by_inverse_layer_idx: false,
            tied: true,
            norm: NormConfig::default(),
            position: Position::default(),
            bias: BiasConfig::default(),
        }
    }

    /// The same shape with one dropout rate in all three places.
    #[must_use]
    pub fn with_dropout(self, rate: f64) -> Self {
        Self { embd_pdrop: rate, attn_pdrop: rate, resid_pdrop: rate, ..self }
    }

    /// Width of one attention head; 0 of a configuration without heads, which is invalid.
    #[must_use]
    pub fn head_size(&self) -> usize {
        self.head_size.unwrap_or(self.n_embd.checked_div(self.n_head).unwrap_or(0))
    }

    /// Number of heads of keys and values.
    #[must_use]
    pub fn n_kv_head(&self) -> usize {
        self.n_kv_head.unwrap_or(self.n_head)
    }

    /// Checks that the configuration describes a model.
    ///
    /// # Errors
    /// The first [`ConfigError`] found: of sizes in the order of the fields, then of the rest.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_sizes()?;
        self.check_rates()?;
        self.check_norms()?;
        match self.position {
            Position::Learned => Ok(()),
            Position::Rotary(rotary) => self.check_rotary(rotary),
        }
    }

    fn check_sizes(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("block_size", self.block_size),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
            ("n_embd", self.n_embd),
            ("n_inner", self.n_inner),
            ("n_kv_head", self.n_kv_head.unwrap_or(1)),
            ("head_size", self.head_size.unwrap_or(1)),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(ConfigError::Zero { field });
        }
        let limit = |field: &str| match field {
            // The devices' token ids have 32 bits.
            "vocab_size" => i32::MAX as u64,
            "n_layer" => Self::MAX_LAYERS,
            _ => Self::MAX_PARAMETERS,
        };
        for (field, size) in sizes {
            let max = limit(field);
            if size as u64 > max {
                return Err(ConfigError::TooLarge { field, size, max });
            }
        }
        if self.wide_parameter_count() > u128::from(Self::MAX_PARAMETERS) {
            return Err(ConfigError::TooManyParameters);
        }
        let (n_embd, n_head, n_kv_head) = (self.n_embd, self.n_head, self.n_kv_head());
        if self.head_size.is_none() && !n_embd.is_multiple_of(n_head) {
            return Err(ConfigError::UnevenHeads { n_embd, n_head });
        }
        if !n_head.is_multiple_of(n_kv_head) {
            return Err(ConfigError::UnevenGroups { n_head, n_kv_head });
        }
        Ok(())
    }

    fn check_rates(&self) -> Result<(), ConfigError> {
        let rates = [
            ("embd_pdrop", self.embd_pdrop),
            ("attn_pdrop", self.attn_pdrop),
            ("resid_pdrop", self.resid_pdrop),
        ];
        match rates.into_iter().find(|(_, rate)| !(0.0..1.0).contains(rate)) {
            Some((field, rate)) => Err(ConfigError::Dropout { field, rate }),
            None => Ok(()),
        }
    }

    fn check_norms(&self) -> Result<(), ConfigError> {
        let epsilon = self.norm.epsilon;
        if !(epsilon > 0.0 && epsilon < 1.0) {
            let (found, expected) = (epsilon.to_string(), "a number between 0 and 1");
            return Err(ConfigError::Setting { field: "norm.epsilon", found, expected });
        }
        if self.norm.kind == NormKind::RmsNorm && self.bias.norm {
            let expected = "false, because rms_norm has no bias";
            let found = "true".to_owned();
            return Err(ConfigError::Setting { field: "bias.norm", found, expected });
        }
        Ok(())
    }

    fn check_rotary(&self, rotary: RotaryConfig) -> Result<(), ConfigError> {
        let setting = |holds: bool, field, found: f64, expected| match holds {
            true => Ok(()),
            false => Err(ConfigError::Setting { field, found: found.to_string(), expected }),
        };
        let head_size = self.head_size();
        let even = "an even number, because rotary positions turn pairs";
        setting(head_size.is_multiple_of(2), "head_size", head_size as f64, even)?;
        let (base, is_base) = (rotary.base, rotary.base > 1.0 && rotary.base.is_finite());
        setting(is_base, "position.rotary.base", base, "a number above 1")?;
        let (RotaryScaling::Linear { factor } | RotaryScaling::Llama3 { factor, .. }) =
            rotary.scaling.unwrap_or(RotaryScaling::Linear { factor: 1.0 });
        let is_factor = factor >= 1.0 && factor.is_finite();
        setting(is_factor, "position.rotary.scaling.factor", factor, "a number of at least 1")?;
        if let Some(RotaryScaling::Llama3 {
            low_freq_factor: low,
            high_freq_factor: high,
            original_context: context,
            ..
        }) = rotary.scaling
        {
            let [low_field, high_field, context_field] = [
                "position.rotary.scaling.low_freq_factor",
                "position.rotary.scaling.high_freq_factor",
                "position.rotary.scaling.original_context",
            ];
            setting(low > 0.0 && low.is_finite(), low_field, low, "a number above 0")?;
            let is_high = high > low && high.is_finite();
            setting(is_high, high_field, high, "a number above low_freq_factor")?;
            setting(context > 0, context_field, 0.0, "at least 1")?;
        }
        Ok(())
    }
}

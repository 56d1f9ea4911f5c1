//! The shape of a GPT: configuration, presets, validation.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// The shape of a GPT and its dropout rates.
///
/// The field names are GPT-2's. A configuration that came from outside the program must pass
/// [`validate`](Self::validate); [`Gpt::init`](crate::Gpt::init) does it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GptConfig {
    /// Number of token ids the model knows, the width of its logits.
    pub vocab_size: usize,
    /// Longest context, in tokens (GPT-2's `n_positions`).
    pub block_size: usize,
    /// Number of transformer blocks.
    pub n_layer: usize,
    /// Number of attention heads in a block; divides `n_embd`.
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
}

/// A [`GptConfig`] that describes no model.
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
    /// A dropout rate is no probability below one.
    #[error("{field} {rate} is out of range: expected 0 <= {field} < 1")]
    Dropout {
        /// The field's name.
        field: &'static str,
        /// The rate given.
        rate: f64,
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

/// Number of token ids of GPT-2's tokenizer.
const GPT2_VOCAB_SIZE: usize = 50_257;

impl GptConfig {
    /// Most parameters a model may have: ten billion, 160 GB of weights,
    /// gradients and AdamW's moments in `f32`. More trains on no single device, and a mistyped size
    /// is better refused than left to an allocator, which ends the program.
    pub const MAX_PARAMETERS: u64 = 10_000_000_000;

    /// Most blocks: the deepest published transformers have a thousand.
    const MAX_LAYERS: u64 = 10_000;

    /// The names that [`preset`](Self::preset) knows.
    pub const PRESETS: [&'static str; 7] =
        ["tiny", "small", "mini", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"];

    /// The preset of that name, with the vocabulary of a given tokenizer.
    ///
    /// # Errors
    /// [`ConfigError::UnknownPreset`].
    pub fn preset(name: &str, vocab_size: usize) -> Result<Self, ConfigError> {
        let config = match name {
            "tiny" => Self::tiny(vocab_size),
            "small" => Self::small(vocab_size),
            "mini" => Self::mini(vocab_size),
            "gpt2" => Self::gpt2(),
            "gpt2-medium" => Self::gpt2_medium(),
            "gpt2-large" => Self::gpt2_large(),
            "gpt2-xl" => Self::gpt2_xl(),
            _ => return Err(ConfigError::UnknownPreset { name: name.to_owned() }),
        };
        Ok(Self { vocab_size, ..config })
    }

    /// Two narrow layers: trains in seconds on one core, for tests and first contact.
    pub fn tiny(vocab_size: usize) -> Self {
        Self::new(vocab_size, 32, 2, 4, 64)
    }

    /// Four layers, 128 wide: what two CPU cores train to readable text in minutes.
    pub fn small(vocab_size: usize) -> Self {
        Self::new(vocab_size, 64, 4, 4, 128)
    }

    /// The article's mini-GPT: 4 layers, 256 wide, 8 heads, 128 context, dropout 0.1.
    pub fn mini(vocab_size: usize) -> Self {
        Self::new(vocab_size, 128, 4, 8, 256).with_dropout(0.1)
    }

    /// GPT-2 small, 124 million parameters. Sizes of the family: table 2 of
    /// [Radford et al., 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf).
    pub fn gpt2() -> Self {
        Self::gpt2_family(12, 12, 768)
    }

    /// GPT-2 medium, 355 million parameters.
    pub fn gpt2_medium() -> Self {
        Self::gpt2_family(24, 16, 1024)
    }

    /// GPT-2 large, 774 million parameters.
    pub fn gpt2_large() -> Self {
        Self::gpt2_family(36, 20, 1280)
    }

    /// GPT-2 XL, 1.6 billion parameters.
    pub fn gpt2_xl() -> Self {
        Self::gpt2_family(48, 25, 1600)
    }

    fn gpt2_family(n_layer: usize, n_head: usize, n_embd: usize) -> Self {
        Self::new(GPT2_VOCAB_SIZE, 1024, n_layer, n_head, n_embd).with_dropout(0.1)
    }

    /// A GPT with GPT-2's hidden width of `4 * n_embd` and no dropout.
    pub fn new(
        vocab_size: usize,
        block_size: usize,
        n_layer: usize,
        n_head: usize,
        n_embd: usize,
    ) -> Self {
        let n_inner = 4 * n_embd;
        let (embd_pdrop, attn_pdrop, resid_pdrop) = (0.0, 0.0, 0.0);
        Self {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            n_inner,
            embd_pdrop,
            attn_pdrop,
            resid_pdrop,
        }
    }

    /// The same shape with one dropout rate in all three places.
    #[must_use]
    pub fn with_dropout(self, rate: f64) -> Self {
        Self { embd_pdrop: rate, attn_pdrop: rate, resid_pdrop: rate, ..self }
    }

    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.n_embd / self.n_head
    }

    /// Checks that the configuration describes a model.
    ///
    /// # Errors
    /// The first [`ConfigError`] found, in the order of the fields.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("block_size", self.block_size),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
            ("n_embd", self.n_embd),
            ("n_inner", self.n_inner),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(ConfigError::Zero { field });
        }
        let limits = [
            // The devices' token ids have 32 bits.
            ("vocab_size", self.vocab_size, i32::MAX as u64),
            ("block_size", self.block_size, Self::MAX_PARAMETERS),
            ("n_layer", self.n_layer, Self::MAX_LAYERS),
            ("n_head", self.n_head, Self::MAX_PARAMETERS),
            ("n_embd", self.n_embd, Self::MAX_PARAMETERS),
            ("n_inner", self.n_inner, Self::MAX_PARAMETERS),
        ];
        if let Some((field, size, max)) =
            limits.into_iter().find(|(_, size, max)| *size as u64 > *max)
        {
            return Err(ConfigError::TooLarge { field, size, max });
        }
        if self.wide_parameter_count() > u128::from(Self::MAX_PARAMETERS) {
            return Err(ConfigError::TooManyParameters);
        }
        if !self.n_embd.is_multiple_of(self.n_head) {
            return Err(ConfigError::UnevenHeads { n_embd: self.n_embd, n_head: self.n_head });
        }
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

    /// The sum of [`parameter_counts`](Self::parameter_counts), of sizes within their own limits but
    /// not yet within the common one: that sum fits no `usize`.
    fn wide_parameter_count(&self) -> u128 {
        let wide = |size: usize| size as u128;
        let [c, inner] = [self.n_embd, self.n_inner].map(wide);
        let block = 4 * c * (c + 1) + 2 * c * inner + inner + c + 4 * c;
        c * (wide(self.vocab_size) + wide(self.block_size)) + wide(self.n_layer) * block + 2 * c
    }

    /// Number of parameters, part by part, without building the model.
    ///
    /// The sizes must be [valid](Self::validate).
    pub fn parameter_counts(&self) -> ParameterCounts {
        let (c, inner) = (self.n_embd, self.n_inner);
        let linear = |from: usize, to: usize| from * to + to;
        ParameterCounts {
            wte: self.vocab_size * c,
            wpe: self.block_size * c,
            attention: self.n_layer * (linear(c, 3 * c) + linear(c, c)),
            mlp: self.n_layer * (linear(c, inner) + linear(inner, c)),
            layer_norms: (2 * self.n_layer + 1) * 2 * c,
        }
    }
}

/// Number of parameters in each part of a model. The head is tied to `wte` and counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ParameterCounts {
    /// Token embedding and output head.
    pub wte: usize,
    /// Position embedding.
    pub wpe: usize,
    /// `c_attn` and `c_proj` of all blocks.
    pub attention: usize,
    /// `c_fc` and `c_proj` of all blocks.
    pub mlp: usize,
    /// `ln_1` and `ln_2` of all blocks, and `ln_f`.
    pub layer_norms: usize,
}

impl ParameterCounts {
    /// All parameters.
    pub fn total(&self) -> usize {
        self.wte + self.wpe + self.attention + self.mlp + self.layer_norms
    }
}

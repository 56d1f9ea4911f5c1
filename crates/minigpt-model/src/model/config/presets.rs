//! Shapes by name.

use super::{
    BiasConfig, ConfigError, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig,
};

/// Number of token ids of GPT-2's tokenizer.
const GPT2_VOCAB_SIZE: usize = 50_257;

/// Number of token ids of SmolLM2's tokenizer.
const SMOLLM2_VOCAB_SIZE: usize = 49_152;

impl GptConfig {
    /// The names that [`preset`](Self::preset) knows.
    pub const PRESETS: [&'static str; 13] = [
        "tiny",
        "small",
        "mini",
        "tiny-llama",
        "small-llama",
        "mini-llama",
        "gpt2",
        "gpt2-medium",
        "gpt2-large",
        "gpt2-xl",
        "smollm2-135m",
        "smollm2-360m",
        "smollm2-1.7b",
    ];

    /// The preset of that name, with the vocabulary of a given tokenizer.
    ///
    /// # Errors
    /// [`ConfigError::UnknownPreset`].
    pub fn preset(name: &str, vocab_size: usize) -> Result<Self, ConfigError> {
        let config = match name {
            "tiny" => Self::tiny(vocab_size),
            "small" => Self::small(vocab_size),
            "mini" => Self::mini(vocab_size),
            "tiny-llama" => Self::tiny(vocab_size).as_llama(),
            "small-llama" => Self::small(vocab_size).as_llama(),
            "mini-llama" => Self::mini(vocab_size).as_llama(),
            _ => Self::published(name)
                .ok_or_else(|| ConfigError::UnknownPreset { name: name.to_owned() })?,
        };
        Ok(Self { vocab_size, ..config })
    }

    /// The preset of that name with its own vocabulary, if it is the shape of a published model.
    #[must_use]
    pub fn published(name: &str) -> Option<Self> {
        match name {
            "gpt2" => Some(Self::gpt2()),
            "gpt2-medium" => Some(Self::gpt2_medium()),
            "gpt2-large" => Some(Self::gpt2_large()),
            "gpt2-xl" => Some(Self::gpt2_xl()),
            "smollm2-135m" => Some(Self::smollm2_135m()),
            "smollm2-360m" => Some(Self::smollm2_360m()),
            "smollm2-1.7b" => Some(Self::smollm2_1_7b()),
            _ => None,
        }
    }

    /// Two narrow layers: trains in seconds on one core, for tests and first contact.
    #[must_use]
    pub fn tiny(vocab_size: usize) -> Self {
        Self::new(vocab_size, 32, 2, 4, 64)
    }

    /// Four layers, 128 wide: what two CPU cores train to readable text in minutes.
    #[must_use]
    pub fn small(vocab_size: usize) -> Self {
        Self::new(vocab_size, 64, 4, 4, 128)
    }

    /// The tutorial's mini-GPT: 4 layers, 256 wide, 8 heads, 128 context, dropout 0.1.
    #[must_use]
    pub fn mini(vocab_size: usize) -> Self {
        Self::new(vocab_size, 128, 4, 8, 256).with_dropout(0.1)
    }

    /// GPT-2 small, 124 million parameters. Sizes of the family: table 2 of
    /// [Radford et al., 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf).
    #[must_use]
    pub fn gpt2() -> Self {
        Self::gpt2_family(12, 12, 768)
    }

    /// GPT-2 medium: 355 million parameters, 24 blocks, 1024 wide.
    #[must_use]
    pub fn gpt2_medium() -> Self {
        Self::gpt2_family(24, 16, 1024)
    }

    /// GPT-2 large: 774 million parameters, 36 blocks, 1280 wide.
    #[must_use]
    pub fn gpt2_large() -> Self {
        Self::gpt2_family(36, 20, 1280)
    }

    /// GPT-2 XL: 1.6 billion parameters, 48 blocks, 1600 wide.
    #[must_use]
    pub fn gpt2_xl() -> Self {
        Self::gpt2_family(48, 25, 1600)
    }

    fn gpt2_family(n_layer: usize, n_head: usize, n_embd: usize) -> Self {
        Self::new(GPT2_VOCAB_SIZE, 1024, n_layer, n_head, n_embd).with_dropout(0.1)
    }

    /// This size in today's shape: RMSNorm, rotary positions, SwiGLU, half as many heads of keys and values
    /// as of queries (as many where their number is odd), no biases.
    ///
    /// Where it is even, the matrices of a block have exactly as many weights as those of a GPT-2 whose
    /// perceptron is four times as wide as it is: halved keys and values save `n_embd²`, which the third matrix
    /// of a perceptron `3 * n_embd` wide takes. What is left out are the positions and biases.
    ///
    /// ```
    /// use minigpt_model::GptConfig;
    ///
    /// let (mini, llama) = (GptConfig::mini(50_257), GptConfig::mini(50_257).as_llama());
    /// let total = |config: &GptConfig| config.parameter_counts().total();
    /// assert_eq!((total(&mini), total(&llama)), (16_058_112, 16_013_824));
    /// ```
    #[must_use]
    pub fn as_llama(self) -> Self {
        Self {
            n_inner: 3 * self.n_embd,
            n_kv_head: self.n_head.is_multiple_of(2).then_some(self.n_head / 2),
            norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
            position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
            mlp: MlpKind::Swiglu,
            bias: BiasConfig::NONE,
            ..self
        }
    }

    /// SmolLM2 of 135 million parameters. Sizes of the family: the `config.json` of each model of
    /// [Allal et al., 2025](https://arxiv.org/abs/2502.02737).
    #[must_use]
    pub fn smollm2_135m() -> Self {
        Self::smollm2_family(30, [9, 3], [576, 1536], 100_000.0)
    }

    /// SmolLM2 of 360 million parameters: a Llama of 32 blocks, 960 wide ([Allal et al.,
    /// 2025](https://arxiv.org/abs/2502.02737)).
    #[must_use]
    pub fn smollm2_360m() -> Self {
        Self::smollm2_family(32, [15, 5], [960, 2560], 100_000.0)
    }

    /// SmolLM2 of 1.7 billion parameters: a Llama of 24 blocks, 2048 wide ([Allal et al.,
    /// 2025](https://arxiv.org/abs/2502.02737)).
    #[must_use]
    pub fn smollm2_1_7b() -> Self {
        Self::smollm2_family(24, [32, 32], [2048, 8192], 130_000.0)
    }

    fn smollm2_family(
        n_layer: usize,
        [n_head, n_kv_head]: [usize; 2],
        [n_embd, n_inner]: [usize; 2],
        base: f64,
    ) -> Self {
        Self {
            n_inner,
            n_kv_head: (n_kv_head != n_head).then_some(n_kv_head),
            position: Position::Rotary(RotaryConfig { base, scaling: None }),
            ..Self::new(SMOLLM2_VOCAB_SIZE, 8192, n_layer, n_head, n_embd).as_llama()
        }
    }
}

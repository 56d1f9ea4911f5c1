//! Shapes by name.

use super::{ConfigError, GptConfig};

/// Number of token ids of GPT-2's tokenizer.
const GPT2_VOCAB_SIZE: usize = 50_257;

impl GptConfig {
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
}

//! What can go wrong with a model and its tokenizer.

use std::path::PathBuf;

use minigpt_data::DataError;
use minigpt_gguf::GgufError;
use minigpt_model::{GenerateError, PromptError, SamplingError, WeightsError};

use crate::grammar::GrammarError;
use crate::tools::ToolsError;

/// What can go wrong with a model and its tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The text or the tokenizer is not usable.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A prompt does not fit the model.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The sampling policy is invalid.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// Texts cannot be made to keep to a JSON schema.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// A conversation cannot have these tools.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// A GGUF file is damaged, or lacks what is needed.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A GGUF file's tokenizer does what ours do not.
    #[error(
        "{path}: {key} is {found}, which may change a text's token ids: expected 0, false or no such key"
    )]
    TokenizerKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Kind and value.
        found: String,
    },
    /// A generation configuration is damaged, or asks for what cannot be.
    #[error("{path} is not a usable generation configuration: {reason}")]
    GenerationConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model's weights cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A prompt and the tokens to record after it do not fit the context.
    #[error(
        "{prompt} tokens of prompt and {tokens} to record need a context of {}, and the model's \
         context is {block_size}: shorten the prompt or record fewer tokens",
        prompt + tokens - 1
    )]
    Recording {
        /// Tokens in the prompt.
        prompt: usize,
        /// Tokens to record.
        tokens: usize,
        /// The model's context.
        block_size: usize,
    },
    /// A text does not fit a classifier's context.
    #[error(
        "text {number} has {tokens} tokens, end-of-text token included, and the model's context is {block_size}: shorten the text"
    )]
    TextTooLong {
        /// Which of the texts, counted from 1.
        number: usize,
        /// Its tokens.
        tokens: usize,
        /// The model's context.
        block_size: usize,
    },
    /// A model folder's tokenizer has ids that its model does not know.
    #[error(
        "{path}: the tokenizer has {ids} ids and the model's vocabulary {vocab_size}: expected the model's own tokenizer"
    )]
    TokenizerTooLarge {
        /// The folder.
        path: PathBuf,
        /// Ids of the tokenizer.
        ids: usize,
        /// Ids that the model knows.
        vocab_size: usize,
    },
    /// Something is where a model shall be exported to.
    #[error("{path} already exists: choose another folder, or move it away")]
    ExportExists {
        /// The folder or file.
        path: PathBuf,
    },
    /// llama.cpp has no tokenizer of this kind.
    #[error(
        "cannot write {path}: llama.cpp does not support this tokenizer: {reason}; train with bpe:SIZE, byte or gpt2"
    )]
    NoGgufTokenizer {
        /// The file.
        path: PathBuf,
        /// What is special about the tokenizer.
        reason: String,
    },
    /// A file could not be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<GenerateError> for TextError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Prompt(error) => error.into(),
            GenerateError::Sampling(error) => error.into(),
        }
    }
}

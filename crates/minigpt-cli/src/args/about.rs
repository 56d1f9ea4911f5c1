//! What the commands that explain the program are told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

/// What `minigpt topics` explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topic {
    /// How the next token is chosen, and which option changes what
    Sampling,
    /// What `--data` takes, splits, tokenizers, and examples for fine-tuning
    Data,
    /// Processors, GPUs and other machines, and the precision of products
    Devices,
    /// The recipes of `minigpt finetune`, each value with its reason
    Tuning,
    /// How perplexity and accuracy are computed, and which figures can be compared
    Protocols,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt topics
  minigpt topics sampling")]
pub(crate) struct TopicsArgs {
    /// The topic to explain [default: list them]
    pub(crate) topic: Option<Topic>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  minigpt completions bash > ~/.local/share/bash-completion/completions/minigpt
  minigpt completions zsh > ~/.zfunc/_minigpt
  minigpt completions fish > ~/.config/fish/completions/minigpt.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell that reads the script
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManualArgs {
    /// Folder for a page of each command
    pub(crate) folder: PathBuf,
}

//! What commands are told of a text and its files.

use std::path::PathBuf;

use clap::Args;
use minigpt_data::{Separator, Source, TokenizerSpec};

use super::folder_or_nothing;

/// How a text is read and becomes tokens.
#[derive(Args, Debug)]
pub(crate) struct TextArgs {
    /// Held-out text for validation, given as the text is [default: its own, or its last tenth]
    #[arg(long, value_name = "SOURCE", allow_hyphen_values = true)]
    pub(crate) valid: Option<Source>,
    /// The field of .jsonl and .json records or column of .csv, .tsv and .parquet files that holds the
    /// text [default: text]
    #[arg(long, value_name = "FIELD")]
    pub(crate) text_field: Option<String>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Records, of .jsonl or .parquet files say, are lines of one text, as WikiText's are, instead of
    /// documents
    #[arg(long)]
    pub(crate) lines: bool,
    /// `gpt2`, `bpe:SIZE` trained on the text, `char`, `byte`, `file:tokenizer.json` or
    /// `hf:OWNER/MODEL` [default: the preset's]
    #[arg(long)]
    pub(crate) tokenizer: Option<TokenizerSpec>,
    /// Folder that keeps tokens, so that a text is tokenized once [default: minigpt in the user's
    /// cache folder]
    #[arg(long, value_name = "FOLDER", env = "MINIGPT_CACHE", value_parser = folder_or_nothing())]
    pub(crate) cache: Option<PathBuf>,
}

/// How the bytes of files are read.
#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// Read invalid UTF-8 as U+FFFD instead of refusing the file
    #[arg(long)]
    pub(crate) lossy: bool,
    /// What stands between the values of .csv and .tsv files: one ASCII character, as ; or tab [default: a
    /// comma, and a tab]
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) separator: Option<Separator>,
}

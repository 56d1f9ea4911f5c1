//! What commands are told of a text and its files.

use std::path::PathBuf;

use clap::Args;
use minigpt_data::{Separator, Source, TokenizerSpec};

use super::folder_or_nothing;

/// How a text is read and becomes tokens.
#[derive(Args, Debug)]
#[command(next_help_heading = "Text")]
pub(crate) struct TextArgs {
    /// Held-out text for validation, in any form that --data takes [default: the data's own validation part, or its
    /// last tenth]
    #[arg(long, value_name = "SOURCE", allow_hyphen_values = true)]
    pub(crate) valid: Option<Source>,
    /// The field of .jsonl and .json records or column of .csv, .tsv and .parquet files that holds the
    /// text [default: text]
    #[arg(long, value_name = "FIELD")]
    pub(crate) text_field: Option<String>,
    /// Treat records (of .jsonl or .parquet files) as lines of one text, as WikiText has them, instead of as
    /// documents
    #[arg(long)]
    pub(crate) lines: bool,
    /// `gpt2`, `bpe:SIZE` trained on the text, `char`, `byte`, `file:tokenizer.json` or
    /// `hf:OWNER/MODEL` [default: the preset's]
    #[arg(long)]
    pub(crate) tokenizer: Option<TokenizerSpec>,
    /// Folder of the token cache, so that a text is tokenized once [default: minigpt in the user's
    /// cache folder]
    #[arg(long, value_name = "FOLDER", env = "MINIGPT_CACHE", value_parser = folder_or_nothing())]
    pub(crate) cache: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) file: FileArgs,
}

/// How the bytes of files are read.
#[derive(Args, Debug)]
#[command(next_help_heading = "Text")]
pub(crate) struct FileArgs {
    /// Read invalid UTF-8 as U+FFFD instead of refusing the file
    #[arg(long)]
    pub(crate) lossy: bool,
    /// Character between the values of .csv and .tsv files: one ASCII character, such as ;, or tab [default: a comma in
    /// .csv, a tab in .tsv]
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) separator: Option<Separator>,
}

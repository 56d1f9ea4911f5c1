//! What a token store's folder holds, as its `manifest.json` says.

use std::path::Path;

use minigpt_files::{Limit, is_file_name};
use serde::{Deserialize, Serialize};

use crate::quote::shortened;
use crate::storage::{Shard, TokenWidth, Tokens};
use crate::{DataError, TokenSplit, TokenizerSpec};

/// What is in a store's folder: its `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreManifest {
    /// Version of the format of these files.
    pub format: u32,
    /// Name of the corpus.
    pub name: String,
    /// [`Documents::fingerprint`](crate::Documents::fingerprint).
    pub source_fingerprint: String,
    /// When the store was begun, in seconds since 1970.
    pub created: u64,
    /// The tokenizer asked for.
    pub tokenizer: TokenizerSpec,
    /// [`Tokenizer::fingerprint`](crate::Tokenizer::fingerprint) of the tokenizer there is.
    pub tokenizer_fingerprint: String,
    /// How an id is written.
    pub(crate) token_type: TokenWidth,
    /// Train, validation and, if there is one, test.
    pub splits: Vec<SplitManifest>,
}

/// What is in the shards of one split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitManifest {
    /// "train", "validation" or "test".
    pub split: String,
    /// Documents.
    pub documents: u64,
    /// Records without a text, which are left out.
    pub missing: u64,
    /// Bytes, as [`TokenSplit::bytes`].
    pub bytes: u64,
    /// Words, as [`TokenSplit::words`].
    pub words: u64,
    /// Characters, as [`TokenSplit::characters`].
    pub characters: u64,
    /// Tokens, with every [`END_OF_TEXT`](crate::END_OF_TEXT).
    pub tokens: u64,
    /// Pieces of text tokenized: where an interrupted run goes on.
    pub items: u64,
    /// Whether no more shards follow.
    pub complete: bool,
    /// The files in order.
    pub shards: Vec<ShardManifest>,
}

/// One file of tokens: its name and how many it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardManifest {
    /// Its name.
    pub file: String,
    /// Tokens in it.
    pub tokens: u64,
}

/// A manifest names a few hundred shards, of a hundred bytes each.
const MANIFEST: Limit = Limit::new(16 << 20, "a token store's manifest");

impl StoreManifest {
    pub(crate) fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join("manifest.json");
        let json = minigpt_files::read(&path, MANIFEST)?;
        serde_json::from_slice(&json)
            .map_err(|error| DataError::BadStore { path, reason: error.to_string() })
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), DataError> {
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::from)?;
        Ok(minigpt_files::write(&folder.join("manifest.json"), json)?)
    }
}

impl SplitManifest {
    /// Maps the shards, all of whose ids must be below `vocab_size`.
    pub(crate) fn open(
        &self,
        folder: &Path,
        width: TokenWidth,
        vocab_size: usize,
    ) -> Result<TokenSplit, DataError> {
        let mut start = 0;
        let mut shards = Vec::new();
        for shard in &self.shards {
            if !is_file_name(&shard.file) {
                let reason = format!("{:?} is no name of a file in it", shortened(&shard.file));
                return Err(DataError::BadStore { path: folder.to_owned(), reason });
            }
            let path = folder.join(&shard.file);
            let tokens = shard.tokens as usize;
            let shard = Shard::open(&path, start, tokens, width)?;
            if let Some(id) = shard.largest_id().filter(|id| *id as usize >= vocab_size) {
                let reason = format!("token id {id} is not below the vocabulary's {vocab_size}");
                return Err(DataError::BadStore { path, reason });
            }
            shards.push(shard);
            start += tokens;
        }
        Ok(TokenSplit {
            tokens: Tokens::Mapped(shards.into()),
            bytes: self.bytes,
            words: self.words,
            characters: self.characters,
        })
    }
}

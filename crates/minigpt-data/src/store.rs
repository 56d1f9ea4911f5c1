//! Tokens in files: tokenized once, mapped into memory ever after.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use minigpt_files::sha256;

use crate::folder::Split;
use crate::manifest::{SplitManifest, StoreManifest};
use crate::part::Part;
use crate::shards::SplitWriter;
use crate::storage::TokenWidth;
use crate::{DataError, Documents, TextProgress, TokenSplit, Tokenizer, TokenizerSpec};

/// Raised when the same source and tokenizer would give other files.
const FORMAT: u32 = 3;

/// Tokens in a shard, 128 MiB of them where an id takes two bytes.
const SHARD_TOKENS: u64 = 64 << 20;

/// A corpus as tokens in memory-mapped files, with the tokenizer that made them.
///
/// ```text
/// <root>/<name>-<key>/manifest.json        what this is, and how much
///                     tokenizer.json
///                     train-00000.bin …    the ids of a split, in shards
///                     validation-00000.bin …
/// ```
///
/// The key is a hash of the source's [fingerprint](Documents::fingerprint), the tokenizer and the format,
/// so another text or another tokenizer is another folder; the old one is left as it was. A folder
/// without `.partial` in its name is complete.
#[derive(Debug)]
pub struct TokenStore {
    folder: PathBuf,
    manifest: StoreManifest,
    tokenizer: Tokenizer,
    splits: Vec<TokenSplit>,
    /// Whether an earlier call made it.
    is_found: bool,
}

/// What [`TokenStore::prepare`] is doing, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparing {
    /// Reads all documents once.
    Reading {
        /// Bytes of text read so far.
        bytes: u64,
    },
    /// Trains a tokenizer on the documents, where the tokenizer asked for is of that kind. When all are
    /// read, it merges, which tells nothing until it is done.
    Training(TextProgress),
    /// Tokenizes and writes.
    Tokenizing(TextProgress),
}

/// Bytes read between two reports.
const REPORT_BYTES: u64 = 16 << 20;

impl TokenStore {
    /// The tokens of the documents, from a folder below `root`: if they are there, at once, and
    /// otherwise after tokenizing them on all cores and in bounded memory.
    ///
    /// All documents are read once before anything is written, so that damaged ones leave nothing
    /// behind. A run that is interrupted later goes on after its last whole shard when it is called
    /// again, and one that finds another process at work waits for it. `progress` is called every
    /// few megabytes of all splits together, and not at all where the tokens are there.
    ///
    /// # Errors
    /// As [`Documents::read`] and [`Tokenizer::for_documents`]; [`DataError::BadStore`] for a store
    /// that was changed by hand.
    pub fn prepare(
        root: &Path,
        documents: &Documents,
        tokenizer: &TokenizerSpec,
        progress: &mut dyn FnMut(Preparing),
    ) -> Result<Self, DataError> {
        Self::prepare_in_shards(root, documents, tokenizer, SHARD_TOKENS, progress)
    }

    fn prepare_in_shards(
        root: &Path,
        documents: &Documents,
        spec: &TokenizerSpec,
        shard_tokens: u64,
        progress: &mut dyn FnMut(Preparing),
    ) -> Result<Self, DataError> {
        let name = format!("{}-{}", documents.name(), key(documents, spec)?);
        let folder = root.join(&name);
        if folder.is_dir() {
            return Ok(Self { is_found: true, ..Self::open(&folder)? });
        }
        fs_err::create_dir_all(root)?;
        let lock = minigpt_files::open_lock(&root.join(format!("{name}.lock")))?;
        lock.lock()?;
        if !folder.is_dir() {
            let total_bytes = count_bytes(documents, progress)?;
            let tokenizer =
                Tokenizer::for_documents_with_progress(spec, documents, &mut |done_bytes| {
                    progress(Preparing::Training(TextProgress { done_bytes, total_bytes }));
                })?;
            let partial = root.join(format!("{name}.partial"));
            fs_err::create_dir_all(&partial)?;
            let mut build = Build::resume(&partial, documents, spec, tokenizer)?;
            match build.write(documents, shard_tokens, total_bytes, progress) {
                Ok(()) => fs_err::rename(&partial, &folder)?,
                // The next try can only go on after a failure that is not the text's.
                Err(DataError::Io(error)) => return Err(DataError::Io(error)),
                Err(error) => {
                    fs_err::remove_dir_all(&partial)?;
                    return Err(error);
                }
            }
        }
        Self::open(&folder)
    }

    /// Opens the folder of a store that is complete.
    ///
    /// # Errors
    /// [`DataError::BadStore`] if it is none, was written by another version or was changed.
    pub(crate) fn open(folder: &Path) -> Result<Self, DataError> {
        let bad = |reason: String| DataError::BadStore { path: folder.to_owned(), reason };
        let manifest = StoreManifest::read(folder)?;
        if manifest.format != FORMAT {
            return Err(bad(format!("format {} instead of {FORMAT}", manifest.format)));
        }
        if !manifest.splits.iter().all(|split| split.complete) || manifest.splits.len() < 2 {
            return Err(bad("it is not complete".to_owned()));
        }
        let tokenizer = Tokenizer::load(&folder.join("tokenizer.json"))?;
        if tokenizer.fingerprint()? != manifest.tokenizer_fingerprint {
            return Err(bad("its tokenizer.json is not the one that made its tokens".to_owned()));
        }
        let vocab_size = tokenizer.vocab_size();
        let map = |split: &SplitManifest| split.open(folder, manifest.token_type, vocab_size);
        let splits = manifest.splits.iter().map(map).collect::<Result<_, _>>()?;
        Ok(Self { folder: folder.to_owned(), manifest, tokenizer, splits, is_found: false })
    }

    /// When the tokens were made, where an earlier call of [`TokenStore::prepare`] did, and `None` where
    /// this one has.
    #[must_use]
    pub fn found(&self) -> Option<SystemTime> {
        self.is_found
            .then(|| UNIX_EPOCH + Duration::from_secs(self.manifest.created.min(u32::MAX.into())))
    }

    /// The folder of the manifest, the tokenizer and the files of tokens.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the files hold: the source, the tokenizer, and the shards of each split.
    #[must_use]
    pub fn manifest(&self) -> &StoreManifest {
        &self.manifest
    }

    /// The tokenizer that made the tokens.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokens to train on.
    #[must_use]
    pub fn train(&self) -> &TokenSplit {
        &self.splits[0]
    }

    /// The held-out tokens.
    #[must_use]
    pub fn valid(&self) -> &TokenSplit {
        &self.splits[1]
    }

    /// The tokens for a last measurement, if the source has them.
    #[must_use]
    pub fn test(&self) -> Option<&TokenSplit> {
        self.splits.get(2)
    }
}

/// A store that is being written.
struct Build {
    folder: PathBuf,
    manifest: StoreManifest,
    tokenizer: Tokenizer,
}

impl Build {
    /// Starts a store in `folder`, or goes on with the one that is there.
    fn resume(
        folder: &Path,
        documents: &Documents,
        spec: &TokenizerSpec,
        tokenizer: Tokenizer,
    ) -> Result<Self, DataError> {
        let split =
            |split: Split| SplitManifest { split: split.name().to_owned(), ..Default::default() };
        let mut manifest = StoreManifest {
            format: FORMAT,
            name: documents.name().to_owned(),
            source_fingerprint: documents.fingerprint()?.to_owned(),
            created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            tokenizer: spec.clone(),
            tokenizer_fingerprint: tokenizer.fingerprint()?,
            token_type: TokenWidth::for_vocabulary(tokenizer.vocab_size()),
            splits: documents.splits().into_iter().map(split).collect(),
        };
        // Its folder's name has a hash of all that matters, but for the tokenizer that came out.
        if let Ok(begun) = StoreManifest::read(folder)
            && begun.tokenizer_fingerprint == manifest.tokenizer_fingerprint
        {
            manifest.splits = begun.splits;
            manifest.created = begun.created;
        } else {
            tokenizer.save(&folder.join("tokenizer.json"))?;
            manifest.write(folder)?;
        }
        Ok(Self { folder: folder.to_owned(), manifest, tokenizer })
    }

    fn write(
        &mut self,
        documents: &Documents,
        shard_tokens: u64,
        total_bytes: u64,
        progress: &mut dyn FnMut(Preparing),
    ) -> Result<(), DataError> {
        let mut before = 0;
        for (index, split) in documents.splits().into_iter().enumerate() {
            let state = self.manifest.splits[index].clone();
            if !state.complete {
                let (folder, manifest) = (&self.folder, &mut self.manifest);
                let mut save = |state: &SplitManifest| {
                    manifest.splits[index] = state.clone();
                    manifest.write(folder)
                };
                let mut progress = |done| {
                    let done_bytes = before + done;
                    progress(Preparing::Tokenizing(TextProgress { done_bytes, total_bytes }));
                };
                let mut writer = SplitWriter::new(
                    folder,
                    &self.tokenizer,
                    shard_tokens,
                    state,
                    &mut save,
                    &mut progress,
                );
                documents.visit(split, &mut |part| writer.push(part))?;
                writer.finish()?;
            }
            before += self.manifest.splits[index].bytes;
        }
        Ok(())
    }
}

/// The first half of a SHA-256, in hexadecimal, of all that decides about the tokens.
fn key(documents: &Documents, spec: &TokenizerSpec) -> Result<String, DataError> {
    let tokenizer = match spec {
        // The name tells nothing about the contents.
        TokenizerSpec::File { .. } | TokenizerSpec::Hub { .. } => {
            Tokenizer::for_documents(spec, documents)?.fingerprint()?
        }
        other => other.to_string(),
    };
    let mut key = sha256(format!("{FORMAT}\n{}\n{tokenizer}\n", documents.fingerprint()?));
    key.truncate(32);
    Ok(key)
}

fn count_bytes(
    documents: &Documents,
    progress: &mut dyn FnMut(Preparing),
) -> Result<u64, DataError> {
    let (mut bytes, mut reported) = (0, 0);
    for split in documents.splits() {
        documents.visit(split, &mut |part| {
            if let Part::Text(text) = part {
                bytes += text.len() as u64;
            }
            if bytes >= reported + REPORT_BYTES {
                reported = bytes;
                progress(Preparing::Reading { bytes });
            }
            Ok(())
        })?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

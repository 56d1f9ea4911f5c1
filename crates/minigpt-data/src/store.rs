//! Tokens in files: tokenized once, mapped into memory ever after.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::documents::hex;
use crate::files::write_whole;
use crate::folder::Split;
use crate::input::Part;
use crate::shards::SplitWriter;
use crate::storage::{Shard, TokenWidth, Tokens};
use crate::{DataError, Documents, Progress, TokenSplit, Tokenizer, TokenizerSpec};

/// Raised when the same source and tokenizer would give other files.
const FORMAT: u32 = 1;

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
/// The key is a hash of the source's fingerprint, the tokenizer and the format, so another source,
/// a changed file or another tokenizer is another folder; the old one is left as it was. A folder
/// without `.partial` in its name is complete.
#[derive(Debug)]
pub struct TokenStore {
    folder: PathBuf,
    manifest: Manifest,
    tokenizer: Tokenizer,
    splits: Vec<TokenSplit>,
}

/// What [`TokenStore::prepare`] is doing, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparing {
    /// Reads all documents once.
    Reading {
        /// Bytes of text read so far.
        bytes: u64,
    },
    /// Trains a tokenizer on the documents, where the tokenizer asked for is of that kind.
    Training {
        /// Bytes of text there are, held-out text included.
        bytes: u64,
    },
    /// Tokenizes and writes.
    Tokenizing(Progress),
}

/// Bytes read between two reports.
const REPORT_BYTES: u64 = 16 << 20;

/// What is in a store's folder: its `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manifest {
    /// Version of the format of these files.
    pub format: u32,
    /// Name of the corpus.
    pub name: String,
    /// [`Documents::fingerprint`].
    pub source_fingerprint: String,
    /// The tokenizer asked for.
    pub tokenizer: TokenizerSpec,
    /// [`Tokenizer::fingerprint`] of the tokenizer there is.
    pub tokenizer_fingerprint: String,
    /// How an id is written.
    pub token_type: TokenWidth,
    /// Train, validation and, if there is one, test.
    pub splits: Vec<SplitManifest>,
}

/// What is in the shards of one split.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SplitManifest {
    /// "train", "validation" or "test".
    pub split: String,
    /// Documents.
    pub documents: u64,
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

/// One file of tokens.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShardManifest {
    /// Its name.
    pub file: String,
    /// Tokens in it.
    pub tokens: u64,
}

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
            return Self::open(&folder);
        }
        fs_err::create_dir_all(root)?;
        let lock = fs_err::File::create(root.join(format!("{name}.lock")))?;
        lock.lock()?;
        if !folder.is_dir() {
            let total_bytes = count_bytes(documents, progress)?;
            if matches!(spec, TokenizerSpec::Bpe { .. } | TokenizerSpec::Char) {
                progress(Preparing::Training { bytes: total_bytes });
            }
            let tokenizer = Tokenizer::for_documents(spec, documents)?;
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
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let bad = |reason: String| DataError::BadStore { path: folder.to_owned(), reason };
        let manifest = Manifest::read(folder)?;
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
        let map = |split: &SplitManifest| split.open(folder, manifest.token_type);
        let splits = manifest.splits.iter().map(map).collect::<Result<_, _>>()?;
        Ok(Self { folder: folder.to_owned(), manifest, tokenizer, splits })
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the files are.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
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

impl Manifest {
    fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join("manifest.json");
        let json = fs_err::read(&path)?;
        serde_json::from_slice(&json)
            .map_err(|error| DataError::BadStore { path, reason: error.to_string() })
    }

    fn write(&self, folder: &Path) -> Result<(), DataError> {
        let json = serde_json::to_vec_pretty(self).map_err(std::io::Error::from)?;
        write_whole(&folder.join("manifest.json"), &json)
    }
}

impl SplitManifest {
    fn open(&self, folder: &Path, width: TokenWidth) -> Result<TokenSplit, DataError> {
        let mut start = 0;
        let mut shards = Vec::new();
        for shard in &self.shards {
            let path = folder.join(&shard.file);
            shards.push(Shard::open(&path, start, shard.tokens as usize, width)?);
            start += shard.tokens as usize;
        }
        Ok(TokenSplit {
            tokens: Tokens::Mapped(shards.into()),
            bytes: self.bytes,
            words: self.words,
            characters: self.characters,
        })
    }
}

/// A store that is being written.
struct Build {
    folder: PathBuf,
    manifest: Manifest,
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
        let mut manifest = Manifest {
            format: FORMAT,
            name: documents.name().to_owned(),
            source_fingerprint: documents.fingerprint().to_owned(),
            tokenizer: spec.clone(),
            tokenizer_fingerprint: tokenizer.fingerprint()?,
            token_type: TokenWidth::for_vocabulary(tokenizer.vocab_size()),
            splits: documents.splits().into_iter().map(split).collect(),
        };
        // Its folder's name has a hash of all that matters, but for the tokenizer that came out.
        if let Ok(begun) = Manifest::read(folder)
            && begun.tokenizer_fingerprint == manifest.tokenizer_fingerprint
        {
            manifest.splits = begun.splits;
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
                    progress(Preparing::Tokenizing(Progress { done_bytes, total_bytes }));
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
    let all = format!("{FORMAT}\n{}\n{tokenizer}\n", documents.fingerprint());
    let mut key = hex(Sha256::new().chain_update(all));
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{SplitManifest, TokenStore};
    use crate::{Corpus, Preparing, ReadOptions, Source, TokenSplit, Tokenizer, TokenizerSpec};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;

    fn prepare(root: &Path, spec: &TokenizerSpec, report: &mut dyn FnMut(Preparing)) -> TokenStore {
        let documents = Source::Embedded.open(&ReadOptions::default()).unwrap();
        TokenStore::prepare_in_shards(root, &documents, spec, 100_000, report).unwrap()
    }

    fn ids(split: &TokenSplit) -> Vec<u32> {
        let mut ids = Vec::new();
        split.tokens.copy(0..split.len(), &mut ids);
        ids
    }

    /// The counts and ids that tokenizing in memory gives.
    fn check(store: &TokenStore) {
        let corpus = Corpus::embedded().unwrap();
        for (split, documents) in [(store.train(), &corpus.train), (store.valid(), &corpus.valid)] {
            let tokenizer = store.tokenizer();
            let expected = TokenSplit::from_documents(tokenizer, documents, &mut |_| {}).unwrap();
            assert!(ids(split) == ids(&expected));
            assert_eq!(
                (split.bytes, split.words, split.characters),
                (expected.bytes, expected.words, expected.characters)
            );
        }
    }

    #[test]
    fn an_interrupted_run_goes_on_after_its_last_shard() {
        let root = tempfile::tempdir().unwrap();
        let spec = TokenizerSpec::Byte;
        let mut reports = 0;
        let interrupted = catch_unwind(AssertUnwindSafe(|| {
            prepare(root.path(), &spec, &mut |_| {
                reports += 1;
                assert_ne!(reports, 2, "as if the power had failed");
            });
        }));
        assert!(interrupted.is_err());
        let mut first = None;
        let store = prepare(root.path(), &spec, &mut |progress| {
            if let Preparing::Tokenizing(progress) = progress {
                first.get_or_insert(progress.done_bytes);
            }
        });
        assert!(first > Some(2_200_000), "{first:?}");
        check(&store);
        let shards = |split: &SplitManifest| split.shards.len();
        assert_eq!(store.manifest().splits.iter().map(shards).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_store_has_what_memory_has_and_costs_nothing_the_second_time() {
        let root = tempfile::tempdir().unwrap();
        let spec = TokenizerSpec::Gpt2;
        let mut reports = Vec::new();
        let store = prepare(root.path(), &spec, &mut |progress| reports.push(progress));
        check(&store);
        assert_eq!(store.manifest().splits[0].documents, 4);
        let Some(Preparing::Tokenizing(last)) = reports.last() else { panic!("{reports:?}") };
        assert_eq!(last.done_bytes, last.total_bytes);
        let again = prepare(root.path(), &spec, &mut |_| panic!("tokenized again"));
        assert_eq!(again.manifest(), store.manifest());

        // Another tokenizer is another store; a tokenizer of the same kind is found by its ids.
        let other = prepare(root.path(), &TokenizerSpec::Byte, &mut |_| {});
        assert_ne!(other.folder(), store.folder());
        let path = root.path().join("mine.json");
        Tokenizer::bytes().unwrap().save(&path).unwrap();
        let file = prepare(root.path(), &TokenizerSpec::File { path: path.clone() }, &mut |_| {});
        Tokenizer::train_bpe(std::iter::empty(), 257).unwrap().save(&path).unwrap();
        let changed = prepare(root.path(), &TokenizerSpec::File { path }, &mut |_| {});
        assert_ne!(file.folder(), changed.folder());
    }

    #[test]
    fn damage_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let store = prepare(root.path(), &TokenizerSpec::Byte, &mut |_| {});
        let folder = store.folder().to_owned();
        drop(store);
        let spoil = |file: &str, bytes: &[u8]| {
            let good = fs_err::read(folder.join(file)).unwrap();
            fs_err::write(folder.join(file), bytes).unwrap();
            let error = TokenStore::open(&folder).unwrap_err().to_string();
            fs_err::write(folder.join(file), good).unwrap();
            error
        };
        let error = spoil("train-00000.bin", b"short");
        assert!(error.contains("train-00000.bin is no usable token store: 5 bytes instead of "));
        assert!(spoil("manifest.json", b"{").contains("manifest.json is no usable token store: "));
        let chars = Tokenizer::characters(["a"].into_iter()).unwrap();
        chars.save(&root.path().join("other.json")).unwrap();
        let other = fs_err::read(root.path().join("other.json")).unwrap();
        assert!(spoil("tokenizer.json", &other).contains("is not the one that made its tokens"));
        TokenStore::open(&folder).unwrap();
    }
}

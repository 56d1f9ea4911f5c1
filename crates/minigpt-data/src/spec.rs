//! Which tokenizer to use, as one string.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::hub::Repo;
use crate::tokenizer::check_vocab_size;
use crate::tokenizer_config::BESIDE;
use crate::{Corpus, DataError, Documents, Hub, HubModel, Tokenizer};

/// Which tokenizer to use. Parsed, displayed and serialised as one string:
///
/// | string | tokenizer |
/// |---|---|
/// | `gpt2` | GPT-2's own, 50,257 ids |
/// | `bpe:4096` | byte-level BPE of that many ids, trained on the corpus |
/// | `char` | an id for each character of the corpus |
/// | `byte` | an id for each of the 256 bytes |
/// | `file:tokenizer.json` | the one in this file |
/// | `hf:owner/model` | the one of a model on the Hugging Face hub; `@revision` can follow |
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TokenizerSpec {
    /// GPT-2's own, 50,257 ids.
    Gpt2,
    /// Byte-level BPE trained on the corpus.
    Bpe {
        /// Number of ids wanted, from 257 to 65,536.
        vocab_size: usize,
    },
    /// One id per character of the corpus.
    Char,
    /// One id per byte.
    Byte,
    /// A `tokenizer.json`.
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// The tokenizer of a model on the Hugging Face hub.
    Hub {
        /// The model, as "owner/model".
        model: String,
    },
}

impl FromStr for TokenizerSpec {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let unknown = || DataError::UnknownTokenizer { given: text.to_owned() };
        match text.split_once(':') {
            None if text == "gpt2" => Ok(Self::Gpt2),
            None if text == "char" => Ok(Self::Char),
            None if text == "byte" => Ok(Self::Byte),
            Some(("bpe", size)) => {
                let vocab_size = size.parse().map_err(|_| unknown())?;
                check_vocab_size(vocab_size).map(|()| Self::Bpe { vocab_size })
            }
            Some(("file", path)) if !path.is_empty() => Ok(Self::File { path: path.into() }),
            Some(("hf", model)) if !model.is_empty() => Ok(Self::Hub { model: model.to_owned() }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for TokenizerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpt2 => f.write_str("gpt2"),
            Self::Bpe { vocab_size } => write!(f, "bpe:{vocab_size}"),
            Self::Char => f.write_str("char"),
            Self::Byte => f.write_str("byte"),
            Self::File { path } => write!(f, "file:{}", path.display()),
            Self::Hub { model } => write!(f, "hf:{model}"),
        }
    }
}

impl TryFrom<String> for TokenizerSpec {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<TokenizerSpec> for String {
    fn from(spec: TokenizerSpec) -> Self {
        spec.to_string()
    }
}

impl Tokenizer {
    /// The tokenizer that `spec` names. One to be trained sees the training documents only, but
    /// for `char`: as in nanoGPT, its vocabulary has the characters of all splits, so that
    /// held-out text never fails for a character that happens to be rare.
    ///
    /// # Errors
    /// As [`Tokenizer::gpt2`], [`Tokenizer::train_bpe`],
    /// [`Tokenizer::load`] and [`Tokenizer::from_hub`].
    pub fn for_corpus(spec: &TokenizerSpec, corpus: &Corpus) -> Result<Self, DataError> {
        let train = || corpus.train.iter().map(String::as_str);
        match spec {
            TokenizerSpec::Gpt2 => Self::gpt2(),
            TokenizerSpec::Bpe { vocab_size } => Self::train_bpe(train(), *vocab_size),
            TokenizerSpec::Char => {
                let held_out = corpus.valid.iter().chain(corpus.test.iter().flatten());
                Self::characters(train().chain(held_out.map(String::as_str)))
            }
            TokenizerSpec::Byte => Self::bytes(),
            TokenizerSpec::File { path } => Self::load(path),
            TokenizerSpec::Hub { model } => Self::from_hub(model, &Hub::from_env()),
        }
    }

    /// Loads the tokenizer of a model on the Hugging Face hub: its `tokenizer.json`, or its
    /// `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    /// [`DataError::Hub`] if it cannot be had, and as [`Tokenizer::load`].
    pub fn from_hub(model: &str, hub: &Hub) -> Result<Self, DataError> {
        let given = model;
        let model: HubModel = model.parse()?;
        if model.file.is_some() {
            return Err(DataError::UnknownTokenizer { given: format!("hf:{given}") });
        }
        let snapshot = hub.snapshot(Repo::model(&model)?)?;
        let has = |name: &str| snapshot.files().iter().any(|file| file == name);
        if !has("tokenizer.json") && has("vocab.json") && has("merges.txt") {
            let vocab = snapshot.get("vocab.json", &mut |_| {})?;
            let merges = snapshot.get("merges.txt", &mut |_| {})?;
            return Self::from_vocab_and_merges(&vocab, &merges);
        }
        for beside in BESIDE.into_iter().filter(|name| has(name)) {
            snapshot.get(beside, &mut |_| {})?;
        }
        Self::load(&snapshot.get("tokenizer.json", &mut |_| {})?)
    }

    /// As [`Tokenizer::for_corpus`], without the documents in memory.
    ///
    /// # Errors
    /// As [`Tokenizer::for_corpus`] and [`Documents::read`].
    pub fn for_documents(spec: &TokenizerSpec, documents: &Documents) -> Result<Self, DataError> {
        Self::for_documents_with_progress(spec, documents, &mut |_| {})
    }

    /// As [`Tokenizer::for_documents`]; where a tokenizer is trained, `progress` hears how many bytes of
    /// text are read for it, first of none.
    ///
    /// # Errors
    /// As [`Tokenizer::for_documents`].
    pub(crate) fn for_documents_with_progress(
        spec: &TokenizerSpec,
        documents: &Documents,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, DataError> {
        match spec {
            TokenizerSpec::Gpt2 => Self::gpt2(),
            TokenizerSpec::Bpe { vocab_size } => {
                Self::train_bpe_on(documents, *vocab_size, progress)
            }
            TokenizerSpec::Char => Self::characters_of(documents, progress),
            TokenizerSpec::Byte => Self::bytes(),
            TokenizerSpec::File { path } => Self::load(path),
            TokenizerSpec::Hub { model } => Self::from_hub(model, documents.hub()),
        }
    }
}

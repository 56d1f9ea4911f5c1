//! Text to token ids and back: GPT-2's byte-level BPE, one of the same kind trained here, bytes or
//! characters.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use minigpt_files::{Limit, caught, sha256};
use rayon::prelude::*;
use serde_json::Value;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    AddedToken, DecoderWrapper, Model as _, NormalizerWrapper, PostProcessorWrapper, TokenizerImpl,
};

use crate::DataError;
use crate::chars::Characters;
use crate::files::embedded_text;
use crate::pieces::pieces;
use crate::tokenizer_file;

/// The marker between documents, in files and, as one special token, in the token stream.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// The vocabulary sizes that can be trained: from the 256 bytes and [`END_OF_TEXT`] to as many as
/// fit in 16 bits.
pub const VOCAB_SIZES: RangeInclusive<usize> = 257..=65_536;

/// Bytes of a piece of text handed to one core. The library takes half as long again for 32 KiB at a
/// time. A token store counts pieces: to change this, raise its format too.
pub(crate) const PIECE_BYTES: usize = 1024;

/// The tables of the largest vocabularies take a few dozen megabytes.
pub(crate) const TABLES: Limit = Limit::new(128 << 20, "a tokenizer");

/// Pieces between two progress reports.
const PIECES_PER_ROUND: usize = 2048;

/// How far a long piece of tokenizing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of text tokenized so far.
    pub done_bytes: u64,
    /// Bytes of text in all.
    pub total_bytes: u64,
}

pub(crate) type ByteLevelBpe =
    TokenizerImpl<BPE, NormalizerWrapper, ByteLevel, PostProcessorWrapper, DecoderWrapper>;

/// Text to ids and back: a byte-level BPE (GPT-2's, or one with GPT-2's pre-tokenizer and another
/// vocabulary), an id per byte or an id per character.
///
/// Every text has ids, and decoding them gives back exactly that text (Radford et al. 2019,
/// "Language Models are Unsupervised Multitask Learners", section 2.2); but a tokenizer of
/// characters has ids for the characters of its corpus alone.
/// Text never becomes a special token: [`END_OF_TEXT`] in a text is encoded as the thirteen
/// characters that it is. Only [`Tokenizer::end_of_text`] gives the special id.
#[derive(Clone)]
pub struct Tokenizer {
    model: Model,
    /// What each id stands for, so that decoding an id is a look-up.
    token_bytes: Vec<Box<[u8]>>,
    end_of_text: u32,
}

#[derive(Clone)]
enum Model {
    Bpe(Box<ByteLevelBpe>),
    /// A BPE without merges, and the id of each byte, which is all that it takes to encode.
    Bytes(Box<ByteLevelBpe>, Box<[u32; 256]>),
    Characters(Characters),
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({} ids)", self.vocab_size())
    }
}

impl Tokenizer {
    /// GPT-2's tokenizer, embedded: 50,257 ids, [`END_OF_TEXT`] the last.
    ///
    /// # Errors
    /// [`DataError::BadPacking`] or [`DataError::BadTokenizer`] if the program's own copy is damaged.
    pub fn gpt2() -> Result<Self, DataError> {
        let vocab = include_bytes!("../assets/gpt2-vocab.json.xz");
        let vocab = embedded_text("gpt2-vocab.json.xz", vocab)?;
        let vocab: Vocab = serde_json::from_str(&vocab)
            .map_err(|error| bad_tokenizer(Path::new("gpt2-vocab.json.xz"), error))?;
        let merges = include_bytes!("../assets/gpt2-merges.txt.xz");
        let merges = embedded_text("gpt2-merges.txt.xz", merges)?;
        Self::from_model(bpe(vocab, &merges)?, Path::new("gpt2-vocab.json.xz"))
    }

    /// One id per byte, its value, and [`END_OF_TEXT`] last: 257 ids.
    ///
    /// # Errors
    /// [`DataError::Tokenizers`] if the library fails, which is not known to happen.
    pub fn bytes() -> Result<Self, DataError> {
        let vocab: Vocab = byte_chars().iter().map(char::to_string).zip(0..).collect();
        Self::from_model(bpe(vocab, "")?, Path::new("byte"))
    }

    /// Reads a `tokenizer.json`, written by [`Tokenizer::save`] or by Hugging Face's library.
    ///
    /// # Errors
    /// [`DataError::Io`], and [`DataError::BadTokenizer`] for a file that is damaged, or that asks for
    /// anything that a tokenizer like GPT-2's does not do: the field is named. Splitting long texts
    /// without changing their ids, and decoding id by id, rely on it.
    pub fn load(path: &Path) -> Result<Self, DataError> {
        let bad = |reason: String| bad_tokenizer(path, reason);
        let json = minigpt_files::read(path, TABLES)?;
        let file: Value = serde_json::from_slice(&json).map_err(|error| bad(error.to_string()))?;
        drop(json);
        if let Some(characters) = Characters::from_value(&file) {
            return Ok(Self::from_characters(characters.map_err(bad)?));
        }
        tokenizer_file::check(&file).map_err(bad)?;
        let ids = tokenizer_file::added_ids(&file);
        // What was checked and no more: of a field that is there twice, the file has another value too.
        let json = serde_json::to_vec(&file).map_err(|error| bad(error.to_string()))?;
        drop(file);
        // The library has panicked on files that no one writes.
        let inner = caught(|| ByteLevelBpe::from_bytes(json))
            .map_err(bad)?
            .map_err(|error| bad(error.to_string()))?;
        if let Some((content, id)) =
            ids.iter().find(|(content, id)| inner.token_to_id(content).map(u64::from) != Some(*id))
        {
            return Err(bad(format!("added_tokens: {content:?} cannot have the id {id}")));
        }
        Self::from_inner(inner).map_err(bad)
    }

    /// Writes a standard `tokenizer.json`, which Hugging Face's library loads to the same ids.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be written; an older file is then left as it was.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        let json = match &self.model {
            Model::Bpe(bpe) | Model::Bytes(bpe, _) => bpe.to_string(true)?,
            Model::Characters(characters) => characters.to_json()?,
        };
        Ok(minigpt_files::write(path, json)?)
    }

    /// The ids of a text, without any special token. A stretch of more than 64 KiB without any white
    /// space, or of nothing else, is cut there, as Llama 3's tokenizer does: memory and time then grow in
    /// proportion to the text.
    ///
    /// # Errors
    /// [`DataError::UnknownCharacter`] from a tokenizer of characters, and
    /// [`DataError::Tokenizers`] if the library fails, which no text is known to cause.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        match &self.model {
            Model::Bpe(bpe) => {
                let mut ids = Vec::new();
                for piece in pieces(text, PIECE_BYTES) {
                    ids.extend_from_slice(bpe.encode_fast(piece, false)?.get_ids());
                }
                Ok(ids)
            }
            Model::Bytes(_, ids) => Ok(text.bytes().map(|byte| ids[usize::from(byte)]).collect()),
            Model::Characters(characters) => characters.encode(text),
        }
    }

    /// The ids of each document, computed on all cores; the same as [`Tokenizer::encode`] gives.
    ///
    /// Long documents are cut into pieces where the pre-tokenizer cuts anyway, so a single novel
    /// keeps all cores busy too, and time and memory grow in proportion to the text. `progress` is
    /// called every few megabytes and at the end.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_documents(
        &self,
        documents: &[String],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Vec<u32>>, DataError> {
        let total_bytes = documents.iter().map(|document| document.len() as u64).sum();
        let mut done_bytes = 0;
        let mut encoded = vec![Vec::new(); documents.len()];
        let mut all_pieces = documents.iter().enumerate().flat_map(|(index, document)| {
            pieces(document, PIECE_BYTES).map(move |piece| (index, piece))
        });
        loop {
            let (owners, round): (Vec<usize>, Vec<&str>) =
                all_pieces.by_ref().take(PIECES_PER_ROUND).unzip();
            if round.is_empty() {
                return Ok(encoded);
            }
            done_bytes += round.iter().map(|piece| piece.len() as u64).sum::<u64>();
            for (owner, ids) in owners.into_iter().zip(self.encode_pieces(&round)?) {
                encoded[owner].extend(ids);
            }
            progress(Progress { done_bytes, total_bytes });
        }
    }

    /// The ids of each piece, computed on all cores.
    pub(crate) fn encode_pieces<S: AsRef<str> + Sync>(
        &self,
        pieces: &[S],
    ) -> Result<Vec<Vec<u32>>, DataError> {
        pieces.par_iter().map(|piece| self.encode(piece.as_ref())).collect()
    }

    /// The text of the ids. Bytes that are no valid UTF-8, which a model can generate, become
    /// U+FFFD; [`END_OF_TEXT`] appears as its name.
    ///
    /// # Errors
    /// [`DataError::UnknownId`] for an id outside the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String, DataError> {
        let mut bytes = Vec::new();
        for &id in ids {
            bytes.extend_from_slice(self.token_bytes(id)?);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Number of ids; they run from 0 without a gap.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.token_bytes.len()
    }

    /// The id of [`END_OF_TEXT`].
    #[must_use]
    pub fn end_of_text(&self) -> u32 {
        self.end_of_text
    }

    /// A readable name for an id, for plots and tables: its text, with control characters escaped
    /// (`\n`) and bytes that are only a part of a character in hexadecimal (`\xE2`). An id outside
    /// the vocabulary is labelled `#id`.
    #[must_use]
    pub fn token_label(&self, id: u32) -> String {
        let Ok(bytes) = self.token_bytes(id) else {
            return format!("#{id}");
        };
        let mut label = String::new();
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() { label.extend(c.escape_default()) } else { label.push(c) }
            }
            label.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
        }
        label
    }

    /// SHA-256 of the serialised tokenizer in hexadecimal: equal only for tokenizers that are the
    /// same, so that a checkpoint can refuse another one's ids.
    ///
    /// # Errors
    /// [`DataError::Tokenizers`] if it cannot be serialised, which is not known to happen.
    pub fn fingerprint(&self) -> Result<String, DataError> {
        let json = match &self.model {
            Model::Bpe(bpe) | Model::Bytes(bpe, _) => bpe.to_string(false)?,
            Model::Characters(characters) => characters.to_json()?,
        };
        Ok(sha256(json))
    }

    pub(crate) fn token_bytes(&self, id: u32) -> Result<&[u8], DataError> {
        let bytes = self.token_bytes.get(id as usize).map(AsRef::as_ref);
        bytes.ok_or(DataError::UnknownId { id, vocab_size: self.vocab_size() })
    }

    /// `path` is where the model comes from, for errors.
    pub(crate) fn from_model(model: BPE, path: &Path) -> Result<Self, DataError> {
        let mut inner = with_gpt2_pre_tokenizer(model);
        inner.add_special_tokens([AddedToken::from(END_OF_TEXT, true)])?;
        Self::from_inner(inner).map_err(|reason| bad_tokenizer(path, reason))
    }

    /// The byte-level BPE that this is, unless it is one of characters.
    pub(crate) fn bpe(&self) -> Option<&ByteLevelBpe> {
        match &self.model {
            Model::Bpe(bpe) | Model::Bytes(bpe, _) => Some(bpe),
            Model::Characters(_) => None,
        }
    }

    /// Checks what the rest of the crate relies on. The error is the reason alone: the caller
    /// knows where the tokenizer comes from.
    fn from_inner(mut inner: ByteLevelBpe) -> Result<Self, String> {
        let added_tokens = inner.get_added_tokens_decoder();
        let is_special = added_tokens.values().any(|token| token.content == END_OF_TEXT);
        let end_of_text = inner
            .token_to_id(END_OF_TEXT)
            .filter(|_| is_special)
            .ok_or_else(|| format!("it has no special token {END_OF_TEXT}"))?;
        if byte_chars().iter().any(|c| inner.token_to_id(&c.to_string()).is_none()) {
            return Err("it does not cover all 256 bytes".to_owned());
        }
        let byte_of_char = (0..=u8::MAX).zip(byte_chars()).map(|(byte, c)| (c, byte)).collect();
        let token_bytes = (0..inner.get_vocab_size(true) as u32)
            .map(|id| inner.id_to_token(id).map(|token| bytes_of_token(&token, &byte_of_char)))
            .collect::<Option<Vec<_>>>()
            .ok_or("its ids have gaps")?;

        inner.set_encode_special_tokens(true);
        let model = if inner.get_model().get_vocab_size() == 256 {
            let id_of = |c: char| inner.token_to_id(&c.to_string()).unwrap_or_default();
            let ids = byte_chars().map(id_of);
            Model::Bytes(Box::new(inner), Box::new(ids))
        } else {
            Model::Bpe(Box::new(inner))
        };
        Ok(Self { model, token_bytes, end_of_text })
    }

    pub(crate) fn from_characters(characters: Characters) -> Self {
        let mut token_bytes: Vec<Box<[u8]>> = Vec::new();
        for character in characters.by_id() {
            token_bytes.push(character.to_string().into_bytes().into());
        }
        let end_of_text = token_bytes.len() as u32;
        token_bytes.push(END_OF_TEXT.as_bytes().into());
        Self { model: Model::Characters(characters), token_bytes, end_of_text }
    }
}

pub(crate) fn check_vocab_size(vocab_size: usize) -> Result<(), DataError> {
    if VOCAB_SIZES.contains(&vocab_size) {
        Ok(())
    } else {
        Err(DataError::VocabularySize { given: vocab_size })
    }
}

pub(crate) fn bad_tokenizer(path: &Path, reason: impl fmt::Display) -> DataError {
    DataError::BadTokenizer { path: path.to_owned(), reason: reason.to_string() }
}

pub(crate) fn with_gpt2_pre_tokenizer(model: BPE) -> ByteLevelBpe {
    let byte_level = ByteLevel::default().add_prefix_space(false);
    let mut inner = ByteLevelBpe::new(model);
    inner.with_pre_tokenizer(Some(byte_level));
    inner.with_decoder(Some(byte_level));
    inner
}

/// The character that stands for each byte in the vocabulary, as in GPT-2's `encoder.py`: the
/// printable bytes of Latin-1 stand for themselves, the others for U+0100 and on.
fn byte_chars() -> [char; 256] {
    let mut next = 0x100;
    std::array::from_fn(|byte| {
        let stands_for_itself = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if stands_for_itself {
            byte as u32
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// A special token's name may have characters that stand for no byte: it is then itself.
fn bytes_of_token(token: &str, byte_of_char: &HashMap<char, u8>) -> Box<[u8]> {
    let bytes: Option<Box<[u8]>> = token.chars().map(|c| byte_of_char.get(&c).copied()).collect();
    bytes.unwrap_or_else(|| token.as_bytes().into())
}

/// The model of a vocabulary and the lines of a `merges.txt`.
pub(crate) fn bpe(vocab: Vocab, merges: &str) -> Result<BPE, tokenizers::Error> {
    let merges = merges
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(left, _)| *left != "#version:")
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .collect();
    BPE::builder().vocab_and_merges(vocab, merges).build()
}

//! Text to token ids and back: byte-level BPE (GPT-2's and its descendants', or one trained here), BPE with
//! byte fallback, bytes or characters.

mod encode;

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use minigpt_files::{Limit, sha256};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Model as _};

use crate::DataError;
use crate::chars::Characters;
use crate::files::embedded_text;
use crate::marks::{Marks, Start};
use crate::pipeline::{Library, Pipeline};
use crate::quote::one_line;
use crate::token_text::{TokenText, byte_chars};
use crate::tokenizer_file::{self, Described};
use crate::vocabulary::bpe;

/// The marker between documents, in files and, as one special token, in the token stream.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// The vocabulary sizes that can be trained: from the 256 bytes and [`END_OF_TEXT`] to as many as
/// fit in 16 bits.
pub(crate) const VOCAB_SIZES: RangeInclusive<usize> = 257..=65_536;

/// Bytes of a piece of text handed to one core. The library takes half as long again for 32 KiB at a
/// time. A token store counts pieces: to change this, raise its format too.
pub(crate) const PIECE_BYTES: usize = 1024;

/// The tables of the largest vocabularies take a few dozen megabytes.
pub(crate) const TABLES: Limit = Limit::new(128 << 20, "a tokenizer");

/// How far a long piece of tokenizing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextProgress {
    /// Bytes of text tokenized so far.
    pub done_bytes: u64,
    /// Bytes of text in all.
    pub total_bytes: u64,
}

/// Text to ids and back: a BPE on bytes or with bytes for what it has no tokens for, an id per byte or an id
/// per character.
///
/// A tokenizer made here, and one of most files, has ids for every text, and decoding them gives back
/// exactly that text (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners",
/// section 2.2). Some files say otherwise: Qwen's composes characters first (Unicode's NFC), and SmolLM2's
/// has no tokens for a few control characters, which are then left out, as Hugging Face's library does. A
/// tokenizer of characters has ids for the characters of its corpus alone.
///
/// Text never becomes a special token: [`END_OF_TEXT`] in a text is encoded as the thirteen
/// characters that it is. [`Tokenizer::encode_with_special`] is for text that a program made, such as a
/// chat prompt, in which their names are these tokens. Tokens that a file adds and that are not special are
/// found in both.
#[derive(Clone)]
pub struct Tokenizer {
    model: Model,
    text: TokenText,
    marks: Marks,
}

#[derive(Clone)]
enum Model {
    Bpe(Box<Pipeline>),
    /// A BPE without merges, and the id of each byte, which is all that it takes to encode.
    Bytes(Box<Pipeline>, Box<[u32; 256]>),
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

    /// Writes a standard `tokenizer.json`, which Hugging Face's library loads to the same ids.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be written; an older file is then left as it was.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        Ok(minigpt_files::write(path, self.to_json(true)?)?)
    }

    fn to_json(&self, pretty: bool) -> Result<String, DataError> {
        let pipeline = match &self.model {
            Model::Bpe(pipeline) | Model::Bytes(pipeline, _) => pipeline,
            Model::Characters(characters) => return characters.to_json(),
        };
        let usual = pipeline.library.token_to_id(END_OF_TEXT);
        if self.marks.ends.iter().copied().eq(usual) {
            return Ok(pipeline.library.to_string(pretty)?);
        }
        tokenizer_file::write(&pipeline.library, &self.marks.ends, pretty)
    }

    /// The text of the ids: the tokens' own, special ones by their names, without any of the changes that
    /// transformers makes to a decoded text afterwards (`clean_up_tokenization_spaces`). A text that begins
    /// with the space which its tokenizer puts before texts loses it.
    ///
    /// Bytes that are no valid UTF-8, which a model can generate, become U+FFFD, one for each character that
    /// was begun; Hugging Face's library has one for each byte of a BPE with byte fallback.
    ///
    /// # Errors
    /// [`DataError::UnknownId`] for an id outside the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String, DataError> {
        let mut bytes = Vec::new();
        let mut start = self.start();
        for &id in ids {
            bytes.extend_from_slice(start.of(self.token_bytes(id)?));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Number of ids; they run from 0 without a gap.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.text.len()
    }

    /// The id after which a text ends, and with which training texts are ended: [`END_OF_TEXT`]'s, or the
    /// `eos_token` of a model's files.
    #[must_use]
    pub fn end_of_text(&self) -> u32 {
        self.marks.ends[0]
    }

    /// All ids at which a model's text is over; [`end_of_text`](Self::end_of_text) is the first of them.
    #[must_use]
    pub fn ends_of_text(&self) -> &[u32] {
        &self.marks.ends
    }

    /// The ids that stand before a text for the model, such as Llama's `<s>`; mostly none. A chat template
    /// in Jinja writes them itself.
    #[must_use]
    pub fn before_text(&self) -> &[u32] {
        &self.marks.around[0]
    }

    /// The ids that a file asks for after a text; mostly none.
    #[must_use]
    pub fn after_text(&self) -> &[u32] {
        &self.marks.around[1]
    }

    /// The id before each document of a stream and after the last: the token with which the model's texts
    /// begin, or where there is none [`END_OF_TEXT`], or where that is no token
    /// [`end_of_text`](Self::end_of_text).
    #[must_use]
    pub fn separator(&self) -> u32 {
        self.marks.separator
    }

    /// The id of a token by its name, as a file has it (`<|im_end|>`), and `None` where there is none.
    #[must_use]
    pub fn token_id(&self, name: &str) -> Option<u32> {
        match &self.model {
            Model::Bpe(pipeline) | Model::Bytes(pipeline, _) => pipeline.library.token_to_id(name),
            Model::Characters(_) => (name == END_OF_TEXT).then(|| self.end_of_text()),
        }
    }

    /// The ids that no text becomes, such as [`end_of_text`](Self::end_of_text), in ascending order.
    #[must_use]
    pub fn special_ids(&self) -> Vec<u32> {
        let mut ids = self.marks.ends.clone();
        if let Some(library) = self.library() {
            let added = library.get_added_tokens_decoder();
            ids.extend(added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id));
        }
        ids.sort_unstable();
        ids.dedup();
        ids
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
            label.push_str(&one_line(chunk.valid()));
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
        Ok(sha256(self.to_json(false)?))
    }

    /// The bytes that a token is in a text, which may be a part of a character; of a special token, its name.
    ///
    /// # Errors
    /// [`DataError::UnknownId`] for an id outside the vocabulary.
    pub fn token_bytes(&self, id: u32) -> Result<&[u8], DataError> {
        let unknown = DataError::UnknownId { id, vocab_size: self.vocab_size() };
        self.text.get(id).ok_or(unknown)
    }

    /// The start of a text that is decoded.
    pub(crate) fn start(&self) -> Start {
        Start { spaces: self.text.leading_spaces }
    }

    /// `path` is where the model comes from, for errors.
    pub(crate) fn from_model(model: BPE, path: &Path) -> Result<Self, DataError> {
        let mut library = with_gpt2_pre_tokenizer(model);
        library.add_special_tokens([AddedToken::from(END_OF_TEXT, true)])?;
        Self::from_library(library, Described::default(), Vec::new())
            .map_err(|reason| bad_tokenizer(path, reason))
    }

    /// The library's tokenizer that this is, unless it is one of characters.
    pub(crate) fn library(&self) -> Option<&Library> {
        match &self.model {
            Model::Bpe(pipeline) | Model::Bytes(pipeline, _) => Some(&pipeline.library),
            Model::Characters(_) => None,
        }
    }

    /// Checks what the rest of the crate relies on. `ends` are what other files say; the error is the reason
    /// alone: the caller knows where the tokenizer comes from.
    pub(crate) fn from_library(
        library: Library,
        described: Described,
        ends: Vec<u32>,
    ) -> Result<Self, String> {
        let text = TokenText::of(&library, described.leading_spaces)?;
        let marks = Marks::new(&library, described, ends, text.len())?;
        let is_bytes = library.get_model().get_vocab_size() == 256;
        let pipeline = Box::new(Pipeline::new(library));
        let model = if is_bytes && pipeline.is_plain() {
            let id_of = |c: char| pipeline.library.token_to_id(&c.to_string()).unwrap_or_default();
            let ids = byte_chars().map(id_of);
            Model::Bytes(pipeline, Box::new(ids))
        } else {
            Model::Bpe(pipeline)
        };
        Ok(Self { model, text, marks })
    }

    pub(crate) fn from_characters(characters: Characters) -> Self {
        let mut by_id: Vec<Box<[u8]>> = Vec::new();
        for character in characters.by_id() {
            by_id.push(character.to_string().into_bytes().into());
        }
        let end = by_id.len() as u32;
        by_id.push(END_OF_TEXT.as_bytes().into());
        let marks = Marks { ends: vec![end], around: Default::default(), separator: end };
        Self { model: Model::Characters(characters), text: TokenText::new(by_id, 0), marks }
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
    DataError::BadTokenizer { path: path.to_owned(), reason: one_line(&reason.to_string()) }
}

pub(crate) fn with_gpt2_pre_tokenizer(model: BPE) -> Library {
    let byte_level = ByteLevel::default().add_prefix_space(false);
    let mut library = Library::new(model);
    library.with_pre_tokenizer(Some(byte_level));
    library.with_decoder(Some(byte_level));
    library
}

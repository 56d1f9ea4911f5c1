//! Tokenizers as GGUF files describe them, in plain data.

mod of_tokenizer;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use minigpt_files::caught;
use serde_json::{Value, json};
use tokenizers::models::bpe::BPE;
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper};

use crate::pipeline::{Library, META_SPACE};
use crate::pre_tokenizers::Named;
use crate::quote::shortened;
use crate::tokenizer::bad_tokenizer;
use crate::tokenizer_file::Described;
use crate::tokenizer_load::put_before;
use crate::{DataError, END_OF_TEXT, Tokenizer};

/// Bytes of a token at most; SentencePiece's longest have a few dozen, a run of spaces 500.
const TOKEN_BYTES: usize = 1024;

// llama.cpp's numbers for kinds of tokens.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

/// Control tokens that end a text wherever they are, as llama.cpp has it (`llama-vocab.cpp`): files name one
/// end of a text, and chat models have two.
const ENDS: [&str; 7] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<end_of_turn>",
    "<|end_of_text|>",
    END_OF_TEXT,
];

/// The tokenizer of a GGUF file: each field is the value of a key of its metadata, whose name is
/// `tokenizer.ggml.` and what is given here.
///
/// ```
/// use std::path::Path;
/// use minigpt_data::{GgufVocabulary, Tokenizer};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let vocabulary = tokenizer.to_gguf()?;
/// assert_eq!((vocabulary.model.as_str(), vocabulary.pre.as_deref()), ("gpt2", Some("gpt-2")));
/// let again = Tokenizer::from_gguf(vocabulary, Path::new("model.gguf"))?;
/// assert_eq!(again.encode("as text")?, tokenizer.encode("as text")?);
/// # Ok::<(), minigpt_data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufVocabulary {
    /// `model`: `gpt2` for a byte-level BPE, `llama` for SentencePiece's BPE.
    pub model: String,
    /// `pre`: how a byte-level BPE cuts texts into words; `default` where it is missing.
    pub pre: Option<String>,
    /// `tokens`, by id.
    pub tokens: Vec<String>,
    /// `token_type` of each token, or empty: all are normal then.
    pub token_types: Vec<i32>,
    /// `scores` of each token, for `llama`.
    pub scores: Vec<f32>,
    /// `merges`, first to last, for `gpt2`: two tokens with a space between.
    pub merges: Vec<String>,
    /// `bos_token_id`.
    pub bos: Option<u32>,
    /// `eos_token_id`.
    pub eos: Option<u32>,
    /// `eot_token_id`, the end of a turn.
    pub eot: Option<u32>,
    /// `eom_token_id`, the end of a message after which a tool answers.
    pub eom: Option<u32>,
    /// `unknown_token_id`.
    pub unknown: Option<u32>,
    /// `add_bos_token`.
    pub add_bos: Option<bool>,
    /// `add_space_prefix`.
    pub add_space_prefix: Option<bool>,
}

impl Tokenizer {
    /// The tokenizer that a GGUF file describes; `path` is the file's, for errors.
    ///
    /// # Errors
    /// [`DataError::BadTokenizer`] for one of another kind, for a `pre` that is not known, and where the
    /// fields do not belong together; the key is named.
    pub fn from_gguf(vocabulary: GgufVocabulary, path: &Path) -> Result<Self, DataError> {
        let bad = |reason: String| bad_tokenizer(path, reason);
        vocabulary.check().map_err(bad)?;
        let ends = vocabulary.ends();
        let mut described = Described::default();
        let built = match vocabulary.model.as_str() {
            "gpt2" => Named::find(vocabulary.pre.as_deref().unwrap_or("default"))
                .and_then(|named| Ok((vocabulary.byte_level(named)?, named.adds_bos))),
            _ => vocabulary.sentencepiece(&mut described).map(|library| (library, true)),
        };
        let (mut library, adds_bos) = built.map_err(bad)?;
        if vocabulary.add_bos.unwrap_or(adds_bos) {
            let id = vocabulary.bos.ok_or_else(|| {
                bad("tokenizer.ggml.bos_token_id is missing: expected one with add_bos_token"
                    .into())
            })?;
            let token = &vocabulary.tokens[id as usize];
            put_before(&mut library, &mut described, token, id)?;
        }
        Self::from_library(library, described, ends).map_err(bad)
    }
}

impl GgufVocabulary {
    /// Checks that lists have one length and ids are in it; the error is the reason alone.
    fn check(&self) -> Result<(), String> {
        if !["gpt2", "llama"].contains(&self.model.as_str()) {
            let model = shortened(&self.model);
            return Err(format!(
                "tokenizer.ggml.model is {model:?}: expected \"gpt2\" or \"llama\""
            ));
        }
        let known = self.tokens.len();
        let lists = [
            ("token_type", self.token_types.len(), true),
            ("scores", self.scores.len(), self.model == "gpt2"),
        ];
        for (name, length, may_lack) in lists {
            if length != known && !(may_lack && length == 0) {
                return Err(format!("tokenizer.ggml.{name} has {length} values: expected {known}"));
            }
        }
        let ids = [
            ("bos_token_id", self.bos),
            ("eos_token_id", self.eos),
            ("eot_token_id", self.eot),
            ("eom_token_id", self.eom),
            ("unknown_token_id", self.unknown),
        ];
        for (name, id) in ids {
            if let Some(id) = id.filter(|id| *id as usize >= known) {
                return Err(format!("tokenizer.ggml.{name} is {id}: expected one below {known}"));
            }
        }
        let is_odd = |token: &String| token.is_empty() || token.len() > TOKEN_BYTES;
        match self.tokens.iter().position(is_odd) {
            Some(id) => {
                let bytes = self.tokens[id].len();
                Err(format!(
                    "tokenizer.ggml.tokens[{id}] has {bytes} bytes: expected 1 to {TOKEN_BYTES}"
                ))
            }
            None => Ok(()),
        }
    }

    fn kind(&self, id: usize) -> i32 {
        self.token_types.get(id).copied().unwrap_or(NORMAL)
    }

    /// What the file says that a text ends with, and the control tokens that always do.
    fn ends(&self) -> Vec<u32> {
        let named = self.eos.into_iter().chain(self.eot).chain(self.eom);
        let is_end = |(id, token): &(usize, &String)| {
            self.kind(*id) == CONTROL && ENDS.contains(&token.as_str())
        };
        let usual = self.tokens.iter().enumerate().filter(is_end).map(|(id, _)| id as u32);
        named.chain(usual).collect()
    }

    /// The ids of the tokens, each of which is there once.
    fn ids(&self) -> Result<HashMap<String, u32>, String> {
        let ids: HashMap<String, u32> = self.tokens.iter().cloned().zip(0..).collect();
        if ids.len() == self.tokens.len() {
            return Ok(ids);
        }
        let is_other = |(id, token): &(usize, &String)| ids[*token] as usize != *id;
        let twice =
            self.tokens.iter().enumerate().find(is_other).map(|(_, token)| shortened(token));
        Err(format!("tokenizer.ggml.tokens has {:?} twice", twice.unwrap_or_default()))
    }

    fn byte_level(&self, named: &Named) -> Result<Library, String> {
        let mut merges = Vec::with_capacity(self.merges.len());
        for merge in &self.merges {
            let (left, right) = merge.split_once(' ').ok_or_else(|| {
                format!("tokenizer.ggml.merges: {:?}: expected two tokens", shortened(merge))
            })?;
            merges.push((left.to_owned(), right.to_owned()));
        }
        let mut builder = BPE::builder()
            .vocab_and_merges(
                self.ids()?.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
                merges,
            )
            .ignore_merges(named.ignores_merges);
        if let Some(unknown) = self.unknown.filter(|id| self.kind(*id as usize) == UNKNOWN) {
            builder = builder.unk_token(self.tokens[unknown as usize].clone());
        }
        let mut library = self.library(builder)?;
        let normalizer = named.composes.then(|| json!({ "type": "NFC" }));
        with_steps(
            &mut library,
            normalizer,
            Some(named.pre_tokenizer()),
            json!({
                "type": "ByteLevel",
                "add_prefix_space": true,
                "trim_offsets": true,
                "use_regex": true,
            }),
        )?;
        self.add_tokens(&mut library)?;
        Ok(library)
    }

    fn sentencepiece(&self, described: &mut Described) -> Result<Library, String> {
        let ids = self.ids()?;
        let merges = self.merges_by_score(&ids);
        let mut builder = BPE::builder()
            .vocab_and_merges(ids.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges)
            .byte_fallback(true)
            .fuse_unk(true);
        if let Some(unknown) = self.unknown {
            builder = builder.unk_token(self.tokens[unknown as usize].clone());
        }
        let mut library = self.library(builder)?;
        let space = META_SPACE.to_string();
        let mut normalizers =
            vec![json!({ "type": "Replace", "pattern": { "String": " " }, "content": space })];
        let mut decoders = vec![
            json!({ "type": "Replace", "pattern": { "String": space }, "content": " " }),
            json!({ "type": "ByteFallback" }),
            json!({ "type": "Fuse" }),
        ];
        if self.add_space_prefix.unwrap_or(true) {
            normalizers.insert(0, json!({ "type": "Prepend", "prepend": space }));
            decoders.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
            described.leading_spaces = 1;
        }
        let normalizer = json!({ "type": "Sequence", "normalizers": normalizers });
        let decoder = json!({ "type": "Sequence", "decoders": decoders });
        with_steps(&mut library, Some(normalizer), None, decoder)?;
        self.add_tokens(&mut library)?;
        Ok(library)
    }

    fn library(&self, builder: tokenizers::models::bpe::BpeBuilder) -> Result<Library, String> {
        let model = caught(|| builder.build())?.map_err(|error| error.to_string())?;
        Ok(Library::new(model))
    }

    /// Tokens that are found in texts as they stand.
    fn add_tokens(&self, library: &mut Library) -> Result<(), String> {
        let added = self.tokens.iter().enumerate().filter_map(|(id, token)| {
            let special = match self.kind(id) {
                CONTROL | UNKNOWN => true,
                USER_DEFINED => false,
                _ => return None,
            };
            Some(AddedToken::from(token.clone(), special).normalized(false))
        });
        let added: Vec<AddedToken> = added.collect();
        let added = caught(|| library.add_tokens(added))?;
        added.map(|_| ()).map_err(|error| error.to_string())
    }

    /// SentencePiece merges the two neighbours whose token has the highest score; as a list, these are all
    /// pairs that make a token, by its score. In the order in which transformers has them
    /// (`generate_merges`), so that the ids are the same.
    fn merges_by_score(&self, ids: &HashMap<String, u32>) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (id, token) in self.tokens.iter().enumerate().filter(|(id, _)| self.kind(*id) == NORMAL)
        {
            for (at, _) in token.char_indices().skip(1) {
                let (left, right) = token.split_at(at);
                if let (Some(&left_id), Some(&right_id)) = (ids.get(left), ids.get(right))
                    && [left_id, right_id].iter().all(|id| self.kind(*id as usize) == NORMAL)
                {
                    pairs.push((id, left, right, left_id, right_id));
                }
            }
        }
        let length = |text: &str| text.chars().count();
        pairs.sort_by(|a, b| {
            let by_score = self.scores[b.0].total_cmp(&self.scores[a.0]);
            let by_length = || (length(b.1), length(b.2)).cmp(&(length(a.1), length(a.2)));
            by_score.then_with(by_length).then_with(|| (a.0, a.3, a.4).cmp(&(b.0, b.3, b.4)))
        });
        pairs.into_iter().map(|(_, left, right, ..)| (left.to_owned(), right.to_owned())).collect()
    }
}

fn with_steps(
    library: &mut Library,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    decoder: Value,
) -> Result<(), String> {
    let text = |error: serde_json::Error| error.to_string();
    let normalizer: Option<NormalizerWrapper> =
        normalizer.map(serde_json::from_value).transpose().map_err(text)?;
    let pre_tokenizer: Option<PreTokenizerWrapper> =
        pre_tokenizer.map(serde_json::from_value).transpose().map_err(text)?;
    let decoder: tokenizers::DecoderWrapper = serde_json::from_value(decoder).map_err(text)?;
    library.with_normalizer(normalizer).map_err(|error| error.to_string())?;
    library.with_pre_tokenizer(pre_tokenizer);
    library.with_decoder(Some(decoder));
    Ok(())
}

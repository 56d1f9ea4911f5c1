//! What a GGUF file says of a tokenizer.

use std::collections::HashMap;

use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper};

use super::{BYTE, CONTROL, GgufVocabulary, NORMAL, UNKNOWN, USER_DEFINED};
use crate::pipeline::{Library, is_sentencepiece};
use crate::pre_tokenizers::Named;
use crate::quote::shortened;
use crate::vocabulary::merges_of;
use crate::{DataError, Tokenizer};

impl Tokenizer {
    /// What a GGUF file says of this tokenizer. Of SentencePiece's scores, which a `tokenizer.json` does not
    /// have, it has the order of the merges. llama.cpp puts the space before texts that begin with one, too,
    /// and before what follows a special token; newer files of Llama and Mistral do not.
    ///
    /// # Errors
    /// [`DataError::NotForGguf`] for a tokenizer that llama.cpp has no kind for: one of characters, or one
    /// that cuts or changes texts in a way without a name.
    pub fn to_gguf(&self) -> Result<GgufVocabulary, DataError> {
        let cannot = |reason: &str| DataError::NotForGguf { reason: reason.to_owned() };
        let library = self.library().ok_or_else(|| cannot("it is one of characters"))?;
        if self.before_text().len() > 1 || !self.after_text().is_empty() {
            return Err(cannot("it puts more around texts than one token before them"));
        }
        let tokens: Vec<String> =
            (0..self.vocab_size() as u32).filter_map(|id| library.id_to_token(id)).collect();
        let before = self.before_text().first().copied();
        let mut vocabulary = GgufVocabulary {
            token_types: token_types(library, &tokens),
            bos: before.or_else(|| Some(self.separator())),
            eos: Some(self.end_of_text()),
            eot: self.ends_of_text().get(1).copied(),
            eom: self.ends_of_text().get(2).copied(),
            add_bos: Some(before.is_some()),
            ..GgufVocabulary::default()
        };
        if is_sentencepiece(library) {
            if !has_sentencepiece_steps(library) {
                return Err(cannot("it changes or cuts texts besides writing spaces as U+2581"));
            }
            vocabulary.model = "llama".to_owned();
            vocabulary.scores = scores(library, &tokens)?;
            vocabulary.unknown =
                library.get_model().get_unk_token().as_ref().and_then(|token| self.token_id(token));
            vocabulary.add_space_prefix = Some(puts_a_space_before(library));
        } else {
            vocabulary.model = "gpt2".to_owned();
            vocabulary.pre = Some(pre_of(library)?.to_owned());
            vocabulary.merges = merges_of(library.get_model())?;
        }
        vocabulary.tokens = tokens;
        Ok(vocabulary)
    }
}

/// llama.cpp's kind of each token.
fn token_types(library: &Library, tokens: &[String]) -> Vec<i32> {
    let added = library.get_added_tokens_decoder();
    let unknown = library.get_model().get_unk_token().as_deref();
    let is_byte =
        |token: &str| token.len() == 6 && token.starts_with("<0x") && token.ends_with('>');
    let kind = |(id, token): (u32, &String)| match added.get(&id) {
        _ if unknown == Some(token) && is_sentencepiece(library) => UNKNOWN,
        Some(added) if added.special => CONTROL,
        Some(_) => USER_DEFINED,
        None if is_sentencepiece(library) && is_byte(token) => BYTE,
        None => NORMAL,
    };
    (0..).zip(tokens).map(kind).collect()
}

/// A score for each token by which SentencePiece's algorithm merges in the order of the merges.
fn scores(library: &Library, tokens: &[String]) -> Result<Vec<f32>, DataError> {
    let mut ranks: HashMap<String, usize> = HashMap::new();
    for (rank, merge) in merges_of(library.get_model())?.into_iter().enumerate() {
        ranks.entry(merge.replacen(' ', "", 1)).or_insert(rank);
    }
    let mut by_rank: Vec<(usize, usize)> = tokens
        .iter()
        .enumerate()
        .map(|(id, token)| (ranks.get(token).copied().unwrap_or(usize::MAX), id))
        .collect();
    by_rank.sort_unstable();
    let mut scores = vec![0.0; tokens.len()];
    for (place, (_, id)) in by_rank.into_iter().enumerate() {
        scores[id] = -(place as f32);
    }
    Ok(scores)
}

fn puts_a_space_before(library: &Library) -> bool {
    let normalizer = serde_json::to_string(&library.get_normalizer()).unwrap_or_default();
    let metaspace = match library.get_pre_tokenizer() {
        Some(PreTokenizerWrapper::Metaspace(metaspace)) => metaspace.get_prepend_scheme(),
        _ => PrependScheme::Never,
    };
    normalizer.contains("\"Prepend\"") || metaspace != PrependScheme::Never
}

/// Whether nothing happens to texts but what llama.cpp does for this kind.
fn has_sentencepiece_steps(library: &Library) -> bool {
    let is_ours = |normalizer: &NormalizerWrapper| {
        matches!(normalizer, NormalizerWrapper::Prepend(_) | NormalizerWrapper::Replace(_))
    };
    let normalizes = match library.get_normalizer() {
        None => true,
        Some(NormalizerWrapper::Sequence(steps)) => steps.as_ref().iter().all(is_ours),
        Some(one) => is_ours(one),
    };
    let pre_tokenizer = library.get_pre_tokenizer();
    normalizes && matches!(pre_tokenizer, None | Some(PreTokenizerWrapper::Metaspace(_)))
}

fn pre_of(library: &Library) -> Result<&'static str, DataError> {
    let composes = match library.get_normalizer() {
        None => false,
        Some(NormalizerWrapper::NFC(_)) => true,
        Some(_) => {
            let reason = "it changes texts in another way than NFC".to_owned();
            return Err(DataError::NotForGguf { reason });
        }
    };
    let pre_tokenizer = serde_json::to_value(library.get_pre_tokenizer());
    let pre_tokenizer = pre_tokenizer.map_err(tokenizers::Error::from)?;
    let ignores_merges = library.get_model().ignore_merges;
    Named::name_of(&pre_tokenizer, ignores_merges, composes).ok_or_else(|| {
        let pattern = shortened(&pre_tokenizer.to_string());
        let reason = format!("it cuts texts by {pattern}, which has no name there");
        DataError::NotForGguf { reason }
    })
}

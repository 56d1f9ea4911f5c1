//! A BPE of the tokenizers library, and how its steps go with text that comes in pieces.

use minigpt_files::caught;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::Sequence as Normalizers;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{
    AddedVocabulary, DecoderWrapper, Model as _, NormalizerWrapper, OffsetType,
    PostProcessorWrapper, PreTokenizer as _, PreTokenizerWrapper, TokenizerImpl,
};

use crate::pieces::Cuts;
use crate::pre_tokenizers;

/// What the library makes of a `tokenizer.json`.
pub(crate) type Library = TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// Where in its document a piece of text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// At its start, where some tokenizers put a space before the text.
    Start,
    /// After another piece.
    Later,
}

/// The steps from text to ids.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) library: Library,
    /// The added tokens, of which special ones are found in text too.
    with_special: AddedVocabulary,
    /// The first steps for text that does not stand at the start of its document.
    later: Steps,
    pub(crate) cuts: Cuts,
}

/// What happens to a text before the model has it.
#[derive(Clone)]
struct Steps {
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
}

impl Pipeline {
    pub(crate) fn new(mut library: Library) -> Self {
        let mut with_special = library.get_added_vocabulary().clone();
        with_special.set_encode_special_tokens(false);
        library.set_encode_special_tokens(true);
        let later = Steps {
            normalizer: library.get_normalizer().and_then(without_prefix),
            pre_tokenizer: library.get_pre_tokenizer().map(without_scheme),
        };
        let cuts = cuts(&library);
        Self { library, with_special, later, cuts }
    }

    /// Whether bytes go straight to the model: nothing is found, changed or put before.
    pub(crate) fn is_plain(&self) -> bool {
        let added = self.library.get_added_tokens_decoder();
        self.library.get_normalizer().is_none()
            && matches!(self.library.get_pre_tokenizer(), Some(PreTokenizerWrapper::ByteLevel(_)))
            && added.values().all(|token| token.special)
    }

    /// The ids of a piece of text, in which the name of a special token is ordinary text.
    pub(crate) fn encode(&self, text: &str, place: Place) -> Result<Vec<u32>, tokenizers::Error> {
        let added = self.library.get_added_vocabulary();
        match place {
            Place::Start => self.encode_from_start(text, added),
            Place::Later => {
                let Steps { normalizer, pre_tokenizer } = &self.later;
                self.encode_by(text, added, normalizer.as_ref(), pre_tokenizer.as_ref())
            }
        }
    }

    /// The ids of a text, in which the name of a special token is that token.
    pub(crate) fn encode_with_special(&self, text: &str) -> Result<Vec<u32>, tokenizers::Error> {
        self.encode_from_start(text, &self.with_special)
    }

    fn encode_from_start(
        &self,
        text: &str,
        added: &AddedVocabulary,
    ) -> Result<Vec<u32>, tokenizers::Error> {
        let library = &self.library;
        self.encode_by(text, added, library.get_normalizer(), library.get_pre_tokenizer())
    }

    /// What the library's `encode` does, without what it puts around a text and without offsets. Its
    /// regular expressions panic where a pattern takes too long.
    fn encode_by(
        &self,
        text: &str,
        added: &AddedVocabulary,
        normalizer: Option<&NormalizerWrapper>,
        pre_tokenizer: Option<&PreTokenizerWrapper>,
    ) -> Result<Vec<u32>, tokenizers::Error> {
        caught(|| {
            let mut parts = added.extract_and_normalize(normalizer, text);
            if let Some(pre_tokenizer) = pre_tokenizer {
                pre_tokenizer.pre_tokenize(&mut parts)?;
            }
            let model = self.library.get_model();
            parts.tokenize(|part| model.tokenize(part.get()))?;
            Ok(parts.into_encoding(None, 0, OffsetType::None)?.get_ids().to_vec())
        })?
    }
}

/// The normalizer without what it puts before a text.
fn without_prefix(normalizer: &NormalizerWrapper) -> Option<NormalizerWrapper> {
    match normalizer {
        NormalizerWrapper::Prepend(_) => None,
        NormalizerWrapper::Sequence(steps) => {
            let steps = steps.as_ref().iter().filter_map(without_prefix).collect();
            Some(Normalizers::new(steps).into())
        }
        other => Some(other.clone()),
    }
}

/// The pre-tokenizer without what it puts before a text.
fn without_scheme(pre_tokenizer: &PreTokenizerWrapper) -> PreTokenizerWrapper {
    let mut pre_tokenizer = pre_tokenizer.clone();
    if let PreTokenizerWrapper::Metaspace(metaspace) = &mut pre_tokenizer {
        metaspace.set_prepend_scheme(PrependScheme::Never);
    }
    pre_tokenizer
}

/// Where a text can be cut so that its pieces have the ids of the whole.
fn cuts(library: &Library) -> Cuts {
    let added = library.get_added_tokens_decoder();
    let mut found = added.values().filter(|token| !token.special).peekable();
    if is_sentencepiece(library) {
        let is_plain =
            matches!(library.get_pre_tokenizer(), None | Some(PreTokenizerWrapper::Metaspace(_)));
        return if is_plain && found.peek().is_none() && no_token_goes_on_after_a_word(library) {
            Cuts::Spaces
        } else {
            Cuts::Nowhere
        };
    }
    if found.any(|token| token.rstrip || Cuts::SpacesAndLines.are_in(&token.content)) {
        return Cuts::Nowhere;
    }
    library.get_pre_tokenizer().map_or(Cuts::Nowhere, pre_tokenizers::cuts)
}

/// Whether the model has bytes as tokens such as `<0x0A>`, and not as characters that stand for them.
pub(crate) fn is_sentencepiece(library: &Library) -> bool {
    library.get_model().byte_fallback
}

/// Whether the meta symbol stands only where tokens begin: then no merge crosses from a word into the
/// space after it.
fn no_token_goes_on_after_a_word(library: &Library) -> bool {
    let goes_on = |token: &str| token.trim_start_matches(META_SPACE).contains(META_SPACE);
    !library.get_model().get_vocab().keys().any(|token| goes_on(token))
}

/// What stands for a space in SentencePiece's tokens.
pub(crate) const META_SPACE: char = '\u{2581}';

//! Tokenizers made from a corpus.

use std::collections::BTreeSet;
use std::path::Path;

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::chars::Characters;
use crate::folder::Split;
use crate::input::Part;
use crate::pieces::pieces;
use crate::tokenizer::{PIECE_BYTES, check_vocab_size, with_gpt2_pre_tokenizer};
use crate::{DataError, Documents, Tokenizer};

impl Tokenizer {
    /// Trains a byte-level BPE with GPT-2's pre-tokenizer on the documents.
    ///
    /// Ids are the 256 bytes, then the merges in the order learned, and [`END_OF_TEXT`](crate::END_OF_TEXT) last, as in
    /// GPT-2. Pairs seen only once are not merged, so a short text can give fewer ids than asked
    /// for: [`Tokenizer::vocab_size`] tells. The same documents give the same tokenizer.
    ///
    /// # Errors
    /// [`DataError::VocabularySize`] if `vocab_size` is outside [`VOCAB_SIZES`](crate::VOCAB_SIZES).
    pub fn train_bpe<'a>(
        documents: impl Iterator<Item = &'a str> + Send,
        vocab_size: usize,
    ) -> Result<Self, DataError> {
        Self::train_bpe_pieces(documents.flat_map(|text| pieces(text, PIECE_BYTES)), vocab_size)
    }

    fn train_bpe_pieces<S: AsRef<str> + Send>(
        pieces: impl Iterator<Item = S> + Send,
        vocab_size: usize,
    ) -> Result<Self, DataError> {
        check_vocab_size(vocab_size)?;
        let mut trainer = BpeTrainer::builder()
            .vocab_size(vocab_size - 1)
            .min_frequency(2)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .show_progress(false)
            .build();
        let mut inner = with_gpt2_pre_tokenizer(BPE::default());
        inner.train(&mut trainer, pieces)?;
        Self::from_model(inner.get_model().clone(), Path::new("bpe"))
    }

    /// As [`Tokenizer::train_bpe`], on training documents that may not fit in memory.
    pub(crate) fn train_bpe_on(
        documents: &Documents,
        vocab_size: usize,
    ) -> Result<Self, DataError> {
        std::thread::scope(|scope| {
            let (sender, receiver) = std::sync::mpsc::sync_channel(64);
            let reader = scope.spawn(move || {
                let mut closed = false;
                documents.visit(Split::Train, &mut |part| {
                    // A trainer that has failed takes no more, and says why itself.
                    if let Part::Text(text) = part
                        && !closed
                    {
                        closed = sender.send(text.to_owned()).is_err();
                    }
                    Ok(())
                })
            });
            let texts = receiver.into_iter();
            let trained = Self::train_bpe_pieces(
                texts.flat_map(|text| {
                    pieces(&text, PIECE_BYTES).map(str::to_owned).collect::<Vec<_>>()
                }),
                vocab_size,
            );
            match reader.join() {
                Ok(read) => read.and(trained),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// One id per character of the documents, in the order of their code points, and
    /// [`END_OF_TEXT`](crate::END_OF_TEXT) last, which makes one id more than nanoGPT has. Any other character is
    /// [`DataError::UnknownCharacter`] when it is encoded.
    ///
    /// # Errors
    /// None today.
    pub fn characters<'a>(documents: impl Iterator<Item = &'a str>) -> Result<Self, DataError> {
        Ok(Self::from_characters(Characters::of(documents.flat_map(str::chars).collect())))
    }

    /// As [`Tokenizer::characters`], on documents that may not fit in memory.
    pub(crate) fn characters_of(documents: &Documents) -> Result<Self, DataError> {
        let mut characters = BTreeSet::new();
        for split in documents.splits() {
            documents.visit(split, &mut |part| {
                if let Part::Text(text) = part {
                    characters.extend(text.chars());
                }
                Ok(())
            })?;
        }
        Ok(Self::from_characters(Characters::of(characters)))
    }
}

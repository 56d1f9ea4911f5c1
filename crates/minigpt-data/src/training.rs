//! Tokenizers made from a corpus.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::chars::Characters;
use crate::folder::Split;
use crate::part::Part;
use crate::pieces::{Cuts, within};
use crate::tokenizer::{PIECE_BYTES, check_vocab_size, with_gpt2_pre_tokenizer};
use crate::{DataError, Documents, Tokenizer};

/// Bytes of a word at most while a BPE is trained: what is longer is cut. The time that a merge takes
/// grows with the square of a word's length, and no word of a language has so many.
const WORD_BYTES: usize = 256;

/// Bytes of text that are trained on at most of pieces with words so long. No two of these are alike, so
/// that each costs memory, forty times its length; and a sample tells what there is to merge in them.
const LONG_WORDS_BYTES: usize = 8 << 20;

/// Bytes read between two reports.
const REPORT_BYTES: u64 = 4 << 20;

impl Tokenizer {
    /// Trains a byte-level BPE with GPT-2's pre-tokenizer on the documents.
    ///
    /// Ids are the 256 bytes, then the merges in the order learned, and [`END_OF_TEXT`](crate::END_OF_TEXT) last, as in
    /// GPT-2. Pairs seen only once are not merged, so a short text can give fewer ids than asked
    /// for: [`Tokenizer::vocab_size`] tells. The same documents give the same tokenizer. Words of more
    /// than 256 bytes are cut for it, and of text with such words only the first 8 MiB count.
    ///
    /// # Errors
    /// [`DataError::VocabularySize`] if `vocab_size` is below 257 or above 65,536.
    pub fn train_bpe<'a>(
        documents: impl Iterator<Item = &'a str> + Send,
        vocab_size: usize,
    ) -> Result<Self, DataError> {
        let mut words = Words::new();
        let pieces = documents.flat_map(|text| Cuts::SpacesAndLines.pieces(text, PIECE_BYTES));
        Self::train_bpe_pieces(pieces.flat_map(move |piece| words.of(piece)), vocab_size)
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

    /// As [`Tokenizer::train_bpe`], on training documents that may not fit in memory. `progress` hears
    /// how many bytes are read.
    pub(crate) fn train_bpe_on(
        documents: &Documents,
        vocab_size: usize,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, DataError> {
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<String>(64);
            let trainer = scope.spawn(move || {
                let mut words = Words::new();
                let pieces = receiver.into_iter().flat_map(move |text| {
                    let words = Cuts::SpacesAndLines
                        .pieces(&text, PIECE_BYTES)
                        .flat_map(|piece| words.of(piece));
                    words.map(str::to_owned).collect::<Vec<_>>()
                });
                Self::train_bpe_pieces(pieces, vocab_size)
            });
            let read = send_texts(documents, sender, progress);
            match trainer.join() {
                Ok(trained) => read.and(trained),
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

    /// As [`Tokenizer::characters`], on documents that may not fit in memory. `progress` hears how many
    /// bytes are read.
    pub(crate) fn characters_of(
        documents: &Documents,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, DataError> {
        let mut characters = BTreeSet::new();
        let mut report = Report::new(progress);
        for split in documents.splits() {
            documents.visit(split, &mut |part| {
                if let Part::Text(text) = part {
                    characters.extend(text.chars());
                    report.add(text.len());
                }
                Ok(())
            })?;
        }
        Ok(Self::from_characters(Characters::of(characters)))
    }
}

/// Sends the texts to train on, and hangs up.
fn send_texts(
    documents: &Documents,
    sender: SyncSender<String>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), DataError> {
    let mut report = Report::new(progress);
    let mut closed = false;
    documents.visit(Split::Train, &mut |part| {
        // A trainer that has failed takes no more, and says why itself.
        if let Part::Text(text) = part
            && !closed
        {
            closed = sender.send(text.to_owned()).is_err();
            report.add(text.len());
        }
        Ok(())
    })
}

/// Tells how many bytes are read, at the start and every few of them.
struct Report<'p> {
    progress: &'p mut dyn FnMut(u64),
    bytes: u64,
    next: u64,
}

impl<'p> Report<'p> {
    fn new(progress: &'p mut dyn FnMut(u64)) -> Self {
        progress(0);
        Self { progress, bytes: 0, next: REPORT_BYTES }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.bytes >= self.next {
            self.next = self.bytes + REPORT_BYTES;
            (self.progress)(self.bytes);
        }
    }
}

/// Cuts the words of texts that are too long to train on.
struct Words {
    /// Bytes of pieces with long words so far.
    long: usize,
}

impl Words {
    fn new() -> Self {
        Self { long: 0 }
    }

    /// The parts of a piece that are trained on: it as a whole, in most texts.
    fn of<'t>(&mut self, piece: &'t str) -> Vec<&'t str> {
        let parts: Vec<&str> = within(piece, WORD_BYTES).collect();
        if parts.len() < 2 {
            return parts;
        }
        self.long += piece.len();
        if self.long > LONG_WORDS_BYTES { Vec::new() } else { parts }
    }
}

#[cfg(test)]
mod tests;

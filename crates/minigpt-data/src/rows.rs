//! Examples as tokens, a row each: what a model reads, and what of it it is to say.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::order::Permutation;
use crate::pipeline::Place;
use crate::quote::shortened;
use crate::{ChatTemplate, DataError, Dialogue, LabelledText, TextCounts, Tokenizer};

/// What the model sees, and what it should say after each token of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The tokens seen.
    pub inputs: Vec<u32>,
    /// As many: the id that should come after each input, or `None` where nothing is asked. Of a
    /// labelled text, the last one is the number of its label.
    pub targets: Vec<Option<u32>>,
}

impl TokenRow {
    /// Number of targets.
    #[must_use]
    pub fn predicted(&self) -> usize {
        self.targets.iter().flatten().count()
    }
}

/// What happens to an example that is longer than the model's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// It is an error, which names its line.
    Refused,
    /// It is left out.
    LeftOut,
}

/// The rows of some examples; cheap to clone.
///
/// A row holds one example and nothing else: no example sees another, without a mask to keep them
/// apart. Rows of about one length stand together in a batch, so that little of it is padding; what
/// there is comes after a row, where causal attention does not look.
#[derive(Clone, Debug)]
pub struct TokenRows {
    rows: Arc<[TokenRow]>,
    /// Their numbers, shorter rows first.
    by_length: Arc<[usize]>,
    counts: TextCounts,
    left_out: usize,
}

impl TokenRows {
    /// Dialogues of the file `path`, which `template` made, for a model with a context of `block_size`. Each
    /// answer is predicted, with the [end of text](Tokenizer::end_of_text) that follows it, and what was given
    /// is not.
    ///
    /// # Errors
    /// [`DataError::BadExample`] for one that is too long, [`DataError::NoExamples`] where none is left,
    /// and as [`Tokenizer::encode`].
    pub fn of_dialogues(
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        dialogues: &[Dialogue],
        path: &Path,
        block_size: usize,
        too_long: TooLong,
    ) -> Result<Self, DataError> {
        let turn_ids = |dialogue: &Dialogue| template.turn_ids(tokenizer, &dialogue.turns);
        let ids: Vec<Vec<[Vec<u32>; 2]>> =
            dialogues.par_iter().map(turn_ids).collect::<Result<_, _>>()?;
        let mut build = Build::new(path, block_size, too_long);
        for (dialogue, turns) in dialogues.iter().zip(ids) {
            let (mut tokens, mut is_said) = (Vec::new(), Vec::new());
            for (ids, said) in
                turns.into_iter().flat_map(|turn| turn.into_iter().zip([false, true]))
            {
                is_said.extend(std::iter::repeat_n(said, ids.len()));
                tokens.extend(ids);
            }
            let targets = tokens.iter().zip(&is_said).skip(1);
            let targets = targets.map(|(id, said)| said.then_some(*id)).collect();
            tokens.pop();
            let answers = dialogue.turns.iter().map(|turn| TextCounts::of(&turn.answer)).sum();
            build.push(TokenRow { inputs: tokens, targets }, answers, dialogue.line)?;
        }
        build.finish()
    }

    /// Texts of the file `path`, each with what the tokenizer puts [before](Tokenizer::before_text) a text and
    /// an [end of text](Tokenizer::end_of_text) after it, at which its label is asked for by its number in `labels`.
    ///
    /// # Errors
    /// As [`of_dialogues`](Self::of_dialogues), and [`DataError::BadExample`] for a label that is not
    /// among `labels`.
    pub fn of_labelled(
        tokenizer: &Tokenizer,
        texts: &[LabelledText],
        labels: &[String],
        path: &Path,
        block_size: usize,
        too_long: TooLong,
    ) -> Result<Self, DataError> {
        let whole: Vec<(Place, &str)> =
            texts.iter().map(|text| (Place::Start, text.text.as_str())).collect();
        let ids = tokenizer.encode_texts(&whole)?;
        let mut build = Build::new(path, block_size, too_long);
        for (text, ids) in texts.iter().zip(ids) {
            let number = labels.iter().position(|label| *label == text.label).ok_or_else(|| {
                let (label, known) = (shortened(&text.label), shortened(&labels.join(", ")));
                build.bad(text.line, format!("unknown label {label:?}: expected one of {known}"))
            })?;
            let end = [tokenizer.end_of_text()];
            let inputs = [tokenizer.before_text(), &ids, &end].concat();
            let mut targets = vec![None; inputs.len()];
            targets[inputs.len() - 1] = Some(number as u32);
            build.push(TokenRow { inputs, targets }, TextCounts::of(&text.label), text.line)?;
        }
        build.finish()
    }

    /// Number of rows, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always a row")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows, in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[TokenRow] {
        &self.rows
    }

    /// Number of tokens in all rows.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.rows.iter().map(|row| row.inputs.len()).sum()
    }

    /// Number of targets in all rows.
    #[must_use]
    pub fn predicted(&self) -> usize {
        self.rows.iter().map(TokenRow::predicted).sum()
    }

    /// How much text is predicted: that of answers, or of the labels' names.
    #[must_use]
    pub fn counts(&self) -> TextCounts {
        self.counts
    }

    /// Examples that were longer than the context and left out.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Number of batches in a pass.
    #[must_use]
    pub fn batches(&self, batch_size: usize) -> usize {
        self.len().div_ceil(batch_size)
    }

    /// The batch of this number in an evaluation: shorter rows first.
    ///
    /// # Panics
    /// If `number` is not below [`TokenRows::batches`].
    #[must_use]
    pub fn batch(&self, number: usize, batch_size: usize) -> Vec<TokenRow> {
        self.take(&self.by_length[number * batch_size..self.len().min((number + 1) * batch_size)])
    }

    /// The batch of this number in a training run, counted from 0; a pure function of the seed and the
    /// number. Each pass has every row once, in an order of its own, and ends with a batch that may be
    /// smaller.
    ///
    /// Within each stretch of sixteen batches' rows, batches are made of rows of about one length.
    #[must_use]
    pub fn training_batch(&self, number: u64, batch_size: usize, seed: u64) -> Vec<TokenRow> {
        let per_pass = self.batches(batch_size) as u64;
        let (pass, index) = (number / per_pass, (number % per_pass) as usize);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(pass);
        let shuffled = Permutation::new(self.len() as u64, &mut random);

        let (pool, index) = (index / POOL, index % POOL);
        let first = pool * POOL * batch_size;
        let last = self.len().min(first + POOL * batch_size);
        let mut order: Vec<usize> =
            (first..last).map(|place| shuffled.get(place as u64) as usize).collect();
        order.sort_by_key(|row| (self.rows[*row].inputs.len(), *row));
        // Batches change places, but for the one that is smaller.
        let whole = order.len() / batch_size;
        let index = if index < whole {
            let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(1 + pool as u64));
            random.set_stream(pass);
            Permutation::new(whole as u64, &mut random).get(index as u64) as usize
        } else {
            index
        };
        self.take(&order[index * batch_size..order.len().min((index + 1) * batch_size)])
    }

    fn take(&self, order: &[usize]) -> Vec<TokenRow> {
        order.iter().map(|row| self.rows[*row].clone()).collect()
    }
}

/// Batches made of one stretch of shuffled rows.
const POOL: usize = 16;

/// Rows that are being made.
struct Build<'a> {
    path: &'a Path,
    block_size: usize,
    too_long: TooLong,
    rows: Vec<TokenRow>,
    counts: TextCounts,
    left_out: usize,
}

impl<'a> Build<'a> {
    fn new(path: &'a Path, block_size: usize, too_long: TooLong) -> Self {
        let (rows, counts) = (Vec::new(), TextCounts::default());
        Self { path, block_size, too_long, rows, counts, left_out: 0 }
    }

    fn bad(&self, line: u64, reason: String) -> DataError {
        DataError::BadExample { path: self.path.to_owned(), line, reason }
    }

    fn push(&mut self, row: TokenRow, counts: TextCounts, line: u64) -> Result<(), DataError> {
        let (tokens, block_size) = (row.inputs.len(), self.block_size);
        if tokens <= block_size {
            self.rows.push(row);
            self.counts = self.counts + counts;
            return Ok(());
        }
        if self.too_long == TooLong::LeftOut {
            self.left_out += 1;
            return Ok(());
        }
        let given = row.targets.iter().position(Option::is_some).map_or(tokens, |at| at + 1);
        let what = match tokens - given {
            0 => format!("{tokens} tokens"),
            answer => format!("a prompt of {given} tokens and {answer} more"),
        };
        Err(self.bad(
            line,
            format!("{what}, but the model's context is {block_size}: shorten it, or have such examples left out"),
        ))
    }

    fn finish(self) -> Result<TokenRows, DataError> {
        if self.rows.is_empty() {
            return Err(DataError::NoExamples { path: self.path.to_owned() });
        }
        let mut by_length: Vec<usize> = (0..self.rows.len()).collect();
        by_length.sort_by_key(|row| self.rows[*row].inputs.len());
        Ok(TokenRows {
            rows: self.rows.into(),
            by_length: by_length.into(),
            counts: self.counts,
            left_out: self.left_out,
        })
    }
}

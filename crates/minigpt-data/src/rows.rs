//! Examples as tokens, a row each: what a model reads, and what of it it is to say.

#[cfg(test)]
mod tests;

mod batches;
mod packing;
mod preview;

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

pub(crate) use self::batches::Batches;
pub use self::preview::{Passage, passages};

use crate::pipeline::Place;
use crate::quote::shortened;
use crate::{
    ChatTemplate, DataError, Dialogue, FileLine, LabelledText, TextCounts, Tokenizer, Turn,
};

/// What the model sees, and what it should say after each token of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The tokens seen.
    pub inputs: Vec<u32>,
    /// As many: the id that should come after each input, or `None` where nothing is asked. Of a
    /// labelled text, the last one is the number of its label.
    pub targets: Vec<Option<u32>>,
    /// The lengths of the examples that stand in the row one after the other, none of which sees another; none of a row
    /// that is one example.
    pub segments: Vec<usize>,
}

impl TokenRow {
    /// Number of targets: positions that the model has to predict.
    #[must_use]
    pub fn predicted(&self) -> usize {
        self.targets.iter().flatten().count()
    }

    /// The turns of a conversation, of which the answers of the last `learnt` are predicted.
    pub(crate) fn of_turns(turns: Vec<[Vec<u32>; 2]>, learnt: usize) -> Self {
        let before = turns.len().saturating_sub(learnt);
        let (mut tokens, mut is_said) = (Vec::new(), Vec::new());
        for (number, turn) in turns.into_iter().enumerate() {
            for (ids, is_answer) in turn.into_iter().zip([false, true]) {
                is_said.extend(std::iter::repeat_n(is_answer && number >= before, ids.len()));
                tokens.extend(ids);
            }
        }
        let targets = tokens.iter().zip(&is_said).skip(1);
        let targets = targets.map(|(id, said)| said.then_some(*id)).collect();
        tokens.pop();
        Self { inputs: tokens, targets, segments: Vec::new() }
    }
}

/// What happens to an example that is longer than the model's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// It is an error, which names its line.
    Refused,
    /// It is left out.
    LeftOut,
    /// Its last turns are left out until the others fit; where none does, all of it is.
    Shortened,
}

/// Which answers of a conversation are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// All of them.
    EveryAnswer,
    /// The last, after all that stands before it.
    LastAnswer,
}

/// How examples become rows: how long they may be, and which answers are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOptions {
    /// Tokens of the model's context.
    pub block_size: usize,
    /// What happens to longer examples.
    pub too_long: TooLong,
    /// Which answers are learnt.
    pub learnt: Learnt,
}

/// The rows of some examples; cheap to clone.
///
/// A row holds one example, or [several](Self::packed), none of which sees another. Rows of about one length stand
/// together in a batch, so that little of it is padding; what there is comes after a row, where causal attention does not
/// look.
#[derive(Clone, Debug)]
pub struct TokenRows {
    rows: Arc<[TokenRow]>,
    batches: Batches,
    counts: TextCounts,
    left_out: usize,
    shortened: usize,
}

impl TokenRows {
    /// Dialogues of the source `path`, which `template` made. Each answer that is learnt is predicted, with the
    /// [end of text](Tokenizer::end_of_text) that follows it, and what was given is not.
    ///
    /// # Errors
    /// [`DataError::BadExample`] for one that is too long, [`DataError::NoExamples`] where none is left,
    /// and as [`Tokenizer::encode`].
    pub fn of_dialogues(
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        dialogues: &[Dialogue],
        path: &Path,
        options: &RowOptions,
    ) -> Result<Self, DataError> {
        let turn_ids = |dialogue: &Dialogue| template.turn_ids(tokenizer, &dialogue.turns);
        let ids: Vec<Vec<[Vec<u32>; 2]>> =
            dialogues.par_iter().map(turn_ids).collect::<Result<_, _>>()?;
        let mut build = Build::new(path, options);
        for (dialogue, mut ids) in dialogues.iter().zip(ids) {
            let all = ids.len();
            let learnt = match options.learnt {
                Learnt::EveryAnswer => all,
                Learnt::LastAnswer => 1,
            };
            // Without its last turns, a conversation would lack the one answer that is learnt.
            if options.too_long == TooLong::Shortened && learnt == all {
                let kept = fitting(&ids, options.block_size);
                if kept > 0 {
                    ids.truncate(kept);
                }
            }
            build.shortened += usize::from(ids.len() < all);
            let turns = &dialogue.turns[..ids.len()];
            let learnt = learnt.min(turns.len());
            let answers = turns[turns.len() - learnt..].iter().map(counts_of_answer).sum();
            build.push(TokenRow::of_turns(ids, learnt), answers, &dialogue.place)?;
        }
        build.finish()
    }

    /// Texts of the source `path`, each with what the tokenizer puts [before](Tokenizer::before_text) a text and
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
        options: &RowOptions,
    ) -> Result<Self, DataError> {
        let whole: Vec<(Place, &str)> =
            texts.iter().map(|text| (Place::Start, text.text.as_str())).collect();
        let ids = tokenizer.encode_texts(&whole)?;
        let mut build = Build::new(path, options);
        for (text, ids) in texts.iter().zip(ids) {
            let number = labels.iter().position(|label| *label == text.label).ok_or_else(|| {
                let (label, known) = (shortened(&text.label), shortened(&labels.join(", ")));
                text.place.bad(format!("unknown label {label:?}: expected one of {known}"))
            })?;
            let end = [tokenizer.end_of_text()];
            let inputs = [tokenizer.before_text(), &ids, &end].concat();
            let mut targets = vec![None; inputs.len()];
            targets[inputs.len() - 1] = Some(number as u32);
            let row = TokenRow { inputs, targets, segments: Vec::new() };
            build.push(row, TextCounts::of(&text.label), &text.place)?;
        }
        build.finish()
    }

    /// The rows of several sources: a pass has those of each as often as its weight says, which may be a fraction.
    /// An evaluation has each once.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn joined(sources: Vec<(Self, f64)>) -> Self {
        let weights: Vec<(usize, f64)> =
            sources.iter().map(|(rows, weight)| (rows.len(), *weight)).collect();
        let sum = |of: fn(&Self) -> usize| sources.iter().map(|(rows, _)| of(rows)).sum::<usize>();
        let (left_out, shortened) = (sum(Self::left_out), sum(Self::shortened));
        let counts = sources.iter().map(|(rows, _)| rows.counts).sum();
        let rows: Vec<TokenRow> =
            sources.iter().flat_map(|(source, _)| source.rows.iter().cloned()).collect();
        let batches = Batches::new(rows.iter().map(|row| row.inputs.len()), &weights);
        Self { rows: rows.into(), batches, counts, left_out, shortened }
    }

    /// Number of rows, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always a row")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Number of examples in all rows.
    #[must_use]
    pub fn examples(&self) -> usize {
        self.rows.iter().map(|row| row.segments.len().max(1)).sum()
    }

    /// The rows, in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[TokenRow] {
        &self.rows
    }

    /// Number of input tokens in all rows, without padding.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.rows.iter().map(|row| row.inputs.len()).sum()
    }

    /// Number of targets in all rows: the tokens or labels that a loss is divided by.
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

    /// Conversations that were longer than the context and lost their last turns.
    #[must_use]
    pub fn shortened(&self) -> usize {
        self.shortened
    }

    /// Number of batches of at most `batch_size` rows in an evaluation, which takes each row once.
    #[must_use]
    pub fn batches(&self, batch_size: usize) -> usize {
        self.batches.in_order(batch_size)
    }

    /// Number of batches in a training pass.
    #[must_use]
    pub fn training_batches(&self, batch_size: usize) -> usize {
        self.batches.in_a_pass(batch_size)
    }

    /// The batch of this number in an evaluation: shorter rows first.
    ///
    /// # Panics
    /// If `number` is not below [`TokenRows::batches`].
    #[must_use]
    pub fn batch(&self, number: usize, batch_size: usize) -> Vec<TokenRow> {
        self.take(self.batches.batch(number, batch_size))
    }

    /// The batch of this number in a training run, counted from 0; a pure function of the seed and the
    /// number. Each pass has every row once, or as often as its source's weight says, in an order of its own, and ends
    /// with a batch that may be smaller.
    ///
    /// Within each stretch of sixteen batches' rows, batches are made of rows of about one length.
    #[must_use]
    pub fn training_batch(&self, number: u64, batch_size: usize, seed: u64) -> Vec<TokenRow> {
        self.take(&self.batches.training_batch(number, batch_size, seed))
    }

    fn take(&self, order: &[usize]) -> Vec<TokenRow> {
        order.iter().map(|row| self.rows[*row].clone()).collect()
    }
}

fn counts_of_answer(turn: &Turn) -> TextCounts {
    TextCounts::of(&turn.answer)
}

/// How many of the first turns fit a context together.
fn fitting(turns: &[[Vec<u32>; 2]], block_size: usize) -> usize {
    let mut tokens = 0;
    let fits = |turn: &&[Vec<u32>; 2]| {
        tokens += turn[0].len() + turn[1].len();
        // The last token is predicted and not read.
        tokens <= block_size + 1
    };
    turns.iter().take_while(fits).count()
}

/// Rows that are being made.
struct Build<'a> {
    path: &'a Path,
    options: &'a RowOptions,
    rows: Vec<TokenRow>,
    counts: TextCounts,
    left_out: usize,
    shortened: usize,
}

impl<'a> Build<'a> {
    fn new(path: &'a Path, options: &'a RowOptions) -> Self {
        let (rows, counts) = (Vec::new(), TextCounts::default());
        Self { path, options, rows, counts, left_out: 0, shortened: 0 }
    }

    fn push(
        &mut self,
        row: TokenRow,
        counts: TextCounts,
        place: &FileLine,
    ) -> Result<(), DataError> {
        let fits = self.options.fits(&[&row], place)?;
        if fits {
            self.rows.push(row);
            self.counts = self.counts + counts;
        } else {
            self.left_out += 1;
        }
        Ok(())
    }

    fn finish(self) -> Result<TokenRows, DataError> {
        if self.rows.is_empty() {
            return Err(DataError::NoExamples { path: self.path.to_owned() });
        }
        let lengths = self.rows.iter().map(|row| row.inputs.len());
        Ok(TokenRows {
            batches: Batches::new(lengths, &[(self.rows.len(), 1.0)]),
            rows: self.rows.into(),
            counts: self.counts,
            left_out: self.left_out,
            shortened: self.shortened,
        })
    }
}

impl RowOptions {
    /// Whether the rows of an example fit the context, or else, where that is refused, an error.
    pub(crate) fn fits(&self, rows: &[&TokenRow], place: &FileLine) -> Result<bool, DataError> {
        let Self { block_size, too_long, .. } = *self;
        let Some(row) = rows.iter().find(|row| row.inputs.len() > block_size) else {
            return Ok(true);
        };
        if too_long != TooLong::Refused {
            return Ok(false);
        }
        let tokens = row.inputs.len();
        let given = row.targets.iter().position(Option::is_some).map_or(tokens, |at| at + 1);
        let what = match tokens - given {
            0 => format!("{tokens} tokens"),
            answer => format!("a prompt of {given} tokens and {answer} more"),
        };
        Err(place.bad(format!(
            "{what}, but the model's context is {block_size}: shorten it, or have such examples left out"
        )))
    }
}

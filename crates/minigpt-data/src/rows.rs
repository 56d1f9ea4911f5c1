//! Examples as tokens, a row each: what a model reads, and what of it it is to say.

use std::path::Path;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::order::Permutation;
use crate::{DataError, Dialogue, LabelledText, TextCounts, Tokenizer};

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
    /// Dialogues of the file `path` for a model with a context of `block_size`. Each answer is
    /// predicted, with the [`END_OF_TEXT`](crate::END_OF_TEXT) that follows it, and what was given is
    /// not.
    ///
    /// # Errors
    /// [`DataError::BadExample`] for one that is too long, [`DataError::NoExamples`] where none is left,
    /// and as [`Tokenizer::encode`].
    pub fn of_dialogues(
        tokenizer: &Tokenizer,
        dialogues: &[Dialogue],
        path: &Path,
        block_size: usize,
        too_long: TooLong,
    ) -> Result<Self, DataError> {
        let turns = || dialogues.iter().flat_map(|dialogue| &dialogue.turns);
        let texts: Vec<&str> =
            turns().flat_map(|turn| [turn.given.as_str(), turn.answer.as_str()]).collect();
        let mut ids = tokenizer.encode_pieces(&texts)?.into_iter();
        let mut build = Build::new(path, block_size, too_long);
        for dialogue in dialogues {
            let (mut tokens, mut is_said) = (Vec::new(), Vec::new());
            for (turn_ids, said) in
                ids.by_ref().take(2 * dialogue.turns.len()).zip([false, true].iter().cycle())
            {
                is_said.extend(std::iter::repeat_n(*said, turn_ids.len() + usize::from(*said)));
                tokens.extend(turn_ids);
                tokens.extend(said.then_some(tokenizer.end_of_text()));
            }
            let targets = tokens.iter().zip(&is_said).skip(1);
            let targets = targets.map(|(id, said)| said.then_some(*id)).collect();
            tokens.pop();
            let answers = dialogue.turns.iter().map(|turn| TextCounts::of(&turn.answer)).sum();
            build.push(TokenRow { inputs: tokens, targets }, answers, dialogue.line)?;
        }
        build.finish()
    }

    /// Texts of the file `path`, each with an [`END_OF_TEXT`](crate::END_OF_TEXT) after it, at which its
    /// label is asked for by its number in `labels`.
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
        let ids =
            tokenizer.encode_pieces(&texts.iter().map(|text| &text.text).collect::<Vec<_>>())?;
        let mut build = Build::new(path, block_size, too_long);
        for (text, mut inputs) in texts.iter().zip(ids) {
            let number = labels.iter().position(|label| *label == text.label).ok_or_else(|| {
                let (label, known) = (&text.label, labels.join(", "));
                build.bad(text.line, format!("unknown label {label:?}: expected one of {known}"))
            })?;
            inputs.push(tokenizer.end_of_text());
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
            format!("{what}, but the model's context is {block_size}: shorten it, or leave such examples out with --skip-long"),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::{TokenRow, TokenRows, TooLong};
    use crate::{Dialogue, LabelledText, TextCounts, Tokenizer, Turn};
    use proptest::prelude::*;

    fn dialogue(line: u64, turns: &[(&str, &str)]) -> Dialogue {
        let turn = |(given, answer): &(&str, &str)| Turn {
            given: (*given).to_owned(),
            answer: (*answer).to_owned(),
        };
        Dialogue { line, turns: turns.iter().map(turn).collect() }
    }

    fn rows(
        dialogues: &[Dialogue],
        block_size: usize,
        too_long: TooLong,
    ) -> Result<TokenRows, String> {
        let tokenizer = Tokenizer::bytes().unwrap();
        let rows =
            TokenRows::of_dialogues(&tokenizer, dialogues, Path::new("F"), block_size, too_long);
        rows.map_err(|error| error.to_string())
    }

    fn text(row: &TokenRow) -> (String, String) {
        let of = |id: u32| if id == 256 { '$' } else { char::from(id as u8) };
        let targets = row.targets.iter().map(|id| id.map_or('.', of));
        (row.inputs.iter().copied().map(of).collect(), targets.collect())
    }

    #[test]
    fn answers_and_their_ends_are_asked_for_and_nothing_else() {
        let dialogues =
            [dialogue(1, &[("Q:", "yes")]), dialogue(2, &[("S:Q:", "no"), ("Q:", "ok")])];
        let rows = rows(&dialogues, 20, TooLong::Refused).unwrap();
        let found: Vec<_> = rows.rows().iter().map(text).collect();
        let expected = [("Q:yes", ".yes$"), ("S:Q:no$Q:ok", "...no$..ok$")];
        assert_eq!(
            found,
            expected.map(|(inputs, targets)| (inputs.to_owned(), targets.to_owned()))
        );
        assert_eq!((rows.tokens(), rows.predicted()), (16, 10));
        let counts = TextCounts { bytes: 7, words: 3, characters: 7 };
        assert_eq!(rows.counts(), counts);
    }

    #[test]
    fn what_is_too_long_is_refused_with_its_line_or_left_out() {
        let dialogues = [dialogue(1, &[("Q:", "yes")]), dialogue(57, &[("Q:", "certainly")])];
        let error = rows(&dialogues, 8, TooLong::Refused).unwrap_err();
        assert!(
            error.starts_with(
                "F, line 57: a prompt of 2 tokens and 9 more, but the model's context is 8"
            ),
            "{error}"
        );
        let left = rows(&dialogues, 8, TooLong::LeftOut).unwrap();
        assert_eq!((left.len(), left.left_out()), (1, 1));
        let error = rows(&dialogues, 2, TooLong::LeftOut).unwrap_err();
        assert!(error.starts_with("F holds no examples"), "{error}");
    }

    #[test]
    fn a_label_is_asked_for_at_the_end_of_its_text() {
        let tokenizer = Tokenizer::bytes().unwrap();
        let texts = [("good", "yes"), ("bad", "no")].map(|(text, label)| LabelledText {
            line: 5,
            text: text.to_owned(),
            label: label.to_owned(),
        });
        let labels = ["no".to_owned(), "yes".to_owned()];
        let read = |labels: &[String]| {
            TokenRows::of_labelled(&tokenizer, &texts, labels, Path::new("F"), 8, TooLong::Refused)
        };
        let rows = read(&labels).unwrap();
        let row = &rows.rows()[0];
        assert_eq!(text(row).0, "good$");
        assert_eq!(row.targets, [None, None, None, None, Some(1)]);
        let error = read(&labels[..1]).unwrap_err().to_string();
        assert_eq!(error, "F, line 5: unknown label \"yes\": expected one of no");
    }

    proptest! {
        #[test]
        fn each_pass_has_every_row_once_and_an_evaluation_too(
            lengths in prop::collection::vec(1_usize..40, 1..200),
            batch_size in 1_usize..9,
            seed in any::<u64>(),
        ) {
            let texts: Vec<_> = lengths.iter().enumerate().map(|(number, length)| {
                dialogue(number as u64, &[(&format!("{number:03}"), &"x".repeat(*length))])
            }).collect();
            let rows = rows(&texts, 64, TooLong::Refused).unwrap();
            let per_pass = rows.batches(batch_size);
            let all = |batches: Vec<Vec<TokenRow>>| {
                let mut all: Vec<_> = batches.iter().flatten().map(text).collect();
                all.sort();
                all
            };
            let expected = all(vec![rows.rows().to_vec()]);
            let batches = (0..per_pass).map(|number| rows.batch(number, batch_size)).collect();
            prop_assert_eq!(all(batches), expected.clone());
            for pass in 0..3 {
                // Backwards: no batch needs the ones before it.
                let numbers = (pass * per_pass..(pass + 1) * per_pass).rev();
                let batches: Vec<_> = numbers
                    .map(|number| rows.training_batch(number as u64, batch_size, seed))
                    .collect();
                prop_assert!(batches.iter().all(|batch| (1..=batch_size).contains(&batch.len())));
                prop_assert_eq!(all(batches), expected.clone());
            }
        }
    }

    #[test]
    fn passes_differ_and_batches_are_of_about_one_length() {
        let texts: Vec<_> = (0..1000)
            .map(|number| {
                dialogue(number, &[("Q:", &"x".repeat(1 + (number as usize * 37) % 100))])
            })
            .collect();
        let rows = rows(&texts, 128, TooLong::Refused).unwrap();
        let pass = |pass: u64| -> Vec<_> {
            (0..125).map(|batch| rows.training_batch(125 * pass + batch, 8, 7)).collect()
        };
        let (first, second) = (pass(0), pass(1));
        assert_eq!(first, pass(0));
        assert!(first.iter().zip(&second).filter(|(a, b)| a == b).count() < 5);
        let tokens = rows.tokens();
        let longest =
            |batch: &Vec<TokenRow>| batch.iter().map(|row| row.inputs.len()).max().unwrap();
        let padded: usize = first.iter().map(|batch| batch.len() * longest(batch)).sum();
        assert!(padded < tokens * 110 / 100, "{padded} for {tokens} tokens");
        // Not always from short to long.
        let rising = first.windows(2).filter(|pair| longest(&pair[0]) < longest(&pair[1])).count();
        assert!((35..90).contains(&rising), "{rising}");
    }
}

//! Decoding: a batch of token sequences read once, and then prolonged token by token.

use burn::tensor::{ExecutionError, TensorData};

use super::gpt_ref::GptRef;
use super::tensor_reader::TensorReader;
use crate::packed::{PackedCache, PackedGpt, TextInput};

/// A prompt that a model cannot continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Nothing to continue.
    #[error("the prompt is empty: expected at least one token")]
    Empty,
    /// An id that the model has no embedding for.
    #[error(
        "token id {id} is not in the model's vocabulary of {vocab_size}: use the model's own tokenizer"
    )]
    UnknownToken {
        /// The id.
        id: u32,
        /// Number of ids that the model and its tokenizer know.
        vocab_size: usize,
    },
    /// More tokens than the model can see.
    #[error(
        "the prompt has {tokens} tokens and the model's context is {block_size}: shorten the prompt"
    )]
    TooLong {
        /// Tokens in the prompt.
        tokens: usize,
        /// The model's context.
        block_size: usize,
    },
}

/// Sequences of tokens that a model reads with a cache while they grow together.
///
/// Once a sequence fills the model's context, the last half of it is read again, and the model goes
/// on from there: it then sees between half of its context and all of it. Each sequence slides for
/// itself, at the place where it would alone.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_model::{Decoder, Gpt, GptConfig};
///
/// let model = Gpt::init(&GptConfig::tiny(256), 0, &Device::flex())?;
/// let mut decoder = Decoder::new(&model, &[vec![72, 101], vec![7]])?;
/// let logits = decoder.logits();
/// assert_eq!((logits.len(), logits[1].len()), (2, 256));
/// decoder.push(&[108, 9]); // chosen from these logits, one way or another
/// assert_eq!(decoder.sequences()[0], [72, 101, 108]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Decoder<'a> {
    model: GptRef<'a>,
    reader: Reader<'a>,
    sequences: Vec<Vec<u32>>,
    /// Where in each sequence the model's context begins.
    starts: Vec<usize>,
    /// How often each sequence's context was full.
    slides: Vec<usize>,
}

/// What a model has read of the sequences' contexts.
#[derive(Clone)]
enum Reader<'a> {
    Tensors(TensorReader<'a>),
    /// One cache for each sequence.
    Packed(&'a PackedGpt, Vec<PackedCache>),
}

impl<'a> Decoder<'a> {
    /// Will read `prompts`, which may differ in length.
    ///
    /// # Errors
    /// [`PromptError`] where the model cannot continue one of them, or where there is none.
    pub fn new(model: impl Into<GptRef<'a>>, prompts: &[Vec<u32>]) -> Result<Self, PromptError> {
        let model = model.into();
        if prompts.is_empty() {
            return Err(PromptError::Empty);
        }
        prompts.iter().try_for_each(|prompt| check_prompt(model, prompt))?;
        let reader = match model {
            GptRef::Tensors(model) => Reader::Tensors(TensorReader::new(model)),
            GptRef::Packed(model) => Reader::Packed(model, vec![model.new_cache(); prompts.len()]),
        };
        Ok(Self {
            model,
            reader,
            sequences: prompts.to_vec(),
            starts: vec![0; prompts.len()],
            slides: vec![0; prompts.len()],
        })
    }

    /// Without a sequence yet: they [join](Self::join).
    pub fn empty(model: impl Into<GptRef<'a>>) -> Self {
        let model = model.into();
        let reader = match model {
            GptRef::Tensors(model) => Reader::Tensors(TensorReader::new(model)),
            GptRef::Packed(model) => Reader::Packed(model, Vec::new()),
        };
        Self { model, reader, sequences: Vec::new(), starts: Vec::new(), slides: Vec::new() }
    }

    /// Will read one more prompt, as the last sequence. `cache` may have what was read of its beginning, and tells with
    /// which adapter it is read; only a [packed](GptRef::Packed) model has caches of single sequences. Another one reads
    /// all sequences again.
    ///
    /// # Errors
    /// [`PromptError`] where the model cannot continue it.
    pub fn join(
        &mut self,
        prompt: Vec<u32>,
        cache: Option<PackedCache>,
    ) -> Result<(), PromptError> {
        check_prompt(self.model, &prompt)?;
        match &mut self.reader {
            Reader::Tensors(reader) => reader.forget(),
            Reader::Packed(model, caches) => {
                let mut cache = cache.unwrap_or_else(|| model.new_cache());
                cache.truncate(prompt.len() - 1);
                caches.push(cache);
            }
        }
        self.sequences.push(prompt);
        self.starts.push(0);
        self.slides.push(0);
        Ok(())
    }

    /// Ends a sequence: its tokens from where its context began, and of a [packed](GptRef::Packed) model what was
    /// read of them.
    ///
    /// # Panics
    /// Where there is no such sequence.
    pub fn leave(&mut self, row: usize) -> (Vec<u32>, Option<PackedCache>) {
        let start = self.starts.remove(row);
        self.slides.remove(row);
        let tokens = self.sequences.remove(row).split_off(start);
        let cache = match &mut self.reader {
            Reader::Packed(_, caches) => Some(caches.remove(row)),
            Reader::Tensors(reader) => {
                let others: Vec<usize> =
                    (0..=self.sequences.len()).filter(|other| *other != row).collect();
                match others.is_empty() {
                    true => reader.forget(),
                    false => reader.select(&others),
                }
                None
            }
        };
        (tokens, cache)
    }

    /// The tokens of a sequence that its cache has, from where its context begins, and the cache; nothing where
    /// sequences have none of their own.
    ///
    /// # Panics
    /// Where there is no such sequence.
    #[must_use]
    pub fn has_read(&self, row: usize) -> Option<(&[u32], &PackedCache)> {
        match &self.reader {
            Reader::Packed(_, caches) => {
                let cache = &caches[row];
                Some((&self.sequences[row][self.starts[row]..][..cache.len()], cache))
            }
            Reader::Tensors(_) => None,
        }
    }

    /// The sequences so far, prompts included.
    #[must_use]
    pub fn sequences(&self) -> &[Vec<u32>] {
        &self.sequences
    }

    pub(crate) fn model(&self) -> GptRef<'a> {
        self.model
    }

    /// Prolongs one sequence by a token, which must be in the vocabulary.
    pub(crate) fn push_one(&mut self, row: usize, token: u32) {
        self.sequences[row].push(token);
    }

    /// How often each sequence's context was full and the last half of it read again.
    pub(crate) fn slides(&self) -> &[usize] {
        &self.slides
    }

    /// Logits of each sequence's next token, `[vocab_size]` each; those of padding are minus infinity.
    ///
    /// # Panics
    /// Where the device fails, or cannot be waited for, as in a browser:
    /// [`logits_async`](Self::logits_async).
    pub fn logits(&mut self) -> Vec<Vec<f32>> {
        self.slide();
        let contexts = contexts(&self.sequences, &self.starts);
        match &mut self.reader {
            Reader::Tensors(reader) => self.model.rows(reader.read(&contexts).into_data()),
            Reader::Packed(model, caches) => read_packed(model, caches, &contexts),
        }
    }

    /// As [`logits`](Self::logits) of those sequences that have been read to their end, once about so many tokens more of
    /// prompts were read, beside the last token of each text. Only a [packed](GptRef::Packed) model reads in parts.
    ///
    /// # Panics
    /// As [`logits`](Self::logits).
    pub fn logits_within(&mut self, tokens: usize) -> Vec<Option<Vec<f32>>> {
        if !matches!(self.reader, Reader::Packed(..)) {
            return self.logits().into_iter().map(Some).collect();
        }
        self.slide();
        let contexts = contexts(&self.sequences, &self.starts);
        let Reader::Packed(model, caches) = &mut self.reader else { unreachable!("packed") };
        let unread = |tokens: &[u32], cache: &mut PackedCache| {
            cache.truncate(tokens.len() - 1);
            tokens.len() - cache.len()
        };
        let unread: Vec<usize> = contexts
            .iter()
            .zip(&mut *caches)
            .map(|(tokens, cache)| unread(tokens, cache))
            .collect();
        let parts = parts(&unread, tokens);
        let (mut reads, mut wanted) = (Vec::new(), Vec::new());
        for (row, (tokens, cache)) in contexts.iter().zip(caches).enumerate() {
            let tokens = &tokens[cache.len()..][..parts[row]];
            reads.push(TextInput { tokens, cache });
            wanted.push(usize::from(parts[row] == unread[row]));
        }
        let logits = model.forward_after(&mut reads, &wanted);
        let mut logits = logits.chunks(model.vocab_size());
        let is_read = parts.iter().zip(&unread).map(|(part, unread)| part == unread);
        is_read.map(|is_read| is_read.then(|| logits.next().map(<[f32]>::to_vec))?).collect()
    }

    /// As [`logits`](Self::logits) of one sequence, and the logits after each of the tokens of a draft how it may go
    /// on, whether they come to be pushed or not: all in one pass over the weights. Only a [packed](GptRef::Packed)
    /// model reads the draft.
    ///
    /// # Panics
    /// As [`logits`](Self::logits), and where there are several sequences.
    pub(crate) fn logits_ahead(&mut self, draft: &[u32]) -> Vec<Vec<f32>> {
        assert_eq!(self.sequences.len(), 1, "one sequence");
        self.slide();
        let Reader::Packed(model, caches) = &mut self.reader else { return self.logits() };
        let tokens = &self.sequences[0][self.starts[0]..];
        let draft = &draft[..draft.len().min(model.block_size() - tokens.len())];
        let cache = &mut caches[0];
        cache.truncate(tokens.len() - 1);
        let unread = [&tokens[cache.len()..], draft].concat();
        let reads = &mut [TextInput { tokens: &unread, cache }];
        let logits = model.forward_after(reads, &[1 + draft.len()]);
        logits.chunks(model.vocab_size()).map(<[f32]>::to_vec).collect()
    }

    /// As [`logits`](Self::logits), for programs that may not wait.
    ///
    /// # Errors
    /// [`ExecutionError`] where the device fails.
    pub async fn logits_async(&mut self) -> Result<Vec<Vec<f32>>, ExecutionError> {
        self.slide();
        let contexts = contexts(&self.sequences, &self.starts);
        Ok(match &mut self.reader {
            Reader::Tensors(reader) => {
                self.model.rows(reader.read(&contexts).into_data_async().await?)
            }
            Reader::Packed(model, caches) => read_packed(model, caches, &contexts),
        })
    }

    /// Makes sure that the model knows these tokens.
    ///
    /// # Errors
    /// [`PromptError::UnknownToken`].
    pub(crate) fn check(&self, tokens: &[u32]) -> Result<(), PromptError> {
        check_known(self.model, tokens)
    }

    /// Prolongs each sequence by its token, which must be in the vocabulary.
    ///
    /// # Panics
    /// Where there are not as many tokens as sequences.
    pub fn push(&mut self, tokens: &[u32]) {
        assert_eq!(tokens.len(), self.sequences.len(), "a token for each sequence");
        for (sequence, token) in self.sequences.iter_mut().zip(tokens) {
            sequence.push(*token);
        }
    }

    /// Puts another text in the place of the one that there is; what both begin with is not read again where the model
    /// is [packed](GptRef::Packed).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn replace(&mut self, text: &[u32]) -> Result<(), PromptError> {
        let mut fresh = Self::new(self.model, &[text.to_vec()])?;
        if let (Reader::Packed(_, new), Reader::Packed(_, old)) =
            (&mut fresh.reader, &mut self.reader)
        {
            let old_tokens = &self.sequences[0][self.starts[0]..];
            let same = text.iter().zip(old_tokens).take_while(|(new, old)| new == old).count();
            new[0] = std::mem::take(&mut old[0]);
            new[0].truncate(same);
        }
        *self = fresh;
        Ok(())
    }

    /// Goes on with these sequences alone, in this order; one may stand several times.
    ///
    /// # Panics
    /// Where there is no such sequence, or none is left.
    pub fn select(&mut self, rows: &[usize]) {
        assert!(!rows.is_empty(), "at least one sequence");
        self.sequences = rows.iter().map(|row| self.sequences[*row].clone()).collect();
        self.starts = rows.iter().map(|row| self.starts[*row]).collect();
        self.slides = rows.iter().map(|row| self.slides[*row]).collect();
        match &mut self.reader {
            Reader::Tensors(reader) => reader.select(rows),
            Reader::Packed(_, caches) => {
                *caches = rows.iter().map(|row| caches[*row].clone()).collect();
            }
        }
    }

    /// Begins the context of each sequence that has outgrown it at the last half of its tokens, and forgets what was
    /// read of it.
    fn slide(&mut self) {
        let block_size = self.model.block_size();
        for (row, sequence) in self.sequences.iter().enumerate() {
            if sequence.len() - self.starts[row] > block_size {
                self.starts[row] = sequence.len() - (block_size / 2).max(1);
                self.slides[row] += 1;
                match &mut self.reader {
                    Reader::Tensors(reader) => reader.forget(),
                    Reader::Packed(_, caches) => caches[row].truncate(0),
                }
            }
        }
    }
}

/// What a model reads of each sequence.
fn contexts<'s>(sequences: &'s [Vec<u32>], starts: &[usize]) -> Vec<&'s [u32]> {
    sequences.iter().zip(starts).map(|(tokens, start)| &tokens[*start..]).collect()
}

/// Logits after the contexts, of which the caches have the beginnings.
fn read_packed(
    model: &PackedGpt,
    caches: &mut [PackedCache],
    contexts: &[&[u32]],
) -> Vec<Vec<f32>> {
    // A context that was read already is read again from its last token on.
    let reads = contexts.iter().zip(caches).map(|(tokens, cache)| {
        cache.truncate(tokens.len() - 1);
        TextInput { tokens: &tokens[cache.len()..], cache }
    });
    let logits = model.forward(&mut reads.collect::<Vec<_>>());
    logits.chunks(model.vocab_size()).map(<[f32]>::to_vec).collect()
}

impl GptRef<'_> {
    /// Logits `[batch, vocab_size]`, each row for itself.
    fn rows(self, logits: TensorData) -> Vec<Vec<f32>> {
        let values = logits.convert::<f32>().try_into_vec::<f32>();
        let values = values.expect("logits converted to f32"); // [batch, vocab_size]
        values.chunks(self.vocab_size()).map(<[f32]>::to_vec).collect()
    }
}

/// How many of the unread tokens of each text are read, where about so many are read of long prompts: the one of those
/// that are written, and of the prompts equal parts, those that are shorter whole.
fn parts(unread: &[usize], mut tokens: usize) -> Vec<usize> {
    let mut prompts: Vec<usize> = (0..unread.len()).filter(|row| unread[*row] > 1).collect();
    prompts.sort_by_key(|row| unread[*row]);
    let mut parts = vec![1; unread.len()];
    for (place, row) in prompts.iter().enumerate() {
        let others = prompts.len() - place;
        parts[*row] = unread[*row].min(tokens.div_ceil(others).max(1));
        tokens = tokens.saturating_sub(parts[*row]);
    }
    parts
}

/// Makes sure that a model can continue a prompt.
fn check_prompt(model: GptRef<'_>, prompt: &[u32]) -> Result<(), PromptError> {
    let block_size = model.block_size();
    match prompt.len() {
        0 => Err(PromptError::Empty),
        tokens if tokens > block_size => Err(PromptError::TooLong { tokens, block_size }),
        _ => check_known(model, prompt),
    }
}

fn check_known(model: GptRef<'_>, tokens: &[u32]) -> Result<(), PromptError> {
    let vocab_size = model.tokenizer_size();
    match tokens.iter().find(|id| **id as usize >= vocab_size) {
        Some(&id) => Err(PromptError::UnknownToken { id, vocab_size }),
        None => Ok(()),
    }
}

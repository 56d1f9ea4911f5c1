//! Decoding: a batch of token sequences read once, and then prolonged token by token.

use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData};

use crate::model::cache::KvCache;
use crate::model::gpt::Gpt;

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

/// Sequences of tokens that a model reads with a [`KvCache`] while they grow together.
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
    model: &'a Gpt,
    device: Device,
    sequences: Vec<Vec<u32>>,
    /// Where in each sequence the model's context begins.
    starts: Vec<usize>,
    /// How often each sequence's context was full.
    slides: Vec<usize>,
    cache: KvCache,
    /// Last tokens of each sequence that are not in the cache yet; all of them before the first read.
    unread: usize,
}

impl<'a> Decoder<'a> {
    /// Will read `prompts`, which may differ in length.
    ///
    /// # Errors
    /// [`PromptError`] where the model cannot continue one of them, or where there is none.
    pub fn new(model: &'a Gpt, prompts: &[Vec<u32>]) -> Result<Self, PromptError> {
        if prompts.is_empty() || prompts.iter().any(Vec::is_empty) {
            return Err(PromptError::Empty);
        }
        let block_size = model.block_size();
        if let Some(prompt) = prompts.iter().find(|prompt| prompt.len() > block_size) {
            return Err(PromptError::TooLong { tokens: prompt.len(), block_size });
        }
        prompts.iter().try_for_each(|prompt| check_known(model, prompt))?;
        let device = model.wte.weight.lazy_device().inner();
        Ok(Self {
            model,
            device,
            sequences: prompts.to_vec(),
            starts: vec![0; prompts.len()],
            slides: vec![0; prompts.len()],
            cache: KvCache::new(Vec::new()),
            unread: 0,
        })
    }

    /// The sequences so far, prompts included.
    pub fn sequences(&self) -> &[Vec<u32>] {
        &self.sequences
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
        let logits = self.read_unread();
        self.rows(logits.into_data())
    }

    /// As [`logits`](Self::logits), for programs that may not wait.
    ///
    /// # Errors
    /// [`ExecutionError`] where the device fails.
    pub async fn logits_async(&mut self) -> Result<Vec<Vec<f32>>, ExecutionError> {
        let logits = self.read_unread();
        Ok(self.rows(logits.into_data_async().await?))
    }

    /// Reads what was pushed since the last time: `[batch, vocab_size]`.
    fn read_unread(&mut self) -> Tensor<2> {
        let is_full = self.cache.len() + self.unread > self.model.block_size();
        let logits = if self.cache.is_empty() || is_full {
            self.slide();
            self.read_contexts()
        } else {
            self.read(self.unread)
        };
        self.unread = 0;
        logits
    }

    fn rows(&self, logits: TensorData) -> Vec<Vec<f32>> {
        let values = logits.convert::<f32>().try_into_vec::<f32>();
        let values = values.expect("logits converted to f32"); // [batch, vocab_size]
        values.chunks(self.model.vocab_size()).map(<[f32]>::to_vec).collect()
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
        self.unread += 1;
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
        let cache = std::mem::replace(&mut self.cache, KvCache::new(Vec::new()));
        if !cache.is_empty() {
            self.cache = cache.select(rows, &self.device);
        }
    }

    /// Begins the context of each sequence that has outgrown it at the last half of its tokens.
    fn slide(&mut self) {
        let block_size = self.model.block_size();
        for (row, sequence) in self.sequences.iter().enumerate() {
            if sequence.len() - self.starts[row] > block_size {
                self.starts[row] = sequence.len() - (block_size / 2).max(1);
                self.slides[row] += 1;
            }
        }
    }

    /// Reads the context of each sequence into a fresh cache.
    fn read_contexts(&mut self) -> Tensor<2> {
        let contexts = self.sequences.iter().zip(&self.starts);
        let lengths: Vec<usize> = contexts.map(|(tokens, start)| tokens.len() - start).collect();
        let longest = lengths.iter().copied().max().unwrap_or_default();
        self.cache = KvCache::new(lengths.iter().map(|length| longest - length).collect());
        self.read(longest)
    }

    /// Reads the last `time` tokens of each context, padded at the start where there are fewer.
    fn read(&mut self, time: usize) -> Tensor<2> {
        let rows = self.sequences.len();
        let mut ids = Vec::with_capacity(rows * time);
        for (sequence, start) in self.sequences.iter().zip(&self.starts) {
            let last = &sequence[sequence.len().saturating_sub(time).max(*start)..];
            ids.resize(ids.len() + time - last.len(), 0);
            ids.extend(last.iter().map(|id| *id as i32));
        }
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [rows, time]), &self.device);
        self.model.forward_cached(tokens, &mut self.cache)
    }
}

fn check_known(model: &Gpt, tokens: &[u32]) -> Result<(), PromptError> {
    let vocab_size = model.tokenizer_size();
    match tokens.iter().find(|id| **id as usize >= vocab_size) {
        Some(&id) => Err(PromptError::UnknownToken { id, vocab_size }),
        None => Ok(()),
    }
}

//! Texts that a model continues together.

use super::GenerateError;
use super::decode::Decoder;
use super::gpt_ref::GptRef;
use super::policy::{Choices, Policy};
use super::sampling::SamplingError;
use crate::packed::PackedCache;

/// Continuations that grow together in one batch, each by its own policy and with random draws of its own: the same as from a
/// [`Generator`](crate::Generator) each, and sooner. They join and leave as they like.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_model::{BatchGenerator, Gpt, GptConfig, Sampling};
///
/// let model = Gpt::init(&GptConfig::tiny(256), 0, &Device::flex())?;
/// let mut batch = BatchGenerator::new(&model);
/// batch.join(vec![72, 101], Sampling::article(), 1, None)?;
/// batch.join(vec![7], Sampling::Greedy, 2, None)?;
/// for _ in 0..10 {
///     let tokens = batch.step(usize::MAX);
///     assert_eq!(tokens.len(), 2);
/// }
/// let (tokens, _) = batch.leave(0); // the first is complete
/// assert_eq!((tokens.len(), batch.len()), (12, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BatchGenerator<'a> {
    decoder: Decoder<'a>,
    rows: Vec<Row>,
}

/// A text of a batch.
struct Row {
    choices: Choices,
    logits: Vec<f32>,
}

impl<'a> BatchGenerator<'a> {
    /// A batch without a text yet: texts [join](Self::join) while others run.
    pub fn new(model: impl Into<GptRef<'a>>) -> Self {
        Self { decoder: Decoder::empty(model), rows: Vec::new() }
    }

    /// Continues `prompt` too, by `policy` with draws from `seed`, as the last of the texts; `cache` as
    /// [`Decoder::join`] has it.
    ///
    /// # Errors
    /// [`GenerateError`] where the model cannot continue it, or the policy cannot be followed.
    pub fn join(
        &mut self,
        prompt: Vec<u32>,
        policy: impl Into<Policy>,
        seed: u64,
        cache: Option<PackedCache>,
    ) -> Result<(), GenerateError> {
        let choices = Choices::new(self.decoder.model(), prompt.len(), policy.into(), seed)?;
        self.decoder.join(prompt, cache)?;
        self.rows.push(Row { choices, logits: Vec::new() });
        Ok(())
    }

    /// Ends a text, as [`Decoder::leave`].
    ///
    /// # Panics
    /// Where there is no such text.
    pub fn leave(&mut self, row: usize) -> (Vec<u32>, Option<PackedCache>) {
        self.rows.remove(row);
        self.decoder.leave(row)
    }

    /// Number of texts in the batch now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True where no text is in the batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The next token of each text whose prompt is read, once about so many tokens more were read of those that are not
    /// ([`Decoder::logits_within`]). A text whose token could not be chosen stays as it was.
    pub fn step(&mut self, tokens: usize) -> Vec<Option<Result<u32, SamplingError>>> {
        if self.is_empty() {
            return Vec::new();
        }
        let all = self.decoder.logits_within(tokens);
        let rows = all.into_iter().zip(&mut self.rows).enumerate();
        let choose = |(row, (logits, state)): (usize, (Option<Vec<f32>>, &mut Row))| {
            state.logits = logits?;
            Some(state.choices.next(&state.logits, &self.decoder.sequences()[row]))
        };
        let chosen: Vec<_> = rows.map(choose).collect();
        for (row, token) in chosen.iter().enumerate() {
            if let Some(Ok(token)) = token {
                self.decoder.push_one(row, *token);
            }
        }
        chosen
    }

    /// The model's logits from which the last token of a text was chosen, before any constraint.
    ///
    /// # Panics
    /// Where there is no such text.
    #[must_use]
    pub fn logits(&self, row: usize) -> &[f32] {
        &self.rows[row].logits
    }

    /// How often the context of each text was full.
    #[must_use]
    pub fn slides(&self) -> &[usize] {
        self.decoder.slides()
    }

    /// What was read of a text, as [`Decoder::has_read`].
    ///
    /// # Panics
    /// Where there is no such text.
    #[must_use]
    pub fn has_read(&self, row: usize) -> Option<(&[u32], &PackedCache)> {
        self.decoder.has_read(row)
    }

    /// Whether a text's prompt has been read.
    ///
    /// # Panics
    /// Where there is no such text.
    #[must_use]
    pub fn is_writing(&self, row: usize) -> bool {
        !self.rows[row].logits.is_empty()
    }
}

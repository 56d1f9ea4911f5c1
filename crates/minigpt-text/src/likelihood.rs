//! How probable a model holds a continuation, in the manner of
//! [lm-evaluation-harness](https://github.com/EleutherAI/lm-evaluation-harness).

use minigpt_data::Tokenizer;
use minigpt_model::GptRef;

use crate::error::TextError;
use crate::prompt::Prompt;

/// A continuation to be scored after its context, in tokens. A continuation may have at most as many tokens
/// as the model's context.
#[derive(Clone, Debug)]
pub struct ScoredText {
    context: Vec<u32>,
    continuation: Vec<u32>,
}

impl ScoredText {
    /// As the harness does it: spaces at the context's end go to the continuation, the two are
    /// tokenized together after what the tokenizer puts before texts, and where that leaves no context it is
    /// what documents begin with.
    ///
    /// # Errors
    /// [`TextError::Data`].
    pub fn new(
        tokenizer: &Tokenizer,
        context: &str,
        continuation: &str,
    ) -> Result<Self, TextError> {
        let kept = context.trim_end();
        let continuation = [&context[kept.len()..], continuation].concat();
        let before = tokenizer.before_text();
        if kept.is_empty() {
            let continuation = tokenizer.encode(&continuation)?;
            let context =
                if before.is_empty() { vec![tokenizer.separator()] } else { before.to_vec() };
            return Ok(Self { context, continuation });
        }
        let context = tokenizer.encode(kept)?;
        let mut whole = tokenizer.encode(&[kept, &continuation].concat())?;
        let continuation = whole.split_off(context.len().min(whole.len()));
        Ok(Self { context: [before, &context].concat(), continuation })
    }

    /// An answer after a prompt, such as a chat template's, that ends where an answer begins.
    ///
    /// # Errors
    /// [`TextError::Data`].
    pub fn of_answer(
        tokenizer: &Tokenizer,
        prompt: &Prompt,
        answer: &str,
    ) -> Result<Self, TextError> {
        let continuation = tokenizer.encode_continuation(answer)?;
        Ok(Self { context: prompt.ids().to_vec(), continuation })
    }

    /// Tokens that are scored: at most the model's context.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.continuation.len()
    }

    /// What the model reads: at most `block_size` tokens, from the left as few as must be left out.
    fn inputs(&self, block_size: usize) -> Vec<u32> {
        let mut tokens = [&self.context[..], &self.continuation].concat();
        tokens.pop();
        tokens.drain(..tokens.len().saturating_sub(block_size));
        tokens
    }
}

/// How probable a model holds a continuation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likelihood {
    /// The negative logarithm, of all its tokens together.
    pub nats: f64,
    /// Whether each of its tokens is the most probable one.
    pub is_greedy: bool,
}

/// Scores continuations, in their order, `batch_size` at a time; `progress` hears of how many of how many are
/// done. Those of one length go through the model together, so that none is padded.
///
/// ```
/// use burn::tensor::Device;
/// use minigpt_data::Tokenizer;
/// use minigpt_model::{Gpt, GptConfig};
/// use minigpt_text::{ScoredText, likelihoods};
///
/// let tokenizer = Tokenizer::bytes()?;
/// let model = Gpt::init(&GptConfig::tiny(tokenizer.vocab_size()), 0, &Device::flex())?;
/// let text = ScoredText::new(&tokenizer, "The opposite of hot is", " cold")?;
/// let scored = likelihoods(&model, &[text], 16, &mut |_done, _total| {});
/// // Five bytes, each one of 257.
/// assert!((scored[0].nats - 5.0 * 257f64.ln()).abs() < 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn likelihoods<'a>(
    model: impl Into<GptRef<'a>>,
    texts: &[ScoredText],
    batch_size: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Vec<Likelihood> {
    let model = model.into();
    let block_size = model.block_size();
    let inputs: Vec<_> = texts.iter().map(|text| text.inputs(block_size)).collect();
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| inputs[*index].len());
    let mut likelihoods = vec![Likelihood::default(); texts.len()];
    let mut done = 0;
    for of_length in order.chunk_by(|a, b| inputs[*a].len() == inputs[*b].len()) {
        for batch in of_length.chunks(batch_size.max(1)) {
            let of_batch: Vec<_> =
                batch.iter().map(|index| (&inputs[*index][..], &texts[*index])).collect();
            for (index, likelihood) in batch.iter().zip(score(model, &of_batch)) {
                likelihoods[*index] = likelihood;
            }
            done += batch.len();
            progress(done, texts.len());
        }
    }
    likelihoods
}

/// A batch of texts whose inputs are equally long.
fn score(model: GptRef<'_>, batch: &[(&[u32], &ScoredText)]) -> Vec<Likelihood> {
    let time = batch[0].0.len();
    let last = batch.iter().map(|(_, text)| text.continuation.len()).max().unwrap_or(0);
    let inputs: Vec<&[u32]> = batch.iter().map(|(inputs, _)| *inputs).collect();
    // Of a shorter continuation's row, tokens of its context are scored too and not looked at.
    let targets = batch.iter().map(|(inputs, text)| {
        let tokens = inputs[1..].iter().chain(text.continuation.last());
        tokens.skip(time - last).copied().collect()
    });
    let targets: Vec<Vec<u32>> = targets.collect();
    let targets: Vec<&[u32]> = targets.iter().map(Vec::as_slice).collect();
    let rows = model.score(&inputs, &targets).into_iter().zip(batch);
    rows.map(|(scores, (_, text))| {
        let scores = &scores[last - text.continuation.len()..];
        Likelihood {
            nats: scores.iter().map(|score| f64::from(score.nats)).sum(),
            is_greedy: scores.iter().all(|score| score.is_greedy),
        }
    })
    .collect()
}

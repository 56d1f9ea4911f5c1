//! A model measured on a text: perplexities by protocol, with intervals, and where the loss comes from.

use std::time::Instant;

use minigpt_data::{CountedTokens, TextCounts};
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Measured, Unit};
use crate::error::EvalError;
use crate::evaluation::Evaluation;
use crate::protocol::Protocol;
use crate::reader::Readers;
use crate::recited::Recited;
use crate::token_losses::TokenLosses;

/// How a model is measured on a text: protocol, batch and intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EvalConfig {
    /// How the text is read. How many models read it and whether their weights move is theirs to say, and the report's to
    /// repeat.
    pub protocol: Protocol,
    /// Windows that go through the model at once; decides about time and memory alone.
    pub batch_size: usize,
    /// How the intervals are made.
    pub bootstrap: Bootstrap,
}

/// What a model comes to on a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// How the text was read. Its context is the text's length where that is shorter than asked for.
    pub protocol: Protocol,
    /// How the intervals were made.
    pub bootstrap: Bootstrap,
    /// Parts of the text that were drawn for the intervals.
    pub parts: usize,
    /// Ids that the model's vocabulary is padded with, which the tokenizer does not have: they got no
    /// probability.
    pub padding: usize,
    /// The sums that the figures follow from.
    pub evaluation: Evaluation,
    /// Perplexity per token of the model's tokenizer.
    pub token_perplexity: Measured,
    /// Perplexity per white-space word; none of a text without spaces between its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word_perplexity: Option<Measured>,
    /// Bits per byte of UTF-8.
    pub bits_per_byte: Measured,
    /// Bits per Unicode scalar value.
    pub bits_per_character: Measured,
    /// The part of the tokens that the model held for most probable.
    pub accuracy: Measured,
    /// What the model recites of the text; unknown of files of earlier versions. Nothing where a cache or moving weights
    /// repeat what they have just read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recited: Option<Recited>,
    /// The loss by the number of tokens read before, from 1 on.
    pub by_context: Vec<ContextLoss>,
    /// The loss by how often a token occurs in the text.
    pub by_frequency: Vec<FrequencyLoss>,
    /// Time that the model took.
    pub seconds: f64,
}

/// The tokens that were predicted after so many others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextLoss {
    /// Tokens read before.
    pub seen: usize,
    /// Tokens predicted so.
    pub tokens: usize,
    /// Their mean cross-entropy in nats.
    pub loss: f64,
    /// The standard deviation of their cross-entropies.
    pub deviation: f64,
}

/// The tokens that occur so often in the text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrequencyLoss {
    /// Least occurrences.
    pub from: usize,
    /// Most occurrences.
    pub to: usize,
    /// Different ids.
    pub ids: usize,
    /// Tokens predicted that have one of them.
    pub tokens: usize,
    /// Their mean cross-entropy in nats.
    pub loss: f64,
}

/// Measures a model, or several whose probabilities are averaged, on a text; `progress` hears of the tokens predicted so far.
///
/// # Errors
/// [`EvalError::Protocol`], [`EvalError::ProtocolNumber`], [`EvalError::BatchSize`], [`EvalError::Diverged`], or
/// [`EvalError::Data`] for a text of no token.
pub fn evaluate<'a>(
    models: impl Into<Readers<'a>>,
    text: &CountedTokens,
    config: &EvalConfig,
    progress: &mut dyn FnMut(usize),
) -> Result<EvalReport, EvalError> {
    let readers = models.into();
    let protocol = readers.protocol(config.protocol);
    protocol.validate(readers.block_size())?;
    if config.batch_size == 0 {
        return Err(EvalError::BatchSize);
    }
    // A text shorter than the context is read in one window.
    let context = protocol.context.min(text.counts().len()).max(1);
    let protocol = Protocol { context, stride: protocol.stride.min(context), ..protocol };
    let (vocab_size, ids) = (readers.first().vocab_size(), readers.first().tokenizer_size());
    let began = Instant::now();
    let losses = TokenLosses::of(readers, text, protocol, config.batch_size, progress)?;
    let seconds = began.elapsed().as_secs_f64();

    let parts = match config.bootstrap.unit {
        Unit::Windows => sums_of_windows(&losses, text, context),
        Unit::Documents => sums_of_documents(&losses, text),
    };
    let figures: [fn(&Sums) -> f64; 5] = [
        |sums| as_evaluation(sums).token_perplexity(),
        |sums| as_evaluation(sums).word_perplexity().unwrap_or(f64::NAN),
        |sums| as_evaluation(sums).bits_per_byte(),
        |sums| as_evaluation(sums).bits_per_character(),
        |sums| sums[CORRECT] / sums[TOKENS],
    ];
    let [token_perplexity, word_perplexity, bits_per_byte, bits_per_character, accuracy] =
        config.bootstrap.measure(&parts, figures);
    Ok(EvalReport {
        protocol,
        bootstrap: config.bootstrap,
        parts: parts.len(),
        padding: vocab_size - ids,
        evaluation: as_evaluation(&sums(&losses, text, 0..losses.nats.len())),
        token_perplexity,
        word_perplexity: Some(word_perplexity).filter(|measured| measured.value.is_finite()),
        bits_per_byte,
        bits_per_character,
        accuracy,
        recited: protocol.is_plain().then(|| Recited::of(&losses.is_greedy)),
        by_context: by_context(&losses, context),
        by_frequency: by_frequency(&losses, vocab_size),
        seconds,
    })
}

impl EvalReport {
    /// Whether there are intervals, but of fewer parts than [`Bootstrap::ENOUGH`].
    #[must_use]
    pub fn has_few_parts(&self) -> bool {
        self.token_perplexity.low.is_some() && self.parts < Bootstrap::ENOUGH
    }

    /// Tokens predicted per second of the whole evaluation.
    #[must_use]
    pub fn tokens_per_second(&self) -> f64 {
        self.evaluation.tokens as f64 / self.seconds
    }
}

/// What adds up over parts of a text; in this order.
type Sums = [f64; 6];
const NATS: usize = 0;
const TOKENS: usize = 1;
const WORDS: usize = 2;
const BYTES: usize = 3;
const CHARACTERS: usize = 4;
const CORRECT: usize = 5;

fn as_evaluation(sums: &Sums) -> Evaluation {
    Evaluation {
        nats: sums[NATS],
        tokens: sums[TOKENS] as usize,
        words: sums[WORDS] as u64,
        bytes: sums[BYTES] as u64,
        characters: sums[CHARACTERS] as u64,
    }
}

fn sums(losses: &TokenLosses, text: &CountedTokens, range: std::ops::Range<usize>) -> Sums {
    let nats = losses.nats[range.clone()].iter().map(|nats| f64::from(*nats)).sum();
    let correct = losses.is_greedy[range.clone()].iter().filter(|correct| **correct).count();
    let TextCounts { bytes, words, characters } =
        text.counts()[range.clone()].iter().copied().sum();
    [nats, range.len() as f64, words as f64, bytes as f64, characters as f64, correct as f64]
}

/// The sums of each stretch of `context` tokens; the last one may be shorter.
fn sums_of_windows(losses: &TokenLosses, text: &CountedTokens, context: usize) -> Vec<Sums> {
    let tokens = losses.nats.len();
    let window = |start| sums(losses, text, start..tokens.min(start + context));
    (0..tokens).step_by(context).map(window).collect()
}

fn sums_of_documents(losses: &TokenLosses, text: &CountedTokens) -> Vec<Sums> {
    let starts = std::iter::once(&0).chain(text.document_ends());
    let ranges = starts.zip(text.document_ends());
    ranges.map(|(start, end)| sums(losses, text, *start..*end)).collect()
}

fn by_context(losses: &TokenLosses, context: usize) -> Vec<ContextLoss> {
    let mut sums = vec![(0, 0.0, 0.0); context + 1];
    for (seen, nats) in losses.seen.iter().zip(&losses.nats) {
        let nats = f64::from(*nats);
        let (tokens, sum, squares) = &mut sums[*seen as usize];
        *tokens += 1;
        *sum += nats;
        *squares += nats * nats;
    }
    let sums = sums.into_iter().enumerate().filter(|(_, (tokens, ..))| *tokens > 0);
    sums.map(|(seen, (tokens, sum, squares))| {
        let loss = sum / tokens as f64;
        let deviation = (squares / tokens as f64 - loss * loss).max(0.0).sqrt();
        ContextLoss { seen, tokens, loss, deviation }
    })
    .collect()
}

/// Ids that occur once, 2 to 9 times, 10 to 99 times, ….
fn by_frequency(losses: &TokenLosses, vocab_size: usize) -> Vec<FrequencyLoss> {
    let mut counts = vec![0_usize; vocab_size];
    for id in &losses.ids {
        counts[*id as usize] += 1;
    }
    let class = |count: usize| if count == 1 { 0 } else { count.ilog10() as usize + 1 };
    let classes = counts.iter().filter(|count| **count > 0).map(|count| class(*count));
    let mut losses_of = vec![(0, 0, 0.0); classes.clone().max().map_or(0, |last| last + 1)];
    for class in classes {
        losses_of[class].0 += 1;
    }
    for (id, nats) in losses.ids.iter().zip(&losses.nats) {
        let (_, tokens, sum) = &mut losses_of[class(counts[*id as usize])];
        *tokens += 1;
        *sum += f64::from(*nats);
    }
    let bounds = |class: usize| match class {
        0 => (1, 1),
        1 => (2, 9),
        _ => (10_usize.pow(class as u32 - 1), 10_usize.pow(class as u32) - 1),
    };
    let losses = losses_of.into_iter().enumerate().filter(|(_, (ids, ..))| *ids > 0);
    losses
        .map(|(class, (ids, tokens, sum))| {
            let (from, to) = bounds(class);
            FrequencyLoss { from, to, ids, tokens, loss: sum / tokens as f64 }
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;

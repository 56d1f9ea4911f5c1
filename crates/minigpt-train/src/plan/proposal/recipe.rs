//! The recipe for a model, a text and so many tokens; `docs/experiments.md` has the runs behind it.

use minigpt_model::GptConfig;

use crate::config::{OptimizerKind, RunConfig};
use crate::plan::proposal::USEFUL_PASSES;

/// Steps that the tokens are divided into, about.
const STEPS: u64 = 2000;

/// Fewest and most tokens in a step: the best of the short runs that were tried, and GPT-3's for its smallest model.
const BATCH: (u64, u64) = (1 << 10, 1 << 19);

/// The width up to which one rate of Muon was best; beyond, it falls with the width.
const WIDTH_OF_RATE: f64 = 256.0;

/// The part of a run's time that its validations may take, and the most there are.
const VALIDATION: (f64, usize) = (0.06, 10);

/// Bytes of text for each id of a vocabulary of its own, and the fewest and most ids.
const VOCABULARY: (u64, usize, usize) = (150, 512, 16_384);

/// Ids of a tokenizer that is trained on so many bytes of text, a power of two: where a text is short, most words of a
/// larger vocabulary would be read too seldom to be learnt. A text that is read more than [`USEFUL_PASSES`] times has half
/// of them: on two texts that cost 0.7 and 1.8 % fewer bits (docs/experiments.md). Before the passes are known, they are 0.
#[must_use]
pub fn vocab_size_of(bytes: u64, passes: f64) -> usize {
    let (each, least, most) = VOCABULARY;
    let each = if passes > USEFUL_PASSES { 2 * each } else { each };
    let ids = usize::try_from(bytes / each).unwrap_or(most).clamp(least, most);
    1 << ids.ilog2()
}

/// Windows in a step, a power of two.
pub(super) fn batch_size(model: &GptConfig, tokens: u64) -> usize {
    let wanted = (tokens / STEPS).clamp(BATCH.0, BATCH.1);
    let windows = (wanted / model.block_size as u64).max(1);
    1 << windows.ilog2()
}

/// How often a run is validated that may take so long, where one validation takes `each` seconds.
pub(super) fn validations(seconds: Option<f64>, each: f64) -> usize {
    let (share, most) = VALIDATION;
    seconds.map_or(most, |seconds| ((share * seconds / each) as usize).clamp(1, most))
}

/// The probability that a value is dropped: what is read once cannot be learnt by heart. At 40 passes over a short text
/// 0.3 was better than 20 passes with 0.2, and 0.2 worse.
pub(super) fn dropout(passes: f64) -> f64 {
    match passes {
        ..=2.5 => 0.0,
        ..=8.0 => 0.1,
        ..=20.0 => 0.2,
        _ => 0.3,
    }
}

/// Steps up to the peak of the rate.
pub(super) fn warmup_steps(steps: usize) -> usize {
    (steps / 20).clamp(1, 200)
}

/// The peak for a model: the recipe's for Muon, which is one for narrow models; for AdamW by the fit of [Kaplan et al.,
/// 2020](https://arxiv.org/abs/2001.08361), appendix D.6, which counts no embeddings.
pub(super) fn learning_rate(model: &GptConfig, recipe: &RunConfig) -> f64 {
    let rate = match recipe.optimizer.kind {
        OptimizerKind::Muon => {
            recipe.schedule.learning_rate * (WIDTH_OF_RATE / model.n_embd as f64).min(1.0)
        }
        OptimizerKind::AdamW => 0.003_239 - 0.000_139_5 * (weights_in_blocks(model) as f64).ln(),
    };
    // Three digits say all that is known.
    (rate.max(1e-4) * 1e5).round() / 1e5
}

/// Weights that are no vectors of tokens and positions.
pub(super) fn weights_in_blocks(model: &GptConfig) -> usize {
    let counts = model.parameter_counts();
    counts.total() - counts.wte - counts.wpe
}

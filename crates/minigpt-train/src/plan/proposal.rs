//! A model and a recipe for a budget of parameters, memory or time.

use std::ops::ControlFlow;
use std::time::Instant;

use burn::tensor::Device;
use minigpt_data::DataError;
use minigpt_model::{GptConfig, Position, Precision};
use serde::Serialize;

use crate::config::OptimizerKind;
use crate::error::TrainError;
use crate::plan::cost::{MemoryEstimate, operations_per_token};
use crate::plan::measure::{TimedStep, time_steps};
use crate::plan::workload::Workload;

/// Tokens per parameter for which a given amount of work gives the lowest loss ([Hoffmann et al.,
/// 2022](https://arxiv.org/abs/2203.15556), table 3).
pub const TOKENS_PER_PARAMETER: f64 = 20.0;

/// Passes over a text after which more of them teach little ([Muennighoff et al.,
/// 2023](https://arxiv.org/abs/2305.16264)).
pub const USEFUL_PASSES: f64 = 4.0;

/// Width over layers, that of GPT-2's smallest.
const WIDTH_PER_LAYER: usize = 64;

/// Widest model considered.
const MAX_WIDTH: usize = 8192;

/// Steps that the tokens are divided into, about.
const STEPS: u64 = 2000;

/// Fewest and most tokens in a step, the latter GPT-3's for its smallest model.
const BATCH: (u64, u64) = (1 << 11, 1 << 19);

/// Most tokens that go through the model at once: more are no faster on any device that is measured here.
const AT_ONCE: usize = 1 << 14;

/// Most floating-point operations and memory of a step that is measured; a larger model is measured with
/// fewer layers, a smaller vocabulary, narrower and with a shorter context, until it is within both.
const SAMPLE: (f64, u64) = (1e12, 2 << 30);

/// Sizes below which a model that is measured is not cut: width, vocabulary and context.
const LEAST: (usize, usize, usize) = (512, 1024, 256);

/// What a run may cost; at least one of the three.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Parameters that the model shall have.
    pub parameters: Option<u64>,
    /// Bytes of memory at the peak of training.
    pub memory: Option<u64>,
    /// Seconds of training, validations apart.
    pub seconds: Option<f64>,
}

/// A model and a recipe for a [`Budget`], and what they cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// The model.
    pub model: GptConfig,
    /// Its parameters.
    pub parameters: usize,
    /// Windows in a step.
    pub batch_size: usize,
    /// Parts that they go through the model in.
    pub accumulation: usize,
    /// Whether blocks are computed again in the backward pass.
    pub gradient_checkpointing: bool,
    /// Steps of the run.
    pub steps: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps up to it.
    pub warmup_steps: usize,
    /// Tokens that the run sees.
    pub tokens: u64,
    /// Tokens that suit the model's size best.
    pub optimal_tokens: u64,
    /// Passes over the training text that they are.
    pub passes: f64,
    /// Estimate of the memory at its peak, in bytes.
    pub memory: u64,
    /// Floating-point operations of all steps.
    pub operations: f64,
    /// How many of them were done in a second when it was measured.
    pub operations_per_second: f64,
    /// Seconds of all steps.
    pub seconds: f64,
}

/// The windows that go through the model at once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MicroBatch {
    windows: usize,
    by_block: bool,
}

impl Proposal {
    /// The model that is given, or the largest that the budget allows, trained for as many tokens as suit it, or
    /// as there is time for. Training steps of it are timed, of fewer layers where they would take long;
    /// `measuring` hears of each model that is.
    ///
    /// # Errors
    /// Before anything is measured [`TrainError::Data`] where a text is too short for one window and
    /// [`TrainError::TooLittleMemory`]; [`TrainError::Budget`] where no model is of that size,
    /// [`TrainError::Model`] where vocabulary and positions alone are too many.
    pub fn new(
        budget: Budget,
        workload: &Workload<'_>,
        mut measuring: impl FnMut(&GptConfig),
    ) -> Result<Self, TrainError> {
        workload.check_texts()?;
        workload.model(32, 2).validate()?;
        let limit = budget.memory.unwrap_or(u64::MAX);
        let given = match (workload.model, budget.parameters) {
            (Some(model), _) => Some(workload.given(model)?),
            (None, Some(parameters)) => Some(workload.nearest(parameters)?),
            (None, None) => None,
        };
        if let Some(model) = given {
            let micro_batch = workload.micro_batch(&model, limit);
            let micro_batch = micro_batch.ok_or_else(|| workload.too_little(&model, limit))?;
            measuring(&model);
            let speed = workload.speed(&model, micro_batch)?;
            return Ok(Self::of(model, micro_batch, speed, budget.seconds, workload));
        }
        // The speed of a small model finds the size, that of the size found corrects it.
        let first = budget.seconds.map_or(f64::INFINITY, |_| 1e12);
        let (mut model, mut micro_batch) = workload.largest(limit, first)?;
        measuring(&model);
        let mut speed = workload.speed(&model, micro_batch)?;
        for seconds in budget.seconds.into_iter().cycle().take(2) {
            let (next, next_micro_batch) = workload.largest(limit, seconds * speed)?;
            if next == model {
                break;
            }
            (model, micro_batch) = (next, next_micro_batch);
            measuring(&model);
            speed = workload.speed(&model, micro_batch)?;
        }
        Ok(Self::of(model, micro_batch, speed, budget.seconds, workload))
    }

    fn of(
        model: GptConfig,
        micro_batch: MicroBatch,
        operations_per_second: f64,
        seconds: Option<f64>,
        workload: &Workload<'_>,
    ) -> Self {
        let parameters = model.parameter_counts().total();
        let optimal_tokens = (TOKENS_PER_PARAMETER * parameters as f64) as u64;
        let tokens_per_second = operations_per_second / operations_per_token(&model);
        let affordable = seconds.map_or(u64::MAX, |seconds| (seconds * tokens_per_second) as u64);
        let batch_size = batch_size(&model, optimal_tokens.min(affordable));
        let windows = micro_batch.windows.min(batch_size);
        let per_step = (batch_size * model.block_size) as u64;
        let steps = (optimal_tokens.min(affordable) / per_step).max(1) as usize;
        let tokens = steps as u64 * per_step;
        let operations = tokens as f64 * operations_per_token(&model);
        Self {
            parameters,
            batch_size,
            accumulation: batch_size / windows,
            gradient_checkpointing: micro_batch.by_block,
            steps,
            learning_rate: learning_rate(&model),
            warmup_steps: (steps / 50).clamp(1, 2000),
            tokens,
            optimal_tokens,
            passes: tokens as f64 / workload.train_tokens as f64,
            memory: memory(&model, MicroBatch { windows, ..micro_batch }, workload.device),
            operations,
            operations_per_second,
            seconds: operations / operations_per_second,
            model,
        }
    }
}

impl Workload<'_> {
    /// Makes sure that both texts have the tokens of a window, as training will.
    fn check_texts(&self) -> Result<(), TrainError> {
        let tokens = self.train_tokens.min(self.valid_tokens);
        let given = self.block_size.or(self.model.map(|model| model.block_size));
        let block_size = given.unwrap_or(1);
        match tokens > block_size {
            true => Ok(()),
            false => Err(DataError::TooFewTokens { tokens, block_size }.into()),
        }
    }

    /// The longest context, a power of two, of which both texts have a window.
    fn longest_context(&self) -> usize {
        let positions = self.train_tokens.min(self.valid_tokens).saturating_sub(1);
        1 << positions.max(1).ilog2()
    }

    /// A model with the workload's vocabulary and, where it says so, context.
    fn given(&self, model: &GptConfig) -> Result<GptConfig, TrainError> {
        let block_size = self.block_size.unwrap_or(model.block_size);
        let model = GptConfig { vocab_size: self.vocab_size, block_size, ..model.clone() };
        model.validate()?;
        Ok(model)
    }

    /// Models of GPT-2's proportions, smallest first.
    fn models(&self) -> impl Iterator<Item = GptConfig> {
        let widths = (1..).map(|index| 32 * index).take_while(|width| *width <= MAX_WIDTH);
        widths.map(|width| self.model(width, (width / WIDTH_PER_LAYER).max(2)))
    }

    fn model(&self, n_embd: usize, n_layer: usize) -> GptConfig {
        let head_size = if n_embd >= 256 && n_embd.is_multiple_of(64) { 64 } else { 32 };
        let usual = n_embd.next_power_of_two().clamp(32, 1024);
        let block_size = self.block_size.unwrap_or(usual.min(self.longest_context()));
        GptConfig::new(self.vocab_size, block_size, n_layer, n_embd / head_size, n_embd)
    }

    /// The model nearest to a number of parameters; of those that are near, the one of the best proportions.
    fn nearest(&self, parameters: u64) -> Result<GptConfig, TrainError> {
        let distance = |model: &GptConfig| {
            let size = model.parameter_counts().total() as f64 / parameters as f64;
            let shape = model.n_embd as f64 / (WIDTH_PER_LAYER * model.n_layer) as f64;
            10.0 * size.ln().abs() + shape.ln().abs()
        };
        let layers = |model: GptConfig| {
            let usual = model.n_layer;
            (usual.div_ceil(2).max(2)..=2 * usual)
                .map(move |n_layer| self.model(model.n_embd, n_layer))
        };
        let valid = self.models().flat_map(layers).filter(|model| model.validate().is_ok());
        let nearest = valid.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let is_near = |model: &GptConfig| {
            let size = model.parameter_counts().total() as f64 / parameters as f64;
            (0.5..2.0).contains(&size)
        };
        nearest.filter(is_near).ok_or_else(|| {
            let least = self.model(32, 2).parameter_counts().total();
            let what = format!("{parameters} parameters");
            TrainError::Budget {
                what,
                expected: format!("{least} to {}", GptConfig::MAX_PARAMETERS),
            }
        })
    }

    /// The largest model that trains in so much memory, and on as many tokens as suit it in so many
    /// operations.
    fn largest(&self, memory: u64, operations: f64) -> Result<(GptConfig, MicroBatch), TrainError> {
        let work = |model: &GptConfig| {
            let tokens = TOKENS_PER_PARAMETER * model.parameter_counts().total() as f64;
            tokens * operations_per_token(model)
        };
        let fitting = self
            .models()
            .take_while(|model| model.validate().is_ok())
            .enumerate()
            // There is always a smallest model: short of time, it sees fewer tokens.
            .take_while(|(index, model)| *index == 0 || work(model) <= operations)
            .filter_map(|(_, model)| {
                self.micro_batch(&model, memory).map(|micro_batch| (model, micro_batch))
            });
        fitting.last().ok_or_else(|| self.too_little(&self.model(32, 2), memory))
    }

    /// As many windows as go through the model at once in so much memory, block by block where not even
    /// one does otherwise.
    fn micro_batch(&self, model: &GptConfig, limit: u64) -> Option<MicroBatch> {
        let most = (AT_ONCE / model.block_size).max(1);
        let powers = || std::iter::successors(Some(1), |windows| Some(2 * windows));
        let largest = |by_block: bool| {
            let micro_batches = powers().take_while(|windows| *windows <= most);
            let micro_batches = micro_batches.map(|windows| MicroBatch { windows, by_block });
            micro_batches
                .take_while(|micro_batch| memory(model, *micro_batch, self.device) <= limit)
                .last()
        };
        largest(false).or_else(|| largest(true))
    }

    fn too_little(&self, model: &GptConfig, limit: u64) -> TrainError {
        let micro_batch = MicroBatch { windows: 1, by_block: true };
        let least = memory(model, micro_batch, self.device).div_ceil(1 << 20);
        let parameters = model.parameter_counts().total();
        TrainError::TooLittleMemory { limit: limit >> 20, least, parameters }
    }

    /// What is measured in a model's place, and how many windows of it go through at once: as much of the
    /// model as takes neither long nor much memory, whatever its size.
    fn sample(&self, model: &GptConfig, micro_batch: MicroBatch) -> (GptConfig, usize) {
        let (mut sample, mut windows) = (model.clone(), micro_batch.windows);
        let is_long = |sample: &GptConfig, windows| operations(sample, windows) > SAMPLE.0;
        while windows > 1 && is_long(&sample, windows) {
            windows /= 2;
        }
        while sample.n_layer > 1 && is_long(&sample, windows) {
            sample.n_layer = sample.n_layer.div_ceil(2);
        }
        let is_large = |sample: &GptConfig| {
            memory(sample, MicroBatch { windows, ..micro_batch }, self.device) > SAMPLE.1
        };
        let (width, vocabulary, context) = LEAST;
        while sample.vocab_size > vocabulary && is_large(&sample) {
            sample.vocab_size = (sample.vocab_size / 2).max(vocabulary);
        }
        while sample.n_layer > 1 && is_large(&sample) {
            sample.n_layer = sample.n_layer.div_ceil(2);
        }
        while sample.n_embd > width && (is_large(&sample) || is_long(&sample, windows)) {
            let n_embd = (sample.n_embd / 2).next_multiple_of(64);
            let (vocab_size, n_layer) = (sample.vocab_size, sample.n_layer);
            let gpt2 = GptConfig::new(vocab_size, sample.block_size, n_layer, n_embd / 64, n_embd);
            sample = match model.position {
                Position::Learned => gpt2,
                Position::Rotary(_) => gpt2.as_llama(),
            };
        }
        while sample.block_size > context && (is_large(&sample) || is_long(&sample, windows)) {
            sample.block_size /= 2;
        }
        (sample, windows)
    }

    /// Operations that training does in a second.
    fn speed(&self, model: &GptConfig, micro_batch: MicroBatch) -> Result<f64, TrainError> {
        let (sample, windows) = self.sample(model, micro_batch);
        let began = Instant::now();
        let mut seconds = Vec::new();
        let step = TimedStep {
            batch_size: windows,
            gradient_checkpointing: micro_batch.by_block,
            precision: Precision::F32,
            optimizer: OptimizerKind::AdamW,
        };
        time_steps(&sample, step, 12, self.device, |step| {
            seconds.push(step);
            match began.elapsed() < self.measured_for {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        // The first step fetches memory.
        let first = usize::from(seconds.len() > 1);
        seconds[first..].sort_by(f64::total_cmp);
        let median = seconds[first + (seconds.len() - first) / 2];
        Ok(operations(&sample, windows) / median)
    }
}

/// Operations of a training step.
fn operations(model: &GptConfig, windows: usize) -> f64 {
    operations_per_token(model) * (windows * model.block_size) as f64
}

fn memory(model: &GptConfig, micro_batch: MicroBatch, device: &Device) -> u64 {
    match micro_batch.by_block {
        true => MemoryEstimate::by_block(model, micro_batch.windows, device).total(),
        false => MemoryEstimate::new(model, micro_batch.windows, device).total(),
    }
}

/// Windows in a step, a power of two.
fn batch_size(model: &GptConfig, tokens: u64) -> usize {
    let wanted = (tokens / STEPS).clamp(BATCH.0, BATCH.1);
    let windows = (wanted / model.block_size as u64).max(1);
    1 << windows.ilog2()
}

/// The peak for a model of that size, by the fit of [Kaplan et al.,
/// 2020](https://arxiv.org/abs/2001.08361), appendix D.6, which counts no embeddings.
fn learning_rate(model: &GptConfig) -> f64 {
    let counts = model.parameter_counts();
    let weights = (counts.total() - counts.wte - counts.wpe) as f64;
    let rate = 0.003_239 - 0.000_139_5 * weights.ln();
    // Three digits say all that is known.
    (rate.max(1e-4) * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests;

//! How fast a model of a shape trains and writes on a device.

use std::ops::ControlFlow;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Int, Tensor};
use minigpt_model::{Generator, Gpt, GptConfig, LoraConfig, Precision, Sampling};

use crate::config::{OptimizerConfig, OptimizerKind, ScheduleConfig};
use crate::data::batches::TokenBatch;
use crate::error::TrainError;
use crate::optim::optimizer::learner;
use crate::optim::schedule::Schedule;
use crate::optim::step::take_step;
use crate::optim::trainee::Trainee;
use crate::plan::cost::{MemoryEstimate, operations_per_token};

/// What a training step that is timed does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedStep {
    /// Windows of its batch.
    pub batch_size: usize,
    /// True where the inside of each block is computed again in the backward pass.
    pub gradient_checkpointing: bool,
    /// What matrix products are computed in.
    pub precision: Precision,
    /// What moves the matrices inside the blocks.
    pub optimizer: OptimizerKind,
}

impl TimedStep {
    /// Bytes that such a step of a model takes on `device`: weights, optimiser and activations.
    #[must_use]
    pub fn memory(&self, config: &GptConfig, device: &Device) -> u64 {
        let (batch_size, precision) = (self.batch_size, self.precision);
        let estimate = match self.gradient_checkpointing {
            true => MemoryEstimate::by_block(config, batch_size, precision, device),
            false => MemoryEstimate::new(config, batch_size, precision, device),
        };
        estimate.on_device()
    }

    /// Floating-point operations of such a step of a model, as [`Plan::operations`](crate::Plan::operations) counts
    /// them: neither what the optimiser does nor what is computed a second time.
    #[must_use]
    pub fn operations(&self, config: &GptConfig) -> f64 {
        let tokens = self.batch_size as f64 * config.block_size as f64;
        tokens * operations_per_token(config)
    }
}

/// Tells `watch` the seconds of each of `steps` training steps of a fresh model, until it has enough, on
/// batches of random tokens: everything that a run does in a step, and nothing that it does between two.
///
/// # Errors
/// [`TrainError`] where the configuration describes no model.
pub fn time_steps(
    config: &GptConfig,
    step: TimedStep,
    steps: usize,
    device: &Device,
    watch: impl FnMut(f64) -> ControlFlow<()>,
) -> Result<(), TrainError> {
    let model = Gpt::init(config, 0, &device.clone().autodiff())?;
    time_steps_of(model, step, config.block_size, steps, watch);
    Ok(())
}

/// As [`time_steps`], of a model that is there, on a device that differentiates: of all its weights or, with `lora`, of
/// an adapter beside them; on windows of `context` tokens.
///
/// # Errors
/// [`TrainError::Adapter`] where the model has no such adapter.
///
/// # Panics
/// Where the context is longer than the model's.
pub fn time_tuning(
    model: Gpt,
    lora: Option<&LoraConfig>,
    step: TimedStep,
    context: usize,
    steps: usize,
    watch: impl FnMut(f64) -> ControlFlow<()>,
) -> Result<(), TrainError> {
    let model = match lora {
        Some(lora) => model.with_lora(lora, 0)?,
        None => model,
    };
    time_steps_of(model, step, context, steps, watch);
    Ok(())
}

fn time_steps_of(
    model: Gpt,
    step: TimedStep,
    context: usize,
    steps: usize,
    mut watch: impl FnMut(f64) -> ControlFlow<()>,
) {
    let TimedStep { batch_size, gradient_checkpointing, precision, optimizer: kind } = step;
    let (config, device) = (model.config().clone(), model.ln_f.weight.lazy_device());
    let recipe = OptimizerConfig { kind, ..OptimizerConfig::default() };
    let schedule = Schedule::new(ScheduleConfig::cosine(3e-4, 1), steps);
    let trainee = Trainee::new(model.with_precision(precision), 1, 0.0)
        .with_gradient_checkpointing(gradient_checkpointing);
    let mut learner = learner(trainee, &recipe, schedule);
    learner.fork(&device);

    let ids = Distribution::Uniform(0.0, config.vocab_size as f64);
    let random = || Tensor::<2, Int>::random([batch_size, context], ids, &device);
    for _ in 0..steps {
        let predicted = batch_size * context;
        let batch = TokenBatch::of_tokens(random(), random(), predicted);
        let began = Instant::now();
        let (loss, _) = take_step(&mut learner, batch, recipe.grad_clip);
        // Waits for the device.
        let _ = loss.nats.into_scalar::<f32>();
        if watch(began.elapsed().as_secs_f64()).is_break() {
            break;
        }
    }
}

/// Tells `watch` the seconds of each of `tokens` tokens that a fresh model writes after a prompt of one.
///
/// # Errors
/// [`TrainError`] where the configuration describes no model.
pub fn time_tokens(
    config: &GptConfig,
    tokens: usize,
    device: &Device,
    mut watch: impl FnMut(f64),
) -> Result<(), TrainError> {
    let model = Gpt::init(config, 0, device)?;
    let mut generator = Generator::new(&model, &[0], Sampling::Greedy, 0)?;
    for _ in 0..tokens {
        let began = Instant::now();
        generator.next().transpose()?;
        watch(began.elapsed().as_secs_f64());
    }
    Ok(())
}

#[cfg(test)]
mod tests;

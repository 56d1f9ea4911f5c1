//! How fast a model trains, by some steps of it or of a part of it.

use std::ops::ControlFlow;
use std::time::Instant;

use minigpt_model::GptConfig;

use super::MicroBatch;
use super::shapes::of_width;
use crate::error::TrainError;
use crate::plan::cost::operations_per_token;
use crate::plan::measure::{TimedStep, time_steps};
use crate::plan::workload::Workload;

/// Most floating-point operations and memory of a step that is measured; a larger model is measured with
/// fewer layers, a smaller vocabulary, narrower and with a shorter context, until it is within both.
pub(super) const SAMPLE: (f64, u64) = (1e12, 2 << 30);

/// Most steps that are timed.
const STEPS: usize = 60;

/// Sizes below which a model that is measured is not cut: width, vocabulary and context.
const LEAST: (usize, usize, usize) = (512, 1024, 256);

impl Workload<'_> {
    /// What is measured in a model's place, and how many windows of it go through at once: as much of the
    /// model as takes neither long nor much memory, whatever its size.
    pub(super) fn sample(&self, model: &GptConfig, micro_batch: MicroBatch) -> (GptConfig, usize) {
        let (mut sample, mut windows) = (model.clone(), micro_batch.windows);
        let is_long = |sample: &GptConfig, windows| operations(sample, windows) > SAMPLE.0;
        while windows > 1 && is_long(&sample, windows) {
            windows /= 2;
        }
        while sample.n_layer > 1 && is_long(&sample, windows) {
            sample.n_layer = sample.n_layer.div_ceil(2);
        }
        let is_large = |sample: &GptConfig| {
            self.memory(sample, MicroBatch { windows, ..micro_batch }) > SAMPLE.1
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
            sample = of_width(&sample, n_embd, n_embd / 64);
        }
        while sample.block_size > context && (is_large(&sample) || is_long(&sample, windows)) {
            sample.block_size /= 2;
        }
        (sample, windows)
    }

    /// Operations that training does in a second.
    pub(super) fn speed(
        &self,
        model: &GptConfig,
        micro_batch: MicroBatch,
    ) -> Result<f64, TrainError> {
        let (sample, windows) = self.sample(model, micro_batch);
        let began = Instant::now();
        let mut seconds = Vec::new();
        let step = TimedStep {
            batch_size: windows,
            gradient_checkpointing: micro_batch.by_block,
            precision: self.recipe.training.precision,
            optimizer: self.recipe.optimizer.kind,
        };
        time_steps(&sample, step, STEPS, self.device, |step| {
            seconds.push(step);
            match began.elapsed() < self.measured_for {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        // The first steps fetch memory.
        let late = seconds.len() / 2;
        seconds[late..].sort_by(f64::total_cmp);
        let median = seconds[late + (seconds.len() - late) / 2];
        Ok(operations(&sample, windows) / median)
    }
}

/// Operations of a training step.
pub(super) fn operations(model: &GptConfig, windows: usize) -> f64 {
    operations_per_token(model) * (windows * model.block_size) as f64
}

//! A training step: a batch forward and backward, and the weights after it.

use burn::module::Module;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, ExecutionError, Tensor};
use burn::train::{InferenceStep, ItemLazy, Learner, TrainOutput, TrainStep};
use minigpt_model::{DropoutKey, GptConfig, Kernels};
use minigpt_ops::run_both;

use crate::data::batches::TokenBatch;
use crate::optim::clip::clip_global_norm;
use crate::optim::in_memory::work_on;
use crate::optim::trainee::{Goal, PartLoss, Trainee};

/// Weights of the largest model whose passes run as two halves of the batch at once: a core then mostly reads what it wrote
/// itself. docs/performance.md has the gains: up to 13 % where two cores share no cache, and little where they do. The second
/// set of gradients takes up to 40 MB.
const MOST_IN_HALVES: usize = 10_000_000;

/// Whether passes of such a model run as two halves, where its weights are not frozen. The number of threads plays no part in
/// it: the same run has the same losses on every machine.
pub(crate) fn takes_halves(model: &GptConfig, device: &Device) -> bool {
    // Only the CPU's kernels run on these threads.
    model.parameter_counts().total() <= MOST_IN_HALVES && Kernels::of(device) == Kernels::Cpu
}

/// What a step says of its batch.
#[derive(Clone, Debug)]
pub(crate) struct StepLoss {
    /// Sum of the cross-entropy in nats, `[1]`.
    pub(crate) nats: Tensor<1>,
    /// Number of targets summed.
    pub(crate) predicted: usize,
    /// Of preferences: the sum of the margins, and how many are above 0, `[2]`.
    pub(crate) preferences: Option<Tensor<1>>,
}

impl StepLoss {
    /// With what another part of the same step says.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        let preferences = self.preferences.zip(other.preferences).map(|(one, two)| one + two);
        Self { nats: self.nats + other.nats, predicted: self.predicted, preferences }
    }

    pub(crate) fn on_device(self, device: &Device) -> Self {
        let preferences = self.preferences.map(|figures| figures.to_device(device));
        Self { nats: self.nats.to_device(device), preferences, ..self }
    }
}

impl ItemLazy for StepLoss {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(self)
    }
}

impl TrainStep for Trainee {
    type Input = TokenBatch;
    type Output = StepLoss;

    fn step(&self, batch: TokenBatch) -> TrainOutput<StepLoss> {
        work_on(self.device(), || self.forward_and_backward(batch))
    }

    fn optimize(
        self,
        optimizer: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        gradients: GradientsParams,
    ) -> Self {
        match self.together.clone() {
            Some(together) => together.step(optimizer, rate, self, gradients),
            None => optimizer.step(rate, self, gradients),
        }
    }
}

impl Trainee {
    fn forward_and_backward(&self, batch: TokenBatch) -> TrainOutput<StepLoss> {
        let mut accumulator = GradientsAccumulator::new();
        let mut sum: Option<StepLoss> = None;
        for part in batch.parts(self.accumulation) {
            // In the order of the windows, so that the sum is the same each time.
            for TrainOutput { grads, item } in self.outputs(part) {
                accumulator.accumulate(self, grads);
                sum = Some(match sum {
                    Some(sum) => sum.and(item),
                    None => item,
                });
            }
        }
        let item = sum.expect("a batch has at least one window");
        TrainOutput { grads: accumulator.grads(), item }
    }

    /// Loss and gradients of a part of a batch.
    fn outputs(&self, part: TokenBatch) -> Vec<TrainOutput<StepLoss>> {
        if !self.is_halved() {
            return vec![self.output(part)];
        }
        // Drawn here, in the order of the halves, so that the threads' timing does not matter.
        let keys = [(); 2].map(|()| DropoutKey::draw(&self.device()));
        self.in_halves(part, keys)
    }

    /// Passes of frozen weights were not tried in halves.
    fn is_halved(&self) -> bool {
        takes_halves(self.transformer.config(), &self.device()) && !self.transformer.is_frozen()
    }

    fn in_halves(&self, part: TokenBatch, keys: [DropoutKey; 2]) -> Vec<TrainOutput<StepLoss>> {
        let mut halves = part.parts(2);
        let [one, two] = keys.map(|key| halves.next().map(|half| (key, half)));
        let output = |half: Option<(DropoutKey, TokenBatch)>| {
            let (key, half) = half?;
            // Each half has a copy with an autodiff graph of its own: threads that share a graph wait for each other.
            let mut copy = self.clone().fork(&self.device());
            copy.transformer = copy.transformer.with_dropout_key(key);
            Some(copy.output(half))
        };
        // A batch may have a single window.
        let (one, two) = run_both(|| output(one), || output(two));
        [one, two].into_iter().flatten().collect()
    }

    fn output(&self, part: TokenBatch) -> TrainOutput<StepLoss> {
        let TokenBatch { tokens, targets, predicted, loss_scale, references, segments, .. } = part;
        let lesson = self.teachers.as_ref().map(|teachers| teachers.lesson(&tokens));
        let goal = Goal { targets, references, lesson, segments };
        // Divided by the targets of all parts, so that their gradients add up to the batch's.
        let (loss, grads) = self.differentiate(tokens, goal, predicted as f64 / loss_scale);
        let PartLoss { nats, preferences, .. } = loss;
        TrainOutput { grads, item: StepLoss { nats, predicted, preferences } }
    }
}

impl InferenceStep for Trainee {
    type Input = TokenBatch;
    type Output = StepLoss;

    fn step(&self, batch: TokenBatch) -> StepLoss {
        let TokenBatch { tokens, targets, predicted, references, segments, .. } = batch;
        let PartLoss { nats, preferences, .. } = work_on(self.device(), || {
            let hidden = self.transformer.hidden_of(tokens, segments.as_ref());
            // Teachers are for learning alone.
            let goal = Goal { targets, references, lesson: None, segments };
            self.loss_of_hidden(hidden, goal, 0.0)
        });
        StepLoss { nats, predicted, preferences }
    }
}

/// The optimiser's step.
pub(crate) fn move_weights(learner: &mut Learner<Trainee>, gradients: GradientsParams) {
    work_on(learner.model().device(), || learner.optimizer_step(gradients));
}

/// One step of the weights against the gradient of a batch, whose norm `[1]` is returned with the loss.
pub(crate) fn take_step(
    learner: &mut Learner<Trainee>,
    batch: TokenBatch,
    grad_clip: f32,
) -> (StepLoss, Tensor<1>) {
    let scale = batch.loss_scale;
    let output = learner.train_step(batch);
    let (gradients, norm) = clip_global_norm(&learner.model(), output.grads, grad_clip, scale);
    learner.lr_step();
    move_weights(learner, gradients);
    (output.item, norm)
}

#[cfg(test)]
mod tests;

//! The model as burn-train sees it: one step forward and backward, and the gradient limit.

use burn::backend::Flex;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{ExecutionError, Tensor};
use burn::train::{InferenceStep, ItemLazy, Learner, TrainOutput, TrainStep};
use minigpt_model::Gpt;

use crate::adamw::{is_in_memory, memory};
use crate::batches::TokenBatch;

/// A [`Gpt`] in training. The field's name completes the weights' paths to those of Hugging Face's
/// `GPT2LMHeadModel`: `transformer.h.0.attn.c_attn.weight`, ….
#[derive(Module, Debug)]
pub struct Trainee {
    /// The model.
    pub transformer: Gpt,
    /// Parts that a batch goes through the model in.
    accumulation: usize,
    label_smoothing: f64,
}

impl Trainee {
    /// The model, with the parts of the recipe that its step needs. Its parameters get new ids, their
    /// places in the model, so that the same run writes the same files to the byte.
    pub fn new(transformer: Gpt, accumulation: usize, label_smoothing: f64) -> Self {
        Self { transformer, accumulation, label_smoothing }.map(&mut Number(0))
    }
}

/// Numbers the parameters in the order of the module.
struct Number(u64);

impl ModuleMapper for Number {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(ParamId::from(self.0), tensor, mapper)
    }
}

/// What a step says of its batch.
#[derive(Clone, Debug)]
pub struct StepLoss {
    /// Sum of the cross-entropy in nats, `[1]`.
    pub nats: Tensor<1>,
    /// Number of targets summed.
    pub predicted: usize,
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
        let predicted = batch.predicted;
        let mut accumulator = GradientsAccumulator::new();
        let mut nats: Option<Tensor<1>> = None;
        for part in batch.parts(self.accumulation) {
            let TokenBatch { tokens, targets, .. } = part;
            let loss = self.transformer.smoothed_loss_sum(tokens, targets, self.label_smoothing);
            // Divided by the targets of all parts, so that their gradients add up to the batch's.
            let gradients = (loss.objective / predicted as f64).backward();
            accumulator.accumulate(self, GradientsParams::from_grads(gradients, self));
            let part_nats = loss.nats.inner();
            nats = Some(match nats {
                Some(nats) => nats + part_nats,
                None => part_nats,
            });
        }
        let nats = nats.expect("a batch has at least one window");
        TrainOutput { grads: accumulator.grads(), item: StepLoss { nats, predicted } }
    }
}

impl InferenceStep for Trainee {
    type Input = TokenBatch;
    type Output = StepLoss;

    fn step(&self, batch: TokenBatch) -> StepLoss {
        let nats = self.transformer.loss_sum(batch.tokens, batch.targets);
        StepLoss { nats, predicted: batch.predicted }
    }
}

/// One step of the weights against the gradient of a batch, whose norm `[1]` is returned with the loss.
pub(crate) fn take_step(
    learner: &mut Learner<Trainee>,
    batch: TokenBatch,
    grad_clip: f32,
) -> (StepLoss, Tensor<1>) {
    let output = learner.train_step(batch);
    let (gradients, norm) = clip_global_norm(&learner.model(), output.grads, grad_clip);
    learner.lr_step();
    learner.optimizer_step(gradients);
    (output.item, norm)
}

/// Scales all gradients by one factor so that their common norm is at most `limit`, and returns
/// them with the norm before, `[1]` ([Pascanu et al., 2013](https://arxiv.org/abs/1211.5063)).
///
/// burn's own clipping limits each tensor by itself. The norm stays on the device, so that the
/// step need not wait for it.
pub(crate) fn clip_global_norm<M: Module>(
    module: &M,
    gradients: GradientsParams,
    limit: f32,
) -> (GradientsParams, Tensor<1>) {
    let mut squares = SumOfSquares { gradients: &gradients, sum: None };
    module.visit(&mut squares);
    let Some(sum) = squares.sum else {
        return (gradients, Tensor::zeros([1], &module.devices()[0].clone().inner()));
    };
    let norm = sum.sqrt();
    // torch.nn.utils.clip_grad_norm_ guards the division with the same 1e-6.
    let factor = (norm.clone() + 1e-6).recip().mul_scalar(limit).clamp_max(1.0);
    if is_in_memory(&factor) {
        let factor = factor.into_scalar::<f32>();
        // Most gradients of a training are within the limit.
        if factor == 1.0 {
            return (gradients, norm);
        }
        let mut scale = ScaleInMemory { gradients, factor };
        module.visit(&mut scale);
        return (scale.gradients, norm);
    }
    let mut scale = Scale { gradients, factor };
    module.visit(&mut scale);
    (scale.gradients, norm)
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else { return };
        let square = sum_of_squares(gradient);
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + square,
            None => square,
        });
    }
}

/// `[1]`.
fn sum_of_squares<const D: usize>(gradient: Tensor<D>) -> Tensor<1> {
    if !is_in_memory(&gradient) {
        return gradient.square().sum();
    }
    let device = gradient.device();
    let sum = minigpt_ops::sum_of_squares(memory(gradient).storage());
    Tensor::from_floats([sum as f32], &device)
}

struct Scale {
    gradients: GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * self.factor.clone().unsqueeze());
        }
    }
}

/// As [`Scale`] on the CPU, where a number costs nothing to read: gradients stay where they lie.
struct ScaleInMemory {
    gradients: GradientsParams,
    factor: f32,
}

impl ModuleVisitor for ScaleInMemory {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let mut gradient = memory(gradient);
            minigpt_ops::scale(gradient.storage_mut(), self.factor);
            self.gradients.register(param.id, Tensor::<D>::from_primitive::<Flex>(gradient));
        }
    }
}

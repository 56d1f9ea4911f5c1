//! The model as burn-train sees it: one step forward and backward.

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData};
use burn::train::{InferenceStep, ItemLazy, Learner, TrainOutput, TrainStep};
use minigpt_model::{Gpt, LoraConfig, SmoothedLoss};
use minigpt_text::Classifier;

use crate::config::{RunConfig, TrainingConfig};
use crate::data::batches::TokenBatch;
use crate::error::TrainError;
use crate::optim::clip::clip_global_norm;
use crate::optim::in_memory::work_on;

/// A [`Gpt`] in training. The field's name completes the weights' paths to those of Hugging Face's
/// `GPT2LMHeadModel`: `transformer.h.0.attn.c_attn.weight`, ….
#[derive(Module, Debug)]
pub(crate) struct Trainee {
    /// The model.
    pub(crate) transformer: Gpt,
    /// The head of a classifier; without one, the model's own predicts tokens.
    pub(crate) score: Option<ClassHead>,
    /// Parts that a batch goes through the model in.
    accumulation: usize,
    label_smoothing: f64,
    gradient_checkpointing: bool,
}

/// The head that tells classes apart, named as in Hugging Face's `GPT2ForSequenceClassification`.
#[derive(Module, Debug)]
pub(crate) struct ClassHead {
    /// `[classes, n_embd]`.
    pub(crate) weight: Param<Tensor<2>>,
}

impl Trainee {
    /// The model, with the parts of the recipe that its step needs. Its parameters get new ids, their
    /// places in the model, so that the same run writes the same files to the byte.
    pub(crate) fn new(transformer: Gpt, accumulation: usize, label_smoothing: f64) -> Self {
        let (score, gradient_checkpointing) = (None, false);
        Self { transformer, score, accumulation, label_smoothing, gradient_checkpointing }
            .map(&mut Number(0))
    }

    /// The same, which computes the inside of each block again in the backward pass where that is asked
    /// for: the same steps in less memory and more time.
    #[must_use]
    pub(crate) fn with_gradient_checkpointing(self, gradient_checkpointing: bool) -> Self {
        Self { gradient_checkpointing, ..self }
    }

    /// The same with a head for `classes`, of zeros: to begin with, all are as probable.
    #[must_use]
    pub(crate) fn with_classes(self, classes: usize) -> Self {
        let weight = &self.transformer.wte.weight;
        let shape = [classes, weight.lazy_shape()[1]];
        let zeros = TensorData::zeros::<f32, _>(shape);
        let weight = Param::from_data(zeros, &weight.lazy_device());
        Self { score: Some(ClassHead { weight }), ..self }.map(&mut Number(0))
    }

    /// What was trained as a classifier, if it has a head for these labels.
    pub(crate) fn classifier(&self, labels: Vec<String>) -> Option<Classifier> {
        let head = self.score.as_ref()?.weight.val();
        Classifier::new(self.transformer.clone(), head, labels)
    }

    /// The same with weights that are numbers, where they are frozen.
    ///
    /// # Errors
    /// [`TrainError::Weights`] where the device does not give them.
    pub(crate) fn thawed(self, lora: Option<&LoraConfig>) -> Result<Self, TrainError> {
        let Some(lora) = lora else { return Ok(self) };
        let transformer = self.transformer.clone().thaw(lora)?;
        Ok(Self { transformer, ..self })
    }

    /// The head in place of the model's own.
    fn head(&self) -> Option<Tensor<2>> {
        self.score.as_ref().map(|score| score.weight.val())
    }

    /// The loss of `[batch, time]` tokens.
    fn loss_sum(
        &self,
        tokens: Tensor<2, Int>,
        targets: Tensor<2, Int>,
        smoothing: f64,
    ) -> SmoothedLoss {
        let hidden = self.transformer.hidden(tokens);
        self.transformer.loss_of_hidden(hidden, self.head(), targets, smoothing)
    }

    /// Cross-entropy in nats of a part of a batch, `[1]`, and the gradients of the objective over
    /// `predicted`.
    fn differentiate(
        &self,
        tokens: Tensor<2, Int>,
        targets: Tensor<2, Int>,
        predicted: f64,
    ) -> (Tensor<1>, GradientsParams) {
        if !self.gradient_checkpointing {
            let loss = self.loss_sum(tokens, targets, self.label_smoothing);
            let gradients = (loss.objective / predicted).backward();
            return (loss.nats.inner(), GradientsParams::from_grads(gradients, self));
        }
        let (model, mut parts) = (&self.transformer, GradientsAccumulator::new());
        let objective = |hidden| {
            let loss = model.loss_of_hidden(hidden, self.head(), targets, self.label_smoothing);
            (loss.objective / predicted, loss.nats.inner())
        };
        let nats = model.backward_by_block(tokens, objective, |gradients| {
            parts.accumulate(self, GradientsParams::from_grads(gradients, self));
        });
        (nats, parts.grads())
    }
}

/// The model with the recipe, the adapter and the head that `config` asks for.
///
/// # Errors
/// [`TrainError::Adapter`] where the adapter is none.
pub(crate) fn fresh_trainee(transformer: Gpt, config: &RunConfig) -> Result<Trainee, TrainError> {
    let TrainingConfig { accumulation, label_smoothing, gradient_checkpointing, seed, .. } =
        config.training;
    let transformer = match config.lora() {
        Some(lora) => transformer.with_lora(lora, seed)?,
        None => transformer,
    };
    let trainee = Trainee::new(transformer, accumulation, label_smoothing)
        .with_gradient_checkpointing(gradient_checkpointing);
    let labels = config.finetune.as_ref().map_or(0, |finetune| finetune.labels.len());
    Ok(if labels == 0 { trainee } else { trainee.with_classes(labels) })
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
pub(crate) struct StepLoss {
    /// Sum of the cross-entropy in nats, `[1]`.
    pub(crate) nats: Tensor<1>,
    /// Number of targets summed.
    pub(crate) predicted: usize,
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
}

impl Trainee {
    fn device(&self) -> Device {
        self.transformer.wte.weight.lazy_device()
    }

    fn forward_and_backward(&self, batch: TokenBatch) -> TrainOutput<StepLoss> {
        let predicted = batch.predicted;
        let mut accumulator = GradientsAccumulator::new();
        let mut nats: Option<Tensor<1>> = None;
        for part in batch.parts(self.accumulation) {
            let TokenBatch { tokens, targets, loss_scale, .. } = part;
            // Divided by the targets of all parts, so that their gradients add up to the batch's.
            let (part_nats, gradients) =
                self.differentiate(tokens, targets, predicted as f64 / loss_scale);
            accumulator.accumulate(self, gradients);
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
        let TokenBatch { tokens, targets, predicted, .. } = batch;
        let nats = work_on(self.device(), || self.loss_sum(tokens, targets, 0.0).nats);
        StepLoss { nats, predicted }
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

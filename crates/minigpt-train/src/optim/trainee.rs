//! The model in training, and the loss of a part of a batch with its gradients.

use std::cell::RefCell;
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use minigpt_model::{Gpt, Lesson, LoraConfig, Precision, Segments, SmoothedLoss};
use minigpt_text::Classifier;

use crate::config::{RunConfig, TrainingConfig};
use crate::data::batches::TokenBatch;
use crate::error::TrainError;
use crate::optim::in_memory::work_on;
use crate::optim::muon::together::Together;
use crate::optim::teachers::Teachers;

/// A [`Gpt`] in training. The field's name completes the weights' paths to those of Hugging Face's
/// `GPT2LMHeadModel`: `transformer.h.0.attn.c_attn.weight`, ….
#[derive(Module, Debug)]
pub(crate) struct Trainee {
    /// The model.
    pub(crate) transformer: Gpt,
    /// The head of a classifier; without one, the model's own predicts tokens.
    pub(crate) score: Option<ClassHead>,
    /// Parts that a batch goes through the model in.
    pub(super) accumulation: usize,
    label_smoothing: f64,
    gradient_checkpointing: bool,
    /// How much a preference's margin counts.
    beta: f64,
    /// Who is learnt from besides the text.
    #[module(skip)]
    pub(super) teachers: Option<Arc<Teachers>>,
    /// How small matrices are moved.
    #[module(skip)]
    pub(super) together: Option<Arc<Together>>,
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
        let (score, gradient_checkpointing, beta) = (None, false, DEFAULT_BETA);
        let (teachers, together) = (None, None);
        Self {
            transformer,
            score,
            accumulation,
            label_smoothing,
            gradient_checkpointing,
            beta,
            teachers,
            together,
        }
        .map(&mut Number(0))
    }

    /// The same, which learns from these models too.
    #[must_use]
    pub(crate) fn with_teachers(self, teachers: Teachers) -> Self {
        Self { teachers: Some(Arc::new(teachers)), ..self }
    }

    /// The same, whose small matrices its optimiser moves together.
    #[must_use]
    pub(super) fn moved_together(self, together: Together) -> Self {
        Self { together: Some(Arc::new(together)), ..self }
    }

    /// The same, which computes the inside of each block again in the backward pass where that is asked
    /// for: the same steps in less memory and more time.
    #[must_use]
    pub(crate) fn with_gradient_checkpointing(self, gradient_checkpointing: bool) -> Self {
        Self { gradient_checkpointing, ..self }
    }

    /// The same, for which a preference's margin counts so much.
    #[must_use]
    pub(crate) fn with_beta(self, beta: f64) -> Self {
        Self { beta, ..self }
    }

    /// The same with a head for `classes`, of zeros: to begin with, all are as probable.
    #[must_use]
    pub(crate) fn with_classes(self, classes: usize) -> Self {
        let weight = &self.transformer.wte.weight;
        // Not the table's: a frozen one is no parameter.
        let shape = [classes, self.transformer.config().n_embd];
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

    /// The same, whose products are in another precision.
    #[must_use]
    pub(crate) fn with_precision(self, precision: Precision) -> Self {
        Self { transformer: self.transformer.with_precision(precision), ..self }
    }

    /// Where its weights are.
    pub(super) fn device(&self) -> Device {
        self.transformer.wte.weight.lazy_device()
    }

    /// The head in place of the model's own.
    fn head(&self) -> Option<Tensor<2>> {
        self.score.as_ref().map(|score| score.weight.val())
    }

    /// What is minimised and what is reported of a part of a batch, whose last hidden states `[batch, time, n_embd]`
    /// are given.
    pub(super) fn loss_of_hidden(&self, hidden: Tensor<3>, part: Goal, smoothing: f64) -> PartLoss {
        let Goal { targets, references, lesson, .. } = part;
        if let Some(references) = references {
            let log_probabilities = self.log_probabilities(hidden, targets);
            return preference_loss(log_probabilities, references, self.beta);
        }
        let model = &self.transformer;
        let SmoothedLoss { objective, nats } = match lesson {
            Some(lesson) => model.distilled_loss_of_hidden(hidden, targets, &lesson),
            None => model.loss_of_hidden(hidden, self.head(), targets, smoothing),
        };
        PartLoss { objective, nats, preferences: None }
    }

    /// The sum of the log-probabilities of each row's targets, `[batch]`.
    fn log_probabilities(&self, hidden: Tensor<3>, targets: Tensor<2, Int>) -> Tensor<1> {
        let rows = 0..targets.dims()[0];
        let of_row = |row: usize| {
            let (hidden, targets) =
                (hidden.clone().narrow(0, row, 1), targets.clone().narrow(0, row, 1));
            self.transformer.loss_of_hidden(hidden, self.head(), targets, 0.0).objective
        };
        -Tensor::cat(rows.map(of_row).collect(), 0)
    }

    /// The sum of the log-probabilities of each row's targets in a batch, `[batch]`, without gradients.
    pub(crate) fn row_log_probabilities(&self, batch: TokenBatch) -> Tensor<1> {
        let TokenBatch { tokens, targets, .. } = batch;
        work_on(self.device(), || self.log_probabilities(self.transformer.hidden(tokens), targets))
    }

    /// What a part of a batch comes to, and the gradients of the objective over `predicted`.
    pub(super) fn differentiate(
        &self,
        tokens: Tensor<2, Int>,
        part: Goal,
        predicted: f64,
    ) -> (PartLoss, GradientsParams) {
        let parts = RefCell::new(GradientsAccumulator::new());
        let keep = |gradients| {
            let gradients = GradientsParams::from_grads(gradients, self);
            parts.borrow_mut().accumulate(self, gradients);
        };
        let segments = part.segments.clone();
        let objective = |hidden| {
            if self.trains_head()
                && let Some(references) = part.references
            {
                return self.through_rows(hidden, &part.targets, references, predicted, &keep);
            }
            let loss = self.loss_of_hidden(hidden, part, self.label_smoothing);
            (loss.objective.clone() / predicted, loss.inner())
        };
        let model = &self.transformer;
        let loss = match self.gradient_checkpointing {
            true => model.backward_by_block(tokens, segments.as_ref(), objective, keep),
            false => {
                let (objective, loss) = objective(model.hidden_of(tokens, segments.as_ref()));
                keep(objective.backward());
                loss
            }
        };
        (loss, parts.into_inner().grads())
    }

    /// Whether the head of the tokens has a gradient.
    fn trains_head(&self) -> bool {
        let model = &self.transformer;
        let head = model.lm_head.as_ref().map_or(&model.wte.weight, |head| &head.weight);
        head.val().is_require_grad()
    }

    /// The objective of preferences where the head is trained. The gradient of a head is as large as the head, and there
    /// would be one for each row: rows go through it one after the other, and what is given has the gradient by `hidden`
    /// alone. `keep` gets the head's.
    fn through_rows(
        &self,
        hidden: Tensor<3>,
        targets: &Tensor<2, Int>,
        references: Tensor<1>,
        predicted: f64,
        keep: &impl Fn(Gradients),
    ) -> (Tensor<1>, PartLoss) {
        let (values, references) = (hidden.clone().inner(), references.inner());
        let plain = self.valid();
        let log_probabilities = plain.log_probabilities(values.clone(), targets.clone().inner());
        let [rows, time, width] = values.dims();
        let answers: Tensor<2> = log_probabilities.clone().reshape([rows / 2, 2]);
        let advantages = answers.clone().narrow(1, 0, 1) - answers.narrow(1, 1, 1);
        let margins = (advantages.reshape([rows / 2]) - references.clone()) * self.beta;
        // Of `-ln σ(margin)` by the margin, without its sign.
        let pulls = sigmoid(-margins) * (self.beta / predicted);
        let pulls: Vec<f32> = pulls.into_data().iter().collect();
        let slope_of_row = |row: usize| {
            let values = values.clone().narrow(0, row, 1);
            let hidden = Tensor::from_inner(values).require_grad();
            let targets = targets.clone().narrow(0, row, 1);
            let loss = self.transformer.loss_of_hidden(hidden.clone(), None, targets, 0.0);
            // A chosen answer shall become likelier, a rejected one less.
            let sign = if row.is_multiple_of(2) { 1.0 } else { -1.0 };
            let mut gradients = (loss.objective * (sign * pulls[row / 2])).backward();
            let slope = hidden.grad_remove(&mut gradients);
            keep(gradients);
            slope.unwrap_or_else(|| Tensor::zeros([1, time, width], &plain.device()))
        };
        let slopes = Tensor::cat((0..rows).map(slope_of_row).collect(), 0);
        let objective = (hidden * Tensor::from_inner(slopes)).sum();
        (objective, preference_loss(log_probabilities, references, self.beta))
    }
}

/// What a part of a batch is compared with.
pub(super) struct Goal {
    pub(super) targets: Tensor<2, Int>,
    pub(super) references: Option<Tensor<1>>,
    pub(super) lesson: Option<Lesson>,
    /// Of the rows of several examples.
    pub(super) segments: Option<Segments>,
}

/// What a part of a batch comes to.
pub(super) struct PartLoss {
    /// What is minimised, `[1]`.
    objective: Tensor<1>,
    /// What is reported, `[1]`.
    pub(super) nats: Tensor<1>,
    /// Of preferences: the sum of the margins, and how many are above 0, `[2]`.
    pub(super) preferences: Option<Tensor<1>>,
}

impl PartLoss {
    /// Without the graph of gradients.
    fn inner(self) -> Self {
        let Self { objective, nats, preferences } = self;
        // A figure has none from the start.
        let inner = |figure: Tensor<1>| match figure.is_autodiff() {
            true => figure.inner(),
            false => figure,
        };
        Self { objective: inner(objective), nats: inner(nats), preferences: preferences.map(inner) }
    }
}

/// How much a preference's margin counts where nothing else is said.
const DEFAULT_BETA: f64 = 0.1;

/// The loss of direct preference optimisation ([Rafailov et al., 2023](https://arxiv.org/abs/2305.18290)), summed over
/// pairs: `-ln σ(margin)`, where the margin is `beta` times how much likelier the model finds the chosen answer than
/// the rejected one, less the same of the reference. `log_probabilities` `[2 * pairs]` has a chosen and a rejected
/// answer in turn, `references` `[pairs]` the reference's differences.
fn preference_loss(log_probabilities: Tensor<1>, references: Tensor<1>, beta: f64) -> PartLoss {
    let pairs = references.dims()[0];
    let answers: Tensor<2> = log_probabilities.reshape([pairs, 2]);
    let [chosen, rejected] = [0, 1].map(|at| answers.clone().narrow(1, at, 1).reshape([pairs]));
    let margins: Tensor<1> = (chosen - rejected - references) * beta;
    let objective = -log_sigmoid(margins.clone()).sum();
    let right = margins.clone().greater_elem(0.0).float().sum();
    let figures = Tensor::cat(vec![margins.sum(), right], 0);
    PartLoss { nats: objective.clone(), objective, preferences: Some(figures) }
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
    let beta = config.finetune.as_ref().and_then(|finetune| finetune.beta);
    let trainee = Trainee::new(transformer, accumulation, label_smoothing)
        .with_beta(beta.unwrap_or(DEFAULT_BETA))
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

#[cfg(test)]
mod tests;

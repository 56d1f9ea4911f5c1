//! What a run will cost, before it starts.

use burn::tensor::Device;
use minigpt_model::{GptConfig, Kernels, MlpKind, ParameterCounts, Precision};
use serde::Serialize;

use crate::config::RunConfig;
use crate::config::teacher::{TeacherConfig, TeacherModel};
use crate::data::length::Length;
use crate::data::tokens::TokenData;
use crate::engine::continuation::Continuation;
use crate::engine::trainer::checkpoint_to_resume;
use crate::error::TrainError;
use crate::optim::step::takes_halves;
use crate::run::RunFolder;
use crate::run::checkpoint::OnDamage;

/// What a run is and what it will cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Parameters, part by part.
    pub parameters: ParameterCounts,
    /// Those that are trained: all, or an adapter's.
    pub trained: usize,
    /// Tokens of the training split.
    pub train_tokens: usize,
    /// Tokens of the validation split.
    pub valid_tokens: usize,
    /// Steps.
    pub length: Length,
    /// Those of them that a run to be resumed has taken.
    pub steps_taken: usize,
    /// Memory at its peak, in bytes.
    pub memory: MemoryEstimate,
    /// Floating-point operations of all steps that are left, validations apart.
    pub operations: f64,
    /// What the teachers take of both, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teachers: Option<TeacherCost>,
    /// What a model that knows nothing loses per token: ln of the tokenizer's ids, or of the number of labels.
    pub first_loss: f64,
}

impl Plan {
    /// The plan of a run with these data on `device`.
    ///
    /// # Errors
    /// As [`RunConfig::validate`]; [`TrainError::Setting`] for more steps than a run can have,
    /// [`TrainError::Data`] where a split is too small for one window, and [`TrainError::Vocabulary`] where the
    /// model knows fewer ids than the tokenizer has.
    pub fn new(config: &RunConfig, data: &TokenData, device: &Device) -> Result<Self, TrainError> {
        let (model, training) = (&config.model, &config.training);
        let length = Length::new(config, data)?;
        data.check_vocabulary(model)?;
        let tokens_per_row = data.train.tokens_per_row(config.window());
        let tokens = length.total_steps as f64 * training.batch_size as f64 * tokens_per_row;
        let windows = training.batch_size.div_ceil(training.accumulation);
        // What work and activations are counted of: a classifier's head has a row for each label, and rows of
        // examples are shorter than the context.
        let labels = config.finetune.as_ref().map_or(0, |finetune| finetune.labels.len());
        let outputs = if labels == 0 { model.vocab_size } else { labels };
        let learnt = if labels == 0 { data.tokenizer.vocab_size() } else { labels };
        let block_size = data.train.longest_row(config.window());
        let as_used = GptConfig { vocab_size: outputs, block_size, ..model.clone() };
        let estimate = |model| match training.gradient_checkpointing {
            true => MemoryEstimate::by_block(model, windows, training.precision, device),
            false => MemoryEstimate::new(model, windows, training.precision, device),
        };
        let MemoryEstimate { activations, .. } = estimate(&as_used);
        let is_packed = config.finetune.as_ref().is_some_and(|finetune| finetune.pack.is_some());
        let padding = if is_packed {
            let blocks = if training.gradient_checkpointing { 1 } else { model.n_layer };
            padding_of_attention(&as_used, windows, blocks, device)
        } else {
            0
        };
        let teachers = training.teacher.as_ref();
        let teachers = teachers
            .map(|teachers| TeacherCost::new(teachers, model, data, windows, tokens))
            .transpose()?;
        let (of_teachers, work_of_teachers) =
            teachers.map_or((0, 0.0), |cost| (cost.memory, cost.operations));
        let activations = activations.saturating_add(padding).saturating_add(of_teachers);
        let memory = MemoryEstimate { activations, ..estimate(model) };
        let parameters = model.parameter_counts();
        let trained = config.lora().map_or(parameters.total(), |lora| lora.parameters(model));
        Ok(Self {
            parameters,
            train_tokens: data.train.tokens(),
            valid_tokens: data.valid.tokens(),
            length,
            steps_taken: 0,
            trained,
            memory: memory.of_trained(trained, model),
            operations: tokens * operations_per_token(&as_used) + work_of_teachers,
            teachers,
            first_loss: (learnt as f64).ln(),
        })
    }

    /// The same beside frozen weights of so many bytes: matrices that are not trained have no gradient, and lie neither
    /// in 32-bit floats nor in checkpoints. Activations are most of what is left, and of their memory an eighth more is
    /// held than is in use at a time.
    #[must_use]
    pub fn beside_frozen(mut self, frozen: u64, config: &RunConfig) -> Self {
        let (trained, model) = (self.trained as u64, &config.model);
        let is_classifier = config.finetune.as_ref().is_some_and(|tuned| !tuned.labels.is_empty());
        let is_trained = config.lora().is_some_and(|lora| !lora.whole.is_empty());
        let head = 4 * (model.vocab_size as u64) * (model.n_embd as u64);
        let gone = if is_classifier || is_trained { 0 } else { head };
        let activations = self.memory.activations.saturating_sub(gone);
        self.memory = MemoryEstimate {
            state: frozen + 16 * trained,
            checkpoint: 12 * trained,
            activations: activations.saturating_add(activations / 8),
        };
        self
    }

    /// What is left of the run in a folder, with its data; `damaged` hears of checkpoints from which
    /// it would not go on.
    ///
    /// # Errors
    /// [`TrainError::Complete`], [`TrainError::OutOfPatience`] or [`TrainError::NoCheckpoint`] where
    /// nothing can be resumed, or as [`Plan::new`].
    pub fn of_resumed(
        run: &RunFolder,
        data: &TokenData,
        device: &Device,
        damaged: OnDamage<'_>,
    ) -> Result<Self, TrainError> {
        let config = run.config()?;
        run.tokenizer_file()?;
        let set = checkpoint_to_resume(run, &config, data, damaged)?;
        let steps_taken = set.map_or(0, |manifest| manifest.step);
        Ok(Self::of_run(run, &config, data, device)?.after(steps_taken))
    }

    /// Of a run with these settings beside the frozen weights that the folder has, if it has some.
    fn of_run(
        run: &RunFolder,
        config: &RunConfig,
        data: &TokenData,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let plan = Self::new(config, data, device)?;
        Ok(match run.frozen_bytes()? {
            Some(frozen) => plan.beside_frozen(frozen, config),
            None => plan,
        })
    }

    /// What a run takes that goes on after another's end, with the same data.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn of_continued(
        continuation: &Continuation,
        data: &TokenData,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let plan = Self::of_run(continuation.other(), continuation.config(), data, device)?;
        Ok(plan.after(continuation.from_step))
    }

    /// What is left after so many steps.
    fn after(self, steps_taken: usize) -> Self {
        let total = self.length.total_steps;
        let left = total.saturating_sub(steps_taken) as f64 / total as f64;
        let teachers =
            self.teachers.map(|cost| TeacherCost { operations: cost.operations * left, ..cost });
        Self { steps_taken, operations: self.operations * left, teachers, ..self }
    }
}

/// Bytes of what attention saves in so many blocks of as many tokens again as full windows have: packed examples stand
/// in rows of up to twice their length there.
fn padding_of_attention(model: &GptConfig, windows: usize, blocks: usize, device: &Device) -> u64 {
    let tokens = windows as u128 * model.block_size as u128;
    let saved = model.saved_by_attention(Kernels::of(device));
    u64::try_from(4 * tokens * blocks as u128 * saved).unwrap_or(u64::MAX)
}

/// What the teachers of a run cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TeacherCost {
    /// How many there are.
    pub models: usize,
    /// Their parameters together.
    pub parameters: usize,
    /// Bytes of their weights, of a forward pass and of the logits that are compared at a time.
    pub memory: u64,
    /// Floating-point operations of their forward passes.
    pub operations: f64,
}

impl TeacherCost {
    /// Of a student that learns from so many tokens of `data`, in parts of so many windows.
    fn new(
        config: &TeacherConfig,
        student: &GptConfig,
        data: &TokenData,
        windows: usize,
        tokens: f64,
    ) -> Result<Self, TrainError> {
        let shape = |teacher: &TeacherModel| teacher.check(&data.tokenizer, student);
        let shapes = config.models.iter().map(shape);
        let shapes: Vec<GptConfig> = shapes.collect::<Result<_, _>>()?;
        let parameters = shapes.iter().map(|shape| shape.parameter_counts().total()).sum();
        // A pass without gradients holds some vectors of each token and the inside of a perceptron.
        let rows = windows as u64 * student.block_size as u64;
        let widest = shapes.iter().map(|shape| (8 * shape.n_embd + 3 * shape.n_inner) as u64).max();
        let pass = rows.saturating_mul(widest.unwrap_or(0));
        let logits = LOGITS as u64 * (1 + shapes.len() as u64) / 4;
        let memory = (parameters as u64 + logits).saturating_add(pass).saturating_mul(4);
        // Forward alone: two of the six operations for each weight.
        let each = shapes.iter().map(operations_per_token);
        let operations = tokens * each.sum::<f64>() / 3.0;
        Ok(Self { models: shapes.len(), parameters, memory, operations })
    }
}

/// Floating-point operations of training on one token: 6 for each weight of a matrix, forward and
/// backward, and 12 for each position attended to ([Chowdhery et al.,
/// 2022](https://arxiv.org/abs/2204.02311), appendix B).
pub(crate) fn operations_per_token(model: &GptConfig) -> f64 {
    let counts = model.parameter_counts();
    // Where the head is a matrix of its own, vectors of tokens are looked up alone.
    let looked_up = if model.tied { counts.wpe } else { counts.wpe + counts.wte };
    let weights = counts.total() - looked_up;
    let attended =
        (model.n_layer * model.n_head * model.head_size()) as f64 * model.block_size as f64;
    6.0 * weights as f64 + 12.0 * attended
}

/// An estimate of a run's memory, in bytes, in `f32`; fitted to peaks of processes on the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// Weights, gradients and AdamW's two moments.
    pub state: u64,
    /// Weights and moments once more, as the bytes of a checkpoint.
    pub checkpoint: u64,
    /// What the forward pass saves for the backward pass, at its peak, and the second half's gradients.
    pub activations: u64,
}

/// The program itself, a small corpus and its tokenizer.
const PROGRAM: u64 = 128 << 20;
/// Logits alive at once, at most: cross-entropy goes over the tokens in chunks.
const LOGITS: u128 = 1 << 24;
/// Vectors of `n_embd` per token outside the blocks, and inside the one that is in its backward pass.
const PASSING_VECTORS: u128 = 10;

impl MemoryEstimate {
    /// The memory of a run with steps of `batch_size` full windows on `device`.
    pub(crate) fn new(
        model: &GptConfig,
        batch_size: usize,
        precision: Precision,
        device: &Device,
    ) -> Self {
        let block = model.saved_activations_per_block(Kernels::of(device), precision);
        let blocks = model.n_layer as u128 * block;
        Self::of_blocks(model, batch_size, blocks, device)
    }

    /// The same with gradient checkpointing: of each block its input, and the inside of one.
    pub(crate) fn by_block(
        model: &GptConfig,
        batch_size: usize,
        precision: Precision,
        device: &Device,
    ) -> Self {
        let inputs = model.n_layer as u128 * model.n_embd as u128;
        let inside = model.saved_activations_per_block(Kernels::of(device), precision);
        Self::of_blocks(model, batch_size, inputs + inside, device)
    }

    /// With so many activations saved per token in the blocks.
    fn of_blocks(model: &GptConfig, batch_size: usize, blocks: u128, device: &Device) -> Self {
        // Wide, because valid sizes can multiply to more than any memory has.
        let size = |n: usize| n as u128;
        let tokens = size(batch_size) * size(model.block_size);
        // Of the perceptron in its backward pass the gradients of what its second matrix gets and its first gives.
        let hidden = match model.mlp {
            MlpKind::Swiglu => 3 * size(model.n_inner),
            MlpKind::GeluTanh | MlpKind::GeluExact | MlpKind::ReluSquared => {
                2 * size(model.n_inner)
            }
        };
        let passing = PASSING_VECTORS * size(model.n_embd) + hidden;
        let head = size(model.vocab_size) * size(model.n_embd);
        let logits = (tokens * size(model.vocab_size)).min(LOGITS);
        let parameters = model.parameter_counts().total();
        let second_gradients = if takes_halves(model, device) { size(parameters) } else { 0 };
        let floats = tokens * (blocks + passing) + head + logits + second_gradients;
        let parameters = parameters as u64;
        Self {
            state: 16 * parameters,
            checkpoint: 12 * parameters,
            activations: u64::try_from(4 * floats).unwrap_or(u64::MAX),
        }
    }

    /// What of it is the device's: weights, optimiser and activations.
    #[must_use]
    pub fn on_device(&self) -> u64 {
        self.state.saturating_add(self.activations)
    }

    /// The same where only so many parameters are trained: the others have neither gradients nor moments.
    fn of_trained(self, trained: usize, model: &GptConfig) -> Self {
        let all = model.parameter_counts().total();
        if trained == all {
            return self;
        }
        let (all, trained) = (all as u64, trained as u64);
        Self { state: 4 * all + 16 * trained, checkpoint: 4 * all + 12 * trained, ..self }
    }

    /// Everything together, the program and its text included.
    #[must_use]
    pub fn total(&self) -> u64 {
        (PROGRAM + self.state + self.checkpoint).saturating_add(self.activations)
    }
}

#[cfg(test)]
mod tests;

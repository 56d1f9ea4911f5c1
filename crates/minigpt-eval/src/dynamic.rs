//! Dynamic evaluation: weights that follow the text while it is read. The model is a copy: no file changes.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_data::TokenSplit;
use minigpt_model::{Gpt, GptRef, IGNORE_INDEX};

use crate::error::EvalError;
use crate::protocol::{DynamicConfig, DynamicRule, Protocol};

/// Added to the root mean square of a gradient, over the mean of all of them: where training text hardly moved a weight,
/// a new text shall not move it far.
const FLOOR: f64 = 0.1;

/// A model whose weights move while it reads.
pub struct DynamicModel {
    /// On a device that differentiates.
    model: Gpt,
    /// The same weights, to read with.
    inner: Gpt,
    config: DynamicConfig,
    /// The weights as they were, by parameter.
    original: GradientsParams,
    /// Of [`DynamicRule::Rms`]: root mean squares of the gradients, over the mean of all, by parameter.
    scales: Option<GradientsParams>,
    /// The input of the head in the last window, by which its loss is differentiated.
    read: Option<Tensor<3>>,
}

impl std::fmt::Debug for DynamicModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DynamicModel").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The root mean square that the gradient of each weight has in training text, with the model that they are of.
pub struct GradientScales {
    scales: GradientsParams,
    model: Gpt,
}

impl GradientScales {
    /// Of at most so many windows from all over `text`, which is read as `protocol` says; `progress` hears how many are
    /// done.
    ///
    /// # Errors
    /// [`EvalError::Protocol`], or [`EvalError::Data`] for a text of no token.
    pub fn measure(
        model: &Gpt,
        text: &TokenSplit,
        protocol: Protocol,
        windows: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, EvalError> {
        protocol.validate(model.block_size())?;
        let model = differentiable(model);
        let all = text.sliding_windows(protocol.context, protocol.stride)?;
        let count = all.len().min(windows).max(1);
        let mut squares =
            Squares { gradients: GradientsParams::new(), sums: GradientsParams::new() };
        for number in 0..count {
            let window = all.get(number * all.len() / count);
            let hidden = model.hidden(tensor(&[&window.inputs[..]], &device(&model)));
            let fresh = &window.targets[window.targets.len() - window.fresh..];
            squares.gradients = gradients(&model, hidden, fresh);
            model.visit(&mut squares);
            progress(number + 1);
        }
        let mut mean = Mean { squares: &squares.sums, count, sum: 0.0, weights: 0 };
        model.visit(&mut mean);
        let by = mean.sum / mean.weights.max(1) as f64;
        let mut roots = Roots { squares: squares.sums, count, by, roots: GradientsParams::new() };
        model.visit(&mut roots);
        Ok(Self { scales: roots.roots, model })
    }
}

impl DynamicModel {
    /// A copy of a model, whose weights follow gradients as they are.
    #[must_use]
    pub fn by_sgd(model: &Gpt, rate: f64, decay: f64) -> Self {
        let config = DynamicConfig { rule: DynamicRule::Sgd, rate, decay };
        Self::new(differentiable(model), config, None)
    }

    /// A copy of the model that gradients were measured of, whose weights follow gradients over these.
    #[must_use]
    pub fn by_rms(measured: GradientScales, rate: f64, decay: f64) -> Self {
        let config = DynamicConfig { rule: DynamicRule::Rms, rate, decay };
        Self::new(measured.model, config, Some(measured.scales))
    }

    fn new(model: Gpt, config: DynamicConfig, scales: Option<GradientsParams>) -> Self {
        let mut copies = Copies(GradientsParams::new());
        model.visit(&mut copies);
        let inner = model.valid();
        Self { model, inner, config, original: copies.0, scales, read: None }
    }

    pub(crate) fn config(&self) -> DynamicConfig {
        self.config
    }

    /// The model as it is now.
    pub(crate) fn model(&self) -> GptRef<'_> {
        (&self.inner).into()
    }

    /// As [`GptRef::last_hidden`].
    pub(crate) fn last_hidden(&mut self, texts: &[&[u32]], last: usize) -> Vec<f32> {
        let hidden = self.model.hidden(tensor(texts, &device(&self.model)));
        self.read = Some(hidden.clone());
        let time = hidden.dims()[1];
        hidden.inner().narrow(1, time - last, last).into_data().iter().collect()
    }

    /// Moves the weights against the gradient of the last tokens of what was read.
    pub(crate) fn learn(&mut self, targets: &[u32]) {
        let Some(hidden) = self.read.take() else { return };
        let gradients = gradients(&self.model, hidden, targets);
        let (config, original) = (self.config, &self.original);
        let mut step = Step { gradients, config, original, scales: self.scales.as_ref() };
        self.model = self.model.clone().map(&mut step);
        self.inner = self.model.valid();
    }
}

/// The same weights where gradients are asked for, without dropout.
fn differentiable(model: &Gpt) -> Gpt {
    let without = model.config().clone().with_dropout(0.0);
    model.clone().with_dropout_of(&without).map(&mut Differentiable)
}

fn device(model: &Gpt) -> Device {
    model.ln_f.weight.lazy_device()
}

fn tensor(rows: &[&[u32]], device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = rows.concat().into_iter().map(|id| id as i32).collect();
    let shape = [rows.len(), ids.len() / rows.len().max(1)];
    Tensor::from_data(TensorData::new(ids, shape), device)
}

/// Of the mean loss of the last tokens of one text, in which the head gets `hidden` `[1, time, n_embd]`.
fn gradients(model: &Gpt, hidden: Tensor<3>, fresh: &[u32]) -> GradientsParams {
    let seen = hidden.dims()[1] - fresh.len();
    let targets = std::iter::repeat_n(IGNORE_INDEX, seen);
    let targets: Vec<i32> = targets.chain(fresh.iter().map(|id| *id as i32)).collect();
    let shape = [1, targets.len()];
    let targets = Tensor::from_data(TensorData::new(targets, shape), &device(model));
    let loss = model.loss_of_hidden(hidden, None, targets, 0.0).objective / fresh.len() as f64;
    GradientsParams::from_grads(loss.backward(), model)
}

/// Without a graph.
fn plain<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if tensor.is_autodiff() { tensor.inner() } else { tensor }
}

struct Differentiable;

impl ModuleMapper for Differentiable {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weight| Tensor::from_inner(plain(weight)).require_grad())
    }
}

/// Collects the weights.
struct Copies(GradientsParams);

impl ModuleVisitor for Copies {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, plain(param.val()));
    }
}

/// Adds up the squares of gradients.
struct Squares {
    gradients: GradientsParams,
    sums: GradientsParams,
}

impl ModuleVisitor for Squares {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return };
        let squares = gradient.square();
        let sum = match self.sums.remove::<D>(param.id) {
            Some(sum) => sum + squares,
            None => squares,
        };
        self.sums.register(param.id, sum);
    }
}

fn root<const D: usize>(squares: Tensor<D>, count: usize) -> Tensor<D> {
    (squares / count as f64).sqrt()
}

/// The mean of the roots of all weights.
struct Mean<'a> {
    squares: &'a GradientsParams,
    count: usize,
    sum: f64,
    weights: usize,
}

impl ModuleVisitor for Mean<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(squares) = self.squares.get::<D>(param.id) else { return };
        self.weights += squares.shape().num_elements();
        self.sum += root(squares, self.count).sum().into_scalar::<f64>();
    }
}

/// The roots over their mean.
struct Roots {
    squares: GradientsParams,
    count: usize,
    by: f64,
    roots: GradientsParams,
}

impl ModuleVisitor for Roots {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(squares) = self.squares.remove::<D>(param.id) else { return };
        self.roots.register(param.id, root(squares, self.count) / self.by);
    }
}

/// One step of all weights.
struct Step<'a> {
    gradients: GradientsParams,
    config: DynamicConfig,
    original: &'a GradientsParams,
    scales: Option<&'a GradientsParams>,
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.gradients.remove::<D>(param.id);
        let Some((gradient, original)) = gradient.zip(self.original.get::<D>(param.id)) else {
            return param;
        };
        let DynamicConfig { rate, decay, .. } = self.config;
        let scale = self.scales.and_then(|scales| scales.get::<D>(param.id));
        param.map(|weight| {
            let weight = plain(weight);
            let away = original - weight.clone();
            let (gradient, back) = match scale {
                // Never further back than all of the way.
                Some(scale) => {
                    (gradient / (scale.clone() + FLOOR), away * (scale * decay).clamp_max(1.0))
                }
                None => (gradient, away * decay),
            };
            Tensor::from_inner(weight - gradient * rate + back).require_grad()
        })
    }
}

#[cfg(test)]
mod tests;

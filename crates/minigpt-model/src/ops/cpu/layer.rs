//! A layer with what comes before it, as one operation: it keeps its input, and computes the rest again.

use std::ops::Range;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Dispatch, Flex, TensorMetadata};
use burn::tensor::{Device, Tensor};
use minigpt_ops::{
    Adapter, Dropout, FrozenWeight, Precision, adapter_backward, frozen_project,
    frozen_project_backward,
};

use super::memory::buffer;
use super::saved::Saved;
use super::{
    FlexTensor, Fused, contiguous, dropped, last_dim, project, rms_norm, swiglu, tensor, values,
};
use crate::matrix::frozen::Frozen;
use crate::ops::graph::{parents, register};
use crate::ops::{self, Beside, Weight};

/// What products with an adapter's factors are in: so narrow ones gain nothing from 16 bits.
const FACTORS: Precision = Precision::F32;

/// What a layer does.
#[derive(Clone, Debug)]
pub(in crate::ops) struct LayerPlan {
    before: Before,
    /// In place of the weight.
    frozen: Option<Arc<Frozen>>,
    beside: Option<Factors>,
    pub(super) precision: Precision,
}

/// What goes before the product.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// With this epsilon.
    RmsNorm(f64),
    Swiglu,
}

/// Of an adapter what is not trained.
#[derive(Clone, Debug)]
struct Factors {
    scale: f64,
    dropout: Dropout,
    parts: Vec<Range<usize>>,
}

pub(in crate::ops) fn of_tensors(
    x: &Tensor<3>,
    norm: Option<(Tensor<1>, f64)>,
    is_gated: bool,
    weight: Weight,
    beside: Option<Beside>,
    precision: ops::Precision,
) -> Tensor<3> {
    let device = x.device();
    let before = match &norm {
        Some((_, epsilon)) => Before::RmsNorm(*epsilon),
        None if is_gated => Before::Swiglu,
        None => Before::Nothing,
    };
    let norm = norm.map_or_else(|| nothing(&device), |(norm, _)| norm);
    let (weight, frozen) = match weight {
        Weight::Trained(weight) => (weight, None),
        Weight::Frozen(frozen) => (nothing(&device), Some(frozen)),
    };
    let (a, b, beside) = match beside {
        Some(Beside { a, b, scale, dropout, parts }) => {
            (a, b, Some(Factors { scale, dropout: dropout.key(), parts }))
        }
        None => (nothing(&device), nothing(&device), None),
    };
    let plan = LayerPlan { before, frozen, beside, precision: precision.of_kernels() };
    let [weight, a, b] = [weight, a, b].map(Tensor::into_dispatch);
    let (x, norm) = (x.clone().into_dispatch(), norm.into_dispatch());
    Tensor::from_dispatch(<Dispatch as Fused>::layer(x, norm, weight, a, b, plan))
}

/// In place of what a layer does not have.
fn nothing<const D: usize>(device: &Device) -> Tensor<D> {
    Tensor::zeros([1; D], device)
}

impl Before {
    /// Also what rows were multiplied by.
    fn apply(self, x: &FlexTensor, norm: &FlexTensor) -> (FlexTensor, Vec<f32>) {
        match self {
            Self::Nothing => (x.clone(), Vec::new()),
            Self::RmsNorm(epsilon) => rms_norm(x, norm, epsilon),
            Self::Swiglu => (swiglu(x), Vec::new()),
        }
    }

    /// The gradients of input and scale.
    fn backward(
        self,
        x: &FlexTensor,
        norm: &FlexTensor,
        reciprocals: &[f32],
        dy: FlexTensor,
    ) -> (FlexTensor, Option<FlexTensor>) {
        let (x_values, dy_values) = (values(x), values(&dy));
        match self {
            Self::Nothing => (dy, None),
            Self::RmsNorm(_) => {
                let [mut dx, mut d_norm] = [x, norm].map(|of| buffer(values(of).len()));
                let (weight, dx_mut) = (values(norm), &mut dx);
                minigpt_ops::rms_norm_backward(
                    x_values,
                    weight,
                    reciprocals,
                    dy_values,
                    dx_mut,
                    &mut d_norm,
                );
                (tensor(dx, x.shape()), Some(tensor(d_norm, norm.shape())))
            }
            Self::Swiglu => {
                let mut dx = buffer(x_values.len());
                minigpt_ops::swiglu_backward(last_dim(x) / 2, x_values, dy_values, &mut dx);
                (tensor(dx, x.shape()), None)
            }
        }
    }
}

/// Also the inner vectors of an adapter, scaled.
pub(super) fn forward(
    x: &FlexTensor,
    norm: &FlexTensor,
    weight: &FlexTensor,
    [a, b]: [&FlexTensor; 2],
    plan: &LayerPlan,
) -> (FlexTensor, Option<FlexTensor>) {
    let (input, _) = plan.before.apply(x, norm);
    let Some(frozen) = &plan.frozen else {
        return (project(&input, weight, plan.precision), None);
    };
    let [batch, time, _] = input.shape().dims();
    let (n, to) = (batch * time, frozen.to());
    let mut y = buffer(n * to);
    let Some(factors) = &plan.beside else {
        frozen.with(|weight| frozen_project(plan.precision, n, values(&input), weight, &mut y));
        return (tensor(y, [batch, time, to]), None);
    };
    let mut inner = project(&dropped(input.clone(), factors.dropout), a, FACTORS);
    minigpt_ops::scale(inner.storage_mut(), factors.scale as f32);
    let joined = joined(&input, &inner);
    frozen.with(|weight| {
        let weight = weight.with_adapter(factors.adapter(b));
        frozen_project(plan.precision, n, values(&joined), weight, &mut y);
    });
    (tensor(y, [batch, time, to]), Some(inner))
}

impl Factors {
    fn adapter<'a>(&'a self, b: &'a FlexTensor) -> Adapter<'a> {
        Adapter { b: values(b), parts: &self.parts }
    }
}

/// The rows of both side by side.
fn joined(x: &FlexTensor, inner: &FlexTensor) -> FlexTensor {
    let [batch, time, from] = x.shape().dims();
    let width = from + last_dim(inner);
    let mut y = buffer(batch * time * width);
    minigpt_ops::join_rows(from, values(x), values(inner), &mut y);
    tensor(y, [batch, time, width])
}

#[derive(Debug)]
pub(super) struct Layer;

#[derive(Clone, Debug)]
pub(super) struct LayerState {
    pub(super) x: Saved,
    pub(super) norm: FlexTensor,
    pub(super) weight: FlexTensor,
    pub(super) a: FlexTensor,
    pub(super) b: FlexTensor,
    pub(super) inner: Option<FlexTensor>,
    pub(super) plan: LayerPlan,
}

impl Backward<Flex, 5> for Layer {
    type State = LayerState;

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let [x_node, norm_node, weight_node, a_node, b_node] = parents(&ops);
        let LayerState { x, norm, weight, a, b, inner, plan } = &ops.state;
        let x = x.widened();
        let (input, reciprocals) = plan.before.apply(&x, norm);
        let n = values(&input).len() / last_dim(&input);
        let d_input = match (&plan.frozen, inner.as_ref().zip(plan.beside.as_ref())) {
            (None, _) => {
                let mut d_input = buffer(values(&input).len());
                let (dy, of) = (values(&dy), values(weight));
                match weight_node {
                    Some(node) => {
                        let mut d_weight = buffer(of.len());
                        minigpt_ops::project_backward(
                            plan.precision,
                            n,
                            values(&input),
                            of,
                            dy,
                            &mut d_input,
                            &mut d_weight,
                        );
                        grads.register::<Flex>(node, tensor(d_weight, weight.shape()));
                    }
                    None => {
                        minigpt_ops::project_backward_input(plan.precision, n, of, dy, &mut d_input)
                    }
                }
                tensor(d_input, input.shape())
            }
            (Some(frozen), None) => {
                let mut d_input = buffer(values(&input).len());
                frozen.with(|weight| {
                    frozen_project_backward(plan.precision, n, weight, values(&dy), &mut d_input);
                });
                tensor(d_input, input.shape())
            }
            (Some(frozen), Some((inner, factors))) => {
                let (d_input, [d_a, d_b]) = frozen.with(|weight| {
                    let weight = weight.with_adapter(factors.adapter(b));
                    adapted_backward(&input, inner, [a, b], factors, weight, &dy, plan.precision)
                });
                register::<Flex, _>([a_node, b_node], grads, [d_a, d_b]);
                d_input
            }
        };
        if x_node.is_none() && norm_node.is_none() {
            return;
        }
        let (dx, d_norm) = plan.before.backward(&x, norm, &reciprocals, d_input);
        register::<Flex, _>([x_node], grads, [dx]);
        if let Some(d_norm) = d_norm {
            register::<Flex, _>([norm_node], grads, [d_norm]);
        }
    }
}

/// The gradients of the input and of both factors.
fn adapted_backward(
    input: &FlexTensor,
    inner: &FlexTensor,
    [a, b]: [&FlexTensor; 2],
    factors: &Factors,
    weight: FrozenWeight,
    dy: &FlexTensor,
    precision: Precision,
) -> (FlexTensor, [FlexTensor; 2]) {
    let (from, all) = (last_dim(input), last_dim(inner));
    let n = values(input).len() / from;
    let mut d_joined = buffer(n * (from + all));
    frozen_project_backward(precision, n, weight, values(dy), &mut d_joined);
    let (mut d_input, mut d_inner) = (buffer(n * from), buffer(n * all));
    minigpt_ops::split_rows(from, &d_joined, &mut d_input, &mut d_inner);
    drop(tensor(d_joined, [n, from + all]));
    minigpt_ops::scale(&mut d_inner, factors.scale as f32);

    let [mut d_a, mut d_b] = [a, b].map(|factor| buffer(values(factor).len()));
    let given = dropped(input.clone(), factors.dropout);
    adapter_backward(
        FACTORS,
        n,
        [values(&given), values(inner)],
        &factors.parts,
        [values(dy), &d_inner],
        [&mut d_a, &mut d_b],
    );
    let mut through = buffer(n * from);
    minigpt_ops::project_backward_input(FACTORS, n, values(a), &d_inner, &mut through);
    let through = dropped(tensor(through, input.shape()), factors.dropout);
    minigpt_ops::add_branch(&mut d_input, values(&through));
    let d_input = tensor(d_input, input.shape());
    (d_input, [tensor(d_a, a.shape()), tensor(d_b, b.shape())])
}

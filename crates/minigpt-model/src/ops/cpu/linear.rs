//! The backward passes of linear layers, alone and two of them with GELU between.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Flex, TensorMetadata};
use minigpt_ops::Precision;

use super::memory::buffer;
use super::{FlexTensor, bias_gelu, contiguous, last_dim, tensor, values};
use crate::ops::graph::{parents, register};

#[derive(Debug)]
pub(super) struct Project;

impl Backward<Flex, 2> for Project {
    /// Input and weight.
    type State = (FlexTensor, FlexTensor, Precision);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, weight, precision) = &ops.state;
        if let [Some(x_node), None] = parents(&ops) {
            let dx = frozen_linear_backward(x, weight, &dy, *precision);
            return grads.register::<Flex>(x_node, dx);
        }
        register::<Flex, _>(parents(&ops), grads, project_backward(x, weight, &dy, *precision));
    }
}

/// Gradients of input and weight.
fn project_backward(
    x: &FlexTensor,
    weight: &FlexTensor,
    dy: &FlexTensor,
    precision: Precision,
) -> [FlexTensor; 2] {
    let [mut dx, mut d_weight] = [x, weight].map(|input| buffer(values(input).len()));
    minigpt_ops::project_backward(
        precision,
        values(x).len() / last_dim(x),
        values(x),
        values(weight),
        values(dy),
        &mut dx,
        &mut d_weight,
    );
    [tensor(dx, x.shape()), tensor(d_weight, weight.shape())]
}

#[derive(Debug)]
pub(super) struct Linear;

impl Backward<Flex, 3> for Linear {
    /// Input and weight.
    type State = (FlexTensor, FlexTensor, Precision);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, weight, precision) = &ops.state;
        if let [Some(x_node), None, None] = parents(&ops) {
            let dx = frozen_linear_backward(x, weight, &dy, *precision);
            return grads.register::<Flex>(x_node, dx);
        }
        let gradients = linear_backward(x, weight, &dy, *precision);
        register::<Flex, _>(parents(&ops), grads, gradients);
    }
}

/// The gradient of the input alone.
fn frozen_linear_backward(
    x: &FlexTensor,
    weight: &FlexTensor,
    dy: &FlexTensor,
    precision: Precision,
) -> FlexTensor {
    let mut dx = buffer(values(x).len());
    let n = dx.len() / last_dim(x);
    minigpt_ops::project_backward_input(precision, n, values(weight), values(dy), &mut dx);
    tensor(dx, x.shape())
}

/// Gradients of input, weight and bias.
fn linear_backward(
    x: &FlexTensor,
    weight: &FlexTensor,
    dy: &FlexTensor,
    precision: Precision,
) -> [FlexTensor; 3] {
    let width = last_dim(weight);
    let [mut dx, mut d_weight] = [x, weight].map(|input| buffer(values(input).len()));
    let mut d_bias = buffer(width);
    let (x_values, dy) = (values(x), values(dy));
    minigpt_ops::linear_backward(
        precision,
        x_values,
        values(weight),
        dy,
        &mut dx,
        &mut d_weight,
        &mut d_bias,
    );
    [tensor(dx, x.shape()), tensor(d_weight, weight.shape()), tensor(d_bias, [width])]
}

#[derive(Debug)]
pub(super) struct Mlp;

#[derive(Clone, Debug)]
pub(super) struct MlpState {
    pub(super) x: FlexTensor,
    /// `x · w_fc`, before bias and GELU.
    pub(super) hidden: FlexTensor,
    pub(super) w_fc: FlexTensor,
    pub(super) b_fc: FlexTensor,
    pub(super) w_proj: FlexTensor,
    pub(super) precision: Precision,
}

impl Backward<Flex, 5> for Mlp {
    type State = MlpState;

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let MlpState { x, hidden, w_fc, b_fc, w_proj, precision } = &ops.state;
        if let [Some(x_node), None, None, None, None] = parents(&ops) {
            let d_activated = frozen_linear_backward(hidden, w_proj, &dy, *precision);
            let (d_hidden, _) = bias_gelu_backward(hidden, b_fc, &d_activated);
            drop(d_activated);
            let dx = frozen_linear_backward(x, w_fc, &d_hidden, *precision);
            return grads.register::<Flex>(x_node, dx);
        }
        let activated = bias_gelu(hidden, b_fc);
        let [d_activated, d_w_proj, d_b_proj] =
            linear_backward(&activated, w_proj, &dy, *precision);
        drop(activated);

        let (d_hidden, d_b_fc) = bias_gelu_backward(hidden, b_fc, &d_activated);
        drop(d_activated);

        let [dx, d_w_fc] = project_backward(x, w_fc, &d_hidden, *precision);
        let gradients = [dx, d_w_fc, d_b_fc, d_w_proj, d_b_proj];
        register::<Flex, _>(parents(&ops), grads, gradients);
    }
}

/// Gradients of what goes into GELU, and of the bias that it adds.
fn bias_gelu_backward(
    x: &FlexTensor,
    bias: &FlexTensor,
    dy: &FlexTensor,
) -> (FlexTensor, FlexTensor) {
    let [mut dx, mut d_bias] = [x, bias].map(|input| buffer(values(input).len()));
    minigpt_ops::bias_gelu_backward(values(x), values(bias), values(dy), &mut dx, &mut d_bias);
    (tensor(dx, x.shape()), tensor(d_bias, bias.shape()))
}

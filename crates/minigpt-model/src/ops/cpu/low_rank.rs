//! The backward passes of what layers with adapters need besides: the factors, and GELU alone.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Flex, TensorMetadata};
use minigpt_ops::{Dropout, Precision};

use super::memory::buffer;
use super::{FlexTensor, contiguous, dropped, last_dim, tensor, values};
use crate::ops::graph::{parents, register};

#[derive(Debug)]
pub(super) struct Gelu;

impl Backward<Flex, 1> for Gelu {
    /// The input.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let x = &ops.state;
        let mut dx = buffer(values(x).len());
        minigpt_ops::gelu_backward(values(x), values(&dy), &mut dx);
        register::<Flex, _>(parents(&ops), grads, [tensor(dx, x.shape())]);
    }
}

#[derive(Debug)]
pub(super) struct LowRankProduct;

#[derive(Clone, Debug)]
pub(super) struct LowRankProductState {
    pub(super) x: FlexTensor,
    pub(super) a: FlexTensor,
    pub(super) b: FlexTensor,
    /// `scale · dropout(x) · a`.
    pub(super) inner: FlexTensor,
    pub(super) scale: f64,
    pub(super) dropout: Dropout,
}

impl Backward<Flex, 3> for LowRankProduct {
    type State = LowRankProductState;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let LowRankProductState { x, a, b, inner, scale, dropout } = &ops.state;
        let n = values(x).len() / last_dim(x);
        let back = |x: &FlexTensor, weight: &FlexTensor, dy: &[f32]| {
            let shape = weight.shape();
            let [mut dx, mut d_weight] = [x, weight].map(|input| buffer(values(input).len()));
            let (x, weight) = (values(x), values(weight));
            minigpt_ops::project_backward(Precision::F32, n, x, weight, dy, &mut dx, &mut d_weight);
            (dx, tensor(d_weight, shape))
        };
        let (mut d_inner, d_b) = back(inner, b, values(&dy));
        minigpt_ops::scale(&mut d_inner, *scale as f32);
        let (dx, d_a) = back(&dropped(x.clone(), *dropout), a, &d_inner);
        let dx = dropped(tensor(dx, x.shape()), *dropout);
        register::<Flex, _>(parents(&ops), grads, [dx, d_a, d_b]);
    }
}

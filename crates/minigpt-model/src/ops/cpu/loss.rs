//! The losses: of a head that is not trained, and the backward pass of one that is.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Dispatch, Flex};
use burn::tensor::{Int, Tensor};
use minigpt_ops::CrossEntropy;

use super::{FlexTensor, Fused, Ids, contiguous, values};
use crate::matrix::frozen::Frozen;
use crate::ops::graph::{parents, register};
use crate::ops::{Precision, SmoothedLoss};

/// The first rows of a frozen head, and how the loss is computed.
#[derive(Clone, Debug)]
pub(in crate::ops) struct FrozenHead {
    head: Arc<Frozen>,
    rows: usize,
    smoothing: f64,
    precision: minigpt_ops::Precision,
}

impl FrozenHead {
    /// Of hidden states `[tokens, n_embd]`; their gradient, where it is wanted.
    pub(super) fn loss(
        &self,
        hidden: &FlexTensor,
        targets: &Ids,
        d_hidden: Option<&mut [f32]>,
    ) -> CrossEntropy {
        let Self { head, rows, smoothing, precision } = self;
        head.with_rows(0..*rows, |head| {
            let (hidden, targets) = (values(hidden), targets.values());
            let smoothing = *smoothing as f32;
            minigpt_ops::frozen_cross_entropy(
                *precision, hidden, head, targets, smoothing, d_hidden,
            )
        })
    }
}

pub(in crate::ops) fn of_tensors(
    hidden: Tensor<2>,
    head: &Arc<Frozen>,
    rows: usize,
    targets: Tensor<1, Int>,
    smoothing: f64,
    precision: Precision,
) -> SmoothedLoss {
    let (head, precision) = (head.clone(), precision.of_kernels());
    let head = FrozenHead { head, rows, smoothing, precision };
    let (objective, nats) =
        Dispatch::frozen_cross_entropy(hidden.into_dispatch(), targets.into_dispatch(), head);
    let [objective, nats] = [objective, nats].map(Tensor::from_dispatch);
    SmoothedLoss { objective, nats }
}

#[derive(Debug)]
pub(super) struct FrozenCrossEntropy;

impl Backward<Flex, 1> for FrozenCrossEntropy {
    /// The gradient of the hidden states, made with the loss.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let scale = values(&contiguous(grads.consume::<Flex>(&ops.node)))[0];
        let parents = parents(&ops);
        let mut gradient = ops.state;
        minigpt_ops::scale(gradient.storage_mut(), scale);
        register::<Flex, _>(parents, grads, [gradient]);
    }
}

#[derive(Debug)]
pub(super) struct LinearCrossEntropy;

impl Backward<Flex, 2> for LinearCrossEntropy {
    /// The gradients of hidden states and head, made with the loss.
    type State = [FlexTensor; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let scale = values(&contiguous(grads.consume::<Flex>(&ops.node)))[0];
        let parents = parents(&ops);
        let scaled = |mut gradient: FlexTensor| {
            minigpt_ops::scale(gradient.storage_mut(), scale);
            gradient
        };
        register::<Flex, _>(parents, grads, ops.state.map(scaled));
    }
}

//! How operations with a backward pass of their own enter the graph of burn's autodiff.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// Notes an operation whose gradient will be asked for.
pub(super) fn record<B, O, C, const N: usize>(
    operation: O,
    nodes: [NodeGuard; N],
    output: FloatTensor<B>,
    state: O::State,
) -> FloatTensor<Autodiff<B>>
where
    B: Backend,
    O: Backward<B, N>,
    C: CheckpointStrategy,
{
    match operation.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

/// Hands each parent that is tracked its gradient.
pub(super) fn register<B: Backend, const N: usize>(
    parents: [Option<NodeId>; N],
    grads: &mut Gradients,
    gradients: [FloatTensor<B>; N],
) {
    for (parent, gradient) in parents.into_iter().zip(gradients) {
        if let Some(parent) = parent {
            grads.register::<B>(parent, gradient);
        }
    }
}

pub(super) fn parents<S, const N: usize>(ops: &Ops<S, N>) -> [Option<NodeId>; N] {
    ops.parents.each_ref().map(|parent| parent.as_ref().map(|parent| parent.id))
}

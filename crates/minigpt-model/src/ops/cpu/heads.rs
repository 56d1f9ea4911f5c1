//! Attention from queries, keys and values as a projection gives them: grouped, and not yet turned.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Dispatch, Flex, TensorMetadata};
use burn::tensor::Tensor;
use minigpt_ops::{Angles, Dropout, GroupedHeads, spread_heads, spread_heads_backward};

use super::memory::buffer;
use super::saved::Saved;
use super::{
    FlexTensor, Fused, attention_shape, causal_attention, contiguous, last_dim, tensor, values,
};
use crate::ops::graph::{parents, register};
use crate::ops::{DropoutMask, Precision};

/// Nothing where each sequence has positions of its own.
pub(in crate::ops) fn of_tensors(
    qkv: &Tensor<3>,
    [cos, sin]: [&Tensor<4>; 2],
    heads: [usize; 2],
    dropout: &DropoutMask,
    precision: Precision,
) -> Option<Tensor<3>> {
    if cos.dims()[0] != 1 || cos.dims()[2] != qkv.dims()[1] {
        return None;
    }
    let is_autodiff = qkv.device().is_autodiff();
    let [cos, sin] = [cos, sin].map(|table| {
        let table = table.clone();
        if is_autodiff { Tensor::from_inner(table) } else { table }.into_dispatch()
    });
    let (qkv, dropout, precision) =
        (qkv.clone().into_dispatch(), dropout.key(), precision.of_kernels());
    let mixed = Dispatch::grouped_attention(qkv, cos, sin, heads, dropout, precision);
    Some(Tensor::from_dispatch(mixed))
}

fn grouped(qkv: &FlexTensor, [n_head, n_kv_head]: [usize; 2]) -> GroupedHeads {
    let head_size = last_dim(qkv) / (n_head + 2 * n_kv_head);
    GroupedHeads { n_head, n_kv_head, head_size }
}

fn spread(qkv: &FlexTensor, [cos, sin]: [&FlexTensor; 2], heads: [usize; 2]) -> FlexTensor {
    let [batch, time, _] = qkv.shape().dims();
    let heads = grouped(qkv, heads);
    let mut y = buffer(batch * time * heads.spread());
    let angles = Angles { cos: values(cos), sin: values(sin) };
    spread_heads(heads, angles, values(qkv), &mut y);
    tensor(y, [batch, time, heads.spread()])
}

/// Also the logarithms of the softmaxes' denominators.
pub(super) fn forward(
    qkv: &FlexTensor,
    angles: [&FlexTensor; 2],
    heads: [usize; 2],
    dropout: Dropout,
) -> (FlexTensor, Vec<f32>) {
    causal_attention(&spread(qkv, angles, heads), heads[0], dropout)
}

#[derive(Debug)]
pub(super) struct GroupedAttention;

#[derive(Clone, Debug)]
pub(super) struct GroupedState {
    pub(super) qkv: Saved,
    pub(super) cos: FlexTensor,
    pub(super) sin: FlexTensor,
    pub(super) heads: [usize; 2],
    pub(super) dropout: Dropout,
    pub(super) out: Saved,
    pub(super) log_sums: Vec<f32>,
}

impl Backward<Flex, 3> for GroupedAttention {
    type State = GroupedState;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d_out = contiguous(grads.consume::<Flex>(&ops.node));
        let GroupedState { qkv, cos, sin, heads, dropout, out, log_sums } = &ops.state;
        let [Some(qkv_node), ..] = parents(&ops) else { return };
        let qkv = &qkv.widened();
        let all = spread(qkv, [cos, sin], *heads);
        let mut d_all = buffer(values(&all).len());
        minigpt_ops::causal_attention_backward(
            attention_shape(&all, heads[0]),
            values(&all),
            values(&out.widened()),
            log_sums,
            values(&d_out),
            *dropout,
            &mut d_all,
        );
        let d_all = tensor(d_all, all.shape());
        let mut d_qkv = buffer(values(qkv).len());
        let angles = Angles { cos: values(cos), sin: values(sin) };
        spread_heads_backward(grouped(qkv, *heads), angles, values(&d_all), &mut d_qkv);
        let gradient = tensor(d_qkv, qkv.shape());
        register::<Flex, _>([Some(qkv_node)], grads, [gradient]);
    }
}

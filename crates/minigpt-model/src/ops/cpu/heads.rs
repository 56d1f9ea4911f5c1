//! Attention from queries, keys and values as a projection gives them: grouped, not yet normalised and not yet turned.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Dispatch, Flex, TensorMetadata};
use burn::tensor::Tensor;
use minigpt_ops::{Angles, Dropout, GroupedHeads, HeadNorms, spread_heads, spread_heads_backward};

use super::memory::buffer;
use super::saved::Saved;
use super::{
    FlexTensor, Fused, attention_shape, causal_attention, contiguous, last_dim, tensor, values,
};
use crate::ops::graph::{parents, register};
use crate::ops::{self, DropoutMask, Precision};

/// Nothing where each sequence has positions of its own.
pub(in crate::ops) fn of_tensors(
    qkv: &Tensor<3>,
    norms: Option<ops::HeadNorms>,
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
    let plan = GroupedPlan {
        heads,
        epsilon: norms.as_ref().map(|norms| norms.epsilon as f32),
        dropout: dropout.key(),
        precision: precision.of_kernels(),
    };
    let [queries, keys] = match norms {
        Some(norms) => norms.scales.map(Tensor::into_dispatch),
        // Anything: nobody looks at it.
        None => [cos.clone(), sin.clone()],
    };
    let qkv = qkv.clone().into_dispatch();
    let mixed = Dispatch::grouped_attention(qkv, queries, keys, cos, sin, plan);
    Some(Tensor::from_dispatch(mixed))
}

/// What is done besides the tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupedPlan {
    /// Heads of queries, and of keys and values.
    pub(super) heads: [usize; 2],
    /// Of the norms of queries and keys, where there are any.
    pub(super) epsilon: Option<f32>,
    pub(super) dropout: Dropout,
    /// Of the products, and of what is saved for the backward pass.
    pub(super) precision: minigpt_ops::Precision,
}

impl GroupedPlan {
    fn grouped(&self, qkv: &FlexTensor) -> GroupedHeads {
        let [n_head, n_kv_head] = self.heads;
        let head_size = last_dim(qkv) / (n_head + 2 * n_kv_head);
        GroupedHeads { n_head, n_kv_head, head_size }
    }

    fn norms<'a>(&self, [queries, keys]: &'a [FlexTensor; 2]) -> Option<HeadNorms<'a>> {
        self.epsilon.map(|epsilon| HeadNorms {
            queries: values(queries),
            keys: values(keys),
            epsilon,
        })
    }

    fn spread(
        &self,
        qkv: &FlexTensor,
        scales: &[FlexTensor; 2],
        angles: &[FlexTensor; 2],
    ) -> FlexTensor {
        let [batch, time, _] = qkv.shape().dims();
        let heads = self.grouped(qkv);
        let mut y = buffer(batch * time * heads.spread());
        spread_heads(heads, self.norms(scales), angles_of(angles), values(qkv), &mut y);
        tensor(y, [batch, time, heads.spread()])
    }

    /// Also the logarithms of the softmaxes' denominators.
    pub(super) fn forward(
        &self,
        qkv: &FlexTensor,
        scales: &[FlexTensor; 2],
        angles: &[FlexTensor; 2],
    ) -> (FlexTensor, Vec<f32>) {
        causal_attention(
            &self.spread(qkv, scales, angles),
            self.heads[0],
            self.dropout,
            self.precision,
        )
    }
}

fn angles_of([cos, sin]: &[FlexTensor; 2]) -> Angles<'_> {
    Angles { cos: values(cos), sin: values(sin) }
}

#[derive(Debug)]
pub(super) struct GroupedAttention;

#[derive(Clone, Debug)]
pub(super) struct GroupedState {
    pub(super) qkv: Saved,
    pub(super) scales: [FlexTensor; 2],
    pub(super) angles: [FlexTensor; 2],
    pub(super) plan: GroupedPlan,
    pub(super) log_sums: Vec<f32>,
}

impl Backward<Flex, 5> for GroupedAttention {
    type State = GroupedState;

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d_out = contiguous(grads.consume::<Flex>(&ops.node));
        let GroupedState { qkv, scales, angles, plan, log_sums } = &ops.state;
        let [qkv_node, queries_node, keys_node, ..] = parents(&ops);
        let qkv = &qkv.widened();
        let all = plan.spread(qkv, scales, angles);
        let mut d_all = buffer(values(&all).len());
        minigpt_ops::causal_attention_backward(
            plan.precision,
            attention_shape(&all, plan.heads[0]),
            values(&all),
            log_sums,
            values(&d_out),
            plan.dropout,
            &mut d_all,
        );
        let mut d_qkv = buffer(values(qkv).len());
        let (heads, norms, angles) = (plan.grouped(qkv), plan.norms(scales), angles_of(angles));
        let d_scales = spread_heads_backward(heads, norms, angles, values(qkv), &d_all, &mut d_qkv);
        let gradient = tensor(d_qkv, qkv.shape());
        register::<Flex, _>([qkv_node], grads, [gradient]);
        if norms.is_some() {
            let d_scales = d_scales.map(|d_scale| tensor(d_scale, [heads.head_size]));
            register::<Flex, _>([queries_node, keys_node], grads, d_scales);
        }
    }
}

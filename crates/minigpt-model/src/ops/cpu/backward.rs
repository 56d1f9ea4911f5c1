//! The backward passes of the fused operations.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Flex, TensorMetadata};
use minigpt_ops::{Dropout, Precision, RowStatistics};

use super::distillation::Lessons;
use super::heads::{GroupedAttention, GroupedPlan, GroupedState};
use super::layer::{self, Layer, LayerPlan, LayerState};
use super::linear::{Linear, Mlp, MlpState, Project};
use super::loss::{FrozenCrossEntropy, FrozenHead, LinearCrossEntropy};
use super::low_rank::{Gelu, LowRankProduct, LowRankProductState};
use super::memory::buffer;
use super::saved::Saved;
use super::{
    self as fused, FlexTensor, Fused, Ids, attention_shape, contiguous, dropped, last_dim, scalars,
    tensor, values,
};
use crate::ops::graph::{parents, record, register};

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn embed(
        tokens: IntTensor<Self>,
        wte: FloatTensor<Self>,
        wpe: FloatTensor<Self>,
        dropout: Dropout,
    ) -> FloatTensor<Self> {
        let tokens = Ids::new(tokens);
        let tables = [wte.clone(), wpe.clone()];
        let ([wte, wpe], nodes) = split([wte, wpe]);
        let y = fused::embed(&tokens, &wte, &wpe, dropout);
        record::<Flex, _, C, _>(Embed, nodes, y, EmbedState { tokens, tables, dropout })
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let ([x, weight, bias], nodes) = split([x, weight, bias]);
        let (y, statistics) = fused::layer_norm(&x, &weight, &bias, epsilon);
        record::<Flex, _, C, _>(LayerNorm, nodes, y, (x, weight, statistics))
    }

    fn rms_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let ([x, weight], nodes) = split([x, weight]);
        let (y, reciprocals) = fused::rms_norm(&x, &weight, epsilon);
        record::<Flex, _, C, _>(RmsNorm, nodes, y, (x, weight, reciprocals))
    }

    fn swiglu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let ([x], nodes) = split([x]);
        let y = fused::swiglu(&x);
        record::<Flex, _, C, _>(Swiglu, nodes, y, x)
    }

    fn project(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let ([x, weight], nodes) = split([x, weight]);
        let y = fused::project(&x, &weight, precision);
        record::<Flex, _, C, _>(Project, nodes, y, (x, weight, precision))
    }

    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let ([x, weight, bias], nodes) = split([x, weight, bias]);
        let y = fused::linear(&x, &weight, &bias, precision);
        record::<Flex, _, C, _>(Linear, nodes, y, (x, weight, precision))
    }

    fn mlp(
        x: FloatTensor<Self>,
        w_fc: FloatTensor<Self>,
        b_fc: FloatTensor<Self>,
        w_proj: FloatTensor<Self>,
        b_proj: FloatTensor<Self>,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let ([x, w_fc, b_fc, w_proj, b_proj], nodes) = split([x, w_fc, b_fc, w_proj, b_proj]);
        let hidden = fused::project(&x, &w_fc, precision);
        let y = fused::linear(&fused::bias_gelu(&hidden, &b_fc), &w_proj, &b_proj, precision);
        record::<Flex, _, C, _>(
            Mlp,
            nodes,
            y,
            MlpState { x, hidden, w_fc, b_fc, w_proj, precision },
        )
    }

    fn low_rank(
        x: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f64,
        dropout: Dropout,
    ) -> FloatTensor<Self> {
        let ([x, a, b], nodes) = split([x, a, b]);
        let (y, inner) = fused::low_rank(&x, &a, &b, scale, dropout);
        record::<Flex, _, C, _>(
            LowRankProduct,
            nodes,
            y,
            LowRankProductState { x, a, b, inner, scale, dropout },
        )
    }

    fn tanh_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let ([x], nodes) = split([x]);
        let y = fused::gelu(&x);
        record::<Flex, _, C, _>(Gelu, nodes, y, x)
    }

    fn residual(
        x: FloatTensor<Self>,
        branch: FloatTensor<Self>,
        dropout: Dropout,
    ) -> FloatTensor<Self> {
        let ([x, branch], nodes) = split([x, branch]);
        let y = fused::residual(&x, &branch, dropout);
        record::<Flex, _, C, _>(Residual, nodes, y, dropout)
    }

    fn layer(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        plan: LayerPlan,
    ) -> FloatTensor<Self> {
        let ([x, norm, weight, a, b], nodes) = split([x, norm, weight, a, b]);
        let (y, inner) = layer::forward(&x, &norm, &weight, [&a, &b], &plan);
        let x = Saved::new(x, plan.precision);
        record::<Flex, _, C, _>(Layer, nodes, y, LayerState { x, norm, weight, a, b, inner, plan })
    }

    fn grouped_attention(
        qkv: FloatTensor<Self>,
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
        plan: GroupedPlan,
    ) -> FloatTensor<Self> {
        let ([qkv, queries, keys, cos, sin], nodes) = split([qkv, queries, keys, cos, sin]);
        let (scales, angles) = ([queries, keys], [cos, sin]);
        let qkv = Saved::new(qkv, plan.precision);
        // Of what is saved, for the backward pass to make the same weights again.
        let (out, log_sums) = plan.forward(&qkv.widened(), &scales, &angles);
        let state = GroupedState { qkv, scales, angles, plan, log_sums };
        record::<Flex, _, C, _>(GroupedAttention, nodes, out, state)
    }

    fn frozen_cross_entropy(
        hidden: FloatTensor<Self>,
        targets: IntTensor<Self>,
        head: FrozenHead,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let targets = Ids::new(targets);
        if !hidden.is_tracked() {
            let hidden = contiguous(hidden.into_primitive());
            let (objective, nats) = scalars(head.loss(&hidden, &targets, None));
            return (FloatTensor::<Self>::new(objective), FloatTensor::<Self>::new(nats));
        }
        let ([hidden], nodes) = split([hidden]);
        let mut d_hidden = buffer(values(&hidden).len());
        let (objective, nats) = scalars(head.loss(&hidden, &targets, Some(&mut d_hidden)));
        let gradient = tensor(d_hidden, hidden.shape());
        let objective = record::<Flex, _, C, _>(FrozenCrossEntropy, nodes, objective, gradient);
        (objective, FloatTensor::<Self>::new(nats))
    }

    fn causal_attention(
        qkv: FloatTensor<Self>,
        n_head: usize,
        dropout: Dropout,
        precision: Precision,
    ) -> FloatTensor<Self> {
        let ([qkv], nodes) = split([qkv]);
        let (out, log_sums) = fused::causal_attention(&qkv, n_head, dropout, precision);
        let state = AttentionState { qkv, n_head, dropout, precision, log_sums };
        record::<Flex, _, C, _>(CausalAttention, nodes, out, state)
    }

    fn linear_cross_entropy(
        hidden: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        smoothing: f64,
        precision: Precision,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        if !hidden.is_tracked() && !head.is_tracked() {
            let [hidden, head] = [hidden, head].map(FloatTensor::<Self>::into_primitive);
            let (objective, nats) =
                Flex::linear_cross_entropy(hidden, head, targets, smoothing, precision);
            return (FloatTensor::<Self>::new(objective), FloatTensor::<Self>::new(nats));
        }
        let targets = Ids::new(targets);
        let ([hidden, head], nodes) = split([hidden, head]);
        let (mut d_hidden, mut d_head) =
            (buffer(values(&hidden).len()), buffer(values(&head).len()));
        let loss = minigpt_ops::linear_cross_entropy_with_gradients(
            precision,
            values(&hidden),
            values(&head),
            targets.values(),
            smoothing as f32,
            &mut d_hidden,
            &mut d_head,
        );
        let (objective, nats) = scalars(loss);
        let gradients = [tensor(d_hidden, hidden.shape()), tensor(d_head, head.shape())];
        let objective = record::<Flex, _, C, _>(LinearCrossEntropy, nodes, objective, gradients);
        (objective, FloatTensor::<Self>::new(nats))
    }

    fn distillation(
        hidden: FloatTensor<Self>,
        head: FloatTensor<Self>,
        targets: IntTensor<Self>,
        lessons: Lessons,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let targets = Ids::new(targets);
        let ([hidden, head], nodes) = split([hidden, head]);
        let mut gradients = [&hidden, &head].map(|tensor| buffer(values(tensor).len()));
        let [d_hidden, d_head] = &mut gradients;
        let loss = lessons.loss(&hidden, &head, &targets, Some([d_hidden, d_head]));
        let (objective, nats) = scalars(loss);
        let [d_hidden, d_head] = gradients;
        let gradients = [tensor(d_hidden, hidden.shape()), tensor(d_head, head.shape())];
        let objective = record::<Flex, _, C, _>(LinearCrossEntropy, nodes, objective, gradients);
        (objective, FloatTensor::<Self>::new(nats))
    }
}

/// The tensors, each in one piece of memory, and their places in the graph.
fn split<const N: usize>(
    inputs: [FloatTensor<Autodiff<Flex>>; N],
) -> ([FlexTensor; N], [NodeGuard; N]) {
    let nodes = inputs.each_ref().map(|input| input.node());
    (inputs.map(|input| contiguous(input.into_primitive())), nodes)
}

#[derive(Debug)]
struct Embed;

#[derive(Clone, Debug)]
struct EmbedState {
    /// `[batch, time]`.
    tokens: Ids,
    tables: [FloatTensor<Autodiff<Flex>>; 2],
    dropout: Dropout,
}

impl Backward<Flex, 2> for Embed {
    type State = EmbedState;

    /// A table of a vocabulary is most of a small model, and a tied one has the head's gradient by now: the rows of
    /// the tokens are added to it, where another table of zeros would be one more to hold and to add.
    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let EmbedState { tokens, tables, dropout } = &ops.state;
        let dy = dropped(dy, *dropout);
        let time = tokens.row_len() as i32;
        let positions: Vec<i32> = (0..tokens.values().len() as i32).map(|i| i % time).collect();
        let rows = [tokens.values(), &positions];
        for ((parent, table), rows) in parents(&ops).into_iter().zip(tables).zip(rows) {
            let Some(parent) = parent else { continue };
            let known = grads.remove::<Flex>(table).map(contiguous);
            let mut gradient = known.unwrap_or_else(|| {
                let mut zeros = buffer(values(table.primitive()).len());
                zeros.fill(0.0);
                tensor(zeros, table.primitive().shape())
            });
            minigpt_ops::embedding_backward(rows, values(&dy), gradient.storage_mut());
            grads.register::<Flex>(parent, gradient);
        }
    }
}

#[derive(Debug)]
struct LayerNorm;

impl Backward<Flex, 3> for LayerNorm {
    /// Input, weight, and what each row was normalised by.
    type State = (FlexTensor, FlexTensor, Vec<RowStatistics>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, weight, statistics) = &ops.state;
        let width = last_dim(x);
        let mut dx = buffer(values(x).len());
        let (mut d_weight, mut d_bias) = (buffer(width), buffer(width));
        minigpt_ops::layer_norm_backward(
            values(x),
            values(weight),
            statistics,
            values(&dy),
            &mut dx,
            &mut d_weight,
            &mut d_bias,
        );
        let gradients = [tensor(dx, x.shape()), tensor(d_weight, [width]), tensor(d_bias, [width])];
        register::<Flex, _>(parents(&ops), grads, gradients);
    }
}

#[derive(Debug)]
struct RmsNorm;

impl Backward<Flex, 2> for RmsNorm {
    /// Input, weight, and what each row was multiplied by.
    type State = (FlexTensor, FlexTensor, Vec<f32>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, weight, reciprocals) = &ops.state;
        let [mut dx, mut d_weight] = [x, weight].map(|input| buffer(values(input).len()));
        minigpt_ops::rms_norm_backward(
            values(x),
            values(weight),
            reciprocals,
            values(&dy),
            &mut dx,
            &mut d_weight,
        );
        let gradients = [tensor(dx, x.shape()), tensor(d_weight, weight.shape())];
        register::<Flex, _>(parents(&ops), grads, gradients);
    }
}

#[derive(Debug)]
struct Swiglu;

impl Backward<Flex, 1> for Swiglu {
    /// The input.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let x = &ops.state;
        let mut dx = buffer(values(x).len());
        minigpt_ops::swiglu_backward(last_dim(x) / 2, values(x), values(&dy), &mut dx);
        register::<Flex, _>(parents(&ops), grads, [tensor(dx, x.shape())]);
    }
}

#[derive(Debug)]
struct Residual;

impl Backward<Flex, 2> for Residual {
    type State = Dropout;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let d_branch = dropped(dy.clone(), ops.state);
        register::<Flex, _>(parents(&ops), grads, [dy, d_branch]);
    }
}

#[derive(Debug)]
struct CausalAttention;

#[derive(Clone, Debug)]
struct AttentionState {
    qkv: FlexTensor,
    n_head: usize,
    dropout: Dropout,
    precision: Precision,
    log_sums: Vec<f32>,
}

impl Backward<Flex, 1> for CausalAttention {
    type State = AttentionState;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d_out = contiguous(grads.consume::<Flex>(&ops.node));
        let AttentionState { qkv, n_head, dropout, precision, log_sums } = &ops.state;
        let mut d_qkv = buffer(values(qkv).len());
        minigpt_ops::causal_attention_backward(
            *precision,
            attention_shape(qkv, *n_head),
            values(qkv),
            log_sums,
            values(&d_out),
            *dropout,
            &mut d_qkv,
        );
        let gradient = tensor(d_qkv, qkv.shape());
        register::<Flex, _>(parents(&ops), grads, [gradient]);
    }
}

//! What a training step spends its time in, each as one differentiable operation.
//!
//! This is the one place that chooses, by the device, what computes an operation: a kernel of `minigpt-ops` on the
//! memory of burn's CPU backend ([`cpu`]), a kernel for GPUs ([`gpu`]), or burn's own operations. Where the
//! last are a formula that a reader looks for, they stand with the module that they are the formula of, and
//! the function here gives nothing where there is no kernel; else they are in [`plain`]. Tests hold the
//! bodies against each other.
//!
//! | | CPU | GPU |
//! |---|---|---|
//! | attention, LayerNorm, GELU in its tanh form | kernel | kernel |
//! | RMSNorm, SwiGLU, learned embeddings, linear layers, adapters, residual, loss | kernel | burn's |
//! | rotary positions, other activations, embeddings without positions | burn's | burn's |
//!
//! What they save for the backward pass is counted in `model/activations.rs`, which a new kernel changes.

#[cfg(feature = "cpu")]
mod cpu;
mod dropout;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(any(feature = "cpu", feature = "gpu"))]
mod graph;
mod kernels;
mod loss;
mod plain;
mod precision;
#[cfg(test)]
pub(crate) mod tests;

use std::ops::Range;
use std::sync::Arc;

#[cfg(any(feature = "cpu", feature = "gpu"))]
use burn::backend::Dispatch;
use burn::tensor::{DType, Int, Tensor, TensorData};
#[cfg(feature = "cpu")]
use cpu::Fused;
pub use dropout::DropoutKey;
pub(crate) use dropout::{DropoutMask, DropoutState};
#[cfg(feature = "gpu")]
use gpu::OnGpu;
pub use kernels::Kernels;
pub use loss::{IGNORE_INDEX, Lesson, SmoothedLoss};
pub use precision::Precision;

use crate::matrix::frozen::Frozen;

/// What can work on a tensor's memory.
fn kernels_for<const D: usize>(tensor: &Tensor<D>) -> Kernels {
    match tensor.dtype() {
        DType::F32 => Kernels::of(&tensor.device()),
        _ => Kernels::Plain,
    }
}

/// Token ids `[batch, time]` at the first positions to `[batch, time, n_embd]`: rows of `wte`
/// `[vocab_size, n_embd]`, plus rows of `wpe` `[block_size, n_embd]` where there is one, dropped.
pub(crate) fn embed(
    tokens: Tensor<2, Int>,
    wte: Tensor<2>,
    wpe: Option<Tensor<2>>,
    dropout: DropoutMask,
) -> Tensor<3> {
    match (kernels_for(&wte), wpe) {
        #[cfg(feature = "cpu")]
        (Kernels::Cpu, Some(wpe)) => {
            let (tokens, key) = (tokens.into_dispatch(), dropout.key());
            let [wte, wpe] = [wte, wpe].map(Tensor::into_dispatch);
            Tensor::from_dispatch(Dispatch::embed(tokens, wte, wpe, key))
        }
        (_, wpe) => plain::embed(tokens, wte, wpe, dropout),
    }
}

/// Layer normalisation of the last dimension of `x` `[batch, time, width]`, by a kernel.
#[cfg_attr(not(any(feature = "cpu", feature = "gpu")), expect(unused_variables))]
pub(crate) fn layer_norm(
    x: &Tensor<3>,
    weight: &Tensor<1>,
    bias: Option<&Tensor<1>>,
    epsilon: f64,
) -> Option<Tensor<3>> {
    let parts = || {
        let bias = bias.cloned().unwrap_or_else(|| weight.zeros_like());
        (x.clone().into_dispatch(), weight.clone().into_dispatch(), bias.into_dispatch())
    };
    match kernels_for(x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let (x, weight, bias) = parts();
            let y = <Dispatch as Fused>::layer_norm(x, weight, bias, epsilon);
            Some(Tensor::from_dispatch(y))
        }
        #[cfg(feature = "gpu")]
        Kernels::Gpu => {
            let (x, weight, bias) = parts();
            let (y, _) = <Dispatch as OnGpu>::layer_norm(x, weight, bias, epsilon);
            Some(Tensor::from_dispatch(y))
        }
        _ => None,
    }
}

/// Root mean square normalisation of the last dimension of `x` `[batch, time, width]`, by a kernel.
#[cfg_attr(not(feature = "cpu"), expect(unused_variables))]
pub(crate) fn rms_norm(x: &Tensor<3>, weight: &Tensor<1>, epsilon: f64) -> Option<Tensor<3>> {
    match kernels_for(x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let (x, weight) = (x.clone().into_dispatch(), weight.clone().into_dispatch());
            Some(Tensor::from_dispatch(Dispatch::rms_norm(x, weight, epsilon)))
        }
        _ => None,
    }
}

/// `x · weight`, plus `bias` where there is one: `[batch, time, from]` to `[batch, time, to]`.
pub(crate) fn linear(
    x: Tensor<3>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    precision: Precision,
) -> Tensor<3> {
    match kernels_for(&x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
            let precision = precision.of_kernels();
            Tensor::from_dispatch(match bias {
                Some(bias) => Dispatch::linear(x, weight, bias.into_dispatch(), precision),
                None => Dispatch::project(x, weight, precision),
            })
        }
        _ => plain::linear(x, weight, bias, precision),
    }
}

/// The matrix of a layer.
#[expect(clippy::large_enum_variant, reason = "one lives for the length of a call")]
pub(crate) enum Weight {
    /// `[from, to]`.
    Trained(Tensor<2>),
    /// `[to, from]`.
    Frozen(Arc<Frozen>),
}

/// The factors beside a matrix, those of its parts side by side.
pub(crate) struct Beside {
    /// `[from, parts * rank]`.
    pub(crate) a: Tensor<2>,
    /// `[rank, columns of the parts]`.
    pub(crate) b: Tensor<2>,
    pub(crate) scale: f64,
    pub(crate) dropout: DropoutMask,
    /// The columns that have factors.
    pub(crate) parts: Vec<Range<usize>>,
}

/// A layer with what comes before it, by a kernel that keeps `x` `[batch, time, from]` alone for the backward pass: its
/// root mean square normalisation with a scale and an epsilon, or SwiGLU, for which `x` is twice as wide; then the
/// product with a matrix, and, beside a frozen one, with what an adapter adds.
#[cfg_attr(not(feature = "cpu"), expect(unused_variables, clippy::needless_pass_by_value))]
pub(crate) fn layer(
    x: &Tensor<3>,
    norm: Option<(Tensor<1>, f64)>,
    is_gated: bool,
    weight: Weight,
    beside: Option<Beside>,
    precision: Precision,
) -> Option<Tensor<3>> {
    match kernels_for(x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => Some(cpu::layer::of_tensors(x, norm, is_gated, weight, beside, precision)),
        _ => None,
    }
}

/// What the heads of queries and keys are normalised by: an RMSNorm each, with scales `[head_size]`.
#[cfg_attr(not(feature = "cpu"), expect(dead_code))]
pub(crate) struct HeadNorms {
    pub(crate) scales: [Tensor<1>; 2],
    pub(crate) epsilon: f64,
}

/// Attention as [`causal_attention`], from queries, keys and values as the projection gives them, by a kernel that keeps
/// these: `[batch, time, (n_head + 2 * n_kv_head) * head_size]`. Queries and keys are normalised where there are `norms`
/// and turned by `angles`, cosines and sines `[1 or batch, 1, time, head_size / 2]`, keys and values repeated.
#[cfg_attr(not(feature = "cpu"), expect(unused_variables))]
pub(crate) fn grouped_attention(
    qkv: &Tensor<3>,
    norms: Option<HeadNorms>,
    angles: [&Tensor<4>; 2],
    heads: [usize; 2],
    dropout: &DropoutMask,
    precision: Precision,
) -> Option<Tensor<3>> {
    match kernels_for(qkv) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => cpu::heads::of_tensors(qkv, norms, angles, heads, dropout, precision),
        _ => None,
    }
}

/// Vectors of tokens `[batch, time]` from a frozen table, `[batch, time, n_embd]`, without a gradient.
pub(crate) fn frozen_embed(tokens: &Tensor<2, Int>, table: &Frozen) -> Tensor<3> {
    let ([batch, time], device) = (tokens.dims(), tokens.device());
    let ids = tokens.clone().into_data();
    let values = table.read_rows(ids.iter::<i64>().map(|id| id as usize));
    Tensor::from_data(TensorData::new(values, [batch, time, table.from()]), &device)
}

/// `scale · dropout(x) · a · b`: `x` `[batch, time, from]`, `a` `[from, rank]`, `b` `[rank, to]`, to `[batch,
/// time, to]`.
pub(crate) fn low_rank(
    x: Tensor<3>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
    dropout: DropoutMask,
) -> Tensor<3> {
    match kernels_for(&x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let (x, a, b) = (x.into_dispatch(), a.into_dispatch(), b.into_dispatch());
            Tensor::from_dispatch(Dispatch::low_rank(x, a, b, scale, dropout.key()))
        }
        _ => plain::low_rank(x, a, b, scale, dropout),
    }
}

/// GELU in its tanh form of `[batch, time, n_inner]`, by a kernel.
pub(crate) fn tanh_gelu(x: &Tensor<3>) -> Option<Tensor<3>> {
    match kernels_for(x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => Some(Tensor::from_dispatch(Dispatch::tanh_gelu(x.clone().into_dispatch()))),
        #[cfg(feature = "gpu")]
        Kernels::Gpu => {
            Some(Tensor::from_dispatch(<Dispatch as OnGpu>::gelu(x.clone().into_dispatch())))
        }
        _ => None,
    }
}

/// SwiGLU of `[batch, time, 2 * n_inner]`, by a kernel: `[batch, time, n_inner]`.
pub(crate) fn swiglu(x: &Tensor<3>) -> Option<Tensor<3>> {
    match kernels_for(x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => Some(Tensor::from_dispatch(Dispatch::swiglu(x.clone().into_dispatch()))),
        _ => None,
    }
}

/// Two layers of weight and bias with GELU in its tanh form between, by a kernel: `[batch, time, n_embd]` to the
/// same shape. It keeps what GELU gets and not what it gives.
#[cfg_attr(not(feature = "cpu"), expect(unused_variables))]
pub(crate) fn mlp(
    x: &Tensor<3>,
    c_fc: (Tensor<2>, Tensor<1>),
    c_proj: (Tensor<2>, Tensor<1>),
    precision: Precision,
) -> Option<Tensor<3>> {
    match kernels_for(x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let parts = |(weight, bias): (Tensor<2>, Tensor<1>)| {
                (weight.into_dispatch(), bias.into_dispatch())
            };
            let ((w_fc, b_fc), (w_proj, b_proj)) = (parts(c_fc), parts(c_proj));
            let (x, precision) = (x.clone().into_dispatch(), precision.of_kernels());
            let y = Dispatch::mlp(x, w_fc, b_fc, w_proj, b_proj, precision);
            Some(Tensor::from_dispatch(y))
        }
        _ => None,
    }
}

/// `x` plus a branch that is dropped, both `[batch, time, n_embd]`.
pub(crate) fn residual(x: Tensor<3>, branch: Tensor<3>, dropout: DropoutMask) -> Tensor<3> {
    match kernels_for(&x) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let (x, branch) = (x.into_dispatch(), branch.into_dispatch());
            Tensor::from_dispatch(Dispatch::residual(x, branch, dropout.key()))
        }
        _ => plain::residual(x, branch, dropout),
    }
}

/// Attention of each position to itself and those before, by a kernel: from queries, keys and values side by
/// side, `[batch, time, 3 * n_head * head_size]`, to `[batch, time, n_head * head_size]`. The kernels keep no
/// weights `[n_head, time, time]`: the backward pass makes them again ([Dao et al.,
/// 2022](https://arxiv.org/abs/2205.14135)).
#[cfg_attr(not(any(feature = "cpu", feature = "gpu")), expect(unused_variables))]
pub(crate) fn causal_attention(
    qkv: &Tensor<3>,
    n_head: usize,
    dropout: &DropoutMask,
    precision: Precision,
) -> Option<Tensor<3>> {
    match kernels_for(qkv) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let (qkv, precision) = (qkv.clone().into_dispatch(), precision.of_kernels());
            let mixed = Dispatch::causal_attention(qkv, n_head, dropout.key(), precision);
            Some(Tensor::from_dispatch(mixed))
        }
        #[cfg(feature = "gpu")]
        Kernels::Gpu => {
            let qkv = qkv.clone().into_dispatch();
            let (mixed, _) = <Dispatch as OnGpu>::attention(qkv, n_head, dropout.key());
            Some(Tensor::from_dispatch(mixed))
        }
        _ => None,
    }
}

/// `hidden · headᵀ`: `[batch, time, n_embd]` and `[vocab_size, n_embd]` to `[batch, time, vocab_size]`.
pub(crate) fn head(hidden: Tensor<3>, head: Tensor<2>) -> Tensor<3> {
    match kernels_for(&hidden) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu if cpu::is_decoding(&hidden) && !hidden.device().is_autodiff() => {
            cpu::head(hidden, head)
        }
        _ => hidden.matmul(head.transpose().unsqueeze()),
    }
}

/// Cross-entropy of `hidden · headᵀ` against `targets`, summed over those that are not negative.
///
/// `hidden` is `[tokens, n_embd]`, `head` `[vocab_size, n_embd]`, `targets` `[tokens]`. The logits of all
/// tokens never exist at once: gradients are made with the loss, part by part.
pub(crate) fn linear_cross_entropy(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    smoothing: f64,
    precision: Precision,
) -> SmoothedLoss {
    match kernels_for(&hidden) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            let (hidden, head) = (hidden.into_dispatch(), head.into_dispatch());
            let (targets, precision) = (targets.into_dispatch(), precision.of_kernels());
            let (objective, nats) =
                Dispatch::linear_cross_entropy(hidden, head, targets, smoothing, precision);
            let [objective, nats] = [objective, nats].map(Tensor::from_dispatch);
            SmoothedLoss { objective, nats }
        }
        _ => plain::chunked::linear_cross_entropy(hidden, head, targets, smoothing, precision),
    }
}

/// As [`linear_cross_entropy`] with teachers: over the targets that count, the sum of `(1 - α) · cross-entropy +
/// α · T² · KL(teachers ‖ student)`, where both distributions of the second term are at temperature `T`.
pub(crate) fn distillation(
    hidden: Tensor<2>,
    head: Tensor<2>,
    targets: Tensor<1, Int>,
    lesson: &Lesson,
    precision: Precision,
) -> SmoothedLoss {
    match kernels_for(&hidden) {
        #[cfg(feature = "cpu")]
        Kernels::Cpu => {
            cpu::distillation::of_tensors(hidden, head, targets, lesson, precision.of_kernels())
        }
        _ => plain::chunked::distillation(hidden, head, targets, lesson, precision),
    }
}

/// As [`linear_cross_entropy`] with the first `rows` rows of a frozen head. Only processors keep weights frozen.
#[cfg_attr(not(feature = "cpu"), expect(unused_variables))]
pub(crate) fn frozen_cross_entropy(
    hidden: Tensor<2>,
    head: &Arc<Frozen>,
    rows: usize,
    targets: Tensor<1, Int>,
    smoothing: f64,
    precision: Precision,
) -> SmoothedLoss {
    #[cfg(feature = "cpu")]
    {
        cpu::loss::of_tensors(hidden, head, rows, targets, smoothing, precision)
    }
    #[cfg(not(feature = "cpu"))]
    {
        unreachable!("only processors keep weights frozen")
    }
}

/// The logits of a frozen head: `[batch, time, n_embd]` to `[batch, time, vocab_size]`, without a gradient.
pub(crate) fn frozen_head(hidden: Tensor<3>, head: &Arc<Frozen>) -> Tensor<3> {
    let weight = Weight::Frozen(head.clone());
    let logits = layer(&hidden, None, false, weight, None, Precision::F32);
    logits.expect("only processors keep weights frozen")
}

/// Gives the memory of tensors that are gone back to the allocator, which the next ones of their size would have had: after
/// a training, whose sizes do not come again.
pub fn release_free_memory() {
    #[cfg(feature = "cpu")]
    cpu::release_free_memory();
}

/// `sum`, or nothing yet, and the squares of all elements of `x`, in one part or several that are still to be
/// added, `[parts]`: over a step's gradients the square of their global norm. It has no gradient itself.
#[must_use]
pub fn add_squares<const D: usize>(sum: Option<Tensor<1>>, x: Tensor<D>) -> Tensor<1> {
    let squares = match kernels_for(&x) {
        #[cfg(feature = "gpu")]
        Kernels::Gpu => {
            let sums = sum.unwrap_or_else(|| Tensor::zeros([gpu::squares::PARTS], &x.device()));
            let (sums, x) = (sums.into_dispatch(), x.into_dispatch());
            return Tensor::from_dispatch(<Dispatch as gpu::GradientsOnGpu>::add_squares(sums, x));
        }
        #[cfg(feature = "cpu")]
        Kernels::Cpu => cpu::sum_of_squares(x),
        _ => x.square().sum(),
    };
    match sum {
        Some(sum) => sum + squares,
        None => squares,
    }
}

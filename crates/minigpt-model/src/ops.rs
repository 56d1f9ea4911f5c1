//! What a training step spends its time in, each as one differentiable operation.
//!
//! Every operation has two bodies. The one in [`plain`] is a composition of burn's own operations, for any
//! backend. The one in [`cpu`] runs the kernels of `minigpt-ops` on the memory of burn's CPU backend, with
//! its backward pass in `cpu::backward`. Some have a third, a kernel for GPUs in [`gpu`]. The functions here
//! choose by the device: the model calls them and knows no backend. Tests hold the bodies against each other.

#[cfg(feature = "cpu")]
mod cpu;
mod dropout;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(any(feature = "cpu", feature = "gpu"))]
mod graph;
mod kernels;
pub(crate) mod plain;
mod precision;
#[cfg(test)]
mod recompute_tests;
#[cfg(test)]
pub(crate) mod tests;

use burn::nn::Linear;
use burn::tensor::{Int, Tensor};

#[cfg(feature = "cpu")]
use cpu::Fused;
pub use dropout::Chances;
pub(crate) use dropout::Dropout;
pub use kernels::Kernels;
pub use precision::Precision;
#[cfg(any(feature = "cpu", feature = "gpu"))]
use {burn::backend::Dispatch, burn::tensor::DType};

use crate::lora::LowRank;
use crate::model::loss::SmoothedLoss;

/// Token ids `[batch, time]` at the first positions to `[batch, time, n_embd]`: rows of `wte`
/// `[vocab_size, n_embd]` plus rows of `wpe` `[block_size, n_embd]`, dropped.
pub(crate) fn embed(
    tokens: Tensor<2, Int>,
    wte: Tensor<2>,
    wpe: Tensor<2>,
    dropout: Dropout,
) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&wte) {
        let [tokens, wte, wpe] = [tokens.into_dispatch(), wte.into_dispatch(), wpe.into_dispatch()];
        return Tensor::from_dispatch(Dispatch::embed(tokens, wte, wpe, dropout.key()));
    }
    plain::embed(tokens, wte, wpe, dropout)
}

/// Normalises the last dimension of `x` `[batch, time, n_embd]`, then scales and shifts it.
pub(crate) fn layer_norm(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&x) {
        let [x, weight, bias] = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
        return Tensor::from_dispatch(<Dispatch as Fused>::layer_norm(x, weight, bias));
    }
    #[cfg(feature = "gpu")]
    if is_on_gpu(&x) {
        let [x, weight, bias] = [x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch()];
        let (y, _) = <Dispatch as gpu::OnGpu>::layer_norm(x, weight, bias);
        return Tensor::from_dispatch(y);
    }
    plain::layer_norm(x, weight, bias)
}

/// `x · weight + bias`, and what an [adapter](LowRank) of the weight adds: `[batch, time, from]` to
/// `[batch, time, to]`.
pub(crate) fn linear(
    x: Tensor<3>,
    layer: &Linear,
    precision: Precision,
    chances: &mut Chances,
) -> Tensor<3> {
    let Some(adapter) = adapter(layer) else { return dense(x, layer, precision) };
    let dropout = chances.next(&adapter.dropout);
    let [a, b] = [&adapter.a, &adapter.b].map(|factor| factor.val());
    let added = low_rank(x.clone(), a, b, adapter.scale, dropout);
    residual_dropout(dense(x, layer, precision), added, Dropout::Off)
}

fn adapter(layer: &Linear) -> Option<&LowRank> {
    layer.weight.reparameterization()
}

/// `x · weight + bias`, without an adapter.
fn dense(x: Tensor<3>, layer: &Linear, precision: Precision) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&x)
        && let Some([weight, bias]) = parts(layer)
    {
        let y = Dispatch::linear(x.into_dispatch(), weight, bias, precision.of_kernels());
        return Tensor::from_dispatch(y);
    }
    plain::linear(x, layer, precision)
}

/// `scale · dropout(x) · a · b`: `x` `[batch, time, from]`, `a` `[from, rank]`, `b` `[rank, to]`, to `[batch,
/// time, to]`.
fn low_rank(x: Tensor<3>, a: Tensor<2>, b: Tensor<2>, scale: f64, dropout: Dropout) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&x) {
        let [x, a, b] = [x.into_dispatch(), a.into_dispatch(), b.into_dispatch()];
        return Tensor::from_dispatch(Dispatch::low_rank(x, a, b, scale, dropout.key()));
    }
    plain::low_rank(x, a, b, scale, dropout)
}

/// GELU in its tanh form ([Hendrycks and Gimpel, 2016](https://arxiv.org/abs/1606.08415)) of `[batch, time,
/// n_inner]`.
fn gelu(x: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&x) {
        return Tensor::from_dispatch(Dispatch::tanh_gelu(x.into_dispatch()));
    }
    #[cfg(feature = "gpu")]
    if is_on_gpu(&x) {
        return Tensor::from_dispatch(<Dispatch as gpu::OnGpu>::gelu(x.into_dispatch()));
    }
    plain::gelu(x)
}

/// `c_fc`, [`gelu`], `c_proj`: `[batch, time, n_embd]` to the same shape. The fused body, of layers without
/// adapters, keeps what GELU gets and not what it gives.
pub(crate) fn mlp(
    x: Tensor<3>,
    c_fc: &Linear,
    c_proj: &Linear,
    precision: Precision,
    chances: &mut Chances,
) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&x)
        && [c_fc, c_proj].into_iter().all(|layer| adapter(layer).is_none())
        && let (Some([w_fc, b_fc]), Some([w_proj, b_proj])) = (parts(c_fc), parts(c_proj))
    {
        let (x, precision) = (x.into_dispatch(), precision.of_kernels());
        let y = Dispatch::mlp(x, w_fc, b_fc, w_proj, b_proj, precision);
        return Tensor::from_dispatch(y);
    }
    let hidden = gelu(linear(x, c_fc, precision, chances));
    linear(hidden, c_proj, precision, chances)
}

/// `x` plus a branch that is dropped, both `[batch, time, n_embd]`.
pub(crate) fn residual_dropout(x: Tensor<3>, branch: Tensor<3>, dropout: Dropout) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&x) {
        let (x, branch) = (x.into_dispatch(), branch.into_dispatch());
        return Tensor::from_dispatch(Dispatch::residual_dropout(x, branch, dropout.key()));
    }
    plain::residual_dropout(x, branch, dropout)
}

/// Attention of each position to itself and those before: from queries, keys and values side by side,
/// `[batch, time, 3 * n_embd]`, to `[batch, time, n_embd]`. The kernels keep no weights `[n_head, time, time]`: the
/// backward pass makes them again ([Dao et al., 2022](https://arxiv.org/abs/2205.14135)).
pub(crate) fn causal_attention(qkv: Tensor<3>, n_head: usize, dropout: Dropout) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if is_fused(&qkv) {
        let mixed = Dispatch::causal_attention(qkv.into_dispatch(), n_head, dropout.key());
        return Tensor::from_dispatch(mixed);
    }
    #[cfg(feature = "gpu")]
    if is_on_gpu(&qkv) {
        let (mixed, _) =
            <Dispatch as gpu::OnGpu>::attention(qkv.into_dispatch(), n_head, dropout.key());
        return Tensor::from_dispatch(mixed);
    }
    plain::causal_attention(qkv, n_head, dropout)
}

/// `hidden · headᵀ`: `[batch, time, n_embd]` and `[vocab_size, n_embd]` to `[batch, time, vocab_size]`.
pub(crate) fn head(hidden: Tensor<3>, head: Tensor<2>) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if let [batch, time, _] = hidden.dims()
        && cpu::is_decoding(batch, time)
        && is_fused(&hidden)
        && !hidden.device().is_autodiff()
    {
        return cpu::head(hidden, head);
    }
    hidden.matmul(head.transpose().unsqueeze())
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
    #[cfg(feature = "cpu")]
    if is_fused(&hidden) {
        let (hidden, head) = (hidden.into_dispatch(), head.into_dispatch());
        let (targets, precision) = (targets.into_dispatch(), precision.of_kernels());
        let (objective, nats) =
            Dispatch::linear_cross_entropy(hidden, head, targets, smoothing, precision);
        let [objective, nats] = [objective, nats].map(Tensor::from_dispatch);
        return SmoothedLoss { objective, nats };
    }
    plain::chunked::linear_cross_entropy(hidden, head, targets, smoothing, precision)
}

/// `sum`, or nothing yet, and the squares of all elements of `x`, in one part or several that are still to be
/// added, `[parts]`: over a step's gradients the square of their global norm. It has no gradient itself.
pub fn add_squares<const D: usize>(sum: Option<Tensor<1>>, x: Tensor<D>) -> Tensor<1> {
    #[cfg(feature = "gpu")]
    if is_on_gpu(&x) {
        let sums = sum.unwrap_or_else(|| Tensor::zeros([gpu::squares::PARTS], &x.device()));
        let (sums, x) = (sums.into_dispatch(), x.into_dispatch());
        return Tensor::from_dispatch(<Dispatch as gpu::GradientsOnGpu>::add_squares(sums, x));
    }
    let squares = sum_of_squares(x);
    match sum {
        Some(sum) => sum + squares,
        None => squares,
    }
}

fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if is_fused(&x) {
        return cpu::sum_of_squares(x);
    }
    x.square().sum()
}

/// True where kernels for GPUs can work on a tensor's memory.
#[cfg(feature = "gpu")]
fn is_on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    Kernels::of(&tensor.device()) == Kernels::Gpu && tensor.dtype() == DType::F32
}

/// True where the kernels can work on a tensor's memory.
#[cfg(feature = "cpu")]
fn is_fused<const D: usize>(tensor: &Tensor<D>) -> bool {
    Kernels::of(&tensor.device()) == Kernels::Cpu && tensor.dtype() == DType::F32
}

/// The weight itself and the bias, where there is a bias.
#[cfg(feature = "cpu")]
fn parts(linear: &Linear) -> Option<[burn::backend::DispatchTensor; 2]> {
    let bias = linear.bias.as_ref()?.val().into_dispatch();
    Some([linear.weight.base().into_dispatch(), bias])
}

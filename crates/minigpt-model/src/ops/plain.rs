//! Operations as compositions of burn's own, for what has no kernel: backends, and numbers that are not `f32`.

pub(super) mod chunked;

use burn::tensor::{FloatDType, Int, Tensor, module};

use super::dropout::DropoutMask;
use super::precision::Precision;

pub(super) fn embed(
    tokens: Tensor<2, Int>,
    wte: Tensor<2>,
    wpe: Option<Tensor<2>>,
    dropout: DropoutMask,
) -> Tensor<3> {
    let [batch, time] = tokens.dims();
    let n_embd = wte.dims()[1];
    let tokens = wte.select(0, tokens.flatten(0, 1)).reshape([batch, time, n_embd]);
    dropout.apply(match wpe {
        Some(wpe) => tokens + wpe.narrow(0, 0, time).unsqueeze(), // [1, time, n_embd]
        None => tokens,
    })
}

pub(super) fn linear(
    x: Tensor<3>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    precision: Precision,
) -> Tensor<3> {
    if precision.of_tensors(&x.device()).is_none() {
        return module::linear(x, weight, bias);
    }
    let y = product(x, weight.unsqueeze(), precision);
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// `a · b`, in the type of `precision` where the device has it.
pub(super) fn product<const D: usize>(
    a: Tensor<D>,
    b: Tensor<D>,
    precision: Precision,
) -> Tensor<D> {
    match precision.of_tensors(&a.device()) {
        None => a.matmul(b),
        Some(dtype) => a.cast(dtype).matmul(b.cast(dtype)).cast(FloatDType::F32),
    }
}

pub(super) fn low_rank(
    x: Tensor<3>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
    dropout: DropoutMask,
) -> Tensor<3> {
    let [batch, time, from] = x.dims();
    let to = b.dims()[1];
    let x = dropout.apply(x).reshape([batch * time, from]);
    (x.matmul(a) * scale).matmul(b).reshape([batch, time, to])
}

pub(super) fn residual(x: Tensor<3>, branch: Tensor<3>, dropout: DropoutMask) -> Tensor<3> {
    x + dropout.apply(branch)
}

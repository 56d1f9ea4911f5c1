//! Linear layers with what comes before them.

use burn::tensor::Tensor;

use super::activation::swiglu;
use super::context::Context;
use super::linear::{Linear, adapter};
use super::norm::Norm;
use crate::ops;

/// What the input of a layer goes through before it is multiplied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Before<'a> {
    /// A normalisation.
    Norm(&'a Norm),
    /// Half of each row gates the other.
    Swiglu,
    /// Nothing.
    Nothing,
}

impl Before<'_> {
    pub(crate) fn apply(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Norm(norm) => norm.forward(x),
            Self::Swiglu => swiglu(x),
            Self::Nothing => x,
        }
    }
}

/// `before(x) · weight + bias`, and what an [adapter](LowRank) of the weight adds: `[batch, time, from]` to
/// `[batch, time, to]`.
///
/// Where there is a kernel of all that, it keeps `x` alone for the backward pass.
pub(crate) fn linear(
    before: Before<'_>,
    x: Tensor<3>,
    layer: &Linear,
    context: &mut Context,
) -> Tensor<3> {
    let adapter = adapter(layer);
    let dropout = adapter.map(|adapter| context.dropout.next(&adapter.dropout));
    let (x, before) = match before {
        Before::Norm(norm) if norm.rms_weight().is_none() => (norm.forward(x), Before::Nothing),
        before => (x, before),
    };
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    let precision = context.precision;
    let beside = adapter.zip(dropout);
    let gains = adapter.and_then(|adapter| adapter.gains(layer));
    if layer.frozen.is_some() || (beside.is_none() && bias.is_none()) {
        let weight = match &layer.frozen {
            Some(frozen) => ops::Weight::Frozen(frozen.clone()),
            None => ops::Weight::Trained(layer.weight.val()),
        };
        let beside = beside.as_ref().map(|(adapter, dropout)| ops::Beside {
            a: adapter.a.val(),
            b: adapter.b.val(),
            scale: adapter.scale,
            dropout: dropout.clone(),
            parts: adapter.parts.clone(),
        });
        let norm = match before {
            Before::Norm(norm) => norm.rms_weight(),
            _ => None,
        };
        let is_gated = matches!(before, Before::Swiglu);
        if let Some(y) = ops::layer(&x, norm, is_gated, weight, beside, precision) {
            return finished(y, gains, bias);
        }
    }
    let (x, weight) = (before.apply(x), layer.weight.base());
    let Some((adapter, dropout)) = beside else { return ops::linear(x, weight, bias, precision) };
    // One mask for all parts, which have one input.
    let added = adapter.spread(layer.to(), |[a, b]| {
        ops::low_rank(x.clone(), a, b, adapter.scale, dropout.clone())
    });
    let (before_bias, bias) = if gains.is_some() { (None, bias) } else { (bias, None) };
    let y = ops::linear(x, weight, before_bias, precision);
    finished(ops::residual(y, added, ops::DropoutMask::Off), gains, bias)
}

/// Columns by what they are multiplied by, and the bias.
fn finished(y: Tensor<3>, gains: Option<Tensor<1>>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let y = match gains {
        Some(gains) => y * gains.unsqueeze(),
        None => y,
    };
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

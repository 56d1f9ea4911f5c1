//! Normalisation of the residual stream, and of queries and keys.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::assembly::Assembly;
use super::config::{NormConfig, NormKind};
use crate::ops;

/// LayerNorm or RMSNorm over the last dimension, with GPT-2's names for its parameters.
#[derive(Module, Debug)]
pub struct Norm {
    /// Scale, `[width]`.
    pub weight: Param<Tensor<1>>,
    /// Shift, `[width]`, where there is one.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    config: NormConfig,
}

impl Norm {
    /// The normalisation called `layer`.
    pub(crate) fn assemble<E>(parts: &mut Assembly<'_, E>, layer: &str) -> Result<Self, E> {
        Ok(Self {
            weight: parts.parameter(&format!("{layer}.weight"))?,
            bias: parts.optional(&format!("{layer}.bias"))?,
            config: parts.config.norm,
        })
    }

    /// As [`assemble`](Self::assemble), where the table has it next.
    pub(crate) fn assemble_optional<E>(
        parts: &mut Assembly<'_, E>,
        layer: &str,
    ) -> Result<Option<Self>, E> {
        let config = parts.config.norm;
        let Some(weight) = parts.optional(&format!("{layer}.weight"))? else { return Ok(None) };
        Ok(Some(Self { weight, bias: parts.optional(&format!("{layer}.bias"))?, config }))
    }

    /// What it scales by, and its epsilon, where it is the root mean square alone.
    pub(crate) fn rms_weight(&self) -> Option<(Tensor<1>, f64)> {
        let is_plain = self.config.kind == NormKind::RmsNorm && self.bias.is_none();
        is_plain.then(|| (self.weight.val(), self.config.epsilon))
    }

    /// Normalises the last dimension of `x`: `[batch, time, width]` to the same shape.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(|bias| bias.val()));
        match self.config.kind {
            NormKind::LayerNorm => layer_norm(x, weight, bias, self.config.epsilon),
            NormKind::RmsNorm => rms_norm(x, weight, self.config.epsilon),
        }
    }
}

/// `(x - mean) / √(variance + ε) · weight + bias` ([Ba et al., 2016](https://arxiv.org/abs/1607.06450)).
pub(crate) fn layer_norm(
    x: Tensor<3>,
    weight: Tensor<1>,
    bias: Option<Tensor<1>>,
    epsilon: f64,
) -> Tensor<3> {
    if let Some(y) = ops::layer_norm(&x, &weight, bias.as_ref(), epsilon) {
        return y;
    }
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normal = centred / (variance + epsilon).sqrt();
    let scaled = normal * weight.unsqueeze();
    match bias {
        Some(bias) => scaled + bias.unsqueeze(),
        None => scaled,
    }
}

/// `x / √(mean(x²) + ε) · weight` ([Zhang and Sennrich, 2019](https://arxiv.org/abs/1910.07467)).
pub(crate) fn rms_norm(x: Tensor<3>, weight: Tensor<1>, epsilon: f64) -> Tensor<3> {
    if let Some(y) = ops::rms_norm(&x, &weight, epsilon) {
        return y;
    }
    let mean_square = x.clone().square().mean_dim(2);
    let normal = x / (mean_square + epsilon).sqrt();
    normal * weight.unsqueeze()
}

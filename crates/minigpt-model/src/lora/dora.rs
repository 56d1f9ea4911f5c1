//! DoRA: the length of each column of a matrix is trained apart from its direction ([Liu et al.,
//! 2024](https://arxiv.org/abs/2402.09353)).
//!
//! A column `w` with what the factors add, `d`, becomes `m · (w + d) / ‖w + d‖`, where `m` is trained and begins as
//! `‖w‖`. The norm counts as a constant in the backward pass, as in the paper and in PEFT.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Tensor;

use super::error::AdapterError;
use super::{Lengths, LoraConfig};
use crate::model::config::GptConfig;
use crate::model::gpt::Gpt;
use crate::model::linear::{Linear, LowRank};
use crate::ops::{self, Precision};

impl LoraConfig {
    /// Lengths are trained of matrices of the blocks, and without dropout, which PEFT has before the base's matrix too.
    pub(super) fn check_dora(&self, model: &GptConfig) -> Result<(), AdapterError> {
        let refused = |expected: &str| {
            Err(AdapterError::Setting { field: "dora", expected: expected.to_owned() })
        };
        if self.dora && self.adapts_embedding(model) {
            return refused(
                "false where `wte` is among the targets: it adapts matrices of the blocks",
            );
        }
        if self.dora && self.dropout > 0.0 {
            return refused("false beside a dropout above 0: leave --lora-dropout out");
        }
        Ok(())
    }
}

impl Gpt {
    /// The lengths of the columns that `lora` adapts, as they begin; nothing where they are not trained.
    pub(super) fn lengths(&self, lora: &LoraConfig) -> BTreeMap<String, Lengths> {
        if !lora.dora {
            return BTreeMap::new();
        }
        let mut adapted = lora.by_layer(self.config());
        let blocks = self.h.iter().enumerate().flat_map(|(index, block)| {
            let named = self.config().block_matrices().zip(block.matrices());
            named.map(move |(name, layer)| (format!("h.{index}.{name}"), layer))
        });
        let of_layer = |(name, layer): (String, &Linear)| {
            let parts = adapted.remove(&name)?.parts;
            let all = squares(layer);
            let squares: Vec<f32> =
                parts.into_iter().flat_map(|part| all[part.columns].to_vec()).collect();
            let magnitude = squares.iter().map(|square| square.sqrt()).collect();
            Some((name, Lengths { magnitude, squares: Arc::new(squares) }))
        };
        blocks.filter_map(of_layer).collect()
    }
}

/// The squares of the lengths of a matrix's columns.
fn squares(layer: &Linear) -> Vec<f32> {
    match &layer.frozen {
        Some(frozen) => {
            let square = |row: usize| {
                frozen.read_rows([row]).iter().map(|value| f64::from(*value).powi(2)).sum::<f64>()
            };
            (0..frozen.to()).map(|row| square(row) as f32).collect()
        }
        None => {
            let weight = layer.weight.base();
            let weight = if weight.is_autodiff() { weight.inner() } else { weight };
            weight.square().sum_dim(0).into_data().iter().collect()
        }
    }
}

impl LowRank {
    /// What the columns of the layer's product are multiplied by, `[to]`; nothing where lengths are not trained.
    pub(crate) fn gains(&self, layer: &Linear) -> Option<Tensor<1>> {
        let magnitude = self.magnitude.as_ref()?.val();
        let device = magnitude.device().inner();
        let squares = self.squares.as_ref()?;
        let squares: Tensor<1> = Tensor::from_data(&squares[..], &device);
        let inner = |tensor: Tensor<2>| if tensor.is_autodiff() { tensor.inner() } else { tensor };
        let (a, b) = (inner(self.a.val()), inner(self.b.val()));
        let rank = b.dims()[0];
        let seen = through(a.clone().transpose(), layer); // [parts * rank, to]
        let (mut crossed, mut added, mut start) = (Vec::new(), Vec::new(), 0);
        for (index, columns) in self.parts.iter().enumerate() {
            let a = a.clone().narrow(1, index * rank, rank);
            let b = b.clone().narrow(1, start, columns.len());
            let seen = seen.clone().narrow(0, index * rank, rank);
            let seen = seen.narrow(1, columns.start, columns.len());
            crossed.push((seen * b.clone()).sum_dim(0).squeeze_dim::<1>(0));
            added.push(
                (b.clone() * a.clone().transpose().matmul(a).matmul(b))
                    .sum_dim(0)
                    .squeeze_dim::<1>(0),
            );
            start += columns.len();
        }
        let (crossed, added) = (Tensor::cat(crossed, 0), Tensor::cat(added, 0));
        let squared = squares + crossed * (2.0 * self.scale) + added * self.scale.powi(2);
        // A column of zeros stays one.
        let norm = squared.clamp_min(f32::MIN_POSITIVE).sqrt();
        let norm = if magnitude.is_autodiff() { Tensor::from_inner(norm) } else { norm };
        Some(self.among(layer.to(), magnitude / norm))
    }

    /// Values of the adapted columns at their places, and ones at the others': `[to]`.
    pub(crate) fn among(&self, to: usize, values: Tensor<1>) -> Tensor<1> {
        let device = values.device();
        let (mut all, mut end, mut start) = (Vec::new(), 0, 0);
        for columns in &self.parts {
            if columns.start > end {
                all.push(Tensor::ones([columns.start - end], &device));
            }
            all.push(values.clone().narrow(0, start, columns.len()));
            start += columns.len();
            end = columns.end;
        }
        if to > end {
            all.push(Tensor::ones([to - end], &device));
        }
        Tensor::cat(all, 0)
    }
}

/// `rows · weight` without gradients: `[rows, from]` to `[rows, to]`.
fn through(rows: Tensor<2>, layer: &Linear) -> Tensor<2> {
    let weight = match &layer.frozen {
        Some(frozen) => ops::Weight::Frozen(frozen.clone()),
        None => {
            let weight = layer.weight.base();
            let weight = if weight.is_autodiff() { weight.inner() } else { weight };
            return rows.matmul(weight);
        }
    };
    let product = ops::layer(&rows.unsqueeze(), None, false, weight, None, Precision::F32);
    product.expect("only processors keep weights frozen").squeeze_dim(0)
}

//! The weights of linear layers, and the adapters that may stand beside their matrices.

use std::ops::Range;
use std::sync::Arc;

use burn::module::{Module, Param, Reparameterization};
use burn::nn::Dropout;
use burn::tensor::Tensor;

use crate::matrix::frozen::Frozen;

/// A linear layer.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[from, to]`; one zero where the matrix is kept as files have it.
    pub weight: Param<Tensor<2>>,
    /// `[to]`, where there is one.
    pub bias: Option<Param<Tensor<1>>>,
    /// The matrix of a layer that is not trained.
    #[module(skip)]
    pub(crate) frozen: Option<Arc<Frozen>>,
}

impl Linear {
    /// A layer whose matrix is a parameter.
    #[cfg(test)]
    pub(crate) fn new(weight: Param<Tensor<2>>, bias: Option<Param<Tensor<1>>>) -> Self {
        Self { weight, bias, frozen: None }
    }

    /// The width of what it gives.
    pub(crate) fn to(&self) -> usize {
        self.frozen.as_ref().map_or_else(|| self.weight.lazy_shape()[1], |frozen| frozen.to())
    }
}

/// The factors beside one matrix `W` `[from, to]`: the layer gives `x · W + scale · dropout(x) · a · b`
/// ([Hu et al., 2021](https://arxiv.org/abs/2106.09685)).
///
/// Beside a matrix that is several, as queries, keys and values, each of these [parts](Self::parts) has factors of
/// its own. They stand side by side, `a_i` in `a` and `b_i` in `b`, and add `x · a_i · b_i` to the part's columns.
///
/// burn's own `LoraAdapter` has no dropout, and folds the factors into a whole matrix at every step, whose
/// gradient is then whole too. As a [`Reparameterization`] of burn's this one is part of records, optimisers
/// and devices in the same way, and `materialize` merges it.
#[derive(Module, Debug)]
pub(crate) struct LowRank {
    /// `[from, parts * rank]`.
    pub(crate) a: Param<Tensor<2>>,
    /// `[rank, to]`, without the columns that no part has. One of the two is zero at first: a fresh adapter
    /// changes nothing.
    pub(crate) b: Param<Tensor<2>>,
    pub(crate) scale: f64,
    pub(crate) dropout: Dropout,
    /// The columns of the matrix that have factors, in their order.
    #[module(skip)]
    pub(crate) parts: Vec<Range<usize>>,
    /// The lengths of these columns, where they are trained apart.
    pub(crate) magnitude: Option<Param<Tensor<1>>>,
    /// The squares of their lengths in the base.
    #[module(skip)]
    pub(crate) squares: Option<Arc<Vec<f32>>>,
}

impl LowRank {
    /// The factors `[from, rank]` and `[rank, columns]` of each part.
    pub(crate) fn pairs(&self) -> Vec<[Tensor<2>; 2]> {
        let (a, b) = (self.a.val(), self.b.val());
        if self.parts.len() == 1 {
            return vec![[a, b]];
        }
        let rank = b.dims()[0];
        let mut start = 0;
        let pair = |(index, columns): (usize, &Range<usize>)| {
            let (first, width) = (start, columns.len());
            start += width;
            [a.clone().narrow(1, index * rank, rank), b.clone().narrow(1, first, width)]
        };
        self.parts.iter().enumerate().map(pair).collect()
    }

    /// What `part` gives for each pair of factors at the part's columns of `to`, and zeros between.
    pub(crate) fn spread<const D: usize>(
        &self,
        to: usize,
        part: impl Fn([Tensor<2>; 2]) -> Tensor<D>,
    ) -> Tensor<D> {
        let mut found: Vec<Tensor<D>> = self.pairs().into_iter().map(part).collect();
        if found.len() == 1 && self.parts[0].len() == to {
            return found.remove(0);
        }
        let mut shape = found[0].dims();
        let device = found[0].device();
        let mut zeros = |width: usize| {
            shape[D - 1] = width;
            Tensor::zeros(shape, &device)
        };
        let (mut all, mut end) = (Vec::new(), 0);
        for (values, columns) in found.into_iter().zip(&self.parts) {
            if columns.start > end {
                all.push(zeros(columns.start - end));
            }
            all.push(values);
            end = columns.end;
        }
        if to > end {
            all.push(zeros(to - end));
        }
        Tensor::cat(all, D - 1)
    }
}

impl Reparameterization for LowRank {
    const NAME: &'static str = "lora";

    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let shape = base.dims();
        let delta = self.spread(shape[D - 1], |[a, b]| a.matmul(b).mul_scalar(self.scale));
        let merged = base + delta.reshape(shape);
        let Some(magnitude) = &self.magnitude else { return merged };
        let to = shape[D - 1];
        let squares: Tensor<1> = merged.clone().square().sum_dim(0).reshape([to]);
        let squares = self.parts.iter().map(|columns| squares.clone().slice(columns.clone()));
        let norm = Tensor::cat(squares.collect(), 0).clamp_min(f32::MIN_POSITIVE).sqrt();
        let mut along = [1; D];
        along[D - 1] = to;
        merged * self.among(to, magnitude.val() / norm).reshape(along)
    }
}

/// The adapter beside a layer's matrix.
pub(crate) fn adapter(layer: &Linear) -> Option<&LowRank> {
    layer.weight.reparameterization()
}

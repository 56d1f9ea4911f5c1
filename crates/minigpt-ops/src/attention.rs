//! Causal self-attention straight from the packed projection.

use rayon::prelude::*;

use crate::Dropout;
use crate::matrix::{Matrix, MatrixMut, Operand, Output, scaled_product_here};
use crate::precision::Precision;
use crate::scratch::Scratch;
use crate::simd::{LANES, dot, exp, map_and_sum, max, vectorized};

/// Queries whose scores exist at one time.
const QUERIES: usize = 64;

/// Shape of an attention: `n_embd = n_head * head_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Sequences.
    pub batch: usize,
    /// Positions of each.
    pub time: usize,
    /// Heads.
    pub n_head: usize,
    /// Width of a head.
    pub head_size: usize,
}

/// Scaled dot-product attention of each position to itself and those before
/// ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)), dropout on its weights. Products are in `precision`, the
/// softmax in `f32`.
///
/// `qkv` is `[batch, time, 3 * n_embd]` with queries, keys and values side by side, `out`
/// `[batch, time, n_embd]`. `log_sums` `[batch, n_head, time]` gets the logarithm of each softmax's
/// denominator, which is all that the backward pass needs to make the weights again: memory is linear
/// in time.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn causal_attention(
    precision: Precision,
    shape: AttentionShape,
    qkv: &[f32],
    dropout: Dropout,
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    shape.check(qkv, out, log_sums);
    if out.is_empty() {
        return;
    }
    let outs: Vec<_> = out
        .chunks_exact_mut(shape.time * shape.n_embd())
        .flat_map(|out| split_heads(out, shape.n_embd(), shape.head_size))
        .collect();
    let heads = outs.into_par_iter().zip(log_sums.par_chunks_mut(shape.time));
    heads.enumerate().for_each(|(index, (out, log_sums))| {
        Head::new(precision, shape, qkv, index, dropout).forward(out, log_sums);
    });
}

/// Gradient of [`causal_attention`]: `d_qkv` `[batch, time, 3 * n_embd]`, replaced, from `d_out`
/// `[batch, time, n_embd]`, what the forward pass got, `dropout` included, and its `log_sums`. What it gave is not needed.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn causal_attention_backward(
    precision: Precision,
    shape: AttentionShape,
    qkv: &[f32],
    log_sums: &[f32],
    d_out: &[f32],
    dropout: Dropout,
    d_qkv: &mut [f32],
) {
    shape.check(qkv, d_out, log_sums);
    assert_eq!(d_qkv.len(), qkv.len(), "attention: d_qkv is not [batch, time, 3 * n_embd]");
    if d_out.is_empty() {
        return;
    }
    let gradients: Vec<_> = d_qkv
        .chunks_exact_mut(shape.time * 3 * shape.n_embd())
        .flat_map(|d_qkv| head_gradients(d_qkv, shape))
        .collect();
    let heads = gradients.into_par_iter().zip(log_sums.par_chunks(shape.time));
    heads.enumerate().for_each(|(index, (gradients, log_sums))| {
        let d_out = shape.part(d_out, 1, 0, index);
        Head::new(precision, shape, qkv, index, dropout).backward(d_out, log_sums, gradients);
    });
}

/// Of one sequence's gradient, each head's blocks for queries, keys and values.
fn head_gradients(d_qkv: &mut [f32], shape: AttentionShape) -> Vec<[MatrixMut<'_>; 3]> {
    let mut blocks = split_heads(d_qkv, 3 * shape.n_embd(), shape.head_size);
    let [queries, keys, values] =
        [(); 3].map(|()| blocks.by_ref().take(shape.n_head).collect::<Vec<_>>());
    queries.into_iter().zip(keys).zip(values).map(|((q, k), v)| [q, k, v]).collect()
}

/// The columns of each head, in rows that have `width` elements.
fn split_heads(
    data: &mut [f32],
    width: usize,
    head_size: usize,
) -> impl Iterator<Item = MatrixMut<'_>> {
    assert!(
        width.is_multiple_of(head_size),
        "attention: {width} is not whole heads of {head_size}"
    );
    MatrixMut::split_columns(data, width, head_size)
}

impl AttentionShape {
    fn n_embd(self) -> usize {
        self.n_head * self.head_size
    }

    fn check(self, qkv: &[f32], out: &[f32], log_sums: &[f32]) {
        let rows = self.batch * self.time * self.n_head;
        assert_eq!(out.len(), rows * self.head_size, "attention: out is not [batch, time, n_embd]");
        assert_eq!(qkv.len(), 3 * out.len(), "attention: qkv is not [batch, time, 3 * n_embd]");
        assert_eq!(log_sums.len(), rows, "attention: log_sums is not [batch, n_head, time]");
    }

    /// Part `part` of head `index` of the batch, `[time, head_size]`, in `[batch, time, parts * n_embd]`.
    fn part(self, packed: &[f32], parts: usize, part: usize, index: usize) -> Matrix<'_> {
        let width = parts * self.n_embd();
        let (sequence, head) = (index / self.n_head, index % self.n_head);
        let sequence = &packed[sequence * self.time * width..][..self.time * width];
        let first = (part * self.n_head + head) * self.head_size;
        Matrix::of_columns(sequence, width, first..first + self.head_size)
    }
}

/// One head of one sequence: each part `[time, head_size]`.
struct Head<'a> {
    precision: Precision,
    time: usize,
    scale: f32,
    queries: Matrix<'a>,
    keys: Matrix<'a>,
    values: Matrix<'a>,
    dropout: Dropout,
}

impl<'a> Head<'a> {
    fn new(
        precision: Precision,
        shape: AttentionShape,
        qkv: &'a [f32],
        index: usize,
        dropout: Dropout,
    ) -> Self {
        let [queries, keys, values] = [0, 1, 2].map(|part| shape.part(qkv, 3, part, index));
        let scale = 1.0 / (shape.head_size as f32).sqrt();
        let dropout = dropout.place(index as u64);
        Self { precision, time: shape.time, scale, queries, keys, values, dropout }
    }

    /// Room for the scores of [`QUERIES`].
    fn tile(&self) -> Scratch {
        Scratch::new(QUERIES.min(self.time) * self.time)
    }

    fn operand(&self, matrix: Matrix<'a>) -> Operand<'a> {
        Operand::new_here(self.precision, matrix)
    }

    fn forward(&self, mut out: MatrixMut, log_sums: &mut [f32]) {
        let mut tile = self.tile();
        let [to_keys, values] = [self.keys.transposed(), self.values].map(|m| self.operand(m));
        for first in (0..self.time).step_by(QUERIES) {
            let end = (first + QUERIES).min(self.time);
            let scores = &mut tile[..(end - first) * end];
            self.scores(first, end, &to_keys, scores);
            let log_sums = &mut log_sums[first..end];
            vectorized!(softmax(first, scores, self.dropout, log_sums));
            let weights = Matrix::new(scores, end - first, end);
            scaled_product_here(1.0, weights, &values, out.some_rows(first..end), Output::Replace);
        }
    }

    /// Scores of the queries `first..end` against the keys `0..end`.
    fn scores(&self, first: usize, end: usize, to_keys: &Operand, scores: &mut [f32]) {
        let scores = MatrixMut::new(scores, end - first, end);
        let queries = self.queries.rows(first..end);
        scaled_product_here(self.scale, queries, to_keys, scores, Output::Replace);
    }

    /// Gradients of queries, keys and values. The last queries come first: their keys are all, so that
    /// what they give replaces what was there, and the others add to it.
    fn backward(&self, d_out: Matrix<'a>, log_sums: &[f32], gradients: [MatrixMut; 3]) {
        let (mut tile, mut d_tile) = (self.tile(), self.tile());
        let [mut d_queries, mut d_keys, mut d_values] = gradients;
        let [to_keys, to_values, keys] =
            [self.keys.transposed(), self.values.transposed(), self.keys].map(|m| self.operand(m));
        for first in (0..self.time).step_by(QUERIES).rev() {
            let end = (first + QUERIES).min(self.time);
            let n = end - first;
            let (weights, d_scores) = (&mut tile[..n * end], &mut d_tile[..n * end]);
            self.scores(first, end, &to_keys, weights);
            let d_out = d_out.rows(first..end);
            let d_weights = MatrixMut::new(d_scores, n, end);
            scaled_product_here(1.0, d_out, &to_values, d_weights, Output::Replace);
            let log_sums = &log_sums[first..end];
            vectorized!(softmax_backward(first, weights, d_scores, self.dropout, log_sums));
            let [weights, d_scores] = [weights, d_scores].map(|tile| Matrix::new(tile, n, end));
            let d_queries = d_queries.some_rows(first..end);
            scaled_product_here(self.scale, d_scores, &keys, d_queries, Output::Replace);
            let output = if end == self.time { Output::Replace } else { Output::Add };
            let [queries, d_out] =
                [self.queries.rows(first..end), d_out].map(|rows| self.operand(rows));
            let d_values = d_values.first_rows(end);
            scaled_product_here(1.0, weights.transposed(), &d_out, d_values, output);
            let d_keys = d_keys.first_rows(end);
            scaled_product_here(self.scale, d_scores.transposed(), &queries, d_keys, output);
        }
    }
}

/// Scores of queries from `first` on to weights after dropout, zero for later keys, and the logarithms
/// of their sums of exponentials.
#[inline(always)]
fn softmax(first: usize, scores: &mut [f32], dropout: Dropout, log_sums: &mut [f32]) {
    let end = first + log_sums.len();
    for ((query, row), log_sum) in (first..).zip(scores.chunks_exact_mut(end)).zip(log_sums) {
        row[query + 1..padded(query, end)].fill(f32::NEG_INFINITY);
        let seen = &mut row[..padded(query, end)];
        let largest = max(seen);
        let sum = map_and_sum(seen, |score| exp(score - largest));
        *log_sum = largest + sum.ln();
        drop_and_scale(seen, dropout.place(query as u64), 1.0 / sum);
        row[query + 1..].fill(0.0);
    }
}

#[inline(always)]
fn drop_and_scale(weights: &mut [f32], dropout: Dropout, scale: f32) {
    if dropout.is_none() {
        weights.iter_mut().for_each(|weight| *weight *= scale);
        return;
    }
    for (key, weight) in weights.iter_mut().enumerate() {
        *weight *= scale * dropout.multiplier(key as u32);
    }
}

/// From the scores of queries from `first` on and the gradients of their weights after dropout: these
/// weights again, and the gradients of the scores.
#[inline(always)]
fn softmax_backward(
    first: usize,
    scores: &mut [f32],
    d_weights: &mut [f32],
    dropout: Dropout,
    log_sums: &[f32],
) {
    let end = first + log_sums.len();
    let rows = scores.chunks_exact_mut(end).zip(d_weights.chunks_exact_mut(end));
    for ((query, (scores, d_weights)), &log_sum) in (first..).zip(rows).zip(log_sums) {
        let seen = padded(query, end);
        // Later keys have neither weight nor gradient.
        scores[query + 1..seen].fill(f32::NEG_INFINITY);
        d_weights[query + 1..].fill(0.0);
        let dropout = dropout.place(query as u64);
        row_backward(&mut scores[..seen], &mut d_weights[..seen], dropout, log_sum);
        scores[query + 1..].fill(0.0);
    }
}

/// The inner product of a row's weights with their gradients equals that of the output with its own: so the output is
/// not needed.
#[inline(always)]
fn row_backward(scores: &mut [f32], d_weights: &mut [f32], dropout: Dropout, log_sum: f32) {
    scores.iter_mut().for_each(|score| *score = exp(*score - log_sum));
    if dropout.is_none() {
        let along = dot(scores, d_weights);
        for (softmax, gradient) in scores.iter().zip(d_weights) {
            *gradient = softmax * (*gradient - along);
        }
        return;
    }
    drop_and_scale(d_weights, dropout, 1.0);
    let along = dot(scores, d_weights);
    for (key, (weight, gradient)) in scores.iter_mut().zip(d_weights).enumerate() {
        let softmax = *weight;
        *weight = softmax * dropout.multiplier(key as u32);
        *gradient = softmax * (*gradient - along);
    }
}

/// Keys that a query sees, and as many later ones as make whole vectors.
#[inline(always)]
fn padded(query: usize, keys: usize) -> usize {
    (query + 1).next_multiple_of(LANES).min(keys)
}

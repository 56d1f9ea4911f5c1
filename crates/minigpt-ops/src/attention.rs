//! Causal self-attention straight from the packed projection.

use rayon::prelude::*;

use crate::Dropout;
use crate::matrix::{Matrix, Output, product_here};
use crate::simd::{dot, exp, map_and_sum, max, vectorized};

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
/// ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)), dropout on its weights.
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
    let heads = split_heads(out, shape, 1);
    heads.into_par_iter().zip(log_sums.par_chunks_mut(shape.time)).enumerate().for_each(
        |(index, (rows, log_sums))| {
            let head = Head::new(shape, qkv, index, dropout);
            let mut scores = vec![0.0; QUERIES.min(shape.time) * shape.time];
            let mut mixed = vec![0.0; shape.time * shape.head_size];
            head.forward(&mut scores, &mut mixed, log_sums);
            copy_rows(&mixed, rows, 1.0);
        },
    );
}

/// Gradient of [`causal_attention`]: `d_qkv` `[batch, time, 3 * n_embd]`, replaced, from `d_out`
/// `[batch, time, n_embd]` and what the forward pass got and gave, `dropout` included.
///
/// # Panics
///
/// If the lengths do not fit together.
pub fn causal_attention_backward(
    shape: AttentionShape,
    qkv: &[f32],
    out: &[f32],
    log_sums: &[f32],
    d_out: &[f32],
    dropout: Dropout,
    d_qkv: &mut [f32],
) {
    shape.check(qkv, out, log_sums);
    assert_eq!(d_out.len(), out.len(), "attention: d_out is not [batch, time, n_embd]");
    assert_eq!(d_qkv.len(), qkv.len(), "attention: d_qkv is not [batch, time, 3 * n_embd]");
    if out.is_empty() {
        return;
    }
    let heads = split_heads(d_qkv, shape, 3);
    heads.into_par_iter().zip(log_sums.par_chunks(shape.time)).enumerate().for_each(
        |(index, (rows, log_sums))| {
            let head = Head::new(shape, qkv, index, dropout);
            let size = shape.time * shape.head_size;
            let mut gradients = [vec![0.0; size], vec![0.0; size], vec![0.0; size]];
            let [out, d_out] = [out, d_out].map(|packed| gather(packed, shape, index, 1, 0, 1.0));
            head.backward(&out, &d_out, log_sums, &mut gradients);
            let scales = [head.scale, 1.0, 1.0];
            let mut rows = rows.into_iter();
            for (gradient, scale) in gradients.iter().zip(scales) {
                copy_rows(gradient, rows.by_ref().take(shape.time).collect(), scale);
            }
        },
    );
}

impl AttentionShape {
    fn check(self, qkv: &[f32], out: &[f32], log_sums: &[f32]) {
        let rows = self.batch * self.time * self.n_head;
        assert_eq!(out.len(), rows * self.head_size, "attention: out is not [batch, time, n_embd]");
        assert_eq!(qkv.len(), 3 * out.len(), "attention: qkv is not [batch, time, 3 * n_embd]");
        assert_eq!(log_sums.len(), rows, "attention: log_sums is not [batch, n_head, time]");
    }
}

/// One head of one sequence, copied out: each part `[time, head_size]`, queries scaled.
struct Head {
    time: usize,
    head_size: usize,
    scale: f32,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    dropout: Dropout,
}

impl Head {
    fn new(shape: AttentionShape, qkv: &[f32], index: usize, dropout: Dropout) -> Self {
        let scale = 1.0 / (shape.head_size as f32).sqrt();
        Self {
            time: shape.time,
            head_size: shape.head_size,
            scale,
            queries: gather(qkv, shape, index, 3, 0, scale),
            keys: gather(qkv, shape, index, 3, 1, 1.0),
            values: gather(qkv, shape, index, 3, 2, 1.0),
            dropout: dropout.place(index as u64),
        }
    }

    /// The first rows of a part as a matrix.
    fn rows<'a>(&self, part: &'a [f32], first: usize, end: usize) -> Matrix<'a> {
        let part = &part[first * self.head_size..end * self.head_size];
        Matrix::new(part, end - first, self.head_size)
    }

    fn forward(&self, scores: &mut [f32], mixed: &mut [f32], log_sums: &mut [f32]) {
        for first in (0..self.time).step_by(QUERIES) {
            let end = (first + QUERIES).min(self.time);
            let scores = &mut scores[..(end - first) * end];
            self.scores(first, end, scores);
            for (query, row) in (first..).zip(scores.chunks_exact_mut(end)) {
                log_sums[query] = self.softmax(query, row);
            }
            let mixed = &mut mixed[first * self.head_size..end * self.head_size];
            let weights = Matrix::new(scores, end - first, end);
            product_here(weights, self.rows(&self.values, 0, end), mixed, Output::Replace);
        }
    }

    /// Scores of the queries `first..end` against the keys `0..end`.
    fn scores(&self, first: usize, end: usize, scores: &mut [f32]) {
        let queries = self.rows(&self.queries, first, end);
        let keys = self.rows(&self.keys, 0, end);
        product_here(queries, keys.transposed(), scores, Output::Replace);
    }

    /// Scores of one query to weights after dropout, zero for later keys. Gives the log-sum.
    fn softmax(&self, query: usize, scores: &mut [f32]) -> f32 {
        let (seen, later) = scores.split_at_mut(query + 1);
        later.fill(0.0);
        let dropout = self.dropout.place(query as u64);
        vectorized!({
            let largest = max(seen);
            let sum = map_and_sum(seen, |score| exp(score - largest));
            let reciprocal = 1.0 / sum;
            for (key, weight) in (0..).zip(seen) {
                *weight *= reciprocal * dropout.multiplier(key);
            }
            largest + sum.ln()
        })
    }

    /// Gradients of queries (of the scaled ones), keys and values, which are zero before.
    fn backward(
        &self,
        out: &[f32],
        d_out: &[f32],
        log_sums: &[f32],
        gradients: &mut [Vec<f32>; 3],
    ) {
        let size = QUERIES.min(self.time) * self.time;
        let (mut weights, mut d_scores) = (vec![0.0; size], vec![0.0; size]);
        let [d_queries, d_keys, d_values] = gradients;
        for first in (0..self.time).step_by(QUERIES) {
            let end = (first + QUERIES).min(self.time);
            let (queries, size) = (first..end, (end - first) * end);
            let (weights, d_scores) = (&mut weights[..size], &mut d_scores[..size]);
            self.scores(first, end, weights);
            let d_mixed = self.rows(d_out, first, end);
            let values = self.rows(&self.values, 0, end);
            product_here(d_mixed, values.transposed(), d_scores, Output::Replace);
            let rows = weights.chunks_exact_mut(end).zip(d_scores.chunks_exact_mut(end));
            for (query, (weights, d_scores)) in queries.zip(rows) {
                let row = query * self.head_size..(query + 1) * self.head_size;
                let along = vectorized!(dot(&out[row.clone()], &d_out[row]));
                self.softmax_backward(query, log_sums[query], along, weights, d_scores);
            }
            let [weights, d_scores] =
                [weights, d_scores].map(|tile| Matrix::new(tile, end - first, end));
            let before = ..end * self.head_size;
            product_here(weights.transposed(), d_mixed, &mut d_values[before], Output::Add);
            let queries = self.rows(&self.queries, first, end);
            product_here(d_scores.transposed(), queries, &mut d_keys[before], Output::Add);
            let d_queries = &mut d_queries[first * self.head_size..end * self.head_size];
            product_here(d_scores, self.rows(&self.keys, 0, end), d_queries, Output::Replace);
        }
    }

    /// From the scores of one query and the gradients of its weights after dropout: these weights
    /// again, and the gradients of the scores. `along` is the weights' inner product with their
    /// gradients, which equals that of the output with its own.
    fn softmax_backward(
        &self,
        query: usize,
        log_sum: f32,
        along: f32,
        scores: &mut [f32],
        d_weights: &mut [f32],
    ) {
        let (seen, later) = scores.split_at_mut(query + 1);
        let (d_seen, d_later) = d_weights.split_at_mut(query + 1);
        later.fill(0.0);
        d_later.fill(0.0);
        let dropout = self.dropout.place(query as u64);
        vectorized!({
            for (key, (weight, gradient)) in (0..).zip(seen.iter_mut().zip(d_seen)) {
                let (softmax, multiplier) = (exp(*weight - log_sum), dropout.multiplier(key));
                *weight = softmax * multiplier;
                *gradient = softmax * gradient.mul_add(multiplier, -along);
            }
        });
    }
}

/// One part of one head of one sequence, `[time, head_size]`, out of `[batch, time, parts * n_embd]`.
fn gather(
    packed: &[f32],
    shape: AttentionShape,
    index: usize,
    parts: usize,
    part: usize,
    scale: f32,
) -> Vec<f32> {
    let (sequence, head) = (index / shape.n_head, index % shape.n_head);
    let width = parts * shape.n_head * shape.head_size;
    let first = (part * shape.n_head + head) * shape.head_size;
    let rows = packed[sequence * shape.time * width..].chunks_exact(width).take(shape.time);
    let mut gathered = Vec::with_capacity(shape.time * shape.head_size);
    rows.for_each(|row| gathered.extend(row[first..][..shape.head_size].iter().map(|x| x * scale)));
    gathered
}

/// For each head of each sequence its rows of `[batch, time, parts * n_embd]`: those of the first part,
/// then of the second and so on.
fn split_heads(packed: &mut [f32], shape: AttentionShape, parts: usize) -> Vec<Vec<&mut [f32]>> {
    let AttentionShape { batch, time, n_head, head_size } = shape;
    let mut pieces: Vec<Option<&mut [f32]>> =
        packed.chunks_exact_mut(head_size).map(Some).collect();
    let piece =
        |sequence, head, part, row| ((sequence * time + row) * parts + part) * n_head + head;
    let mut heads = Vec::with_capacity(batch * n_head);
    for index in 0..batch * n_head {
        let (sequence, head) = (index / n_head, index % n_head);
        let places = (0..parts).flat_map(|part| (0..time).map(move |row| (part, row)));
        heads.push(
            places
                .filter_map(|(part, row)| pieces[piece(sequence, head, part, row)].take())
                .collect(),
        );
    }
    heads
}

/// `scale` times the rows of a contiguous matrix to where they belong.
fn copy_rows(from: &[f32], to: Vec<&mut [f32]>, scale: f32) {
    let head_size = to.first().map_or(1, |row| row.len());
    for (to, from) in to.into_iter().zip(from.chunks_exact(head_size)) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = scale * from;
        }
    }
}

//! Cross-entropy of a linear head without a matrix of logits.
//!
//! A chunk of tokens is taken at a time, and of its logits a tile: some rows of the head against all
//! tokens of the chunk, `[rows, tokens]`. A tile is turned into exponentials while it is in the cache,
//! against its own largest logits; when the last tile is there, and with it the sums over the
//! vocabulary, one pass turns each tile into the gradient of its logits, just before the two products
//! that use it. Tokens lie side by side, so that a sum over the vocabulary is a sum of vectors.

use rayon::prelude::*;

use crate::Precision;
use crate::blocks::{ELEMENTS, add_up};
use crate::matrix::{Matrix, Operand, Output, product_here};
use crate::scratch::Scratch;
use crate::simd::{exp, vectorized};

/// Logits that exist at one time with gradients: 64 MiB at most. Fewer, and reading the head and adding
/// to its gradient once for each chunk of tokens costs more than the products.
const LOGITS: usize = 1 << 24;

/// The largest chunk of tokens, and the smallest.
const TOKENS: (usize, usize) = (1024, 64);

/// Rows of the head in the largest tile, and in the smallest.
const TILE: (usize, usize) = (1024, 64);

/// Groups of tiles that add up their gradient of the hidden states on their own: as many threads can
/// work at a time.
const GROUPS: usize = 16;

/// What a batch costs, summed over its targets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// What training minimises: the cross-entropy against the smoothed targets, in nats.
    pub objective: f64,
    /// The cross-entropy against the targets themselves, in nats.
    pub nats: f64,
}

impl std::ops::AddAssign for CrossEntropy {
    fn add_assign(&mut self, other: Self) {
        self.objective += other.objective;
        self.nats += other.nats;
    }
}

/// Cross-entropy of `hidden · headᵀ` against `targets`: `hidden` `[n, d]`, `head` `[v, d]`, `targets`
/// `[n]` of ids in `0..v`, or negative where there is nothing to predict.
///
/// `smoothing` is the share of a target that is spread evenly over the vocabulary
/// ([Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)). Beside the arguments it holds 4 MiB per
/// thread.
///
/// # Panics
///
/// If the lengths do not fit together or a target is not in the vocabulary.
pub fn linear_cross_entropy(
    precision: Precision,
    hidden: &[f32],
    head: &[f32],
    targets: &[i32],
    smoothing: f32,
) -> CrossEntropy {
    let Some(problem) = Problem::new(precision, hidden, head, targets, smoothing) else {
        return CrossEntropy::default();
    };
    let mut total = CrossEntropy::default();
    for chunk in problem.chunks(hidden, targets) {
        let heads = head.par_chunks(problem.tile * problem.d).enumerate();
        let hidden = problem.hidden(chunk.hidden, Matrix::transposed);
        let statistics: Vec<_> = heads
            .map(|(tile, head)| {
                let mut logits = Scratch::new(head.len() / problem.d * chunk.targets.len());
                problem.exponentials(chunk, &hidden, tile, head, &mut logits)
            })
            .collect();
        total += problem.loss(chunk, &statistics).0;
    }
    total
}

/// As [`linear_cross_entropy`], with the gradients of the objective: `d_hidden` `[n, d]` and `d_head`
/// `[v, d]`, both replaced. Beside the arguments it holds up to 64 MiB of logits, and keeps them for the
/// next call.
///
/// # Panics
///
/// If the lengths do not fit together or a target is not in the vocabulary.
pub fn linear_cross_entropy_with_gradients(
    precision: Precision,
    hidden: &[f32],
    head: &[f32],
    targets: &[i32],
    smoothing: f32,
    d_hidden: &mut [f32],
    d_head: &mut [f32],
) -> CrossEntropy {
    assert_eq!(d_hidden.len(), hidden.len(), "cross-entropy: d_hidden is not [n, d]");
    assert_eq!(d_head.len(), head.len(), "cross-entropy: d_head is not [v, d]");
    let Some(problem) = Problem::new(precision, hidden, head, targets, smoothing) else {
        d_head.fill(0.0);
        return CrossEntropy::default();
    };
    let mut logits = Scratch::new(problem.tokens.min(targets.len()) * problem.vocab_size);
    let mut total = CrossEntropy::default();
    let mut output = Output::Replace;
    let d_hidden = d_hidden.chunks_mut(problem.tokens * problem.d);
    for (chunk, d_hidden) in problem.chunks(hidden, targets).zip(d_hidden) {
        let logits = &mut logits[..chunk.targets.len() * problem.vocab_size];
        let tiles = logits.par_chunks_mut(problem.tile * chunk.targets.len());
        let tiles = tiles.zip(head.par_chunks(problem.tile * problem.d)).enumerate();
        let hidden = problem.hidden(chunk.hidden, Matrix::transposed);
        let statistics: Vec<_> = tiles
            .map(|(tile, (logits, head))| problem.exponentials(chunk, &hidden, tile, head, logits))
            .collect();
        let (loss, log_sums) = problem.loss(chunk, &statistics);
        total += loss;
        let softmax =
            Softmax { exponentials: logits, statistics: &statistics, log_sums: &log_sums };
        problem.gradients(chunk, head, softmax, d_hidden, d_head, output);
        output = Output::Add;
    }
    total
}

/// Some of the tokens.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    hidden: &'a [f32],
    targets: &'a [i32],
}

/// What is known of each token's logits in one tile, `[tokens]` each.
struct TileStatistics {
    largest: Vec<f32>,
    /// Of `exp(logit - largest)`.
    sums: Vec<f32>,
    /// Of the logits themselves.
    totals: Vec<f32>,
    /// Tokens whose targets are in this tile, and their logits.
    targets: Vec<(usize, f32)>,
}

/// All tiles of a chunk.
struct Softmax<'a> {
    exponentials: &'a mut [f32],
    statistics: &'a [TileStatistics],
    /// Infinite for a token that does not count, whose softmax is then zero.
    log_sums: &'a [f32],
}

struct Problem {
    precision: Precision,
    d: usize,
    vocab_size: usize,
    smoothing: f32,
    /// Tokens of a chunk.
    tokens: usize,
    /// Rows of the head in a tile.
    tile: usize,
}

impl Problem {
    /// None where there is no token.
    fn new(
        precision: Precision,
        hidden: &[f32],
        head: &[f32],
        targets: &[i32],
        smoothing: f32,
    ) -> Option<Self> {
        let n = targets.len();
        if n == 0 {
            return None;
        }
        let d = hidden.len() / n;
        assert!(d > 0 && hidden.len() == n * d, "cross-entropy: hidden is not [n, d]");
        assert_eq!(head.len() % d, 0, "cross-entropy: head is not [v, d]");
        let vocab_size = head.len() / d;
        let in_vocabulary = targets.iter().all(|&target| (target as i64) < vocab_size as i64);
        assert!(in_vocabulary, "cross-entropy: a target is not below {vocab_size}");
        let tokens = (LOGITS / vocab_size.max(1)).clamp(TOKENS.1, TOKENS.0);
        let tokens = 1 << tokens.ilog2();
        let tile = (vocab_size / 8).next_multiple_of(TILE.1).clamp(TILE.1, TILE.0);
        Some(Self { precision, d, vocab_size, smoothing, tokens, tile })
    }

    fn chunks<'a>(
        &self,
        hidden: &'a [f32],
        targets: &'a [i32],
    ) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let hidden = hidden.chunks(self.tokens * self.d);
        let targets = targets.chunks(self.tokens);
        hidden.zip(targets).map(|(hidden, targets)| Chunk { hidden, targets })
    }

    /// Hidden states `[tokens, d]`, as they are or transposed, for products with all tiles.
    fn hidden<'a>(&self, hidden: &'a [f32], turn: fn(Matrix<'a>) -> Matrix<'a>) -> Operand<'a> {
        let hidden = Matrix::new(hidden, hidden.len() / self.d, self.d);
        Operand::new(self.precision, turn(hidden))
    }

    /// `logits = exp(head · hiddenᵀ - largest)`, `[rows of the head, tokens]`; `hidden` is `hiddenᵀ`.
    fn exponentials(
        &self,
        chunk: Chunk,
        hidden: &Operand,
        tile: usize,
        head: &[f32],
        logits: &mut [f32],
    ) -> TileStatistics {
        let (n, rows) = (chunk.targets.len(), head.len() / self.d);
        let head = Matrix::new(head, rows, self.d);
        product_here(head, hidden, logits, Output::Replace);
        let place = |(token, row): (usize, usize)| (token, logits[row * n + token]);
        let targets = self.targets_in(chunk, tile, rows).map(place).collect();
        let mut largest = vec![f32::NEG_INFINITY; n];
        let (mut sums, mut totals) = (vec![0.0; n], vec![0.0; n]);
        vectorized!({
            logits.chunks_exact(n).for_each(|row| keep_largest(row, &mut largest, &mut totals));
            logits.chunks_exact_mut(n).for_each(|row| exponentials(row, &largest, &mut sums));
        });
        TileStatistics { largest, sums, totals, targets }
    }

    /// Tokens of the chunk whose targets are in this tile, and the targets' rows there.
    fn targets_in<'a>(
        &self,
        chunk: Chunk<'a>,
        tile: usize,
        rows: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let first = tile * self.tile;
        let own = first..first + rows;
        chunk.targets.iter().enumerate().filter_map(move |(token, &target)| {
            let target = usize::try_from(target).ok().filter(|target| own.contains(target))?;
            Some((token, target - first))
        })
    }

    /// Loss of a chunk, and the logarithms of its tokens' sums of exponentials.
    fn loss(&self, chunk: Chunk, statistics: &[TileStatistics]) -> (CrossEntropy, Vec<f32>) {
        let mut loss = CrossEntropy::default();
        let mut log_sums = vec![f32::INFINITY; chunk.targets.len()];
        let smoothing = f64::from(self.smoothing);
        for &(token, logit) in statistics.iter().flat_map(|tile| &tile.targets) {
            let log_sum = log_sum(token, statistics);
            let total: f64 = statistics.iter().map(|tile| f64::from(tile.totals[token])).sum();
            let nats = log_sum - f64::from(logit);
            let even = log_sum - total / self.vocab_size as f64;
            loss.nats += nats;
            // Not 0 * even, which is NaN where a logit is infinite and smoothing off.
            loss.objective +=
                if smoothing == 0.0 { nats } else { (1.0 - smoothing) * nats + smoothing * even };
            log_sums[token] = log_sum as f32;
        }
        (loss, log_sums)
    }

    /// `d_hidden` of a chunk, and its share of `d_head`.
    fn gradients(
        &self,
        chunk: Chunk,
        head: &[f32],
        softmax: Softmax,
        d_hidden: &mut [f32],
        d_head: &mut [f32],
        output: Output,
    ) {
        let n = chunk.targets.len();
        let n_tiles = softmax.statistics.len();
        let per_group = n_tiles.div_ceil(GROUPS);
        let n_groups = n_tiles.div_ceil(per_group);
        let mut partials = Scratch::new(n_groups * n * self.d);
        let group_rows = per_group * self.tile;
        let heads = head.par_chunks(group_rows * self.d);
        let gradients = d_head.par_chunks_mut(group_rows * self.d);
        let tiles = softmax.exponentials.par_chunks_mut(group_rows * n);
        let groups = partials.par_chunks_mut(n * self.d).zip(heads.zip(gradients).zip(tiles));
        let hidden = self.hidden(chunk.hidden, |hidden| hidden);
        groups.enumerate().for_each(|(group, (d_hidden, ((head, d_head), exponentials)))| {
            let heads = head.chunks(self.tile * self.d);
            let gradients = d_head.chunks_mut(self.tile * self.d);
            let tiles = exponentials.chunks_mut(self.tile * n);
            let mut d_hidden_output = Output::Replace;
            for (i, (tile, (head, d_head))) in tiles.zip(heads.zip(gradients)).enumerate() {
                let index = group * per_group + i;
                let rows = head.len() / self.d;
                self.d_logits(chunk, index, &softmax.statistics[index], softmax.log_sums, tile);
                let tile = Matrix::new(tile, rows, n);
                let head = Matrix::new(head, rows, self.d);
                let head = Operand::new_here(self.precision, head);
                product_here(tile.transposed(), &head, d_hidden, d_hidden_output);
                product_here(tile, &hidden, d_head, output);
                d_hidden_output = Output::Add;
            }
        });
        d_hidden.par_chunks_mut(ELEMENTS).enumerate().for_each(|(i, d_hidden)| {
            let own = i * ELEMENTS..i * ELEMENTS + d_hidden.len();
            add_up(partials.chunks(n * self.d).map(|partial| &partial[own.clone()]), d_hidden);
        });
    }

    /// Exponentials of a tile to gradients of its logits: the softmax, less the smoothed target.
    fn d_logits(
        &self,
        chunk: Chunk,
        tile: usize,
        statistics: &TileStatistics,
        log_sums: &[f32],
        exponentials: &mut [f32],
    ) {
        let n = log_sums.len();
        let even = -self.smoothing / self.vocab_size as f32;
        let counts = |log_sum: &f32| if *log_sum == f32::INFINITY { 0.0 } else { even };
        let shifts: Vec<f32> = log_sums.iter().map(counts).collect();
        let pairs = statistics.largest.iter().zip(log_sums);
        let scales: Vec<f32> = pairs.map(|(largest, log_sum)| (largest - log_sum).exp()).collect();
        vectorized!(
            exponentials.chunks_exact_mut(n).for_each(|row| scale_and_shift(row, &scales, &shifts))
        );
        for (token, row) in self.targets_in(chunk, tile, exponentials.len() / n) {
            exponentials[row * n + token] -= 1.0 - self.smoothing;
        }
    }
}

/// The logits of one id for each token, into what is known of the tokens.
#[inline(always)]
fn keep_largest(logits: &[f32], largest: &mut [f32], totals: &mut [f32]) {
    for ((&logit, largest), total) in logits.iter().zip(largest).zip(totals) {
        *largest = if logit > *largest { logit } else { *largest };
        *total += logit;
    }
}

#[inline(always)]
fn exponentials(logits: &mut [f32], largest: &[f32], sums: &mut [f32]) {
    for ((logit, &largest), sum) in logits.iter_mut().zip(largest).zip(sums) {
        *logit = exp(*logit - largest);
        *sum += *logit;
    }
}

#[inline(always)]
fn scale_and_shift(x: &mut [f32], scales: &[f32], shifts: &[f32]) {
    for ((x, &scale), &shift) in x.iter_mut().zip(scales).zip(shifts) {
        *x = x.mul_add(scale, shift);
    }
}

/// Logarithm of the sum of one token's exponentials over all tiles.
fn log_sum(token: usize, statistics: &[TileStatistics]) -> f64 {
    let tiles = statistics.iter().map(|tile| (tile.largest[token], tile.sums[token]));
    let largest = tiles.clone().map(|(largest, _)| largest).fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = tiles.map(|(own, sum)| f64::from(sum) * f64::from(own - largest).exp()).sum();
    f64::from(largest) + sum.ln()
}

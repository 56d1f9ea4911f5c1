//! Cross-entropy of a linear head without a matrix of logits.
//!
//! A tile of logits is taken at a time, some rows of the head against some tokens, `[rows, tokens]`. While it is in the
//! cache it is turned into exponentials against a reference of each token, near its largest logit, and multiplied with
//! the head: the gradient of the hidden states, but for its scale. As in
//! [FlashAttention](https://arxiv.org/abs/2205.14135) the sum over the vocabulary, which is known at the end, scales what
//! was added up. The exponentials are kept for the gradient of the head, a second product, whose right operand has
//! the scale: the hidden states of a token divided by its sum. So a tile is made once, the head is read once for it,
//! and no pass turns a tile into gradients of logits. A target's own gradient, `softmax - 1`, is left out of the
//! tiles and added by itself, in full precision.

mod head;
mod tiles;

use rayon::prelude::*;

use self::head::Head;
use self::tiles::{Read, log_sum};
use crate::Precision;
use crate::blocks::ROWS;
use crate::frozen::FrozenWeight;
use crate::matrix::{Kept, Matrix, Operand, Output, product_of_kept_here};
use crate::scratch::Scratch;
use crate::simd::{add, add_scaled, vectorized};

/// Tokens of a tile.
const TOKENS: usize = Kept::COLUMNS;

/// Rows of the head in a tile: in bfloat16 logits and operands fit the second cache; in `f32` the products
/// are slower, and larger ones faster.
const fn tile_rows(precision: Precision) -> usize {
    match precision {
        Precision::F32 => 72 * Kept::ROWS,
        Precision::Bf16 => 18 * Kept::ROWS,
    }
}

/// Numbers whose memory exponentials are kept in: 64 MiB. In less, adding to the head's gradient once for each block
/// of tokens costs more.
const KEPT: usize = 1 << 24;

/// Tasks of a block of tokens, whatever the number of threads, for sums to be the same: as many threads can work at a
/// time.
const TASKS: usize = 16;

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
/// ([Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)). Beside the arguments it holds a tile of
/// logits per thread, 1 MiB at most.
///
/// # Panics
///
/// If the lengths do not fit together or a target is not in the vocabulary.
#[must_use]
pub fn linear_cross_entropy(
    precision: Precision,
    hidden: &[f32],
    head: &[f32],
    targets: &[i32],
    smoothing: f32,
) -> CrossEntropy {
    without_head_gradient(precision, hidden, Head::F32(head), targets, smoothing, None)
}

/// As [`linear_cross_entropy`] of a head that is not trained, with the hidden states' gradient where it is wanted.
pub(crate) fn of_frozen(
    precision: Precision,
    hidden: &[f32],
    head: FrozenWeight,
    targets: &[i32],
    smoothing: f32,
    d_hidden: Option<&mut [f32]>,
) -> CrossEntropy {
    without_head_gradient(precision, hidden, Head::Frozen(head), targets, smoothing, d_hidden)
}

fn without_head_gradient(
    precision: Precision,
    hidden: &[f32],
    head: Head,
    targets: &[i32],
    smoothing: f32,
    d_hidden: Option<&mut [f32]>,
) -> CrossEntropy {
    let Some(problem) = Problem::new(precision, hidden, head, targets, smoothing) else {
        return CrossEntropy::default();
    };
    let size = problem.tokens * problem.d;
    let mut gradients = d_hidden.map(|d_hidden| {
        assert_eq!(d_hidden.len(), hidden.len(), "cross-entropy: d_hidden is not [n, d]");
        d_hidden.chunks_mut(size)
    });
    let mut total = CrossEntropy::default();
    for block in problem.blocks(hidden, targets) {
        let d_hidden = gradients.as_mut().and_then(Iterator::next);
        let wanted = if d_hidden.is_some() { Wanted::Hidden } else { Wanted::Loss };
        let read = problem.read(block, head, wanted);
        let (loss, softmax) = problem.loss(block, &read);
        total += loss;
        if let Some(d_hidden) = d_hidden {
            problem.d_hidden(block, head, &read, &softmax, d_hidden);
        }
    }
    total
}

/// What is to be found besides the loss.
enum Wanted<'a> {
    /// Nothing.
    Loss,
    /// The hidden states' gradient.
    Hidden,
    /// Also the head's, for which exponentials are kept here.
    Both(&'a mut [f32]),
}

/// As [`linear_cross_entropy`], with the gradients of the objective: `d_hidden` `[n, d]` and `d_head`
/// `[v, d]`, both replaced. Beside the arguments it holds exponentials for the
/// head's gradient: of as many times 256 tokens as 64 MiB hold, of 256 at least (for each id a kibibyte then, half of it in
/// bfloat16); and for the hidden states' gradient 16 partial sums of 256 tokens. Both are kept for the next call.
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
    let head = Head::F32(head);
    let Some(problem) = Problem::new(precision, hidden, head, targets, smoothing) else {
        d_head.fill(0.0);
        return CrossEntropy::default();
    };
    let mut kept =
        Scratch::new(targets.len().min(problem.tokens).div_ceil(TOKENS) * problem.room());
    let mut total = CrossEntropy::default();
    let mut output = Output::Replace;
    let d_hidden = d_hidden.chunks_mut(problem.tokens * problem.d);
    for (block, d_hidden) in problem.blocks(hidden, targets).zip(d_hidden) {
        let read = problem.read(block, head, Wanted::Both(&mut kept));
        let (loss, softmax) = problem.loss(block, &read);
        total += loss;
        problem.d_hidden(block, head, &read, &softmax, d_hidden);
        problem.d_head(block, &kept, &read, &softmax, d_head, output);
        output = Output::Add;
    }
    total
}

/// Some of the tokens.
#[derive(Clone, Copy)]
struct Tokens<'a> {
    hidden: &'a [f32],
    targets: &'a [i32],
}

impl<'a> Tokens<'a> {
    /// At most `count` tokens at a time.
    fn chunks(self, count: usize, d: usize) -> impl Iterator<Item = Self> + use<'a> {
        let pairs = self.hidden.chunks(count * d).zip(self.targets.chunks(count));
        pairs.map(|(hidden, targets)| Self { hidden, targets })
    }
}

/// What is known of a block's tokens when all its tiles are read.
struct Softmax {
    /// Logarithms of their sums of exponentials, for those that count.
    log_sums: Vec<Option<f64>>,
    /// Gradients of their targets' logits, but for what smoothing gives every id.
    d_targets: Vec<f32>,
}

impl Softmax {
    /// What an exponential of a token relative to `reference` has to be multiplied with.
    fn scale(&self, token: usize, reference: f32) -> f32 {
        let scale = |log_sum: f64| (f64::from(reference) - log_sum).exp() as f32;
        self.log_sums[token].map_or(0.0, scale)
    }
}

struct Problem {
    precision: Precision,
    d: usize,
    vocab_size: usize,
    smoothing: f32,
    /// Tokens of a block: its tiles are kept at the same time.
    tokens: usize,
    /// Rows of the head in a tile.
    tile: usize,
    /// Tiles that one task reads.
    task_tiles: usize,
}

impl Problem {
    /// None where there is no token.
    fn new(
        precision: Precision,
        hidden: &[f32],
        head: Head,
        targets: &[i32],
        smoothing: f32,
    ) -> Option<Self> {
        let n = targets.len();
        if n == 0 {
            return None;
        }
        let d = hidden.len() / n;
        assert!(d > 0 && hidden.len() == n * d, "cross-entropy: hidden is not [n, d]");
        let vocab_size = head.vocab_size(d);
        let in_vocabulary = targets.iter().all(|&target| (target as i64) < vocab_size as i64);
        assert!(in_vocabulary, "cross-entropy: a target is not below {vocab_size}");
        let tile = tile_rows(precision);
        let mut problem =
            Self { precision, d, vocab_size, smoothing, tokens: 0, tile, task_tiles: 0 };
        let chunks = (KEPT / problem.room().max(1)).clamp(1, TASKS).min(n.div_ceil(TOKENS));
        problem.tokens = chunks * TOKENS;
        problem.task_tiles = vocab_size.div_ceil(tile).div_ceil((TASKS / chunks).max(1)).max(1);
        Some(problem)
    }

    /// Numbers that are kept of [`TOKENS`] tokens.
    fn room(&self) -> usize {
        self.vocab_size.next_multiple_of(Kept::ROWS) * Kept::row_len(self.precision)
    }

    fn blocks<'a>(
        &self,
        hidden: &'a [f32],
        targets: &'a [i32],
    ) -> impl Iterator<Item = Tokens<'a>> {
        Tokens { hidden, targets }.chunks(self.tokens, self.d)
    }

    /// All tiles of a block: for each chunk of its tokens, what each task found, side by side.
    fn read(&self, block: Tokens, head: Head, wanted: Wanted) -> Vec<Read> {
        let chunks: Vec<_> = block.chunks(TOKENS, self.d).collect();
        let hidden: Vec<_> = chunks
            .par_iter()
            .map(|chunk| {
                let hidden = Matrix::new(chunk.hidden, chunk.targets.len(), self.d);
                Operand::new_here(self.precision, hidden.transposed())
            })
            .collect();
        let task_rows = self.task_tiles * self.tile;
        let has_gradient = !matches!(wanted, Wanted::Loss);
        let mut rooms: Vec<Option<&mut [f32]>> = match wanted {
            Wanted::Both(kept) => kept[..chunks.len() * self.room()]
                .chunks_mut(self.room())
                .flat_map(|room| room.chunks_mut(task_rows * Kept::row_len(self.precision)))
                .map(Some)
                .collect(),
            Wanted::Loss | Wanted::Hidden => {
                (0..chunks.len() * self.tasks()).map(|_| None).collect()
            }
        };
        let tasks = rooms.par_iter_mut().enumerate();
        tasks
            .map(|(index, room)| {
                let (chunk, first) = (index / self.tasks(), index % self.tasks() * task_rows);
                let last = (first + task_rows).min(self.vocab_size);
                let (rows, room) = (first..last, room.as_deref_mut());
                self.read_tiles(chunks[chunk], &hidden[chunk], head, rows, has_gradient, room)
            })
            .collect()
    }

    /// Tasks that the tiles of a chunk are divided among.
    fn tasks(&self) -> usize {
        self.vocab_size.div_ceil(self.task_tiles * self.tile)
    }

    /// Loss of a block, and what its gradients need.
    fn loss(&self, block: Tokens, read: &[Read]) -> (CrossEntropy, Softmax) {
        let mut loss = CrossEntropy::default();
        let n = block.targets.len();
        let mut softmax = Softmax { log_sums: vec![None; n], d_targets: vec![0.0; n] };
        let smoothing = f64::from(self.smoothing);
        for (chunk, read) in read.chunks(self.tasks()).enumerate() {
            for &(token, _, logit) in read.iter().flat_map(|read| &read.targets) {
                let log_sum = log_sum(token, read);
                let total: f64 = read.iter().map(|read| read.totals[token]).sum();
                let nats = log_sum - f64::from(logit);
                let even = log_sum - total / self.vocab_size as f64;
                loss.nats += nats;
                // Not 0 * even, which is NaN where a logit is infinite and smoothing off.
                loss.objective += if smoothing == 0.0 {
                    nats
                } else {
                    (1.0 - smoothing) * nats + smoothing * even
                };
                let token = chunk * TOKENS + token;
                softmax.log_sums[token] = Some(log_sum);
                softmax.d_targets[token] = ((-nats).exp_m1() + smoothing) as f32;
            }
        }
        (loss, softmax)
    }

    /// The part of a logit's gradient that smoothing gives each id.
    fn even(&self) -> f32 {
        -self.smoothing / self.vocab_size as f32
    }

    /// Gradients of a block's hidden states.
    fn d_hidden(
        &self,
        block: Tokens,
        head: Head,
        read: &[Read],
        softmax: &Softmax,
        d_hidden: &mut [f32],
    ) {
        let d = self.d;
        let mut head_sum = vec![0.0; d];
        if self.smoothing > 0.0 {
            head.sum(&mut head_sum);
        }
        d_hidden.par_chunks_mut(ROWS * d).enumerate().for_each(|(index, rows)| {
            let mut of_target = vec![0.0; d];
            for (token, row) in rows.chunks_exact_mut(d).enumerate() {
                let token = index * ROWS + token;
                row.fill(0.0);
                let (chunk, place) = (token / TOKENS, token % TOKENS);
                for read in &read[chunk * self.tasks()..][..self.tasks()] {
                    let scale = softmax.scale(token, read.last_references()[place]);
                    vectorized!(add_scaled(row, scale, &read.d_hidden[place * d..][..d]));
                }
                if let Ok(target) = usize::try_from(block.targets[token]) {
                    let target = head.row(target, &mut of_target);
                    vectorized!(add_scaled(row, softmax.d_targets[token], target));
                    vectorized!(add_scaled(row, self.even(), &head_sum));
                }
            }
        });
    }

    /// A block's share of the head's gradient.
    fn d_head(
        &self,
        block: Tokens,
        kept: &[f32],
        read: &[Read],
        softmax: &Softmax,
        d_head: &mut [f32],
        output: Output,
    ) {
        let d = self.d;
        let chunks: Vec<_> = block.chunks(TOKENS, d).collect();
        let scaled: Vec<Vec<Scratch>> = read
            .par_iter()
            .enumerate()
            .map(|(index, read)| {
                let chunk = index / self.tasks();
                let scaled = |(_, references): &(usize, Vec<f32>)| {
                    let mut scaled = Scratch::new(chunks[chunk].hidden.len());
                    let rows = chunks[chunk].hidden.chunks_exact(d).zip(scaled.chunks_exact_mut(d));
                    for (place, (row, scaled)) in rows.enumerate() {
                        let scale = softmax.scale(chunk * TOKENS + place, references[place]);
                        vectorized!(scale_row(row, scale, scaled));
                    }
                    scaled
                };
                read.references.iter().map(scaled).collect()
            })
            .collect();
        let operands: Vec<Vec<Operand>> = scaled
            .par_iter()
            .map(|versions| {
                let rows = |hidden: &Scratch| hidden.len() / d;
                versions
                    .iter()
                    .map(|hidden| {
                        Operand::new_here(self.precision, Matrix::new(hidden, rows(hidden), d))
                    })
                    .collect()
            })
            .collect();
        let hidden_sum = self.sum_of_counting(block);
        d_head.par_chunks_mut(self.tile * d).enumerate().for_each(|(tile, d_head)| {
            let (task, place) = (tile / self.task_tiles, tile % self.task_tiles);
            let (rows, mut output) = (d_head.len() / d, output);
            for (chunk, tokens) in chunks.iter().enumerate() {
                let index = chunk * self.tasks() + task;
                let version =
                    read[index].references.partition_point(|(first, _)| *first <= place) - 1;
                let kept =
                    &kept[chunk * self.room() + tile * self.tile * Kept::row_len(self.precision)..];
                let kept = Kept::new(self.precision, kept, rows, tokens.targets.len());
                product_of_kept_here(kept, &operands[index][version], d_head, output);
                output = Output::Add;
                let own = tile * self.tile..tile * self.tile + rows;
                for (token, id, _) in
                    read[index].targets.iter().filter(|(_, id, _)| own.contains(id))
                {
                    let row = &mut d_head[(id - own.start) * d..][..d];
                    let d_target = softmax.d_targets[chunk * TOKENS + token];
                    vectorized!(add_scaled(row, d_target, &tokens.hidden[token * d..][..d]));
                }
            }
            if self.smoothing > 0.0 {
                d_head
                    .chunks_exact_mut(d)
                    .for_each(|row| vectorized!(add_scaled(row, self.even(), &hidden_sum)));
            }
        });
    }

    /// The sum of the hidden states of the tokens that count, where smoothing asks for it.
    fn sum_of_counting(&self, block: Tokens) -> Vec<f32> {
        let mut sum = vec![0.0; self.d];
        if self.smoothing > 0.0 {
            let rows = block.hidden.chunks_exact(self.d).zip(block.targets);
            rows.filter(|(_, target)| **target >= 0)
                .for_each(|(row, _)| vectorized!(add(&mut sum, row)));
        }
        sum
    }
}

#[inline(always)]
fn scale_row(x: &[f32], scale: f32, scaled: &mut [f32]) {
    x.iter().zip(scaled).for_each(|(x, scaled)| *scaled = x * scale);
}

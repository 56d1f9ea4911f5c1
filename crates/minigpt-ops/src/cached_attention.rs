//! Attention of some positions to those before them, whose keys and values are kept.
//!
//! Positions before are read in blocks of fixed size. A block is read once for some queries of all heads that share its
//! keys, and gives a softmax without its division ([`Partial`]); those of all blocks are joined from the first to the
//! last ([Dao et al., 2022](https://arxiv.org/abs/2205.14135)). So the bits do not depend on which threads read which
//! blocks, nor on which queries are read together.

mod body;
mod key_values;
mod partial;
#[cfg(test)]
mod tests;
mod widen;

use rayon::prelude::*;

use self::body::Body;
pub use self::key_values::{CacheType, KeyValues};
use self::partial::{BLOCK, Block, Partial, Query};
use crate::matrix::MatrixMut;

/// New positions of a text that one task reads keys and values for.
const ROWS: usize = 16;

/// Products below which a task of its own costs more than it gains.
const SMALL: usize = 1 << 14;

/// Tasks for each thread from which on their blocks need not be divided.
const TASKS: usize = 4;

/// The instructions that kept keys and values are read with here.
pub(crate) fn instructions() -> &'static str {
    match Body::best() {
        Body::Portable => crate::simd::instructions(),
        #[cfg(target_arch = "x86_64")]
        Body::Avx2 => "AVX2",
        #[cfg(target_arch = "x86_64")]
        Body::Avx512 => "AVX-512",
    }
}

/// The heads of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Heads of queries.
    pub n_head: usize,
    /// Heads of keys and values, a divisor of `n_head`.
    pub n_kv_head: usize,
    /// Width of a head.
    pub head_size: usize,
    /// What scores are multiplied by: `1 / √head_size` in most models.
    pub scale: f32,
}

/// The last positions of a text, whose queries attend to themselves and to those before.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Keys and values of all positions, these among them.
    pub cache: &'a KeyValues,
    /// How many they are.
    pub rows: usize,
}

/// `softmax(scale · q · Kᵀ) · V` of each position's heads ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)),
/// each head of keys and values for `n_head / n_kv_head` heads of queries ([Ainslie et al.,
/// 2023](https://arxiv.org/abs/2305.13245)): `q` and `y` `[rows of all texts, n_head * head_size]`.
///
/// A position gives the same bits among others and alone.
///
/// # Panics
///
/// If the lengths do not fit together, a cache has other heads, or fewer positions than are asked for.
pub fn cached_attention(heads: Heads, q: &[f32], texts: &[Reading], y: &mut [f32]) {
    attend(Body::best(), heads, q, texts, y);
}

fn attend(body: Body, heads: Heads, q: &[f32], texts: &[Reading], y: &mut [f32]) {
    let Heads { n_head, n_kv_head, head_size, .. } = heads;
    let width = n_head * head_size;
    assert!(width > 0 && n_kv_head > 0, "cached_attention: heads are empty");
    assert!(n_head.is_multiple_of(n_kv_head), "cached_attention: heads in uneven groups");
    for Reading { cache, rows } in texts {
        let is_ours = cache.has_shape(n_kv_head, head_size) && *rows <= cache.len();
        assert!(is_ours, "cached_attention: a cache of other heads, or of fewer positions");
    }
    let rows: usize = texts.iter().map(|text| text.rows).sum();
    assert_eq!(q.len(), rows * width, "cached_attention: q is not [rows, heads]");
    assert_eq!(y.len(), q.len(), "cached_attention: q and y have one length");
    let tasks = tasks(heads, q, texts, y);
    let most = tasks.iter().map(|task| task.products(heads)).max().unwrap_or(1);
    let is_divided = tasks.len() < TASKS * rayon::current_num_threads();
    let tasks = tasks.into_par_iter().with_min_len((SMALL / most.max(1)).max(1));
    tasks.for_each(|task| task.run(body, heads, is_divided));
}

/// Some positions of a text, with the heads that share keys and values.
struct Task<'a> {
    cache: &'a KeyValues,
    kv_head: usize,
    /// `[rows, n_head * head_size]`.
    q: &'a [f32],
    /// Positions that the first row attends to.
    seen: usize,
    /// `[rows, n_head / n_kv_head * head_size]`.
    y: MatrixMut<'a>,
}

fn tasks<'a>(
    heads: Heads,
    mut q: &'a [f32],
    texts: &[Reading<'a>],
    mut y: &'a mut [f32],
) -> Vec<Task<'a>> {
    let width = heads.n_head * heads.head_size;
    let mut tasks = Vec::new();
    for &Reading { cache, rows } in texts {
        for first in (0..rows).step_by(ROWS) {
            let length = ROWS.min(rows - first) * width;
            let (own, others) = std::mem::take(&mut y).split_at_mut(length);
            let own_q;
            (y, (own_q, q)) = (others, q.split_at(length));
            let columns = MatrixMut::split_columns(own, width, width / heads.n_kv_head);
            tasks.extend(columns.enumerate().map(|(kv_head, y)| Task {
                cache,
                kv_head,
                q: own_q,
                seen: cache.len() - rows + first + 1,
                y,
            }));
        }
    }
    tasks
}

impl Task<'_> {
    /// Products of all scores, about.
    fn products(&self, heads: Heads) -> usize {
        self.q.len() / heads.n_kv_head * self.seen
    }

    fn run(mut self, body: Body, heads: Heads, is_divided: bool) {
        let Heads { n_head, n_kv_head, head_size, scale } = heads;
        let (cache, head, seen) = (self.cache, self.kv_head, self.seen);
        let group = n_head / n_kv_head;
        let rows = self.q.chunks_exact(n_head * head_size).enumerate();
        let queries = rows.flat_map(|(row, q)| {
            let own = &q[head * group * head_size..][..group * head_size];
            own.chunks_exact(head_size).map(move |q| Query { q, seen: seen + row })
        });
        let queries: Vec<Query> = queries.collect();
        let partial = |index: usize| {
            let block = Block { cache, head, start: index * BLOCK };
            body.run(&block, &queries, scale)
        };
        let most = queries.iter().map(|query| query.seen).max().unwrap_or(0);
        let blocks = 0..most.div_ceil(BLOCK);
        let joined = match is_divided && blocks.len() > 1 {
            true => {
                let partials: Vec<Partial> = blocks.into_par_iter().map(partial).collect();
                partials.into_iter().reduce(Partial::joined)
            }
            false => blocks.map(partial).reduce(Partial::joined),
        };
        let joined = joined.expect("a position attends to itself");
        for (index, mixed) in joined.outputs().enumerate() {
            let y = &mut self.y.row_mut(index / group)[index % group * head_size..][..head_size];
            y.iter_mut().zip(mixed).for_each(|(y, mixed)| *y = mixed);
        }
    }
}

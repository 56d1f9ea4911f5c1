//! The gradient of an embedding.

use rayon::prelude::*;

use crate::simd::{add, vectorized};

/// Ranges of the vocabulary that tasks own. Each looks through all ids, so there are not many.
const RANGES: usize = 64;

/// Adds each row of `dy` `[n, d]` to the row of `d_table` `[vocab_size, d]` that its id names. `ids` is
/// `[n]`.
///
/// Every row of the table belongs to one task, which takes the ids in their order: no races, and the
/// same sums for any number of threads.
///
/// # Panics
///
/// If the lengths do not fit together or an id is not in the vocabulary.
pub fn embedding_backward(ids: &[i32], dy: &[f32], d_table: &mut [f32]) {
    if ids.is_empty() {
        return;
    }
    let d = dy.len() / ids.len();
    assert!(d > 0, "embedding_backward: rows are empty");
    assert_eq!(dy.len(), ids.len() * d, "embedding_backward: dy is not [n, d]");
    assert_eq!(d_table.len() % d, 0, "embedding_backward: the table is not whole rows of {d}");
    let vocab_size = d_table.len() / d;
    let known = |&id: &i32| usize::try_from(id).is_ok_and(|id| id < vocab_size);
    assert!(ids.iter().all(known), "embedding_backward: an id is not in 0..{vocab_size}");
    let rows = vocab_size.div_ceil(RANGES);
    d_table.par_chunks_mut(rows * d).enumerate().for_each(|(range, table)| {
        let first = range * rows;
        let own = first..first + table.len() / d;
        for (&id, dy) in ids.iter().zip(dy.chunks_exact(d)) {
            if own.contains(&(id as usize)) {
                let row = &mut table[(id as usize - first) * d..][..d];
                vectorized!(add(row, dy));
            }
        }
    });
}

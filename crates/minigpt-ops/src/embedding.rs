//! The gradient of an embedding.

use rayon::prelude::*;

use crate::simd::{add, vectorized};

/// Ranges of the vocabulary that tasks own. Each looks through all ids, so there are not many.
const RANGES: usize = 64;

/// Adds each row of `dy` `[n, d]` to the row of `d_table` `[vocab_size, d]` that its id names. `ids` is
/// `[n]`.
///
/// Every row of the table belongs to one task, which takes the ids in their order: no races, and the
/// same sums for any number of threads. What one id gets is summed before it is added, so that a table that holds
/// a gradient already ends as if one of zeros had been added to it, to the bit.
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
        let places = ids.iter().enumerate().filter(|(_, id)| own.contains(&(**id as usize)));
        let mut places: Vec<(i32, usize)> = places.map(|(place, id)| (*id, place)).collect();
        places.sort_unstable();
        let mut sum = vec![0.0; d];
        for of_id in places.chunk_by(|one, other| one.0 == other.0) {
            sum.fill(0.0);
            for &(_, place) in of_id {
                vectorized!(add(&mut sum, &dy[place * d..][..d]));
            }
            let row = &mut table[(of_id[0].0 as usize - first) * d..][..d];
            vectorized!(add(row, &sum));
        }
    });
}

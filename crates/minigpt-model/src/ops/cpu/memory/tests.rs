use super::*;

#[test]
fn a_tensors_memory_serves_the_next_one_of_its_size() {
    // A size that no other test has.
    let len = SMALLEST + 7;
    let mut values = buffer(len);
    values.fill(3.0);
    let place = values.as_ptr();
    let first = bytes(values);
    assert_eq!(first[..4], 3.0_f32.to_ne_bytes());
    assert_eq!(first.len(), 4 * len);
    drop(first);
    let again = buffer(len);
    assert_eq!((again.as_ptr(), again[len - 1]), (place, 3.0));
}

/// A pool that lends a piece of `len`.
fn lent(kept: &mut Kept, len: usize) -> Vec<f32> {
    let piece = kept.take(len).unwrap_or_else(|| vec![0.0; len]);
    kept.lend(len);
    piece
}

fn free(kept: &Kept) -> Vec<usize> {
    kept.by_len.values().flat_map(|free| &free.pieces).map(Vec::len).collect()
}

#[test]
fn what_was_not_used_for_longest_is_replaced_by_new_memory() {
    let mut kept = Kept::new();
    let pieces = [50, 90, 90].map(|len| lent(&mut kept, len));
    pieces.into_iter().for_each(|piece| kept.give_back(piece));
    assert_eq!((kept.lent, kept.free, kept.most), (0, 230, 230));
    // An eighth of 230 is free to hold more.
    drop(lent(&mut kept, 28));
    assert_eq!(free(&kept), [50, 90, 90]);
    drop(lent(&mut kept, 50));
    assert_eq!(free(&kept), [90, 90]);
    drop(lent(&mut kept, 10));
    assert_eq!(free(&kept), [90]);
}

#[test]
fn a_step_that_is_repeated_asks_for_no_new_memory() {
    let mut kept = Kept::new();
    let mut step = || {
        // Forward, results of 10 and of 40 are kept; backward, two more of 40 at a time, and they are given back.
        let mut missed = 0;
        let mut take = |kept: &mut Kept, len| {
            let before = kept.free;
            let piece = lent(kept, len);
            missed += usize::from(kept.free + len != before);
            piece
        };
        let mut saved: Vec<_> =
            [10, 40, 10, 40, 10, 40, 10, 40].map(|len| take(&mut kept, len)).into();
        while let Some(large) = saved.pop() {
            let two = [take(&mut kept, 40), take(&mut kept, 40)];
            kept.give_back(large);
            two.into_iter().for_each(|piece| kept.give_back(piece));
            if let Some(small) = saved.pop() {
                kept.give_back(small);
            }
        }
        missed
    };
    assert_eq!(step(), 10);
    assert_eq!((step(), step()), (0, 0));
}

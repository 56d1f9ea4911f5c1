use super::Unigrams;
use crate::TokenSplit;

fn unigrams(ids: &[u32], vocab_size: usize) -> Unigrams {
    Unigrams::count(&TokenSplit::from_ids(ids.to_vec(), 0, 0, 0), vocab_size)
}

#[test]
fn even_frequencies_are_as_perplexing_as_there_are_ids() {
    let even = unigrams(&[0, 1, 2, 3, 3, 2, 1, 0], 4);
    assert!((even.perplexity_of(&even) - 4.0).abs() < 1e-12);
    assert_eq!((even.used(), even.counts.as_slice()), (4, [2, 2, 2, 2].as_slice()));
}

#[test]
fn an_id_that_never_occurred_is_improbable_and_not_impossible() {
    let (seen, new) = (unigrams(&[0, 0, 0, 0, 0, 0], 2), unigrams(&[1], 2));
    assert_eq!(seen.used(), 1);
    // (0 + 1) / (6 + 2)
    assert!((seen.perplexity_of(&new) - 8.0).abs() < 1e-12);
}

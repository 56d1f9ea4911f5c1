#![allow(clippy::unwrap_used)]

use super::TokenSplit;
use crate::Tokenizer;
use proptest::prelude::*;

/// A stream in which each token is its own position.
fn positions(len: u32) -> TokenSplit {
    TokenSplit::from_ids((0..len).collect(), 0, 0, 0)
}

proptest! {
    #[test]
    fn every_token_is_predicted_exactly_once(
        len in 2_u32..500,
        (block_size, stride) in (1_usize..60).prop_flat_map(|size| (Just(size), 1..=size)),
    ) {
        prop_assume!(block_size < len as usize);
        let windows = positions(len).sliding_windows(block_size, stride).unwrap();
        let mut predicted: Vec<u32> = Vec::new();
        for (index, window) in windows.iter().enumerate() {
            prop_assert_eq!(window.inputs.len(), block_size);
            let most_fresh = if index == 0 { block_size } else { stride };
            prop_assert!(window.fresh <= most_fresh);
            prop_assert!(window.inputs.iter().zip(&window.targets).all(|(i, t)| i + 1 == *t));
            predicted.extend(&window.targets[block_size - window.fresh..]);
        }
        prop_assert_eq!(predicted.len(), windows.predicted_tokens());
        prop_assert_eq!(predicted, (1..len).collect::<Vec<_>>());
    }
}

#[test]
fn end_of_text_stands_before_every_document_and_at_the_end() {
    let tokenizer = Tokenizer::train_bpe(std::iter::empty(), 257).unwrap();
    let documents = ["é\n".to_owned(), "to  be".to_owned()];
    let split = TokenSplit::from_documents(&tokenizer, &documents, &mut |_| {}).unwrap();
    let end = tokenizer.separator();
    let ids = split.ids(0..split.len());
    let ends: Vec<usize> = (0..split.len()).filter(|&i| ids[i] == end).collect();
    assert_eq!((end, ends, split.len()), (256, vec![0, 4, 11], 12));
    assert_eq!((split.bytes, split.words, split.characters), (9, 3, 8));
}

#[test]
fn windows_that_do_not_slide_do_not_overlap() {
    let windows = positions(9).windows(4).unwrap();
    let starts: Vec<u32> = windows.iter().map(|window| window.inputs[0]).collect();
    assert_eq!(starts, [0, 4]);
    let sliding = positions(10).sliding_windows(4, 2).unwrap();
    let starts: Vec<_> = sliding.iter().map(|window| (window.inputs[0], window.fresh)).collect();
    assert_eq!(starts, [(0, 4), (2, 2), (4, 2), (5, 1)]);
    let error = positions(9).sliding_windows(4, 5).unwrap_err().to_string();
    assert_eq!(error, "stride 5 is out of range: expected 1 to the context of 4");
}

#[test]
fn too_short_is_an_error() {
    let message = |block_size| positions(4).windows(block_size).unwrap_err().to_string();
    assert_eq!(
        message(4),
        "too little text: 4 tokens, but one window of 4 tokens needs 5; \
         give more text or a shorter context"
    );
    assert_eq!(message(0), "block size 0 is too small: expected at least 1 token per window");
    assert_eq!(positions(4).windows(3).unwrap().len(), 1);
}

#![allow(clippy::unwrap_used)]

use super::CountedTokens;
use crate::{Detokenizer, TextCounts, TokenSplit, Tokenizer};

#[test]
fn the_stream_is_that_of_training() {
    let tokenizer = Tokenizer::gpt2().unwrap();
    let documents = ["It was é.\n".to_owned(), String::new(), "to  be 🎭".to_owned()];
    let text = CountedTokens::new(&tokenizer, &documents, None, &mut |_| {}).unwrap();
    let split = TokenSplit::from_documents(&tokenizer, &documents, &mut |_| {}).unwrap();
    assert_eq!(text.split().ids(0..text.split().len()), split.ids(0..split.len()));
    assert_eq!(
        text.total(),
        TextCounts { bytes: split.bytes, words: split.words, characters: split.characters }
    );
    let ends = text.document_ends();
    assert_eq!((ends.len(), ends[2]), (3, text.counts().len()));
    assert_eq!(ends[1], ends[0] + 1, "an empty document is an end of text alone");
    let first: TextCounts = text.counts()[..ends[0]].iter().copied().sum();
    assert_eq!(first, TextCounts::of(&documents[0]));
}

#[test]
fn a_detokenized_text_counts_as_it_was() {
    let tokenizer = Tokenizer::gpt2().unwrap();
    let documents = [" A well @-@ known page ( of 1 @,@ 000 ) . \n".to_owned()];
    let detokenizer = Some(Detokenizer::WikiText);
    let text = CountedTokens::new(&tokenizer, &documents, detokenizer, &mut |_| {}).unwrap();
    assert_eq!(text.total(), TextCounts::of(&documents[0]));
    let ids = text.split().ids(1..text.split().len() - 1);
    assert_eq!(tokenizer.decode(&ids).unwrap(), " A well-known page (of 1,000).\n");
}

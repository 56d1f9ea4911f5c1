#![allow(clippy::unwrap_used)]

use super::{TextCounts, counts_of_tokens, stretched};
use crate::Tokenizer;
use proptest::prelude::*;
use std::sync::LazyLock;

static GPT2: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::gpt2().unwrap());

proptest! {
    #[test]
    fn the_tokens_of_a_text_add_up_to_it(text in "([a-z]{0,6}|[ \n\t\u{3000}]{1,2}|[é🎭中.,]){0,30}") {
        for tokenizer in [&*GPT2, &Tokenizer::bytes().unwrap()] {
            let ids = tokenizer.encode(&text).unwrap();
            let counts = counts_of_tokens(tokenizer, &ids).unwrap();
            prop_assert_eq!(counts.len(), ids.len());
            prop_assert_eq!(counts.into_iter().sum::<TextCounts>(), TextCounts::of(&text));
        }
    }

    #[test]
    fn stretching_loses_nothing(
        tokens in prop::collection::vec((1_u64..9, 0_u64..3), 1..40),
        bytes in 1_u64..500,
    ) {
        let counts = |&(bytes, words): &(u64, u64)| TextCounts { bytes, words, characters: bytes };
        let tokens: Vec<_> = tokens.iter().map(counts).collect();
        let has_words = u64::from(tokens.iter().any(|token| token.words > 0));
        let original = TextCounts { bytes, words: has_words * bytes, characters: bytes };
        let total: TextCounts = stretched(&tokens, original).into_iter().sum();
        prop_assert_eq!(total, original);
    }
}

#[test]
fn a_word_belongs_to_the_token_that_begins_it() {
    let ids = GPT2.encode("unbelievably 🎭 so").unwrap();
    let counts = counts_of_tokens(&GPT2, &ids).unwrap();
    let words: Vec<u64> = counts.iter().map(|token| token.words).collect();
    assert_eq!(words.iter().sum::<u64>(), 3);
    assert_eq!((words[0], *words.last().unwrap()), (1, 1));
    // The emoji's bytes are in several tokens, the character in the last of them.
    assert_eq!(counts.iter().map(|token| token.characters).sum::<u64>(), 17);
}

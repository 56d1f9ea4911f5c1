#![allow(clippy::unwrap_used)]

use super::TextStream;
use crate::Tokenizer;
use proptest::prelude::*;
use std::sync::LazyLock;

static GPT2: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::gpt2().unwrap());

#[test]
fn holds_back_half_a_character() {
    let ids = GPT2.encode("a🎭").unwrap();
    let mut stream = TextStream::new(&GPT2);
    let pushed: Vec<_> = ids.iter().map(|&id| stream.push(id).unwrap()).collect();
    assert_eq!(pushed.first(), Some(&Some("a".to_owned())));
    assert_eq!(pushed.last(), Some(&Some("🎭".to_owned())));
    assert!(pushed[1..pushed.len() - 1].iter().all(Option::is_none) && pushed.len() > 2);

    let mut cut_short = TextStream::new(&GPT2);
    cut_short.push(ids[1]).unwrap();
    assert_eq!(cut_short.finish(), "\u{fffd}");
}

proptest! {
    #[test]
    fn equals_decode(
        // Ids below 256 are single bytes, most of them no valid UTF-8.
        ids in prop::collection::vec(prop_oneof![0_u32..256, 0_u32..50_257], 0..40)
    ) {
        let mut stream = TextStream::new(&GPT2);
        let mut text = String::new();
        for &id in &ids {
            text.extend(stream.push(id).unwrap());
        }
        text += &stream.finish();
        prop_assert_eq!(text, GPT2.decode(&ids).unwrap());
    }

    #[test]
    fn never_emits_half_a_character(text in "[^\u{fffd}]{0,40}") {
        let mut stream = TextStream::new(&GPT2);
        for id in GPT2.encode(&text).unwrap() {
            let piece = stream.push(id).unwrap().unwrap_or_default();
            prop_assert!(!piece.contains(char::REPLACEMENT_CHARACTER));
        }
        prop_assert_eq!(stream.finish(), "");
    }
}

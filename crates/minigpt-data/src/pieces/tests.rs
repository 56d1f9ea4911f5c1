#![allow(clippy::unwrap_used)]

use super::{Cuts, LONGEST, last_cut, within};
use crate::Tokenizer;
use proptest::prelude::*;
use std::sync::LazyLock;

static GPT2: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::gpt2().unwrap());

proptest! {
    #[test]
    fn pieces_join_to_the_text_and_to_its_ids(
        text in "([ \n\t'a-e1.é語🎭\u{85}\u{a0}\u{3000}\u{1c}\u{180e}]|'s|\\PC){0,60}",
        at_least in 0_usize..12,
    ) {
        let cut: Vec<&str> = Cuts::SpacesAndLines.pieces(&text, at_least).collect();
        prop_assert_eq!(cut.concat(), text.as_str());
        let ids: Vec<u32> = cut.iter().flat_map(|piece| GPT2.encode(piece).unwrap()).collect();
        prop_assert_eq!(ids, GPT2.encode(&text).unwrap());
    }
}

#[test]
fn the_last_cut_is_before_white_space_after_ink() {
    let text = "one  two \u{1} é x";
    assert_eq!(last_cut(text, 0..text.len()), Some(13));
    assert_eq!(last_cut(text, 0..13), Some(8));
    assert_eq!(last_cut(text, 4..8), None);
    assert_eq!(last_cut("one two\nthree", 0..13), Some(3));
    assert_eq!(last_cut("one\ntwo", 0..7), Some(3));
}

#[test]
fn stretches_without_white_space_are_cut_in_the_end() {
    for letter in ["x", "é", "語", " ", "\n"] {
        let text = format!("one{}", letter.repeat(3 * LONGEST));
        let cut: Vec<&str> = Cuts::SpacesAndLines.pieces(&text, 1024).collect();
        assert_eq!(cut.concat(), text);
        assert!(cut.iter().all(|piece| piece.len() <= LONGEST + 1024 + 4));
    }
    let text = "one two éééé ééé three   \n";
    let cut: Vec<&str> = within(text, 7).collect();
    assert_eq!(cut, ["one two ééé", "é ééé three   \n"]);
    assert_eq!(within("one two", 4).collect::<Vec<_>>(), ["one two"]);
    assert_eq!(within("é", 1).collect::<Vec<_>>(), ["é"]);
}

#[test]
fn cuts_where_words_end() {
    let pieces = |cuts: Cuts| cuts.pieces("one two  three\nfour", 2).collect::<Vec<&str>>();
    assert_eq!(pieces(Cuts::SpacesAndLines), ["one", " two", "  three", "\nfour"]);
    assert_eq!(pieces(Cuts::Spaces), ["one", " two", "  three\nfour"]);
    assert_eq!(pieces(Cuts::Nowhere), ["one two  three\nfour"]);
    assert!(Cuts::Spaces.are_in("a b") && !Cuts::Spaces.are_in(" a\nb"));
}

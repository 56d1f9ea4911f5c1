//! GPT-2's ids, compared with those of tiktoken's port to Rust.
//!
//! A package of its own: tiktoken-rs changes features that burn depends on, and as a dev-dependency
//! it would have the whole workspace built twice. `cargo xtask test` runs it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::sync::LazyLock;

use minigpt_data::{Corpus, END_OF_TEXT, Tokenizer};
use proptest::prelude::*;

static TIKTOKEN: LazyLock<tiktoken_rs::CoreBPE> =
    LazyLock::new(|| tiktoken_rs::r50k_base().unwrap());

static GPT2: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::gpt2().unwrap());

#[track_caller]
fn equals_tiktoken(text: &str) {
    let (ours, theirs) = (GPT2.encode(text).unwrap(), TIKTOKEN.encode_ordinary(text));
    let differs = ours.iter().zip(&theirs).position(|(a, b)| a != b);
    let length = text.len();
    assert!(ours == theirs, "{length} bytes of text differ at token {differs:?}");
    assert_eq!(GPT2.decode(&ours).unwrap(), text);
}

/// The held-out novel and, where `MINIGPT_PARITY_TEXTS` names files (WikiText-2's, say), all of
/// these.
#[test]
fn whole_texts_have_the_ids_of_tiktoken_rs() {
    for text in Corpus::embedded().unwrap().valid {
        equals_tiktoken(&text);
    }
    let Some(paths) = std::env::var_os("MINIGPT_PARITY_TEXTS") else { return };
    for path in std::env::split_paths(&paths) {
        equals_tiktoken(&fs_err::read_to_string(path).unwrap());
    }
}

#[test]
fn adversarial_unicode_has_the_ids_of_tiktoken_rs() {
    let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{1F3FD}";
    for text in [
        family,
        "\u{1F1EB}\u{1F1F7}\u{1F1E9}\u{1F1EA}",
        "e\u{301}\u{323}\u{308} Z\u{351}\u{36B}\u{343}algo",
        "a\rb\r\rc\r\n\u{B}\u{C}\u{85}\u{2028}d",
        "nul\0\0 nul",
        "\u{202E}שלום\u{202C} مرحبا بالعالم",
        "\u{FEFF}\u{FFFD}\u{10FFFF}\u{E000}",
        "don't I'LL we'Ve 's 'S ’s",
        "   three  two one\t\ttabs\n\n\n  lines   ",
        "3.14159e-10 １２３ ⅷ ٣",
        END_OF_TEXT,
    ] {
        equals_tiktoken(text);
    }
    equals_tiktoken(&"long".repeat(2_500));
    equals_tiktoken(&"語".repeat(5_000));
    equals_tiktoken(&family.repeat(500));
    equals_tiktoken(&" ".repeat(5_000));
}

proptest! {
    #[test]
    fn any_text_has_the_ids_of_tiktoken_rs(text in "(\\PC|\\s|[\0-\u{ff}]){0,80}") {
        prop_assert_eq!(GPT2.encode(&text).unwrap(), TIKTOKEN.encode_ordinary(&text));
    }
}

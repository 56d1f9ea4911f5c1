#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn long_words_are_cut_and_only_some_of_them_count() {
    let mut words = Words::new();
    assert_eq!(words.of("one two"), ["one two"]);
    assert_eq!(words.of(&"x".repeat(600)).iter().map(|part| part.len()).max(), Some(256));
    words.long = LONG_WORDS_BYTES;
    assert_eq!(words.of(&"x".repeat(600)), Vec::<&str>::new());
    assert_eq!(words.of("one two"), ["one two"]);
}

/// Text without white space, as DNA, took minutes: the time grew with the square of its length.
#[test]
fn a_text_without_words_trains_in_time() {
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b"ACGT"[(state >> 24) as usize % 4])
    };
    let dna: String = (0..1_000_000).map(|_| letter()).collect();
    let started = std::time::Instant::now();
    let tokenizer = Tokenizer::train_bpe([dna.as_str()].into_iter(), 300).unwrap();
    assert_eq!(tokenizer.vocab_size(), 300);
    // Uncut, it took a minute and a half.
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    assert_eq!(tokenizer.decode(&tokenizer.encode(&dna).unwrap()).unwrap(), dna);
}

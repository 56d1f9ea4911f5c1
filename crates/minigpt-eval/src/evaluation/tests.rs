use super::*;

fn of(text: &str, nats_per_character: f64) -> Evaluation {
    let counts = TextCounts::of(text);
    let nats = nats_per_character * counts.characters as f64;
    Evaluation::new(nats, counts.characters as usize, counts)
}

#[test]
fn a_text_without_spaces_has_no_word_perplexity_and_all_other_figures() {
    let spaced = of("two words and five more of them", LN_2);
    // 31 characters of a bit each in 7 words.
    let expected = 2_f64.powf(31.0 / 7.0);
    assert!((spaced.word_perplexity().unwrap() / expected - 1.0).abs() < 1e-12);

    let line = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少".repeat(30) + "\n";
    for text in [&line, &line.repeat(9), &"ACGT".repeat(500), &" ".repeat(9)] {
        let evaluation = of(text, LN_2);
        assert_eq!(evaluation.word_perplexity(), None, "{text}");
        assert!((evaluation.bits_per_character() - 1.0).abs() < 1e-12);
        let bytes = text.len() as f64 / text.chars().count() as f64;
        assert!((evaluation.bits_per_byte() * bytes - 1.0).abs() < 1e-12);
        assert!((evaluation.token_perplexity() - 2.0).abs() < 1e-12);
    }
}

use proptest::prelude::*;

use super::passages;
use crate::words::words;

#[test]
fn a_passage_ends_where_a_paragraph_does() {
    let text = "a b c\nd e\n\nf g h\n\ni j k l m\n";
    let found = passages("x", text, 8);
    let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
    assert_eq!(texts, ["a b c\nd e", "f g h\n\ni j k l m"]);
    assert_eq!((found[1].first_line, found[1].last_line), (4, 6));
}

#[test]
fn documents_share_no_passage() {
    let found = passages("x", "a b\n<|endoftext|>\nc d\n", 8);
    assert_eq!(found.len(), 2);
    assert_eq!((found[1].first_line, found[1].text.as_str()), (3, "c d"));
}

#[test]
fn a_text_without_spaces_is_cut_at_its_sentences() {
    let found = passages("x", "猫がいる。犬もいる。", 8);
    let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
    assert_eq!(texts, ["猫がいる。犬もいる。"]);
    let found = passages("x", "猫がいる。犬もいる。鳥もいる。", 8);
    let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
    assert_eq!(texts, ["猫がいる。犬もいる。", "鳥もいる。"]);
}

#[test]
fn a_long_line_is_cut_between_words() {
    let line: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let found = passages("x", &format!("first\n{}", line.join(" ")), 8);
    assert_eq!(found.len(), 4);
    assert_eq!(found[1].text, "0 1 2 3 4 5 6 7");
    assert!(found[1..].iter().all(|part| (part.first_line, part.last_line) == (2, 2)));
}

proptest! {
    #[test]
    fn every_word_is_in_one_passage_that_says_its_lines(
        text in "([a-cé語]{1,3}|[ \n\t]|\r\n){0,80}",
        most in 1_usize..12,
    ) {
        let found = passages("x", &text, most);
        fn all(text: &str) -> impl Iterator<Item = &str> {
            words(text).map(move |range| &text[range])
        }
        let of_passages: Vec<&str> =
            found.iter().flat_map(|passage| all(&passage.text)).collect();
        prop_assert_eq!(of_passages, all(&text).collect::<Vec<_>>());
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for passage in &found {
            prop_assert!(words(&passage.text).count() <= most);
            let of_lines = lines[passage.first_line - 1..passage.last_line].concat();
            prop_assert!(of_lines.contains(&passage.text));
            // No line more than needed.
            prop_assert!(of_lines.trim_end().lines().count() == passage.text.lines().count());
        }
    }
}

#![allow(clippy::unwrap_used)]

use super::StopStrings;
use proptest::prelude::*;

fn shown(stops: &[&str], pieces: &[&str]) -> (String, bool) {
    let mut filter = StopStrings::new(stops.iter().map(|stop| (*stop).to_owned()).collect());
    let mut all = String::new();
    for piece in pieces {
        let (text, ends) = filter.push(piece);
        all += &text;
        if ends.is_some() {
            return (all, true);
        }
    }
    (all + &filter.finish(), false)
}

#[test]
fn a_stop_string_is_found_across_pieces() {
    assert_eq!(shown(&["\nQ:"], &["an answer", ".\n", "Q", ": more"]), ("an answer.".into(), true));
    assert_eq!(shown(&["aab"], &["a", "a", "a", "b", "c"]), ("a".into(), true));
    assert_eq!(shown(&["xyz", "y"], &["wxy"]), ("wx".into(), true));
}

#[test]
fn what_only_began_like_a_stop_string_is_shown() {
    assert_eq!(shown(&["\nQ:"], &["a\n", "Quite"]), ("a\nQuite".into(), false));
    assert_eq!(shown(&["end", ""], &["the e", "n"]), ("the en".into(), false));
    assert_eq!(shown(&[], &["all"]), ("all".into(), false));
}

proptest! {
    #[test]
    fn pieces_do_not_matter(text in "[ab\u{e9}]{0,30}", stop in "[ab\u{e9}]{1,3}", size in 1usize..5) {
        let chars: Vec<char> = text.chars().collect();
        let pieces: Vec<String> = chars.chunks(size).map(|chunk| chunk.iter().collect()).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let expected = match text.find(&stop) {
            Some(end) => (text[..end].to_owned(), true),
            None => (text.clone(), false),
        };
        prop_assert_eq!(shown(&[&stop], &pieces), expected);
    }
}

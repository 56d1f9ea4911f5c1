use super::*;

/// A byte comes, and so much text is certain with it.
fn pushed(held: &mut HeldBack, byte: u8, text: &str) -> Vec<usize> {
    let token = TextToken { id: byte.into(), text: text.to_owned(), log_probability: Some(-1.0) };
    offsets(&held.push(&Tokenizer::bytes().unwrap(), &token, Vec::new()))
}

fn offsets(chosen: &[Chosen]) -> Vec<usize> {
    chosen.iter().map(|chosen| chosen.offset).collect()
}

#[test]
fn the_bytes_of_a_character_begin_where_it_does() {
    let mut characters = Characters::default();
    let begin: Vec<usize> =
        [&b"a"[..], b"\xf0", b"\x9f\x98", b"\x80 b", b"\xff", b"\xc3", b"c", b"d"]
            .into_iter()
            .map(|bytes| characters.push_bytes(bytes))
            .collect();
    // The smile is one character, and a byte that begins one which does not come is another.
    assert_eq!(begin, [0, 1, 1, 1, 4, 5, 5, 7]);
}

#[test]
fn tokens_are_told_with_their_first_character() {
    let mut held = HeldBack::default();
    assert_eq!(pushed(&mut held, b'a', "a"), [0]);
    // It may begin a stop string.
    assert!(pushed(&mut held, b'b', "").is_empty());
    assert_eq!(pushed(&mut held, b'c', "bc"), [1, 2]);
    for byte in "é".bytes() {
        assert!(pushed(&mut held, byte, "").is_empty());
    }
    assert_eq!(pushed(&mut held, b'd', "é"), [3, 3]);
    assert_eq!(offsets(&held.finish()), [4]);
    assert!(held.finish().is_empty());
}

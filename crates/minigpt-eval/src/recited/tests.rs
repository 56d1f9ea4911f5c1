use super::*;

#[test]
fn rows_of_sixteen_tokens_are_passages() {
    let rows = |lengths: &[usize]| {
        let row = |length: &usize| [vec![true; *length], vec![false]].concat();
        Recited::of(&lengths.iter().flat_map(row).collect::<Vec<_>>())
    };
    assert_eq!(rows(&[15, 0, 3]), Recited { passages: 0, tokens: 0, longest: 15 });
    assert_eq!(rows(&[16, 2, 40, 15]), Recited { passages: 2, tokens: 56, longest: 40 });
    assert_eq!(Recited::of(&[]), Recited::default());
    // A text's end ends a passage.
    assert_eq!(Recited::of(&[true; 17]), Recited { passages: 1, tokens: 17, longest: 17 });
}

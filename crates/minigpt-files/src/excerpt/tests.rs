use super::*;

#[test]
fn a_long_text_is_cut_and_control_characters_are_escaped() {
    assert_eq!(excerpt("h.0.attn ü"), "h.0.attn ü");
    assert_eq!(excerpt("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
    assert_eq!(excerpt(&"é".repeat(200)), "é".repeat(200));
    assert_eq!(excerpt(&"é".repeat(1 << 20)), "é".repeat(200) + "…");
}

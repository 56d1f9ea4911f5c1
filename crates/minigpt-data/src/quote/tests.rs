use super::*;

#[test]
fn long_text_is_cut_between_characters() {
    assert_eq!(shortened("é"), "é");
    let long = "é".repeat(1_000_000);
    assert_eq!(shortened(&long), format!("{}… (2000000 bytes)", "é".repeat(QUOTED)));
    assert_eq!(listed(["b", "a\n"]), r#"["a\n", "b"]"#);
    assert!(listed(std::iter::repeat_n("field", 1_000_000)).len() < 300);
}

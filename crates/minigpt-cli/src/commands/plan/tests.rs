use super::*;

#[test]
fn words_are_quoted_where_a_shell_would_take_them_apart() {
    assert_eq!(quoted("hf:owner/data@1.0"), "hf:owner/data@1.0");
    assert_eq!(quoted("my books/*.txt"), "'my books/*.txt'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
}

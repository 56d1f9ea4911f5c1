use super::*;

#[test]
fn words_are_quoted_where_a_shell_would_take_them_apart() {
    for plain in ["runs/tiny-2", "hf:owner/data@1.0"] {
        assert_eq!(shell_word(plain), plain);
    }
    assert_eq!(shell_word("my books/*.txt"), "'my books/*.txt'");
    assert_eq!(shell_word("it's;rm"), r"'it'\''s;rm'");
    assert_eq!(shell_word(""), "''");
}

#[test]
fn a_command_line_begins_with_the_program_s_name() {
    let words = ["/opt/bin/minigpt", "train", "--name", "a b"].map(str::to_owned);
    assert_eq!(command_line(&words).as_deref(), Some("minigpt train --name 'a b'"));
    assert_eq!(command_line(&words[..1]), None);
    assert_eq!(command_line(&[]), None);
}

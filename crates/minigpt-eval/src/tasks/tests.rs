use super::*;

fn read(lines: &str) -> Result<Task, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), lines).unwrap();
    Task::read(file.path())
        .map_err(|error| error.to_string().replace(&file.path().display().to_string(), "FILE"))
}

#[test]
fn both_kinds_are_read_with_their_lines() {
    let choices = read("{\"question\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":1}\n\n").unwrap();
    let expected = MultipleChoice {
        line: 1,
        question: "a".to_owned(),
        choices: vec!["b".to_owned(), "c".to_owned()],
        answer: 1,
    };
    assert_eq!(choices.questions, Questions::MultipleChoice(vec![expected]));
    let cloze = read("\n{\"text\":\"one two\"}").unwrap();
    let expected = Cloze { line: 2, text: "one two".to_owned() };
    assert_eq!(cloze.questions, Questions::Cloze(vec![expected]));
}

#[test]
fn a_bad_line_is_named() {
    let refuses = |lines: &str, part: &str| {
        let error = read(lines).unwrap_err();
        assert!(error.starts_with("FILE") && error.contains(part), "{error}");
    };
    let good = "{\"question\":\"a\",\"choices\":[\"b\",\"c\"],\"answer\":1}\n";
    let after = |line: &str| format!("{good}{line}");
    refuses(&after("{"), ", line 2: EOF while parsing");
    refuses(&after("[]"), "line 2: invalid length 0");
    refuses(&after("{\"question\":\"a\",\"choices\":[\"b\",\"c\"]}"), "missing field `answer`");
    refuses(&after(&good.replace("answer", "gold")), "unknown field `gold`");
    refuses(&after(&good.replace(":1}", ":2}")), "answer 2 is out of range: expected 0 to 1");
    refuses(&after(&good.replace("[\"b\",\"c\"]", "[\"b\"]")), "1 choices: expected two");
    refuses(&after(&good.replace("\"c\"", "\"\"")), "an empty choice");
    refuses(&after("{\"text\":\"one two\"}"), "line 2: it is of another kind");
    refuses("{\"text\":\"one\"}", "line 1: expected two words");
    refuses("{\"text\":\"one two \"}", "no space at the end");
    refuses("\n \n", "holds no questions");
}

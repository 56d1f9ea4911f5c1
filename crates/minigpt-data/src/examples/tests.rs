#![allow(clippy::unwrap_used)]

mod shapes;

use std::path::PathBuf;

use super::{
    Dialogue, ExampleReader, LabelledText, Preference, Turn, last_tenth, repeated, similar_labels,
};
use crate::{ChatTemplate, DataError, ReadOptions, Template, Tokenizer};

/// Reads a file of that name with that text; its path in an error becomes `FILE`.
fn read<T>(
    name: &str,
    text: impl AsRef<[u8]>,
    read: impl Fn(&std::path::Path) -> Result<Vec<T>, DataError>,
) -> Result<Vec<T>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs_err::write(&path, text).unwrap();
    read(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
}

fn instructions(name: &str, text: &str) -> Result<Vec<Dialogue>, String> {
    read(name, text, |path| {
        let (template, tokenizer) = (Template::instruct().into(), Tokenizer::bytes()?);
        Dialogue::read_instructions(path, &ReadOptions::default(), &template, &tokenizer)
    })
}

fn labelled(name: &str, text: &str) -> Result<Vec<LabelledText>, String> {
    read(name, text, |path| LabelledText::read(path, &ReadOptions::default()))
}

fn turn(given: &str, answer: &str) -> Turn {
    Turn { given: given.to_owned(), answer: answer.to_owned(), is_marked: false }
}

#[test]
fn instructions_are_read_from_lines_and_lists_with_their_lines() {
    let lines = "{\"instruction\": \"Add.\", \"input\": \"1 {} 2\", \"output\": \" 3\\n\"}\n\n\
                 {\"instruction\": \"Say hi.\", \"output\": \"hi\", \"id\": 7}\n";
    let [first, second] = &instructions("a.jsonl", lines).unwrap()[..] else { panic!() };
    let given = "### Instruction:\nAdd.\n\n### Input:\n1 {} 2\n\n### Response:\n";
    assert_eq!((first.place.line, &first.turns[..]), (1, &[turn(given, " 3\n")][..]));
    let given = "### Instruction:\nSay hi.\n\n### Response:\n";
    assert_eq!((second.place.line, &second.turns[..]), (3, &[turn(given, "hi")][..]));

    let list = "\u{feff} [\n {\n  \"instruction\": \"Add.\", \"input\": \"1 {} 2\",\n  \"output\": \" 3\\n\"\n },\n\
                {\"instruction\": \"Say hi.\", \"input\": null, \"output\": \"hi\"}\n]\n";
    let of_list = instructions("a.json", list).unwrap();
    assert_eq!(of_list.iter().map(|dialogue| dialogue.place.line).collect::<Vec<_>>(), [2, 6]);
    assert_eq!((&of_list[0].turns, &of_list[1].turns), (&first.turns, &second.turns));
}

#[test]
fn messages_become_turns() {
    let lines = r#"{"messages": [{"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"}, {"role": "assistant", "content": "Farewell"}]}"#;
    let dialogues = instructions("a.jsonl", &lines.replace('\n', "")).unwrap();
    let ask = |text: &str| format!("### Instruction:\n{text}\n\n### Response:\n");
    let expected =
        [turn(&format!("Be brief.\n\n{}", ask("Hi")), "Hello"), turn(&ask("Bye"), "Farewell")];
    assert_eq!(dialogues[0].turns, expected);
}

#[test]
fn summaries_and_tables_are_read() {
    let summaries = read("a.csv", "document,summary\n\"a, \"\"b\"\"\nc\",short\n", |path| {
        let (template, tokenizer) = (Template::summarize().into(), Tokenizer::bytes()?);
        Dialogue::read_summaries(path, &ReadOptions::default(), &template, &tokenizer)
    });
    assert_eq!(summaries.unwrap()[0].turns, [turn("a, \"b\"\nc\n\nTL;DR:\n", "short")]);
    let texts = labelled("a.tsv", "label\ttext\n1\tgood, \n0\tbad\n").unwrap();
    let LabelledText { place, text, label } = &texts[1];
    assert_eq!((place.line, text.as_str(), label.as_str()), (3, "bad", "0"));
    let lines = labelled("a.jsonl", "{\"text\": \"good\", \"label\": 1}\n").unwrap();
    assert_eq!((lines[0].text.as_str(), lines[0].label.as_str()), ("good", "1"));
}

#[track_caller]
fn refuses<T: std::fmt::Debug>(read: Result<Vec<T>, String>, message: &str) {
    assert_eq!(read.unwrap_err(), message);
}

#[test]
fn a_bad_record_is_named_with_its_line() {
    let good = "{\"instruction\": \"Add.\", \"output\": \"3\"}\n";
    let after = |number: usize, line: &str| good.repeat(number) + line;
    refuses(
        instructions("a.jsonl", &after(56, "{\"instruction\": \"Add.\", \"ouput\": \"3\"}")),
        "FILE, line 57: no field \"output\" among [\"instruction\", \"ouput\"]",
    );
    refuses(
        instructions("a.jsonl", &after(1, "{\"instruction\": \"Add.\", \"output\": \" \"}")),
        "FILE, line 2: an empty \"output\": expected some text",
    );
    refuses(
        instructions("a.jsonl", &after(1, "{\"instruction\": 1, \"output\": \"3\"}")),
        "FILE, line 2: \"instruction\" is a number: expected a string",
    );
    refuses(instructions("a.jsonl", &after(2, "[]")), "FILE, line 3: a list instead of an object");
    refuses(
        instructions("a.jsonl", &after(2, "{\"instruction\"")),
        "FILE, line 3: EOF while parsing an object at column 14",
    );
    let list = format!("[\n{},\n{{\"instruction\":\n 1x}}]", good.trim());
    refuses(instructions("a.json", &list), "FILE, line 4: expected `,` or `}`");
    let list = format!("[\n{}\n\n {}]", good.trim(), good.trim());
    refuses(
        instructions("a.json", &list),
        "FILE, line 4: expected `,` or `]` after an object of the list",
    );
    refuses(
        instructions("a.json", &format!("[\n{},", good.trim())),
        "FILE, line 2: the list has no end: expected `]`",
    );
    refuses(
        instructions(
            "a.json",
            "[{\"messages\": [{\"role\": \"assistant\", \"content\": \"Hi\"}]}]",
        ),
        "FILE, line 1: message 1 is the assistant's: expected the user's",
    );
    refuses(
        instructions("a.json", "[{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}]"),
        "FILE, line 1: the messages end without an answer: expected the assistant's last",
    );
    refuses(
        labelled("a.csv", "text,label\ngood,1\nbad\n"),
        "FILE, line 3: 1 values instead of the 2 that the first line names",
    );
    refuses(
        labelled("a.csv", "text,labels\ngood,1\n"),
        "FILE, line 2: no field \"label\" among [\"labels\", \"text\"]",
    );
    refuses(
        labelled("a.csv", "text,text,label\ngood,bad,1\n"),
        "FILE, line 1: two columns are named \"text\": expected one, rename the other",
    );
    let long = format!("{{\"{}\": 1}}", "x".repeat(1_000_000));
    let error = labelled("a.jsonl", &long).unwrap_err();
    assert!(error.len() < 400 && error.contains('…'), "{error}");
    for empty in ["", "\n\n", "[]"] {
        let error = instructions("a.json", empty).unwrap_err();
        assert!(error.starts_with("FILE holds no examples: expected JSON lines"), "{error}");
    }
    let missing = LabelledText::read(&PathBuf::from("missing.csv"), &ReadOptions::default());
    let missing = missing.unwrap_err().to_string();
    assert!(missing.starts_with("missing.csv does not exist"), "{missing}");
}

#[test]
fn bytes_are_kept_and_names_are_trimmed() {
    let lines = "{\"instruction\": \"\\tgo \", \"input\": \" \", \"output\": \"  ret x\\n\"}\n";
    let given = "### Instruction:\n\tgo \n\n### Response:\n";
    assert_eq!(instructions("a.jsonl", lines).unwrap()[0].turns, [turn(given, "  ret x\n")]);
    let texts = labelled("a.csv", "text , label\n a ,\" pos\"\n").unwrap();
    assert_eq!((texts[0].text.as_str(), texts[0].label.as_str()), (" a ", "pos"));
}

#[test]
fn a_quote_in_a_tsv_merges_no_rows() {
    let rows = "text\tlabel\n\"Tis good\tpos\nbad\tneg\n\"Oh fine\tpos\nworse\tneg\n";
    let texts = labelled("a.tsv", rows).unwrap();
    let texts: Vec<&str> = texts.iter().map(|text| text.text.as_str()).collect();
    assert_eq!(texts, ["\"Tis good", "bad", "\"Oh fine", "worse"]);
    let error = labelled("a.csv", &rows.replace('\t', ",")).unwrap_err();
    assert!(error.starts_with("FILE, line 2: the value that a quote opens here"), "{error}");
}

#[test]
fn nan_in_a_field_that_is_not_read_is_passed_over() {
    let line = "{\"instruction\": \"a NaN\", \"score\": NaN, \"output\": \"b\"}";
    for (name, text) in [("a.jsonl", line.to_owned()), ("a.json", format!("[{line}]"))] {
        let dialogues = instructions(name, &text).unwrap();
        assert!(dialogues[0].turns[0].given.contains("a NaN"));
    }
}

#[test]
fn bad_bytes_and_other_separators_are_read_where_they_are_allowed() {
    let options = ReadOptions {
        lossy: true,
        separator: Some(";".parse().unwrap()),
        ..ReadOptions::default()
    };
    for (name, bytes) in [
        ("a.csv", &b"text;label\na, \xff;1\n"[..]),
        ("a.tsv", b"text;label\na, \xff;1\n"),
        ("a.jsonl", b"\n{\"text\": \"a, \xff\", \"label\": 1}\n"),
        ("a.json", b"[\n{\"text\": \"a, \\ud800\", \"label\": 1}]\n"),
    ] {
        let texts = read(name, bytes, |path| LabelledText::read(path, &options)).unwrap();
        let [LabelledText { place, text, label }] = &texts[..] else { panic!("{name}") };
        assert_eq!((place.line, text.as_str(), label.as_str()), (2, "a, \u{fffd}", "1"), "{name}");
        let error = read(name, bytes, |path| LabelledText::read(path, &ReadOptions::default()));
        assert!(error.unwrap_err().starts_with("FILE, line "), "{name}");
    }
}

#[test]
fn labels_that_are_perhaps_one_are_found() {
    let labels = ["1", "1.0", "10", "Spam", "spam", "no", "not "].map(str::to_owned);
    assert_eq!(similar_labels(&labels), [["1", "1.0"], ["Spam", "spam"]]);
}

#[test]
fn labels_are_sorted_and_two_at_least() {
    let texts = labelled("a.tsv", "text\tlabel\na\tno\nb\tyes\nc\tno\n").unwrap();
    let path = PathBuf::from("a.tsv");
    assert_eq!(LabelledText::labels(&texts, &path).unwrap(), ["no", "yes"]);
    let error = LabelledText::labels(&texts[..1], &path).unwrap_err().to_string();
    assert!(error.starts_with("a.tsv: all training texts have the label \"no\""), "{error}");
}

#[test]
fn the_last_tenth_is_held_out() {
    let path = PathBuf::from("a.jsonl");
    assert_eq!(last_tenth((0..25).collect(), &path).unwrap().map(|part| part.len()), [23, 2]);
    let [train, held_out] = last_tenth(vec!["a", "b"], &path).unwrap();
    assert_eq!((train, held_out), (vec!["a"], vec!["b"]));
    let error = last_tenth(vec!["a"], &path).unwrap_err().to_string();
    assert!(
        error.contains(" holds 1 example, too few to hold one out for validation: give more"),
        "{error}"
    );
}

/// As ChatML writes them, a default system message included, with the end of text of the tokenizer of bytes.
const CHAT: &str = "{% if messages[0].role != 'system' %}<|system|>Be kind.<|endoftext|>{% endif %}\
    {% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if tools %}{{ tools | length }}{% endif %}\
    <|endoftext|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

#[test]
fn conversations_are_as_a_models_own_template_writes_them() {
    let template = ChatTemplate::from_jinja(CHAT, [].into(), "a test").unwrap();
    let tokenizer = Tokenizer::bytes().unwrap();
    let turns = |json: &str| {
        let dialogues = read("e.json", json, |path| {
            Dialogue::read_instructions(path, &ReadOptions::default(), &template, &tokenizer)
        })?;
        let turns = dialogues.into_iter().flat_map(|dialogue| dialogue.turns);
        Ok::<_, String>(turns.map(|turn| (turn.given, turn.answer)).collect::<Vec<_>>())
    };
    let pair = |given: &str, answer: &str| (given.to_owned(), answer.to_owned());
    assert_eq!(
        turns(r#"[{"instruction": "Add.", "input": "1, 2", "output": "3"}]"#).unwrap(),
        [pair(
            "<|system|>Be kind.<|endoftext|><|user|>1, 2\n\nAdd.<|endoftext|><|assistant|>",
            "3"
        )]
    );
    let messages = r#"[{"role": "system", "content": "S"}, {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"}, {"role": "tool", "content": "c"},
        {"role": "assistant", "content": "d"}]"#;
    assert_eq!(
        turns(&format!(r#"[{{"messages": {messages}}}]"#)).unwrap(),
        [
            pair("<|system|>S<|endoftext|><|user|>a<|endoftext|><|assistant|>", "b"),
            pair("<|tool|>c<|endoftext|><|assistant|>", "d"),
        ]
    );
    let with_tools = turns(&format!(r#"[{{"messages": {messages}, "tools": [{{}}]}}]"#)).unwrap();
    assert_eq!(with_tools[1].1, "d1");
    let error = turns(r#"[{"messages": [{"role": "user", "content": "a"}]}]"#).unwrap_err();
    assert!(error.contains("line 1") && error.contains("expected the assistant's last"), "{error}");
}

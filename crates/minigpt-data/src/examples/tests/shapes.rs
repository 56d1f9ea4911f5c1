//! Conversations and preferences in the shapes that people have them, and sources of several files.

use super::*;

/// A template that shows all that it is given.
const ALL: &str = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% if m.tool_calls %}\
    {% for call in m.tool_calls %}{{ call.function.name }}({{ call.function.arguments | tojson }})\
    {% endfor %}{% endif %}<|endoftext|>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

/// The text of a record's conversation, and the answers in it.
fn conversation(record: &str) -> Result<(String, Vec<String>), String> {
    let (template, tokenizer) =
        (ChatTemplate::from_jinja(ALL, [].into(), "a test").unwrap(), Tokenizer::bytes().unwrap());
    let dialogues = read("a.jsonl", record, |path| {
        Dialogue::read_instructions(path, &ReadOptions::default(), &template, &tokenizer)
    })?;
    let turns = &dialogues[0].turns;
    let text = turns.iter().map(|turn| format!("{}{}$", turn.given, turn.answer)).collect();
    Ok((text, turns.iter().map(|turn| turn.answer.clone()).collect()))
}

#[test]
fn conversations_of_all_shapes_are_read() {
    let plain = "<user>Who?<|endoftext|><assistant>Emma.$";
    for record in [
        r#"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Emma."}]}"#,
        r#"{"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Emma."}]}"#,
        r#"{"conversation": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Emma."}]}"#,
        r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "Wh"}, {"type": "text", "text": "o?"}]},
            {"role": "assistant", "content": "Emma.", "tool_calls": null}]}"#,
        r#"{"prompt": "Who?", "completion": "Emma."}"#,
        r#"{"prompt": [{"role": "user", "content": "Who?"}], "completion": [{"role": "assistant", "content": "Emma."}]}"#,
        r#"{"instruction": "Who?", "input": "", "output": "Emma."}"#,
        r#"{"instruction": "Who?", "context": null, "response": "Emma."}"#,
        r#"{"question": "Who?", "answer": "Emma."}"#,
        // As tables have them: JSON in a text.
        r#"{"messages": "[{\"role\": \"user\", \"content\": \"Who?\"}, {\"role\": \"assistant\", \"content\": \"Emma.\"}]"}"#,
    ] {
        let record = record.replace('\n', " ");
        let (text, answers) = conversation(&record).unwrap();
        assert_eq!((text.as_str(), &answers[..]), (plain, &["Emma.".to_owned()][..]), "{record}");
    }
    let with_system = "<system>Be brief.<|endoftext|><user>Who?<|endoftext|><assistant>Emma.$";
    for record in [
        r#"{"system": "Be brief.", "conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Emma."}]}"#,
        r#"{"conversations": [{"from": "system", "value": "Be brief."}, {"from": "user", "value": "Who?"}, {"from": "bot", "value": "Emma."}]}"#,
        r#"{"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Emma."}]}"#,
        r#"{"system": "Be brief.", "prompt": "Who?", "completion": "Emma."}"#,
    ] {
        assert_eq!(conversation(record).unwrap().0, with_system, "{record}");
    }
}

#[test]
fn calls_of_tools_are_turns_and_their_arguments_objects() {
    let expected = "<user>Sun?<|endoftext|><assistant>weather({\"city\": \"Bath\"})$<tool>Yes.<|endoftext|>\
                    <assistant>It shines.$";
    for record in [
        r#"{"messages": [{"role": "user", "content": "Sun?"},
            {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bath\"}"}}]},
            {"role": "tool", "content": "Yes."}, {"role": "assistant", "content": "It shines."}]}"#,
        r#"{"conversations": [{"from": "human", "value": "Sun?"},
            {"from": "function_call", "value": "{\"name\": \"weather\", \"arguments\": {\"city\": \"Bath\"}}"},
            {"from": "observation", "value": "Yes."}, {"from": "gpt", "value": "It shines."}]}"#,
    ] {
        let (text, answers) = conversation(&record.replace('\n', " ")).unwrap();
        assert_eq!(text, expected);
        assert_eq!(answers, ["weather({\"city\": \"Bath\"})", "It shines."]);
    }
}

#[test]
fn what_is_no_conversation_says_why() {
    for (record, reason) in [
        (
            r#"{"text": "x"}"#,
            "no field \"messages\", \"conversations\", \"instruction\", \"prompt\" or \"question\" among [\"text\"]",
        ),
        (r#"{"messages": {}}"#, "\"messages\" is an object: expected a list"),
        (r#"{"messages": ["x"]}"#, "a string in \"messages\": expected objects"),
        (
            r#"{"messages": [{"content": "x"}]}"#,
            "message 1 has no \"role\" or \"from\" among [\"content\"]",
        ),
        (r#"{"messages": [{"role": "user"}]}"#, "message 1 has no \"content\""),
        (
            r#"{"messages": [{"role": "user", "content": 1}]}"#,
            "the content of message 1 is a number",
        ),
        (
            r#"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#,
            "a part of the type \"image_url\"",
        ),
        (
            r#"{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": " "}]}"#,
            "message 2 is an empty answer",
        ),
        (r#"{"conversations": [{"from": "gpt", "value": "x"}]}"#, "message 1 is the assistant's"),
        (r#"{"conversations": [{"from": "function_call", "value": "x"}]}"#, "message 1 is no call"),
        (r#"{"prompt": "x", "completion": []}"#, "an empty \"completion\""),
        (r#"{"messages": []}"#, "the messages end without an answer"),
    ] {
        let error = conversation(record).unwrap_err();
        assert!(error.starts_with("FILE, line 1: ") && error.contains(reason), "{record}: {error}");
    }
}

/// Chosen and rejected of a record: what is given and what is compared.
fn preference(record: &str) -> Result<[(String, String); 2], String> {
    let template = ChatTemplate::from_jinja(ALL, [].into(), "a test").unwrap();
    let tokenizer = Tokenizer::bytes().unwrap();
    let pairs: Vec<Preference> = read("a.jsonl", record, |path| {
        let mut reader = ExampleReader::new(ReadOptions::default(), false);
        let source = crate::Source::Path(path.to_owned());
        Ok(reader.preferences(&source, &template, &tokenizer, &mut |_| {})?.train)
    })?;
    Ok([&pairs[0].chosen, &pairs[0].rejected].map(|answered| {
        let given = answered.turns[answered.turns.len() - answered.answers].given.clone();
        (given, answered.answer())
    }))
}

#[test]
fn preferences_are_two_answers_to_one_prompt() {
    let given = "<user>Who?<|endoftext|><assistant>".to_owned();
    let expected = [(given.clone(), "Emma.".to_owned()), (given, "Nobody.".to_owned())];
    for record in [
        r#"{"prompt": "Who?", "chosen": "Emma.", "rejected": "Nobody."}"#,
        r#"{"question": "Who?", "chosen": "Emma.", "rejected": "Nobody.", "score": 3}"#,
        r#"{"prompt": [{"role": "user", "content": "Who?"}], "chosen": [{"role": "assistant", "content": "Emma."}],
            "rejected": [{"role": "assistant", "content": "Nobody."}]}"#,
        r#"{"prompt": "Who?", "chosen": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Emma."}],
            "rejected": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Nobody."}]}"#,
        r#"{"chosen": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Emma."}],
            "rejected": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "Nobody."}]}"#,
    ] {
        let record = record.replace('\n', " ");
        assert_eq!(preference(&record).unwrap(), expected, "{record}");
    }
    // An earlier answer is in the prompt, and not compared.
    let longer = r#"{"chosen": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"},
        {"role": "user", "content": "3"}, {"role": "assistant", "content": "4"}],
        "rejected": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"},
        {"role": "user", "content": "3"}, {"role": "assistant", "content": "5"}]}"#;
    let [chosen, rejected] = preference(&longer.replace('\n', " ")).unwrap();
    assert_eq!((chosen.0.as_str(), chosen.1.as_str()), ("<user>3<|endoftext|><assistant>", "4"));
    assert_eq!(rejected.1, "5");
    for (record, reason) in [
        (r#"{"prompt": "Who?", "chosen": "Emma."}"#, "no field \"rejected\""),
        (r#"{"chosen": "Emma.", "rejected": "Anne."}"#, "no field \"prompt\""),
        (r#"{"prompt": "Who?", "chosen": "Emma.", "rejected": "Emma."}"#, "are the same"),
        (
            r#"{"prompt": "Who?", "chosen": [{"role": "user", "content": "x"}], "rejected": "Emma."}"#,
            "one of \"chosen\" and \"rejected\" is a whole conversation",
        ),
    ] {
        let error = preference(record).unwrap_err();
        assert!(error.contains(reason), "{record}: {error}");
    }
}

#[test]
fn invalid_examples_are_counted_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let good = "{\"question\": \"Who?\", \"answer\": \"Emma.\"}\n";
    let bad = "{\"question\": \"Who?\"}\n";
    fs_err::write(&path, format!("{good}{bad}not JSON\n{bad}{good}")).unwrap();
    let (template, tokenizer) = (Template::instruct().into(), Tokenizer::bytes().unwrap());
    let source = crate::Source::Path(path.clone());
    let mut reader = ExampleReader::new(ReadOptions::default(), true);
    let found = reader.instructions(&source, &template, &tokenizer, &mut |_| {}).unwrap();
    assert_eq!((found.train.len(), found.valid, reader.skipped().number()), (2, None, 3));
    let reasons = reader.skipped().reasons();
    assert_eq!((reasons[0].1, reasons[0].2.line, reasons[1].1), (2, 2, 1));
    assert_eq!(reasons[0].0, "no field \"answer\" among [\"question\"]");
    assert_eq!(repeated(&found.train, |dialogue| &dialogue.turns), [[0, 1]]);
    fs_err::write(&path, bad).unwrap();
    let error = reader.instructions(&source, &template, &tokenizer, &mut |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("are invalid; the most frequent reason: no field"),
        "{error}"
    );
}

#[test]
fn folders_bring_their_split_and_other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, records: usize| {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "{\"text\": \"a\", \"label\": 1}\n".repeat(records)).unwrap();
    };
    let count = || {
        let mut reader = ExampleReader::new(ReadOptions::default(), false);
        let source = crate::Source::Path(folder.path().to_owned());
        let found = reader.labelled(&source, &mut |_| {}).map_err(|error| error.to_string())?;
        Ok::<_, String>((found.train.len(), found.valid.map(|valid| valid.len())))
    };
    write("notes.md", 1);
    assert!(count().unwrap_err().contains("has no files of examples: expected .jsonl, .json"));
    write("more/b.json", 2);
    write("a.ndjson", 3);
    assert_eq!(count().unwrap(), (5, None));
    write("train.jsonl", 4);
    write("validation-00000-of-00001.jsonl", 2);
    assert_eq!(count().unwrap(), (4, Some(2)));
}

/// Written by PyArrow (`tests/fixtures/make_chats_parquet.py`).
#[test]
fn lists_of_structures_are_read_from_parquet() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chats.parquet");
    let source: crate::Source = path.parse().unwrap();
    let (template, tokenizer) = (Template::instruct().into(), Tokenizer::bytes().unwrap());
    let mut strict = ExampleReader::new(ReadOptions::default(), false);
    let error = strict.instructions(&source, &template, &tokenizer, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("chats.parquet, row 3: the messages end without an answer"));
    let mut reader = ExampleReader::new(ReadOptions::default(), true);
    let found = reader.instructions(&source, &template, &tokenizer, &mut |_| {}).unwrap().train;
    let places: Vec<u64> = found.iter().map(|dialogue| dialogue.place.line).collect();
    assert_eq!((places, reader.skipped().number()), (vec![1, 2, 6], 3));
    let ask = |text: &str| format!("### Instruction:\n{text}\n\n### Response:\n");
    assert_eq!(found[0].turns, [turn(&ask("Who?"), "Emma.")]);
    let first = format!("Be brief.\n\n{}", ask("naïve 🙂?"));
    assert_eq!(found[1].turns, [turn(&first, "Yes."), turn(&ask("No?"), "No.")]);
    assert_eq!(found[0].place.to_string(), format!("{path}, row 1"));
    // Damaged in any way, it is an error or other text, and no panic.
    let whole = fs_err::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("a.parquet");
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x5a;
        fs_err::write(&damaged, bytes).unwrap();
        let source = crate::Source::Path(damaged.clone());
        let _ = reader.instructions(&source, &template, &tokenizer, &mut |_| {});
    }
}

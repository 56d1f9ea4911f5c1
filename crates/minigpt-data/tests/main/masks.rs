//! What of a conversation is learnt, token by token as TRL has it (`fixtures/make_masks.py`).

use std::path::Path;

use minigpt_data::{
    ChatTemplate, Dialogue, Learnt, ReadOptions, RowOptions, TokenRows, Tokenizer, TooLong,
};
use serde_json::{Value, json};

#[test]
fn answers_are_learnt_as_trl_masks_them() {
    let all: Value = serde_json::from_str(include_str!("../fixtures/masks.json")).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    let options =
        RowOptions { block_size: 4096, too_long: TooLong::Refused, learnt: Learnt::EveryAnswer };
    let mut number = 0;
    for (name, of_template) in all.as_object().unwrap() {
        let tokenizer = Tokenizer::in_folder(&fixtures.join(name)).unwrap();
        let source = of_template["template"].as_str().unwrap();
        let tokens = match name.as_str() {
            "llama2" => [("bos_token", "<s>"), ("eos_token", "</s>")],
            _ => [("bos_token", "<|begin_of_text|>"), ("eos_token", "<|im_end|>")],
        };
        let tokens = tokens.map(|(name, token)| (name.to_owned(), token.to_owned()));
        let template = ChatTemplate::from_jinja(source, tokens.into(), name).unwrap();
        for case in of_template["cases"].as_array().unwrap() {
            let file = tempfile::NamedTempFile::new().unwrap();
            let record = json!({"messages": case["messages"]});
            fs_err::write(file.path(), record.to_string()).unwrap();
            let read = ReadOptions::default();
            let dialogues =
                Dialogue::read_instructions(file.path(), &read, &template, &tokenizer).unwrap();
            let rows = TokenRows::of_dialogues(
                &tokenizer,
                &template,
                &dialogues,
                Path::new(name),
                &options,
            )
            .unwrap();
            let row = &rows.rows()[0];
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            let mask: Vec<u8> = serde_json::from_value(case["mask"].clone()).unwrap();
            // What a template writes after the last answer is not read.
            let end = 1 + mask.iter().rposition(|is_said| *is_said == 1).unwrap();
            let expected: Vec<Option<u32>> =
                (1..end).map(|at| (mask[at] == 1).then_some(ids[at])).collect();
            assert_eq!(row.inputs, ids[..end - 1], "{name}: {}", case["messages"]);
            assert_eq!(row.targets, expected, "{name}: {}", case["messages"]);
            number += 1;
        }
    }
    assert_eq!(number, 12);
}

#![allow(clippy::unwrap_used)]

use super::*;
use crate::Tokenizer;

fn good() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    Tokenizer::bytes().unwrap().save(&path).unwrap();
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

/// The names of all fields, those of one added token and none of the vocabulary.
fn fields(value: &Value, path: &str, found: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        match name.as_str() {
            "vocab" | "merges" => {}
            "added_tokens" => fields(&value[0], &format!("{path}/0"), found),
            _ => fields(value, &path, found),
        }
        found.push(path);
    }
}

#[test]
fn every_field_that_the_library_writes_is_listed_here() {
    let mut found = Vec::new();
    fields(&good(), "", &mut found);
    found.sort();
    let expected = [
        "/added_tokens",
        "/added_tokens/0/content",
        "/added_tokens/0/id",
        "/added_tokens/0/lstrip",
        "/added_tokens/0/normalized",
        "/added_tokens/0/rstrip",
        "/added_tokens/0/single_word",
        "/added_tokens/0/special",
        "/decoder",
        "/decoder/add_prefix_space",
        "/decoder/trim_offsets",
        "/decoder/type",
        "/decoder/use_regex",
        "/model",
        "/model/byte_fallback",
        "/model/continuing_subword_prefix",
        "/model/dropout",
        "/model/end_of_word_suffix",
        "/model/fuse_unk",
        "/model/ignore_merges",
        "/model/merges",
        "/model/type",
        "/model/unk_token",
        "/model/vocab",
        "/normalizer",
        "/padding",
        "/post_processor",
        "/pre_tokenizer",
        "/pre_tokenizer/add_prefix_space",
        "/pre_tokenizer/trim_offsets",
        "/pre_tokenizer/type",
        "/pre_tokenizer/use_regex",
        "/truncation",
        "/version",
    ];
    assert_eq!(found, expected);
}

/// The file with another value, or a new one, at a JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut file = good();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    file.pointer_mut(parent).unwrap()[name] = value;
    file
}

#[track_caller]
fn refuses(pointer: &str, value: Value, message: &str) {
    let error = check(&with(pointer, value)).unwrap_err();
    assert!(error.starts_with(message), "{error}");
}

/// A BPE with byte fallback, as Python's library writes it.
fn with_fallback() -> Value {
    serde_json::from_str(include_str!("../../tests/fixtures/tokenizers/llama2/tokenizer.json"))
        .unwrap()
}

#[test]
fn what_cannot_be_done_is_refused_by_field() {
    check(&good()).unwrap();
    refuses("/version", json!("2.0"), "version is \"2.0\": expected \"1.0\"");
    refuses("/truncation", json!(8), "truncation is 8");
    refuses("/normalizer", json!({ "type": "Lowercase" }), "normalizer.type is \"Lowercase\": ");
    refuses(
        "/normalizer",
        json!({ "type": "Prepend", "prepend": "_" }),
        "normalizer.type is \"Pre",
    );
    refuses("/normalizer", json!({ "type": "NFC", "new": 1 }), "normalizer.new is not known here");
    refuses("/new", json!(1), "new is not known here");
    let token = "/added_tokens/0";
    refuses(&format!("{token}/special"), json!(1), "added_tokens: special of \"<|endoft");
    refuses(&format!("{token}/lstrip"), json!(1), "added_tokens: lstrip of ");
    refuses(&format!("{token}/new"), json!(1), "added_tokens: new of ");
    refuses(&format!("{token}/id"), json!("1"), "added_tokens: id of ");
    refuses("/added_tokens", json!([{}]), "added_tokens: \"\" has no field \"id\"");
    refuses("/pre_tokenizer", json!({ "type": "Whitespace" }), "pre_tokenizer.type is \"Wh");
    refuses("/pre_tokenizer", Value::Null, "pre_tokenizer is null: expected ByteLevel last");
    refuses("/pre_tokenizer/add_prefix_space", json!(true), "pre_tokenizer.add_prefix_space");
    refuses("/pre_tokenizer/new", json!(0), "pre_tokenizer.new is not known here");
    let split = |pattern: Value| {
        let split =
            json!({ "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false });
        json!({ "type": "Sequence", "pretokenizers": [split] })
    };
    let field = "pre_tokenizer.pretokenizers[0].pattern";
    refuses("/pre_tokenizer", split(json!({ "Regex": "a", "String": "b" })), field);
    let long = json!({ "Regex": "a".repeat(5000) });
    refuses("/pre_tokenizer", split(long), &format!("{field} has 5000 bytes: expected 4096"));
    let split = split(json!({ "Regex": "a" }));
    refuses("/pre_tokenizer", split.clone(), "pre_tokenizer is {");
    let nested = json!({ "type": "Sequence", "pretokenizers": [split] });
    refuses("/pre_tokenizer", nested, "pre_tokenizer.pretokenizers[0] is {");
    refuses("/decoder", json!({ "type": "Fuse" }), "decoder.type is \"Fuse\"");
    refuses("/decoder/trim_offsets", json!(7), "decoder.trim_offsets is 7: expected true or");
    refuses("/decoder", json!([]), "decoder.type is null");
    let template = |single: Value| json!({ "type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": {} });
    let special = json!([{ "SpecialToken": { "id": "<s>", "type_id": 0 } }]);
    let reason = "post_processor.special_tokens: no ids of \"<s>\"";
    refuses("/post_processor", template(special), reason);
    refuses(
        "/post_processor",
        template(json!("$A")),
        "post_processor.single is \"$A\": expected a",
    );
    refuses("/post_processor", template(json!([])), "post_processor.single is []: expected a text");
    let roberta = json!({ "type": "RobertaProcessing", "sep": ["</s>", 2] });
    refuses("/post_processor", roberta, "post_processor.type is \"RobertaProcessing\"");
    refuses("/model/type", json!("Unigram"), "model.type is \"Unigram\": expected \"BPE\"");
    refuses("/model/dropout", json!(0.5), "model.dropout is 0.5");
    refuses("/model/unk_token", json!("<unk>"), "model.unk_token is \"<unk>\": expected a token");
    refuses("/model/continuing_subword_prefix", json!("##"), "model.continuing_subword_prefix");
    refuses("/model/end_of_word_suffix", json!("</w>"), "model.end_of_word_suffix is \"</w>\"");
    refuses("/model/fuse_unk", json!(1), "model.fuse_unk is 1");
    refuses("/model/vocab", json!([]), "model.vocab is []");
    refuses("/model/new", json!(1), "model.new is not known here");
    let mut file = good();
    file.as_object_mut().unwrap().remove("model");
    assert_eq!(check(&file).unwrap_err(), "it has no field \"model\"");
}

#[test]
fn byte_fallback_comes_with_spaces_and_their_decoder() {
    let described = check(&with_fallback()).unwrap();
    assert_eq!(described.leading_spaces, 1);
    assert_eq!(described.around, [vec![1], vec![]]);
    let refuses = |pointer: &str, value: Value, message: &str| {
        let mut file = with_fallback();
        *file.pointer_mut(pointer).unwrap() = value;
        let error = check(&file).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    };
    refuses("/normalizer", Value::Null, "normalizer: expected Replace of spaces by U+2581");
    refuses(
        "/normalizer/normalizers/0/prepend",
        json!("x"),
        "normalizer.normalizers[0].prepend is",
    );
    refuses(
        "/normalizer/normalizers/1/content",
        json!("_"),
        "normalizer.normalizers[1].content is",
    );
    let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false });
    refuses("/pre_tokenizer", byte_level, "pre_tokenizer.type is \"ByteLevel\": expected Split");
    refuses("/decoder", Value::Null, "decoder is null: expected Replace, ByteFallback, Fuse");
    refuses("/decoder/decoders/1/type", json!("Fuse"), "decoder is {");
    refuses(
        "/decoder/decoders/3/start",
        json!(900),
        "decoder.decoders[3].start is 900: expected 0",
    );
    refuses("/decoder/decoders/3/stop", json!(1), "decoder.decoders[3].stop is 1: expected 0");
}

#[test]
fn what_is_done_or_changes_nothing_is_taken() {
    for (pointer, value) in [
        ("/model/continuing_subword_prefix", json!("")),
        ("/model/end_of_word_suffix", json!("")),
        ("/model/dropout", json!(0.0)),
        ("/model/ignore_merges", json!(true)),
        ("/model/fuse_unk", json!(true)),
        ("/model/unk_token", json!("a")),
        ("/normalizer", json!({ "type": "NFC" })),
        ("/truncation", json!({ "max_length": 8 })),
        ("/padding", json!({ "strategy": "BatchLongest" })),
        ("/added_tokens/0/normalized", json!(true)),
        ("/added_tokens/0/special", json!(false)),
        ("/pre_tokenizer/trim_offsets", json!(false)),
        ("/pre_tokenizer/use_regex", json!(false)),
        ("/decoder", Value::Null),
        ("/post_processor", json!({ "type": "ByteLevel", "trim_offsets": false })),
        (
            "/post_processor",
            json!({
                "type": "TemplateProcessing",
                "single": [{ "Sequence": { "id": "A", "type_id": 0 } }],
                "pair": [],
                "special_tokens": {},
            }),
        ),
    ] {
        check(&with(pointer, value)).unwrap();
    }
}

#[test]
fn an_added_token_must_have_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    fs_err::write(&path, with("/added_tokens/0/id", json!(300)).to_string()).unwrap();
    let error = Tokenizer::load(&path).unwrap_err().to_string();
    assert!(error.contains("added_tokens: \"<|endoftext|>\" cannot have the id 300"), "{error}");
}

#[test]
fn ends_of_text_are_taken_out() {
    let mut file = good();
    assert_eq!(take_ends(&mut file).unwrap(), Vec::<u32>::new());
    file["decoder"]["end_of_text"] = json!([3, 4]);
    check(&file).unwrap_err();
    assert_eq!(take_ends(&mut file).unwrap(), [3, 4]);
    assert_eq!(file, good());
    for value in [json!([]), json!(3), json!([-1]), json!([1_u64 << 40])] {
        file["decoder"]["end_of_text"] = value;
        let error = take_ends(&mut file).unwrap_err();
        assert_eq!(error, "decoder.end_of_text: expected a list of ids");
    }
}

#[test]
fn a_message_that_quotes_a_line_end_stays_one_line() {
    assert_eq!(crate::quote::one_line("a\nb\u{85}é"), "a\\nb\\u{85}é");
}

//! Tokenizers that others have published, too large to keep: `.ci/run` fetches them, has Python write what
//! it makes of a thousand lines (`make_tokenizers.py published`), and names the folder in
//! `MINIGPT_TOKENIZERS`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use minigpt_data::{ChatOptions, ChatTemplate, GgufVocabulary, Message, TemplateValue, Tokenizer};
use serde_json::Value;

use crate::families::{check, lines};

/// The folder of the fetched tokenizers, or `None` after saying so.
#[allow(clippy::disallowed_methods, reason = "what a test leaves out is told past its capture")]
fn published() -> Option<PathBuf> {
    let folder = std::env::var_os("MINIGPT_TOKENIZERS").map(PathBuf::from);
    if folder.is_none() {
        let required = std::env::var_os("MINIGPT_REQUIRE_PYTHON").is_some();
        assert!(!required, "MINIGPT_TOKENIZERS is not set: expected the folder that .ci/run makes");
        let mut stderr = std::io::stderr().lock();
        let _ =
            writeln!(stderr, "SKIPPED: MINIGPT_TOKENIZERS names no folder of published tokenizers");
    }
    folder
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

/// The metadata of SmolLM2's GGUF file as PyPI's `gguf` reads it.
fn smollm2(folder: &Path) -> Tokenizer {
    let metadata = read(&folder.join("smollm2/metadata.json"));
    let of = |name: &str| metadata[name].clone();
    let vocabulary = GgufVocabulary {
        model: serde_json::from_value(of("model")).unwrap(),
        pre: serde_json::from_value(of("pre")).unwrap(),
        tokens: serde_json::from_value(of("tokens")).unwrap(),
        token_types: serde_json::from_value(of("token_type")).unwrap(),
        merges: serde_json::from_value(of("merges")).unwrap(),
        bos: serde_json::from_value(of("bos_token_id")).unwrap(),
        eos: serde_json::from_value(of("eos_token_id")).unwrap(),
        unknown: serde_json::from_value(of("unknown_token_id")).unwrap(),
        add_bos: serde_json::from_value(of("add_bos_token")).unwrap(),
        add_space_prefix: serde_json::from_value(of("add_space_prefix")).unwrap(),
        ..GgufVocabulary::default()
    };
    Tokenizer::from_gguf(vocabulary, Path::new("smollm2.gguf")).unwrap()
}

#[test]
fn a_thousand_hard_lines_have_the_ids_of_pythons_library() {
    let Some(folder) = published() else { return };
    for name in ["llama2", "llama3", "qwen3", "smollm2"] {
        let tokenizer = match name {
            "smollm2" => smollm2(&folder),
            _ => Tokenizer::in_folder(&folder.join(name)).unwrap(),
        };
        let lines = lines(&folder.join(name));
        assert_eq!(lines.len(), 1000);
        lines.iter().for_each(|line| check(&tokenizer, line));
        // Written for llama.cpp and read again, it is the same.
        let again = Tokenizer::from_gguf(tokenizer.to_gguf().unwrap(), Path::new(name)).unwrap();
        assert_eq!(again.end_of_text(), tokenizer.end_of_text());
        lines.iter().for_each(|line| check(&again, line));
    }
}

#[test]
fn smollm2_is_the_model_of_the_reference() {
    let Some(folder) = published() else { return };
    let reference: Value =
        serde_json::from_str(include_str!("../fixtures/smollm2_reference.json")).unwrap();
    let tokenizer = smollm2(&folder);
    assert_eq!((tokenizer.end_of_text(), tokenizer.separator()), (2, 0));
    assert_eq!((tokenizer.vocab_size(), tokenizer.before_text()), (49_152, &[][..]));
    for (text, ids) in reference["tokenizer"].as_object().unwrap() {
        let ids: Vec<u32> = serde_json::from_value(ids.clone()).unwrap();
        assert_eq!(tokenizer.encode_with_special(text).unwrap(), ids, "{text:?}");
    }
    let source = read(&folder.join("smollm2/metadata.json"))["tokenizer.chat_template"].clone();
    let template =
        ChatTemplate::from_jinja(source.as_str().unwrap(), BTreeMap::new(), "smollm2.gguf")
            .unwrap();
    let messages = [Message::user("What is machine learning?")];
    let options = ChatOptions::default();
    let prompt = template.prompt(&messages, &options).unwrap();
    assert_eq!(prompt, reference["chat_prompt"].as_str().unwrap());
    let ids: Vec<u32> = serde_json::from_value(reference["chat_ids"].clone()).unwrap();
    assert_eq!(template.prompt_ids(&tokenizer, &messages, &options).unwrap(), ids);
}

#[test]
fn published_chat_templates_render_as_transformers_does() {
    let Some(folder) = published() else { return };
    for name in ["llama3", "qwen3", "smollm2"] {
        let chats = read(&folder.join(name).join("chats.json"));
        let template = match name {
            "smollm2" => {
                let source = chats["template"].as_str().unwrap();
                ChatTemplate::from_jinja(source, BTreeMap::new(), name).unwrap()
            }
            _ => ChatTemplate::in_folder(&folder.join(name)).unwrap().unwrap(),
        };
        for chat in chats["chats"].as_array().unwrap() {
            check_chat(&template, chat);
        }
    }
    assert_eq!(ChatTemplate::in_folder(&folder.join("llama2")).unwrap(), None);
}

/// A conversation that transformers has rendered or refused.
#[track_caller]
pub(crate) fn check_chat(template: &ChatTemplate, chat: &Value) {
    let messages = Message::list_from_json(chat["messages"].as_str().unwrap()).unwrap();
    let mut options = ChatOptions::default();
    let mut asks = true;
    for (name, option) in chat["options"].as_object().unwrap() {
        let value = TemplateValue::from_json(option.as_str().unwrap()).unwrap();
        match name.as_str() {
            "add_generation_prompt" => asks = option == "true",
            "tools" => options.tools = Some(value),
            _ => _ = options.variables.insert(name.clone(), value),
        }
    }
    let rendered = if asks {
        template.prompt(&messages, &options)
    } else {
        template.conversation(&messages, &options)
    };
    match (rendered, chat["text"].as_str()) {
        (Ok(text), Some(expected)) => assert_eq!(text, expected, "{chat}"),
        (Err(_), None) => {}
        (found, expected) => panic!("{found:?} instead of {expected:?} for {chat}"),
    }
}

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

/// tiktoken shares no code with the library that `Tokenizer` is built on.
#[test]
fn gpt2_has_the_ids_of_tiktoken_on_hard_lines_and_a_novel() {
    let Some(folder) = published() else { return };
    let cases = fs_err::read(folder.join("gpt2/ids.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
    assert!(cases.len() > 1_000);
    let gpt2 = Tokenizer::gpt2().unwrap();
    for Case { text, ids } in cases {
        let start: String = text.chars().take(60).collect();
        assert!(gpt2.encode(&text).unwrap() == ids, "{start:?}");
        assert!(gpt2.decode(&ids).unwrap() == text, "{start:?}");
    }
}

//! Tiny tokenizers of each family, made with Python's library (`make_tokenizers.py`): the same ids and texts.

use std::path::{Path, PathBuf};

use minigpt_data::{DataError, TextStream, TokenSplit, Tokenizer};
use serde_json::{Value, json};

pub(crate) const FAMILIES: [&str; 5] = ["smollm", "llama3", "qwen", "llama2", "mistral"];

pub(crate) fn folder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers").join(family)
}

pub(crate) fn load(family: &str) -> Tokenizer {
    Tokenizer::in_folder(&folder(family)).unwrap()
}

/// A line and what Python's library makes of it.
#[derive(serde::Deserialize)]
pub(crate) struct Line {
    pub(crate) text: String,
    ids: Vec<u32>,
    prompt_ids: Vec<u32>,
    before: Vec<u32>,
    decoded: String,
}

pub(crate) fn lines(folder: &Path) -> Vec<Line> {
    serde_json::from_slice(&fs_err::read(folder.join("ids.json")).unwrap()).unwrap()
}

/// All that a line tells: ids of the text and of a prompt, what stands before, text again, also as a stream.
#[track_caller]
pub(crate) fn check(tokenizer: &Tokenizer, line: &Line) {
    let Line { text, ids, prompt_ids, before, decoded } = line;
    assert_eq!(tokenizer.encode(text).unwrap(), *ids, "ids of {text:?}");
    assert_eq!(tokenizer.encode_with_special(text).unwrap(), *prompt_ids, "prompt {text:?}");
    assert_eq!(tokenizer.before_text(), before);
    assert_eq!(tokenizer.decode(ids).unwrap(), *decoded, "text of {text:?}");
    let mut stream = TextStream::new(tokenizer);
    let mut streamed = String::new();
    for &id in ids {
        let piece = stream.push(id).unwrap().unwrap_or_default();
        let is_half = piece.contains('\u{fffd}') && !decoded.contains('\u{fffd}');
        assert!(!is_half, "half a character in {text:?}");
        streamed += &piece;
    }
    assert_eq!(streamed + &stream.finish(), *decoded, "stream of {text:?}");
}

#[test]
fn ids_and_texts_are_those_of_pythons_library() {
    for family in FAMILIES {
        let tokenizer = load(family);
        let lines = lines(&folder(family));
        assert!(lines.len() > 60);
        lines.iter().for_each(|line| check(&tokenizer, line));
    }
}

#[test]
fn ends_of_text_and_separators_are_what_the_files_say() {
    let names = |tokenizer: &Tokenizer, ids: &[u32]| tokenizer.decode(ids).unwrap();
    for (family, ends, separator) in [
        ("smollm", "<|im_end|>", "<|endoftext|>"),
        ("llama3", "<|eot_id|><|end_of_text|>", "<|begin_of_text|>"),
        ("qwen", "<|im_end|><|endoftext|>", "<|endoftext|>"),
        ("llama2", "</s>", "<s>"),
        ("mistral", "</s>", "<s>"),
    ] {
        let tokenizer = load(family);
        assert_eq!(names(&tokenizer, tokenizer.ends_of_text()), ends);
        assert_eq!(names(&tokenizer, &[tokenizer.separator()]), separator);
        assert_eq!(tokenizer.ends_of_text()[0], tokenizer.end_of_text());
        assert!(tokenizer.after_text().is_empty());
        let split = TokenSplit::from_documents(&tokenizer, &["a".to_owned()], &mut |_| {}).unwrap();
        assert_eq!(split.ids(0..1), [tokenizer.separator()]);
    }
}

#[test]
fn a_saved_tokenizer_keeps_its_ends_alone() {
    for family in FAMILIES {
        let tokenizer = load(family);
        let elsewhere = tempfile::tempdir().unwrap();
        let path = elsewhere.path().join("tokenizer.json");
        tokenizer.save(&path).unwrap();
        let again = Tokenizer::load(&path).unwrap();
        assert_eq!(again.ends_of_text(), tokenizer.ends_of_text());
        assert_eq!(again.separator(), tokenizer.separator());
        assert_eq!(again.before_text(), tokenizer.before_text());
        assert_eq!(again.fingerprint().unwrap(), tokenizer.fingerprint().unwrap());
        lines(&folder(family)).iter().take(20).for_each(|line| check(&again, line));
    }
}

/// Documents longer than a piece: cut where the ids are those of the whole.
#[test]
fn long_documents_have_the_ids_of_the_whole() {
    for family in FAMILIES {
        let tokenizer = load(family);
        let lines = lines(&folder(family));
        let joined: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let document = joined.join("! \n\nWhat? ");
        assert!(document.len() > 3000);
        // A prompt is never cut, and this one has no special tokens.
        let document = document.replace("<|", "< |").replace("<s>", "").replace("</s>", "");
        let document = document.replace("<unk>", "");
        let whole = tokenizer.encode_with_special(&document).unwrap();
        assert_eq!(tokenizer.encode(&document).unwrap(), whole, "{family}");
        let documents = [document];
        let together = tokenizer.encode_documents(&documents, &mut |_| {}).unwrap();
        assert_eq!(together[0], whole, "{family}");
    }
}

#[test]
fn a_text_that_goes_on_has_no_space_before_it() {
    for family in ["llama2", "mistral"] {
        let tokenizer = load(family);
        let ids = tokenizer.encode("the walked").unwrap();
        let more = tokenizer.encode_continuation(" home").unwrap();
        assert_eq!(
            [ids.clone(), more.clone()].concat(),
            tokenizer.encode("the walked home").unwrap()
        );
        let mut stream = TextStream::continuing(&tokenizer);
        let text: String = more.iter().filter_map(|id| stream.push(*id).unwrap()).collect();
        assert_eq!(text, " home");
        assert_eq!(tokenizer.decode(&more).unwrap(), "home");
    }
}

/// Bytes that make no character, from a model: each begun character is one U+FFFD, here as in a stream.
#[test]
fn bytes_that_are_no_text_stream_as_they_decode() {
    let tokenizer = load("llama2");
    let byte = |byte: u8| tokenizer.token_id(&format!("<0x{byte:02X}>")).unwrap();
    let ids = [0xe6, 0x9d, 0xe6, 0x9d, 0xb1, 0xff, 0x61, 0xf0, 0x9f].map(byte);
    assert_eq!(tokenizer.decode(&ids).unwrap(), "\u{fffd}東\u{fffd}a\u{fffd}");
    let mut stream = TextStream::new(&tokenizer);
    let pieces: Vec<String> = ids.iter().filter_map(|id| stream.push(*id).unwrap()).collect();
    assert_eq!(pieces, ["\u{fffd}", "東", "\u{fffd}", "a"]);
    assert_eq!(stream.finish(), "\u{fffd}");
    assert_eq!(tokenizer.token_label(byte(0xe6)), "\\xE6");
    assert_eq!(tokenizer.token_label(byte(b'\n')), "\\n");
}

/// A folder with the files of a family, one of them changed.
fn changed(family: &str, name: &str, change: impl FnOnce(&mut Value)) -> DataError {
    let copy = tempfile::tempdir().unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        fs_err::copy(folder(family).join(name), copy.path().join(name)).unwrap();
    }
    let path = copy.path().join(name);
    let mut value: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs_err::write(&path, value.to_string()).unwrap();
    Tokenizer::in_folder(copy.path()).unwrap_err()
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let refuses = |name: &str, change: &dyn Fn(&mut Value), reason: &str| {
        let error = changed("llama2", name, change).to_string();
        assert!(error.contains(name) && error.contains(reason), "{error}");
        assert_eq!(error.lines().count(), 1);
    };
    let config = "tokenizer_config.json";
    refuses(config, &|file| file["eos_token"] = json!("<eos>"), "eos_token \"<eos>\" is no token");
    refuses(
        config,
        &|file| file["added_tokens_decoder"] = json!({ "2": { "content": "<eos>" } }),
        "added_tokens_decoder has \"<eos>\" for id 2: tokenizer.json has \"</s>\"",
    );
    refuses(
        config,
        &|file| file["split_special_tokens"] = json!(true),
        "split_special_tokens is true: expected false",
    );
    let generation = "generation_config.json";
    refuses(generation, &|file| file["eos_token_id"] = json!("</s>"), "eos_token_id is \"</s>\"");
    refuses(generation, &|file| *file = json!([1]), "invalid type");
    refuses(
        "tokenizer.json",
        &|file| file["model"]["vocab"]["<0x41>"] = Value::Null,
        "invalid type",
    );
    refuses(
        "tokenizer.json",
        &|file| {
            let vocab = file["model"]["vocab"].as_object_mut().unwrap();
            let id = vocab.remove("<0x41>").unwrap();
            vocab.insert("<0x4>".to_owned(), id);
        },
        "no token of byte 0x41",
    );
    refuses(
        "tokenizer.json",
        &|file| file["post_processor"]["special_tokens"]["<s>"]["ids"] = json!([99_999]),
        "id 99999, which it puts around texts, is not one of",
    );
}

/// A pattern that takes forever is an error, not a program that ends.
#[test]
fn a_pattern_without_end_is_an_error() {
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("tokenizer.json");
    Tokenizer::bytes().unwrap().save(&path).unwrap();
    let mut file: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    let byte_level = file["pre_tokenizer"].take();
    let split = json!({
        "type": "Split", "pattern": { "Regex": "(a*)*(a*)*(a*)*b" }, "behavior": "Isolated", "invert": false
    });
    file["pre_tokenizer"] = json!({ "type": "Sequence", "pretokenizers": [split, byte_level] });
    fs_err::write(&path, file.to_string()).unwrap();
    let tokenizer = Tokenizer::load(&path).unwrap();
    match tokenizer.encode(&"a".repeat(400)) {
        Ok(ids) => assert_eq!(tokenizer.decode(&ids).unwrap(), "a".repeat(400)),
        Err(error) => assert!(error.to_string().starts_with("the tokenizer failed: "), "{error}"),
    }
}

/// Bytes changed, cut out or doubled at random places: one line of error, or a tokenizer that works.
#[test]
fn damaged_files_are_refused_in_one_line() {
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("tokenizer.json");
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut refused = 0;
    for family in FAMILIES {
        for name in ["tokenizer_config.json", "generation_config.json"] {
            fs_err::copy(folder(family).join(name), copy.path().join(name)).unwrap();
        }
        let whole = fs_err::read(folder(family).join("tokenizer.json")).unwrap();
        for number in 0..100 {
            let mut bytes = whole.clone();
            for _ in 0..=number % 3 {
                let at = draw(bytes.len());
                match draw(4) {
                    0 => bytes[at] = draw(256) as u8,
                    1 => _ = bytes.drain(at..(at + 1 + draw(40)).min(whole.len()).min(bytes.len())),
                    2 => bytes.insert(at, b"0123456789[]{},\"\\"[draw(17)]),
                    _ => bytes[at] ^= 1 << draw(8),
                }
            }
            fs_err::write(&path, &bytes).unwrap();
            match Tokenizer::load(&path) {
                Ok(tokenizer) => {
                    let ids = tokenizer.encode_with_special("It was 3.14 <s> é🎭\n").unwrap();
                    tokenizer.decode(&ids).unwrap();
                }
                Err(error) => {
                    refused += 1;
                    let error = error.to_string();
                    assert!(error.contains("json") && error.lines().count() == 1, "{error}");
                    assert!(error.len() < 2000, "{error}");
                }
            }
        }
    }
    assert!(refused > 300, "only {refused} of 500 are refused");
}

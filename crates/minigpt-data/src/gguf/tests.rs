#![allow(clippy::unwrap_used)]

use super::*;
use crate::TextStream;

/// A tiny vocabulary of each kind, as `make_tokenizers.py` trained it.
fn family(name: &str) -> Tokenizer {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    Tokenizer::in_folder(&fixtures.join(name)).unwrap()
}

fn read(vocabulary: GgufVocabulary) -> Result<Tokenizer, DataError> {
    Tokenizer::from_gguf(vocabulary, Path::new("model.gguf"))
}

#[derive(serde::Deserialize)]
struct Line {
    text: String,
    prompt_ids: Vec<u32>,
}

/// Lines with the ids that Python's library has for them.
fn lines(name: &str) -> Vec<Line> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    serde_json::from_slice(&fs_err::read(fixtures.join(name).join("ids.json")).unwrap()).unwrap()
}

#[test]
fn written_and_read_again_a_tokenizer_is_the_same() {
    for (name, model, pre) in [
        ("smollm", "gpt2", Some("smollm")),
        ("llama3", "gpt2", Some("llama-bpe")),
        ("qwen", "gpt2", Some("qwen2")),
        ("llama2", "llama", None),
        ("mistral", "llama", None),
    ] {
        let tokenizer = family(name);
        let vocabulary = tokenizer.to_gguf().unwrap();
        assert_eq!((vocabulary.model.as_str(), vocabulary.pre.as_deref()), (model, pre));
        assert_eq!(vocabulary.tokens.len(), tokenizer.vocab_size());
        let again = read(vocabulary).unwrap();
        assert_eq!(again.end_of_text(), tokenizer.end_of_text());
        assert_eq!(again.separator(), tokenizer.separator());
        assert_eq!(again.before_text(), tokenizer.before_text());
        for Line { text, prompt_ids } in lines(name) {
            // Newer files put a space before a text alone that has none, llama.cpp before each text and after
            // each special token.
            let begins_with_one = text.starts_with([' ', META_SPACE]);
            if name == "mistral" && (begins_with_one || prompt_ids.iter().any(|id| *id < 3)) {
                continue;
            }
            assert_eq!(again.encode_with_special(&text).unwrap(), prompt_ids, "{name}: {text:?}");
            let decoded = tokenizer.decode(&prompt_ids).unwrap();
            assert_eq!(again.decode(&prompt_ids).unwrap(), decoded);
        }
    }
    let gpt2 = Tokenizer::gpt2().unwrap();
    let again = read(gpt2.to_gguf().unwrap()).unwrap();
    let text = "It was 3.14,\tnot  π…\r\n\0<|endoftext|> 🎭";
    assert_eq!(again.encode(text).unwrap(), gpt2.encode(text).unwrap());
    let characters = Tokenizer::characters(["abc"].into_iter()).unwrap();
    let error = characters.to_gguf().unwrap_err().to_string();
    assert!(
        error.starts_with("the tokenizer cannot be written as GGUF: it is one of char"),
        "{error}"
    );
}

/// Five pieces, of which the one with the highest score is merged first.
#[test]
fn sentencepiece_merges_by_score() {
    let bytes = (0..=255).map(|byte| format!("<0x{byte:02X}>"));
    let tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).into_iter().collect();
    let pieces = ["\u{2581}", "a", "b", "c", "ab", "bc", "\u{2581}a"].map(str::to_owned);
    let tokens: Vec<String> = tokens.into_iter().chain(bytes).chain(pieces).collect();
    let kind = |id: usize| match id {
        0 => UNKNOWN,
        1 | 2 => CONTROL,
        3..259 => BYTE,
        _ => NORMAL,
    };
    let token_types: Vec<i32> = (0..tokens.len()).map(kind).collect();
    let mut scores = vec![0.0; tokens.len()];
    scores[259..].copy_from_slice(&[-9.0, -9.0, -9.0, -9.0, -3.0, -2.0, -1.0]);
    let vocabulary = GgufVocabulary {
        model: "llama".to_owned(),
        tokens,
        token_types,
        scores,
        bos: Some(1),
        eos: Some(2),
        unknown: Some(0),
        add_space_prefix: Some(false),
        ..GgufVocabulary::default()
    };
    let tokenizer = read(vocabulary.clone()).unwrap();
    assert_eq!(tokenizer.before_text(), [1], "llama begins texts where the file does not say");
    assert_eq!(tokenizer.encode("abc").unwrap(), [260, 264]);
    assert_eq!(tokenizer.encode(" abc é").unwrap(), [265, 264, 259, 3 + 0xc3, 3 + 0xa9]);
    assert_eq!(tokenizer.encode("<s>").unwrap().len(), 3);
    assert_eq!(tokenizer.encode_with_special("<s>").unwrap(), [1]);
    let mut stream = TextStream::new(&tokenizer);
    let pieces: Vec<_> = [265, 3 + 0xc3, 3 + 0xa9].map(|id| stream.push(id).unwrap()).into();
    assert_eq!(pieces, [Some(" a".to_owned()), None, Some("é".to_owned())]);
    let prefixed = GgufVocabulary { add_space_prefix: None, add_bos: Some(false), ..vocabulary };
    let tokenizer = read(prefixed).unwrap();
    assert_eq!(tokenizer.encode("a").unwrap(), [265]);
    assert_eq!(tokenizer.decode(&[265]).unwrap(), "a");
    assert_eq!((tokenizer.before_text(), tokenizer.ends_of_text()), (&[][..], &[2][..]));
}

#[test]
fn keys_that_do_not_belong_together_are_named() {
    let good = Tokenizer::bytes().unwrap().to_gguf().unwrap();
    read(good.clone()).unwrap();
    let refuses = |change: &dyn Fn(&mut GgufVocabulary), reason: &str| {
        let mut vocabulary = good.clone();
        change(&mut vocabulary);
        let error = read(vocabulary).unwrap_err().to_string();
        assert!(error.starts_with("model.gguf is not a usable tokenizer: "), "{error}");
        assert!(error.contains(reason) && error.lines().count() == 1, "{error}");
    };
    refuses(&|v| v.model = "bert".into(), "tokenizer.ggml.model is \"bert\": expected \"gpt2\"");
    refuses(
        &|v| v.pre = Some("new".into()),
        "tokenizer.ggml.pre is \"new\": expected one of gpt-2",
    );
    refuses(&|v| v.token_types.push(1), "tokenizer.ggml.token_type has 258 values: expected 257");
    refuses(&|v| v.model = "llama".into(), "tokenizer.ggml.scores has 0 values: expected 257");
    refuses(&|v| v.eos = Some(257), "tokenizer.ggml.eos_token_id is 257: expected one below 257");
    refuses(&|v| v.merges.push("ab".into()), "tokenizer.ggml.merges: \"ab\": expected two tokens");
    refuses(&|v| v.merges.push("a zz".into()), "out of vocabulary");
    refuses(&|v| v.tokens[7] = v.tokens[8].clone(), "tokenizer.ggml.tokens has ");
    refuses(&|v| v.tokens[7].clear(), "tokenizer.ggml.tokens[7] has 0 bytes");
    refuses(&|v| v.tokens[7] = "x".repeat(2000), "tokens[7] has 2000 bytes: expected 1 to 1024");
    refuses(&|v| v.tokens[65] = "other".into(), "no token of byte 0x");
    refuses(&|v| (v.bos, v.add_bos) = (None, Some(true)), "bos_token_id is missing");
    refuses(
        &|v| (v.eos, v.eot, v.token_types) = (None, None, vec![NORMAL; 257]),
        "it has no special token <|endoftext|>",
    );
    // Without a name, texts are cut as llama.cpp does by default.
    let mut unnamed = good.clone();
    unnamed.pre = None;
    assert_eq!(read(unnamed).unwrap().to_gguf().unwrap().pre.as_deref(), Some("default"));
}

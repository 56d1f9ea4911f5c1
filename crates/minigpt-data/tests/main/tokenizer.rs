//! Tokenizers made here: ids that others compute too, exact round trips, files, every error.

use std::sync::LazyLock;

use minigpt_data::{
    Corpus, DataError, END_OF_TEXT, ReadOptions, Source, TokenSplit, Tokenizer, TokenizerSpec,
};
use proptest::prelude::*;

static GPT2: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::gpt2().unwrap());
static CORPUS: LazyLock<Corpus> = LazyLock::new(|| Corpus::embedded().unwrap());
static BPE: LazyLock<Tokenizer> = LazyLock::new(|| train(1024));

fn train(vocab_size: usize) -> Tokenizer {
    // One novel of the held-out size keeps the tests quick.
    Tokenizer::train_bpe(CORPUS.valid.iter().map(String::as_str), vocab_size).unwrap()
}

#[derive(serde::Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

#[test]
fn gpt2_gives_the_ids_of_tiktoken() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../fixtures/gpt2_ids.json")).unwrap();
    assert!(cases.len() > 12);
    for Case { text, ids } in cases {
        assert_eq!(GPT2.encode(&text).unwrap(), ids, "{text:?}");
        assert_eq!(GPT2.decode(&ids).unwrap(), text);
    }
    assert_eq!((GPT2.vocab_size(), GPT2.end_of_text()), (50_257, 50_256));
}

#[test]
fn embedded_corpus_has_the_known_number_of_gpt2_tokens() {
    let mut reports = Vec::new();
    let split =
        TokenSplit::from_documents(&GPT2, &CORPUS.train, &mut |report| reports.push(report))
            .unwrap();
    // 610,752 by tiktoken and by Hugging Face's library alike, and five END_OF_TEXT.
    assert_eq!((split.len(), split.bytes), (610_752 + 5, 2_668_445));
    assert!(reports.len() > 1 && reports.is_sorted_by_key(|report| report.done_bytes));
    let last = reports.last().unwrap();
    assert_eq!((last.done_bytes, last.total_bytes), (2_668_445, 2_668_445));
}

#[test]
fn documents_encode_as_they_do_one_by_one() {
    let documents: Vec<String> =
        [CORPUS.valid[0].as_str(), "", "short", &"x".repeat(100_000), &"語".repeat(30_000)]
            .map(str::to_owned)
            .into();
    for tokenizer in [&*GPT2, &*BPE] {
        let together = tokenizer.encode_documents(&documents, &mut |_| {}).unwrap();
        for (document, ids) in documents.iter().zip(together) {
            assert!(tokenizer.encode(document).unwrap() == ids);
        }
    }
}

proptest! {
    #[test]
    fn decoding_gives_back_the_text(text in "(\\PC|\\s|[\0-\u{ff}]){0,80}") {
        for tokenizer in [&*GPT2, &*BPE] {
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text.as_str());
        }
    }
}

#[test]
fn trained_bpe_has_bytes_first_and_end_of_text_last() {
    assert_eq!((BPE.vocab_size(), BPE.end_of_text()), (1024, 1023));
    assert_eq!(BPE.decode(&[1023]).unwrap(), END_OF_TEXT);
    assert_eq!(BPE.token_label(256), " t");
    assert_eq!(train(257).encode("ab").unwrap().len(), 2);
    // Nothing occurs twice in these: no merges to learn.
    let short = Tokenizer::train_bpe(["abc"].into_iter(), 4096).unwrap();
    assert_eq!(short.vocab_size(), 257);
}

#[test]
fn training_is_deterministic() {
    assert_eq!(train(1024).fingerprint().unwrap(), BPE.fingerprint().unwrap());
    assert_ne!(train(1025).fingerprint().unwrap(), BPE.fingerprint().unwrap());
}

#[test]
fn the_marker_in_a_text_is_ordinary_text() {
    for tokenizer in [&*GPT2, &*BPE] {
        let ids = tokenizer.encode(END_OF_TEXT).unwrap();
        assert!(ids.len() > 1 && !ids.contains(&tokenizer.end_of_text()));
        assert_eq!(tokenizer.decode(&ids).unwrap(), END_OF_TEXT);
    }
}

#[test]
fn a_saved_tokenizer_loads_as_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    for tokenizer in [&*GPT2, &*BPE] {
        tokenizer.save(&path).unwrap();
        let loaded = Tokenizer::load(&path).unwrap();
        assert_eq!(loaded.fingerprint().unwrap(), tokenizer.fingerprint().unwrap());
        assert_eq!(loaded.end_of_text(), tokenizer.end_of_text());
        let text = "It's <|endoftext|> 🎭";
        assert_eq!(loaded.encode(text).unwrap(), tokenizer.encode(text).unwrap());
    }
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn bytes_are_their_values() {
    let bytes = Tokenizer::bytes().unwrap();
    assert_eq!((bytes.vocab_size(), bytes.end_of_text()), (257, 256));
    let text = "a\0 é🎭\n<|endoftext|>";
    let ids = bytes.encode(text).unwrap();
    assert!(ids.iter().copied().eq(text.bytes().map(u32::from)));
    assert_eq!(bytes.decode(&ids).unwrap(), text);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    bytes.save(&path).unwrap();
    let loaded = Tokenizer::load(&path).unwrap();
    assert_eq!(loaded.fingerprint().unwrap(), bytes.fingerprint().unwrap());
    assert_eq!(loaded.encode(text).unwrap(), ids);
}

#[test]
fn characters_are_numbered_in_order() {
    let corpus = Corpus {
        name: String::new(),
        train: vec!["hello\n".to_owned()],
        valid: vec!["é".to_owned()],
        test: Some(vec!["🎭".to_owned()]),
    };
    let chars = Tokenizer::for_corpus(&TokenizerSpec::Char, &corpus).unwrap();
    assert_eq!((chars.vocab_size(), chars.end_of_text()), (8, 7));
    assert_eq!(chars.encode("\nehloé🎭").unwrap(), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(chars.decode(&[2, 1, 3, 3, 4, 7]).unwrap(), "hello<|endoftext|>");
    assert_eq!(
        chars.encode("hallo").unwrap_err().to_string(),
        "character 'a' (U+0061) is not in the vocabulary: the char tokenizer knows the 7 \
         characters of its corpus; remove the character from the text, or use the tokenizer \"byte\" or \
         \"bpe:<size>\""
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    chars.save(&path).unwrap();
    let spec: TokenizerSpec = format!("file:{}", path.display()).parse().unwrap();
    let loaded = Tokenizer::for_corpus(&spec, &corpus).unwrap();
    assert_eq!(loaded.fingerprint().unwrap(), chars.fingerprint().unwrap());
    assert_eq!(loaded.encode("hello").unwrap(), chars.encode("hello").unwrap());
    let good = fs_err::read_to_string(&path).unwrap();
    for (from, to, reason) in [
        ("[\\\\s\\\\S]", "\\\\w+", "it is of words, not of characters"),
        ("\"e\"", "\"ee\"", "it has tokens of more than one character"),
        ("\"e\": 1", "\"e\": 9", "its ids have gaps"),
        ("<|endoftext|>", "<eos>", "its one special token is not <|endoftext|>"),
        ("\"Fuse\"", "\"ByteLevel\"", "decoder.type is not what a tokenizer of characters has"),
        ("\"truncation\": null", "\"truncation\": {\"max_length\": 8}", "truncation is not what"),
        ("\"<unk>\"", "\"e\"", "model.unk_token is not what"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        fs_err::write(&path, changed).unwrap();
        let error = Tokenizer::load(&path).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn documents_on_disk_train_the_same_tokenizers() {
    let documents = Source::Embedded.open(&ReadOptions::default()).unwrap();
    for spec in [TokenizerSpec::Bpe { vocab_size: 300 }, TokenizerSpec::Char] {
        let streamed = Tokenizer::for_documents(&spec, &documents).unwrap();
        let in_memory = Tokenizer::for_corpus(&spec, &CORPUS).unwrap();
        assert_eq!(streamed.fingerprint().unwrap(), in_memory.fingerprint().unwrap());
    }
}

#[test]
fn labels_are_readable() {
    let label = |text| GPT2.token_label(GPT2.encode(text).unwrap()[0]);
    assert_eq!(label(" the"), " the");
    assert_eq!(label("\n"), "\\n");
    assert_eq!(label("é"), "é");
    assert_eq!(label("🎭"), "\\xF0\\x9F");
    assert_eq!(GPT2.token_label(50_256), END_OF_TEXT);
    assert_eq!(GPT2.token_label(60_000), "#60000");
}

#[test]
fn specs_are_strings() {
    for text in ["gpt2", "bpe:257", "bpe:65536", "char", "byte", "file:a/b:c.json", "hf:a/b"] {
        let spec: TokenizerSpec = text.parse().unwrap();
        assert_eq!(spec.to_string(), text);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<TokenizerSpec>(&json).unwrap(), spec);
    }
    let unknown = |given| {
        format!(
            "unknown tokenizer {given:?}: expected \"gpt2\", \"bpe:<size>\" such as \"bpe:4096\", \"char\", \"byte\", \"file:<tokenizer.json>\" or \"hf:<owner>/<model>\""
        )
    };
    let out_of_range = |given| {
        format!(
            "vocabulary size {given} is out of range: expected 257 (the 256 bytes and <|endoftext|>) to 65536"
        )
    };
    for (text, message) in [
        ("word", unknown("word")),
        ("bpe:", unknown("bpe:")),
        ("bpe:-1", unknown("bpe:-1")),
        ("file:", unknown("file:")),
        ("char:5", unknown("char:5")),
        ("bpe:256", out_of_range(256)),
        ("bpe:65537", out_of_range(65_537)),
    ] {
        assert_eq!(text.parse::<TokenizerSpec>().unwrap_err().to_string(), message);
    }
    let spec = TokenizerSpec::Bpe { vocab_size: 1 };
    assert_eq!(Tokenizer::for_corpus(&spec, &CORPUS).unwrap_err().to_string(), out_of_range(1));
}

#[test]
fn unknown_ids_are_refused() {
    let error = GPT2.decode(&[1, 50_257]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token id 50257 is out of range: the tokenizer knows ids below 50257; \
         use the tokenizer that the model was trained with"
    );
}

const NO_END: &str = "it has no special token <|endoftext|>, and no tokenizer_config.json or generation_config.json beside it names another end of text";

#[test]
fn other_tokenizers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    train(257).save(&path).unwrap();
    let good = fs_err::read_to_string(&path).unwrap();
    for (from, to, reason) in [
        (
            "\"add_prefix_space\": false",
            "\"add_prefix_space\": true",
            "pre_tokenizer.add_prefix_space is true: expected false",
        ),
        (
            "\"normalizer\": null",
            "\"normalizer\": {\"type\": \"Nmt\"}",
            "normalizer.type is \"Nmt\": expected NFC, NFD, NFKC or NFKD, and with byte fallback Prepend and Replace of U+2581",
        ),
        ("\"dropout\": null", "\"dropout\": 0.5", "model.dropout is 0.5: expected null"),
        ("\"special\": true", "\"special\": false", NO_END),
        ("<|endoftext|>", "<eos>", NO_END),
        ("\"A\":", "\"AA\":", "it does not cover all 256 bytes: no token of byte 0x41"),
        ("\"A\": 32", "\"A\": 300", "its ids have gaps"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        fs_err::write(&path, changed).unwrap();
        assert_eq!(
            Tokenizer::load(&path).unwrap_err().to_string(),
            format!(
                "{} is not a usable tokenizer: {reason}; expected a tokenizer.json of a byte-level BPE, or of a BPE with byte fallback",
                path.display()
            )
        );
    }
    // A field that is there twice has one value, not two.
    let twice = "\"model\": {\n    \"end_of_word_suffix\": \"</w>\",";
    fs_err::write(&path, good.replacen("\"model\": {", twice, 1)).unwrap();
    assert_eq!(Tokenizer::load(&path).unwrap().encode("ab").unwrap().len(), 2);
    fs_err::write(&path, "{").unwrap();
    assert!(matches!(Tokenizer::load(&path), Err(DataError::BadTokenizer { .. })));
    #[cfg(unix)]
    {
        let link = folder.path().join("link.json");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let error = Tokenizer::load(&link).unwrap_err().to_string();
        assert!(error.contains("link.json: a device"), "{error}");
    }
    let missing = folder.path().join("none").join("tokenizer.json");
    for error in [Tokenizer::load(&missing).unwrap_err(), GPT2.save(&missing).unwrap_err()] {
        assert!(matches!(error, DataError::Io(_)));
        assert!(error.to_string().contains("tokenizer.json"), "{error}");
    }
}

/// Writes the tables of a tokenizer as the two files in which GPT-2 was published.
fn write_tables(tokenizer: &Tokenizer, folder: &std::path::Path) {
    let tables = tokenizer.vocabulary().unwrap().unwrap();
    let vocab: std::collections::BTreeMap<&str, usize> =
        tables.tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
    fs_err::write(folder.join("vocab.json"), serde_json::to_vec(&vocab).unwrap()).unwrap();
    let merges = format!("#version: 0.2\n{}\n", tables.merges.join("\n"));
    fs_err::write(folder.join("merges.txt"), merges).unwrap();
}

#[test]
fn a_folder_has_its_tokenizer_in_one_file_or_in_two() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = || Tokenizer::in_folder(folder.path());
    let error = in_folder().unwrap_err().to_string();
    assert!(
        error.ends_with("has no tokenizer: expected tokenizer.json, or vocab.json and merges.txt")
    );
    for tokenizer in [&*GPT2, &*BPE, &Tokenizer::bytes().unwrap()] {
        write_tables(tokenizer, folder.path());
        let loaded = in_folder().unwrap();
        assert_eq!(loaded.vocabulary().unwrap(), tokenizer.vocabulary().unwrap());
        assert_eq!(loaded.end_of_text(), tokenizer.end_of_text());
        let text = &CORPUS.valid[0][..10_000];
        assert_eq!(loaded.encode(text).unwrap(), tokenizer.encode(text).unwrap());
    }
    let tables = GPT2.vocabulary().unwrap().unwrap();
    assert_eq!((tables.tokens.len(), tables.merges.len()), (50_257, 50_000));
    assert_eq!((tables.tokens[262].as_str(), tables.merges[0].as_str()), ("Ġthe", "Ġ t"));

    BPE.save(&folder.path().join("tokenizer.json")).unwrap();
    assert_eq!(in_folder().unwrap().fingerprint().unwrap(), BPE.fingerprint().unwrap());
    let characters = Tokenizer::characters(["abc"].into_iter()).unwrap();
    assert_eq!(characters.vocabulary().unwrap(), None);
}

#[test]
fn tables_that_are_none_are_refused_with_their_file() {
    let folder = tempfile::tempdir().unwrap();
    write_tables(&Tokenizer::bytes().unwrap(), folder.path());
    let refuses = |file: &str, contents: &str, reason: &str| {
        let path = folder.path().join(file);
        let before = fs_err::read(&path).unwrap();
        fs_err::write(&path, contents).unwrap();
        let error = Tokenizer::in_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains(reason), "{error}");
        fs_err::write(path, before).unwrap();
    };
    refuses("vocab.json", "[1, 2]", "invalid type");
    refuses("vocab.json", r#"{"a": 0}"#, "it does not cover all 256 bytes");
    refuses("vocab.json", r#"{"a": -1}"#, "invalid value");
    refuses("merges.txt", "a b\n", "out of vocabulary");
}

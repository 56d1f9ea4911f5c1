use super::*;

/// Of two tokens, with more keys.
fn read(more: &[(&str, Value)]) -> Result<GgufVocabulary, TextError> {
    let tokens = vec!["a".to_owned(), "b".to_owned()];
    let mut all = vec![
        ("tokenizer.ggml.model".to_owned(), "gpt2".into()),
        ("tokenizer.ggml.tokens".to_owned(), tokens.into()),
    ];
    all.extend(more.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone())));
    vocabulary(Path::new("model.gguf"), &Metadata::new("model.gguf", all).unwrap())
}

#[test]
fn what_converters_write_of_families_that_run_is_known() {
    let written = [
        // Llama 2's, Mistral's, SmolLM2's.
        ("add_bos_token", true.into()),
        ("add_eos_token", false.into()),
        ("add_sep_token", false.into()),
        ("add_space_prefix", false.into()),
        ("remove_extra_whitespaces", false.into()),
        ("bos_token_id", 0_u32.into()),
        ("eos_token_id", 1_u32.into()),
        ("unknown_token_id", 0_u32.into()),
        ("padding_token_id", 1_u32.into()),
        // Llama 3's, Qwen's.
        ("pre", "llama-bpe".into()),
        ("eot_token_id", 1_u32.into()),
        ("eom_token_id", 0_u32.into()),
        ("fim_pre_token_id", 0_u32.into()),
        ("seperator_token_id", 0_u32.into()),
        ("prefix_token_id", 0_u32.into()),
    ];
    let vocabulary = read(&written).unwrap();
    assert_eq!((vocabulary.eot, vocabulary.eom), (Some(1), Some(0)));
    assert_eq!(vocabulary.add_bos, Some(true));
}

#[test]
fn a_key_that_may_change_ids_is_refused_by_name() {
    for (name, value, found) in [
        ("add_eos_token", true.into(), "bool true"),
        ("remove_extra_whitespaces", true.into(), "bool true"),
        ("precompiled_charsmap", Value::from(vec![1_i32, 2]), "array of 2 int32"),
        ("lowercase", 1_u32.into(), "uint32 1"),
    ] {
        let error = read(&[(name, value)]).unwrap_err().to_string();
        let expected = format!("model.gguf: tokenizer.ggml.{name} is {found}, which may change");
        assert!(error.starts_with(&expected), "{error}");
    }
}

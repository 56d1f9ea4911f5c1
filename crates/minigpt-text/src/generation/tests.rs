use super::*;

fn read(json: &str) -> Result<GenerationDefaults, String> {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join(GENERATION_FILE), json).unwrap();
    let read = GenerationDefaults::in_folder(folder.path());
    read.map(|defaults| GenerationDefaults { origin: PathBuf::new(), ..defaults })
        .map_err(|error| error.to_string())
}

#[test]
fn a_models_generation_config_is_taken_and_written() {
    // Qwen 2.5's, and what its makers do not say.
    let json = r#"{"bos_token_id": 151643, "do_sample": true, "eos_token_id": [151645, 151643],
        "pad_token_id": 151643, "repetition_penalty": 1.05, "temperature": 0.7, "top_k": 20,
        "top_p": 0.8, "transformers_version": "4.44.2"}"#;
    let qwen = GenerationDefaults {
        temperature: Some(0.7),
        top_k: Some(20),
        top_p: Some(0.8),
        repetition_penalty: Some(1.05),
        ..GenerationDefaults::default()
    };
    assert_eq!(read(json).unwrap(), qwen);
    assert_eq!(read(&Value::Object(qwen.fields()).to_string()).unwrap(), qwen);

    let folder = tempfile::tempdir().unwrap();
    qwen.write(folder.path()).unwrap();
    let again = GenerationDefaults::in_folder(folder.path()).unwrap();
    let origin = folder.path().join(GENERATION_FILE);
    assert_eq!(again, GenerationDefaults { origin: origin.clone(), ..qwen.clone() });
    fs_err::remove_file(&origin).unwrap();
    GenerationDefaults::default().write(folder.path()).unwrap();
    assert!(!origin.exists());

    let metadata = Metadata::new("model.gguf", qwen.gguf_metadata()).unwrap();
    let again = GenerationDefaults::of_gguf(Path::new("model.gguf"), &metadata).unwrap();
    assert_eq!(again, GenerationDefaults { origin: "model.gguf".into(), ..qwen });

    // llama.cpp's word for the most probable token is a temperature of 0.
    let greedy = GenerationDefaults { is_greedy: true, ..again };
    let metadata = Metadata::new("model.gguf", greedy.gguf_metadata()).unwrap();
    let again = GenerationDefaults::of_gguf(Path::new("model.gguf"), &metadata).unwrap();
    assert_eq!(again.temperature, Some(0.0));
}

#[test]
fn nothing_said_is_nothing_and_what_is_not_done_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let without_file = GenerationDefaults::in_folder(folder.path()).unwrap();
    let with_file = read(r#"{"eos_token_id": 2, "num_beams": 1, "typical_p": null}"#).unwrap();
    for said in [without_file, with_file] {
        let nothing =
            GenerationDefaults { origin: said.origin.clone(), ..GenerationDefaults::default() };
        assert_eq!(said, nothing);
    }
    let asks = read(r#"{"num_beams": 4, "do_sample": false}"#).unwrap();
    assert_eq!((asks.is_greedy, asks.not_done), (true, vec!["num_beams".to_owned()]));
    let asks = read(
        r#"{"min_new_tokens": 1, "num_beams": 1, "typical_p": 1.0, "min_length": 0, "eta_cutoff": 0.0,
            "encoder_repetition_penalty": 0, "penalty_alpha": 0.6, "watermarking_config": {}, "suppress_tokens": [],
            "bad_words_ids": [[1]], "renormalize_logits": false, "max_time": 1}"#,
    );
    let expected = [
        "bad_words_ids",
        "encoder_repetition_penalty",
        "max_time",
        "min_new_tokens",
        "penalty_alpha",
    ];
    assert_eq!(asks.unwrap().not_done, expected);
    assert!(!read("{}").unwrap().is_greedy, "tokens are drawn where nobody says otherwise");
    assert_eq!(read(r#"{"do_sample": false}"#).unwrap().fields()["do_sample"], false);
}

#[test]
fn what_cannot_be_is_refused_by_field() {
    for (json, reason) in [
        (r#"{"temperature": "hot"}"#, r#"temperature is "hot": expected a number of at least 0"#),
        (r#"{"top_p": 1.5}"#, "top_p is 1.5: expected above 0, at most 1"),
        (r#"{"top_k": -1}"#, "top_k is -1: expected a number of tokens"),
        (r#"[]"#, "invalid type"),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.contains(GENERATION_FILE) && error.contains(reason), "{error}");
    }
}

use super::*;

#[test]
fn models_are_strings() {
    for text in [
        "hf:openai-community/gpt2",
        "hf:gpt2",
        "hf:o/m@refs/pr/1",
        "hf:o/m/Q8_0.gguf",
        "hf:o/m/in/Q8_0.gguf@main",
        "runs/austen",
        "here/model.gguf",
    ] {
        assert_eq!(text.parse::<ModelSource>().unwrap().to_string(), text);
    }
    for text in [
        "hf:",
        "hf:o/",
        "hf:o/m/x",
        "hf:o/m/../x.gguf",
        "hf:o/m//x.gguf",
        "hf:o/m@",
        "hf:..",
        "hf:o/m@../../x",
        "hf:o/m@a/../b",
    ] {
        let error = text.parse::<ModelSource>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("unknown model {text:?}: expected ")), "{error}");
    }
}

#[track_caller]
fn check(files: &[&str], expected: &[&str]) {
    let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    assert_eq!(wanted(&files).unwrap(), expected);
}

#[test]
fn one_set_of_weights_is_chosen() {
    check(
        &["64.tflite", "config.json", "merges.txt", "model.safetensors", "onnx/decoder.onnx"],
        &["config.json", "merges.txt", "model.safetensors"],
    );
    check(
        &["config.json", "merges.txt", "tokenizer.json", "vocab.json", "pytorch_model.bin"],
        &["config.json", "tokenizer.json", "pytorch_model.bin"],
    );
    check(
        &["chat_template.jinja", "config.json", "generation_config.json", "model.safetensors"],
        &["config.json", "generation_config.json", "chat_template.jinja", "model.safetensors"],
    );
    let index = "model.safetensors.index.json";
    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    check(
        &["pytorch_model.bin", "config.json", index, parts[0], parts[1]],
        &["config.json", index, parts[0], parts[1]],
    );
    assert!(wanted(&["config.json".to_owned()]).unwrap_err().contains("neither"));
    assert!(wanted(&["model.safetensors".to_owned()]).unwrap_err().contains("no config.json"));
    let only_gguf = ["README.md", "a-Q4_0.gguf", "a-Q8_0.gguf"].map(str::to_owned);
    let error = wanted(&only_gguf).unwrap_err();
    assert!(
        error.ends_with("name one of its GGUF files after the model, a-Q4_0.gguf, a-Q8_0.gguf"),
        "{error}"
    );
    assert_eq!(no_such_file(&only_gguf), "no such file: expected one of a-Q4_0.gguf, a-Q8_0.gguf");
}

use super::*;

#[test]
fn models_are_strings() {
    for text in ["hf:openai-community/gpt2", "hf:gpt2", "hf:o/m@refs/pr/1", "runs/austen"] {
        assert_eq!(text.parse::<ModelSource>().unwrap().to_string(), text);
    }
    for text in ["hf:", "hf:o/", "hf:o/m/x", "hf:o/m@", "hf:..", "hf:o/m@../../x", "hf:o/m@a/../b"]
    {
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
    let index = "model.safetensors.index.json";
    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    check(
        &["pytorch_model.bin", "config.json", index, parts[0], parts[1]],
        &["config.json", index, parts[0], parts[1]],
    );
    assert!(wanted(&["config.json".to_owned()]).unwrap_err().contains("neither"));
    assert!(wanted(&["model.safetensors".to_owned()]).unwrap_err().contains("no config.json"));
}

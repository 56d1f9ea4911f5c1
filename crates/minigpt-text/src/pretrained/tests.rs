use minigpt_data::{ChatOptions, Message};
use minigpt_model::{GptConfig, WeightType};

use super::*;
use crate::export::Export;

const TEMPLATE: &str = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\
    {{ eos_token }}{% endfor %}";

/// A model of a shape, its tokenizer and its template, exported as a folder and as a GGUF file.
fn exported(config: &GptConfig) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = Tokenizer::bytes().unwrap();
    let model = Gpt::init(config, 7, &Device::flex()).unwrap();
    let tokens =
        ["bos_token", "eos_token"].map(|name| (name.to_owned(), "<|endoftext|>".to_owned()));
    let template = ChatTemplate::from_jinja(TEMPLATE, tokens.into(), "a test").unwrap();
    let generation = GenerationDefaults {
        temperature: Some(0.6),
        top_k: Some(40),
        ..GenerationDefaults::default()
    };
    let export = Export {
        name: "tiny",
        model: &model,
        tokenizer: &tokenizer,
        template: Some(&template),
        generation: &generation,
        weights: WeightType::F32,
        card: "# tiny",
        plots: &[],
    };
    export.write_folder(&folder.path().join("folder")).unwrap();
    export.write_gguf(&folder.path().join("tiny.gguf")).unwrap();
    folder
}

#[test]
fn a_folder_and_a_gguf_file_give_all_that_was_exported() {
    for config in [GptConfig::tiny(260), GptConfig::tiny(260).as_llama()] {
        let folder = exported(&config);
        let weights = |model: &Gpt| {
            let data = model.output_embedding().into_data();
            data.iter::<f32>().collect::<Vec<f32>>()
        };
        for name in ["folder", "tiny.gguf"] {
            let path = folder.path().join(name);
            assert!(Pretrained::is_at(&path));
            assert_eq!(SavedModel::open(&path).unwrap().config().n_layer, config.n_layer);
            let read = Pretrained::load(&path, &Device::flex()).unwrap();
            assert_eq!(read.model.config().position, config.position);
            assert_eq!(
                (read.model.vocab_size(), read.tokenizer.vocab_size()),
                (260, 257),
                "{name}"
            );
            let expected = Gpt::init(&config, 7, &Device::flex()).unwrap().with_tokenizer_size(257);
            assert_eq!(weights(&read.model), weights(&expected));
            let template = read.template.unwrap();
            let prompt = template.prompt(&[Message::user("Why?")], &ChatOptions::default());
            assert_eq!(prompt.unwrap(), "<|endoftext|>user: Why?<|endoftext|>", "{name}");
            assert_eq!((read.generation.temperature, read.generation.top_k), (Some(0.6), Some(40)));
        }
    }
    assert!(!Pretrained::is_at(tempfile::tempdir().unwrap().path()));
}

/// Each is read or refused in a line; none panics.
#[test]
fn damaged_gguf_files_are_refused_in_a_line() {
    let folder = exported(&GptConfig::tiny(260).as_llama());
    let path = folder.path().join("tiny.gguf");
    let whole = fs_err::read(&path).unwrap();
    // Most of what can be wrong stands before the tensors.
    let head = whole.len().min(12_000);
    let mut random = 1_u64;
    let mut below = |limit: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit
    };
    let mut refused = 0;
    for _ in 0..200 {
        let mut bytes = whole.clone();
        for _ in 0..=below(3) {
            bytes[below(head)] = below(256) as u8;
        }
        if below(8) == 0 {
            bytes.truncate(below(whole.len()));
        }
        fs_err::write(&path, bytes).unwrap();
        if let Err(error) = Pretrained::load(&path, &Device::flex()) {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            refused += 1;
        }
    }
    assert!(refused > 50, "{refused}");
}

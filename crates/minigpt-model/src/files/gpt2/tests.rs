use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::WeightsError;
use crate::files::fields::HARMLESS;

/// All that two versions of transformers know of a GPT-2: `GPT2Config().to_dict()`.
const WRITTEN: [&str; 2] = [
    include_str!("../../../tests/fixtures/gpt2-config/transformers-4.57.6.json"),
    include_str!("../../../tests/fixtures/gpt2-config/transformers-5.24.0.json"),
];

fn read(json: &[u8]) -> Result<GptConfig, WeightsError> {
    GptConfig::of_hugging_face(Path::new("config.json"), json)
}

/// The configuration with other values in some fields.
fn with(changes: Value) -> Result<GptConfig, WeightsError> {
    let mut fields: Map<String, Value> = serde_json::from_str(WRITTEN[0]).unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    read(Value::Object(fields).to_string().as_bytes())
}

#[track_caller]
fn refuses(changes: Value, part: &str) {
    let error = with(changes).unwrap_err().to_string();
    assert!(error.len() < 500 && !error.contains('\n'), "{error}");
    assert!(error.starts_with("config.json ") && error.contains(part), "{part}: {error}");
}

/// A field that a later transformers adds, or that these lists forget, fails here.
#[test]
fn each_field_of_transformers_is_honoured_harmless_or_refused() {
    let refused = ["is_encoder_decoder", "pruned_heads"];
    for written in WRITTEN {
        assert_eq!(read(written.as_bytes()).unwrap(), GptConfig::gpt2());
        let fields: Map<String, Value> = serde_json::from_str(written).unwrap();
        for name in fields.keys() {
            let lists = [&HONOURED[..], HARMLESS, &refused];
            let listed = lists.iter().filter(|list| list.contains(&name.as_str())).count();
            assert_eq!(listed, 1, "{name}");
        }
    }
    let more = ["auto_map", "quantization_config", "per_layer_config", "of_the_future"];
    for name in refused.into_iter().chain(more) {
        let part = format!("{name} {{\"a\":1}}: expected null, false or nothing");
        refuses(json!({ name: {"a": 1} }), &part);
        assert!(with(json!({ name: null })).is_ok(), "{name}");
    }
}

#[test]
fn what_computes_otherwise_is_refused_by_its_field() {
    refuses(json!({"activation_function": "relu"}), "activation_function \"relu\": expected");
    refuses(json!({"layer_norm_epsilon": 0}), "norm.epsilon 0: expected a number between 0 and 1");
    refuses(json!({"scale_attn_weights": false}), "scale_attn_weights false: expected true");
    refuses(json!({"add_cross_attention": true}), "add_cross_attention true: expected false");
    refuses(
        json!({"architectures": ["GPT2ForSequenceClassification"]}),
        "architectures \"GPT2ForSequenceClassification\": expected GPT2LMHeadModel",
    );
    refuses(json!({"activation_function": "x".repeat(1 << 20)}), "activation_function \"xxx");
    refuses(json!({"n_embd": "y".repeat(1 << 20)}), "n_embd \"yyy");
    let size = "expected a whole number of 32 bits";
    refuses(json!({"n_head": "12"}), &format!("n_head \"12\": {size}"));
    refuses(json!({"n_head": null}), &format!("n_head null: {size}"));
    refuses(json!({"n_head": 12.5}), &format!("n_head 12.5: {size}"));
    refuses(json!({"n_head": 1_u64 << 32}), &format!("n_head 4294967296: {size}"));
    refuses(json!({"num_attention_heads": "12"}), &format!("num_attention_heads \"12\": {size}"));
    refuses(json!({"layer_norm_epsilon": []}), "layer_norm_epsilon []: expected a number");
    refuses(json!({"architectures": "GPT2LMHeadModel"}), "HeadModel\": expected a list");
    let mut fields: Map<String, Value> = serde_json::from_str(WRITTEN[0]).unwrap();
    fields.remove("n_layer");
    let error = read(Value::Object(fields).to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.contains("missing field `n_layer`"), "{error}");
}

#[test]
fn the_choices_within_the_family_are_honoured() {
    let gpt2 = GptConfig::gpt2();
    let norm = NormConfig { kind: NormKind::LayerNorm, epsilon: 1e-6 };
    for (changes, expected) in [
        (
            json!({"activation_function": "gelu"}),
            GptConfig { mlp: MlpKind::GeluExact, ..gpt2.clone() },
        ),
        (
            json!({"activation_function": "relu2"}),
            GptConfig { mlp: MlpKind::ReluSquared, ..gpt2.clone() },
        ),
        (json!({"layer_norm_epsilon": 1e-6}), GptConfig { norm, ..gpt2.clone() }),
        (
            json!({"scale_attn_by_inverse_layer_idx": true}),
            GptConfig { scale_attn_by_inverse_layer_idx: true, ..gpt2.clone() },
        ),
        (json!({"tie_word_embeddings": false}), GptConfig { tied: false, ..gpt2 }),
    ] {
        let config = with(changes).unwrap();
        assert_eq!(config, expected);
        let again = config.to_hugging_face(&SpecialIds::default());
        assert_eq!(read(again.as_bytes()).unwrap(), config);
    }
}

#[test]
fn what_is_the_same_under_other_names_is_read() {
    assert!(with(json!({"dtype": "float16", "torch_dtype": "float32"})).is_ok());
    let classes = ["GPT2Model", "TFGPT2LMHeadModel", "FlaxGPT2LMHeadModel"];
    for name in classes {
        with(json!({ "architectures": [name] })).unwrap();
    }
    assert!(with(json!({"num_hidden_layers": 12})).is_ok());
    refuses(json!({"num_hidden_layers": 6}), "num_hidden_layers 6 and n_layer 12: expected the");
    let mut fields: Map<String, Value> = serde_json::from_str(WRITTEN[0]).unwrap();
    fields.remove("n_embd");
    fields.insert("hidden_size".to_owned(), 768.into());
    let config = read(Value::Object(fields).to_string().as_bytes()).unwrap();
    assert_eq!(config, GptConfig::gpt2());
}

#[test]
fn a_file_that_has_no_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs_err::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    let error = GptConfig::read_hugging_face(&path).unwrap_err().to_string();
    assert!(error.contains("too much for a model's configuration"), "{error}");
    #[cfg(unix)]
    {
        fs_err::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = GptConfig::read_hugging_face(&path).unwrap_err().to_string();
        assert!(error.ends_with("expected a file"), "{error}");
    }
}

proptest! {
    #[test]
    fn no_configuration_makes_the_reader_panic(
        written in prop::sample::select(WRITTEN.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut json = written.as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(json.len());
            json[at] = value;
        }
        if let Err(error) = read(&json) {
            prop_assert!(error.to_string().lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn no_size_makes_the_reader_panic(
        field in prop::sample::select(vec!["n_embd", "n_head", "n_layer", "n_positions", "n_inner", "vocab_size"]),
        size in any::<u32>(),
    ) {
        if let Ok(config) = with(json!({ field: size })) {
            prop_assert!(config.parameter_counts().total() as u64 <= GptConfig::MAX_PARAMETERS);
        }
    }
}

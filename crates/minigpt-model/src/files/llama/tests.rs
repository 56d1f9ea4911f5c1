use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::WeightsError;
use crate::files::fields::HARMLESS;
use crate::model::config::RotaryScaling;

/// All that transformers 5.24.0 knows of each: `Config().to_dict()`, written by `make_fixture.py` in the folder.
const WRITTEN: [(Family, &str); 4] = [
    (Family::Llama, include_str!("../../../tests/fixtures/llama-config/llama.json")),
    (Family::Mistral, include_str!("../../../tests/fixtures/llama-config/mistral.json")),
    (Family::Qwen2, include_str!("../../../tests/fixtures/llama-config/qwen2.json")),
    (Family::Qwen3, include_str!("../../../tests/fixtures/llama-config/qwen3.json")),
];

/// A small Llama in the words of version 4 of transformers.
fn small() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 40,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000,
    })
}

fn expected() -> GptConfig {
    GptConfig {
        n_inner: 24,
        n_kv_head: Some(2),
        mlp: MlpKind::Swiglu,
        tied: false,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        bias: BiasConfig::NONE,
        ..GptConfig::new(40, 64, 2, 4, 16)
    }
}

fn read(json: &[u8]) -> Result<GptConfig, WeightsError> {
    GptConfig::of_hugging_face(Path::new("config.json"), json)
}

/// The configuration with other values in some fields.
fn with(changes: &Value) -> Result<GptConfig, WeightsError> {
    let mut fields = small();
    fields.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    read(fields.to_string().as_bytes())
}

#[track_caller]
fn refuses(changes: Value, part: &str) {
    let error = with(&changes).unwrap_err().to_string();
    assert!(error.len() < 500 && !error.contains('\n'), "{error}");
    assert!(error.starts_with("config.json ") && error.contains(part), "{part}: {error}");
}

/// What is read is what is written.
#[track_caller]
fn reads(changes: Value, expected: &GptConfig) {
    let config = with(&changes).unwrap();
    assert_eq!(config, *expected, "{changes}");
    let ids = SpecialIds { bos: Some(1), eos: vec![2, 3] };
    let written = config.to_hugging_face(&ids);
    assert_eq!(read(written.as_bytes()).unwrap(), config, "{written}");
    assert!(written.contains("\"bos_token_id\": 1"));
}

fn rotary(base: f64, scaling: Option<RotaryScaling>) -> GptConfig {
    GptConfig { position: Position::Rotary(RotaryConfig { base, scaling }), ..expected() }
}

/// A field that a later transformers adds, or that these lists forget, fails here.
#[test]
fn each_field_of_transformers_is_honoured_harmless_or_refused() {
    let refused = ["is_encoder_decoder"];
    for (family, written) in WRITTEN {
        let fields: Map<String, Value> = serde_json::from_str(written).unwrap();
        // Of its own sizes Qwen 2 has more parameters than there may be.
        let mut small = fields.clone();
        small.insert("num_hidden_layers".to_owned(), 2.into());
        small.remove("layer_types");
        let written = Value::Object(small).to_string();
        assert_eq!(
            Family::nearest(&read(written.as_bytes()).unwrap()),
            match family {
                Family::Mistral => Family::Llama,
                family => family,
            }
        );
        for name in fields.keys() {
            let lists = [&HONOURED[..], &MORE, own_fields(family), HARMLESS, &refused];
            let listed = lists.iter().filter(|list| list.contains(&name.as_str())).count();
            assert_eq!(listed, 1, "{name}");
        }
    }
    for name in ["is_encoder_decoder", "auto_map", "quantization_config", "use_mrope", "new"] {
        refuses(json!({ name: {"a": 1} }), &format!("{name} {{\"a\":1}}: expected null, false or"));
        assert!(with(&json!({ name: null })).is_ok(), "{name}");
    }
}

#[test]
fn the_fields_of_each_family_are_honoured() {
    reads(json!({}), &expected());
    reads(json!({"num_key_value_heads": null}), &GptConfig { n_kv_head: None, ..expected() });
    reads(json!({"head_dim": 4}), &expected());
    reads(json!({"head_dim": 6}), &GptConfig { head_size: Some(6), ..expected() });
    reads(json!({"tie_word_embeddings": true}), &GptConfig { tied: true, ..expected() });
    reads(json!({"attention_dropout": 0.25}), &GptConfig { attn_pdrop: 0.25, ..expected() });
    let attention = BiasConfig { attention: true, attention_output: true, ..BiasConfig::NONE };
    reads(json!({"attention_bias": true}), &GptConfig { bias: attention, ..expected() });
    let mlp = BiasConfig { mlp: true, ..BiasConfig::NONE };
    reads(json!({"mlp_bias": true}), &GptConfig { bias: mlp, ..expected() });
    // SmolLM2's file has these, and files of other tools those.
    let more = json!({
        "is_llama_config": true, "rope_interleaved": false, "pretraining_tp": 1, "torch_dtype": "bfloat16",
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}, "rope_scaling": null,
        "dtype": "float16", "unsloth_version": "2024.9", "max_sequence_length": 64,
    });
    reads(more, &expected());

    let mistral = |changes: Value| {
        let mut fields = json!({"model_type": "mistral", "architectures": ["MistralForCausalLM"]});
        fields.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        fields
    };
    reads(mistral(json!({"sliding_window": null})), &expected());
    reads(mistral(json!({"sliding_window": 64})), &expected());
    reads(mistral(json!({})), &expected());
    refuses(
        mistral(json!({"sliding_window": 63})),
        "sliding_window 63: expected null, or at least",
    );
    refuses(
        mistral(json!({"max_position_embeddings": 8192})),
        "sliding_window 4096: expected null",
    );
    refuses(mistral(json!({"attention_bias": true})), "attention_bias true: expected null");

    let qwen2 = json!({
        "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "use_sliding_window": false,
        "sliding_window": 8, "max_window_layers": 1, "layer_types": ["full_attention", "full_attention"],
    });
    let bias = BiasConfig { attention: true, ..BiasConfig::NONE };
    reads(qwen2, &GptConfig { bias, ..expected() });
    let qwen3 = json!({"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]});
    reads(qwen3, &GptConfig { qk_norm: true, head_size: Some(128), ..expected() });
    let biased = json!({"model_type": "qwen3", "architectures": null, "attention_bias": true, "head_dim": 4});
    reads(biased, &GptConfig { qk_norm: true, bias: attention, ..expected() });
}

#[test]
fn what_computes_otherwise_is_refused_by_its_field() {
    refuses(json!({"hidden_act": "gelu"}), "hidden_act \"gelu\": expected \"silu\"");
    refuses(json!({"architectures": ["MistralForCausalLM"]}), "expected LlamaForCausalLM");
    refuses(json!({"architectures": ["LlamaForSequenceClassification"]}), "expected Llama");
    refuses(json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor 0.5: expected 1");
    refuses(json!({"rope_interleaved": true}), "rope_interleaved true: expected null");
    refuses(json!({"quantization_config": {"bits": 4}}), "quantization_config {\"bits\":4}");
    refuses(json!({"num_key_value_heads": 3}), "n_head 4 is not divisible by n_kv_head 3");
    refuses(json!({"num_attention_heads": 0}), "n_head is 0");
    let size = "expected a whole number of 32 bits";
    refuses(json!({"hidden_size": -8}), &format!("hidden_size -8: {size}"));
    refuses(json!({"head_dim": "64"}), &format!("head_dim \"64\": {size}"));
    // Both of them, of which one is named.
    let two = json!({"num_attention_heads": null, "vocab_size": null});
    refuses(two, &format!("num_attention_heads null: {size}"));
    refuses(json!({"rms_norm_eps": "1e-5"}), "rms_norm_eps \"1e-5\": expected a number");
    refuses(json!({"tie_word_embeddings": 1}), "tie_word_embeddings 1: expected true or false");
    refuses(json!({"rope_scaling": 2}), "rope_scaling 2: expected an object");
    refuses(json!({"hidden_act": null}), "hidden_act null: expected a string");
    refuses(json!({"num_hidden_layers": 4_000_000_000_u32}), "n_layer 4000000000 is too large");
    let qwen2 = |window: u32, kind: &str| {
        json!({
            "model_type": "qwen2", "architectures": null, "use_sliding_window": true,
            "sliding_window": window, "layer_types": [kind],
        })
    };
    refuses(qwen2(63, "full_attention"), "sliding_window 63: expected null, or at least");
    refuses(qwen2(64, "chunked_attention"), "layer_types \"chunked_attention\": expected \"full");
    assert!(with(&qwen2(64, "sliding_attention")).is_ok());
}

#[test]
fn positions_are_read_in_the_words_of_both_versions() {
    reads(json!({"rope_theta": null}), &expected());
    reads(json!({"rope_theta": 500_000.0}), &rotary(500_000.0, None));
    let linear = Some(RotaryScaling::Linear { factor: 4.0 });
    reads(json!({"rope_scaling": {"type": "linear", "factor": 4}}), &rotary(10_000.0, linear));
    let new = json!({"rope_type": "linear", "factor": 4.0, "rope_theta": 100.0});
    reads(json!({"rope_theta": null, "rope_parameters": new}), &rotary(100.0, linear));
    let same = json!({"rope_type": "default", "rope_theta": 10000.0, "factor": null});
    reads(json!({"rope_scaling": same, "rope_parameters": same}), &expected());
    let numbers = |more: Value| {
        let mut fields = json!({
            "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "rope_scaling": fields })
    };
    let llama3 = |original_context| {
        let (low_freq_factor, high_freq_factor) = (1.0, 4.0);
        let factor = 32.0;
        Some(RotaryScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context })
    };
    reads(numbers(json!({})), &rotary(10_000.0, llama3(16)));
    let null = json!({"original_max_position_embeddings": null});
    reads(numbers(null), &rotary(10_000.0, llama3(64)));

    refuses(numbers(json!({"factor": null})), "rope_scaling.factor null: expected a number");
    refuses(numbers(json!({"factor": "8"})), "rope_scaling.factor \"8\": expected a number");
    refuses(numbers(json!({"type": "linear"})), "rope_scaling.type \"linear\": expected the same");
    refuses(numbers(json!({"beta_fast": 32})), "rope_scaling.beta_fast 32: expected nothing");
    refuses(numbers(json!({"rope_type": "yarn"})), "rope_scaling.rope_type \"yarn\": expected");
    refuses(numbers(json!({"rope_type": 3})), "rope_scaling.rope_type 3: expected a text");
    refuses(
        numbers(json!({"high_freq_factor": 1.0})),
        "high_freq_factor 1: expected a number above",
    );
    refuses(numbers(json!({"rope_theta": 5.0})), "rope_theta 10000 and in rope_scaling 5");
    let other = json!({"rope_parameters": {"rope_theta": 5.0}});
    refuses(other, "rope_theta 10000 and in rope_parameters 5");
    refuses(numbers(json!({"original_max_position_embeddings": -1})), "-1: expected a number of");
    refuses(json!({"rope_scaling": {"factor": 8.0}}), "rope_scaling.factor 8.0: expected nothing");
    refuses(json!({"rope_theta": 1.0}), "position.rotary.base 1: expected a number above 1");
    let other = json!({"rope_scaling": {"type": "linear", "factor": 4}, "rope_parameters": {}});
    refuses(other, "rope_scaling and rope_parameters: expected one of them");
    let partial = json!({"rope_parameters": {"partial_rotary_factor": 0.5}});
    refuses(partial, "rope_parameters.partial_rotary_factor 0.5: expected 1");
}

proptest! {
    #[test]
    fn no_configuration_makes_the_reader_panic(
        (_, written) in prop::sample::select(WRITTEN.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut json = written.as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(json.len());
            json[at] = value;
        }
        if let Err(error) = read(&json) {
            let error = error.to_string();
            prop_assert!(error.lines().count() == 1 && error.len() < 1000, "{error}");
        }
    }

    #[test]
    fn no_size_makes_the_reader_panic(
        field in prop::sample::select(vec![
            "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "head_dim", "max_position_embeddings",
        ]),
        size in any::<u32>(),
    ) {
        if let Ok(config) = with(&json!({ field: size })) {
            prop_assert!(config.parameter_counts().total() as u64 <= GptConfig::MAX_PARAMETERS);
        }
    }
}

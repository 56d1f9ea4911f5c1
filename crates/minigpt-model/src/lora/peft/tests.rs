use proptest::prelude::*;

use super::*;

/// All that PEFT 0.21.2 writes of an adapter of GPT-2; its version is the fixture's name.
const WRITTEN: &str = include_str!("../../../tests/fixtures/peft/adapter_config-0.21.2.json");

fn written() -> Map<String, Value> {
    serde_json::from_str(WRITTEN).unwrap()
}

/// The configuration with other values in some fields.
fn with(changes: Value) -> Result<LoraConfig, String> {
    let mut fields = written();
    fields.extend(changes.as_object().unwrap().clone());
    PeftConfig::read(fields).and_then(|config| config.lora())
}

#[track_caller]
fn refuses(changes: Value, parts: &[&str]) {
    let error = with(changes).unwrap_err();
    assert!(error.len() < 500 && !error.contains('\n'), "{error}");
    parts.iter().for_each(|part| assert!(error.contains(part), "`{part}` is not in:\n{error}"));
}

#[test]
fn what_peft_writes_by_default_is_read() {
    let targets = vec!["c_attn".to_owned()];
    let expected = LoraConfig { alpha: 16.0, dropout: 0.05, targets, ..LoraConfig::new(8) };
    assert_eq!(with(serde_json::json!({})), Ok(expected));
}

/// A field that a later PEFT adds, or that this list forgets, fails here.
#[test]
fn each_field_of_peft_is_honoured_harmless_or_refused() {
    let refused = [
        "alora_invocation_tokens",
        "alpha_pattern",
        "arrow_config",
        "corda_config",
        "eva_config",
        "exclude_modules",
        "kasa_config",
        "layer_replication",
        "layers_pattern",
        "layers_to_transform",
        "lora_bias",
        "lora_ga_config",
        "megatron_config",
        "monteclora_config",
        "rank_pattern",
        "target_parameters",
        "trainable_token_indices",
        "use_bdlora",
        "use_qalora",
        "velora_config",
    ];
    let fields = written();
    for name in fields.keys() {
        let lists = [&HONOURED[..], &HARMLESS, &refused];
        let listed = lists.iter().filter(|list| list.contains(&name.as_str())).count();
        assert_eq!(listed, 1, "{name}");
    }
    for name in refused {
        assert!(fields.contains_key(name), "PEFT has no {name}");
        for on in [serde_json::json!(true), serde_json::json!([1]), serde_json::json!({"a": 1})] {
            refuses(serde_json::json!({ name: on }), &[name, "merge_and_unload()"]);
        }
    }
    refuses(serde_json::json!({"of_the_future": "x"}), &["of_the_future \"x\": expected null"]);
}

#[test]
fn what_is_trained_whole_is_the_vectors_of_the_tokens() {
    let read = |names: &[&str], tied: bool| {
        with(serde_json::json!({"modules_to_save": names, "ensure_weight_tying": tied}))
    };
    let both = read(&["embed_tokens", "model.embed_tokens", "lm_head"], true).unwrap();
    assert_eq!(both.whole, ["embed_tokens"]);
    assert!(read(&["wte"], false).unwrap_err().contains("ensure_weight_tying: expected true"));
    assert!(read(&["lm_head"], true).unwrap_err().contains("merge_and_unload()"));
    let other = read(&["classifier"], true).unwrap();
    let error = other.validate(&GptConfig::tiny(40)).unwrap_err().to_string();
    assert!(error.contains("lora.whole") && error.contains("not `classifier`"), "{error}");
}

#[test]
fn beginnings_that_change_the_base_are_refused() {
    for name in ["pissa", "pissa_niter_16", "olora", "corda", "eva", "loftq", "lora_ga", "new"] {
        refuses(
            serde_json::json!({"init_lora_weights": name}),
            &["init_lora_weights", name, "changes the base model", "merge_and_unload()"],
        );
    }
    for beginning in [
        serde_json::json!(true),
        serde_json::json!(false),
        serde_json::json!("gaussian"),
        serde_json::json!("orthogonal"),
    ] {
        assert!(with(serde_json::json!({"init_lora_weights": beginning})).is_ok());
    }
}

#[test]
fn settings_of_other_adapters_are_refused_by_name() {
    refuses(serde_json::json!({"peft_type": "ADALORA"}), &["peft_type \"ADALORA\": expected"]);
    refuses(serde_json::json!({"task_type": "SEQ_CLS"}), &["task_type \"SEQ_CLS\": expected"]);
    refuses(serde_json::json!({"bias": "lora_only"}), &["bias \"lora_only\": expected"]);
    refuses(
        serde_json::json!({"target_modules": ".*_proj"}),
        &["target_modules \".*_proj\": expected a list of names"],
    );
    refuses(serde_json::json!({"target_modules": "x".repeat(1 << 20)}), &["target_modules"]);
    refuses(serde_json::json!({"rank_pattern": {"c_attn": 3}}), &["rank_pattern {\"c_attn\":3}"]);
    refuses(serde_json::json!({"r": -1}), &["r -1: expected a whole number"]);
    refuses(serde_json::json!({"lora_alpha": "16"}), &["lora_alpha \"16\": expected a number"]);
}

#[test]
fn all_linear_is_all_matrices_of_the_blocks() {
    let lora = with(serde_json::json!({"target_modules": "all-linear"})).unwrap();
    let config = GptConfig::tiny(300);
    lora.validate(&config).unwrap();
    let plain = LoraConfig { dropout: lora.dropout, ..LoraConfig::new(8) };
    let layers = |lora: &LoraConfig| lora.by_layer(&config).into_keys().collect::<Vec<_>>();
    assert_eq!(layers(&lora), layers(&plain));
    let theirs = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"];
    assert_eq!(lora.peft_targets(&config), theirs);
}

/// `alpha / √r`, as PEFT has it.
#[test]
fn a_rank_stabilised_adapter_has_the_root_of_its_rank() {
    let lora = with(serde_json::json!({"use_rslora": true, "r": 9})).unwrap();
    assert!((lora.scale() - 16.0 / 3.0).abs() < 1e-12);
}

#[test]
fn what_is_written_is_what_is_read() {
    let lora = LoraConfig { dropout: 0.5, rank_stabilized: true, ..LoraConfig::new(3) };
    let fields =
        serde_json::from_slice(&lora.to_peft("base", &GptConfig::tiny(300)).unwrap()).unwrap();
    assert_eq!(PeftConfig::read(fields).and_then(|config| config.lora()), Ok(lora));
}

proptest! {
    #[test]
    fn no_configuration_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut json = WRITTEN.as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(json.len());
            json[at] = value;
        }
        fs_err::write(folder.path().join(ADAPTER_CONFIG_FILE), json).unwrap();
        if let Err(error) = LoraConfig::read_peft(folder.path()) {
            prop_assert!(error.to_string().lines().count() == 1, "{error}");
        }
    }
}

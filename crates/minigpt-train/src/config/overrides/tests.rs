use minigpt_model::{MlpKind, NormKind, RotaryConfig, RotaryScaling};

use super::*;
use crate::config::{Decay, OptimizerKind};

#[test]
fn settings_are_found_by_name() {
    let config = RunConfig::tiny();
    let set = |key, value| config.with_setting(key, value).unwrap();
    assert_eq!(set("training.batch_size", "8").training.batch_size, 8);
    assert_eq!(set("optimizer.kind", "muon").optimizer.kind, OptimizerKind::Muon);
    assert_eq!(set("schedule.decay", "stable").schedule.decay, Decay::Stable);
    assert_eq!(set("training.max_steps", "none").training.max_steps, None);
    assert_eq!(set("sample.prompt", "It was").sample.prompt, "It was");
    assert_eq!(set("data.source", "books/*.txt").data.source.to_string(), "books/*.txt");
    assert_eq!(set("sample.sampling.Draw.top_k", "7").sample.sampling, {
        let mut draw = config.clone();
        draw.sample.sampling =
            serde_json::from_str(r#"{"Draw":{"temperature":0.8,"top_k":7,"top_p":0.95}}"#).unwrap();
        draw.sample.sampling
    });
    let toml = "[training]\nbatch_size = 4\nema_decay = 0.99\n[model]\nn_layer = 3\n";
    let changed = config.with_toml(toml).unwrap();
    assert_eq!((changed.training.batch_size, changed.model.n_layer), (4, 3));
    assert_eq!(changed.training.ema_decay, Some(0.99));
    assert_eq!(changed.training.epochs, config.training.epochs);
}

/// Settings that a GPT-2's configuration does not write.
#[test]
fn choices_of_gpt2s_relatives_are_settings_too() {
    let mut config = RunConfig::tiny();
    for (key, value) in [
        ("model.n_kv_head", "2"),
        ("model.mlp", "swiglu"),
        ("model.qk_norm", "true"),
        ("model.scale_attn_by_inverse_layer_idx", "true"),
        ("model.tied", "false"),
        ("model.norm.kind", "rms_norm"),
        ("model.norm.epsilon", "1e-6"),
        ("model.bias.norm", "false"),
        ("model.position", "{ rotary = { base = 10000.0 } }"),
        ("model.position.rotary.base", "5e5"),
        ("model.position.rotary.scaling", "{ linear = { factor = 2.0 } }"),
        ("model.head_size", "20"),
        ("model.head_size", "none"),
    ] {
        config = config.with_setting(key, value).unwrap();
    }
    config.validate().unwrap();
    assert!(config.model.scale_attn_by_inverse_layer_idx);
    let GptConfig { n_kv_head, head_size, mlp, qk_norm, tied, norm, position, bias, .. } =
        config.model;
    assert_eq!((n_kv_head, head_size, qk_norm, tied), (Some(2), None, true, false));
    assert_eq!((mlp, norm.kind, norm.epsilon), (MlpKind::Swiglu, NormKind::RmsNorm, 1e-6));
    assert!(!bias.norm && bias.mlp);
    let scaling = Some(RotaryScaling::Linear { factor: 2.0 });
    assert_eq!(position, Position::Rotary(RotaryConfig { base: 5e5, scaling }));

    let error = RunConfig::tiny().with_setting("model.n_kv_heads", "2").unwrap_err().to_string();
    assert!(error.contains("expected perhaps `model.n_kv_head`"), "{error}");
    let error = RunConfig::tiny().with_setting("model.mlp", "relu").unwrap_err().to_string();
    assert!(error.contains("`swiglu`"), "{error}");
}

#[test]
fn a_wrong_name_or_value_is_told_with_the_right_ones() {
    let config = RunConfig::tiny();
    let error = |key, value| config.with_setting(key, value).unwrap_err().to_string();
    let wrong = error("training.batchsize", "8");
    assert!(
        wrong.starts_with(
            "unknown setting `training.batchsize`: expected perhaps `training.batch_size`; "
        ),
        "{wrong}"
    );
    let wrong = error("model.mode", "8");
    assert!(
        wrong.starts_with("unknown setting `model.mode`: expected perhaps `model.mlp`"),
        "{wrong}"
    );
    let wrong = error("trainer.seed", "8");
    assert!(wrong.contains("expected perhaps `training`"), "{wrong}");
    let wrong = error("training.seed.x", "8");
    assert!(wrong.ends_with("expected nothing below it"), "{wrong}");
    let wrong = error("training.batch_size", "many");
    assert!(
        wrong.starts_with("setting training.batch_size = \"many\": invalid type: string"),
        "{wrong}"
    );
    let wrong = config.with_toml("[model]\n[training").unwrap_err().to_string();
    assert!(wrong.starts_with("not valid TOML: line 2: "), "{wrong}");
}
#[test]
fn a_number_that_is_nan_or_infinite_is_refused_in_every_setting() {
    let config = RunConfig::tiny();
    let all = serde_json::to_value(&config).unwrap();
    for (section, settings) in all.as_object().unwrap() {
        for key in settings.as_object().unwrap().keys() {
            for number in ["nan", "inf", "-inf", "[1.0, nan]", "{ a = inf }"] {
                let key = format!("{section}.{key}");
                let error = config.with_setting(&key, number).unwrap_err().to_string();
                assert!(error.ends_with(": expected a finite number"), "{error}");
                let (section, name) = key.split_once('.').unwrap();
                let toml = format!("[{section}]\n{name} = {number}\n");
                assert_eq!(config.with_toml(&toml).unwrap_err().to_string(), error);
            }
        }
    }
    let error = config.with_setting("training.max_minutes", "-inf").unwrap_err().to_string();
    assert_eq!(error, "setting training.max_minutes = -inf: expected a finite number");
    // Larger than the numbers of the setting: infinite in 32 bits.
    let large = config.with_setting("optimizer.weight_decay", "1e300").unwrap();
    let error = large.validate().unwrap_err().to_string();
    assert_eq!(error, "setting optimizer.weight_decay = inf: expected a finite number");
}

#[test]
fn foreign_text_is_not_quoted_in_full() {
    let long = "x".repeat(1 << 20);
    let config = RunConfig::tiny();
    let error = config.with_setting("training.batch_size", &long).unwrap_err().to_string();
    assert!(error.len() < 600, "{} bytes", error.len());
}

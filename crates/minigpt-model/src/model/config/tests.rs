use super::*;

#[test]
fn the_gpt2_family_has_the_published_sizes() {
    // Totals of Hugging Face's `GPT2LMHeadModel(config).num_parameters()`.
    let expected = [
        (GptConfig::gpt2(), 124_439_808),
        (GptConfig::gpt2_medium(), 354_823_168),
        (GptConfig::gpt2_large(), 774_030_080),
        (GptConfig::gpt2_xl(), 1_557_611_200),
    ];
    for (config, total) in expected {
        assert_eq!(config.parameter_counts().total(), total, "{config:?}");
        assert_eq!(config.wide_parameter_count(), total as u128, "{config:?}");
    }
}

/// Figures of the models' cards, and of their files.
#[test]
fn published_shapes_have_their_parameters() {
    for (name, vocab_size, parameters) in [
        ("gpt2", 50_257, 124_439_808),
        ("smollm2-135m", 49_152, 134_515_008),
        ("smollm2-360m", 49_152, 361_821_120),
        ("smollm2-1.7b", 49_152, 1_711_376_384),
    ] {
        let config = GptConfig::published(name).unwrap();
        let found = (config.vocab_size, config.parameter_counts().total());
        assert_eq!(found, (vocab_size, parameters), "{name}");
    }
    assert_eq!(GptConfig::published("mini"), None);
    // As a config.json with as many heads of keys is read.
    assert_eq!(GptConfig::smollm2_1_7b().n_kv_head, None);
}

#[test]
fn llamas_are_as_large_as_their_sisters() {
    for sister in ["tiny", "small", "mini"] {
        let total =
            |name: &str| GptConfig::preset(name, 2048).unwrap().parameter_counts().total() as f64;
        let ratio = total(&format!("{sister}-llama")) / total(sister);
        assert!((0.97..=1.0).contains(&ratio), "{sister}: {ratio}");
    }
}

/// With an odd number of heads too.
#[test]
fn every_llama_is_valid() {
    for n_head in 1..=12 {
        GptConfig::new(64, 32, 2, n_head, 64 * n_head).as_llama().validate().unwrap();
    }
}

#[test]
fn every_preset_is_valid_and_takes_the_vocabulary() {
    for name in GptConfig::PRESETS {
        let config = GptConfig::preset(name, 300).unwrap();
        config.validate().unwrap();
        assert_eq!(config.vocab_size, 300);
    }
}

#[test]
fn the_articles_model_is_the_articles() {
    let expected = GptConfig {
        vocab_size: 50_257,
        block_size: 128,
        n_layer: 4,
        n_head: 8,
        n_embd: 256,
        n_inner: 1024,
        embd_pdrop: 0.1,
        attn_pdrop: 0.1,
        resid_pdrop: 0.1,
        ..GptConfig::new(1, 1, 1, 1, 1)
    };
    assert_eq!(GptConfig::mini(50_257), expected);
}

#[track_caller]
fn refuses(config: GptConfig, message: &str) {
    assert_eq!(config.validate().unwrap_err().to_string(), message);
}

#[test]
fn a_configuration_that_is_no_model_is_refused_in_one_line() {
    let good = GptConfig::tiny(256);
    refuses(GptConfig { n_layer: 0, ..good.clone() }, "n_layer is 0: expected at least 1");
    refuses(
        GptConfig { n_embd: 2, ..good.clone() },
        "n_embd 2 is not divisible by n_head 4: choose a multiple of 4, or another number of heads",
    );
    refuses(
        good.clone().with_dropout(1.0),
        "embd_pdrop 1 is out of range: expected 0 <= embd_pdrop < 1",
    );
    refuses(
        GptConfig { resid_pdrop: f64::NAN, ..good },
        "resid_pdrop NaN is out of range: expected 0 <= resid_pdrop < 1",
    );
    refuses(
        GptConfig { n_layer: 10_001, ..GptConfig::tiny(256) },
        "n_layer 10001 is too large: expected at most 10000",
    );
    for (n_embd, n_head) in [(4_000_000_000, 1), (100_000, 1), (9_999_999_999, 3)] {
        refuses(
            GptConfig { n_embd, n_head, ..GptConfig::tiny(256) },
            "the model would have more than 10000000000 parameters: choose a smaller vocab_size, block_size, n_layer, n_embd or n_inner",
        );
    }
    refuses(
        GptConfig { n_embd: usize::MAX, ..GptConfig::tiny(256) },
        "n_embd 18446744073709551615 is too large: expected at most 10000000000",
    );
    let unknown = GptConfig::preset("huge", 256).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "unknown model preset `huge`: expected one of tiny, small, mini, tiny-llama, small-llama, mini-llama, gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2-135m, smollm2-360m, smollm2-1.7b"
    );
}

#[test]
fn a_gpt2s_configuration_is_written_as_before() {
    let config = GptConfig::new(300, 16, 2, 2, 8).with_dropout(0.5);
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(
        written,
        r#"{"vocab_size":300,"block_size":16,"n_layer":2,"n_head":2,"n_embd":8,"n_inner":32,"embd_pdrop":0.5,"attn_pdrop":0.5,"resid_pdrop":0.5}"#
    );
    assert_eq!(serde_json::from_str::<GptConfig>(&written).unwrap(), config);
}

#[test]
fn every_choice_is_written_and_read() {
    let scaling = RotaryScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_context: 8192,
    };
    let config = GptConfig {
        n_kv_head: Some(2),
        head_size: Some(8),
        mlp: MlpKind::ReluSquared,
        qk_norm: true,
        scale_attn_by_inverse_layer_idx: true,
        tied: false,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-6 },
        position: Position::Rotary(RotaryConfig { base: 5e5, scaling: Some(scaling) }),
        bias: BiasConfig::NONE,
        ..GptConfig::tiny(256)
    };
    config.validate().unwrap();
    let written = serde_json::to_value(&config).unwrap();
    assert_eq!(written["position"]["rotary"]["scaling"]["llama3"]["original_context"], 8192);
    assert_eq!(serde_json::from_value::<GptConfig>(written.clone()).unwrap(), config);
    let mut unknown = written;
    unknown["norm"]["eps"] = 1.into();
    let error = serde_json::from_value::<GptConfig>(unknown).unwrap_err().to_string();
    assert!(error.contains("unknown field `eps`"), "{error}");
}

#[test]
fn choices_that_do_not_fit_together_are_refused() {
    let good = GptConfig::tiny(256);
    refuses(
        GptConfig { n_kv_head: Some(3), ..good.clone() },
        "n_head 4 is not divisible by n_kv_head 3: choose a divisor of 4",
    );
    refuses(
        GptConfig { n_kv_head: Some(0), ..good.clone() },
        "n_kv_head is 0: expected at least 1",
    );
    let rms_norm = NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 };
    refuses(
        GptConfig { norm: rms_norm, ..good.clone() },
        "bias.norm true: expected false, because rms_norm has no bias",
    );
    refuses(
        GptConfig { norm: NormConfig { epsilon: 0.0, ..rms_norm }, ..good.clone() },
        "norm.epsilon 0: expected a number between 0 and 1",
    );
    let rotary = |base, scaling| Position::Rotary(RotaryConfig { base, scaling });
    refuses(
        GptConfig { head_size: Some(5), position: rotary(1e4, None), ..good.clone() },
        "head_size 5: expected an even number, because rotary positions turn pairs",
    );
    refuses(
        GptConfig { position: rotary(f64::NAN, None), ..good.clone() },
        "position.rotary.base NaN: expected a number above 1",
    );
    let half = Some(RotaryScaling::Linear { factor: 0.5 });
    refuses(
        GptConfig { position: rotary(1e4, half), ..good.clone() },
        "position.rotary.scaling.factor 0.5: expected a number of at least 1",
    );
    // A head's width need not divide the stream's.
    GptConfig { head_size: Some(10), n_head: 3, ..good }.validate().unwrap();
}

/// Whoever shows a configuration that was read may ask for its figures before it is refused.
#[test]
fn a_configuration_without_heads_divides_nothing() {
    let config = GptConfig { n_head: 0, ..GptConfig::new(64, 32, 2, 4, 64) };
    assert_eq!(config.head_size(), 0);
    let _ = config.parameter_counts();
    assert_eq!(config.validate(), Err(ConfigError::Zero { field: "n_head" }));
    assert!(GptConfig::new(64, 32, 2, 1, usize::MAX).validate().is_err());
}

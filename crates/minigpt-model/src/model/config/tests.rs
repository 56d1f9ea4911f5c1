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
        "unknown model preset `huge`: expected one of tiny, small, mini, gpt2, gpt2-medium, gpt2-large, gpt2-xl"
    );
}

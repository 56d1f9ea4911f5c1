use burn::module::Module;
use burn::tensor::Device;

use super::*;
use crate::Gpt;
use crate::model::config::{BiasConfig, NormConfig, NormKind, RotaryConfig};

/// A shape with every choice that adds a parameter or takes one away.
fn otherwise() -> GptConfig {
    GptConfig {
        n_inner: 40,
        n_kv_head: Some(1),
        head_size: Some(6),
        mlp: MlpKind::Swiglu,
        qk_norm: true,
        tied: false,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-6 },
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        bias: BiasConfig { attention: true, ..BiasConfig::NONE },
        ..GptConfig::new(300, 16, 3, 2, 24)
    }
}

#[test]
fn a_models_parameters_are_its_configurations() {
    let gpt2 = GptConfig { n_inner: 40, ..GptConfig::new(300, 16, 3, 2, 24) };
    for config in [gpt2, otherwise()] {
        let model = Gpt::init(&config, 0, &Device::flex()).unwrap();
        let found: Vec<_> = model
            .stored_parameters()
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor.shape.to_vec()))
            .collect();
        let expected: Vec<_> =
            config.parameters().map(|parameter| (parameter.name, parameter.shape)).collect();
        assert_eq!(found, expected);
        let elements: usize =
            expected.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(elements, config.parameter_counts().total());
        assert_eq!(elements, model.num_params());
        assert_eq!(elements as u128, config.wide_parameter_count());
    }
}

#[test]
fn roles_say_what_decays() {
    let config = otherwise();
    let decayed = config.parameters().filter(|parameter| parameter.role.decays());
    let names: Vec<String> = decayed.map(|parameter| parameter.name).collect();
    let blocks = (0..3).flat_map(|index| {
        ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
            .map(|layer| format!("h.{index}.{layer}.weight"))
    });
    let mut expected = vec!["wte.weight".to_owned()];
    expected.extend(blocks);
    expected.push("lm_head.weight".to_owned());
    assert_eq!(names, expected);
}

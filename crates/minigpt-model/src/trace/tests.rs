//! Both kinds of models look alike inside, and what is seen there is what makes the logits.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::model::config::{
    BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig,
};
use crate::{Gpt, GptRef, PackedCache, PackedGpt, TextInput, WeightType};

const TOKENS: [u32; 9] = [3, 1, 4, 1, 5, 9, 2, 6, 5];
const TIME: usize = TOKENS.len();

/// What attention depends on: learned and rotary positions, shared keys, normalised queries, scores divided by block.
fn configurations() -> Vec<GptConfig> {
    let plain = GptConfig::new(48, 32, 3, 4, 64);
    let turned = Position::Rotary(RotaryConfig { base: 100.0, scaling: None });
    let llama = GptConfig {
        n_kv_head: Some(2),
        n_inner: 96,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
        position: turned,
        mlp: MlpKind::Swiglu,
        bias: BiasConfig::NONE,
        tied: false,
        ..plain.clone()
    };
    vec![
        GptConfig { scale_attn_by_inverse_layer_idx: true, ..plain.clone() },
        plain,
        GptConfig { qk_norm: true, ..llama.clone() },
        llama,
    ]
}

fn both(config: &GptConfig) -> (Gpt, PackedGpt) {
    let model = Gpt::init(config, 1, &Device::flex()).unwrap().with_tokenizer_size(40);
    let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
    (model, packed)
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(found == expected || (found - expected).abs() <= 1e-5, "{found}, not {expected}");
    }
}

#[test]
fn a_packed_model_looks_inside_as_the_model_it_was_made_of() {
    for config in configurations() {
        let (model, packed) = both(&config);
        let (mut found, mut expected) =
            (GptRef::from(&packed).trace(&TOKENS), GptRef::from(&model).trace(&TOKENS));
        assert_close(&found.residual(0..TIME), &expected.residual(0..TIME));
        for (found, expected) in found.by_ref().zip(expected.by_ref()) {
            assert_close(&found.attention(), &expected.attention());
            assert_close(&found.residual(2..TIME), &expected.residual(2..TIME));
        }
        assert!(found.next().is_none() && expected.next().is_none());
    }
}

#[test]
fn rows_sum_to_one_and_see_nothing_later() {
    for config in configurations() {
        let (model, packed) = both(&config);
        for model in [GptRef::from(&model), GptRef::from(&packed)] {
            let blocks: Vec<_> = model.trace(&TOKENS).collect();
            assert_eq!(blocks.len(), config.n_layer);
            for block in blocks {
                let weights = block.attention();
                assert_eq!(weights.len(), config.n_head * TIME * TIME);
                for (number, row) in weights.chunks(TIME).enumerate() {
                    let (seen, later) = row.split_at(number % TIME + 1);
                    assert!((seen.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                    assert!(later.iter().all(|weight| *weight == 0.0));
                }
            }
        }
    }
}

#[test]
fn the_lens_of_the_last_block_gives_the_logits() {
    for config in configurations() {
        let (model, packed) = both(&config);
        let lens = |model: GptRef<'_>| {
            let last = model.trace(&TOKENS).last().unwrap();
            model.lens(&last.residual(TIME - 1..TIME))
        };
        let ids: Vec<i32> = TOKENS.iter().map(|id| *id as i32).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, TIME]), &Device::flex());
        let expected: Vec<f32> = model.forward_last(ids).into_data().try_to_vec().unwrap();
        assert_close(&lens((&model).into()), &expected);
        // Of a packed model to the bit.
        let cache = &mut PackedCache::default();
        let expected = packed.forward(&mut [TextInput { tokens: &TOKENS, cache }]);
        assert_eq!(lens((&packed).into()), expected);
    }
}

#[test]
#[should_panic(expected = "33 tokens exceed the context of 32")]
fn a_text_longer_than_the_context_is_no_text_to_read() {
    let (_, packed) = both(&configurations()[1]);
    let _ = GptRef::from(&packed).trace(&[1; 33]);
}

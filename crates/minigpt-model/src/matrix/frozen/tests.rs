use std::sync::PoisonError;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use proptest::prelude::*;

use super::*;
use crate::matrix::frozen::FrozenType;
use crate::model::config::{
    BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig,
};
use crate::model::gpt::Gpt;
use crate::ops::tests::GENERATOR;
use crate::{LoraConfig, Precision};

/// A Llama with two queries to a key, and a GPT-2.
fn configs() -> [GptConfig; 2] {
    let llama = GptConfig {
        n_kv_head: Some(2),
        n_inner: 64,
        mlp: MlpKind::Swiglu,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        bias: BiasConfig::NONE,
        ..GptConfig::new(61, 16, 2, 4, 32)
    };
    [llama.with_dropout(0.0), GptConfig::new(61, 16, 2, 4, 32).with_dropout(0.0)]
}

fn lora() -> LoraConfig {
    LoraConfig { targets: vec!["all-linear".to_owned()], ..LoraConfig::new(3) }
}

fn row(device: &Device, shift: i32) -> Tensor<2, Int> {
    let ids: Vec<i32> = (0..64).map(|index| (index * 7 + shift) % 61).collect();
    Tensor::from_data(TensorData::new(ids, [4, 16]), device)
}

/// Loss, logits of the last position, and the gradients of all factors.
fn evaluate(model: &Gpt) -> (f32, Vec<f32>, Vec<Vec<f32>>) {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    let objective = model.loss_sum(row(&device, 0), row(&device, 3));
    let loss = objective.clone().into_scalar::<f32>();
    let gradients = objective.backward();
    let of = |factor: Tensor<2>| {
        let gradient = factor.grad(&gradients).unwrap();
        gradient.into_data().try_into_vec::<f32>().unwrap()
    };
    let factors =
        model.factors().flat_map(|(_, factors)| [&factors.a, &factors.b].map(|f| f.val()));
    let gradients = factors.map(of).collect();
    let logits = model.valid().forward_last(row(&Device::flex(), 0)).into_data();
    (loss, logits.try_into_vec().unwrap(), gradients)
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], tolerance: f32) {
    let largest = expected.iter().fold(1e-6f32, |largest, x| largest.max(x.abs()));
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance * largest, "off by {worst} of {largest}");
}

/// Factors none of which is zero, and no two of whose columns are alike: what is added to all of a vector alike is
/// nothing to a LayerNorm, and has no gradient.
fn moved(model: Gpt) -> Gpt {
    struct Move;
    impl burn::module::ModuleMapper for Move {
        fn map_float<const D: usize>(
            &mut self,
            param: burn::module::Param<Tensor<D>>,
        ) -> burn::module::Param<Tensor<D>> {
            if param.lazy_shape().num_elements() == 1 || !param.is_require_grad() {
                return param;
            }
            param.map(|x| {
                let (shape, device) = (x.dims(), x.device().inner());
                let value = |i: usize| ((i * 37 % 11) as f32 - 5.0) / 50.0;
                let values = (0..shape.iter().product()).map(value).collect::<Vec<_>>();
                let shift = Tensor::from_data(TensorData::new(values, shape), &device);
                Tensor::from_inner(x.inner() + shift).require_grad()
            })
        }
    }
    model.map(&mut Move)
}

#[test]
fn an_adapter_beside_frozen_weights_learns_as_beside_parameters() {
    for config in configs() {
        for weight_type in [WeightType::F32, WeightType::Bf16, WeightType::Q8_0, WeightType::Q4_1] {
            let device = Device::flex().autodiff();
            let frozen = FrozenType { weight_type, keeps_embedding: false };
            let base = Gpt::init(&config, 1, &device).unwrap().freeze(frozen).unwrap();
            let numbers = base.clone().thaw(&lora()).unwrap();
            let [base, numbers] =
                [base, numbers].map(|model| moved(model.with_lora(&lora(), 2).unwrap()));
            let (found, expected) = (evaluate(&base), evaluate(&numbers));
            assert!((found.0 - expected.0).abs() < 1e-3, "{} of {}", found.0, expected.0);
            assert_near(&found.1, &expected.1, 1e-4);
            found.2.iter().zip(&expected.2).for_each(|(a, b)| assert_near(a, b, 1e-3));
            assert_eq!(found.2.len(), 16);

            let merged = |model: &Gpt| {
                let model = model.clone().thaw(&lora()).unwrap().materialize();
                model.valid().forward_last(row(&Device::flex(), 0)).into_data()
            };
            let merged = merged(&base).try_into_vec::<f32>().unwrap();
            assert_near(&merged, &found.1, 1e-4);
        }
    }
}

/// Products of 16 bits keep of each layer's input 16 bits too.
#[test]
fn products_in_bf16_are_near() {
    let device = Device::flex().autodiff();
    let [config, _] = configs();
    let frozen = FrozenType { weight_type: WeightType::Bf16, keeps_embedding: false };
    let base = Gpt::init(&config, 1, &device).unwrap().freeze(frozen).unwrap();
    let model = moved(base.with_lora(&lora(), 2).unwrap());
    let expected = evaluate(&model);
    let found = evaluate(&model.with_precision(Precision::Bf16));
    assert!((found.0 - expected.0).abs() < 2e-2 * expected.0);
    found.2.iter().zip(&expected.2).for_each(|(a, b)| assert_near(a, b, 0.1));
}

fn last(model: &Gpt) -> TensorData {
    model.valid().forward_last(row(&Device::flex(), 0)).into_data()
}

/// In blocks whose rounding is not what rounding their numbers again gives, as those of `q4_0` and `q4_1`.
#[test]
fn a_saved_base_is_the_same_to_the_bit_and_no_larger_than_in_memory() {
    let device = Device::flex().autodiff();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    for config in configs() {
        for weight_type in WeightType::ALL {
            for keeps_embedding in [true, false] {
                let frozen = FrozenType { weight_type, keeps_embedding };
                let model = Gpt::init(&config, 1, &device).unwrap();
                let fingerprint = model.fingerprint().unwrap();
                let model = model.freeze(frozen).unwrap();
                model.save_frozen(frozen, &path).unwrap();
                let read = Gpt::load_frozen(&path, &config, &device).unwrap();
                assert_eq!(read.frozen_type(), Some(frozen));
                assert_eq!(read.fingerprint().unwrap(), fingerprint);
                assert_eq!(last(&read), last(&model), "{weight_type}");
                let blocks = |model: &Gpt| {
                    let matrices = model.frozen_matrices().into_iter();
                    matrices.map(|(name, kept)| (name, kept.blocks().to_vec())).collect::<Vec<_>>()
                };
                assert_eq!(blocks(&read), blocks(&model));
                // But for the numbers that stand for matrices, and a header.
                let kept = model.kept_bytes().unwrap();
                let said = Gpt::saved_frozen_bytes(&path).unwrap().unwrap();
                assert!(said <= kept && kept < said + 128, "{said} of {kept}");
                let size = fs_err::metadata(&path).unwrap().len();
                assert!(size < said + 4096, "{size} for {said}");
            }
        }
    }
}

#[test]
fn a_saved_base_that_is_damaged_or_anothers_is_refused_by_name() {
    let device = Device::flex().autodiff();
    let [config, _] = configs();
    let frozen = FrozenType { weight_type: WeightType::Bf16, keeps_embedding: false };
    let model = Gpt::init(&config, 1, &device).unwrap().freeze(frozen).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    model.save_frozen(frozen, &path).unwrap();
    let whole = fs_err::read(&path).unwrap();
    let error = |config: &GptConfig| {
        let error = Gpt::load_frozen(&path, config, &device).unwrap_err().to_string();
        assert!(error.contains("base.gguf") && !error.contains('\n'), "{error}");
        error
    };
    let other = GptConfig { n_embd: 64, ..config.clone() };
    assert!(error(&other).contains("wte.weight has the shape [61, 32]"), "{}", error(&other));
    let deeper = GptConfig { n_layer: 3, ..config.clone() };
    assert!(error(&deeper).contains("has no tensor h.2."), "{}", error(&deeper));

    fs_err::write(&path, &whole[..whole.len() - 40]).unwrap();
    assert!(error(&config).contains("is damaged"), "{}", error(&config));
    let mut spoilt = whole;
    let end = spoilt.len();
    spoilt[end - 32] ^= 1;
    fs_err::write(&path, &spoilt).unwrap();
    assert!(error(&config).contains("checksum"), "{}", error(&config));
    fs_err::remove_file(&path).unwrap();
    assert!(error(&config).contains("does not exist"), "{}", error(&config));
}

/// As versions before wrote it: 32-bit floats in the model's order.
#[test]
fn a_base_of_before_is_read_too() {
    let device = Device::flex().autodiff();
    let [config, _] = configs();
    let frozen = FrozenType { weight_type: WeightType::Q8_0, keeps_embedding: true };
    let model = Gpt::init(&config, 1, &device).unwrap().freeze(frozen).unwrap();
    let said = [
        ("weights", "q8_0".to_owned()),
        ("keeps_embedding", "true".to_owned()),
        ("fingerprint", model.fingerprint().unwrap()),
        ("bytes", model.kept_bytes().unwrap().to_string()),
    ];
    let said = said.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.safetensors");
    crate::files::safetensors::write(&path, model.stored_parameters(), said).unwrap();
    let read = Gpt::load_frozen(&path, &config, &device).unwrap();
    assert_eq!(read.frozen_type(), Some(frozen));
    assert_eq!(read.fingerprint().unwrap(), model.fingerprint().unwrap());
    assert_eq!(Gpt::saved_frozen_bytes(&path).unwrap(), model.kept_bytes());
    assert_eq!(last(&read), last(&model));

    let other = GptConfig { n_embd: 64, ..config };
    let error = Gpt::load_frozen(&path, &other, &device).unwrap_err().to_string();
    assert!(error.contains("base.safetensors") && error.contains("wte.weight"), "{error}");
}

proptest! {
    /// What a type holds exactly is kept as that type, whatever larger one was asked for.
    #[test]
    fn numbers_of_a_smaller_type_stay_as_they_are(seed in 0u32..999, columns in 1usize..4) {
        let config = GptConfig { n_embd: 32 * columns, n_head: 1, ..configs()[1].clone() };
        let parameter = config.parameters().find(|found| found.name.ends_with("c_proj.weight")).unwrap();
        let [rows, columns] = [parameter.shape[0], parameter.shape[1]];
        let value = |i: usize| ((i as u32 ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 1e7;
        let values: Vec<f32> = (0..rows * columns).map(value).collect();
        for weight_type in [WeightType::Q8_0, WeightType::Bf16] {
            let shape = [rows, columns];
            let once = Frozen::of(shape, true, values.clone(), weight_type).unwrap();
            let numbers = once.values(true);
            let twice = Frozen::of(shape, true, numbers.clone(), WeightType::F32).unwrap();
            prop_assert_eq!(twice.weight_type(), weight_type);
            prop_assert_eq!(twice.values(true), numbers);
            prop_assert!(twice.bytes() < 4 * values.len());
        }
    }
}

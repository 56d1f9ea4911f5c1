//! An adapter beside packed weights against the same one merged into them.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::lora::Factors;
use crate::packed::tests::llama;
use crate::{Gpt, GptConfig, LoraConfig, PackedGpt, SavedModel, TextInput, WeightType};

const TOKENS: [u32; 7] = [3, 1, 4, 1, 5, 9, 2];

fn gpt2() -> GptConfig {
    GptConfig::new(48, 32, 2, 4, 64)
}

fn base(config: &GptConfig) -> Gpt {
    Gpt::init(config, 1, &Device::flex()).unwrap()
}

fn lora(targets: &[&str]) -> LoraConfig {
    LoraConfig {
        targets: targets.iter().map(|&name| name.to_owned()).collect(),
        ..LoraConfig::new(3)
    }
}

/// Saves an adapter of random factors, none of which is zero, and merges it.
fn merged(base: &Gpt, lora: &LoraConfig, seed: u64, folder: &Path) -> Gpt {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut adapted = lora.by_layer(base.config());
    let model = base.clone().with_factors(lora, |layer| {
        let matrix = adapted.remove(layer)?;
        let inner = matrix.parts.len() * lora.rank;
        let mut random = |rows: usize, columns: usize| {
            let values = (0..rows * columns).map(|_| rng.random::<f32>() - 0.5).collect::<Vec<_>>();
            TensorData::new(values, [rows, columns])
        };
        let (a, b) = (random(matrix.from, inner), random(lora.rank, matrix.to()));
        let parts = matrix.parts.into_iter().map(|part| part.columns).collect();
        Some(Factors { a, b, parts, lengths: None })
    });
    model.save_adapter(lora, "the base", folder).unwrap();
    model.materialize()
}

fn logits(model: &PackedGpt) -> Vec<f32> {
    model.forward(&mut [TextInput { tokens: &TOKENS, cache: &mut model.new_cache() }])
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    let size = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4 * size, "{found}, not {expected}");
    }
}

#[test]
fn factors_beside_the_matrices_give_what_the_merged_model_gives() {
    let all = ["c_attn", "c_proj", "c_fc"];
    let some = ["q_proj", "down_proj", "up_proj"];
    for (config, targets) in
        [(gpt2(), &all[..]), (gpt2(), &["mlp.c_proj"]), (llama(), &all), (llama(), &some)]
    {
        let folder = tempfile::tempdir().unwrap();
        let model = base(&config);
        let expected = merged(&model, &lora(targets), 7, folder.path());
        let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
        let adapted = packed.with_adapter(folder.path(), &|| model.fingerprint()).unwrap();
        let expected = logits(&PackedGpt::of(expected, WeightType::F32).unwrap());
        assert_close(&logits(&adapted), &expected);
        let before = logits(&packed);
        assert!(before.iter().zip(&expected).any(|(a, b)| (a - b).abs() > 0.1), "no test");
    }
}

#[test]
fn a_gguf_files_rows_have_their_own_order() {
    let folder = tempfile::tempdir().unwrap();
    let (path, adapter) = (folder.path().join("model.gguf"), folder.path().join("adapter"));
    fs_err::create_dir(&adapter).unwrap();
    let model = base(&llama());
    model.save_gguf(&[], WeightType::F32, &path).unwrap();
    let expected = merged(&model, &lora(&["c_attn"]), 8, &adapter);
    let open = || SavedModel::open(&path).unwrap();
    let packed = open().load_packed(None).unwrap();
    let adapted = packed.with_adapter(&adapter, &|| open().fingerprint()).unwrap();
    assert_close(&logits(&adapted), &logits(&PackedGpt::of(expected, WeightType::F32).unwrap()));
}

#[test]
fn texts_with_different_adapters_are_read_together() {
    let folder = tempfile::tempdir().unwrap();
    let model = base(&llama());
    let packed = PackedGpt::of(model.clone(), WeightType::Q8_0).unwrap();
    let adapted = [1, 2].map(|seed| {
        let folder = folder.path().join(seed.to_string());
        fs_err::create_dir(&folder).unwrap();
        merged(&model, &lora(&["c_attn", "c_fc"]), seed, &folder);
        packed.with_adapter(&folder, &|| model.fingerprint()).unwrap()
    });
    let models = [&adapted[0], &packed, &adapted[1], &adapted[0]];
    let mut caches = models.map(PackedGpt::new_cache);
    let texts = caches.iter_mut().map(|cache| TextInput { tokens: &TOKENS, cache });
    let together = packed.forward(&mut texts.collect::<Vec<_>>());
    assert!(together == models.map(logits).concat());
    assert_ne!(logits(&adapted[0]), logits(&adapted[1]));
}

#[test]
fn what_cannot_stand_beside_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = base(&gpt2());
    let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
    let other = packed.with_adapter(folder.path(), &|| Ok(String::new()));
    assert!(other.unwrap_err().to_string().contains("adapter_config.json"));
    merged(&model, &lora(&["c_attn"]), 3, folder.path());
    let other = packed.with_adapter(folder.path(), &|| Ok("another".to_owned()));
    assert!(other.unwrap_err().to_string().contains("another base model"));
    let folder = tempfile::tempdir().unwrap();
    merged(&model, &lora(&["wte"]), 3, folder.path());
    let embedding = packed.with_adapter(folder.path(), &|| model.fingerprint()).unwrap_err();
    assert!(embedding.to_string().contains("adapts wte"), "{embedding}");
}

//! Models in GGUF: ours read back, and what is refused in one line.

use std::path::PathBuf;

use burn::tensor::{Device, Int, Tensor, TensorData};
use minigpt_gguf::{Metadata, TensorType};
use tempfile::TempDir;

use super::*;
use crate::SavedModel;
use crate::model::config::{
    BiasConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig, RotaryScaling,
};

/// Two heads of queries to one of keys, twelve wide.
fn llama() -> GptConfig {
    GptConfig {
        n_inner: 64,
        n_kv_head: Some(2),
        mlp: MlpKind::Swiglu,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-6 },
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        bias: BiasConfig::NONE,
        ..GptConfig::new(50, 16, 2, 4, 32)
    }
}

fn scaled(scaling: RotaryScaling) -> Position {
    Position::Rotary(RotaryConfig { base: 500.0, scaling: Some(scaling) })
}

fn llama3(factor: f64, original_context: usize) -> Position {
    let (low_freq_factor, high_freq_factor) = (1.0, 4.0);
    scaled(RotaryScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context })
}

/// Each family and choice that llama.cpp has.
fn configurations() -> Vec<GptConfig> {
    let attention = BiasConfig { attention: true, ..BiasConfig::NONE };
    let all = BiasConfig { attention_output: true, mlp: true, ..attention };
    let linear = scaled(RotaryScaling::Linear { factor: 2.5 });
    let norm = NormConfig { kind: NormKind::LayerNorm, epsilon: 0.01 };
    vec![
        GptConfig::new(50, 16, 2, 4, 32),
        GptConfig { tied: false, norm, ..GptConfig::new(50, 16, 2, 4, 32) },
        llama(),
        GptConfig { tied: false, head_size: Some(6), n_kv_head: Some(1), ..llama() },
        GptConfig { bias: all, position: linear, ..llama() },
        GptConfig { position: llama3(8.0, 16), ..llama() },
        GptConfig { bias: attention, n_kv_head: None, ..llama() },
        GptConfig { qk_norm: true, head_size: Some(12), ..llama() },
    ]
}

fn saved(config: &GptConfig, weight_type: WeightType) -> (TempDir, PathBuf, Gpt) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let model = Gpt::init(config, 7, &Device::flex()).unwrap();
    let name = ("general.name".to_owned(), "a name".into());
    model.save_gguf(&[name], weight_type, &path).unwrap();
    (folder, path, model)
}

fn logits(model: &Gpt) -> Vec<f32> {
    let ids: Vec<i32> = (0..16).map(|index| index * 7 % 50).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, 16]), &Device::flex());
    model.forward(tokens).into_data().try_into_vec().unwrap()
}

#[test]
fn what_is_saved_is_what_is_loaded() {
    for config in configurations() {
        let (_folder, path, model) = saved(&config, WeightType::F32);
        assert_eq!(*SavedModel::open(&path).unwrap().config(), config);
        let loaded = Gpt::from_pretrained(&path, &Device::flex()).unwrap();
        assert_eq!(logits(&loaded), logits(&model), "{config:?}");
    }
}

#[test]
fn rounded_weights_are_read_as_they_are_in_the_file() {
    for (weight_type, tolerance) in
        [(WeightType::F16, 1e-3), (WeightType::Bf16, 1e-2), (WeightType::Q8_0, 2e-2)]
    {
        let (_folder, path, model) = saved(&llama(), weight_type);
        let loaded = Gpt::from_pretrained(&path, &Device::flex()).unwrap();
        let pairs = logits(&loaded).into_iter().zip(logits(&model));
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst > 0.0 && worst < tolerance, "{weight_type}: {worst}");
        let file = Gguf::open(&path).unwrap();
        let kind = |name: &str| file.tensor(name).unwrap().info().tensor_type();
        assert_eq!(kind("blk.1.attn_q.weight"), weight_type.of_ggml());
        assert_eq!(kind("token_embd.weight"), weight_type.of_ggml());
        assert_eq!(kind("blk.0.ffn_norm.weight"), TensorType::F32);
        assert_eq!(file.metadata().get::<&str>("general.name").unwrap(), "a name");
    }
    // Rows of 24 values are no blocks of 32.
    let narrow = GptConfig { n_embd: 24, ..llama() };
    let (_folder, path, _) = saved(&narrow, WeightType::Q8_0);
    let file = Gguf::open(&path).unwrap();
    let kind = |name: &str| file.tensor(name).unwrap().info().tensor_type();
    assert_eq!(kind("blk.0.ffn_up.weight"), TensorType::F16);
    assert_eq!(kind("blk.0.ffn_down.weight"), TensorType::Q8_0);
}

#[test]
fn what_llama_cpp_has_no_place_for_is_not_written() {
    let refused = |config: GptConfig, setting: &str| {
        let model = Gpt::init(&config, 7, &Device::flex()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let error = model.save_gguf(&[], WeightType::F32, &path).unwrap_err().to_string();
        assert!(error.ends_with(&format!("does not support this model's {setting}")), "{error}");
        assert!(!path.exists());
    };
    let gpt2 = GptConfig::new(50, 16, 1, 4, 32);
    refused(GptConfig { mlp: MlpKind::GeluExact, ..gpt2.clone() }, "mlp");
    refused(GptConfig { bias: BiasConfig::NONE, ..gpt2.clone() }, "bias");
    refused(GptConfig { n_kv_head: Some(2), ..gpt2.clone() }, "n_kv_head");
    let setting = "scale_attn_by_inverse_layer_idx";
    refused(GptConfig { scale_attn_by_inverse_layer_idx: true, ..gpt2.clone() }, setting);
    refused(GptConfig { position: llama().position, ..gpt2 }, "norm");
    refused(GptConfig { mlp: MlpKind::ReluSquared, ..llama() }, "mlp");
    refused(
        GptConfig { position: llama3(8.0, 16), qk_norm: true, ..llama() },
        "position.rotary.scaling",
    );
    refused(GptConfig { position: llama3(8.0, 100), ..llama() }, "position.rotary.scaling");
}

/// The file with other metadata, where a value stands for each key and nothing for one to be left out.
fn changed(path: &Path, changes: &[(&str, Option<Value>)]) -> Result<GptConfig, String> {
    let file = Gguf::open(path).unwrap();
    let mut metadata: Vec<(String, Value)> = file
        .metadata()
        .iter()
        .filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key))
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    metadata.extend(
        changes.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?))),
    );
    let infos: Vec<TensorInfo> = file.tensors().map(|tensor| tensor.info().clone()).collect();
    let changed = path.with_file_name("changed.gguf");
    write::<minigpt_gguf::GgufError>(&changed, &metadata, &infos, |info, out| {
        out.blocks(file.tensor(info.name())?.blocks())
    })
    .unwrap();
    let saved = SavedModel::open(&changed).map_err(|error| error.to_string())?;
    let config = saved.config().clone();
    saved.load(&Device::flex()).map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn each_key_of_the_architecture_is_honoured_harmless_or_refused() {
    let (_folder, path, _) = saved(&llama(), WeightType::F32);
    let harmless: [(&str, Value); 8] = [
        ("llama.expert_count", 0_u32.into()),
        ("llama.use_parallel_residual", false.into()),
        ("llama.rope.scaling.original_context_length", 8_u32.into()),
        ("llama.rope.scaling.type", "none".into()),
        ("llama.rope.scaling.factor", 1.0_f32.into()),
        ("llama.attention.sliding_window", 16_u32.into()),
        ("tokenizer.ggml.model", "llama".into()),
        ("general.quantization_version", 2_u32.into()),
    ];
    for (key, value) in harmless {
        assert_eq!(changed(&path, &[(key, Some(value))]), Ok(llama()), "{key}");
    }
    let left_out = [
        "llama.vocab_size",
        "llama.rope.dimension_count",
        "llama.attention.key_length",
        "llama.attention.value_length",
        "llama.rope.freq_base",
        "general.type",
    ];
    for key in left_out {
        assert_eq!(changed(&path, &[(key, None)]), Ok(llama()), "{key}");
    }
    let linear = Position::Rotary(RotaryConfig {
        base: 10_000.0,
        scaling: Some(RotaryScaling::Linear { factor: 4.0 }),
    });
    let old = changed(&path, &[("llama.rope.scale_linear", Some(4.0_f32.into()))]).unwrap();
    assert_eq!(old, GptConfig { position: linear, ..llama() });

    let refused: [(&str, Value, &str); 13] = [
        ("general.architecture", "bert".into(), "has the general.architecture bert: expected gpt2"),
        ("general.architecture", "mistral".into(), "has the general.architecture mistral"),
        ("general.type", "adapter".into(), "general.type \"adapter\": expected \"model\""),
        ("split.count", 2_u16.into(), "split.count 2: expected a model in one file"),
        ("llama.expert_count", 8_u32.into(), "llama.expert_count is uint32 8: expected 0"),
        ("llama.attention.causal", true.into(), "llama.attention.causal is bool true"),
        ("llama.rope.scaling.type", "yarn".into(), "llama.rope.scaling.type \"yarn\": expected"),
        ("llama.attention.sliding_window", 15_u32.into(), "expected at least 16, the context"),
        ("llama.rope.dimension_count", 4_u32.into(), "rope.dimension_count 4: expected 8"),
        ("llama.vocab_size", 49_u32.into(), "vocab_size 49: expected 50, the rows of token_embd"),
        ("llama.attention.head_count", 5_u32.into(), "is not a supported model configuration"),
        ("llama.block_count", 3_u32.into(), "has no tensor blk.2.attn_norm.weight"),
        ("llama.attention.head_count", Value::from(vec![4_i32, 4]), "expected an integer"),
    ];
    for (key, value, part) in refused {
        let error = changed(&path, &[(key, Some(value))]).unwrap_err();
        assert!(error.contains(part) && error.lines().count() == 1, "{part}: {error}");
    }
    let error = changed(&path, &[("llama.block_count", None)]).unwrap_err();
    assert!(error.contains("metadata llama.block_count is missing"), "{error}");
    // Fewer blocks than there are tensors of.
    let error = changed(&path, &[("llama.block_count", Some(1_u32.into()))]).unwrap_err();
    assert!(error.contains("has an unexpected tensor blk.1."), "{error}");
}

#[test]
fn factors_of_positions_that_no_formula_gives_are_refused() {
    let config = GptConfig { position: llama3(8.0, 16), ..llama() };
    let (_folder, path, _) = saved(&config, WeightType::F32);
    let bytes = fs_err::read(&path).unwrap();
    let factors: Vec<u8> = [1.0_f32, 1.5, 3.0, 8.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut spoilt = bytes;
    let start = spoilt.len() - 32; // The last tensor, with its padding.
    spoilt[start..start + 16].copy_from_slice(&factors);
    fs_err::write(&path, spoilt).unwrap();
    let error = SavedModel::open(&path).unwrap_err().to_string();
    assert!(error.contains("rope_freqs.weight has factors that are not Llama 3's"), "{error}");
}

/// Old files of GPT-2 have the embedding a second time.
#[test]
fn a_second_copy_of_the_embedding_is_the_tied_head() {
    let (_folder, path, model) = saved(&llama(), WeightType::F32);
    let file = Gguf::open(&path).unwrap();
    let metadata: Vec<(String, Value)> =
        file.metadata().iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    let mut infos: Vec<TensorInfo> = file.tensors().map(|it| it.info().clone()).collect();
    infos.push(TensorInfo::new("output.weight", &[32, 50], TensorType::F32).unwrap());
    let twice = path.with_file_name("twice.gguf");
    write::<minigpt_gguf::GgufError>(&twice, &metadata, &infos, |info, out| {
        let name = if info.name() == "output.weight" { "token_embd.weight" } else { info.name() };
        out.blocks(file.tensor(name)?.blocks())
    })
    .unwrap();
    let loaded = Gpt::from_pretrained(&twice, &Device::flex()).unwrap();
    assert_eq!(*loaded.config(), llama());
    assert_eq!(logits(&loaded), logits(&model));
}

#[test]
fn metadata_of_the_shape_can_be_read_alone() {
    // A model's shape and its tokenizer's tables do not meet: what the caller gives is kept as it is.
    let entries = keys::write(Family::Llama, &llama(), WeightType::Q8_0);
    let metadata = Metadata::new("model.gguf", entries).unwrap();
    assert_eq!(metadata.get::<u32>("general.file_type").unwrap(), 7);
    assert_eq!(metadata.get::<u32>("llama.attention.head_count_kv").unwrap(), 2);
}

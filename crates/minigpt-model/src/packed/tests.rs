//! A packed model against the model that it was made of.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{PackedCache, PackedGpt, TextInput};
use crate::files::pretrained::SavedModel;
use crate::model::config::{
    BiasConfig, GptConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig, RotaryScaling,
};
use crate::model::gpt::Gpt;
use crate::{CacheType, Generator, GptRef, Sampling, WeightType};

const TOKENS: [u32; 9] = [3, 1, 4, 1, 5, 9, 2, 6, 5];

pub(super) fn llama() -> GptConfig {
    GptConfig {
        n_kv_head: Some(2),
        n_inner: 96,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
        position: Position::Rotary(RotaryConfig { base: 100.0, scaling: None }),
        mlp: MlpKind::Swiglu,
        bias: BiasConfig::NONE,
        tied: false,
        ..GptConfig::new(48, 32, 2, 4, 64)
    }
}

/// Each knob that the forward pass looks at.
fn configurations() -> Vec<GptConfig> {
    let plain = GptConfig::new(48, 32, 2, 4, 64);
    let turned = Position::Rotary(RotaryConfig { base: 100.0, scaling: None });
    let bias = BiasConfig::NONE;
    let scaled = |scaling| Position::Rotary(RotaryConfig { base: 100.0, scaling: Some(scaling) });
    let linear = RotaryScaling::Linear { factor: 2.0 };
    let llama3 = RotaryScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_context: 16,
    };
    vec![
        plain.clone(),
        llama(),
        GptConfig { bias, scale_attn_by_inverse_layer_idx: true, ..plain.clone() },
        GptConfig { qk_norm: true, position: turned, mlp: MlpKind::GeluExact, ..plain.clone() },
        GptConfig { head_size: Some(6), n_kv_head: Some(1), mlp: MlpKind::ReluSquared, ..plain },
        GptConfig { qk_norm: true, ..llama() },
        // As Qwen 2, as Llama 3, and with slower turns.
        GptConfig { bias: BiasConfig { attention: true, ..bias }, tied: true, ..llama() },
        GptConfig { position: scaled(llama3), ..llama() },
        GptConfig { position: scaled(linear), ..llama() },
    ]
}

fn gpt(config: &GptConfig) -> Gpt {
    Gpt::init(config, 1, &Device::flex()).unwrap()
}

fn logits(model: &Gpt, tokens: &[u32]) -> Vec<f32> {
    let ids: Vec<i32> = tokens.iter().map(|id| *id as i32).collect();
    let ids = TensorData::new(ids, [1, tokens.len()]);
    let logits = model.forward_last(Tensor::<2, Int>::from_data(ids, &Device::flex()));
    logits.into_data().try_to_vec().unwrap()
}

fn packed_logits(model: &PackedGpt, tokens: &[u32], cache: &mut PackedCache) -> Vec<f32> {
    model.forward(&mut [TextInput { tokens, cache }])
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
    }
}

#[test]
fn unrounded_weights_give_the_models_own_logits() {
    for config in configurations() {
        let model = gpt(&config);
        let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
        let whole = packed_logits(&packed, &TOKENS, &mut PackedCache::default());
        assert_close(&whole, &logits(&model, &TOKENS), 1e-5);
        let mut cache = PackedCache::default();
        packed_logits(&packed, &TOKENS[..4], &mut cache);
        assert_eq!(packed_logits(&packed, &TOKENS[4..], &mut cache), whole, "in two parts");
    }
}

#[test]
fn hidden_states_are_the_models_own() {
    for config in configurations() {
        let model = gpt(&config);
        let expected = GptRef::from(&model).hidden(&TOKENS);
        let packed = PackedGpt::of(model, WeightType::F32).unwrap();
        let found = GptRef::from(&packed).hidden(&TOKENS);
        assert_eq!(found.len(), TOKENS.len() * config.n_embd);
        assert_close(&found, &expected, 1e-4);
    }
}

#[test]
fn a_text_has_the_same_logits_alone_among_others_and_on_any_threads() {
    let types = [WeightType::F32, WeightType::Bf16, WeightType::Q8_0, WeightType::Q4_1];
    for (config, weight_type) in [GptConfig::new(48, 32, 2, 4, 64), llama()]
        .iter()
        .flat_map(|config| types.map(|weight_type| (config, weight_type)))
    {
        let packed = PackedGpt::of(gpt(config), weight_type).unwrap();
        let texts: Vec<&[u32]> = (1..TOKENS.len()).map(|len| &TOKENS[..len]).collect();
        let alone: Vec<f32> = texts
            .iter()
            .flat_map(|tokens| packed_logits(&packed, tokens, &mut PackedCache::default()))
            .collect();
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut caches = vec![PackedCache::default(); texts.len()];
            let reads = texts.iter().zip(&mut caches);
            let mut reads: Vec<TextInput<'_>> =
                reads.map(|(tokens, cache)| TextInput { tokens, cache }).collect();
            let together = pool.install(|| packed.forward(&mut reads));
            assert!(together == alone, "{weight_type} on {threads} threads");
        }
    }
}

#[test]
fn rounding_changes_logits_by_little() {
    let model = gpt(&llama());
    let expected = logits(&model, &TOKENS);
    let size = expected.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
    let rounded = [
        (WeightType::F16, 1e-3),
        (WeightType::Bf16, 1e-2),
        (WeightType::Q8_0, 2e-2),
        (WeightType::Q4_1, 0.3),
        (WeightType::Q4_0, 0.3),
    ];
    for (weight_type, tolerance) in rounded {
        let packed = PackedGpt::of(model.clone(), weight_type).unwrap();
        let found = packed_logits(&packed, &TOKENS, &mut PackedCache::default());
        assert_close(&found, &expected, tolerance * size);
    }
}

/// Hidden states and the head apart are the forward pass, for weights of either kind.
#[test]
fn a_head_makes_the_logits_of_the_last_hidden_states() {
    let model = gpt(&llama()).with_tokenizer_size(40);
    let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
    let texts = [&TOKENS[..8], &TOKENS[1..]];
    for read in [GptRef::from(&model), GptRef::from(&packed)] {
        let hidden = read.last_hidden(&texts, 3);
        assert_eq!(hidden.len(), 2 * 3 * 64);
        for (text, hidden) in texts.iter().zip(hidden.chunks(3 * 64)) {
            let whole = read.hidden(text);
            assert_close(hidden, &whole[5 * 64..], 1e-5);
            let logits = read.head(hidden);
            assert_eq!(logits.len(), 3 * 48);
            let known = |logits: &[f32]| logits[2 * 48..][..40].to_vec();
            assert_close(&known(&logits), &self::logits(&model, text)[..40], 1e-4);
            assert!(logits.iter().filter(|logit| logit.is_infinite()).count() == 3 * 8);
        }
    }
}

#[test]
fn scores_are_the_models_own_whatever_the_chunks() {
    for config in [GptConfig { block_size: 600, ..llama() }, GptConfig::new(48, 600, 1, 2, 32)] {
        let model = gpt(&config).with_tokenizer_size(40);
        let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
        // More than the rows of a chunk, and than the scores that are made at once.
        let ids: Vec<u32> = (0..601).map(|i| i * i % 37).collect();
        let (texts, targets) = ([&ids[..600], &ids[1..]], [&ids[101..601], &ids[..500]]);
        let expected = crate::GptRef::from(&model).score(&texts, &targets);
        let found = crate::GptRef::from(&packed).score(&texts, &targets);
        for (found, expected) in found.concat().iter().zip(expected.concat()) {
            assert!((found.nats - expected.nats).abs() < 1e-4, "{found:?}, not {expected:?}");
            assert_eq!(found.is_greedy, expected.is_greedy);
        }
    }
}

#[test]
fn a_file_is_used_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for weight_type in [WeightType::F32, WeightType::Q8_0, WeightType::Q4_0] {
        let model = gpt(&llama());
        model.save_gguf(&[], weight_type, &path).unwrap();
        let open = || SavedModel::open(&path).unwrap();
        let packed = open().load_packed(None).unwrap();
        // Llama's files have the rows of queries and keys in another order, and the sums are in another one with it.
        let expected = PackedGpt::of(model.clone(), weight_type).unwrap();
        let [found, expected] = [&packed, &expected]
            .map(|packed| packed_logits(packed, &TOKENS, &mut PackedCache::default()));
        assert_close(&found, &expected, 1e-5);
        assert_eq!(
            packed.weight_bytes(),
            PackedGpt::of(model.clone(), weight_type).unwrap().weight_bytes()
        );
        let again = open().load_packed(Some(weight_type)).unwrap();
        assert_eq!(packed_logits(&again, &TOKENS, &mut PackedCache::default()), found);
    }
}

#[test]
fn matrices_of_types_that_are_not_multiplied_are_named_with_their_cost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let model = gpt(&GptConfig { n_embd: 256, n_inner: 256, ..llama() });
    model.save_gguf(&[], WeightType::Q8_0, &path).unwrap();
    let open = || SavedModel::open(&path).unwrap();
    assert_eq!(open().converted(None), None);
    let all = open().converted(Some(WeightType::Q4_1)).unwrap();
    assert_eq!(
        (all.stored_types, all.bytes),
        (vec!["Q8_0".to_owned()], all.stored_bytes / 34 * 20)
    );

    // One of them said to be of ggml's type 14, of 210 bytes for 256 values: zeros.
    let name = b"blk.1.ffn_up.weight";
    let file = minigpt_gguf::Gguf::open(&path).unwrap();
    let blocks = file.tensor("blk.1.ffn_up.weight").unwrap().blocks().to_vec();
    let mut bytes = fs_err::read(&path).unwrap();
    let at = bytes.windows(name.len()).position(|found| found == name).unwrap() + name.len();
    bytes[at + 4 + 16..][..4].copy_from_slice(&14u32.to_le_bytes());
    let at = bytes.windows(blocks.len()).position(|found| found == blocks).unwrap();
    bytes[at..at + blocks.len()].fill(0);
    fs_err::write(&path, bytes).unwrap();
    let one = super::Converted {
        matrices: 1,
        stored_types: vec!["Q6_K".to_owned()],
        stored_bytes: 256 * 210,
        weight_type: WeightType::Q8_0,
        bytes: 256 * 256 / 32 * 34,
    };
    assert_eq!(open().converted(None), Some(one));
    open().load_packed(None).unwrap();
}

#[test]
fn gpt2s_matrix_of_queries_keys_and_values_is_divided() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let model = gpt(&GptConfig::new(48, 32, 2, 4, 64));
    model.save_gguf(&[], WeightType::Q8_0, &path).unwrap();
    let packed = SavedModel::open(&path).unwrap().load_packed(None).unwrap();
    let expected = PackedGpt::of(model.clone(), WeightType::Q8_0).unwrap();
    let [found, expected] = [&packed, &expected]
        .map(|packed| packed_logits(packed, &TOKENS, &mut PackedCache::default()));
    assert_eq!(found, expected);
}

#[test]
fn a_folder_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let model = gpt(&llama());
    fs_err::write(
        folder.path().join("config.json"),
        model.config().to_hugging_face(&crate::SpecialIds::default()),
    )
    .unwrap();
    let weights = folder.path().join("model.safetensors");
    for (weight_type, bytes) in [(WeightType::F32, 4), (WeightType::Bf16, 2), (WeightType::F16, 2)]
    {
        model.save_safetensors(&weights, weight_type).unwrap();
        let saved = SavedModel::open(folder.path()).unwrap();
        let needed = saved.packed_bytes(None).unwrap();
        let packed = saved.load_packed(None).unwrap();
        let expected = PackedGpt::of(model.clone(), weight_type).unwrap();
        assert_eq!(packed.weight_bytes(), expected.weight_bytes());
        assert_eq!(needed, (bytes * model.config().parameter_counts().total()) as u64);
        let [found, expected] = [&packed, &expected]
            .map(|packed| packed_logits(packed, &TOKENS, &mut PackedCache::default()));
        assert_eq!(found, expected, "{weight_type}");
    }
}

#[test]
fn an_adapter_is_to_be_merged_first() {
    let targets = vec!["c_attn".to_owned()];
    let config = crate::LoraConfig { targets, ..crate::LoraConfig::new(2) };
    let adapted = gpt(&llama()).with_lora(&config, 1).unwrap();
    let error = PackedGpt::of(adapted, WeightType::F32).unwrap_err().to_string();
    assert_eq!(
        error,
        "h.0.attn.c_attn.weight has a LoRA adapter: merge the adapter into the weights first"
    );
}

#[test]
fn the_first_of_equal_logits_is_the_greedy_one() {
    let score = |target| crate::TokenScore::new(&[1.0, 3.0, 3.0], target);
    assert_eq!([0, 1, 2].map(|target| score(target).is_greedy), [false, true, false]);
}

#[test]
fn a_number_that_is_not_finite_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    gpt(&llama()).save_gguf(&[], WeightType::Q8_0, &path).unwrap();
    let mut bytes = fs_err::read(&path).unwrap();
    // The scale of the last block of the head.
    let file = minigpt_gguf::Gguf::open(&path).unwrap();
    let last = file.tensor("output.weight").unwrap().blocks().to_vec();
    let at = bytes.windows(last.len()).rposition(|found| found == last).unwrap() + last.len() - 34;
    bytes[at..at + 2].copy_from_slice(&[0x00, 0x7c]);
    fs_err::write(&path, bytes).unwrap();
    let error = SavedModel::open(&path).unwrap().load_packed(None).unwrap_err().to_string();
    let index = 48 * 64 - 32;
    assert!(error.contains("model.gguf: output.weight contains "), "{error}");
    assert!(error.contains(&format!("first at index {index}:")), "{error}");
}

#[test]
fn texts_outgrow_the_context_as_the_models_own_do() {
    let config = GptConfig { block_size: 8, ..llama() };
    let model = gpt(&config);
    let packed = PackedGpt::of(model.clone(), WeightType::F32).unwrap();
    let text = |generator: Generator<'_>| -> Vec<u32> {
        generator.take(30).collect::<Result<_, _>>().unwrap()
    };
    let sampling = Sampling::Greedy;
    let expected = text(Generator::new(&model, &TOKENS[..5], sampling.clone(), 0).unwrap());
    assert_eq!(text(Generator::new(&packed, &TOKENS[..5], sampling, 0).unwrap()), expected);
}

#[test]
fn a_cache_forgets_what_came_last() {
    let packed = PackedGpt::of(gpt(&llama()), WeightType::F32).unwrap();
    let mut cache = PackedCache::default();
    let first = packed_logits(&packed, &TOKENS[..5], &mut cache);
    packed_logits(&packed, &TOKENS[5..], &mut cache);
    cache.truncate(4);
    assert_eq!(packed_logits(&packed, &TOKENS[4..5], &mut cache), first);
    assert_eq!(cache.len(), 5);
}

#[test]
fn a_cache_in_16_bits_changes_logits_by_little_and_is_cut_and_copied() {
    let model = gpt(&llama());
    let packed = PackedGpt::of(model, WeightType::F32).unwrap();
    let mut wide = packed.new_cache();
    let expected = packed_logits(&packed, &TOKENS, &mut wide);
    let size = expected.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
    for (cache_type, tolerance) in [(CacheType::F16, 2e-3), (CacheType::Bf16, 2e-2)] {
        let packed = packed.clone().with_cache_type(cache_type);
        let mut cache = packed.new_cache();
        let whole = packed_logits(&packed, &TOKENS, &mut cache);
        assert_close(&whole, &expected, tolerance * size);
        assert_ne!(whole, expected, "{cache_type} rounds nothing");
        assert_eq!(2 * cache.bytes(), wide.bytes());
        let mut copied = cache.beginning(4);
        assert_eq!(packed_logits(&packed, &TOKENS[4..], &mut copied), whole);
        cache.truncate(4);
        assert_eq!(packed_logits(&packed, &TOKENS[4..], &mut cache), whole);
    }
}

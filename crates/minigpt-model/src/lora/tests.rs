//! Adapters: what they train, what they leave alone, and their files.

use std::sync::PoisonError;

use ::safetensors::tensor::{TensorView, serialize_to_file};
use ::safetensors::{Dtype, SafeTensors};
use burn::module::{Module, ModuleVisitor};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int};

use super::adapter::ADAPTER_FILE;
use super::peft::ADAPTER_CONFIG_FILE;
use super::*;
use crate::ops::tests::GENERATOR;

fn config() -> GptConfig {
    GptConfig { n_inner: 40, ..GptConfig::new(61, 16, 2, 3, 24) }
}

/// Of all matrices there are.
fn lora() -> LoraConfig {
    let targets = ["c_attn", "c_proj", "c_fc", "wte"].map(str::to_owned).to_vec();
    LoraConfig { dropout: 0.1, targets, ..LoraConfig::new(4) }
}

fn tokens(device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = (0..64).map(|index| index * 7 % 61).collect();
    Tensor::from_data(TensorData::new(ids, [4, 16]), device)
}

fn logits(model: &Gpt) -> Vec<f32> {
    let device = model.wte.weight.lazy_device();
    model.forward(tokens(&device)).into_data().try_into_vec().unwrap()
}

/// After some steps on one batch, the losses before each.
fn trained(mut model: Gpt, steps: usize) -> (Gpt, Vec<f32>) {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Device::flex().autodiff();
    let mut optimizer = AdamWConfig::new().init();
    let mut losses = Vec::new();
    for _ in 0..steps {
        let loss = model.loss_sum(tokens(&device), tokens(&device).flip([1])) / 64.0;
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-2, model, gradients);
        losses.push(loss.into_scalar::<f32>());
    }
    (model, losses)
}

fn adapted(seed: u64) -> Gpt {
    let device = Device::flex().autodiff();
    let model = Gpt::init(&config(), seed, &device).unwrap();
    model.with_lora(&lora(), 1).unwrap()
}

/// Every parameter's bytes, the factors' apart.
fn frozen_bytes(model: &Gpt) -> Vec<Vec<u8>> {
    let stored = model.stored_parameters().into_iter();
    let own = stored.filter(|tensor| !tensor.name.contains(".lora."));
    own.map(|tensor| tensor.into_bytes().unwrap().to_vec()).collect()
}

#[test]
fn a_fresh_adapter_changes_nothing_and_is_as_large_as_it_says() {
    let plain = Gpt::init(&config(), 3, &Device::flex()).unwrap();
    let expected = logits(&plain);
    let own = plain.num_params();
    let adapted = plain.with_lora(&lora(), 1).unwrap();
    assert_eq!(logits(&adapted), expected);
    assert_eq!(adapted.num_params() - own, lora().parameters(&config()));
    let of = |seed| {
        let model = Gpt::init(&config(), 3, &Device::flex()).unwrap();
        let model = model.with_lora(&lora(), seed).unwrap();
        let mut factors = model.factors().map(|(_, factors)| factors);
        let [wte, c_attn] = [(); 2].map(|()| factors.next().unwrap());
        assert!(wte.a.val().abs().sum().into_scalar::<f32>() == 0.0);
        c_attn.a.val().into_data().try_into_vec::<f32>().unwrap()
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    assert!(of(1).iter().all(|x| x.abs() <= 1.0 / 24_f32.sqrt()));
}

/// Which parameters have a gradient.
struct Found<'a>(&'a GradientsParams, Vec<bool>);

impl ModuleVisitor for Found<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.1.push(self.0.get::<D>(param.id).is_some());
    }
}

#[test]
fn only_the_factors_are_trained() {
    let model = adapted(3);
    let before = frozen_bytes(&model);
    let device = Device::flex().autodiff();
    let alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let loss = model.loss_sum(tokens(&device), tokens(&device));
    drop(alone);
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut found = Found(&gradients, Vec::new());
    model.visit(&mut found);
    let names = model.stored_parameters().into_iter().map(|tensor| tensor.name);
    let expected: Vec<bool> = names.map(|name| name.contains(".lora.")).collect();
    assert_eq!(found.1, expected);

    let (model, losses) = trained(model, 60);
    // The frozen head is a fresh one, whose logits cannot grow large.
    assert!(losses[59] < losses[0] - 0.05, "{} to {}: nothing was learnt", losses[0], losses[59]);
    assert!(frozen_bytes(&model) == before, "frozen weights moved");
}

#[test]
fn merging_changes_no_logit_but_by_rounding() {
    let (model, _) = trained(adapted(3), 20);
    let model = model.valid();
    let unmerged = logits(&model);
    let merged = model.materialize();
    assert_eq!(merged.factors().count(), 0);
    let differences = logits(&merged).into_iter().zip(&unmerged).map(|(a, b)| (a - b).abs());
    assert!(differences.fold(0.0, f32::max) < 1e-4);
    assert_ne!(unmerged, logits(&Gpt::init(&config(), 3, &Device::flex()).unwrap()));
}

#[test]
fn an_adapter_read_back_computes_the_same_and_knows_its_base() {
    let folder = tempfile::tempdir().unwrap();
    let (model, _) = trained(adapted(3), 5);
    model.save_adapter(&lora(), "the base", folder.path()).unwrap();
    assert_eq!(LoraConfig::read_peft(folder.path()).unwrap(), lora());
    let base = |seed, config: &GptConfig| Gpt::init(config, seed, &Device::flex()).unwrap();
    let read = base(3, &config()).with_adapter(folder.path()).unwrap();
    assert_eq!(logits(&read), logits(&model.valid()));

    let refused = |model: Gpt, reason: &str| {
        let error = model.with_adapter(folder.path()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.lines().count() == 1, "{error}");
        assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    };
    refused(base(4, &config()), "for another base model: the base's weights are not");
    let wider = GptConfig { n_inner: 48, ..config() };
    refused(base(3, &wider), "mlp.c_fc.lora_B.weight is [40, 4], expected [48, 4]");
    let deeper = GptConfig { n_layer: 3, ..config() };
    refused(base(3, &deeper), "it has no base_model.model.transformer.h.2.attn.c_attn");
    let shallower = GptConfig { n_layer: 1, ..config() };
    refused(base(3, &shallower), "no place for base_model.model.transformer.h.1");

    let path = folder.path().join(ADAPTER_CONFIG_FILE);
    let json = fs_err::read_to_string(&path).unwrap();
    let with = |from: &str, to: &str, reason: &str| {
        assert!(json.contains(from));
        fs_err::write(&path, json.replace(from, to)).unwrap();
        refused(base(3, &config()), reason);
    };
    with(
        "\"use_dora\": false",
        "\"use_dora\": true",
        "lora.dora is out of range: expected false where",
    );
    with("\"ensure_weight_tying\": true", "\"ensure_weight_tying\": false", "wte without");
    with("\"r\": 4", "\"r\": 0", "lora.rank is out of range: expected 1 to 24");
    with("\"c_fc\"", "\"q_proj\"", "unknown matrix `q_proj`");
    with("{", "", "expected");
    fs_err::write(&path, &json).unwrap();
    fs_err::write(folder.path().join(ADAPTER_FILE), [255; 40]).unwrap();
    refused(base(3, &config()), "is damaged: it claims a header of");
}

/// A folder with the adapter, whose files a test can spoil, and its base.
fn saved() -> (tempfile::TempDir, Gpt) {
    let folder = tempfile::tempdir().unwrap();
    adapted(3).save_adapter(&lora(), "the base", folder.path()).unwrap();
    (folder, Gpt::init(&config(), 3, &Device::flex()).unwrap())
}

#[track_caller]
fn refuses(base: Gpt, folder: &std::path::Path, parts: &[&str]) {
    let error = base.with_adapter(folder).unwrap_err().to_string();
    parts.iter().for_each(|part| assert!(error.contains(part), "`{part}` is not in:\n{error}"));
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_pickled_adapter_is_refused_with_what_to_do() {
    let (folder, base) = saved();
    let pickle = folder.path().join("adapter_model.bin");
    fs_err::rename(folder.path().join(ADAPTER_FILE), &pickle).unwrap();
    refuses(base, folder.path(), &["adapter_model.bin is a pickle", "save_pretrained()"]);
}

#[test]
fn factors_that_are_not_finite_and_whole_embeddings_are_refused() {
    let (folder, base) = saved();
    let path = folder.path().join(ADAPTER_FILE);
    let mut spoilt = fs_err::read(&path).unwrap();
    let last = spoilt.len() - 4;
    spoilt[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs_err::write(&path, spoilt).unwrap();
    refuses(base.clone(), folder.path(), &[".lora_", "contains NaN"]);

    let lora = LoraConfig::new(2);
    let adapted = base.clone().with_lora(&lora, 1).unwrap();
    adapted.save_adapter(&lora, "the base", folder.path()).unwrap();
    let whole = fs_err::read(&path).unwrap();
    let stored = SafeTensors::deserialize(&whole).unwrap();
    for name in ["transformer.wte.weight", "transformer.wte.base_layer.weight", "lm_head.weight"] {
        let name = format!("base_model.model.{name}");
        let more = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        let tensors = stored.tensors().into_iter().chain([(name.clone(), more)]);
        serialize_to_file(tensors, None, &path).unwrap();
        let parts = [&format!("holds the full tensor {name}"), "resized", "merge_and_unload()"];
        refuses(base.clone(), folder.path(), &parts);
    }
}

/// `alpha / √r` in PEFT's configuration, and what it adds then.
#[test]
fn a_rank_stabilised_adapter_adds_more() {
    let (model, _) = trained(adapted(3), 5);
    let folder = tempfile::tempdir().unwrap();
    model.save_adapter(&lora(), "the base", folder.path()).unwrap();
    let path = folder.path().join(ADAPTER_CONFIG_FILE);
    let json = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, json.replace("\"use_rslora\": false", "\"use_rslora\": true")).unwrap();
    let base = Gpt::init(&config(), 3, &Device::flex()).unwrap();
    let read = base.with_adapter(folder.path()).unwrap();
    for ((_, stabilised), (_, plain)) in read.factors().zip(model.factors()) {
        assert!((stabilised.scale / plain.scale - 2.0).abs() < 1e-12, "the root of rank 4");
    }
}

#[test]
fn targets_are_matched_as_peft_matches_them() {
    let named = |targets: &[&str]| {
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        let lora = LoraConfig { targets, ..LoraConfig::new(4) };
        lora.validate(&config()).map(|()| {
            let config = config();
            let first = lora.matrices(&config).filter(|matrix| matrix.layer.starts_with("h.0."));
            first.map(|matrix| matrix.layer[4..].to_owned()).collect::<Vec<_>>()
        })
    };
    assert_eq!(named(&["c_proj"]).unwrap(), ["attn.c_proj", "mlp.c_proj"]);
    assert_eq!(named(&["mlp.c_proj", "c_attn"]).unwrap(), ["attn.c_attn", "mlp.c_proj"]);
    assert_eq!(
        named(&["c_attn", "c_proj", "c_fc"]).unwrap(),
        ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
    );
    assert!(named(&["proj"]).unwrap_err().to_string().contains("`proj`: expected c_attn"));
    assert!(named(&[]).unwrap_err().to_string().contains("lora.targets is out of range"));
}

/// A Llama, whose queries, keys and values are one matrix.
fn llama() -> GptConfig {
    use crate::model::config::{BiasConfig, MlpKind, NormConfig, NormKind, Position, RotaryConfig};
    GptConfig {
        n_kv_head: Some(1),
        head_size: Some(8),
        mlp: MlpKind::Swiglu,
        norm: NormConfig { kind: NormKind::RmsNorm, epsilon: 1e-5 },
        position: Position::Rotary(RotaryConfig { base: 10_000.0, scaling: None }),
        bias: BiasConfig::NONE,
        ..config()
    }
}

fn of_targets(targets: &[&str]) -> LoraConfig {
    let targets = targets.iter().map(|target| (*target).to_owned()).collect();
    LoraConfig { targets, ..LoraConfig::new(4) }
}

#[test]
fn projections_of_one_matrix_have_factors_of_their_own() {
    let adapted = |targets: &[&str]| {
        let lora = of_targets(targets);
        let config = llama();
        lora.validate(&config).unwrap();
        let first = lora.matrices(&config).filter(|matrix| matrix.layer.starts_with("h.0."));
        let parts = first.flat_map(|matrix| matrix.parts);
        let named = parts.map(|part| (part.name[15..].to_owned(), part.columns));
        named.collect::<Vec<_>>()
    };
    let part = |name: &str, columns| (name.to_owned(), columns);
    assert_eq!(
        adapted(&["q_proj", "v_proj", "up_proj"]),
        [
            part("self_attn.q_proj", 0..24),
            part("self_attn.v_proj", 32..40),
            part("mlp.up_proj", 40..80),
        ]
    );
    let all =
        adapted(&["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]);
    assert_eq!(all.len(), 7);
    assert_eq!(adapted(&["c_attn", "c_proj", "c_fc"]), all);
    assert_eq!(adapted(&["self_attn.o_proj"]), [part("self_attn.o_proj", 0..24)]);
    let error = of_targets(&["c_proj", "lm_head"]).validate(&llama()).unwrap_err().to_string();
    let known = "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, embed_tokens";
    assert!(error.ends_with(&format!("`lm_head`: expected {known}")), "{error}");
    let untied = GptConfig { tied: false, ..llama() };
    let error = of_targets(&["embed_tokens"]).validate(&untied).unwrap_err().to_string();
    assert!(error.contains("cannot adapt the token embedding `wte`"), "{error}");
}

#[test]
fn an_adapter_of_projections_trains_merges_and_is_read_back() {
    let lora = of_targets(&["q_proj", "v_proj", "gate_proj", "o_proj", "embed_tokens"]);
    let base = |device: &Device| Gpt::init(&llama(), 3, device).unwrap();
    let plain = base(&Device::flex());
    let fresh = base(&Device::flex()).with_lora(&lora, 1).unwrap();
    assert_eq!(logits(&fresh), logits(&plain));
    assert_eq!(fresh.num_params() - plain.num_params(), lora.parameters(&llama()));

    let model = base(&Device::flex().autodiff()).with_lora(&lora, 1).unwrap();
    let before = frozen_bytes(&model);
    let (model, losses) = trained(model, 20);
    assert!(losses[19] < losses[0] - 0.02, "{} to {}", losses[0], losses[19]);
    assert!(frozen_bytes(&model) == before, "frozen weights moved");
    let folder = tempfile::tempdir().unwrap();
    model.save_adapter(&lora, "the base", folder.path()).unwrap();
    let model = model.valid();
    let unmerged = logits(&model);
    let differences = logits(&model.materialize()).into_iter().zip(&unmerged);
    let worst = differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "merging changes logits by {worst}");

    assert_eq!(LoraConfig::read_peft(folder.path()).unwrap(), lora);
    let read = base(&Device::flex()).with_adapter(folder.path()).unwrap();
    assert_eq!(logits(&read), unmerged);
    let stored = fs_err::read(folder.path().join(ADAPTER_FILE)).unwrap();
    let stored = SafeTensors::deserialize(&stored).unwrap();
    let shape = |name: &str| {
        stored.tensor(&format!("base_model.model.model.{name}")).unwrap().shape().to_vec()
    };
    assert_eq!(shape("layers.0.self_attn.v_proj.lora_B.weight"), [8, 4]);
    assert_eq!(shape("layers.1.mlp.gate_proj.lora_A.weight"), [4, 24]);
    assert_eq!(shape("embed_tokens.lora_embedding_A"), [4, 61]);
}

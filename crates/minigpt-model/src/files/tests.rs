//! Models in Hugging Face's layout: what is read, and what is refused in one line.

mod families;
mod mutants;
mod smollm2;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};
use tempfile::TempDir;

use crate::files::layout::GPT2;
use crate::files::weights::Weights;
use crate::{CONFIG_FILE, Gpt, GptConfig, SpecialIds, WeightType};

/// Small GPT-2s by torch.save; `make_fixture.py` in the folder made them.
const PYTORCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pytorch");

/// The shape of the fixtures.
fn small() -> GptConfig {
    GptConfig { n_inner: 12, ..GptConfig::new(20, 16, 2, 2, 8) }
}

/// A tensor as a test writes it.
#[derive(Clone)]
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    /// Counts 0, 1/64, 2/64, …
    fn counting(shape: &[usize]) -> Self {
        let values = (0..shape.iter().product()).map(|index: usize| index as f32 / 64.0);
        let bytes = values.flat_map(f32::to_le_bytes).collect();
        Self { dtype: Dtype::F32, shape: shape.to_vec(), bytes }
    }
}

/// A model's folder that a test can spoil.
struct Folder {
    folder: TempDir,
    tensors: HashMap<String, Stored>,
}

impl Folder {
    fn new(config: &GptConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(
            folder.path().join(CONFIG_FILE),
            config.to_hugging_face(&SpecialIds::default()),
        )
        .unwrap();
        let tensors = config
            .parameters()
            .map(|it| (format!("transformer.{}", it.name), Stored::counting(&it.shape)))
            .collect();
        Self { folder, tensors }
    }

    /// The small model's folder with the weights of a fixture.
    fn pytorch(fixture: &str) -> Self {
        let new = Self::new(&small());
        let from = Path::new(PYTORCH).join(fixture);
        fs_err::copy(from, new.path("pytorch_model.bin")).unwrap();
        new
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the tensors whose names `belongs` accepts.
    fn write(&self, file: &str, belongs: impl Fn(&str) -> bool) {
        let views = self.tensors.iter().filter(|(name, _)| belongs(name)).map(|(name, stored)| {
            let Stored { dtype, shape, bytes } = stored;
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        serialize_to_file(views, None, &self.path(file)).unwrap();
    }

    fn write_whole(&self) {
        self.write("model.safetensors", |_| true);
    }

    fn load(&self) -> Result<Gpt, crate::WeightsError> {
        Gpt::from_pretrained(self.folder.path(), &Device::flex())
    }

    /// The error, one line without a line break.
    #[track_caller]
    fn refusal(&self) -> String {
        let error = self.load().unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    }

    #[track_caller]
    fn refuses(&self, parts: &[&str]) {
        let error = self.refusal();
        for part in parts {
            assert!(error.contains(part), "`{part}` is not in:\n{error}");
        }
    }
}

/// All parameters in the model's order.
fn bytes(model: &Gpt) -> Vec<Vec<u8>> {
    let tensors = model.stored_parameters().into_iter();
    tensors.map(|tensor| tensor.into_bytes().unwrap().to_vec()).collect()
}

#[track_caller]
fn counts(model: &Gpt, config: &GptConfig) {
    let expected: Vec<Vec<u8>> =
        config.parameters().map(|it| Stored::counting(&it.shape).bytes).collect();
    assert_eq!(bytes(model), expected);
}

fn logits(model: &Gpt, ids: &[i32]) -> Vec<f32> {
    let tokens = TensorData::new(ids.to_vec(), [1, ids.len()]);
    let tokens = Tensor::<2, Int>::from_data(tokens, &Device::flex());
    model.forward(tokens).into_data().try_into_vec().unwrap()
}

#[test]
fn what_is_saved_is_what_is_loaded() {
    let config = small().with_dropout(0.25);
    let model = Gpt::init(&config, 3, &Device::flex()).unwrap();
    let folder = Folder::new(&config);
    model.save_safetensors(&folder.path("model.safetensors"), WeightType::F32).unwrap();
    let loaded = folder.load().unwrap();
    assert_eq!(*loaded.config(), config);
    assert_eq!(bytes(&loaded), bytes(&model));
    assert_eq!(logits(&loaded, &[1, 2, 3]), logits(&model, &[1, 2, 3]));
}

#[test]
fn weights_may_be_whole_in_parts_or_without_the_prefix() {
    let mut folder = Folder::new(&small());
    folder.write_whole();
    counts(&folder.load().unwrap(), &small());

    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let part_of = |name: &str| parts[usize::from(name.contains("h.1."))];
    for part in parts {
        folder.write(part, |name| part_of(name) == part);
    }
    fs_err::remove_file(folder.path("model.safetensors")).unwrap();
    let map: HashMap<_, _> = folder.tensors.keys().map(|name| (name, part_of(name))).collect();
    let index = serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": map });
    fs_err::write(folder.path("model.safetensors.index.json"), index.to_string()).unwrap();
    counts(&folder.load().unwrap(), &small());

    fs_err::remove_file(folder.path(parts[1])).unwrap();
    folder.refuses(&[parts[1]]);
    let index = index.to_string().replace(parts[1], "../elsewhere.safetensors");
    fs_err::write(folder.path("model.safetensors.index.json"), index).unwrap();
    folder.refuses(&["model.safetensors.index.json", "../elsewhere", "no file beside it"]);

    let plain = |(name, stored): (&String, &Stored)| {
        (name.trim_start_matches("transformer.").to_owned(), stored.clone())
    };
    folder.tensors = folder.tensors.iter().map(plain).collect();
    folder.write_whole();
    counts(&folder.load().unwrap(), &small());
}

#[test]
fn half_precision_becomes_single() {
    // 1.5 in both formats; the bits are IEEE's and bfloat16's.
    for (dtype, bits) in [(Dtype::F16, 0x3e00_u16), (Dtype::BF16, 0x3fc0)] {
        let mut folder = Folder::new(&small());
        for stored in folder.tensors.values_mut() {
            let elements: usize = stored.shape.iter().product();
            stored.dtype = dtype;
            stored.bytes = bits.to_le_bytes().repeat(elements);
        }
        folder.write_whole();
        let model = folder.load().unwrap();
        let one_and_a_half = 1.5_f32.to_le_bytes();
        assert!(
            bytes(&model).iter().all(|bytes| bytes.chunks(4).all(|value| value == one_and_a_half))
        );
    }
}

#[test]
fn the_tied_head_and_old_masks_are_passed_over() {
    let mut folder = Folder::new(&small());
    let head = folder.tensors["transformer.wte.weight"].clone();
    folder.tensors.insert("lm_head.weight".to_owned(), head.clone());
    let mask = Stored { dtype: Dtype::BOOL, shape: vec![1, 1, 2, 2], bytes: vec![1, 0, 1, 1] };
    folder.tensors.insert("transformer.h.1.attn.bias".to_owned(), mask);
    folder.write_whole();
    counts(&folder.load().unwrap(), &small());

    let mut other = head;
    other.bytes[5] ^= 1;
    folder.tensors.insert("lm_head.weight".to_owned(), other);
    folder.write_whole();
    folder.refuses(&["model.safetensors", "lm_head.weight is not the token embedding"]);
}

#[test]
fn compiled_models_and_a_classifiers_head_beside_are_read() {
    let mut folder = Folder::new(&small());
    let compiled = |(name, stored): (String, Stored)| (format!("_orig_mod.{name}"), stored);
    folder.tensors = folder.tensors.into_iter().map(compiled).collect();
    let head = folder.tensors["_orig_mod.transformer.wte.weight"].clone();
    folder.tensors.insert("_orig_mod.lm_head.weight".to_owned(), head);
    folder.tensors.insert("score.weight".to_owned(), Stored::counting(&[3, 8]));
    folder.write_whole();
    counts(&folder.load().unwrap(), &small());
    folder.tensors.insert("transformer.ln_f.bias".to_owned(), Stored::counting(&[8]));
    folder.write_whole();
    folder.refuses(&["it has ln_f.bias twice"]);
}

#[test]
fn numbers_that_are_not_finite_are_refused_with_their_tensor() {
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut folder = Folder::new(&small());
        let spoilt = folder.tensors.get_mut("transformer.h.1.mlp.c_fc.weight").unwrap();
        spoilt.bytes[4 * 7..][..4].copy_from_slice(&value.to_le_bytes());
        folder.write_whole();
        let message = format!("h.1.mlp.c_fc.weight has {shown} among its numbers, the first at 7");
        folder.refuses(&["model.safetensors: ", &message]);
    }
    // Nor is a number that 32 bits do not hold.
    let mut folder = Folder::new(&small());
    let bytes = 1e300_f64.to_le_bytes().repeat(8);
    let stored = Stored { dtype: Dtype::F64, shape: vec![8], bytes };
    folder.tensors.insert("transformer.ln_f.bias".to_owned(), stored);
    folder.write_whole();
    folder.refuses(&["ln_f.bias has inf among its numbers, the first at 0"]);

    let path = folder.path("model.bpk");
    let mut model = Gpt::init(&small(), 0, &Device::flex()).unwrap();
    model.clone().into_record().save(&path).unwrap();
    crate::check_finite(&path).unwrap();
    let scale = model.ln_f.weight.val() * f32::NAN;
    model.ln_f.weight = burn::module::Param::from_tensor(scale);
    model.into_record().save(&path).unwrap();
    let error = crate::check_finite(&path).unwrap_err().to_string();
    assert!(error.contains("model.bpk: ln_f.weight has NaN among its numbers"), "{error}");
    fs_err::write(&path, [255; 100]).unwrap();
    let error = crate::check_finite(&path).unwrap_err().to_string();
    assert!(error.contains("model.bpk is damaged: "), "{error}");
}

#[test]
fn long_names_and_shapes_are_cut_in_the_error() {
    let refuses = |name: String, stored: Stored, parts: &[&str]| {
        let mut folder = Folder::new(&small());
        folder.tensors.insert(name, stored);
        folder.write_whole();
        folder.refuses(parts);
        assert!(folder.refusal().len() < 700, "{}", folder.refusal());
    };
    let name = "x".repeat(1 << 20);
    refuses(name.clone(), Stored::counting(&[1]), &["has a tensor xxx"]);
    let odd = Stored { dtype: Dtype::F8_E4M3, shape: vec![1], bytes: vec![0] };
    refuses(name, odd, &["holds F8_E4M3"]);
    refuses("wide".to_owned(), Stored::counting(&[1; 100_000]), &["wide has 100000 dimensions"]);
}

/// What a link could lead to has no end, and no file of a model is so long.
#[cfg(unix)]
#[test]
fn links_to_devices_are_refused() {
    let link = |file: &str| {
        let folder = Folder::new(&small());
        let path = folder.path(file);
        let _ = fs_err::remove_file(&path);
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
        folder.refuses(&[file, "expected a file"]);
    };
    link(CONFIG_FILE);
    for weights in ["model.safetensors", "pytorch_model.bin"] {
        link(weights);
        link(&format!("{weights}.index.json"));
    }
    let folder = Folder::new(&small());
    let long = " ".repeat((4 << 20) + 1);
    fs_err::write(folder.path("model.safetensors.index.json"), long).unwrap();
    folder.refuses(&["model.safetensors.index.json", "too much for an index of weights"]);
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let spoil = |spoil: &dyn Fn(&mut HashMap<String, Stored>), parts: &[&str]| {
        let mut folder = Folder::new(&small());
        spoil(&mut folder.tensors);
        folder.write_whole();
        folder.refuses(&[&["model.safetensors"], parts].concat());
    };
    spoil(
        &|tensors| drop(tensors.remove("transformer.h.1.mlp.c_fc.bias")),
        &["has no tensor h.1.mlp.c_fc.bias, of shape [12]"],
    );
    let more = |tensors: &mut HashMap<String, Stored>| {
        tensors.insert("transformer.h.2.ln_1.weight".to_owned(), Stored::counting(&[8]));
    };
    spoil(&more, &["has a tensor h.2.ln_1.weight, which a model"]);
    let transposed = |tensors: &mut HashMap<String, Stored>| {
        tensors.insert("transformer.h.0.mlp.c_fc.weight".to_owned(), Stored::counting(&[12, 8]));
    };
    spoil(&transposed, &["h.0.mlp.c_fc.weight has the shape [12, 8]", "should be [8, 12]"]);
    let whole_numbers = |tensors: &mut HashMap<String, Stored>| {
        let stored = Stored { dtype: Dtype::I64, shape: vec![8], bytes: vec![0; 64] };
        tensors.insert("transformer.ln_f.bias".to_owned(), stored);
    };
    spoil(&whole_numbers, &["ln_f.bias holds I64: expected floating point"]);
}

#[test]
fn a_damaged_safetensors_file_is_named_without_reading_what_it_claims() {
    let folder = Folder::new(&small());
    folder.write_whole();
    let path = folder.path("model.safetensors");
    let whole = fs_err::read(&path).unwrap();
    for length in [0, 7, 8, 100, whole.len() - 1] {
        fs_err::write(&path, &whole[..length]).unwrap();
        folder.refuses(&["model.safetensors is damaged: ", "; get the file again"]);
    }
    for claim in [10_u64 << 30, u64::MAX, 5 << 20] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&claim.to_le_bytes());
        fs_err::write(&path, bytes).unwrap();
        folder.refuses(&[&format!("it claims a header of {claim} bytes")]);
    }
}

#[test]
fn a_folder_without_weights_or_configuration() {
    let folder = Folder::new(&small());
    folder.refuses(&["has no weights: expected model.safetensors or pytorch_model.bin"]);
    fs_err::remove_file(folder.path(CONFIG_FILE)).unwrap();
    folder.refuses(&[CONFIG_FILE]);
}

#[test]
fn a_configuration_of_another_model_is_refused() {
    let folder = Folder::new(&small());
    folder.write_whole();
    let path = folder.path(CONFIG_FILE);
    let good: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    let refuses = |change: serde_json::Value, reason: &str| {
        let mut config = good.clone();
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        fs_err::write(&path, config.to_string()).unwrap();
        folder.refuses(&[reason]);
    };
    let json = |text: &str| serde_json::from_str(text).unwrap();
    refuses(json(r#"{"model_type": "bert"}"#), "has the model_type bert: expected gpt2, llama");
    refuses(json(r#"{"model_type": null}"#), "has the model_type not named: expected gpt2");
    refuses(json(r#"{"activation_function": "relu"}"#), r#"activation_function "relu": expected"#);
    refuses(json(r#"{"tie_word_embeddings": false}"#), "has no tensor lm_head.weight");
    refuses(json(r#"{"scale_attn_weights": false}"#), "scale_attn_weights false: expected true");
    refuses(json(r#"{"n_head": 3}"#), "n_embd 8 is not divisible by n_head 3");
    refuses(json(r#"{"n_embd": -8}"#), "expected u32");
    refuses(json(r#"{"n_embd": null}"#), "expected u32");
    refuses(json(r#"{"n_layer": 4000000000}"#), "n_layer 4000000000 is too large");
    // The first that is missing ends the search.
    refuses(json(r#"{"n_layer": 10000}"#), "has no tensor h.2.ln_1.weight");
    fs_err::write(&path, "{").unwrap();
    folder.refuses(&["config.json is not the configuration of a model"]);
}

#[test]
fn what_transformers_leaves_out_has_its_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CONFIG_FILE);
    let sizes = r#"{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_ctx": 1024,
        "n_embd": 768, "n_head": 12, "n_layer": 12, "summary_type": "cls_index"}"#;
    fs_err::write(&path, sizes).unwrap();
    assert_eq!(GptConfig::read_hugging_face(&path).unwrap(), GptConfig::gpt2());
}

#[test]
fn pickles_are_read_as_pytorch_wrote_them() {
    for fixture in ["archive.bin", "parameters.bin", "legacy.bin"] {
        counts(&Folder::pytorch(fixture).load().unwrap(), &small());
    }
}

#[test]
fn a_pickle_in_parts_is_read() {
    let folder = Folder::pytorch("archive.bin");
    let part = "pytorch_model-00001-of-00001.bin";
    fs_err::rename(folder.path("pytorch_model.bin"), folder.path(part)).unwrap();
    let index = serde_json::json!({ "weight_map": { "transformer.wte.weight": part } });
    fs_err::write(folder.path("pytorch_model.bin.index.json"), index.to_string()).unwrap();
    counts(&folder.load().unwrap(), &small());
}

#[test]
fn a_pickle_with_code_in_it_is_refused_and_not_run() {
    for fixture in ["code.bin", "legacy-code.bin"] {
        let reason = "is a pickle that asks Python for posix.system: expected tensors alone";
        Folder::pytorch(fixture).refuses(&["pytorch_model.bin", reason, "nothing was run"]);
    }
    assert!(!Path::new("minigpt-was-here").exists());
    Folder::pytorch("strided.bin").refuses(&["transformer.wte.weight is not stored row by row"]);
    Folder::pytorch("untied.bin").refuses(&["lm_head.weight is not the token embedding"]);
}

#[test]
fn a_pickle_that_is_none_is_named() {
    let folder = Folder::pytorch("archive.bin");
    let path = folder.path("pytorch_model.bin");
    let whole = fs_err::read(&path).unwrap();
    for length in [0, 30, whole.len() / 2, whole.len() - 1] {
        fs_err::write(&path, &whole[..length]).unwrap();
        folder.refuses(&["pytorch_model.bin is damaged: it is no whole ZIP archive"]);
    }
    let legacy = fs_err::read(Path::new(PYTORCH).join("legacy.bin")).unwrap();
    for length in [20, legacy.len() / 3, legacy.len() - 1] {
        fs_err::write(&path, &legacy[..length]).unwrap();
        folder.refuses(&["pytorch_model.bin is damaged: ", "too early"]);
    }
}

/// Names and shapes that transformers has for the four sizes.
fn published_sizes() -> HashMap<String, HashMap<String, Vec<usize>>> {
    serde_json::from_str(include_str!("../../tests/fixtures/gpt2-sizes/sizes.json")).unwrap()
}

/// Writes a safetensors file of these shapes whose numbers are a hole in the file: it is as long as
/// the real one, and takes no room.
fn write_hollow(path: &Path, shapes: &HashMap<String, Vec<usize>>) {
    let mut end = 0;
    let infos = shapes.iter().map(|(name, shape)| {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        let info =
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        (name.clone(), info)
    });
    let header = serde_json::Value::Object(infos.collect()).to_string();
    let length = (header.len() as u64).to_le_bytes();
    fs_err::write(path, [&length, header.as_bytes()].concat()).unwrap();
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
}

#[test]
fn the_four_sizes_have_the_names_and_shapes_of_the_published_ones() {
    let sizes = published_sizes();
    assert_eq!(sizes.len(), 4);
    for (name, shapes) in sizes {
        let config = GptConfig::preset(&name, 50_257).unwrap();
        let folder = Folder::new(&config_without_weights());
        write_hollow(&folder.path("model.safetensors"), &shapes);
        let weights = Weights::open(folder.folder.path(), &GPT2).unwrap();
        weights.check(&config).unwrap();
        let wider = GptConfig { n_embd: 2 * config.n_embd, ..config };
        let error = weights.check(&wider).unwrap_err().to_string();
        assert!(error.contains("wte.weight has the shape"), "{error}");
    }
}

/// Small, where a test needs a folder and not its weights.
fn config_without_weights() -> GptConfig {
    GptConfig::new(1, 1, 1, 1, 1)
}

#[test]
fn gpt2_small_is_loaded_whole() {
    let config = GptConfig::gpt2();
    let model = Gpt::init(&config, 5, &Device::flex()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join(CONFIG_FILE), config.to_hugging_face(&SpecialIds::default()))
        .unwrap();
    model.save_safetensors(&folder.path().join("model.safetensors"), WeightType::F32).unwrap();
    let loaded = Gpt::from_pretrained(folder.path(), &Device::flex()).unwrap();
    assert_eq!(*loaded.config(), config);
    assert_eq!(logits(&loaded, &[464, 2068]), logits(&model, &[464, 2068]));
}

#[test]
fn bytes_are_read_as_their_files_are() {
    let folder = Folder::new(&small());
    folder.write_whole();
    let read = |name: &str| fs_err::read(folder.path(name)).unwrap();
    let (config, mut weights) = (read(CONFIG_FILE), read("model.safetensors"));
    let loaded = Gpt::from_bytes(&config, weights.clone(), &Device::flex()).unwrap();
    assert_eq!(*loaded.config(), small());
    assert_eq!(logits(&loaded, &[3, 5]), logits(&folder.load().unwrap(), &[3, 5]));

    weights.truncate(weights.len() - 1);
    let error = Gpt::from_bytes(&config, weights, &Device::flex()).unwrap_err().to_string();
    assert!(error.starts_with("model.safetensors is damaged: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_file_makes_the_reader_panic(
        fixture in prop::sample::select(vec!["archive.bin", "legacy.bin", "model.safetensors"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = Folder::new(&small());
        folder.write_whole();
        let path = folder.path(fixture);
        let from = if fixture == "model.safetensors" { path.clone() } else { Path::new(PYTORCH).join(fixture) };
        let mut bytes = fs_err::read(from).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs_err::remove_file(folder.path("model.safetensors")).unwrap();
        let name = if fixture == "model.safetensors" { fixture } else { "pytorch_model.bin" };
        fs_err::write(folder.path(name), bytes).unwrap();
        if let Err(error) = folder.load() {
            prop_assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn no_index_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let folder = Folder::new(&small());
        let name = "model.safetensors.index.json";
        let mut json = br#"{"weight_map":{"wte.weight":"model-1.safetensors","a":"b"}}"#.to_vec();
        for (at, value) in changes {
            let at = at.index(json.len());
            json[at] = value;
        }
        fs_err::write(folder.path(name), json).unwrap();
        let error = folder.load().unwrap_err().to_string();
        prop_assert!(error.lines().count() == 1 && error.len() < 1000, "{error}");
    }
}

//! Models in Hugging Face's layout: what is read. What is refused is in [`refused`].

mod families;
mod mutants;
mod pickles;
mod published;
mod refused;
mod smollm2;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};
use tempfile::TempDir;

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
    folder.refuses(&["model.safetensors", "lm_head.weight differs from the token embedding"]);
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
fn what_transformers_leaves_out_has_its_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CONFIG_FILE);
    let sizes = r#"{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_ctx": 1024,
        "n_embd": 768, "n_head": 12, "n_layer": 12, "summary_type": "cls_index"}"#;
    fs_err::write(&path, sizes).unwrap();
    assert_eq!(GptConfig::read_hugging_face(&path).unwrap(), GptConfig::gpt2());
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

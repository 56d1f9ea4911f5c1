//! The published GPT-2s: names, shapes, and the smallest in its full size.

use super::*;
use crate::files::layout::GPT2;
use crate::files::weights::Weights;

/// Names and shapes that transformers has for the four sizes.
fn published_sizes() -> HashMap<String, HashMap<String, Vec<usize>>> {
    serde_json::from_str(include_str!("../../../tests/fixtures/gpt2-sizes/sizes.json")).unwrap()
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

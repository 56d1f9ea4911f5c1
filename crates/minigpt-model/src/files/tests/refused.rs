//! What is refused, in one line that names the file and what is wrong with it.

use super::*;

#[test]
fn numbers_that_are_not_finite_are_refused_with_their_tensor() {
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut folder = Folder::new(&small());
        let spoilt = folder.tensors.get_mut("transformer.h.1.mlp.c_fc.weight").unwrap();
        spoilt.bytes[4 * 7..][..4].copy_from_slice(&value.to_le_bytes());
        folder.write_whole();
        let message = format!("h.1.mlp.c_fc.weight contains {shown}, first at index 7");
        folder.refuses(&["model.safetensors: ", &message]);
    }
    // Nor is a number that 32 bits do not hold.
    let mut folder = Folder::new(&small());
    let bytes = 1e300_f64.to_le_bytes().repeat(8);
    let stored = Stored { dtype: Dtype::F64, shape: vec![8], bytes };
    folder.tensors.insert("transformer.ln_f.bias".to_owned(), stored);
    folder.write_whole();
    folder.refuses(&["ln_f.bias contains inf, first at index 0"]);

    let path = folder.path("model.bpk");
    let mut model = Gpt::init(&small(), 0, &Device::flex()).unwrap();
    model.clone().into_record().save(&path).unwrap();
    crate::check_finite(&path).unwrap();
    let scale = model.ln_f.weight.val() * f32::NAN;
    model.ln_f.weight = burn::module::Param::from_tensor(scale);
    model.into_record().save(&path).unwrap();
    let error = crate::check_finite(&path).unwrap_err().to_string();
    assert!(error.contains("model.bpk: ln_f.weight contains NaN"), "{error}");
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
    refuses(name.clone(), Stored::counting(&[1]), &["has an unexpected tensor xxx"]);
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
        &[
            "has no tensor h.1.mlp.c_fc.bias: by the model's configuration, expected one of shape [12]",
        ],
    );
    let more = |tensors: &mut HashMap<String, Stored>| {
        tensors.insert("transformer.h.2.ln_1.weight".to_owned(), Stored::counting(&[8]));
    };
    spoil(&more, &["has an unexpected tensor h.2.ln_1.weight"]);
    let transposed = |tensors: &mut HashMap<String, Stored>| {
        tensors.insert("transformer.h.0.mlp.c_fc.weight".to_owned(), Stored::counting(&[12, 8]));
    };
    spoil(&transposed, &["h.0.mlp.c_fc.weight has the shape [12, 8]", "expected [8, 12]"]);
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
    refuses(json(r#"{"model_type": 2}"#), "has the model_type 2: expected gpt2");
    refuses(json(r#"{"n_embd": -8}"#), "n_embd -8: expected a whole number of 32 bits");
    refuses(json(r#"{"n_embd": null}"#), "n_embd null: expected a whole number of 32 bits");
    refuses(json(r#"{"n_layer": 4000000000}"#), "n_layer 4000000000 is too large");
    // The first that is missing ends the search.
    refuses(json(r#"{"n_layer": 10000}"#), "has no tensor h.2.ln_1.weight");
    fs_err::write(&path, "{").unwrap();
    folder.refuses(&["config.json is not a supported model configuration"]);
}

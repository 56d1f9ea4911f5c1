//! Blocks as values and values as blocks, to the bit.

use minigpt_gguf::{TensorError, TensorType};

use crate::support::{bits, bits_of, bytes, json};

#[test]
fn blocks_of_every_type_have_the_values_of_pypis_gguf() {
    let reference = &json("blocks.json")["read"];
    for tensor_type in TensorType::ALL {
        let reference = &reference[tensor_type.to_string()];
        let (blocks, expected) = (bytes(&reference["blocks"]), bits(&reference["values"]));
        let count = blocks.len() / tensor_type.block_bytes();
        assert!(count > 2 && blocks.len() == count * tensor_type.block_bytes(), "{tensor_type}");
        let mut values = vec![f32::NAN; count * tensor_type.block_values()];
        tensor_type.dequantize(&blocks, &mut values);
        assert!(bits_of(&values) == expected, "{tensor_type}");
    }
}

#[test]
fn values_become_the_blocks_of_pypis_gguf() {
    let reference = &json("blocks.json")["written"];
    let values: Vec<f32> = bits(&reference["values"]).into_iter().map(f32::from_bits).collect();
    let types = reference["blocks"].as_object().unwrap();
    assert_eq!(types.len() + 1, TensorType::ALL.iter().filter(|kind| kind.is_written()).count());
    for (name, expected) in types {
        let tensor_type = TensorType::ALL.into_iter().find(|kind| kind.to_string() == *name);
        let tensor_type = tensor_type.unwrap();
        let mut blocks = Vec::new();
        tensor_type.quantize(&values, &mut blocks).unwrap();
        let size = tensor_type.block_bytes();
        for (index, (ours, theirs)) in
            blocks.chunks(size).zip(bytes(expected).chunks(size)).enumerate()
        {
            assert_eq!(ours, theirs, "block {index} of {name}");
        }
        assert_eq!(blocks.len(), bytes(expected).len());
    }
}

#[test]
fn values_that_do_not_fit_a_type_are_refused() {
    let error = |tensor_type: TensorType, value: f32| {
        let mut values = vec![0.5; tensor_type.block_values()];
        values[0] = value;
        tensor_type.quantize(&values, &mut Vec::new()).unwrap_err().to_string()
    };
    assert_eq!(error(TensorType::F16, 65_520.0), "65520 is out of range for F16; choose F32");
    error(TensorType::Bf16, f32::MAX);
    for tensor_type in [TensorType::Q8_0, TensorType::Q4_0, TensorType::Q4_1] {
        for value in [1e30, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = error(tensor_type, value);
            assert!(error.starts_with(&format!("{value} is out of range")), "{error}");
        }
        assert!(error(tensor_type, f32::NAN).starts_with("NaN is out of range"));
    }
    assert_eq!(
        TensorType::Q6K.quantize(&[0.0; 256], &mut Vec::new()),
        Err(TensorError::OnlyRead(TensorType::Q6K))
    );
}

//! Files of ours, read back by ourselves and by PyPI's `gguf`.

use std::path::Path;
use std::process::Command;

use minigpt_gguf::{Array, Gguf, GgufError, TensorInfo, TensorType, Value, write};
use serde_json::json;

use crate::support::{bits, bits_of, from_environment};

const ALIGNMENT_KEY: &str = "general.alignment";

const TYPES: [TensorType; 6] = [
    TensorType::F32,
    TensorType::F16,
    TensorType::Bf16,
    TensorType::Q8_0,
    TensorType::Q4_0,
    TensorType::Q4_1,
];

fn metadata() -> Vec<(String, Value)> {
    let pairs: [(&str, Value); 14] = [
        ("general.architecture", "llama".into()),
        ("uint8", 1_u8.into()),
        ("int8", (-1_i8).into()),
        ("uint16", 2_u16.into()),
        ("int16", (-2_i16).into()),
        ("uint32", 3_u32.into()),
        ("int32", (-3_i32).into()),
        ("float32", 0.25_f32.into()),
        ("bool", true.into()),
        ("uint64", u64::MAX.into()),
        ("int64", i64::MIN.into()),
        ("float64", 0.125_f64.into()),
        ("texts", vec!["é".to_owned(), String::new()].into()),
        ("numbers", vec![-1_i32, 7].into()),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

fn tensors() -> Vec<TensorInfo> {
    let tensor =
        |kind: TensorType| TensorInfo::new(format!("blk.0.{kind}.weight"), &[64, 3], kind).unwrap();
    let mut tensors: Vec<TensorInfo> = TYPES.map(tensor).into();
    tensors.push(TensorInfo::new("three", &[3], TensorType::F32).unwrap());
    tensors
}

/// Values of a row, which differ by row and tensor.
fn row(tensor: &TensorInfo, row: usize) -> Vec<f32> {
    let value =
        |index: usize| ((index * 37 + row * 11 + tensor.name().len()) % 64) as f32 / 9.0 - 3.0;
    (0..tensor.row_values()).map(value).collect()
}

fn write_rows(path: &Path, metadata: &[(String, Value)]) -> Result<(), GgufError> {
    write(path, metadata, &tensors(), |tensor, out| {
        (0..tensor.rows()).try_for_each(|index| out.values(&row(tensor, index)))
    })
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let mut expected = metadata();
    expected.push(("empty".to_owned(), Value::Array(Array::I64(vec![]))));
    expected.push((ALIGNMENT_KEY.to_owned(), 256_u32.into()));
    write_rows(&path, &expected).unwrap();
    let file = Gguf::open(&path).unwrap();
    assert_eq!(file.metadata().iter().count(), expected.len());
    for (key, value) in &expected {
        assert_eq!(file.metadata().value(key), Some(value));
    }
    let start = file.tensors().next().unwrap().blocks().as_ptr() as usize;
    for (tensor, expected) in file.tensors().zip(tensors()) {
        assert_eq!(tensor.info(), &expected);
        assert!((tensor.blocks().as_ptr() as usize - start).is_multiple_of(256));
        let given: Vec<f32> =
            (0..expected.rows()).flat_map(|index| row(&expected, index)).collect();
        let mut blocks = Vec::new();
        expected.tensor_type().quantize(&given, &mut blocks).unwrap();
        assert_eq!(tensor.blocks(), blocks);
    }
}

#[test]
fn pypis_gguf_reads_what_is_written() {
    let Some(python) = from_environment("MINIGPT_PYTHON", "Python with gguf") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    write_rows(&path, &metadata()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/main/read_with_gguf.py");
    let output = Command::new(python).arg(script).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();

    let expected = json!({
        "general.architecture": ["STRING", "llama"],
        "uint8": ["UINT8", 1],
        "int8": ["INT8", -1],
        "uint16": ["UINT16", 2],
        "int16": ["INT16", -2],
        "uint32": ["UINT32", 3],
        "int32": ["INT32", -3],
        "float32": ["FLOAT32", 0.25],
        "bool": ["BOOL", true],
        "uint64": ["UINT64", u64::MAX],
        "int64": ["INT64", i64::MIN],
        "float64": ["FLOAT64", 0.125],
        "texts": ["ARRAY STRING", ["é", ""]],
        "numbers": ["ARRAY INT32", [-1, 7]],
    });
    assert_eq!(theirs["metadata"], expected);
    let file = Gguf::open(&path).unwrap();
    assert_eq!(theirs["tensors"].as_array().unwrap().len(), file.tensors().len());
    for (tensor, theirs) in file.tensors().zip(theirs["tensors"].as_array().unwrap()) {
        let info = tensor.info();
        assert_eq!(theirs["name"], info.name());
        assert_eq!(theirs["type"], info.tensor_type().to_string());
        assert_eq!(theirs["shape"], json!(info.shape()));
        let mut values = vec![0.0; info.values()];
        tensor.read(&mut values);
        assert_eq!(bits_of(&values), bits(&theirs["values"]), "{}", info.name());
    }
}

#[test]
fn what_cannot_be_written_leaves_the_old_file_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs_err::write(&path, "old").unwrap();
    let tensor = |name: &str| TensorInfo::new(name, &[32], TensorType::Q8_0).unwrap();
    let write_values = |metadata: &[(String, Value)], tensors: &[TensorInfo], values: &[f32]| {
        let error = write::<GgufError>(&path, metadata, tensors, |_, out| out.values(values));
        let error = error.unwrap_err().to_string();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
        error.split_once("model.gguf could not be written: ").unwrap().1.to_owned()
    };
    let zeros = [0.0; 32];
    let key = || ("key".to_owned(), Value::from(1_u8));
    assert_eq!(write_values(&[key(), key()], &[], &[]), "metadata key is there twice");
    let twice = [tensor("w"), tensor("w")];
    assert_eq!(write_values(&[], &twice, &zeros), "tensor w is there twice");
    let name = "n".repeat(64);
    assert_eq!(
        write_values(&[], &[tensor(&name)], &zeros),
        format!("the name of tensor {name} has 64 bytes; llama.cpp reads 63 at most")
    );
    assert_eq!(
        write_values(&[(ALIGNMENT_KEY.to_owned(), 24_u32.into())], &[], &[]),
        "metadata general.alignment is uint32 24; expected a power of two, as uint32"
    );
    let one = [tensor("w")];
    assert_eq!(write_values(&[], &one, &[]), "tensor w: was given 0 bytes; expected 34");
    assert_eq!(write_values(&[], &one, &[0.0; 64]), "tensor w: was given 68 bytes; expected 34");
    assert_eq!(
        write_values(&[], &one, &[0.0; 31]),
        "tensor w: was given 31 values; expected a multiple of 32, the block of Q8_0"
    );
    assert_eq!(
        write_values(&[], &one, &[f32::NAN; 32]),
        "tensor w: NaN is out of range for Q8_0; choose F32"
    );
}

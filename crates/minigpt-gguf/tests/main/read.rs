//! A file of PyPI's `gguf`, and files that are wrong.

use std::path::Path;

use minigpt_gguf::{Array, Gguf, GgufError, Value};

use crate::support::{bits, bits_of, fixture, json};

fn small() -> Vec<u8> {
    fs_err::read(fixture("small.gguf")).unwrap()
}

fn opened(bytes: Vec<u8>) -> Result<Gguf, GgufError> {
    Gguf::from_bytes(Path::new("x.gguf"), bytes)
}

#[track_caller]
fn error(bytes: Vec<u8>) -> String {
    opened(bytes).unwrap_err().to_string()
}

/// The file with the bytes behind the first `before` replaced.
fn with(before: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut file = small();
    let found = file.windows(before.len()).position(|window| window == before).unwrap();
    let at = found + before.len();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn all_kinds_of_metadata_are_read() {
    let file = Gguf::open(&fixture("small.gguf")).unwrap();
    let metadata = file.metadata();
    let text = "naïve 東京 🙂";
    let expected: [(&str, Value); 12] = [
        ("uint8", 200_u8.into()),
        ("int8", (-100_i8).into()),
        ("uint16", 60_000_u16.into()),
        ("int16", (-30_000_i16).into()),
        ("uint32", 4_000_000_000_u32.into()),
        ("int32", (-2_000_000_000_i32).into()),
        ("float32", 0.5_f32.into()),
        ("bool", true.into()),
        ("string", text.into()),
        ("uint64", (1_u64 << 63).into()),
        ("int64", i64::MIN.into()),
        ("float64", 1e-300_f64.into()),
    ];
    for (kind, value) in expected {
        assert_eq!(metadata.value(&format!("kind.{kind}")), Some(&value));
    }
    assert_eq!(metadata.get::<&str>("general.architecture").unwrap(), "llama");
    assert_eq!(metadata.get::<&[String]>("array.string").unwrap(), [text, text]);
    assert_eq!(metadata.get::<&[f32]>("array.float32").unwrap(), [0.5, 0.5]);
    assert_eq!(metadata.get::<Vec<i64>>("array.int8").unwrap(), [-100, -100]);
    assert_eq!(metadata.value("array.bool"), Some(&vec![true, false].into()));
    let nested = Array::Array(vec![Array::I32(vec![1, 2]), Array::I32(vec![3])]);
    assert_eq!(metadata.get::<&Array>("array.nested").unwrap(), &nested);
    assert_eq!(metadata.iter().count(), 26);
}

#[test]
fn metadata_of_another_kind_is_named_with_what_was_found() {
    let file = Gguf::open(&fixture("small.gguf")).unwrap();
    let metadata = file.metadata();
    assert_eq!(metadata.get::<usize>("kind.uint8").unwrap(), 200);
    assert_eq!(metadata.get::<i64>("kind.int64").unwrap(), i64::MIN);
    assert_eq!(metadata.find::<u32>("kind.none").unwrap(), None);
    let path = fixture("small.gguf").display().to_string();
    let line = |result: Result<usize, GgufError>| {
        result.unwrap_err().to_string().replace(&path, "small.gguf")
    };
    assert_eq!(
        line(metadata.get("kind.none")),
        "small.gguf: metadata kind.none is missing; expected an integer without sign"
    );
    assert_eq!(
        line(metadata.get("kind.int8")),
        "small.gguf: metadata kind.int8 is int8 -100; expected an integer without sign"
    );
    assert_eq!(
        line(metadata.get("kind.string")),
        "small.gguf: metadata kind.string is string \"naïve 東京 🙂\"; expected an integer without sign"
    );
    assert_eq!(
        line(metadata.get("array.uint16")),
        "small.gguf: metadata array.uint16 is array of 2 uint16; expected an integer without sign"
    );
    assert!(metadata.get::<u32>("kind.uint64").is_err());
    assert!(metadata.get::<Vec<i64>>("array.uint64").is_err());
}

#[test]
fn tensors_have_the_shapes_types_and_values_of_pypis_gguf() {
    let file = Gguf::open(&fixture("small.gguf")).unwrap();
    let reference = json("small.json");
    let reference = reference.as_object().unwrap();
    assert_eq!(file.tensors().len(), reference.len());
    for (name, expected) in reference {
        let tensor = file.tensor(name).unwrap();
        let info = tensor.info();
        assert_eq!(info.name(), name);
        assert_eq!(info.tensor_type().to_string(), expected["type"].as_str().unwrap());
        assert_eq!(serde_json::json!(info.shape()), expected["shape"]);
        let mut values = vec![f32::NAN; info.values()];
        tensor.read(&mut values);
        assert_eq!(bits_of(&values), bits(&expected["values"]));
        // Row by row, and two at once.
        let row_values = info.row_values();
        for row in 0..info.rows() {
            let mut one = vec![f32::NAN; row_values];
            tensor.read_rows(row..row + 1, &mut one);
            assert_eq!(one, values[row * row_values..][..row_values]);
        }
        if info.rows() > 1 {
            let mut two = vec![f32::NAN; 2 * row_values];
            tensor.read_rows(info.rows() - 2..info.rows(), &mut two);
            assert!(values.ends_with(&two));
        }
    }
    let error = file.tensor("blk.9.f32.weight").unwrap_err().to_string();
    assert!(
        error.ends_with("tensor blk.9.f32.weight is missing; the file has 6 tensors"),
        "{error}"
    );
}

#[test]
fn version_2_is_read_and_others_are_refused() {
    assert_eq!(opened(small()).unwrap().version(), 3);
    assert_eq!(opened(with(b"GGUF", &2_u32.to_le_bytes())).unwrap().version(), 2);
    let convert =
        "expected version 2 or 3, little-endian: convert the model again with a newer llama.cpp";
    let line = error(with(b"GGUF", &1_u32.to_le_bytes()));
    assert_eq!(line, format!("x.gguf is GGUF of version 1; {convert}"));
    let line = error(with(b"GGUF", &3_u32.to_be_bytes()));
    assert_eq!(line, format!("x.gguf is GGUF of big-endian byte order; {convert}"));
    let line = error(b"PK\x03\x04and so on".to_vec());
    assert_eq!(
        line,
        "x.gguf is not a GGUF file: it begins with the bytes \"PK\\x03\\x04\"; expected GGUF"
    );
    assert_eq!(
        error(vec![]),
        "x.gguf is not a GGUF file: it begins with the bytes \"\"; expected GGUF"
    );
}

#[test]
fn a_type_that_is_not_read_is_named_with_its_tensor() {
    let before =
        [b"blk.0.f32.weight".as_slice(), &1_u32.to_le_bytes(), &3_u64.to_le_bytes()].concat();
    let line = error(with(&before, &23_u32.to_le_bytes()));
    assert_eq!(
        line,
        "x.gguf: tensor blk.0.f32.weight has the type IQ4_XS; expected one of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K"
    );
    let line = error(with(&before, &99_u32.to_le_bytes()));
    assert!(line.contains("has the type number 99; expected"), "{line}");
}

#[test]
fn damage_is_placed() {
    let f32_tensor = |rest: &[&[u8]]| {
        let head = [b"blk.0.f32.weight".as_slice(), &1_u32.to_le_bytes()].concat();
        with(&head, &rest.concat())
    };
    let size = |size: u64, offset: u64| {
        f32_tensor(&[&size.to_le_bytes(), &0_u32.to_le_bytes(), &offset.to_le_bytes()])
    };
    let length = small().len();
    for (file, expected) in [
        (
            with(b"GGUF\x03\0\0\0", &u64::MAX.to_le_bytes()),
            "byte 8 it claims 18446744073709551615 tensors; it has room for",
        ),
        (
            with(b"kind.string", &[99]),
            "metadata kind.string: it has a value of kind 99; the format knows 0 to 12",
        ),
        (with(b"kind.bool\x07\0\0\0", &[7]), "metadata kind.bool: the bool at byte"),
        (
            with(b"array.int32\x09\0\0\0\x05\0\0\0", &(1_u64 << 40).to_le_bytes()),
            "it claims 1099511627776 values of an array; it has room for",
        ),
        (with(b"array.int32", &8_u32.to_le_bytes()), "more"),
        (with(b"kind.string\x08\0\0\0\x12\0\0\0\0\0\0\0na", b"\xff\xff"), ", \"na\", is not UTF-8"),
        (with(b"kind.float", b"64"), "metadata kind.float64 is there twice"),
        (
            size(3, 1),
            "tensor blk.0.f32.weight begins 1 bytes after the header; expected a multiple of 32",
        ),
        (
            size(3, u64::MAX - 31),
            "tensor blk.0.f32.weight takes 12 bytes from 18446744073709551584 after the header",
        ),
        (size(1 << 40, 0), &format!("the file has {length}")),
        (small()[..length - 32].to_vec(), &format!("the file has {}", length - 32)),
    ] {
        let line = error(file);
        assert!(line.contains(expected), "{line}\nexpected {expected}");
        assert!(line.starts_with("x.gguf is damaged: "), "{line}");
        assert!(line.ends_with("; get the file again") && !line.contains('\n'), "{line}");
    }
    let line = error(size(u64::MAX, 0));
    assert!(line.ends_with("which is more than memory can hold"), "{line}");
    let head = b"blk.0.f32.weight".as_slice();
    let line = error(with(head, &u32::MAX.to_le_bytes()));
    assert!(line.ends_with("has 4294967295 dimensions; expected at most 4"), "{line}");
}

#[test]
fn a_file_that_is_missing_is_said_to_be() {
    let error = Gguf::open(Path::new("nowhere/x.gguf")).unwrap_err().to_string();
    let expected =
        "nowhere/x.gguf does not exist: expected a GGUF file; check the name and the folder";
    assert_eq!(error, expected);
}

#[test]
fn a_name_with_control_characters_is_shown_escaped() {
    let mut file = small();
    let name = file.windows(16).position(|window| window == b"blk.0.f32.weight").unwrap();
    file[name..][..9].copy_from_slice(b"\x1b[2Jf\nf32");
    file[name + 16..][..4].copy_from_slice(&5_u32.to_le_bytes());
    let line = error(file);
    assert_eq!(
        line,
        "x.gguf: tensor \\u{1b}[2Jf\\nf32.weight has 5 dimensions; expected at most 4"
    );
}

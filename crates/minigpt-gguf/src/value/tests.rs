use super::*;

/// An array in arrays.
fn nested(depth: usize) -> Array {
    (1..depth).fold(Array::I64(vec![]), |array, _| Array::Array(vec![array, Array::Bool(vec![])]))
}

fn read_again(value: &Value) -> Result<Value, String> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    let mut cursor = Cursor::new(&bytes);
    let read = Value::read(&mut cursor)?;
    assert_eq!(cursor.position(), bytes.len());
    Ok(read)
}

#[test]
fn arrays_of_arrays_are_read_to_a_depth() {
    for depth in 1..=MAX_DEPTH {
        let value = Value::Array(nested(depth));
        assert_eq!(read_again(&value), Ok(value));
    }
    let error = read_again(&Value::Array(nested(MAX_DEPTH + 1))).unwrap_err();
    assert_eq!(error, "it has arrays in arrays, more than 4 deep");
}

#[test]
fn a_value_is_shown_in_a_short_line() {
    assert_eq!(Value::from(-7_i64).to_string(), "int64 -7");
    assert_eq!(Value::from("a\nb").to_string(), "string \"a\\nb\"");
    assert!(Value::from("long".repeat(1000).as_str()).to_string().len() < 300);
    assert_eq!(Value::from(vec![1_u8; 3]).to_string(), "array of 3 uint8");
    assert_eq!(Value::Array(nested(2)).to_string(), "array of 2 array");
}

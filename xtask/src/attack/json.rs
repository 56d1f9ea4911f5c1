//! Mistakes in JSON that leave it JSON.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Stands for what a value cannot hold until it is written.
const RAW: &str = "<raw>";

/// What readers of JSON have different opinions of.
const RAW_VALUES: [&str; 6] = ["NaN", "1e999", "-0", "99999999999999999999", "\"\\ud800\"", "1.0"];

/// A copy with one or two mistakes; nothing where the bytes are no JSON.
pub(crate) fn mutated(json: &[u8], random: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    for _ in 0..random.random_range(1..=2) {
        mutate(&mut value, random);
    }
    let raw = RAW_VALUES[random.random_range(0..RAW_VALUES.len())];
    let text = value.to_string().replace(&format!("\"{RAW}\""), raw);
    Some(text.into_bytes())
}

/// Makes a mistake somewhere in a value, at every depth alike.
fn mutate(value: &mut Value, random: &mut ChaCha8Rng) {
    let length = length(value);
    if length == 0 || random.random_range(0..5) == 0 {
        *value = another(value, random);
        return;
    }
    let chosen = random.random_range(0..length);
    match (&mut *value, random.random_range(0..12)) {
        (Value::Object(fields), 0) => {
            let name = fields.keys().nth(chosen).cloned().unwrap_or_default();
            fields.remove(&name);
        }
        (Value::Object(fields), 1) => {
            let name = fields.keys().nth(chosen).cloned().unwrap_or_default();
            let renamed = [format!("{name}2"), String::new(), "\u{1b}[2J".to_owned()];
            let value = fields.remove(&name).unwrap_or_default();
            fields.insert(renamed[random.random_range(0..3)].clone(), value);
        }
        (Value::Object(fields), 2) => {
            let values: Vec<Value> = fields.values().cloned().collect();
            if let Some(value) = fields.values_mut().nth(chosen) {
                *value = values[random.random_range(0..length)].clone();
            }
        }
        (Value::Array(items), 0) => drop(items.remove(chosen)),
        (Value::Array(items), 1) => {
            let times = 1 << random.random_range(0..8);
            let repeated = vec![items[chosen].clone(); times];
            items.splice(chosen..chosen, repeated);
        }
        (Value::Array(items), 2) => items.swap(0, chosen),
        (Value::Object(fields), _) => {
            if let Some(value) = fields.values_mut().nth(chosen) {
                mutate(value, random);
            }
        }
        (Value::Array(items), _) => mutate(&mut items[chosen], random),
        _ => {}
    }
}

/// How many values are in a value.
fn length(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    }
}

/// What may stand in a value's place: mostly of its own kind.
fn another(value: &Value, random: &mut ChaCha8Rng) -> Value {
    let numbers = [
        json!(0),
        json!(-1),
        json!(1),
        json!(0.5),
        json!(1e308),
        json!(-1e308),
        json!(1e-320),
        json!(i32::MAX),
        json!(u32::MAX),
        json!(1_u64 << 53),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
    ];
    let texts = [
        json!(""),
        json!(" "),
        json!("text"),
        json!("x".repeat(5_000)),
        json!("\u{1b}[2J\u{7}\n"),
        json!("\0"),
        json!("/dev/zero"),
        json!("../../etc/passwd"),
        json!("(a*)*b("),
        json!("é🎭"),
    ];
    let others = [
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!([value]),
        json!({"": value}),
        nested(100),
        nested(200),
        json!(RAW),
        json!(RAW),
    ];
    let numbers_of: &[Value] = match value {
        Value::Number(_) => &numbers,
        Value::String(_) => &texts,
        Value::Bool(is_so) if random.random() => return json!(!is_so),
        _ => &others,
    };
    let choices = match random.random_range(0..4) {
        0 => [&numbers[..], &texts, &others][random.random_range(0..3)],
        _ => numbers_of,
    };
    choices[random.random_range(0..choices.len())].clone()
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

#[cfg(test)]
mod tests;

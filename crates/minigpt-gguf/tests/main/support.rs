//! Fixtures, and what their values are written in.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

/// CI sets this, so that a missing Python there is a failure and not a skipped test.
const REQUIRE: &str = "MINIGPT_REQUIRE_PYTHON";

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn json(name: &str) -> Value {
    serde_json::from_slice(&fs_err::read(fixture(name)).unwrap()).unwrap()
}

/// The bytes of a text in hexadecimal.
pub(crate) fn bytes(hexadecimal: &Value) -> Vec<u8> {
    let (pairs, _) = hexadecimal.as_str().unwrap().as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect()
}

/// 32-bit floats in hexadecimal, as their bits: equal ones are equal to the bit, zeros with their sign.
pub(crate) fn bits(hexadecimal: &Value) -> Vec<u32> {
    let bytes = bytes(hexadecimal);
    bytes.as_chunks().0.iter().map(|value| u32::from_le_bytes(*value)).collect()
}

pub(crate) fn bits_of(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What a variable names, unless the test is to be skipped.
pub(crate) fn from_environment(variable: &str, what: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    assert!(
        found.is_some() || std::env::var_os(REQUIRE).is_none(),
        "{REQUIRE} is set, and {variable} is not"
    );
    if found.is_none() {
        // Not by `eprintln!`, which is kept back where a test passes.
        #[allow(clippy::disallowed_methods, reason = "there is no output.rs here")]
        let mut errors = std::io::stderr().lock();
        let _ = writeln!(errors, "SKIPPED: {variable} names no {what}; .ci/run gets one");
    }
    found
}

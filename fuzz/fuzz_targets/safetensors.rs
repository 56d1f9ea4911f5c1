#![no_main]

#[path = "../readers/safetensors.rs"]
mod safetensors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    safetensors::safetensors(bytes);
});

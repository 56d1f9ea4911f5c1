#![no_main]

#[path = "../readers/safetensors.rs"]
mod safetensors;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    safetensors::safetensors(bytes);
});

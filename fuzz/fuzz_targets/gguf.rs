#![no_main]

#[path = "../readers/gguf.rs"]
mod gguf;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gguf::gguf(bytes);
});

#![no_main]

#[path = "../readers/gguf.rs"]
mod gguf;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    gguf::gguf(bytes);
});

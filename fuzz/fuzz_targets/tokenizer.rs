#![no_main]

#[path = "../readers/tokenizer.rs"]
mod tokenizer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tokenizer::tokenizer(bytes);
});

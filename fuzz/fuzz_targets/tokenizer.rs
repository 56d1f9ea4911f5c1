#![no_main]

#[path = "../readers/tokenizer.rs"]
mod tokenizer;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    tokenizer::tokenizer(bytes);
});

#![no_main]

#[path = "../readers/vocabulary.rs"]
mod vocabulary;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    vocabulary::vocabulary(bytes);
});

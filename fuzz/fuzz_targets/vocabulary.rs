#![no_main]

#[path = "../readers/vocabulary.rs"]
mod vocabulary;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    vocabulary::vocabulary(bytes);
});

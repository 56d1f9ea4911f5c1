#![no_main]

#[path = "../readers/index.rs"]
mod index;

libfuzzer_sys::fuzz_target!(init: minigpt_fuzz::let_caught_panics_pass(), |bytes: &[u8]| {
    index::index(bytes);
});
